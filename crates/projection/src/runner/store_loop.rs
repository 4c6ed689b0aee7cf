//! Reads the log and has it stored, again and again, until it is told to stop.

use std::sync::atomic::Ordering;
use std::time::Duration;

use log::Limit;
use tokio_util::sync::CancellationToken;

use super::lanes::{self, Lanes};
use super::partitions::Partitions;
use super::{Pause, ProjectionError, Runner, Trouble};

/// How long the log is looked at for more when it just held a full batch.
const GLANCE: Duration = Duration::from_millis(10);

/// How long commits may last when the runner is told to stop. One that breaks off in the midst of a COPY leaves a connection
/// that answers out of step: while the runner goes on, each is waited for to its end.
const GRACE: Duration = Duration::from_secs(5);

impl Runner {
    pub(super) async fn store_loop(&self, stop: &CancellationToken) -> Result<(), ProjectionError> {
        let mut partitions =
            Partitions::new(self.log.clone(), self.pool.clone(), self.leases.clone(), &self.settings);
        let mut pause = Pause::new();
        while !stop.is_cancelled() {
            let (pool, rules, marked) = (self.pool.clone(), self.rules.clone(), self.marked.clone());
            let mut lanes = Lanes::new(pool, rules, marked, self.settings.store_lanes);
            let storing = async {
                let stored = self.store_on(&mut partitions, &mut lanes, &mut pause, stop).await;
                if stored.is_err() {
                    // What was read and not committed is read again: from where it stands when no lane writes any more.
                    let _ = partitions.while_held(lanes.wait_for_all()).await;
                }
                stored
            };
            let stored = tokio::select! {
                biased;
                stored = storing => stored,
                () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => return Ok(()),
            };
            if let Err(trouble) = stored {
                partitions.forget();
                pause.take(trouble, "projection.store", stop).await?;
            }
        }
        Ok(())
    }

    /// Keeps the leases, reads batches and gives them to the lanes. Ends by `stop`, when what was read is stored.
    async fn store_on(
        &self,
        partitions: &mut Partitions,
        lanes: &mut Lanes,
        pause: &mut Pause,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        let records = self.settings.batch_records;
        let limit = Limit { records: records * lanes.count(), bytes: self.settings.batch_bytes };
        let mut was_split = false;
        loop {
            if partitions.is_due() {
                settle(partitions, lanes).await?;
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    kept = partitions.keep() => kept?,
                }
            }
            // Who folds waits for the end of what the log holds: no longer than it takes to see it.
            let was_behind = self.behind.load(Ordering::Relaxed);
            let wait = if was_behind { GLANCE } else { self.settings.idle };
            let batch = tokio::select! {
                () = stop.cancelled() => return settle(partitions, lanes).await,
                batch = partitions.next(limit, wait) => batch?,
            };
            self.behind.store(batch.records.len() >= records, Ordering::Relaxed);
            let is_split = batch.records.len() > records;
            // Where this batch and the one before are split, each lane goes on by itself.
            if !(is_split && was_split) {
                settle(partitions, lanes).await?;
            }
            was_split = is_split;
            if batch.next.is_empty() {
                pause.reset();
                if was_behind {
                    self.marked.iter().for_each(|marked| marked.notify_one());
                }
                continue;
            }
            let moves = partitions.taken(&batch);
            for part in lanes::split(batch, records, lanes.count()) {
                let stored = partitions.while_held(lanes.wait(part.lane)).await?;
                if !stored.is_empty() {
                    pause.reset();
                    partitions.committed(&stored).await;
                }
                lanes.store(part, &moves);
            }
        }
    }
}

/// Waits until everything that was read is stored.
async fn settle(partitions: &mut Partitions, lanes: &mut Lanes) -> Result<(), Trouble> {
    let stored = partitions.while_held(lanes.wait_for_all()).await?;
    partitions.committed(&stored).await;
    Ok(())
}
