use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono_tz::Tz;
use events::{Clock as _, SystemClock};
use ingest::backfill::{History, Range};
use simulator::business::{Live, Plan};
use simulator::chat2desk::Account;
use simulator::server::{Handle, Tenant, WorldClock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::run::{Role, Services};
use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::progress::BackfillProgress;
use crate::{rules, serving, shutdown};

const ACCOUNT: &str = "acme";
const ZONE: Tz = chrono_tz::Asia::Almaty;

/// Shows the whole thing against the built-in simulator.
///
/// A business with 2,000 clients lives through 30 days; its history is backfilled, then live chats arrive for a
/// minute, then comes the report. Everything lies in a folder that is removed at the end.
///
///   chatledger demo
///
///   chatledger demo --once              ends by itself, the report on stdout
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// One finite round: prints the report and ends. So it does too when stdout is no terminal.
    #[arg(long)]
    once: bool,
    /// Keeps its data in this folder instead of one that is removed.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Clients, about.
    #[arg(long, default_value_t = 2000)]
    clients: u32,
    /// Days of past.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Seconds of live chats.
    #[arg(long, default_value_t = 60)]
    live_seconds: u32,
    /// The seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let stop = shutdown::token()?;
        // Readable to all: as root, Postgres runs as a user who has to enter it.
        let readable = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("chatledger-demo-").permissions(readable).tempdir()?;
        let data_dir = self.data_dir.clone().unwrap_or_else(|| folder.path().join("data"));
        say(&format!("a business with {} clients lives through {} days", self.clients, self.days));
        let simulator = self.simulate().await?;
        let listener = serving::listen(([127, 0, 0, 1], 0).into()).await?;
        let configuration = configuration(&data_dir, &simulator.url())?;
        let installation = Arc::new(Installation::open(&configuration).await?);
        let shown = self.show(&simulator, listener, &configuration, &installation, &stop).await;
        stop.cancel();
        simulator.stop().await?;
        if let Some(installation) = Arc::into_inner(installation) {
            installation.close().await?;
        }
        shown
    }

    async fn simulate(&self) -> anyhow::Result<Handle> {
        let now = SystemClock.now();
        let account = Account::new(ACCOUNT, "demo-token", "Example Ltd", ZONE);
        let plan = Plan { account, clients: self.clients, days: self.days, seed: self.seed, until: now };
        let (world, business) = tokio::task::spawn_blocking(move || plan.build()).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(simulator::server::serve(vec![Tenant::new(world, Some(business))], listener, WorldClock::running(now))?)
    }

    async fn show(
        &self,
        simulator: &Handle,
        listener: TcpListener,
        configuration: &Configuration,
        installation: &Arc<Installation>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        // History is fetched here, with its bars, and not by the role.
        let services = Services::start(installation, &without_history(configuration)?, &Role::ALL, stop)?;
        let server = tokio::spawn(serving::serve(listener, services.router.clone(), stop.clone()));
        let shown = self.rounds(simulator, address, configuration, installation, stop).await;
        stop.cancel();
        server.await??;
        services.finish().await;
        shown
    }

    async fn rounds(
        &self,
        simulator: &Handle,
        address: std::net::SocketAddr,
        configuration: &Configuration,
        installation: &Installation,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let account = configuration.accounts.first().context("the demo has an account")?;
        say("its history is fetched, page by page");
        let bars = BackfillProgress::new(ACCOUNT);
        let backfill = rules::backfill(installation, account, None)?;
        let outcome = backfill.run(Range::Continue(History::All), &|progress| bars.show(&progress), stop).await;
        bars.finish();
        let outcome = outcome?;
        say(&format!("{} rows in {} calls", outcome.summary().rows, outcome.summary().calls));
        register(simulator, &format!("http://{address}/hooks/{ACCOUNT}/{HOOK_SECRET}"));
        say(&format!("live chats arrive for {} seconds", self.live_seconds));
        simulator.go_live(ACCOUNT, Live { chats_per_minute: 40.0, haste: 30.0, seconds: self.live_seconds });
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(self.live_seconds.into())) => {}
        }
        // TODO-REPORT
        if !self.once && std::io::stdout().is_terminal() {
            say(&format!("going on at http://{address}/ until you stop it (ctrl-c)"));
            stop.cancelled().await;
        }
        Ok(())
    }
}
