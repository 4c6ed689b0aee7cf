//! Reading: what lies below the heads, partition by partition.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use events::DeliveryId;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::connection::failure;
use crate::record;
use crate::{Batch, Limit, LogError, Place, Reader, Record};

/// How often a reader that nobody wakes looks for itself.
const POLL: Duration = Duration::from_millis(500);

pub(crate) struct PostgresReader {
    pool: PgPool,
    next: BTreeMap<i32, i64>,
    woken: watch::Receiver<()>,
    /// The partition that is read first: it goes round, so that a full one starves none.
    turn: usize,
}

/// A row as it is stored: partition, offset, id, format, account, platform, road, received at, capture, body.
type Stored = (i32, i64, Uuid, i16, String, String, String, DateTime<Utc>, String, Vec<u8>);

impl PostgresReader {
    pub(crate) fn new(pool: PgPool, positions: &[Place], woken: watch::Receiver<()>) -> Self {
        let next = positions.iter().map(|place| (place.partition.cast_signed(), place.offset)).collect();
        Self { pool, next, woken, turn: 0 }
    }

    /// What is there now.
    async fn look(&mut self, limit: Limit) -> Result<Batch, LogError> {
        let mut left = limit;
        let mut batch = Batch::default();
        let heads = self.heads().await?;
        let turn = self.turn.checked_rem(heads.len()).unwrap_or(0);
        self.turn = turn + 1;
        let (later, first) = heads.split_at(turn);
        for (partition, head) in first.iter().chain(later) {
            let from = self.next.get(partition).copied().unwrap_or(0);
            if *head < from {
                return Err(LogError::Unfit(format!(
                    "the log in schema ledger ends at {head} in partition {partition}, before the position {from}: \
                     it was restored from an older copy; rebuild from scratch to go on with what is there"
                )));
            }
            if *head == from || left.records == 0 || (left.bytes == 0 && !batch.records.is_empty()) {
                continue;
            }
            let sizes = self.sizes(*partition, from, *head, left.records).await?;
            let to = cut(&sizes, left, *head, batch.records.is_empty());
            if to == from {
                continue;
            }
            let records = self.rows(*partition, from, to).await?;
            left.records = left.records.saturating_sub(records.len());
            left.bytes = left.bytes.saturating_sub(records.iter().map(|record| record.size).sum());
            batch.records.extend(records);
            batch.next.push(Place { partition: partition.cast_unsigned(), offset: to });
        }
        for place in &batch.next {
            self.next.insert(place.partition.cast_signed(), place.offset);
        }
        Ok(batch)
    }

    /// The heads of the partitions that are read. What lies below a head that was seen is committed.
    async fn heads(&self) -> Result<Vec<(i32, i64)>, LogError> {
        let partitions: Vec<i32> = self.next.keys().copied().collect();
        sqlx::query_as(
            "select partition, next from ledger.log_heads where partition = any($1) order by partition",
        )
        .bind(partitions)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure(&e))
    }

    /// Offsets and sizes, without the bodies.
    async fn sizes(
        &self,
        partition: i32,
        from: i64,
        head: i64,
        most: usize,
    ) -> Result<Vec<(i64, usize)>, LogError> {
        let sizes: Vec<(i64, i32)> = sqlx::query_as(
            "select log_offset, octet_length(body) from ledger.deliveries
             where partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset limit $4",
        )
        .bind(partition)
        .bind(from)
        .bind(head)
        // One more than wanted tells whether these are all.
        .bind(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(sizes
            .into_iter()
            .map(|(offset, bytes)| (offset, record::size(bytes.cast_unsigned() as usize)))
            .collect())
    }

    async fn rows(&self, partition: i32, from: i64, to: i64) -> Result<Vec<Record>, LogError> {
        let rows: Vec<Stored> = sqlx::query_as(
            "select partition, log_offset, id, format, account_id, platform, road, received_at, capture::text, body
             from ledger.deliveries
             where partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset",
        )
        .bind(partition)
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(rows.into_iter().map(restored).collect())
    }
}

/// The offset to stop before: as many rows as the limit takes, at least one when nothing was taken before; behind
/// the last row the head itself, so that what was erased at the end is passed over.
fn cut(sizes: &[(i64, usize)], limit: Limit, head: i64, at_least_one: bool) -> i64 {
    let mut bytes = 0;
    for (taken, (offset, size)) in sizes.iter().enumerate() {
        bytes += size;
        if taken >= limit.records || (bytes > limit.bytes && (taken > 0 || !at_least_one)) {
            // Before this one; where it is the first, nothing is taken and the position stays.
            return if taken == 0 { *offset } else { sizes[taken - 1].0 + 1 };
        }
    }
    head
}

fn restored(row: Stored) -> Record {
    let (partition, offset, id, format, account, platform, road, received_at, capture, body) = row;
    let place = Place { partition: partition.cast_unsigned(), offset };
    let (format, received_at) =
        (format.to_string(), received_at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let size = record::size(body.len());
    let header = |name: &str| match name {
        "format" => Some(format.as_bytes()),
        "account" => Some(account.as_bytes()),
        "platform" => Some(platform.as_bytes()),
        "road" => Some(road.as_bytes()),
        "received_at" => Some(received_at.as_bytes()),
        "capture" => Some(capture.as_bytes()),
        _ => None,
    };
    Record { place, size, delivery: record::delivery(Some(DeliveryId(id)), header, body.into()) }
}

/// The record of a delivery, by the index on ids.
pub(crate) async fn find(pool: &PgPool, id: DeliveryId) -> Result<Option<Record>, LogError> {
    let found: Option<Stored> = sqlx::query_as(
        "select partition, log_offset, id, format, account_id, platform, road, received_at, capture::text, body
         from ledger.deliveries where id = $1 limit 1",
    )
    .bind(id.0)
    .fetch_optional(pool)
    .await
    .map_err(|e| failure(&e))?;
    Ok(found.map(restored))
}

#[async_trait]
impl Reader for PostgresReader {
    async fn next(&mut self, limit: Limit, wait: Duration) -> Result<Batch, LogError> {
        let deadline = Instant::now() + wait;
        loop {
            // Marked as seen before looking: what is committed after the look wakes again.
            self.woken.mark_unchanged();
            let batch = self.look(limit).await?;
            let now = Instant::now();
            if !batch.next.is_empty() || now >= deadline {
                return Ok(batch);
            }
            let until = deadline.min(now + POLL);
            if let Ok(Err(_)) = tokio::time::timeout_at(until, self.woken.changed()).await {
                // The log itself is gone; the reader still polls.
                tokio::time::sleep_until(until).await;
            }
        }
    }

    async fn committed(&self, _positions: &[Place]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: &[(i64, usize)] = &[(3, 10), (5, 10), (6, 100)];

    fn limit(records: usize, bytes: usize) -> Limit {
        Limit { records, bytes }
    }

    #[test]
    fn a_batch_ends_where_a_limit_is_met() {
        assert_eq!(cut(SIZES, limit(2, 1000), 9, true), 6);
        assert_eq!(cut(SIZES, limit(9, 25), 9, true), 6);
    }

    #[test]
    fn holes_at_the_end_are_passed_over() {
        assert_eq!(cut(SIZES, limit(9, 1000), 9, true), 9);
        assert_eq!(cut(&[], limit(9, 1000), 9, true), 9);
    }

    #[test]
    fn one_record_is_brought_even_when_it_is_larger_than_the_limit() {
        assert_eq!(cut(&SIZES[2..], limit(9, 1), 9, true), 9);
        assert_eq!(cut(SIZES, limit(9, 1), 9, true), 4);
        assert_eq!(cut(&SIZES[2..], limit(9, 1), 9, false), 6, "not when others were taken before");
    }
}
