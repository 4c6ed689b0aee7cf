//! `ledger.crm_runs` and `ledger.crm_setups`: which nightly runs a CRM had, and what it was found to be.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::StoreError;

/// A run of a schedule.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Run {
    /// The instant of the schedule.
    pub due_at: DateTime<Utc>,
    /// When it was done; `None`: it was begun.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it did.
    pub outcome: Option<Value>,
}

/// The latest run of a CRM; `None` when its schedule was never watched.
pub async fn last(executor: impl PgExecutor<'_>, crm: &str) -> Result<Option<Run>, StoreError> {
    Ok(sqlx::query_as(
        "select due_at, finished_at, outcome from ledger.crm_runs where crm = $1 order by due_at desc limit 1",
    )
    .bind(crm)
    .fetch_optional(executor)
    .await?)
}

/// Begins a run; `false` when it is there already.
pub async fn begin(
    executor: impl PgExecutor<'_>,
    crm: &str,
    due_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("insert into ledger.crm_runs (crm, due_at) values ($1, $2) on conflict do nothing")
            .bind(crm)
            .bind(due_at)
            .execute(executor)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a run.
pub async fn finish(
    executor: impl PgExecutor<'_>,
    crm: &str,
    due_at: DateTime<Utc>,
    outcome: &Value,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update ledger.crm_runs set finished_at = $4, outcome = $3 where crm = $1 and due_at = $2")
        .bind(crm)
        .bind(due_at)
        .bind(outcome)
        .bind(now)
        .execute(executor)
        .await?;
    Ok(())
}

/// A setup that was found good.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Setup {
    /// The CRM's own id of the company account, where it has one.
    pub identity: Option<String>,
    /// Of what was checked.
    pub fingerprint: i64,
}

/// The setup of a CRM that was found good last.
pub async fn setup(executor: impl PgExecutor<'_>, crm: &str) -> Result<Option<Setup>, StoreError> {
    Ok(sqlx::query_as("select identity, fingerprint from ledger.crm_setups where crm = $1")
        .bind(crm)
        .fetch_optional(executor)
        .await?)
}

/// Remembers a good setup.
pub async fn save_setup(
    executor: impl PgExecutor<'_>,
    crm: &str,
    setup: &Setup,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.crm_setups (crm, identity, fingerprint, checked_at) values ($1, $2, $3, $4) \
         on conflict (crm) do update set identity = excluded.identity, fingerprint = excluded.fingerprint, \
             checked_at = excluded.checked_at",
    )
    .bind(crm)
    .bind(setup.identity.as_deref())
    .bind(setup.fingerprint)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}
