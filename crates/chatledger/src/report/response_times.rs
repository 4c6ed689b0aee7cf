//! `report response-times`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::report::{By, LeftOut, Row, Summary};

use super::page::Page;
use super::period::minute;
use super::span::{percent, span};
use super::text::{grouped, wrapped};
use super::{About, Document, Report, Rules, by_words, figure, grouping, rows, rules_words};

mod page;
#[cfg(test)]
mod tests;

/// A label takes at most so many characters of a line.
const LABEL: usize = 18;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct ResponseTimes<'a> {
    /// Whose, and of which days.
    pub(crate) about: About<'a>,
    /// What a row stands for.
    pub(crate) by: By,
    /// By whose rules.
    pub(crate) rules: Rules,
    /// The target.
    pub(crate) target_seconds: f64,
    /// When waiting was looked at.
    pub(crate) as_of: DateTime<Utc>,
    /// What was found.
    pub(crate) rows: Vec<Row>,
}

impl Report for ResponseTimes<'_> {
    fn document(&self) -> impl Serialize {
        Document::of(&self.about, self.rules.as_str(), grouping(self.by), &self.rows)
            .within(self.target_seconds)
    }

    /// Names of nested fields are joined with an underscore.
    fn header(&self) -> Vec<String> {
        let mut header: Vec<String> = ["key", "label", "requests", "left_out"].map(str::to_owned).to_vec();
        for (name, _) in Row::default().summaries() {
            header.extend(FIELDS.map(|field| format!("{name}_{field}")));
        }
        header
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &Row| {
            let mut record =
                vec![row.key.clone(), row.label.clone(), row.requests.to_string(), row.left_out.to_string()];
            for (_, summary) in row.summaries() {
                record.extend(values(summary));
            }
            record
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        format!("{}\n{}\n", self.heading(), self.footnote())
    }

    fn page(&self) -> Page {
        page::of(self)
    }
}

impl ResponseTimes<'_> {
    /// Title and table, without the words below it.
    pub(crate) fn heading(&self) -> String {
        let target = span(Some(self.target_seconds));
        let title =
            self.about.headed(&format!("Response times of {}{}", self.about.account, by_words(self.by)));
        let title = format!("{title}, target {target}{}", rules_words(self.rules));
        let within = format!("\nwithin\n{}", target.replace(' ', ""));
        let key = format!("\n\n{}", self.by.as_str());
        let in_hours = self.in_hours();
        // The two views of a first reply that people compare stand side by side; without a calendar there is one.
        let (fifth, sixth) = if in_hours {
            ("first in\nhours\np50", "first in\nhours\np90")
        } else {
            ("each\nreply\np50", "each\nreply\np90")
        };
        let header = [
            key.as_str(),
            "\nre-\nquests",
            "\nleft\nout",
            "\nans-\nwered",
            "first\nreply\np50",
            "first\nreply\np90",
            &within,
            "\nunans-\nwered",
            "\nwait-\ning",
            fifth,
            sixth,
            "reso-\nlution\np50",
        ];
        let body = rows::terminal(header, self.rows.iter().map(|row| cells(row, in_hours)).collect());
        format!("{title}\n\n{body}\n")
    }

    /// Whether a calendar is in force: some first reply has a time in business hours.
    fn in_hours(&self) -> bool {
        self.rows.iter().any(|row| row.first_response_business.n > 0)
    }

    /// The headline in words, and what is not in it.
    fn footnote(&self) -> String {
        let first = match self.rules {
            Rules::Chatledger => {
                "First reply: from the first question of a request to the first reply by a person; bots and automatic \
                 replies do not count."
            }
            Rules::Chat2desk => {
                "First reply: from the first client message to the first message of an operator after it, bots included; \
                 automatic replies do not count."
            }
            Rules::Livechat => {
                "First reply: from the customer's first message to the first reply of an agent after it; bots and greetings \
                 do not count."
            }
        };
        let other = match (self.in_hours(), self.rules) {
            (true, _) => "In hours: the same, counting business hours only.",
            (false, Rules::Chatledger) => "Each reply: the same for every turn of the conversation.",
            (false, _) => {
                "Each reply: the same for every run of the client's messages, the first one included."
            }
        };
        let resolution = match self.rules {
            Rules::Chatledger => "Resolution: median from the first message to the close.",
            _ => "Resolution: median from the opening to the close.",
        };
        let sentence = [
            Some(first.to_owned()),
            Some(other.to_owned()),
            Some(format!(
                "{resolution} Within: answered in time, of all that were answered or lasted longer without an answer. \
                 Unanswered: closed without one. Waiting: had none yet at {} (those that were answered since count in both).",
                minute(self.as_of, self.about.zone)
            )),
            self.caution(),
            Some(reasons(self.left_out_by())),
        ];
        wrapped(&sentence.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    fn left_out_by(&self) -> LeftOut {
        let mut left_out = LeftOut::default();
        for row in &self.rows {
            left_out += row.left_out_by;
        }
        left_out
    }

    /// What is to be known before a figure is believed.
    fn caution(&self) -> Option<String> {
        let vendor = self.rules.named().map(|vendor| {
            format!("Not all rules of {vendor} are published: docs/metrics.md says which of these are not confirmed.")
        });
        let tags = (self.by == By::Tag)
            .then(|| "A request with several tags counts under each: rows do not add up.".to_owned());
        let words: Vec<String> = [vendor, tags].into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

pub(super) const FIELDS: [&str; 9] =
    ["n", "mean", "p50", "p90", "p95", "max", "within_target", "unanswered", "waiting"];

pub(super) fn values(summary: &Summary) -> [String; 9] {
    let Summary { n, mean, p50, p90, p95, max, within_target, unanswered, waiting } = *summary;
    [
        n.to_string(),
        figure(mean),
        figure(p50),
        figure(p90),
        figure(p95),
        figure(max),
        figure(within_target),
        unanswered.to_string(),
        waiting.to_string(),
    ]
}

fn cells(row: &Row, in_hours: bool) -> [String; 12] {
    let first = &row.first_response;
    let beside = if in_hours { &row.first_response_business } else { &row.reply };
    [
        rows::named(&row.label, LABEL),
        grouped(row.requests),
        grouped(row.left_out),
        grouped(first.n),
        span(first.p50),
        span(first.p90),
        percent(first.within_target),
        grouped(first.unanswered),
        grouped(first.waiting),
        span(beside.p50),
        span(beside.p90),
        span(row.resolution.p50),
    ]
}

fn reasons(left_out: LeftOut) -> String {
    let LeftOut { rating, continuous, offline, company } = left_out;
    let all = rating + continuous + offline + company;
    if all == 0 {
        return "No request was left out.".to_owned();
    }
    let reasons: Vec<String> = [
        (rating, "satisfaction surveys"),
        (continuous, "continuous chats"),
        (offline, "offline messages"),
        (company, "begun by the company"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{} {what}", grouped(n)))
    .collect();
    format!("Left out, as they have no response time: {} ({}).", grouped(all), reasons.join(", "))
}
