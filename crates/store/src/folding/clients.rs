//! Rows of clients: `clients` and `leads`, folded under a client's mark from what other folds wrote.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::StoreError;

/// What those of the clients did who have messages.
pub async fn activities(
    connection: &mut PgConnection,
    clients: &[(String, String)],
) -> Result<Vec<Activity>, StoreError> {
    let (accounts, ids): (Vec<&str>, Vec<&str>) =
        clients.iter().map(|(account, client)| (account.as_str(), client.as_str())).unzip();
    Ok(sqlx::query_as(include_str!("../folding_activities.sql"))
        .bind(accounts)
        .bind(ids)
        .fetch_all(connection)
        .await?)
}

/// What the folded rows say of a client who has messages.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct Activity {
    /// The account.
    pub account_id: String,
    /// The client.
    pub client_id: String,
    /// The first message from the client; `None` when only the company wrote.
    pub first: Option<DateTime<Utc>>,
    /// The last one.
    pub last: Option<DateTime<Utc>>,
    /// The messengers, sorted.
    pub transports: Vec<String>,
    /// Who answered the last request last, else who holds it.
    pub operator_id: Option<String>,
    /// Deep link to its dialog.
    pub dialog_url: Option<String>,
    /// The last score that was not taken back.
    pub score: Option<f64>,
    /// The best possible one.
    pub scale: Option<f64>,
    /// When it was given.
    pub scored_at: Option<DateTime<Utc>>,
}

impl Activity {
    /// From when to when the client wrote.
    pub fn span(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        self.first.zip(self.last)
    }
}

/// Deletes the leads of clients who are none (any more).
pub async fn delete_leads(
    connection: &mut PgConnection,
    clients: &[(String, String)],
) -> Result<(), StoreError> {
    delete(
        connection,
        "delete from leads t using unnest($1::text[], $2::text[]) as d(account_id, client_id) \
         where t.account_id = d.account_id and t.client_id = d.client_id",
        clients,
    )
    .await
}

/// Deletes the rows of clients of whom nothing is told any more: their only message turned out to be another's.
pub async fn delete_clients(
    connection: &mut PgConnection,
    clients: &[(String, String)],
) -> Result<(), StoreError> {
    delete(
        connection,
        "delete from clients t using unnest($1::text[], $2::text[]) as d(account_id, client_id) \
         where t.account_id = d.account_id and t.client_id = d.client_id",
        clients,
    )
    .await
}

async fn delete(
    connection: &mut PgConnection,
    statement: &'static str,
    clients: &[(String, String)],
) -> Result<(), StoreError> {
    if clients.is_empty() {
        return Ok(());
    }
    let (accounts, ids): (Vec<&str>, Vec<&str>) =
        clients.iter().map(|(account, client)| (account.as_str(), client.as_str())).unzip();
    sqlx::query(statement).bind(accounts).bind(ids).execute(connection).await?;
    Ok(())
}
