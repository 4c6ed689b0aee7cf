//! Makes all tables again from the log, beside the live ones, and exchanges them (design.md 7.4).
//!
//! [`Rebuild::build`] fills schema `chat_next` at full speed: [`load`] decodes the log into packed tellings, `store` files
//! what names no channel, [`parts`] folds part by part in memory. Conversations that share something with another one are
//! left to the ordinary fold, so that there is one rule for them. [`Rebuild::follow`] lets an ordinary [`Runner`](crate::Runner) go after
//! the log, [`Rebuild::switch`] puts the tables in the place of the live ones.
//!
//! It may be broken off everywhere: the next build goes on where this one stopped, where that is sound. Nothing is fired:
//! what the live generation has noted already is not noted again.

mod clients;
mod control;
mod follow;
mod load;
mod parts;
mod switch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log::{Log, LogError};
use store::changes::{self, ChangeKind};
use store::generations::spill::Spill;
use store::generations::state::{self, Phase, State};
use store::generations::{self, NEXT, OLD, indexes, settle};
use store::{PgPool, StoreError, level, positions};
use uuid::Uuid;

use crate::Rules;
use crate::runner::{ProjectionError, Round, Settings, adopt, fold_round};
pub use control::{Control, Progress};
pub use store::generations::diff::TableDiff;
pub use store::generations::switch::{Left, Switched};

/// Deliveries of the log that make one part: as many as fold in a few dozen MiB.
const PART: i64 = 8_000;
/// Most parts: each has four bytes in memory for each segment of packed tellings.
const PARTS: i64 = 4_096;
/// Between two looks at what another process does.
const MOMENT: Duration = Duration::from_millis(50);
/// Why a rebuild ended early.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process rebuilds.
    #[error("another rebuild is running; wait for it, or end it with `chatledger rebuild --cancel`")]
    Busy,
    /// It was asked to stop; what is made stays, the next build goes on with it.
    #[error("stopped; `chatledger rebuild` goes on where it stopped")]
    Stopped,
    /// Somebody cancelled it; the caller drops what is made.
    #[error("cancelled; the live tables are as they were")]
    Cancelled,
    /// Going on makes no sense. Says what to do.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for RebuildError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<LogError> for RebuildError {
    fn from(error: LogError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ProjectionError> for RebuildError {
    fn from(error: ProjectionError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A rebuild. Whoever calls it holds the right to ([`generations::claim`]).
pub struct Rebuild {
    log: Arc<dyn Log>,
    live: PgPool,
    next: PgPool,
    rules: Rules,
    owner: String,
    workers: usize,
    folder: PathBuf,
}

impl Rebuild {
    /// `live` sees the live generation; `owner` is a name that no other run of any process has. What the log says is kept
    /// in files below `folder` until it is folded: about as many bytes as the log's bodies have.
    pub fn new(log: Arc<dyn Log>, live: PgPool, rules: Rules, owner: &str, folder: &Path) -> Self {
        // More than there are processors: while some wait for an answer, the others have work.
        let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4) + 2;
        let connections = u32::try_from(workers).unwrap_or(4) + 6;
        let next = generations::pool_of_next(&live, connections);
        Self { log, live, next, rules, owner: owner.to_owned(), workers, folder: folder.to_owned() }
    }

    /// Frees the connections.
    pub async fn close(self) {
        self.next.close().await;
    }

    /// Fills the next generation with all that the live one has read (of another log: with all that is there), or goes on
    /// filling it.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub async fn build(&self, from_scratch: bool, control: &Control) -> Result<(), RebuildError> {
        let old = generations::dependents(&self.live, OLD).await?;
        if let Some(held) = old.iter().find(|held| held.is_outside()) {
            return Err(RebuildError::Failed(format!(
                "{held} still reads schema {OLD}, which a rebuild replaces; make it anew on schema chat or drop it"
            )));
        }
        generations::check_inside_old(&self.live).await?;
        // What was wanted of one that was left is over; what is wanted from here on holds.
        state::want(&self.live, state::Wish::Go).await?;
        let state = match self.left(from_scratch, control).await? {
            Some(state) => state,
            None => self.begun(from_scratch, control).await?,
        };
        let spill = self.spill(state.build);
        control.enter(state.phase);
        let mut phase = state.phase;
        if phase == Phase::Loading {
            let epoch = generations::take_loading(&self.next).await?;
            // Nobody else moves a position any more.
            spill.tidy(&Spill::segments(&self.next).await?)?;
            load::run(self, &state, &spill, epoch, control).await?;
            fail::fail_point!("rebuild.loaded", |_| std::process::abort());
            phase = self.enter(&state, phase, Phase::Settling).await?;
        }
        if phase == Phase::Settling {
            control.enter(phase);
            control.pass().await?;
            settle::all(&self.next, &spill, state.build, state.buckets, &|filed| control.done(filed)).await?;
            fail::fail_point!("rebuild.settled", |_| std::process::abort());
            phase = Phase::Folding;
        }
        if phase == Phase::Folding {
            control.enter(phase);
            parts::run(self, &state, &spill, control).await?;
            fail::fail_point!("rebuild.folded", |_| std::process::abort());
            phase = self.enter(&state, phase, Phase::Indexing).await?;
        }
        if phase == Phase::Indexing {
            control.enter(phase);
            self.make_indexes(state.build, control).await?;
            self.fold_what_is_left(&state, control).await?;
            fail::fail_point!("rebuild.indexed", |_| std::process::abort());
            self.enter(&state, phase, Phase::Following).await?;
        }
        indexes::finish(&self.next, state.build).await?;
        self.remove_files(Some(state.build)).await
    }

    async fn enter(&self, state: &State, from: Phase, to: Phase) -> Result<Phase, RebuildError> {
        let mut transaction = store::begin(&self.next).await?;
        state::enter(&mut transaction, state.build, from, to).await?;
        store::commit(transaction).await?;
        Ok(to)
    }

    fn spill(&self, build: Uuid) -> Spill {
        Spill::new(&self.folder, build)
    }

    /// Takes away what any build of this database has left here.
    async fn remove_files(&self, ours: Option<Uuid>) -> Result<(), RebuildError> {
        for build in state::builds(&self.live, ours).await? {
            self.spill(build).remove()?;
        }
        Ok(())
    }

    /// The build that was left, where it can be gone on with.
    async fn left(&self, from_scratch: bool, control: &Control) -> Result<Option<State>, RebuildError> {
        let Some(state) = state::get(&self.live).await? else { return Ok(None) };
        let is_ours = state.log_id == self.log.id() && state.rules == self.rules.fingerprint_of_all();
        if from_scratch || !is_ours || !generations::is_current(&self.next).await? {
            return Ok(None);
        }
        control.work_on(Some(state.build));
        let is_helped = state.phase < Phase::Indexing;
        Ok((!is_helped || self.is_intact(&state, control).await?).then_some(state))
    }

    /// A new beginning.
    async fn begun(&self, from_scratch: bool, control: &Control) -> Result<State, RebuildError> {
        control.work_on(None);
        self.discard().await?;
        let bounds = self.log.bounds().await?;
        if let Some(cut) = bounds.iter().find(|bounds| bounds.start > 0)
            && !from_scratch
        {
            return Err(RebuildError::Failed(format!(
                "the log starts at {} in partition {}: deliveries are lost; restore the log, or rebuild with \
                 --from-scratch to go on without them",
                cut.start, cut.partition
            )));
        }
        let live = positions::list(&self.live).await?;
        // Of another log the positions say nothing.
        let reads_this = live.iter().any(|position| position.log_id == self.log.id());
        let until = |bounds: &log::Bounds| {
            let read = live.iter().find(|position| position.partition == bounds.partition);
            let until = if reads_this { read.map_or(0, |position| position.next) } else { bounds.end };
            (bounds.partition, until.clamp(bounds.start, bounds.end))
        };
        let until: BTreeMap<u32, i64> = bounds.iter().map(until).collect();
        self.fold_waiting().await?;
        let deliveries: i64 = bounds
            .iter()
            .map(|bounds| until.get(&bounds.partition).copied().unwrap_or(0) - bounds.start)
            .sum();
        let buckets = u32::try_from((deliveries / PART + 1).clamp(1, PARTS)).unwrap_or(1);
        generations::create(&self.next).await?;
        // While there is nothing to fold again.
        adopt(&self.next, &self.rules, &self.owner).await?;
        indexes::take_away(&self.next).await?;
        generations::load::prepare(&self.next).await?;
        let mut transaction = store::begin(&self.next).await?;
        let starts: Vec<(u32, i64)> = bounds.iter().map(|bounds| (bounds.partition, bounds.start)).collect();
        generations::load::advance(&mut transaction, self.log.id(), &starts).await?;
        let rules = self.rules.fingerprint_of_all();
        let build =
            state::begin(&mut *transaction, self.log.id(), rules, &until, live.is_empty(), buckets).await?;
        // What it has in files is known for good, whatever happens to the server.
        generations::load::belong(&mut transaction, build).await?;
        self.spill(build).make()?;
        store::commit(transaction).await?;
        let begun = state::get(&self.live).await?.filter(|begun| begun.build == build);
        let begun = begun.ok_or_else(state::taken_over)?;
        control.work_on(Some(build));
        Ok(begun)
    }

    /// Folds what the live generation has stored and not folded yet, there: whoever waits for news hears of it.
    ///
    /// # Errors
    /// As of the store.
    pub async fn fold_waiting(&self) -> Result<(), RebuildError> {
        let mark = level::newest_mark(&self.live).await?;
        let mut round = Round::careful(Settings::default().fold_subjects);
        while level::waits_through(&self.live, mark).await? {
            match fold_round(&self.live, &self.rules, &round).await {
                Ok(folding) if folding.subjects > 0 => round.folded(folding),
                // Another process has what is left, or was in the way of ours; a database that is away says so above.
                Ok(_) => tokio::time::sleep(MOMENT).await,
                Err(StoreError::Unavailable(why)) => {
                    tracing::debug!(error = %why, "folding what waits is tried again");
                    round.failed();
                    tokio::time::sleep(MOMENT).await;
                }
                Err(StoreError::Refused(why)) => {
                    tracing::warn!(error = %why, "what waits in the live tables is left to who runs");
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Drops what is made.
    ///
    /// # Errors
    /// As of the store.
    pub async fn discard(&self) -> Result<(), RebuildError> {
        generations::drop_schema(&self.live, NEXT).await?;
        state::forget(&self.live).await?;
        self.remove_files(None).await
    }

    /// Drops what was made under `control`, because somebody cancelled it: not what another rebuild has begun meanwhile.
    ///
    /// # Errors
    /// As of [`Rebuild::discard`].
    pub async fn discard_cancelled(&self, control: &Control) -> Result<(), RebuildError> {
        let held = state::get(&self.live).await?.map(|state| state.build);
        if held.is_some() && held == control.build() { self.discard().await } else { Ok(()) }
    }

    /// Whether the helper tables and files are as they were left.
    async fn is_intact(&self, state: &State, control: &Control) -> Result<bool, RebuildError> {
        let spill = self.spill(state.build);
        if !spill.is_here() || !generations::load::is_intact(&self.next, state.build).await? {
            return Ok(false);
        }
        for segment in Spill::segments(&self.next).await? {
            control.pass().await?;
            let spill = spill.clone();
            let checked = tokio::task::spawn_blocking(move || spill.is_intact(&segment)).await;
            if !checked.map_err(|error| RebuildError::Failed(format!("files of the rebuild: {error}")))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn make_indexes(&self, build: Uuid, control: &Control) -> Result<(), RebuildError> {
        let missing = indexes::missing(&self.next).await?;
        control.total(missing.len() as u64);
        let queue = tokio::sync::Mutex::new(missing.into_iter());
        let work = async || {
            loop {
                control.pass().await?;
                let Some(index) = queue.lock().await.next() else { return Ok::<_, RebuildError>(()) };
                indexes::make(&self.next, build, &index).await?;
                control.add(1);
            }
        };
        // Some at once: the server has a processor for each, and each waits for the disk at its end.
        let analyzed = async { Ok(indexes::analyze(&self.next).await?) };
        Box::pin(futures::future::try_join4(work(), work(), work(), analyzed)).await?;
        Ok(indexes::attach(&self.next, build).await?)
    }

    /// The conversations that were left to the ordinary fold, and the clients that hang on them.
    async fn fold_what_is_left(&self, state: &State, control: &Control) -> Result<(), RebuildError> {
        let rules = self.rules.unread();
        let mut round = Round::careful(Settings::default().fold_subjects);
        loop {
            let folding = fold_round(&self.next, &rules, &round).await?;
            if folding.subjects == 0 {
                break;
            }
            round.folded(folding);
            control.pass().await?;
        }
        if state.is_first {
            let readers = self.rules.readers();
            let mut transaction = store::begin(&self.next).await?;
            if readers.scores {
                changes::note_all(&mut transaction, ChangeKind::Score).await?;
            }
            if readers.leads {
                changes::note_all(&mut transaction, ChangeKind::Lead).await?;
            }
            store::commit(transaction).await?;
        }
        Ok(())
    }

    /// What the next generation says differently.
    ///
    /// # Errors
    /// As of the store.
    pub async fn diff(&self) -> Result<Vec<TableDiff>, RebuildError> {
        Ok(generations::diff::all(&self.next).await?)
    }
}
