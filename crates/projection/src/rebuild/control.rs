//! How far a rebuild is, and whether it is to go on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::generations::state::{self, Phase, State, Wish};
use store::{PgPool, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::RebuildError;

/// Between two notes of how far it is, and looks at what is wanted.
const NOTE: Duration = Duration::from_millis(250);

/// A moment of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How much of it: deliveries (loading, settling: those without a channel; following), parts, indexes.
    pub done: u64,
    /// Of how much; 0 while it is not known.
    pub total: u64,
    /// Somebody wants it to wait.
    pub is_paused: bool,
}

/// Shared by all who work on a rebuild.
#[derive(Debug)]
pub struct Control {
    phase: Mutex<Phase>,
    done: AtomicU64,
    total: AtomicU64,
    wish: watch::Sender<Wish>,
    stop: CancellationToken,
    /// The build that is worked on.
    build: Mutex<Option<Uuid>>,
    /// Somebody else has taken it away.
    lost: CancellationToken,
}

impl Control {
    /// Ends when `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            phase: Mutex::new(Phase::Loading),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            wish: watch::Sender::new(Wish::Go),
            stop,
            build: Mutex::default(),
            lost: CancellationToken::new(),
        }
    }

    /// Does `work`; beside it, notes how far it is, looks what is wanted, and shows both.
    pub async fn beside<T>(
        &self,
        pool: &PgPool,
        show: &(dyn Fn(Progress) + Sync),
        work: impl Future<Output = T>,
    ) -> T {
        let noting = async {
            loop {
                show(self.progress());
                tokio::time::sleep(NOTE).await;
                // A database that is away is found by the work itself.
                if let Err(error) = self.note(pool).await {
                    tracing::debug!(error = %error, "progress of the rebuild not noted");
                }
            }
        };
        // The work goes on while something is noted: a note may wait for a row that the work itself has locked.
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            () = noting => {}
        }
        work.await
    }

    async fn note(&self, pool: &PgPool) -> Result<(), StoreError> {
        // Before there is a build nobody can want anything of it.
        let Some(build) = self.build() else { return Ok(()) };
        let Progress { done, total, .. } = self.progress();
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let wish = match state::get(pool).await?.filter(|state| state.build == build) {
            Some(State { wish: wish @ (Wish::Pause | Wish::Cancel), .. }) => Some(wish),
            Some(_) => state::note(pool, build, signed(done), signed(total)).await?,
            None => None,
        };
        match wish {
            Some(wish) => drop(self.wish.send_replace(wish)),
            // Else it was left for another one while it was looked up.
            None if self.build() == Some(build) => self.lost.cancel(),
            None => {}
        }
        Ok(())
    }

    /// From now on this build is worked on, or none.
    pub(super) fn work_on(&self, build: Option<Uuid>) {
        *self.build.lock().unwrap_or_else(PoisonError::into_inner) = build;
    }

    /// The build that is worked on.
    pub(super) fn build(&self) -> Option<Uuid> {
        *self.build.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is to end; [`Control::pass`] says why.
    pub(super) async fn ended(&self) {
        let mut wishes = self.wish.subscribe();
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.lost.cancelled() => {}
            // The sender lives as long as this.
            _ = wishes.wait_for(|wish| *wish == Wish::Cancel) => {}
        }
    }

    /// How far it is now.
    pub fn progress(&self) -> Progress {
        Progress {
            phase: *self.phase.lock().unwrap_or_else(PoisonError::into_inner),
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            is_paused: *self.wish.borrow() == Wish::Pause,
        }
    }

    /// Whether somebody cancelled it.
    pub fn is_cancelled(&self) -> bool {
        *self.wish.borrow() == Wish::Cancel
    }

    /// Waits while a pause is wanted.
    ///
    /// # Errors
    /// [`RebuildError::Stopped`], [`RebuildError::Cancelled`]; [`RebuildError::Failed`] when another rebuild has taken over.
    pub(super) async fn pass(&self) -> Result<(), RebuildError> {
        let mut wishes = self.wish.subscribe();
        loop {
            if self.stop.is_cancelled() {
                return Err(RebuildError::Stopped);
            }
            if self.lost.is_cancelled() {
                return Err(state::taken_over().into());
            }
            match *wishes.borrow_and_update() {
                Wish::Go => return Ok(()),
                Wish::Cancel => return Err(RebuildError::Cancelled),
                Wish::Pause => {}
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.lost.cancelled() => {}
                // The sender lives as long as this.
                _ = wishes.changed() => {}
            }
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
    }

    pub(super) fn total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    pub(super) fn add(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }
}
