//! `[database]`: whose Postgres. Without it, a private one under `data_dir`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::judge::Judge;
use super::secret::Secret;

/// `[database]` as written.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DatabaseSection {
    /// Names the variable with the address `postgres://user:password@host/database`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// Names the file with that address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Most connections of this process. Default 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

/// Most connections of one process.
pub(crate) const CONNECTIONS: u32 = 16;

impl DatabaseSection {
    /// The database's address, or notes of what is wrong.
    pub(crate) fn judge(&self, judge: &mut Judge<'_>) -> Option<Secret> {
        if self.connections.is_some_and(|connections| !(6..=1000).contains(&connections)) {
            judge.note("connections", "must be from 6 to 1000");
        }
        if self.url_env.is_none() && self.url_file.is_none() {
            judge.note(
                "",
                "names no database; add url_env = \"DATABASE_URL\", or remove the section for a private one",
            );
            return None;
        }
        let url = judge.secret("url", self.url_env.as_deref(), self.url_file.as_ref())?;
        let is_postgres =
            ["postgres://", "postgresql://"].iter().any(|scheme| url.reveal().starts_with(scheme));
        if !is_postgres {
            let key = if self.url_env.is_some() { "url_env" } else { "url_file" };
            judge.note(key, "the secret must be an address like postgres://user:password@host:5432/database");
        }
        Some(url)
    }
}
