//! `chat.completeness` and what it is judged from; `ledger.refetches`: which days were fetched again.

use chrono::{DateTime, NaiveDate, Utc};
use events::{AccountId, Road};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor};

use crate::StoreError;

/// What the platform counts of a local day, and what is stored of it. `None`: it was never asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct DayEvidence {
    /// The local day.
    pub day: NaiveDate,
    /// Messages that the platform counts.
    pub messages_counted: Option<i64>,
    /// When it counted them.
    pub messages_at: Option<DateTime<Utc>>,
    /// Messages stored whose time lies in the day.
    pub messages_stored: i64,
    /// Messages stored of the days around, within seconds of midnight.
    pub messages_near: i64,
    /// Messages of the day whose own time is not known.
    pub messages_undated: i64,
    /// Messages stored that no page of the list brought. Says something only of days that the list was read of.
    pub messages_unlisted: i64,
    /// Rows of the requests report.
    pub requests_counted: Option<i64>,
    /// When it was fetched.
    pub requests_at: Option<DateTime<Utc>>,
    /// Rows of it that its pages brought.
    pub requests_fetched: i64,
    /// Of them rows that the log did not take.
    pub requests_left_out: i64,
    /// Of them rows that could not be decoded.
    pub requests_rejected: i64,
    /// Requests that the report lists on the day.
    pub requests_listed: i64,
    /// Of them those that it listed when it was fetched last.
    pub requests_listed_now: i64,
    /// Those of them that have a row.
    pub requests_stored: i64,
    /// Rows of the rating report.
    pub ratings_counted: Option<i64>,
    /// When it was fetched.
    pub ratings_at: Option<DateTime<Utc>>,
    /// Rows of it that its pages brought.
    pub ratings_fetched: i64,
    /// Of them rows that the log did not take.
    pub ratings_left_out: i64,
    /// Of them rows that could not be decoded.
    pub ratings_rejected: i64,
    /// Ratings that the report lists on the day.
    pub ratings_listed: i64,
    /// Of them those that it listed when it was fetched last.
    pub ratings_listed_now: i64,
    /// Those of them that have a row, or no score.
    pub ratings_stored: i64,
}

/// The evidence for each of these local days, in order. Reads what lies between them: not for more than some weeks at once.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn evidence(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    zone: &str,
    days: &[NaiveDate],
) -> Result<Vec<DayEvidence>, StoreError> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(include_str!("evidence.sql"))
        .bind(account.as_str())
        .bind(zone)
        .bind(days)
        .bind(Road::Backfill.rank())
        .fetch_all(executor)
        .await?)
}

/// The local days whose messages were counted, each with when it was last.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn messages_counted(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
) -> Result<Vec<(NaiveDate, DateTime<Utc>)>, StoreError> {
    Ok(sqlx::query_as(
        "select (registers::jsonb ->> 'day')::date, max(observed_at) from facts \
         where account_id = $1 and kind = 'page' and fact_key >= 'messages@' and fact_key < 'messages@z' group by 1",
    )
    .bind(account.as_str())
    .fetch_all(executor)
    .await?)
}

/// The first local day on which a webhook of the account was received.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn first_webhook_day(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
) -> Result<Option<NaiveDate>, StoreError> {
    Ok(sqlx::query_scalar(
        "select min(day) from accounting where account_id = $1 and road = 'webhook' and appended > 0",
    )
    .bind(account.as_str())
    .fetch_one(executor)
    .await?)
}

/// A row of `chat.completeness`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompletenessRow {
    /// The local day.
    pub day: NaiveDate,
    /// `messages`, `requests`, `ratings`, `request_tags`, `transfers`.
    pub subject: &'static str,
    /// `green`, `explained`, `not_provable`, `red`.
    pub state: &'static str,
    /// Why it is not green.
    pub reason: Option<String>,
    /// By the platform; none where it has no count.
    pub counted: Option<i64>,
    /// Stored.
    pub stored: Option<i64>,
    /// When the platform was asked.
    pub counted_at: Option<DateTime<Utc>>,
    /// How often the day was fetched again.
    pub refetched: i64,
}

/// Writes what was found of an account's days.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn write(
    connection: &mut PgConnection,
    account: &AccountId,
    rows: &[CompletenessRow],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    crate::folding::join_generation(connection).await?;
    sqlx::query(
        "insert into completeness \
             (account_id, day, subject, state, reason, counted, stored, counted_at, refetched, checked_at) \
         select $1, r.*, $10 from unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], \
                                         $8::timestamptz[], $9::integer[]) r \
         on conflict (account_id, day, subject) do update \
         set state = excluded.state, reason = excluded.reason, counted = excluded.counted, stored = excluded.stored, \
             counted_at = excluded.counted_at, refetched = excluded.refetched, checked_at = excluded.checked_at",
    )
    .bind(account.as_str())
    .bind(rows.iter().map(|row| row.day).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.subject).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.state).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.reason.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.counted).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.stored).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.counted_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| i32::try_from(row.refetched).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// How often a day was fetched again.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Refetches {
    /// The local day.
    pub day: NaiveDate,
    /// What was counted and stored of it before; none for tries of older versions.
    pub evidence: Option<String>,
    /// How often, while it looked so.
    pub tries: i64,
    /// Of them since an instant.
    pub recent: i64,
    /// Of them those that read all there is to read.
    pub done: i64,
}

/// How often each day was fetched again, by what it looked like: in all, and since an instant.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn refetches(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    since: DateTime<Utc>,
) -> Result<Vec<Refetches>, StoreError> {
    Ok(sqlx::query_as(
        "select day, evidence, count(*) as tries, count(*) filter (where began_at >= $2) as recent, \
                count(*) filter (where outcome = 'done') as done \
         from ledger.refetches where account_id = $1 group by day, evidence order by day",
    )
    .bind(account.as_str())
    .bind(since)
    .fetch_all(executor)
    .await?)
}

/// Writes down that a day is fetched again, and what it looked like: before the first call, so that a crash counts too.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn begin_refetch(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    day: NaiveDate,
    evidence: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.refetches (account_id, day, evidence, began_at) values ($1, $2, $3, $4) \
         on conflict do nothing",
    )
    .bind(account.as_str())
    .bind(day)
    .bind(evidence)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// Writes down how it ended.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn end_refetch(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    day: NaiveDate,
    began_at: DateTime<Utc>,
    (now, calls, outcome): (DateTime<Utc>, i64, &str),
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger.refetches set finished_at = $4, calls = $5, outcome = $6 \
         where account_id = $1 and day = $2 and began_at = $3",
    )
    .bind(account.as_str())
    .bind(day)
    .bind(began_at)
    .bind(now)
    .bind(calls)
    .bind(outcome)
    .execute(executor)
    .await?;
    Ok(())
}
