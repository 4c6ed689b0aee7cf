//! Writing down what figures were, and what became of them.

use chrono::{DateTime, NaiveDate, Utc};
use events::AccountId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Figures, Published, Settings};
use crate::StoreError;
use crate::report::By;

/// Freezes the figures of a day, by all of [`super::DIMENSIONS`]. False: it is frozen already, and stays as it is.
///
/// The digest is of no rows: the next look takes what is there then, finds the figures the same, and keeps it.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn freeze(
    connection: &mut PgConnection,
    account: &AccountId,
    day: NaiveDate,
    settings: Settings,
    figures: &Figures,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let is_new = sqlx::query(
        "insert into ledger.published_days \
             (account_id, day, as_of, target_seconds, metric_version, frozen_at, digest, looked_at, dimensions) \
         values ($1, $2, $3, $4, $5, $6, '', $6, $7) on conflict do nothing",
    )
    .bind(account.as_str())
    .bind(day)
    .bind(settings.as_of)
    .bind(settings.target_seconds)
    .bind(events::METRIC_VERSION)
    .bind(now)
    .bind(super::DIMENSIONS.map(By::as_str).as_slice())
    .execute(&mut *connection)
    .await?
    .rows_affected()
        > 0;
    if !is_new {
        return Ok(false);
    }
    let (dimensions, keys, metrics) = columns(figures.keys());
    sqlx::query(
        "insert into ledger.published_figures \
             (account_id, day, dimension, key, metric, value, metric_version, frozen_at) \
         select $1, $2, f.*, $7, $8 \
         from unnest($3::text[], $4::text[], $5::text[], $6::double precision[]) f",
    )
    .bind(account.as_str())
    .bind(day)
    .bind(dimensions)
    .bind(keys)
    .bind(metrics)
    .bind(figures.values().copied().collect::<Vec<_>>())
    .bind(events::METRIC_VERSION)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(true)
}

fn columns<'a>(
    keys: impl Iterator<Item = &'a super::FigureKey>,
) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (dimension, key, metric) in keys {
        columns.0.push(dimension.as_str());
        columns.1.push(key.as_str());
        columns.2.push(metric.as_str());
    }
    columns
}

/// The figures of a day as they stand: as frozen, with the last restatement of each.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn standing(
    connection: &mut PgConnection,
    account: &AccountId,
    day: NaiveDate,
) -> Result<Figures, StoreError> {
    let rows: Vec<(String, String, String, Option<f64>)> = sqlx::query_as(
        "select distinct on (dimension, key, metric) dimension, key, metric, value from ( \
             select dimension, key, metric, value, 0 as place from ledger.published_figures \
             where account_id = $1 and day = $2 \
             union all \
             select dimension, key, metric, new_value, restatement_id from ledger.restatements \
             where account_id = $1 and day = $2) f \
         order by dimension, key, metric, place desc",
    )
    .bind(account.as_str())
    .bind(day)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(dimension, key, metric, value)| Some(((dimension, key, metric), value?)))
        .collect())
}

/// A changed figure and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Restatement {
    /// Which, what it was, what it is.
    pub difference: super::Difference,
    /// The word for the cause.
    pub cause: String,
    /// What changed, in words.
    pub detail: Option<String>,
    /// The delivery that caused it.
    pub delivery: Option<Uuid>,
    /// How many deliveries touched what it counts.
    pub deliveries: i32,
}

/// Writes the restatements of a day.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn insert(
    connection: &mut PgConnection,
    day: &Published,
    restatements: &[Restatement],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (dimensions, keys, metrics) = columns(restatements.iter().map(|one| &one.difference.0));
    sqlx::query(
        "insert into ledger.restatements (account_id, day, dimension, key, metric, old_value, new_value, cause, \
                                          detail, delivery_id, deliveries, metric_version, restated_at) \
         select $1, $2, r.*, $12, $13 \
         from unnest($3::text[], $4::text[], $5::text[], $6::double precision[], $7::double precision[], $8::text[], \
                     $9::text[], $10::uuid[], $11::integer[]) r",
    )
    .bind(day.account.as_str())
    .bind(day.day)
    .bind(dimensions)
    .bind(keys)
    .bind(metrics)
    .bind(restatements.iter().map(|one| one.difference.1).collect::<Vec<_>>())
    .bind(restatements.iter().map(|one| one.difference.2).collect::<Vec<_>>())
    .bind(restatements.iter().map(|one| one.cause.as_str()).collect::<Vec<_>>())
    .bind(restatements.iter().map(|one| one.detail.as_deref()).collect::<Vec<_>>())
    .bind(restatements.iter().map(|one| one.delivery).collect::<Vec<_>>())
    .bind(restatements.iter().map(|one| one.deliveries).collect::<Vec<_>>())
    .bind(events::METRIC_VERSION)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the figures of a day were computed from the rows of this digest and by these hours.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn looked_at(
    connection: &mut PgConnection,
    day: &Published,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger.published_days \
         set digest = $3, looked_at = $4, metric_version = $5, calendars = $6, members = $7 \
         where account_id = $1 and day = $2",
    )
    .bind(day.account.as_str())
    .bind(day.day)
    .bind(&day.digest)
    .bind(now)
    .bind(events::METRIC_VERSION)
    .bind(&day.hours.calendars)
    .bind(&day.hours.members)
    .execute(connection)
    .await?;
    Ok(())
}
