//! Folds what is marked, again and again, until it is told to stop.

use std::sync::Arc;

use store::PgPool;
use store::folding::Share;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::fold_marks::fold_share;
use super::{Pause, ProjectionError, Settings};
use crate::Rules;

/// A fold loop with its share of the subjects.
pub(super) struct FoldLoop {
    pub(super) pool: PgPool,
    pub(super) rules: Rules,
    pub(super) settings: Settings,
    pub(super) share: Share,
    /// Rung when facts were stored.
    pub(super) marked: Arc<Notify>,
}

impl FoldLoop {
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), ProjectionError> {
        let mut pause = Pause::new();
        while !stop.is_cancelled() {
            match fold_share(&self.pool, &self.rules, self.settings.fold_subjects, self.share).await {
                Ok(folding) if folding.subjects > 0 => pause.reset(),
                Ok(_) => {
                    pause.reset();
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.marked.notified() => {}
                        // Marks of other processes, and those left by a crash.
                        () = tokio::time::sleep(self.settings.idle) => {}
                    }
                }
                Err(error) => pause.take(error.into(), "projection.fold", &stop).await?,
            }
        }
        Ok(())
    }
}
