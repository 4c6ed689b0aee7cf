//! All CRMs of a process: one worker each, and one reader of changes for all of them.

use std::sync::Arc;
use std::time::Duration;

use events::{Clock, DeliveryIds};
use futures::future::{join, join_all};
use store::changes::{self, ChangeKind};
use store::{PgPool, StoreError, crm_links};
use tokio_util::sync::CancellationToken;

use crate::error::CrmError;
use crate::kind::Crm;
use crate::message_ids::MessageIds;
use crate::once::{Options, Progress, Summary};
use crate::preview::Preview;
use crate::state::State;
use crate::verify::Verification;
use crate::worker::Worker;

/// Changes read at once.
const CHANGES: i64 = 1000;
/// A lead that changes often is sent once in this time.
const COALESCE: chrono::Duration = chrono::Duration::seconds(2);
/// Between two looks at changes.
const IDLE: Duration = Duration::from_millis(250);
/// After an error of the database.
const AFTER_ERROR: Duration = Duration::from_secs(2);

/// What is passed in.
#[derive(Clone)]
pub struct Surroundings {
    /// The tables.
    pub pool: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of messages, and chance.
    pub ids: DeliveryIds,
}

/// Brings leads into CRMs.
pub struct Sync {
    workers: Vec<Worker>,
    pool: PgPool,
    clock: Arc<dyn Clock>,
}

impl Sync {
    /// Builds the adapters; no call is made.
    ///
    /// # Errors
    /// [`CrmError::Settings`]: what is wrong with one of them.
    pub fn new(surroundings: &Surroundings, crms: Vec<Crm>) -> Result<Self, CrmError> {
        let Surroundings { pool, clock, ids } = surroundings;
        let mut workers = Vec::new();
        for crm in crms {
            let adapter = crm.kind.adapter(clock.clone());
            let adapter = adapter.map_err(|what| CrmError::Settings(format!("crm {}: {what}", crm.name)))?;
            workers.push(Worker {
                adapter,
                target: format!("crm/{}", crm.name),
                owner: ids.next(clock.now()).to_string(),
                ids: MessageIds(ids.clone()),
                pool: pool.clone(),
                clock: clock.clone(),
                crm,
            });
        }
        Ok(Self { workers, pool: pool.clone(), clock: clock.clone() })
    }

    /// Works for all of them until the stop. Without any it only takes changes away: live begins from state, so nothing
    /// is lost for one that is configured later.
    ///
    /// # Errors
    /// None: a CRM or a database that is away is waited for.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), CrmError> {
        let working = join_all(self.workers.iter().map(|worker| worker.run(&stop)));
        join(self.mark_loop(&stop), working).await;
        Ok(())
    }

    /// Names of all.
    pub fn names(&self) -> Vec<&str> {
        self.workers.iter().map(|worker| worker.crm.name.as_str()).collect()
    }

    /// Sends to one all that differs, now, to its end.
    ///
    /// # Errors
    /// See [`CrmError`]; what was sent until then stays sent.
    pub async fn once(
        &self,
        crm: &str,
        options: Options,
        told: &(dyn Fn(Progress) + Send + std::marker::Sync),
        stop: &CancellationToken,
    ) -> Result<Summary, CrmError> {
        self.worker(crm)?.once(options, told, stop).await
    }

    /// What [`Sync::once`] would do. Changes nothing, here or there.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn preview(&self, crm: &str) -> Result<Preview, CrmError> {
        self.worker(crm)?.preview().await
    }

    /// Reads back up to `sample` records and compares.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn verify(&self, crm: &str, sample: u32) -> Result<Verification, CrmError> {
        self.worker(crm)?.verify(sample).await
    }

    /// How one is doing.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn state(&self, crm: &str) -> Result<State, CrmError> {
        self.worker(crm)?.state().await
    }

    fn worker(&self, crm: &str) -> Result<&Worker, CrmError> {
        let unknown = || {
            let names = self.names().join(", ");
            CrmError::Settings(format!("no crm {crm:?} is configured; there are: {names}"))
        };
        self.workers.iter().find(|worker| worker.crm.name == crm).ok_or_else(unknown)
    }

    async fn mark_loop(&self, stop: &CancellationToken) {
        let mut is_told = false;
        while !stop.is_cancelled() {
            let pause = match self.mark().await {
                Ok(0) => IDLE,
                Ok(_) => {
                    is_told = false;
                    continue;
                }
                Err(error) => {
                    if !is_told {
                        tracing::warn!(error = %error, "changes of leads are read again");
                    }
                    is_told = true;
                    AFTER_ERROR
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Marks what changed, for every live CRM, in the transaction that takes the changes away.
    async fn mark(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut transaction = store::begin(&self.pool).await?;
        let changes = changes::read(&mut transaction, ChangeKind::Lead, CHANGES).await?;
        if changes.subjects.is_empty() {
            return Ok(0);
        }
        for worker in self.workers.iter().filter(|worker| worker.crm.live) {
            let at = now + COALESCE;
            crm_links::mark_changed(&mut transaction, worker.scope(), &changes.subjects, at, now).await?;
        }
        changes::clear(&mut transaction, &changes).await?;
        store::commit(transaction).await?;
        Ok(changes.subjects.len())
    }
}
