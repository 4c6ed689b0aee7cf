//! The loops around the pure parts: read the log, store facts, fold what is marked.
//!
//! [`Runner::run`] does two things side by side. The *store loop* leases partitions, reads them in batches and commits
//! facts with the position (step 1). The *fold loops* claim what is marked and write the rows (step 2). Any number of
//! runners, in one process or many, work on one database: leases share the partitions, epochs fence whoever was
//! thought dead, marks share the folding.

mod adopting;
mod changed_rows;
mod conversations;
mod fold_loop;
mod fold_marks;
mod fold_one;
mod lanes;
mod partitions;
mod round;
pub(crate) mod store_facts;
mod store_loop;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use events::{Clock, SystemClock};
use log::{Leases, Log, LogError};
use store::folding::Share;
use store::{PgPool, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Rules;
pub(crate) use adopting::adopt;
pub(crate) use fold_marks::fold_round;
pub use fold_marks::{Folding, fold_marked};
pub use fold_one::{RowChange, fold_one};
pub(crate) use round::Round;
pub use store_facts::{Prepared, prepare};

use fold_loop::FoldLoop;

/// Between two looks at who else runs under other rules.
const CONTESTED: Duration = Duration::from_secs(1);

/// How a runner works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Deliveries that are stored in one transaction at most.
    pub batch_records: usize,
    /// Bytes that are read at once at most; bounds memory together with the reader's own queue.
    pub batch_bytes: usize,
    /// Transactions that store side by side while the log holds more than one batch, each with partitions of its own. Each
    /// needs a connection.
    pub store_lanes: usize,
    /// Marks of a kind that are folded in one transaction at most; fewer where conversations are long.
    pub fold_subjects: i64,
    /// Fold loops side by side, each with its share of conversations and clients. Each needs a connection.
    pub fold_loops: usize,
    /// How long an idle loop waits before it looks again.
    pub idle: Duration,
    /// How long a worker may be silent before others take its partitions.
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_records: 1000,
            batch_bytes: 8 << 20,
            store_lanes: 3,
            fold_subjects: 2000,
            fold_loops: 2,
            idle: Duration::from_millis(250),
            lease: Duration::from_secs(10),
        }
    }
}

/// Why a runner stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Going on would lose data or cannot succeed. Says what to do.
    #[error("{0}")]
    Stop(String),
}

/// What a single step runs into: wait and try again, give the partitions up, or stop.
#[derive(Debug)]
enum Trouble {
    Wait(String),
    Fenced,
    Stop(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(text) => Self::Wait(text),
            StoreError::Fenced { .. } => Self::Fenced,
            StoreError::Refused(text) => Self::Stop(text),
        }
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Unavailable(text) => Self::Wait(text),
            LogError::LeaseLost { .. } => Self::Fenced,
            other => Self::Stop(other.to_string()),
        }
    }
}

/// Projects a log into the tables of one generation.
pub struct Runner {
    log: Arc<dyn Log>,
    pool: PgPool,
    rules: Rules,
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// Published figures are those of the live generation.
    is_live: bool,
    leases: Leases,
    /// The log holds more than the last batch brought.
    behind: Arc<AtomicBool>,
    /// One for each fold loop.
    marked: Vec<Arc<Notify>>,
}

impl Runner {
    /// A runner named `owner`: a name that no other run of any process has. `scope` is the generation that `pool`'s
    /// connections see ([`store::LIVE`]).
    pub fn new(
        log: Arc<dyn Log>,
        pool: PgPool,
        rules: Rules,
        settings: Settings,
        scope: &str,
        owner: &str,
    ) -> Self {
        let leases = Leases::new(pool.clone(), scope, owner, settings.lease);
        let marked = (0..settings.fold_loops.max(1)).map(|_| Arc::new(Notify::new())).collect();
        let (clock, is_live) = (Arc::new(SystemClock), scope == store::LIVE);
        Self { log, pool, rules, settings, clock, is_live, leases, behind: Arc::default(), marked }
    }

    /// The same by another clock.
    #[must_use]
    pub fn timed(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Runs until `shutdown`, then gives its partitions back.
    ///
    /// # Errors
    /// [`ProjectionError::Stop`] when going on would lose data. An unreachable log or database is waited for.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), ProjectionError> {
        let stop = shutdown.child_token();
        let storing = async {
            let outcome = self.store_loop(&stop).await;
            stop.cancel();
            outcome
        };
        let folding = async {
            let outcome = match self.adopt_rules(&stop).await {
                Ok(()) => self.fold_loops(&stop).await,
                stopped => stopped,
            };
            stop.cancel();
            outcome
        };
        let (stored, folded) = Box::pin(futures::future::join(storing, folding)).await;
        if let Err(error) = self.leases.leave().await {
            tracing::warn!(error = %error, "leases not given back: others wait until they expire");
        }
        stored.and(folded)
    }

    /// Each loop is a task, so that it finds a core of its own; all of them end with this call, also when it is dropped.
    async fn fold_loops(&self, stop: &CancellationToken) -> Result<(), ProjectionError> {
        let mut loops = JoinSet::new();
        for (part, marked) in (0..).zip(&self.marked) {
            let folding = FoldLoop {
                pool: self.pool.clone(),
                rules: self.rules.clone(),
                settings: self.settings.clone(),
                share: Share { part, of: i32::try_from(self.marked.len()).unwrap_or(1) },
                marked: Arc::clone(marked),
                behind: Arc::clone(&self.behind),
                others: self.marked.iter().filter(|other| !Arc::ptr_eq(other, marked)).cloned().collect(),
            };
            loops.spawn(folding.run(stop.clone()));
        }
        let mut outcome = Ok(());
        while let Some(ended) = loops.join_next().await {
            // The first to stop stops the others.
            stop.cancel();
            let ended = ended
                .unwrap_or_else(|error| Err(ProjectionError::Stop(format!("a fold loop died: {error}"))));
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Before the first row is folded.
    async fn adopt_rules(&self, stop: &CancellationToken) -> Result<(), ProjectionError> {
        let mut pause = Pause::new();
        if self.is_live {
            adopting::look_before(&self.pool, &self.rules, self.clock.now()).await;
        }
        let (asked, mut told) = (Instant::now(), None);
        while !stop.is_cancelled() {
            let contested = match adopting::contested(&self.pool, &self.rules, asked.elapsed()).await {
                Ok(None) => match adopt(&self.pool, &self.rules, self.leases.owner()).await {
                    Ok(()) => break,
                    Err(error) => Err(error),
                },
                contested => contested,
            };
            match contested {
                Ok(Some(account)) if told.as_ref() != Some(&account) => {
                    tracing::warn!(
                        account.id = %account,
                        "another process replaced this configuration a moment ago and still runs: this one only stores until \
                         that one stops. Give both the same configuration, or restart this one in ten minutes"
                    );
                    told = Some(account);
                }
                Ok(_) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(CONTESTED) => {}
                },
                Err(error) => pause.take(error.into(), "projection.rules", stop).await?,
            }
        }
        pause.reset();
        Ok(())
    }
}

/// Growing pauses while something is away; one log line when it goes and not one each try.
struct Pause {
    next: Duration,
    waiting: bool,
}

impl Pause {
    fn new() -> Self {
        Self { next: Duration::from_millis(50), waiting: false }
    }

    fn reset(&mut self) {
        if self.waiting {
            tracing::info!("projection goes on");
        }
        *self = Self::new();
    }

    async fn take(
        &mut self,
        trouble: Trouble,
        step: &str,
        stop: &CancellationToken,
    ) -> Result<(), ProjectionError> {
        match trouble {
            Trouble::Stop(text) => return Err(ProjectionError::Stop(text)),
            Trouble::Fenced => tracing::info!(step, "another worker took a partition over"),
            Trouble::Wait(text) if self.waiting => tracing::debug!(step, error = %text, "still waiting"),
            Trouble::Wait(text) => {
                self.waiting = true;
                tracing::warn!(step, error = %text, "waiting for log or database");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.next) => {}
        }
        self.next = (self.next * 2).min(Duration::from_secs(2));
        Ok(())
    }
}
