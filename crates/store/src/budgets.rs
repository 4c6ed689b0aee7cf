//! `ledger.budgets`: the monthly quota of each account, as the platform tells it and as we use it.
//!
//! A month is its first local day in the account's zone. The functions run on any executor and open no transaction.

use chrono::{DateTime, NaiveDate, Utc};
use events::AccountId;
use sqlx::{PgExecutor, Row};

use crate::StoreError;

/// A row of `ledger.budgets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// First day of the month.
    pub month: NaiveDate,
    /// Calls that we made.
    pub used: i64,
    /// Calls a month that the platform grants; `None`: no limit, or not known.
    pub call_limit: Option<i64>,
    /// The platform's word for the access level.
    pub api_mode: Option<String>,
    /// Calls left, by the platform's last word less our calls since; `None`: no limit, or not known. Never below 0.
    pub calls_left: Option<i64>,
    /// When it was written.
    pub updated_at: DateTime<Utc>,
}

/// What the platform said about the quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Calls a month.
    pub call_limit: Option<i64>,
    /// Its word for the access level.
    pub api_mode: Option<String>,
    /// Calls left.
    pub calls_left: Option<i64>,
}

/// Counts `calls` that were made: adds to `used`, takes from `calls_left` (null, no limit, stays null).
pub async fn spend(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    month: NaiveDate,
    calls: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.budgets as budget (account_id, month, used, updated_at) values ($1, $2, $3, $4)
         on conflict (account_id, month) do update
         set used = budget.used + excluded.used,
             calls_left = case when budget.calls_left is not null
                               then greatest(budget.calls_left - excluded.used, 0) end,
             updated_at = excluded.updated_at",
    )
    .bind(account.as_str())
    .bind(month)
    .bind(calls)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// Writes what the platform said; our own count stays.
pub async fn tell(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    month: NaiveDate,
    quota: &Quota,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.budgets (account_id, month, call_limit, api_mode, calls_left, updated_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (account_id, month) do update
         set call_limit = excluded.call_limit, api_mode = excluded.api_mode, calls_left = excluded.calls_left,
             updated_at = excluded.updated_at",
    )
    .bind(account.as_str())
    .bind(month)
    .bind(quota.call_limit)
    .bind(&quota.api_mode)
    .bind(quota.calls_left)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// The budgets of these accounts for one month, by account; accounts without a row are left out.
pub async fn budgets(
    executor: impl PgExecutor<'_>,
    accounts: &[AccountId],
    month: NaiveDate,
) -> Result<Vec<(AccountId, Budget)>, StoreError> {
    let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    sqlx::query(
        "select account_id, month, used, call_limit, api_mode, calls_left, updated_at
         from ledger.budgets where account_id = any($1) and month = $2 order by account_id",
    )
    .bind(ids)
    .bind(month)
    .try_map(|row: sqlx::postgres::PgRow| {
        let account: String = row.try_get(0)?;
        let account = account.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok((
            account,
            Budget {
                month: row.try_get(1)?,
                used: row.try_get(2)?,
                call_limit: row.try_get(3)?,
                api_mode: row.try_get(4)?,
                calls_left: row.try_get(5)?,
                updated_at: row.try_get(6)?,
            },
        ))
    })
    .fetch_all(executor)
    .await
    .map_err(StoreError::from)
}
