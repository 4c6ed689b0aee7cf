//! `[server]`: where the program listens and who may look.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::judge::Judge;
use super::secret::Secret;

/// `[server]` as written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    /// Address and port. Default `127.0.0.1:8080`; port 0 takes a free one.
    pub listen: String,
    /// The address under which the platforms reach us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Names the variable with the token for everything but hooks and health (`Authorization: Bearer …`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// Names the file with that token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Names the variable with `user:password` for the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth_env: Option<String>,
    /// Names the file with `user:password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth_file: Option<PathBuf>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: None,
            token_env: None,
            token_file: None,
            basic_auth_env: None,
            basic_auth_file: None,
        }
    }
}

/// The server's settings.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the platforms reach it.
    pub public_url: Option<Url>,
    /// Opens everything but hooks and health.
    pub token: Option<Secret>,
    /// `user:password` that opens the same.
    pub basic_auth: Option<Secret>,
}

impl ServerSection {
    /// The settings, or notes of what is wrong.
    pub(crate) fn judge(&self, judge: &mut Judge<'_>) -> Option<Server> {
        let public_url = judge.url("public_url", self.public_url.as_deref());
        let token = judge.secret("token", self.token_env.as_deref(), self.token_file.as_ref());
        let basic_auth =
            judge.secret("basic_auth", self.basic_auth_env.as_deref(), self.basic_auth_file.as_ref());
        if basic_auth.as_ref().is_some_and(|secret| !secret.reveal().contains(':')) {
            judge.note("basic_auth_env", "the secret must be user:password");
        }
        let address = self.listen.replace("localhost", "127.0.0.1").parse::<SocketAddr>();
        let listen = judge.value(
            "listen",
            address.map_err(|_| "must be an address and a port: \"127.0.0.1:8080\"".to_owned()),
        )?;
        let names_access = [&self.token_env, &self.basic_auth_env].iter().any(|name| name.is_some())
            || self.token_file.is_some()
            || self.basic_auth_file.is_some();
        if !names_access && (!listen.ip().is_loopback() || self.public_url.is_some()) {
            let why = if self.public_url.is_some() { "public_url" } else { "listen" };
            judge.note(
                why,
                "opens the program to others; add token_env or basic_auth_env for what they must not see",
            );
        }
        Some(Server { listen, public_url, token, basic_auth })
    }
}
