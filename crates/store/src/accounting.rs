//! Accounting and rejects: every delivery has one fate (design.md 7.7).

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use events::{AccountId, DeliveryId, Rejection, Road};
use sqlx::{PgConnection, PgExecutor};

use crate::StoreError;

/// What a batch adds to one account, road, local day and partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Deliveries in the log.
    pub appended: i64,
    /// Those of which everything became facts.
    pub decoded: i64,
    /// Those with facts and rejects.
    pub partly_rejected: i64,
    /// Those with rejects only.
    pub rejected: i64,
    /// Those of people who were forgotten.
    pub erased: i64,
    /// Facts decoded.
    pub facts: i64,
    /// Those among them that told nothing new. Depends on order.
    pub facts_unchanged: i64,
}

/// Which row of `accounting` a [`Tally`] is added to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TallyKey {
    /// The account.
    pub account: AccountId,
    /// The road.
    pub road: Road,
    /// The local day of receipt.
    pub day: NaiveDate,
    /// The partition of the log.
    pub partition: u32,
}

/// Adds tallies. In the transaction of the facts and the position, so that nothing is counted twice.
pub async fn add<'a>(
    connection: &mut PgConnection,
    tallies: impl IntoIterator<Item = (&'a TallyKey, &'a Tally)>,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = tallies.into_iter().collect();
    rows.sort_by_key(|(key, _)| *key);
    let count = |of: fn(&Tally) -> i64| rows.iter().map(|(_, tally)| of(tally)).collect::<Vec<_>>();
    sqlx::query(include_str!("accounting_add.sql"))
        .bind(rows.iter().map(|(key, _)| key.account.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(key, _)| key.road.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(key, _)| key.day).collect::<Vec<_>>())
        .bind(rows.iter().map(|(key, _)| key.partition.cast_signed()).collect::<Vec<_>>())
        .bind(count(|t| t.appended))
        .bind(count(|t| t.decoded))
        .bind(count(|t| t.partly_rejected))
        .bind(count(|t| t.rejected))
        .bind(count(|t| t.erased))
        .bind(count(|t| t.facts))
        .bind(count(|t| t.facts_unchanged))
        .execute(connection)
        .await?;
    Ok(())
}

/// A reject and where its bytes are.
#[derive(Clone, Debug)]
pub struct RejectRow {
    /// The account.
    pub account: AccountId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// What could not be decoded, and why.
    pub rejection: Rejection,
    /// The road.
    pub road: Road,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Partition of the log.
    pub partition: u32,
    /// Offset in it.
    pub log_offset: i64,
}

/// Stores rejects; one that is there already (a delivery read again) stays as it is.
pub async fn reject(connection: &mut PgConnection, rows: &[RejectRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    // A log that was copied may hold a delivery twice; Postgres touches a row only once in a statement.
    let unique: BTreeMap<_, &RejectRow> =
        rows.iter().map(|row| ((&row.account, row.delivery, row.rejection.part), row)).collect();
    let rows: Vec<&RejectRow> = unique.into_values().collect();
    sqlx::query(
        "insert into rejects (account_id, delivery_id, part, reason, detail, road, received_at, partition, log_offset, \
                              list, listed_day) \
         select * from unnest($1::text[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[], \
                              $7::timestamptz[], $8::integer[], $9::bigint[], $10::text[], $11::date[]) \
         on conflict (account_id, delivery_id, part) do update \
         set reason = excluded.reason, detail = excluded.detail, list = excluded.list, listed_day = excluded.listed_day",
    )
    .bind(rows.iter().map(|r| r.account.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.delivery.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.rejection.part.cast_signed()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.rejection.reason.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.rejection.detail.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.road.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.received_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.partition.cast_signed()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.log_offset).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.rejection.listed.as_ref().map(|of| of.0.as_str())).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.rejection.listed.as_ref().map(|of| of.1)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// One line of `report accounting`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct AccountingLine {
    /// The account.
    pub account_id: String,
    /// The road.
    pub road: String,
    /// Deliveries in the log.
    pub appended: i64,
    /// Everything became facts.
    pub decoded: i64,
    /// Facts and rejects.
    pub partly_rejected: i64,
    /// Rejects only.
    pub rejected: i64,
    /// Forgotten.
    pub erased: i64,
    /// Facts.
    pub facts: i64,
    /// Facts that told nothing new.
    pub facts_unchanged: i64,
}

/// The sums by account and road, of the local days `from` to `to` (both inclusive, open where absent).
pub async fn lines(
    executor: impl PgExecutor<'_>,
    account: Option<&AccountId>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<AccountingLine>, StoreError> {
    Ok(sqlx::query_as(
        "select account_id, road, sum(appended)::bigint as appended, sum(decoded)::bigint as decoded, \
                sum(partly_rejected)::bigint as partly_rejected, sum(rejected)::bigint as rejected, \
                sum(erased)::bigint as erased, sum(facts)::bigint as facts, \
                sum(facts_unchanged)::bigint as facts_unchanged \
         from accounting where ($1::text is null or account_id = $1) and ($2::date is null or day >= $2) \
           and ($3::date is null or day <= $3) \
         group by account_id, road order by account_id, road",
    )
    .bind(account.map(AccountId::as_str))
    .bind(from)
    .bind(to)
    .fetch_all(executor)
    .await?)
}

/// What each partition's accounting says was read: compared with the log itself by `report accounting --verify`.
pub async fn appended_by_partition(executor: impl PgExecutor<'_>) -> Result<Vec<(u32, i64)>, StoreError> {
    let rows: Vec<(i32, i64)> = sqlx::query_as(
        "select partition, sum(appended)::bigint from accounting group by partition order by partition",
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|(partition, appended)| (partition.unsigned_abs(), appended)).collect())
}
