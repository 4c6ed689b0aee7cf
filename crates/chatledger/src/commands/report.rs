use std::io::Write as _;

use anyhow::bail;
use chrono::NaiveDate;
use store::report::{By, Query, ScoresQuery, ScoresRow, WorkloadQuery};

use super::WrongUsage;
use crate::configuration::{Account, Configuration};
use crate::installation::{Installation, Tables};
use crate::report::accounting::{Accounting, Partition};
use crate::report::period::Period;
use crate::report::response_times::ResponseTimes;
use crate::report::scores::ScoresReport;
use crate::report::verify;
use crate::report::workload::Workload;
use crate::report::{Report as _, ReportFormat, Rules};

mod asked;
mod menu;
mod trust;

use asked::Asked;
use menu::{MenuArguments, TagsArguments};
use trust::{CompletenessArguments, RestatementsArguments};

/// Figures from the tables.
///
///   chatledger report response-times --from 2026-10-01 --to 2026-10-07 --by operator
///
///   chatledger report accounting --verify
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Report {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, clap::Subcommand)]
enum Which {
    ResponseTimes(ResponseTimesArguments),
    Scores(ScoresArguments),
    Workload(WorkloadArguments),
    Menu(MenuArguments),
    Tags(TagsArguments),
    Accounting(AccountingArguments),
    Restatements(RestatementsArguments),
    Completeness(CompletenessArguments),
}

/// How long customers waited for people.
///
/// Durations count for the local day of the request's first client message, whenever they ended. Left out: surveys,
/// continuous chats, offline messages, and what the company began.
///
///   chatledger report response-times
///
///   chatledger report response-times --account acme --by hour --target 300 --format csv > hours.csv
///
/// Why is this not the number on the vendor's screen? The same facts, counted as the vendor does:
///
///   chatledger report response-times --as chat2desk --from 2026-10-01
///
/// A page to mail or print, with what each figure means:
///
///   chatledger report response-times --by operator --format html > times.html
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct ResponseTimesArguments {
    #[command(flatten)]
    asked: Asked,
    /// One row for each; otherwise one row for all.
    #[arg(long, value_enum)]
    by: Option<Grouping>,
    /// A reply is within target when it takes at most so many seconds. Default: target_seconds in section report, or 120.
    #[arg(long, value_name = "SECONDS", value_parser = target)]
    target: Option<f64>,
    /// By whose rules.
    #[arg(long = "as", value_name = "RULES", value_enum, default_value_t)]
    rules: Rules,
}

/// How satisfied customers were: CSAT with its certainty.
///
/// Good scores of all scores, how many answered the survey, and where CSAT would lie had everybody answered. A score
/// counts for the local day of the contact that it rates.
///
///   chatledger report scores --from 2026-10-01 --by operator
///
/// By tag: the topics of the rated contact; tags that are scores are no topics.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct ScoresArguments {
    #[command(flatten)]
    asked: Asked,
    /// One row for each; otherwise one row for all.
    #[arg(long, value_enum)]
    by: Option<Grouping>,
    /// livechat: its score in place of CSAT. Chat2Desk publishes no such figure.
    #[arg(long = "as", value_name = "RULES", default_value = "chatledger", value_parser = rules_of_scores)]
    rules: Rules,
}

/// How much there was to do, and who did it.
///
/// Contacts that were opened, closed, and open at the end; messages of clients, people and machines; how many clients an
/// operator wrote to in an hour. What happened counts for the local day and hour at which it happened. Surveys are left
/// out.
///
///   chatledger report workload --from 2026-10-01 --to 2026-10-07 --by operator
///
///   chatledger report workload --by hour --format csv > hours.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct WorkloadArguments {
    #[command(flatten)]
    asked: Asked,
    /// One row for each; otherwise one row for all.
    #[arg(long, value_enum)]
    by: Option<Grouping>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Grouping {
    Operator,
    Channel,
    Transport,
    Day,
    Hour,
    Tag,
}

impl From<Grouping> for By {
    fn from(grouping: Grouping) -> Self {
        match grouping {
            Grouping::Operator => Self::Operator,
            Grouping::Channel => Self::Channel,
            Grouping::Transport => Self::Transport,
            Grouping::Day => Self::Day,
            Grouping::Hour => Self::Hour,
            Grouping::Tag => Self::Tag,
        }
    }
}

fn target(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds.is_finite() => Ok(seconds),
        _ => Err("must be a number of seconds greater than 0, like 120".to_owned()),
    }
}

fn rules_of_scores(text: &str) -> Result<Rules, String> {
    match text {
        "chatledger" => Ok(Rules::Chatledger),
        "livechat" => Ok(Rules::Livechat),
        "chat2desk" => {
            Err("Chat2Desk shows scores but publishes no figure made of them; leave --as out".to_owned())
        }
        _ => Err("must be chatledger or livechat".to_owned()),
    }
}

/// What became of every delivery.
///
/// By account and road: how many were appended to the log, and how they were decoded. `--verify` compares with the log
/// itself, partition by partition; exit code 1 when they differ. With Kafka it reads the log to count.
///
///   chatledger report accounting --verify
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct AccountingArguments {
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
    verify: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl Report {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        // Before anything is opened.
        if let Which::ResponseTimes(ResponseTimesArguments { asked, .. })
        | Which::Scores(ScoresArguments { asked, .. })
        | Which::Workload(WorkloadArguments { asked, .. })
        | Which::Menu(MenuArguments { asked, .. })
        | Which::Tags(TagsArguments { asked, .. })
        | Which::Restatements(RestatementsArguments { asked, .. })
        | Which::Completeness(CompletenessArguments { asked, .. }) = &self.which
        {
            asked.account(configuration)?;
        }
        // Only who verifies reads the log.
        if let Which::Accounting(arguments @ AccountingArguments { verify: true, .. }) = self.which {
            let installation = Installation::open(configuration).await?;
            // The log before the rows: what is counted afterwards can only be more.
            let outcome = match verify::partitions(&installation, configuration.log.backend).await {
                Ok(partitions) => arguments.run(&installation.pool, Some(partitions)).await,
                Err(error) => Err(error),
            };
            installation.close().await?;
            return outcome;
        }
        // And who says what is missing: it may be on its way from there.
        if let Which::Completeness(arguments) = self.which {
            let installation = Installation::open(configuration).await?;
            let outcome = arguments.run(configuration, &installation).await;
            installation.close().await?;
            return outcome;
        }
        let tables = Tables::open(configuration).await?;
        let outcome = match self.which {
            Which::ResponseTimes(arguments) => arguments.run(configuration, &tables).await,
            Which::Scores(arguments) => arguments.run(configuration, &tables).await,
            Which::Workload(arguments) => arguments.run(configuration, &tables).await,
            Which::Menu(arguments) => arguments.run(configuration, &tables).await,
            Which::Tags(arguments) => arguments.run(configuration, &tables).await,
            Which::Accounting(arguments) => arguments.run(&tables.pool, None).await,
            Which::Restatements(arguments) => arguments.run(configuration, &tables).await,
            Which::Completeness(_) => Ok(()), // Has returned already.
        };
        tables.close().await?;
        outcome
    }
}

impl ResponseTimesArguments {
    async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let account = self.asked.account(configuration)?;
        let (about, rules) = (self.asked.about(account), self.rules);
        let Period { from, to } = about.period;
        let by = self.by.map_or(By::All, By::from);
        let target_seconds = self.target.unwrap_or(configuration.report.target_seconds);
        let as_of = about.period.as_of(about.zone, tables.clock.now());
        let query = Query { account: &account.id, from, to, by, target_seconds, as_of };
        let rows = match rules.vendor() {
            None => store::report::response_times(&tables.pool, &query).await?,
            Some(vendor) => {
                store::report::response_times_of(&tables.pool, vendor, about.zone.name(), &query).await?
            }
        };
        self.asked.write(&ResponseTimes { about, by, rules, target_seconds, as_of, rows })
    }
}

impl ScoresArguments {
    async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let account = self.asked.account(configuration)?;
        let (by, rules) = (self.by.map_or(By::All, By::from), self.rules);
        let query = ScoresQuery { account: &account.id, from: self.asked.from, to: self.asked.to, by };
        let mut rows = store::report::scores(&tables.pool, &query).await?;
        if rules == Rules::Livechat {
            rows = rows.into_iter().map(ScoresRow::as_livechat).collect();
        }
        self.asked.write(&ScoresReport { about: self.asked.about(account), by, rules, rows })
    }
}

impl WorkloadArguments {
    async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
        let account = self.asked.account(configuration)?;
        let (about, by) = (self.asked.about(account), self.by.map_or(By::All, By::from));
        let (zone, period) = (about.zone, about.period);
        let as_of = period.as_of(zone, tables.clock.now());
        let (since, until) = (period.since(zone), as_of);
        let query = WorkloadQuery { account: &account.id, since, until, by, zone: zone.name() };
        let rows = store::report::workload(&tables.pool, &query).await?;
        self.asked.write(&Workload { about, by, as_of, rows })
    }
}

impl AccountingArguments {
    /// `partitions` is what `--verify` found.
    async fn run(self, pool: &store::PgPool, partitions: Option<Vec<Partition>>) -> anyhow::Result<()> {
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

/// The account called so, or the only one.
pub(super) fn select<'a>(accounts: &'a [Account], id: Option<&str>) -> Result<&'a Account, WrongUsage> {
    let names = || accounts.iter().map(|account| account.id.as_str()).collect::<Vec<_>>().join(", ");
    let wrong = match (id, accounts) {
        (_, []) => "no account is configured; add one as [[account]] to chatledger.toml".to_owned(),
        (None, [only]) => return Ok(only),
        (None, _) => format!("there are several accounts, name one with --account: {}", names()),
        (Some(id), _) => match accounts.iter().find(|account| account.id.as_str() == id) {
            Some(account) => return Ok(account),
            None => format!("no account {id:?} is configured; there are: {}", names()),
        },
    };
    Err(WrongUsage(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(ids: &[&str]) -> Configuration {
        let account = |id: &&str| {
            format!(
                "[[account]]\nid = \"{id}\"\nplatform = \"chat2desk\"\napi_url = \"http://localhost\"\n\
                 signature = \"ignore\"\ntime_zone = \"Asia/Almaty\"\n"
            )
        };
        Configuration::parse("test", &ids.iter().map(account).collect::<String>(), &[]).unwrap()
    }

    #[test]
    fn several_accounts_need_a_name_and_are_listed() {
        let two = configuration(&["acme", "other"]).accounts;
        assert_eq!(select(&two, Some("other")).unwrap().id.as_str(), "other");
        let error = select(&two, None).unwrap_err().to_string();
        assert!(error.contains("--account: acme, other"), "{error}");
        let error = select(&two, Some("acmé")).unwrap_err().to_string();
        assert!(error.contains("there are: acme, other"), "{error}");
        let one = configuration(&["acme"]).accounts;
        assert_eq!(select(&one, None).unwrap().id.as_str(), "acme");
        assert!(select(&[], None).unwrap_err().to_string().contains("[[account]]"));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        assert_eq!(rules_of_scores("livechat"), Ok(Rules::Livechat));
        assert!(rules_of_scores("chat2desk").unwrap_err().contains("publishes no figure"));
        assert!(rules_of_scores("x").is_err() && target("0").is_err() && target("NaN").is_err());
        assert_eq!(target("90.5"), Ok(90.5));
    }
}
