//! Which days are to be frozen, and which frozen ones to be looked at again.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use events::AccountId;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgExecutor, Row as _};

use crate::StoreError;
use crate::report::By;

/// How a day's figures are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The end of the day: when waiting is looked at.
    pub as_of: DateTime<Utc>,
    /// Within target is what takes at most so many seconds.
    pub target_seconds: f64,
}

/// A frozen day whose rows, or the hours that are subtracted from them, are not those that its figures were computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The account.
    pub account: AccountId,
    /// The local day.
    pub day: NaiveDate,
    /// As it was frozen.
    pub settings: Settings,
    /// Of the figures as they stand.
    pub metric_version: i16,
    /// When it was frozen.
    pub frozen_at: DateTime<Utc>,
    /// When the figures as they stand were computed.
    pub looked_at: DateTime<Utc>,
    /// What its figures are grouped by.
    pub dimensions: Vec<By>,
    /// Of the rows as they are.
    pub digest: String,
    /// The hours of operators that its figures were computed by, and are.
    pub hours: OperatorHours,
}

/// The hours of operators that figures are computed by, and what of them changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorHours {
    /// What the configuration says, as a hash.
    pub calendars: String,
    /// Who goes by which calendar, as a hash.
    pub members: String,
    /// The configuration said otherwise before.
    pub have_calendars_changed: bool,
    /// Somebody went by another one before.
    pub have_members_changed: bool,
}

impl FromRow<'_, PgRow> for Published {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let account: String = row.try_get("account_id")?;
        Ok(Self {
            account: account.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            day: row.try_get("day")?,
            settings: Settings {
                as_of: row.try_get("as_of")?,
                target_seconds: row.try_get("target_seconds")?,
            },
            metric_version: row.try_get("metric_version")?,
            frozen_at: row.try_get("frozen_at")?,
            looked_at: row.try_get("looked_at")?,
            dimensions: {
                let names: Vec<String> = row.try_get("dimensions")?;
                By::ALL.into_iter().filter(|by| names.iter().any(|name| name == by.as_str())).collect()
            },
            digest: row.try_get("digest")?,
            hours: OperatorHours {
                calendars: row.try_get("calendars")?,
                members: row.try_get("members")?,
                have_calendars_changed: row.try_get("calendars_changed")?,
                have_members_changed: row.try_get("members_changed")?,
            },
        })
    }
}

/// Writes down that an account's figures are published from `first_day` on, unless that is known already.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn published_account(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    first_day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.publishing (account_id, first_day, since) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(account.as_str())
    .bind(first_day)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// The days of an account up to `last` that are not frozen yet, in order: a missed night is made up for.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn unpublished(
    executor: impl PgExecutor<'_>,
    account: &AccountId,
    last: NaiveDate,
) -> Result<Vec<NaiveDate>, StoreError> {
    Ok(sqlx::query_scalar(
        "select d::date from ledger.publishing p \
         cross join generate_series(p.first_day::timestamp, $2::timestamp, interval '1 day') d \
         where p.account_id = $1 and not exists ( \
             select from ledger.published_days f where f.account_id = $1 and f.day = d::date) \
         order by 1",
    )
    .bind(account.as_str())
    .bind(last)
    .fetch_all(executor)
    .await?)
}

/// The accounts whose figures are published.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn accounts(executor: impl PgExecutor<'_>) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select account_id from ledger.publishing order by 1").fetch_all(executor).await?)
}

/// The frozen days of an account from `since` on (null: all), in order.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn frozen(
    executor: impl PgExecutor<'_>,
    account: &str,
    since: Option<NaiveDate>,
) -> Result<Vec<NaiveDate>, StoreError> {
    let sql = "select day from ledger.published_days \
               where account_id = $1 and ($2::date is null or day >= $2::date) order by day";
    Ok(sqlx::query_scalar(sql).bind(account).bind(since).fetch_all(executor).await?)
}

/// Frozen days of an account whose rows or operators' hours have changed, or whose figures are of another version, in
/// order. Reads the hashes of these days' rows: not for more than some weeks at once.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn touched(
    executor: impl PgExecutor<'_>,
    account: &str,
    days: RangeInclusive<NaiveDate>,
) -> Result<Vec<Published>, StoreError> {
    Ok(sqlx::query_as(include_str!("touched.sql"))
        .bind(account)
        .bind(days.start())
        .bind(days.end())
        .bind(events::METRIC_VERSION)
        .fetch_all(executor)
        .await?)
}
