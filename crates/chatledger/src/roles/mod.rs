//! The roles of a process: which parts of the work it does (design.md 5, `run`).
//!
//! Each role is a file that starts its tasks and says what it serves. They share one installation, one server and one
//! stop; a role that ends for a reason of its own is told by [`Services::finish`] and by readiness.
//!
//! To add a role: 1. its variant in [`Role`], 2. a file here, 3. its line in [`Services::start`].

mod ended;
mod escalate;
mod export;
mod ingest;
mod project;
mod sync;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::ingest::capture::{Intake, Probe, health};
use anyhow::bail;
use async_trait::async_trait;
use axum::Router;
use store::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::serving;
use ended::Ended;

/// How long appends whose sender has gone may still take at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Takes webhooks, fetches history.
    Ingest,
    /// Folds the log into the tables.
    Project,
    /// Tells people of low scores.
    Escalate,
    /// Brings leads into CRMs, live and nightly.
    Sync,
    /// Keeps the Parquet files of `[export] out` up to date.
    Export,
    /// Serves the page, its API and the links to acknowledge.
    Web,
}

impl Role {
    pub(crate) const ALL: [Self; 6] =
        [Self::Ingest, Self::Project, Self::Escalate, Self::Sync, Self::Export, Self::Web];
}

/// What the roles of a process work on.
pub(crate) struct Stage<'a> {
    /// Database, log, clock.
    pub(crate) installation: &'a Arc<Installation>,
    /// What was configured.
    pub(crate) configuration: &'a Configuration,
    /// Where the server of this process listens.
    pub(crate) address: SocketAddr,
    /// Ends everything.
    pub(crate) stop: &'a CancellationToken,
}

/// What runs beside the server.
pub(crate) struct Services {
    /// Everything that is served.
    pub(crate) router: Router,
    intake: Option<Intake>,
    tasks: TaskTracker,
    ended: Ended,
}

impl Services {
    /// Starts the roles' tasks; they end when the stage's stop is cancelled. `guarded` are further routes that are
    /// not for everybody.
    ///
    /// # Errors
    /// When one cannot be started; says why.
    pub(crate) fn start(stage: &Stage<'_>, roles: &[Role], guarded: Router) -> anyhow::Result<Self> {
        let tasks = TaskTracker::new();
        // What has nothing to stay for once its only role has ended.
        let alone = (roles.len() == 1).then(|| stage.stop.clone());
        let ended = Ended::new(alone);
        let mut probes: Vec<Arc<dyn Probe>> = vec![Arc::new(Database(stage.installation.pool.clone()))];
        let (mut open, mut guarded) = (Router::new(), guarded);
        let mut intake = None;
        for role in Role::ALL.into_iter().filter(|role| roles.contains(role)) {
            match role {
                Role::Ingest => {
                    let taking = ingest::start(stage, &tasks);
                    open = open.merge(::ingest::capture::router(taking.clone()));
                    probes.push(Arc::new(taking.clone()));
                    intake = Some(taking);
                }
                Role::Project => probes.extend(project::start(stage, &tasks, &ended)),
                Role::Escalate => {
                    probes.push(escalate::start(stage, &tasks, &ended)?);
                    // The links in its messages lead here where no other address is configured.
                    if !roles.contains(&Role::Web) {
                        open = open.merge(web::routes(stage)?.open);
                    }
                }
                Role::Sync => probes.push(sync::start(stage, &tasks, &ended)?),
                Role::Export => export::start(stage, &tasks)?,
                Role::Web => {
                    let routes = web::routes(stage)?;
                    open = open.merge(routes.open);
                    guarded = guarded.merge(routes.guarded);
                }
            }
        }
        let router =
            open.merge(health::router(probes)).merge(serving::guarded(guarded, &stage.configuration.server));
        Ok(Self { router, intake, tasks, ended })
    }

    /// Waits until all in flight has ended. Call it when no more requests come and the stop was asked for.
    ///
    /// # Errors
    /// When a role had ended for a reason of its own.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        if let Some(intake) = &self.intake
            && tokio::time::timeout(DRAIN, intake.drain()).await.is_err()
        {
            tracing::warn!(
                "the log did not acknowledge the last appends; their senders were asked to try again"
            );
        }
        self.tasks.close();
        self.tasks.wait().await;
        match self.ended.reason() {
            Some(reason) => bail!(reason),
            None => Ok(()),
        }
    }
}

/// Whether the database takes work.
struct Database(PgPool);

#[async_trait]
impl Probe for Database {
    fn name(&self) -> &str {
        "database"
    }

    async fn ready(&self) -> Result<(), String> {
        self.0.acquire().await.map(drop).map_err(|error| error.to_string())
    }
}
