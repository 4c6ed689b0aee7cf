//! `report menu` and `report tags`: what clients chose, and what requests are about.

use store::report::{By, MenuBy, MenuQuery, TagsQuery};

use super::asked::Asked;
use super::figures::{Grouping, target};
use crate::configuration::Configuration;
use crate::installation::Tables;
use crate::report::menu::Menu;
use crate::report::period::Period;
use crate::report::tags::Tags;

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
    #[command(flatten)]
    pub(super) asked: Asked,
    /// One row for each.
    #[arg(long, value_enum, default_value_t)]
    by: MenuGrouping,
    /// A reply is within target when it takes at most so many seconds. Default: target_seconds in section report, or 120.
    #[arg(long, value_name = "SECONDS", value_parser = target)]
    target: Option<f64>,
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
    #[command(flatten)]
    pub(super) asked: Asked,
    /// One row for each.
    #[arg(long, value_enum, default_value = "tag")]
    by: Grouping,
}

impl MenuArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let account = self.asked.account(configuration)?;
        let (about, by) = (self.asked.about(account), MenuBy::from(self.by));
        let Period { from, to } = about.period;
        let target_seconds = self.target.unwrap_or(configuration.report.target_seconds);
        let as_of = about.period.as_of(about.zone, tables.clock.now());
        let query = MenuQuery { account: &account.id, from, to, by, target_seconds, as_of };
        let rows = store::report::menu(&tables.pool, &query).await?;
        self.asked.write(&Menu { about, by, target_seconds, as_of, rows })
    }
}

impl TagsArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let account = self.asked.account(configuration)?;
        let by = By::from(self.by);
        let query = TagsQuery { account: &account.id, from: self.asked.from, to: self.asked.to, by };
        let rows = store::report::tags(&tables.pool, &query).await?;
        self.asked.write(&Tags { about: self.asked.about(account), by, rows })
    }
}
