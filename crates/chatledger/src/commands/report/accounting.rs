//! `report accounting`: what became of every delivery.

use std::io::Write as _;

use anyhow::bail;
use chrono::NaiveDate;

use crate::configuration::Configuration;
use crate::installation::{Installation, Tables};
use crate::report::accounting::{Accounting, Partition};
use crate::report::{Report as _, ReportFormat, verify};

/// What became of every delivery.
///
/// By account and road: how many were appended to the log, and how they were decoded. `--verify` compares with the log
/// itself, partition by partition; exit code 1 when they differ. With Kafka it reads the log to count.
///
///   chatledger report accounting --verify
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct AccountingArguments {
    /// This account only; otherwise all that were ever counted. `--verify` is always about the whole log.
    #[arg(long, value_name = "ID")]
    account: Option<events::AccountId>,
    /// First local day of receipt.
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Last local day of receipt.
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// Compares with the log.
    #[arg(long)]
    pub(super) verify: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl AccountingArguments {
    pub(super) async fn run(self, tables: &Tables) -> anyhow::Result<()> {
        self.written(&tables.pool, None).await
    }

    /// With `--verify`. The log before the rows: what is counted afterwards can only be more.
    pub(super) async fn verified(
        self,
        configuration: &Configuration,
        installation: &Installation,
    ) -> anyhow::Result<()> {
        let partitions = verify::partitions(installation, configuration.log.backend).await?;
        self.written(&installation.pool, Some(partitions)).await
    }

    async fn written(self, pool: &store::PgPool, partitions: Option<Vec<Partition>>) -> anyhow::Result<()> {
        let rows = store::accounting::lines(pool, self.account.as_ref(), self.from, self.to).await?;
        let report = Accounting::new(rows, partitions);
        std::io::stdout().write_all(report.written(self.format)?.as_bytes())?;
        match report.differences() {
            0 => Ok(()),
            1 => bail!("1 difference between the log and what was counted"),
            n => bail!("{n} differences between the log and what was counted"),
        }
    }
}
