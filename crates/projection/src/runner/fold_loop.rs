//! Folds what is marked, again and again, until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use store::folding::{self, Share};
use store::{PgPool, StoreError};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fold_marks::{fold_share, settle};
use super::{Pause, ProjectionError, Round, Settings};
use crate::Rules;

/// How long facts gather before they are folded while the log holds more than a batch: then a conversation is folded once
/// for many messages, and the processors store meanwhile.
const GATHER: Duration = Duration::from_secs(2);

/// How long a client's row may trail its conversations while these keep a loop busy.
const CLIENTS_EVERY: Duration = Duration::from_secs(1);

/// A fold loop with its share of the subjects.
pub(super) struct FoldLoop {
    pub(super) pool: PgPool,
    pub(super) rules: Rules,
    pub(super) settings: Settings,
    pub(super) share: Share,
    /// Rung when facts were stored, and when another loop has marked something.
    pub(super) marked: Arc<Notify>,
    /// Whether the log holds more than the last batch brought.
    pub(super) behind: Arc<AtomicBool>,
    /// Those of the other loops.
    pub(super) others: Vec<Arc<Notify>>,
}

impl FoldLoop {
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), ProjectionError> {
        let mut pause = Pause::new();
        let mut clients_at = Instant::now();
        let most = self.settings.fold_subjects;
        // Where the answer is lost, the next statement tells.
        let folds_again = folding::folds_again(&self.pool).await.unwrap_or(true);
        let mut round = if folds_again { Round::careful(most) } else { Round::new(most) };
        // When all that was marked had been folded.
        let mut folded_at = Instant::now();
        while !stop.is_cancelled() {
            let clients_due = clients_at.elapsed() >= CLIENTS_EVERY;
            let folding = match self.gather(folded_at + GATHER, &round, &stop).await {
                Ok(()) if stop.is_cancelled() => break,
                Ok(()) => fold_share(&self.pool, &self.rules, &round, self.share, clients_due).await,
                Err(error) => Err(error),
            };
            if clients_due {
                clients_at = Instant::now();
            }
            match folding {
                Ok(folding) => {
                    pause.reset();
                    round.folded(folding);
                    if !folding.is_full {
                        folded_at = Instant::now();
                    }
                    if folding.subjects > 0 {
                        // What was settled marks conversations, and these mark clients: of any share.
                        self.others.iter().for_each(|other| other.notify_one());
                        continue;
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.marked.notified() => {}
                        // Marks of other processes, and those left by a crash.
                        () = tokio::time::sleep(self.settings.idle) => {}
                    }
                }
                Err(error) => {
                    round.failed();
                    pause.take(error.into(), "projection.fold", &stop).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits as long as the log holds more, at most until `end`. What names no channel is filed meanwhile: that is done once for
    /// each fact whenever it is done.
    async fn gather(&self, end: Instant, round: &Round, stop: &CancellationToken) -> Result<(), StoreError> {
        while self.behind.load(Ordering::Relaxed) && Instant::now() < end {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.marked.notified() => {}
                () = tokio::time::sleep_until(end) => return Ok(()),
            }
            if self.share.part == 0 {
                settle(&self.pool, round.others()).await?;
            }
        }
        Ok(())
    }
}
