//! `report menu` and `report tags`: what clients chose, and what requests are about.

use std::io::Write as _;

use chrono::NaiveDate;
use store::report::{By, MenuBy, MenuQuery, TagsQuery};

use super::{Grouping, select, target};
use crate::configuration::{Account, Configuration};
use crate::installation::Tables;
use crate::report::menu::Menu;
use crate::report::period::Period;
use crate::report::tags::Tags;
use crate::report::{Report as _, ReportFormat};

/// What clients chose in the self-service menu, and whether it was enough.
///
/// How often each item was chosen, by how many clients, in how many contacts; in how many of them the
/// client then asked a person, and how soon one answered. Only scripts tell what was chosen:
/// `chatledger accounts script` prints what they need.
///
///   chatledger report menu --from 2026-10-01
///
///   chatledger report menu --by day --format csv > menu.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct MenuArguments {
    /// The account; needed when there are several.
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,
    /// First local day.
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Last local day. Who waits is seen as of its end, or now.
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// One row for each.
    #[arg(long, value_enum, default_value_t)]
    by: MenuGrouping,
    /// A reply is within target when it takes at most so many seconds. Default: target_seconds in section report, or 120.
    #[arg(long, value_name = "SECONDS", value_parser = target)]
    target: Option<f64>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum MenuGrouping {
    #[default]
    Item,
    Operator,
    Channel,
    Transport,
    Day,
    Hour,
    Tag,
    /// One row for all.
    All,
}

impl From<MenuGrouping> for MenuBy {
    fn from(grouping: MenuGrouping) -> Self {
        Self::Contact(match grouping {
            MenuGrouping::Item => return Self::Item,
            MenuGrouping::Operator => By::Operator,
            MenuGrouping::Channel => By::Channel,
            MenuGrouping::Transport => By::Transport,
            MenuGrouping::Day => By::Day,
            MenuGrouping::Hour => By::Hour,
            MenuGrouping::Tag => By::Tag,
            MenuGrouping::All => By::All,
        })
    }
}

/// The tags of requests: how often each was put on and taken off.
///
///   chatledger report tags --from 2026-10-01
///
///   chatledger report tags --by channel
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct TagsArguments {
    /// The account; needed when there are several.
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,
    /// First local day.
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Last local day.
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// One row for each.
    #[arg(long, value_enum, default_value = "tag")]
    by: Grouping,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl MenuArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let Account { id, time_zone: zone, .. } = select(&configuration.accounts, self.account.as_deref())?;
        let (zone, by) = (*zone, MenuBy::from(self.by));
        let period = Period { from: self.from, to: self.to };
        let target_seconds = self.target.unwrap_or(configuration.report.target_seconds);
        let as_of = period.as_of(zone, tables.clock.now());
        let query = MenuQuery { account: id, from: self.from, to: self.to, by, target_seconds, as_of };
        let rows = store::report::menu(&tables.pool, &query).await?;
        let report = Menu { account: id.as_str(), zone, period, by, target_seconds, as_of, rows };
        Ok(std::io::stdout().write_all(report.written(self.format)?.as_bytes())?)
    }
}

impl TagsArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let account = select(&configuration.accounts, self.account.as_deref())?;
        let by = By::from(self.by);
        let query = TagsQuery { account: &account.id, from: self.from, to: self.to, by };
        let rows = store::report::tags(&tables.pool, &query).await?;
        let period = Period { from: self.from, to: self.to };
        let report = Tags { account: account.id.as_str(), zone: account.time_zone, period, by, rows };
        Ok(std::io::stdout().write_all(report.written(self.format)?.as_bytes())?)
    }
}
