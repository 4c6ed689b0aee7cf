//! The partitions that this runner holds, and the reader over them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use log::{Batch, Lease, Leases, Limit, Log, Place, Reader};
use store::PgPool;
use store::positions::{self, Move};
use tokio::time::Instant;

use super::{Settings, Trouble};

/// A held partition: the epoch of its lease and the position up to which this runner has taken records.
struct Held {
    epoch: i64,
    next: i64,
}

pub(super) struct Partitions {
    log: Arc<dyn Log>,
    pool: PgPool,
    leases: Leases,
    renew_every: Duration,
    renewed_at: Option<Instant>,
    /// As `renewed_at`, beside a commit too.
    held_at: Instant,
    leased: Vec<Lease>,
    held: BTreeMap<u32, Held>,
    reader: Option<Box<dyn Reader>>,
}

impl Partitions {
    pub(super) fn new(log: Arc<dyn Log>, pool: PgPool, leases: Leases, settings: &Settings) -> Self {
        Self {
            log,
            pool,
            leases,
            renew_every: settings.lease / 3,
            renewed_at: None,
            held_at: Instant::now(),
            leased: Vec::new(),
            held: BTreeMap::new(),
            reader: None,
        }
    }

    /// Whether it is time for [`Partitions::keep`].
    pub(super) fn is_due(&self) -> bool {
        self.reader.is_none() || self.renewed_at.is_none_or(|at| at.elapsed() >= self.renew_every)
    }

    /// Renews the leases, gives back what is above this worker's share, takes what is free, and
    /// opens the reader anew when the set changed.
    /// Nothing that was read may be on its way then.
    pub(super) async fn keep(&mut self) -> Result<(), Trouble> {
        let partitions = self.log.partitions();
        let mut leased =
            if self.leased.is_empty() { Vec::new() } else { self.leases.renew(&self.leased).await? };
        let share = self.leases.share(partitions).await? as usize;
        if leased.len() > share {
            let surplus = leased.split_off(share);
            self.leases.release(&surplus).await?;
        }
        leased.extend(self.leases.acquire(partitions).await?);
        leased.sort_unstable();
        self.held_at = Instant::now();
        self.renewed_at = Some(self.held_at);
        if leased != self.leased || self.reader.is_none() {
            self.reader = None;
            self.leased = leased;
            self.open().await?;
        }
        Ok(())
    }

    /// Takes the positions over under the epochs of the leases, and reads from there.
    async fn open(&mut self) -> Result<(), Trouble> {
        self.held.clear();
        let mut transaction = store::begin(&self.pool).await?;
        for lease in &self.leased {
            // A log that nobody has read is read from 0: a start beyond it is refused by the log itself.
            let next =
                positions::take(&mut transaction, lease.partition, self.log.id(), lease.epoch, 0).await?;
            self.held.insert(lease.partition, Held { epoch: lease.epoch, next });
        }
        store::commit(transaction).await?;
        let places: Vec<Place> = self
            .held
            .iter()
            .map(|(partition, held)| Place { partition: *partition, offset: held.next })
            .collect();
        self.reader = Some(self.log.open(&places).await?);
        Ok(())
    }

    /// The next records of the held partitions.
    pub(super) async fn next(&mut self, limit: Limit, wait: Duration) -> Result<Batch, Trouble> {
        match &mut self.reader {
            Some(reader) if !self.held.is_empty() => Ok(reader.next(limit, wait).await?),
            // More workers than partitions: nothing to do until a lease is free.
            _ => {
                tokio::time::sleep(wait).await;
                Ok(Batch::default())
            }
        }
    }

    /// Does `work` and renews the leases beside it: a commit may take longer than a lease, and a worker that lost its
    /// partitions each time would never get on.
    pub(super) async fn while_held<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            let due = self.held_at + self.renew_every;
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep_until(due) => {
                    self.held_at = Instant::now();
                    // Lost ones are found by the fence of the commit.
                    if let Err(error) = self.leases.renew(&self.leased).await {
                        tracing::debug!(error = %error, "leases not renewed beside a commit");
                    }
                }
            }
        }
    }

    /// The moves that a batch makes, which is stored after all that was taken before.
    pub(super) fn taken(&mut self, batch: &Batch) -> Vec<Move> {
        let one = |place: &Place| {
            let held = self.held.get_mut(&place.partition)?;
            let from = std::mem::replace(&mut held.next, place.offset);
            Some(Move { partition: place.partition, from, to: place.offset, epoch: held.epoch })
        };
        batch.next.iter().filter_map(one).collect()
    }

    /// Tells the log's own tools what was committed.
    pub(super) async fn committed(&mut self, places: &[Place]) {
        if let Some(reader) = self.reader.as_mut().filter(|_| !places.is_empty()) {
            reader.committed(places).await;
        }
    }

    /// Drops the reader: the next round begins at the stored positions.
    pub(super) fn forget(&mut self) {
        self.reader = None;
        self.renewed_at = None;
    }
}
