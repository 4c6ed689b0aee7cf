//! Which conversations requests and dialogs are linked to.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;

use crate::StoreError;

/// The conversations that identities (`request:<id>`, `dialog:<id>`) are linked to, by account and identity.
#[derive(Debug, Default)]
pub(crate) struct Links(HashMap<(String, String), BTreeSet<String>>);

/// What a fact may name by which it is found.
pub(crate) fn identity(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

impl Links {
    /// Reads those of the identities.
    pub(crate) async fn read(
        connection: &mut PgConnection,
        identities: &BTreeSet<(&str, String)>,
    ) -> Result<Self, StoreError> {
        let mut links = Self::default();
        if identities.is_empty() {
            return Ok(links);
        }
        let found: Vec<(String, String, String)> = sqlx::query_as(
            "select l.account_id, l.identity, l.conversation \
             from unnest($1::text[], $2::text[]) as s(account_id, identity) \
             cross join lateral (select * from links l where l.account_id = s.account_id and l.identity = s.identity offset 0) l",
        )
        .bind(identities.iter().map(|(account, _)| *account).collect::<Vec<_>>())
        .bind(identities.iter().map(|(_, identity)| identity.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        for (account, identity, conversation) in found {
            links.add(account, identity, conversation);
        }
        Ok(links)
    }

    pub(crate) fn add(&mut self, account: String, identity: String, conversation: String) {
        self.0.entry((account, identity)).or_default().insert(conversation);
    }

    /// All of one identity.
    pub(crate) fn of(&self, account: &str, identity: String) -> Option<&BTreeSet<String>> {
        self.0.get(&(account.to_owned(), identity))
    }

    /// Where a fact belongs that names a request or a dialog: the request says it before the dialog does, and of several
    /// conversations for one identity the smallest counts.
    pub(crate) fn place(&self, account: &str, request: Option<&str>, dialog: Option<&str>) -> Option<&str> {
        let first =
            |kind, id: Option<&str>| self.of(account, identity(kind, id?))?.first().map(String::as_str);
        first("request", request).or_else(|| first("dialog", dialog))
    }
}
