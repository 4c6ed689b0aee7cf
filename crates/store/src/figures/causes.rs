//! Which deliveries may have changed the figures of a day.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Published;
use crate::StoreError;

/// A delivery that touched requests of a frozen day since its figures were computed: for each day and set of keys that
/// they count under, the last such delivery.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Candidate {
    /// The account.
    pub account_id: String,
    /// The frozen day.
    pub day: NaiveDate,
    /// Operators that such a request counts under.
    pub operators: Vec<String>,
    /// Its channel, or `''`.
    pub channel: String,
    /// Its transport, or `''`.
    pub transport: String,
    /// Its hour.
    pub hour: i16,
    /// Tags that were ever put on it.
    pub tags: Vec<String>,
    /// The last delivery that told something new of such requests.
    pub delivery_id: Uuid,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// When what it tells was observed: the event's own time.
    pub observed_at: DateTime<Utc>,
    /// Rank of its road; 2 is the backfill.
    pub rank: i16,
    /// How many deliveries there were.
    pub deliveries: i64,
}

/// A delivery that was received a moment before the last look may have been folded after it.
const MARGIN: chrono::Duration = chrono::Duration::minutes(10);

/// The candidates for these days, the last delivery first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn candidates(
    executor: impl PgExecutor<'_>,
    days: &[Published],
) -> Result<Vec<Candidate>, StoreError> {
    Ok(sqlx::query_as(include_str!("causes.sql"))
        .bind(days.iter().map(|day| day.account.as_str()).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.day).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.looked_at - MARGIN).collect::<Vec<_>>())
        .fetch_all(executor)
        .await?)
}
