//! What every report about an account is asked.

use std::io::Write as _;

use chrono::NaiveDate;

use super::select;
use crate::commands::WrongUsage;
use crate::configuration::{Account, Configuration};
use crate::report::period::Period;
use crate::report::{About, Report, ReportFormat};

/// Which account, which days, in which form.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// The account; needed when there are several.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// First local day.
    #[arg(long, value_name = "DAY")]
    pub(super) from: Option<NaiveDate>,
    /// Last local day. What is open or waits is seen as of its end, or now.
    #[arg(long, value_name = "DAY")]
    pub(super) to: Option<NaiveDate>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl Asked {
    /// The account that is meant.
    pub(super) fn account<'a>(&self, configuration: &'a Configuration) -> Result<&'a Account, WrongUsage> {
        select(&configuration.accounts, self.account.as_deref())
    }

    /// What the report says of itself.
    pub(super) fn about<'a>(&self, account: &'a Account) -> About<'a> {
        let period = Period { from: self.from, to: self.to };
        About { account: account.id.as_str(), zone: account.time_zone, period }
    }

    /// Writes the report as it was asked for.
    pub(super) fn write(&self, report: &impl Report) -> anyhow::Result<()> {
        Ok(std::io::stdout().write_all(report.written(self.format)?.as_bytes())?)
    }
}
