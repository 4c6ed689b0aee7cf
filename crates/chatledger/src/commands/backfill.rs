use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use chrono::NaiveDate;
use comfy_table::{CellAlignment, Table};
use ingest::backfill::offline::Offline;
use ingest::backfill::{Outcome, Plan, Range};

use ingest::IngestError;

use super::StoppedByLimit;
use crate::configuration::{Account, Configuration};
use crate::installation::Installation;
use crate::progress::BackfillProgress;
use crate::{rules, shutdown};

/// Fetches the past of an account into the log.
///
/// Without a range it goes on where it stopped, however it stopped. Days are the company's local days, both ends
/// inclusive, and are read again. Needs no running `up`, only a valid token. Exit code 75: the quota is spent; run the
/// same command later.
///
///   chatledger backfill --plan          what it would cost: calls, minutes, rows, quota
///
///   chatledger backfill
///
///   chatledger backfill --account acme --since 2026-10-01 --until 2026-10-31
///
///   chatledger backfill --account acme --offline recordings/
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backfill {
    /// This account only; otherwise all that are configured.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// First local day.
    #[arg(long, value_name = "DAY")]
    since: Option<NaiveDate>,
    /// Last local day.
    #[arg(long, value_name = "DAY")]
    until: Option<NaiveDate>,
    /// Says what it would cost, and does nothing.
    #[arg(long)]
    plan: bool,
    /// Reads recorded pages and bodies below this folder instead of the API.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plan", "since", "until"])]
    offline: Option<PathBuf>,
}

impl Backfill {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        let accounts = select(configuration, self.account.as_deref())?;
        if self.offline.is_some() && accounts.len() > 1 {
            return Err(
                IngestError::Usage("whose recordings are they? name one with --account".to_owned()).into()
            );
        }
        let stop = shutdown::token()?;
        let installation = Installation::open(configuration).await?;
        let mut outcome = Ok(());
        for account in accounts {
            outcome = outcome.and(self.one(&installation, account, &stop).await);
            if stop.is_cancelled() {
                break;
            }
        }
        installation.close().await?;
        outcome
    }

    async fn one(
        &self,
        installation: &Installation,
        account: &Account,
        stop: &tokio_util::sync::CancellationToken,
    ) -> anyhow::Result<()> {
        let bars = BackfillProgress::new(account.id.as_str());
        if let Some(folder) = &self.offline {
            let Installation { log, clock, ids, .. } = installation;
            let offline = Offline { log: log.as_ref(), account: &account.id, clock: clock.as_ref(), ids };
            let outcome = offline.run(folder, &|progress| bars.show(&progress), stop).await;
            bars.finish();
            return tell(account, &outcome?);
        }
        let backfill = rules::backfill(installation, account, None)?;
        let range = match (self.since, self.until) {
            (None, None) => Range::Continue(account.history),
            (since, until) => Range::Days { since, until },
        };
        if self.plan {
            return match backfill.plan(range, stop).await? {
                Some(plan) => Ok(writeln!(std::io::stdout(), "{}", table(account, &plan))?),
                None if stop.is_cancelled() => bail!("stopped before the plan was made"),
                None => Err(StoppedByLimit(format!("account {}: its api quota is spent", account.id)).into()),
            };
        }
        let outcome = backfill.run(range, &|progress| bars.show(&progress), stop).await;
        bars.finish();
        tell(account, &outcome?)
    }
}

/// Says what was done, and how it ended.
fn tell(account: &Account, outcome: &Outcome) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let summary = outcome.summary();
    writeln!(out, "{}: {} rows in {} calls", account.id, summary.rows, summary.calls)?;
    for walk in &summary.walks {
        if walk.is_stuck {
            writeln!(out, "{}: {}: the platform gives only its first rows", account.id, walk.walk)?;
        }
        if walk.left_out > 0 {
            let (walk, rows) = (&walk.walk, walk.left_out);
            writeln!(out, "{}: {walk}: left out {rows} rows that are larger than the log takes", account.id)?;
        }
    }
    match outcome {
        Outcome::Done(_) => Ok(()),
        Outcome::Stopped(_) => bail!("account {}: stopped; the same command goes on where it stopped", account.id),
        Outcome::QuotaSpent { continues_at, .. } => Err(StoppedByLimit(format!(
            "account {}: the api quota is spent; there is quota again at {continues_at}, run the same command then",
            account.id
        ))
        .into()),
    }
}

/// The account called so, or all.
fn select<'a>(configuration: &'a Configuration, id: Option<&str>) -> anyhow::Result<Vec<&'a Account>> {
    let accounts: Vec<&Account> = configuration
        .accounts
        .iter()
        .filter(|account| id.is_none_or(|id| account.id.as_str() == id))
        .collect();
    if !accounts.is_empty() {
        return Ok(accounts);
    }
    match id {
        Some(id) => bail!("no account {id:?} is configured; `chatledger check` lists them"),
        None => bail!("no account is configured; add one as [[account]] to chatledger.toml"),
    }
}

fn table(account: &Account, plan: &Plan) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header([account.id.as_str(), "rows", "calls"]);
    for walk in &plan.walks {
        let rows = walk.rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string());
        table.add_row([walk.walk.clone(), rows, walk.calls.to_string()]);
    }
    table.add_row(["in all".to_owned(), plan.rows.to_string(), plan.calls.to_string()]);
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let quota = match (plan.quota, plan.quota_left) {
        (None, _) => "no monthly limit".to_owned(),
        (Some(quota), None) => format!("{quota} calls a month, how many are left is not known"),
        (Some(quota), Some(left)) if plan.fits() => {
            format!("{left} of {quota} calls left this month: enough")
        }
        (Some(quota), Some(left)) => {
            format!("{left} of {quota} calls left this month: not enough, it goes on next month")
        }
    };
    let minutes = plan.minutes.ceil();
    format!("{table}\nabout {minutes:.0} minutes at {} calls a second; {quota}", account.calls_per_second)
}
