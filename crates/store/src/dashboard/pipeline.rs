//! How deliveries flow in, and effects out.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::StoreError;

/// Deliveries of an account by one road.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RoadLine {
    /// The road.
    pub road: String,
    /// Those received today.
    pub today: i64,
    /// Those received ever.
    pub appended: i64,
    /// Those of which something could not be decoded.
    pub rejected: i64,
    /// Those without a fate: 0, or something was lost.
    pub unaccounted: i64,
    /// The local day of the last one.
    pub last_day: NaiveDate,
}

/// By road; `today` is the account's local day.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn roads(
    executor: impl PgExecutor<'_>,
    account: &str,
    today: NaiveDate,
) -> Result<Vec<RoadLine>, StoreError> {
    Ok(sqlx::query_as(
        "select road, coalesce(sum(appended) filter (where day = $2), 0)::bigint as today, \
                sum(appended)::bigint as appended, sum(rejected + partly_rejected)::bigint as rejected, \
                sum(unaccounted)::bigint as unaccounted, max(day) filter (where appended > 0) as last_day \
         from report_accounting where account_id = $1 group by road having sum(appended) > 0 \
         order by sum(appended) desc, road",
    )
    .bind(account)
    .bind(today)
    .fetch_all(executor)
    .await?)
}

/// When the projection last moved on, over all accounts; `None`: never.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn last_read_at(executor: impl PgExecutor<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar("select max(updated_at) from positions where next > 0").fetch_one(executor).await?)
}

/// Rejects of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RejectCount {
    /// The reason.
    pub reason: String,
    /// How many.
    pub rejects: i64,
    /// Receipt of the last one.
    pub last_at: DateTime<Utc>,
}

/// By reason, the commonest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn reject_counts(
    executor: impl PgExecutor<'_>,
    account: &str,
) -> Result<Vec<RejectCount>, StoreError> {
    Ok(sqlx::query_as(
        "select reason, count(*) as rejects, max(received_at) as last_at from rejects \
         where account_id = $1 group by reason order by count(*) desc, reason",
    )
    .bind(account)
    .fetch_all(executor)
    .await?)
}

/// A reject; its bytes are in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct RejectLine {
    /// When the delivery came.
    pub received_at: DateTime<Utc>,
    /// How.
    pub road: String,
    /// Why.
    pub reason: String,
    /// Where and what.
    pub detail: String,
    /// The delivery.
    pub delivery_id: Uuid,
    /// Which part of it, from 0.
    pub part: i32,
    /// How many there are in all, the limit left aside. The same in every row.
    #[serde(skip)]
    pub total: i64,
}

/// Rejects of one reason or all, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn rejects(
    executor: impl PgExecutor<'_>,
    account: &str,
    reason: Option<&str>,
    limit: i64,
) -> Result<Vec<RejectLine>, StoreError> {
    Ok(sqlx::query_as(
        "select received_at, road, reason, left(detail, 500) as detail, delivery_id, part, count(*) over () as total \
         from rejects where account_id = $1 and ($2::text is null or reason = $2) \
         order by received_at desc, delivery_id, part limit $3",
    )
    .bind(account)
    .bind(reason)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}

/// Effects of an account to one receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct TargetLine {
    /// `notifier/<name>`, `crm/<name>`.
    pub target: String,
    /// Effects that wait or are on their way.
    pub waiting: i64,
    /// Intent of the oldest of them.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Dead letters.
    pub dead: i64,
    /// Nothing is sent before.
    pub paused_until: Option<DateTime<Utc>>,
    /// Since when it needs a person.
    pub broken_since: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
}

/// Receivers that were ever called or have effects of the account that are not done, by name.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn targets(executor: impl PgExecutor<'_>, account: &str) -> Result<Vec<TargetLine>, StoreError> {
    Ok(sqlx::query_as(
        "select target, coalesce(e.waiting, 0) as waiting, e.oldest_at, coalesce(e.dead, 0) as dead, \
                t.paused_until, t.broken_since, left(t.reason, 500) as reason \
         from ledger.targets t full join ( \
             select target, count(*) filter (where status <> 'dead') as waiting, \
                    min(intended_at) filter (where status <> 'dead') as oldest_at, \
                    count(*) filter (where status = 'dead') as dead \
             from ledger.effects where account_id = $1 and status <> 'done' group by target \
         ) e using (target) order by target",
    )
    .bind(account)
    .fetch_all(executor)
    .await?)
}
