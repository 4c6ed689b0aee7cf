//! `report restatements`: what became of published figures.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::StoreError;

/// A published figure that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct RestatementRow {
    /// When it was noticed.
    pub restated_at: DateTime<Utc>,
    /// The published local day.
    pub day: NaiveDate,
    /// `all`, `operator`, `channel`, `transport`, `hour` or `tag`.
    pub dimension: String,
    /// Which one.
    pub key: String,
    /// The figure, for instance `first_response.mean`.
    pub metric: String,
    /// What it was; none where there was nothing.
    pub old: Option<f64>,
    /// What it is.
    pub new: Option<f64>,
    /// By how much; none where one of them is none.
    pub change: Option<f64>,
    /// `late_delivery`, `continued` (it went on after the day was published), `refetch`, `configuration`, `rebuild`,
    /// `metric_version`, `erased`, `unknown`.
    pub cause: String,
    /// What changed, in words.
    pub detail: Option<String>,
    /// The delivery that caused it: `trace` shows it.
    pub delivery_id: Option<Uuid>,
    /// How many deliveries touched what it counts since the look before.
    pub deliveries: i32,
    /// Of the new value.
    pub metric_version: i16,
}

/// Restatements of published days from `from` to `to` (open where absent), in the order in which they were noticed.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn restatements(
    executor: impl PgExecutor<'_>,
    account: &str,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<RestatementRow>, StoreError> {
    Ok(sqlx::query_as(
        "select restated_at, day, dimension, key, metric, old_value as old, new_value as new, \
                new_value - old_value as change, cause, detail, delivery_id, deliveries, metric_version \
         from ledger.restatements \
         where account_id = $1 and ($2::date is null or day >= $2::date) and ($3::date is null or day <= $3::date) \
         order by restated_at, day, cause, delivery_id, dimension <> 'all', dimension, key, restatement_id",
    )
    .bind(account)
    .bind(from)
    .bind(to)
    .fetch_all(executor)
    .await?)
}

/// How many local days of an account were published, and the last one.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn published(
    executor: impl PgExecutor<'_>,
    account: &str,
) -> Result<(i64, Option<NaiveDate>), StoreError> {
    Ok(sqlx::query_as("select count(*), max(day) from ledger.published_days where account_id = $1")
        .bind(account)
        .fetch_one(executor)
        .await?)
}
