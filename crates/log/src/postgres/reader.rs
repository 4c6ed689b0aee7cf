//! Reading: what lies below the heads, partition by partition.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use events::DeliveryId;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::failure;
use super::rows::{self, Rows};
use crate::record::Known;
use crate::{Batch, Limit, LogError, Place, Reader, Record};

/// How often a reader that nobody wakes looks for itself.
const POLL: Duration = Duration::from_millis(500);

pub(crate) struct PostgresReader {
    pool: PgPool,
    next: BTreeMap<i32, i64>,
    woken: watch::Receiver<()>,
    /// The partition that is read first: it goes round, so that a full one starves none.
    turn: usize,
    /// What a record had in bytes, about, when rows were read last.
    usual: usize,
    known: Known,
}

/// Bytes of a record, before any was read.
const FIRST_GUESS: usize = 16 << 10;

impl PostgresReader {
    pub(crate) fn new(pool: PgPool, positions: &[Place], woken: watch::Receiver<()>) -> Self {
        let next = positions.iter().map(|place| (place.partition.cast_signed(), place.offset)).collect();
        Self { pool, next, woken, turn: 0, usual: FIRST_GUESS, known: Known::default() }
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
            let (records, to) = self.rows(*partition, from, *head, left, batch.records.is_empty()).await?;
            if to == from {
                continue;
            }
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

    /// The rows from an offset on that fit into what is left, and where to go on; the first of them anyhow where at
    /// least one is wanted.
    async fn rows(
        &mut self,
        partition: i32,
        from: i64,
        head: i64,
        left: Limit,
        at_least_one: bool,
    ) -> Result<(Vec<Record>, i64), LogError> {
        // Offsets are dense but for what was erased. Bodies that do not fit after all are thrown away as they come in:
        // not many more are asked for than are expected to fit, because asking for sizes first costs as much as half of the reading.
        let expected = (left.bytes / self.usual).saturating_mul(2);
        let until = from.saturating_add(number(left.records.min(expected).max(1))).min(head);
        let asked = rows::statement(&format!(
            "partition = {partition} and log_offset >= {from} and log_offset < {until} order by log_offset"
        ));
        let mut sending = Sending::new(&self.pool).await?;
        let mut sent = sending.ask(&asked).await?;
        let mut rows = Rows::default();
        let (mut records, mut bytes, mut to) = (Vec::new(), 0, until);
        'sent: while let Some(chunk) = sent.try_next().await.map_err(|e| failure(&e))? {
            rows.push(chunk);
            while let Some(record) = rows.next(&mut self.known)? {
                bytes += record.size;
                if bytes > left.bytes && !(at_least_one && records.is_empty()) {
                    to = records.last().map_or(from, |last: &Record| last.place.offset + 1);
                    break 'sent;
                }
                records.push(record);
            }
        }
        let unread = usize::try_from(until - to).unwrap_or_default();
        if to == until {
            rows.ended()?;
        }
        // Where bodies have suddenly become large, a new connection costs less than what is still on its way.
        if unread.saturating_mul(bytes / (records.len() + 1)) <= left.bytes.saturating_mul(4) {
            while sent.try_next().await.map_err(|e| failure(&e))?.is_some() {}
            drop(sent);
            sending.ended();
        }
        self.usual = (bytes / records.len().max(1)).max(1);
        Ok((records, to))
    }
}

fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The record of a delivery, by the index on ids.
pub(crate) async fn find(pool: &PgPool, id: DeliveryId) -> Result<Option<Record>, LogError> {
    // A uuid has no character that would need quoting.
    let asked = rows::statement(&format!("id = '{}' limit 1", id.0));
    let mut sending = Sending::new(pool).await?;
    let mut sent = sending.ask(&asked).await?;
    let (mut rows, mut known, mut found) = (Rows::default(), Known::default(), None);
    while let Some(chunk) = sent.try_next().await.map_err(|e| failure(&e))? {
        rows.push(chunk);
        found = found.or(rows.next(&mut known)?);
    }
    rows.ended()?;
    drop(sent);
    sending.ended();
    Ok(found)
}

/// A connection that sends rows. When it is left before their end, however that comes (a failure, a caller that waits no
/// longer), it is closed: nobody else could use it.
struct Sending(Option<PoolConnection<Postgres>>);

impl Sending {
    async fn new(pool: &PgPool) -> Result<Self, LogError> {
        Ok(Self(Some(pool.acquire().await.map_err(|e| failure(&e))?)))
    }

    async fn ask(&mut self, statement: &str) -> Result<BoxStream<'_, sqlx::Result<Bytes>>, LogError> {
        match &mut self.0 {
            Some(connection) => connection.copy_out_raw(statement).await.map_err(|e| failure(&e)),
            None => Err(failure(&sqlx::Error::PoolClosed)),
        }
    }

    /// All of them have come: others may use it.
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
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
