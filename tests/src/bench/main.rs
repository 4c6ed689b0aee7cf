//! `make bench`: how fast capture, reading, projection and export are, each next to a baseline of the same run.
//!
//! Everything is real: Postgres and Kafka of the process' own, HTTP over loopback, an account of the simulator. Ratios
//! say more than events a second, because machines differ and this one may be busy; docs/performance.md keeps both.
//!
//!   bench [--quick] [--only decode|capture|reading|projection|rebuild|escalation|export] [--clients N] [--messages N] [--deliveries N] [--format table|json]
//!
//! To add a figure: 1. a module that measures both sides, 2. a [`report::Figure`], 3. a line in [`measure`].
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench ends by a panic and prints"
)]

mod breakdown;
mod capture;
mod decoding;
mod escalating;
mod export;
mod http;
mod machine;
mod projecting;
mod reading;
mod rebuilding;
mod report;
mod statements;
mod unnest;
mod workload;

use std::time::Duration;

use chatledger_tests::{own_database_server, own_kafka};
use mimalloc::MiMalloc;
use report::{Format, Report};
use workload::Workload;

/// As the program itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What is measured, and how long.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    only: Option<String>,
    /// Clients of the simulated account; its deliveries follow from them.
    clients: u32,
    /// Of each capture measurement.
    capture: Duration,
    /// Of the escalation measurement.
    escalation: Duration,
    /// Ours and the baseline, in turn, so often; the median counts.
    rounds: usize,
    /// Records in the log that is read.
    records: usize,
    /// Messages that are exported.
    messages: i64,
    /// Deliveries that are rebuilt.
    deliveries: usize,
    format: Format,
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Self {
            only: None,
            clients: 1200,
            capture: Duration::from_secs(4),
            escalation: Duration::from_secs(30),
            rounds: 3,
            records: 200_000,
            messages: 2_000_000,
            deliveries: 1_000_000,
            format: Format::Table,
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| anyhow::anyhow!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => {
                    options.clients = 80;
                    options.capture = Duration::from_secs(1);
                    options.escalation = Duration::from_secs(5);
                    options.rounds = 1;
                    options.records = 20_000;
                    options.messages = 200_000;
                    options.deliveries = 50_000;
                }
                "--only" => options.only = Some(value()?),
                "--clients" => options.clients = value()?.parse()?,
                "--messages" => options.messages = value()?.parse()?,
                "--deliveries" => options.deliveries = value()?.parse()?,
                "--format" => options.format = value()?.parse()?,
                other => anyhow::bail!("{other}: not known; see the top of tests/src/bench/main.rs"),
            }
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The projection runs in a process of its own: its memory, its processor time.
    if let Some(child) = arguments.next_if(|argument| argument.starts_with("--child-")) {
        let url = arguments.next().ok_or_else(|| anyhow::anyhow!("{child} needs a database"))?;
        let told = runtime.block_on(async {
            match child.as_str() {
                "--child-project" => projecting::child(&url).await,
                "--child-breakdown" => breakdown::child(&url).await,
                "--child-rebuild" => {
                    let mut number =
                        || arguments.next().and_then(|number| number.parse::<i32>().ok()).unwrap_or(0);
                    let (accounts, server) = (number(), number());
                    let folder = arguments.next().ok_or_else(|| anyhow::anyhow!("{child} needs a folder"))?;
                    rebuilding::child(&url, usize::try_from(accounts)?, server, folder.as_ref()).await
                }
                "--child-export" => {
                    let out = arguments.next().ok_or_else(|| anyhow::anyhow!("{child} needs a folder"))?;
                    export::child(&url, &out).await
                }
                _ => anyhow::bail!("{child}: not known"),
            }
        })?;
        println!("{told}");
        return Ok(());
    }
    let options = Options::read(arguments)?;
    let report = runtime.block_on(measure(&options))?;
    print!("{}", report.written(options.format)?);
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new(machine::describe());
    say("an account is simulated");
    let clients = options.clients;
    let workload = tokio::task::spawn_blocking(move || Workload::simulate(clients)).await??;
    report.note(workload.describe());
    if options.wants("decode") {
        say("decoding");
        decoding::measure(&workload, options.rounds, &mut report);
    }
    if options.only.as_deref() == Some("decode") {
        return Ok(report);
    }
    say("services start");
    let databases = own_database_server().await;
    if options.wants("projection") {
        for (name, entries) in [("live", &workload.webhooks), ("history", &workload.rows)] {
            say(&format!("projection: {name}, {} deliveries", entries.len()));
            projecting::measure(name, entries, options.rounds, &databases, &mut report).await?;
        }
    }
    if options.wants("rebuild") {
        rebuilding::measure(&workload, options.deliveries, options.rounds, &databases, &mut report).await?;
    }
    if options.wants("escalation") {
        escalating::measure(options, &databases, &mut report).await?;
    }
    if options.wants("export") {
        export::measure(options.messages, options.rounds, &databases, &mut report).await?;
    }
    let kafka =
        if options.wants("capture") || options.wants("reading") { Some(own_kafka().await) } else { None };
    if let Some(kafka) = &kafka {
        if options.wants("reading") {
            reading::measure(&workload, options, &databases, kafka, &mut report).await?;
        }
        if options.wants("capture") {
            capture::measure(&workload, options, &databases, kafka, &mut report).await?;
        }
    }
    Ok(report)
}

/// Progress, beside the output.
pub(crate) fn say(what: &str) {
    eprintln!("bench: {what}");
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
