//! `ledger.cursors`: how far an account's past was read.
//!
//! The functions run on any executor and open no transaction of their own.

use chrono::{DateTime, Utc};
use events::AccountId;
use serde_json::Value;
use sqlx::{PgExecutor, Row};

use crate::StoreError;

/// A cursor: the state that its walk wrote last.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The walk.
    pub walk: String,
    /// What the walk needs to go on; only the walk reads it.
    pub state: Value,
    /// When it was written.
    pub updated_at: DateTime<Utc>,
}

/// All cursors of an account, by walk.
pub async fn cursors(executor: impl PgExecutor<'_>, account: &AccountId) -> Result<Vec<Cursor>, StoreError> {
    sqlx::query("select walk, state, updated_at from ledger.cursors where account_id = $1 order by walk")
        .bind(account.as_str())
        .try_map(|row: sqlx::postgres::PgRow| {
            Ok(Cursor { walk: row.try_get(0)?, state: row.try_get(1)?, updated_at: row.try_get(2)? })
        })
        .fetch_all(executor)
        .await
        .map_err(StoreError::from)
}

/// Writes a cursor. Only after the page that it covers is durable in the log.
pub async fn save_cursor(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    walk: &str,
    state: &Value,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.cursors (account_id, walk, state, updated_at) values ($1, $2, $3, $4)
         on conflict (account_id, walk) do update set state = excluded.state, updated_at = excluded.updated_at",
    )
    .bind(account.as_str())
    .bind(walk)
    .bind(state)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// Deletes the cursors of these walks: a range that was read to its end.
pub async fn delete_cursors(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    walks: &[String],
) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from ledger.cursors where account_id = $1 and walk = any($2)")
        .bind(account.as_str())
        .bind(walks)
        .execute(executor)
        .await?;
    Ok(done.rows_affected())
}
