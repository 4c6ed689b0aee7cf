use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::bail;
use async_trait::async_trait;
use axum::Router;
use ingest::backfill::{Outcome, Range};
use ingest::capture::{Bounds, Intake, Probe, health};
use projection::{Runner, Settings};
use store::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::configuration::{Account, Configuration};
use crate::installation::Installation;
use crate::{lag, rules, serving, shutdown, telemetry};

/// How long appends whose sender has gone may still take at the end.
const DRAIN: Duration = Duration::from_secs(10);
/// A raised or renewed quota is noticed within the hour.
const LIMIT_PAUSE: Duration = Duration::from_secs(30 * 60);
/// Lists and reports change after the fact, and webhooks get lost: what is new since is read once a day.
const REFRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two attempts at history after an error.
const ERROR_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Runs the named roles only, for several machines.
///
///   chatledger run ingest               capture and history
///
///   chatledger run project              the projection
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Run {
    /// What this process does.
    #[arg(required = true, value_enum)]
    roles: Vec<Role>,
}

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Takes webhooks, fetches history.
    Ingest,
    /// Folds the log into the tables.
    Project,
}

impl Role {
    pub(crate) const ALL: [Self; 2] = [Self::Ingest, Self::Project];
}

impl Run {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        work(configuration, &self.roles).await
    }
}

/// Does what the roles do until a signal comes.
pub(crate) async fn work(configuration: &Configuration, roles: &[Role]) -> anyhow::Result<()> {
    let stop = shutdown::token()?;
    // The address first: a second `up` on one machine ends here, before it touches anything.
    let listener = serving::listen(configuration.server.listen).await?;
    let metrics = telemetry::metrics()?;
    let installation = Arc::new(Installation::open(configuration).await?);
    tracing::info!(server.address = %listener.local_addr()?, accounts = configuration.accounts.len(), "up");
    let services = Services::start(&installation, configuration, roles, &stop)?;
    let router = services.router.clone().merge(serving::metrics(metrics, &configuration.server));
    let served = serving::serve(listener, router, stop.clone()).await;
    stop.cancel();
    let finished = services.finish().await;
    if let Some(installation) = Arc::into_inner(installation) {
        installation.close().await?;
    }
    served.and(finished)
}

/// What runs beside the server.
pub(crate) struct Services {
    /// Hooks and health.
    pub(crate) router: Router,
    intake: Option<Intake>,
    tasks: TaskTracker,
    failed: Arc<OnceLock<String>>,
}

impl Services {
    /// Starts the roles' tasks; they end when `stop` is cancelled.
    ///
    /// # Errors
    /// When one cannot be started; says why.
    pub(crate) fn start(
        installation: &Arc<Installation>,
        configuration: &Configuration,
        roles: &[Role],
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let tasks = TaskTracker::new();
        let mut router = Router::new();
        let mut probes: Vec<Arc<dyn Probe>> = vec![Arc::new(Database(installation.pool.clone()))];
        let mut intake = None;
        if roles.contains(&Role::Ingest) {
            let taking = Intake::new(
                rules::hooks(configuration),
                installation.log.clone(),
                installation.clock.clone(),
                installation.ids.clone(),
                Bounds::default(),
            );
            router = router.merge(ingest::capture::router(taking.clone()));
            probes.push(Arc::new(taking.clone()));
            intake = Some(taking);
            for account in
                configuration.accounts.iter().filter(|account| account.active && account.token.is_some())
            {
                tasks.spawn(fetch_history(installation.clone(), account.clone(), stop.clone()));
            }
        }
        let failed = Arc::new(OnceLock::new());
        if roles.contains(&Role::Project) {
            let owner = installation.ids.next(installation.clock.now()).to_string();
            let runner = Runner::new(
                installation.log.clone(),
                installation.pool.clone(),
                rules::projection(configuration),
                Settings::default(),
                store::LIVE,
                &owner,
            );
            probes.push(Arc::new(Projecting(failed.clone())));
            // Capture goes on without a projection: what comes is kept. Alone it has nothing to stay for.
            let alone = (!roles.contains(&Role::Ingest)).then(|| stop.clone());
            tasks.spawn(project(runner, stop.clone(), failed.clone(), alone));
            tasks.spawn(lag::watch(installation.clone(), stop.clone()));
        }
        Ok(Self { router: router.merge(health::router(probes)), intake, tasks, failed })
    }

    /// Waits for what runs. Call it when no more requests come and the stop was asked for.
    ///
    /// # Errors
    /// When the projection had stopped for a reason of its own.
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
        self.failed.get().map_or(Ok(()), |reason| bail!("the projection stopped: {reason}"))
    }
}

/// Projects until the stop; a reason to stop of its own is kept for [`Services::finish`] and readiness.
async fn project(
    runner: Runner,
    stop: CancellationToken,
    failed: Arc<OnceLock<String>>,
    alone: Option<CancellationToken>,
) {
    // A task of its own: should it panic, readiness says so.
    let ended = match tokio::spawn(async move { runner.run(stop).await }).await {
        Ok(ended) => ended.map_err(|error| error.to_string()),
        Err(died) => Err(format!("a fault of the program: {died}")),
    };
    if let Err(error) = ended {
        tracing::error!(error = %error, "the projection stopped");
        let _ = failed.set(error);
        if let Some(stop) = alone {
            stop.cancel();
        }
    }
}

/// Whether the projection goes on.
struct Projecting(Arc<OnceLock<String>>);

#[async_trait]
impl Probe for Projecting {
    fn name(&self) -> &str {
        "projection"
    }

    async fn ready(&self) -> Result<(), String> {
        self.0.get().map_or(Ok(()), |reason| Err(reason.clone()))
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

/// Fetches an account's history up to the present, and once a day what is new; limits and errors only delay it.
async fn fetch_history(installation: Arc<Installation>, account: Account, stop: CancellationToken) {
    let backfill = match rules::backfill(&installation, &account, Some(account.history_quota_share)) {
        Ok(backfill) => backfill,
        Err(error) => {
            tracing::error!(account.id = %account.id, error = format!("{error:#}"), "history cannot be fetched");
            return;
        }
    };
    loop {
        let pause = match backfill.run(Range::Continue(account.history), &|_| {}, &stop).await {
            Ok(Outcome::Stopped(_)) => return,
            Ok(Outcome::Done(_)) => REFRESH,
            Ok(Outcome::QuotaSpent { continues_at, .. }) => {
                tracing::warn!(account.id = %account.id, continues_at = %continues_at, "history waits for quota");
                LIMIT_PAUSE
            }
            Err(error) => {
                tracing::warn!(account.id = %account.id, error = %error, "history is tried again");
                ERROR_PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
