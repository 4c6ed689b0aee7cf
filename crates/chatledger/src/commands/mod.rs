//! All commands, on one screen.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::configuration::{Configuration, Problems};
use crate::telemetry::{self, LogFormat};

mod accounts;
mod backfill;
mod check;
mod completions;
mod demo;
mod escalation;
mod explain;
mod export;
mod rebuild;
mod report;
mod run;
mod simulate;
pub(crate) mod sync;
mod trace;
mod up;

/// An event-sourced ledger of customer chats.
///
/// Captures what Chat2Desk says (webhooks, and a backfill of the past), keeps it as it came in an append-only log,
/// folds the log into Postgres tables, and reports response times from them.
///
/// First steps:
///
///   chatledger demo                     see it work against a built-in simulator
///
///   chatledger check                    is my chatledger.toml right?
///
///   chatledger backfill --plan          what would my history cost?
///
///   chatledger up                       run everything
///
/// Every value of the file can also come from the environment: CHATLEDGER__SECTION__KEY, a list entry by its id, for
/// instance CHATLEDGER__ACCOUNT__ACME__TIME_ZONE=Asia/Almaty.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 75 stopped early by a limit (run it again later).
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The configuration file; without it ./chatledger.toml when it is there.
    #[arg(long, global = true, value_name = "FILE", env = "CHATLEDGER_CONFIG")]
    config: Option<PathBuf>,
    /// What is said on stderr: a level (error, warn, info, debug) or directives like info,sqlx=debug.
    #[arg(long, global = true, value_name = "FILTER", env = "CHATLEDGER_LOG")]
    log: Option<String>,
    /// How it is said.
    #[arg(long, global = true, value_enum, default_value_t, env = "CHATLEDGER_LOG_FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Up(up::Up),
    Run(run::Run),
    Backfill(backfill::Backfill),
    Accounts(accounts::Accounts),
    Report(report::Report),
    Escalation(escalation::Escalation),
    Explain(explain::Explain),
    Trace(trace::Trace),
    Export(export::Export),
    Rebuild(rebuild::RebuildCommand),
    Check(check::Check),
    Sync(sync::SyncCommand),
    Simulate(simulate::Simulate),
    Completions(completions::Completions),
}

/// Runs a command to its end.
///
/// # Errors
/// [`fn@explain`] says it, [`exit_code`] grades it.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { config, log, log_format, command } = arguments;
    // Services tell what they do; commands that end tell it by their own output, waits and retries included.
    let is_service = matches!(command, Command::Up(_) | Command::Run(_) | Command::Simulate(_));
    let filter = log.unwrap_or_else(|| if is_service { "info,sqlx=warn" } else { "error" }.to_owned());
    telemetry::start(log_format, &filter)?;
    let configuration = || Configuration::load(config.as_deref(), &environment());
    match command {
        Command::Check(check) => check.run(&configuration()?),
        Command::Accounts(accounts) => accounts.run(&configuration()?),
        Command::Completions(completions) => completions.run(),
        Command::Demo(demo) => on_runtime(demo.run()),
        Command::Up(up) => on_runtime(up.run(&configuration()?)),
        Command::Run(run) => on_runtime(run.run(&configuration()?)),
        Command::Backfill(backfill) => on_runtime(backfill.run(&configuration()?)),
        Command::Report(report) => on_runtime(report.run(&configuration()?)),
        Command::Escalation(escalation) => on_runtime(escalation.run(&configuration()?)),
        Command::Explain(explain) => on_runtime(explain.run(&configuration()?)),
        Command::Trace(trace) => on_runtime(trace.run(&configuration()?)),
        Command::Export(export) => on_runtime(export.run(&configuration()?)),
        Command::Rebuild(rebuild) => on_runtime(rebuild.run(&configuration()?)),
        Command::Sync(sync) => on_runtime(sync.run(&configuration()?)),
        Command::Simulate(simulate) => on_runtime(simulate.run()),
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the system gives no threads")?.block_on(work)
}

/// The environment; variables that are no text are left out.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Work that a limit ended early: exit code 75.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoppedByLimit(pub(crate) String);

/// What was asked for cannot be: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub(crate) String);

/// The error as its lines on stderr.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    if error.is::<Problems>() { error.to_string() } else { format!("error: {error:#}") }
}

/// 2 for a wrong configuration or usage, 75 for a limit, 1 for all else.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let is_usage = error.is::<Problems>() || error.is::<WrongUsage>();
    if is_usage || matches!(error.downcast_ref(), Some(ingest::IngestError::Usage(_))) {
        2
    } else if error.is::<StoppedByLimit>() {
        75
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn exit_codes_tell_kinds_of_failure_apart() {
        let problems = Configuration::parse("x", "nonsense = 1", &[]).unwrap_err();
        assert_eq!(exit_code(&problems.into()), 2);
        assert_eq!(exit_code(&StoppedByLimit("quota".to_owned()).into()), 75);
        assert_eq!(exit_code(&anyhow::anyhow!("else")), 1);
    }
}
