//! `ledger.accounts` and `ledger.cursors`: what is connected, and how far its past was read.
//!
//! The functions run on any executor and open no transaction of their own.

use chrono::{DateTime, Utc};
use events::{AccountId, Platform};
use serde_json::Value;
use sqlx::{PgExecutor, Row};

use crate::StoreError;

/// A row of `ledger.accounts`.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// Its platform.
    pub platform: Platform,
    /// What was applied last, without secrets.
    pub configuration: Value,
    /// Whether its checks passed and it was switched on.
    pub active: bool,
    /// The platform's ids of our registrations.
    pub webhook_ids: Vec<String>,
}

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

/// Saves these accounts: new ones inactive, known ones with the new configuration and otherwise as they are.
pub async fn save_accounts(
    executor: impl PgExecutor<'_>,
    accounts: &[(AccountId, Platform, Value)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = accounts.iter().map(|(id, ..)| id.as_str()).collect();
    let platforms: Vec<&str> = accounts.iter().map(|(_, platform, _)| platform.as_str()).collect();
    let configurations: Vec<&Value> = accounts.iter().map(|(.., configuration)| configuration).collect();
    sqlx::query(
        "insert into ledger.accounts (account_id, platform, configuration, updated_at)
         select id, platform, configuration, $4
         from unnest($1::text[], $2::text[], $3::jsonb[]) as given (id, platform, configuration)
         on conflict (account_id) do update
         set platform = excluded.platform, configuration = excluded.configuration, updated_at = excluded.updated_at",
    )
    .bind(ids)
    .bind(platforms)
    .bind(configurations)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// Switches an account on or off, with the registrations that it has now. `false` when it was never saved.
pub async fn set_active(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    active: bool,
    webhook_ids: &[String],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update ledger.accounts set active = $2, webhook_ids = $3, updated_at = $4 where account_id = $1",
    )
    .bind(account.as_str())
    .bind(active)
    .bind(webhook_ids)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All accounts, by id.
pub async fn accounts(executor: impl PgExecutor<'_>) -> Result<Vec<Account>, StoreError> {
    sqlx::query(
        "select account_id, platform, configuration, active, webhook_ids from ledger.accounts order by account_id",
    )
    .try_map(|row: sqlx::postgres::PgRow| {
        let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
        Ok(Account {
            account_id: row.try_get::<String, _>(0)?.parse().map_err(|e| unreadable(Box::new(e)))?,
            platform: row.try_get::<String, _>(1)?.parse().map_err(|e| unreadable(Box::new(e)))?,
            configuration: row.try_get(2)?,
            active: row.try_get(3)?,
            webhook_ids: row.try_get(4)?,
        })
    })
    .fetch_all(executor)
    .await
    .map_err(StoreError::from)
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
