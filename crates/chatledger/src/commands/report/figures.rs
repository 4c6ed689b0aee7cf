//! `report response-times`, `report scores` and `report workload`: figures of contacts, grouped.

use store::report::{By, Query, ScoresQuery, ScoresRow, WorkloadQuery};

use super::asked::Asked;
use crate::configuration::Configuration;
use crate::installation::Tables;
use crate::report::Rules;
use crate::report::period::Period;
use crate::report::response_times::ResponseTimes;
use crate::report::scores::ScoresReport;
use crate::report::workload::Workload;

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
pub(super) struct ResponseTimesArguments {
    #[command(flatten)]
    pub(super) asked: Asked,
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

impl ResponseTimesArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
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
pub(super) struct ScoresArguments {
    #[command(flatten)]
    pub(super) asked: Asked,
    /// One row for each; otherwise one row for all.
    #[arg(long, value_enum)]
    by: Option<Grouping>,
    /// livechat: its score in place of CSAT. Chat2Desk publishes no such figure.
    #[arg(long = "as", value_name = "RULES", default_value = "chatledger", value_parser = rules_of_scores)]
    rules: Rules,
}

impl ScoresArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
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
pub(super) struct WorkloadArguments {
    #[command(flatten)]
    pub(super) asked: Asked,
    /// One row for each; otherwise one row for all.
    #[arg(long, value_enum)]
    by: Option<Grouping>,
}

impl WorkloadArguments {
    pub(super) async fn run(self, configuration: &Configuration, tables: &Tables) -> anyhow::Result<()> {
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

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Grouping {
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

pub(super) fn target(text: &str) -> Result<f64, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        assert_eq!(rules_of_scores("livechat"), Ok(Rules::Livechat));
        assert!(rules_of_scores("chat2desk").unwrap_err().contains("publishes no figure"));
        assert!(rules_of_scores("x").is_err() && target("0").is_err() && target("NaN").is_err());
        assert_eq!(target("90.5"), Ok(90.5));
    }
}
