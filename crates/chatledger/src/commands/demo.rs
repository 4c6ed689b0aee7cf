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
use simulator::chat2desk::Account as SimulatedAccount;
use simulator::chat2desk::control::{Register, register as set_webhook};
use simulator::server::{Handle, Tenant, WorldClock};
use store::report::{By, Query};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::run::{Role, Services};
use crate::configuration::{Account, Configuration};
use crate::installation::Installation;
use crate::progress::BackfillProgress;
use crate::report::Format;
use crate::report::accounting::Accounting;
use crate::report::period::Period;
use crate::report::response_times::ResponseTimes;
use crate::{lag, rules, serving, shutdown};

/// Between two lines of the live minute.
const LIVE_LINE: Duration = Duration::from_secs(10);
/// How long the projection may take to catch up.
const PATIENCE: Duration = Duration::from_secs(300);
/// No secrets: the demo listens on loopback and there is nothing behind them.
const TOKEN: &str = "demo-token";
const HOOK_SECRET: &str = "demo-hook-secret";
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
        let account = SimulatedAccount::new(ACCOUNT, TOKEN, "Example Ltd", ZONE);
        let plan = Plan { account, clients: self.clients, days: self.days, seed: self.seed, until: now };
        let (world, business) = tokio::task::spawn_blocking(move || plan.build()).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(simulator::server::serve(
            vec![Tenant::new(world, Some(business))],
            listener,
            WorldClock::running(now),
        )?)
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
        let services = Services::start(installation, configuration, &Role::ALL, stop)?;
        let server = tokio::spawn(serving::serve(listener, services.router.clone(), stop.clone()));
        let shown = self.rounds(simulator, address, configuration, installation, stop).await;
        stop.cancel();
        server.await??;
        let finished = services.finish().await;
        shown.and(finished)
    }

    async fn rounds(
        &self,
        simulator: &Handle,
        address: std::net::SocketAddr,
        configuration: &Configuration,
        installation: &Installation,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let account = configuration.accounts.first().context("the demo has no account")?;
        register(simulator, &format!("http://{address}/hooks/{ACCOUNT}/{HOOK_SECRET}"));
        say("its history is fetched, page by page");
        let bars = BackfillProgress::new(ACCOUNT);
        let backfill = rules::backfill(installation, account, None)?;
        let outcome =
            backfill.run(Range::Continue(History::All), &|progress| bars.show(&progress), stop).await;
        bars.finish();
        let outcome = outcome?;
        say(&format!("{} rows in {} calls", outcome.summary().rows, outcome.summary().calls));
        say(&format!("live chats arrive for {} seconds", self.live_seconds));
        simulator.go_live(ACCOUNT, Live { chats_per_minute: 40.0, haste: 30.0, seconds: self.live_seconds });
        if !self.watch_live(account, installation, stop).await? {
            return Ok(());
        }
        lag::caught_up(installation, PATIENCE).await?;
        report(configuration, account, installation).await?;
        if !self.once && std::io::stdout().is_terminal() {
            say(&format!("going on at http://{address}/ until you stop it (ctrl-c)"));
            stop.cancelled().await;
        }
        Ok(())
    }

    /// Waits until the live chats are over, with a line every few seconds; `false` when it was stopped.
    async fn watch_live(
        &self,
        account: &Account,
        installation: &Installation,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        let end = tokio::time::Instant::now() + Duration::from_secs(self.live_seconds.into());
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = tokio::time::sleep_until(end) => return Ok(true),
                () = tokio::time::sleep(LIVE_LINE) => say(&live_line(account, installation).await?),
            }
        }
    }
}

/// Webhooks in the tables, and who waits: one line of the live minute.
async fn live_line(account: &Account, installation: &Installation) -> anyhow::Result<String> {
    let lines = store::accounting::lines(&installation.pool, None, None, None).await?;
    let webhooks: i64 = lines.iter().filter(|line| line.road == "webhook").map(|line| line.appended).sum();
    let waiting = store::report::waiting(&installation.pool, account.id.as_str()).await?;
    let longest = waiting.since.map_or_else(String::new, |since| {
        format!(", the longest since {}", since.with_timezone(&account.time_zone).format("%a %H:%M"))
    });
    Ok(format!("{webhooks} webhooks in the tables; {} clients wait{longest}", waiting.requests))
}

/// The embedded default with one account, whose history is fetched here, with its bars, and not by the role.
fn configuration(data_dir: &Path, api_url: &str) -> anyhow::Result<Configuration> {
    let data_dir = toml::Value::String(data_dir.display().to_string());
    let text = format!(
        r#"
data_dir = {data_dir}
[server]
listen = "127.0.0.1:0"
[[account]]
id = "{ACCOUNT}"
platform = "chat2desk"
api_url = "{api_url}"
web_url = "{api_url}"
token_env = "DEMO_TOKEN"
hook_secret_env = "DEMO_HOOK_SECRET"
time_zone = "{ZONE}"
default_country = "KZ"
bot_operators = ["7009"]
calls_per_second = 100.0
history = "none"
active = false
[account.calendar]
mon-fri = ["09:00-13:00", "14:00-18:00"]
sat = ["10:00-15:00"]
"#
    );
    let secrets = [("DEMO_TOKEN", TOKEN), ("DEMO_HOOK_SECRET", HOOK_SECRET)];
    let environment = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Configuration::parse("demo", &text, &environment)?)
}

fn register(simulator: &Handle, url: &str) {
    let wanted = Register { url: url.to_owned(), events: None, channels: Vec::new(), old: false };
    simulator.with(ACCOUNT, |tenant| set_webhook(&mut tenant.world, wanted));
}

/// The report: response times of all and by operator, and what became of every delivery.
async fn report(
    configuration: &Configuration,
    account: &Account,
    installation: &Installation,
) -> anyhow::Result<()> {
    let period = Period { from: None, to: None };
    let as_of = period.as_of(account.time_zone, installation.clock.now());
    let target_seconds = configuration.report.target_seconds;
    let mut page = String::new();
    let mut snapshot = store::snapshot(&installation.pool).await?;
    for by in [By::All, By::Operator] {
        let query = Query { account: &account.id, from: None, to: None, by, target_seconds, as_of };
        let rows = store::report::response_times(&mut *snapshot, &query).await?;
        let (account, zone) = (account.id.as_str(), account.time_zone);
        let report = ResponseTimes { account, zone, period, by, target_seconds, as_of, rows };
        // What the columns mean is said once, under the last one.
        page.push_str(&if by == By::All { report.heading() } else { report.written(Format::Table)? });
        page.push('\n');
    }
    let lines = store::accounting::lines(&mut *snapshot, None, None, None).await?;
    page.push_str(&Accounting::new(lines, None).written(Format::Table)?);
    Ok(std::io::stdout().write_all(page.as_bytes())?)
}

/// Tells the audience what happens, on stderr.
fn say(text: &str) {
    // Nobody may be listening there.
    let _ = writeln!(std::io::stderr(), "- {text}");
}
