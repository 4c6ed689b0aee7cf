//! `report restatements` and `report completeness`: how far the figures are to be trusted.

use std::time::Duration;

use anyhow::bail;
use store::report::By;

use super::asked::Asked;
use crate::configuration::Configuration;
use crate::installation::{Installation, Tables};
use crate::report::completeness::Completeness;
use crate::report::restatements::Restatements;

/// Longest wait for the projection before days are judged without what it has not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of published figures.
///
/// `up` freezes the figures of each local day in the night after it, and looks every few minutes whether they still
/// hold. What does not is listed here, by published day: what it was, what it is, and why. Causes: late_delivery (it
/// happened before the day was published and came after), continued (it went on after the day was published), refetch,
/// configuration, rebuild, metric_version, erased.
///
///   chatledger report restatements --from 2026-10-01
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct RestatementsArguments {
    #[command(flatten)]
    pub(super) asked: Asked,
    /// Figures of one grouping only. Default: table and html show those over all, csv and json every one.
    #[arg(long, value_enum)]
    by: Option<Dimension>,
}

/// What published figures are grouped by.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Dimension {
    All,
    Operator,
    Channel,
    Transport,
    Hour,
    Tag,
}

impl Dimension {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => By::All.as_str(),
            Self::Operator => By::Operator.as_str(),
            Self::Channel => By::Channel.as_str(),
            Self::Transport => By::Transport.as_str(),
            Self::Hour => By::Hour.as_str(),
            Self::Tag => By::Tag.as_str(),
        }
    }
}

impl RestatementsArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let (account, pool) = (self.asked.account(configuration)?, &tables.pool);
        let about = self.asked.about(account);
        let published = store::report::published(pool, about.account).await?;
        let by = self.by.map(Dimension::as_str);
        let mut rows =
            store::report::restatements(pool, about.account, self.asked.from, self.asked.to).await?;
        rows.retain(|row| by.is_none_or(|by| row.dimension == by));
        self.asked.write(&Restatements { about, by, published, rows })
    }
}

/// Whether a day is all there: what the platform counts beside what is stored.
///
/// States: green (the counts agree), explained (they do not, and the reason is known), not_provable (there is no count to
/// compare with), red (something is missing). `up` counts each day when it is over and fetches red days again, at most
/// three times a day, until that changes nothing. Messages are counted by the platform, requests and ratings by its
/// reports; of tags and transfers it has no list. The first day is the first that was read or heard whole, the last one
/// yesterday. Exit code 1 when a day is red.
///
///   chatledger report completeness --from 2026-10-01
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CompletenessArguments {
    #[command(flatten)]
    pub(super) asked: Asked,
}

impl CompletenessArguments {
    pub(super) async fn run(
        self,
        configuration: &Configuration,
        installation: &Installation,
    ) -> anyhow::Result<()> {
        let account = self.asked.account(configuration)?;
        let (pool, zone, now) = (&installation.pool, account.time_zone, installation.clock.now());
        let judged = ingest::completeness::Judged { pool, account: &account.id, zone, now };
        let log = installation.log.as_ref();
        let rows = judged.days(log, PATIENCE, self.asked.from, self.asked.to).await?;
        let report = Completeness { about: self.asked.about(account), rows };
        self.asked.write(&report)?;
        match report.red() {
            0 => Ok(()),
            1 => bail!("1 day is not complete"),
            n => bail!("{n} days are not complete"),
        }
    }
}
