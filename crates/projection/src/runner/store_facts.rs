//! Step 1: the facts of a batch, its rejects, its accounting and the positions, in one transaction.

use std::collections::BTreeMap;

use events::{AccountId, DeliveryId, Fate, RejectReason, Road};
use log::{Batch, Record, Unreadable};
use store::accounting::{self, RejectRow, Tally, TallyKey};
use store::facts::{self, FactRow};
use store::positions::{self, Move};
use store::{PgConnection, PgPool, StoreError};
use uuid::Uuid;

use super::Trouble;
use crate::Rules;
use crate::decode::{Decoded, decode};

/// What a batch of records says, ready to be stored.
#[derive(Debug, Default)]
pub struct Prepared {
    pub(crate) facts: Vec<FactRow>,
    /// For each fact, the tally that it is counted in.
    pub(crate) counted_in: Vec<TallyKey>,
    pub(crate) rejects: Vec<RejectRow>,
    pub(crate) tallies: BTreeMap<TallyKey, Tally>,
}

/// Decodes a batch. Pure but for the hashes that it computes.
///
/// # Errors
/// As of [`Prepared::take`].
pub fn prepare(batch: &Batch, rules: &Rules) -> Result<Prepared, StoreError> {
    let mut prepared = Prepared::default();
    prepared.take(batch, rules)?;
    Ok(prepared)
}

impl Prepared {
    /// Adds what a batch says.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a fact cannot be written down (no decoder makes such a one).
    pub(crate) fn take(&mut self, batch: &Batch, rules: &Rules) -> Result<(), StoreError> {
        for record in &batch.records {
            match &record.delivery {
                Ok(delivery) => {
                    let rules = rules.of(delivery.account.as_str());
                    let decoded = decode(delivery, rules);
                    let day = delivery.received_at.with_timezone(&rules.zone).date_naive();
                    let partition = record.place.partition;
                    let key =
                        TallyKey { account: delivery.account.clone(), road: delivery.road, day, partition };
                    self.add(record, &key, delivery.id, delivery.received_at, decoded)?;
                }
                Err(unreadable) => self.add_unreadable(record, unreadable)?,
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        record: &Record,
        key: &TallyKey,
        delivery: DeliveryId,
        received_at: chrono::DateTime<chrono::Utc>,
        decoded: Decoded,
    ) -> Result<(), StoreError> {
        let tally = self.tallies.entry(key.clone()).or_default();
        tally.appended += 1;
        match decoded.fate() {
            Fate::Decoded => tally.decoded += 1,
            Fate::PartlyRejected => tally.partly_rejected += 1,
            Fate::Rejected => tally.rejected += 1,
            Fate::Erased => tally.erased += 1,
        }
        tally.facts += i64::try_from(decoded.observations.len()).unwrap_or(i64::MAX);
        for rejection in decoded.rejections {
            metrics::counter!("chatledger_rejects_total", "reason" => rejection.reason.as_str()).increment(1);
            self.rejects.push(RejectRow {
                account: key.account.clone(),
                delivery,
                rejection,
                road: key.road,
                received_at,
                partition: record.place.partition,
                log_offset: record.place.offset,
            });
        }
        for observation in decoded.observations {
            self.facts.push(FactRow::new(&key.account, observation)?);
            self.counted_in.push(key.clone());
        }
        Ok(())
    }

    /// A record of a later version: counted for the account `unknown`, which no configuration can name otherwise.
    fn add_unreadable(&mut self, record: &Record, unreadable: &Unreadable) -> Result<(), StoreError> {
        let account: AccountId =
            "unknown".parse().map_err(|error| StoreError::Refused(format!("account: {error}")))?;
        let place = record.place;
        // Without a readable id its place stands in: the same at every reading.
        let id = unreadable.id.unwrap_or_else(|| {
            DeliveryId(Uuid::from_u64_pair(u64::from(place.partition), place.offset.cast_unsigned()))
        });
        let at = chrono::DateTime::from_timestamp_millis(id.unix_millis()).unwrap_or_default();
        let key = TallyKey { account, road: Road::Webhook, day: at.date_naive(), partition: place.partition };
        let decoded = Decoded::rejected(RejectReason::UnknownFormat, unreadable.detail.clone());
        self.add(record, &key, id, at, decoded)
    }
}

/// Writes all of a batch but the positions; returns what was counted.
pub(crate) async fn write(
    connection: &mut PgConnection,
    prepared: &Prepared,
) -> Result<BTreeMap<TallyKey, Tally>, StoreError> {
    let new = facts::insert(connection, &prepared.facts).await?;
    let mut tallies = prepared.tallies.clone();
    for (key, new) in prepared.counted_in.iter().zip(&new) {
        if let (false, Some(tally)) = (new, tallies.get_mut(key)) {
            tally.facts_unchanged += 1;
        }
    }
    accounting::reject(connection, &prepared.rejects).await?;
    accounting::add(connection, &tallies).await?;
    Ok(tallies)
}

/// Commits a batch. After an error nothing of it is stored, or all of it: the positions say which.
pub(super) async fn commit(pool: &PgPool, prepared: &Prepared, moves: &[Move]) -> Result<(), Trouble> {
    let mut transaction = store::begin(pool).await?;
    let tallies = write(&mut transaction, prepared).await?;
    positions::advance(&mut transaction, moves).await?;
    fail::fail_point!("projection.before_facts_commit", |_| std::process::abort());
    store::commit(transaction).await?;
    fail::fail_point!("projection.facts_committed", |_| std::process::abort());
    for (key, tally) in &tallies {
        let facts = u64::try_from(tally.facts).unwrap_or_default();
        metrics::counter!("chatledger_facts_total", "account" => key.account.to_string(), "road" => key.road.as_str())
            .increment(facts);
    }
    Ok(())
}
