//! `report completeness`.

use std::collections::BTreeSet;

use chrono::{NaiveDate, SecondsFormat};
use serde::Serialize;
use store::completeness::CompletenessRow;

use super::page::{Page, Table};
use super::period::minute;
use super::span::NOTHING;
use super::text::{grouped, table, wrapped};
use super::{About, Report, definitions};

/// Nothing can be compared for these: one sentence instead of two lines a day.
const UNLISTED: [&str; 2] = ["request_tags", "transfers"];

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Completeness<'a> {
    /// Whose, and of which days.
    pub(crate) about: About<'a>,
    /// By day and what is counted.
    pub(crate) rows: Vec<CompletenessRow>,
}

#[derive(Serialize)]
struct Document<'a> {
    account: &'a str,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    /// Days of which something is missing.
    red_days: usize,
    rows: &'a [CompletenessRow],
}

const HEADER: [&str; 8] =
    ["day", "subject", "state", "reason", "counted", "stored", "counted_at", "refetched"];

impl Report for Completeness<'_> {
    fn document(&self) -> impl Serialize {
        let About { account, period, .. } = self.about;
        Document { account, from: period.from, to: period.to, red_days: self.red(), rows: &self.rows }
    }

    fn header(&self) -> Vec<String> {
        HEADER.map(str::to_owned).to_vec()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let count = |count: Option<i64>| count.map_or_else(String::new, |count| count.to_string());
        let record = |row: &CompletenessRow| {
            vec![
                row.day.to_string(),
                row.subject.to_owned(),
                row.state.to_owned(),
                row.reason.clone().unwrap_or_default(),
                count(row.counted),
                count(row.stored),
                row.counted_at.map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
                row.refetched.to_string(),
            ]
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let title = self.about.headed(&self.title());
        if self.rows.is_empty() {
            return format!("{title}\n\n{}\n", wrapped(NO_DAY));
        }
        // The longest reason takes the most.
        let header = ["day", "what", "state", "reason", "platform", "stored", "again"];
        let body = table(header, 4, self.lines().map(cut).collect());
        format!("{title}\n\n{body}\n\n{}\n", wrapped(&format!("{UNPROVABLE} {AGAIN}")))
    }

    fn page(&self) -> Page {
        let mut facts = self.about.facts();
        facts.push(("Days that are not complete", self.red().to_string()));
        let columns = [
            ("day", "day"),
            ("what", "subject"),
            ("state", "state"),
            ("reason", "reason"),
            ("by the platform", "counted"),
            ("stored", "stored"),
            ("fetched again", "refetched"),
        ];
        let figures = Table {
            caption: None,
            columns: columns.map(|(heading, field)| (heading.to_owned(), field)).to_vec(),
            rows: self.lines().map(|line| line.to_vec()).collect(),
            texts: 4,
        };
        Page {
            title: self.title(),
            facts,
            tables: vec![figures],
            notes: vec![if self.rows.is_empty() { NO_DAY } else { UNPROVABLE }.to_owned()],
            definitions: definitions::COMPLETENESS.to_vec(),
        }
    }
}

const NO_DAY: &str = "No day can be judged yet: of days before the account was read (`chatledger backfill`) or heard nothing \
                      is expected, and today is not over.";
const UNPROVABLE: &str = "Request tags and transfers: not provable, the platform has no list of them.";
const AGAIN: &str = "again: how often a day was fetched again because something of it was missing.";

impl Completeness<'_> {
    fn title(&self) -> String {
        format!("Completeness of {}", self.about.account)
    }

    /// Days of which something is missing.
    pub(crate) fn red(&self) -> usize {
        let red = self.rows.iter().filter(|row| row.state == "red");
        red.map(|row| row.day).collect::<BTreeSet<_>>().len()
    }

    /// What can be compared, for people.
    fn lines(&self) -> impl Iterator<Item = [String; 7]> {
        let count = |count: Option<i64>| count.map_or_else(|| NOTHING.to_owned(), grouped);
        self.rows.iter().filter(|row| !UNLISTED.contains(&row.subject)).map(move |row| {
            let refetched = if row.refetched == 0 { String::new() } else { row.refetched.to_string() };
            let mut reason = row.reason.clone().unwrap_or_default();
            if row.state == "red"
                && let Some(at) = row.counted_at
            {
                reason = format!("{reason}, as counted {}", minute(at, self.about.zone));
            }
            let state = row.state.replace('_', " ");
            [
                row.day.to_string(),
                row.subject.to_owned(),
                state,
                reason,
                count(row.counted),
                count(row.stored),
                refetched,
            ]
        })
    }
}

/// A reason takes at most so many characters of a line.
const REASON: usize = 44;

fn cut(mut line: [String; 7]) -> [String; 7] {
    line[3] = super::text::short(&line[3], REASON);
    line
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::ReportFormat;
    use super::super::period::Period;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn report(rows: Vec<CompletenessRow>) -> Completeness<'static> {
        Completeness { about: About { account: "acme", zone: Tz::UTC, period: Period::default() }, rows }
    }

    fn row(day: &str, subject: &'static str, state: &'static str, reason: Option<&str>) -> CompletenessRow {
        CompletenessRow {
            day: day.parse().unwrap(),
            subject,
            state,
            reason: reason.map(str::to_owned),
            counted: Some(1_204),
            stored: Some(1_203),
            counted_at: "2026-01-16T20:00:00Z".parse().ok(),
            refetched: 2,
        }
    }

    #[test]
    fn the_table_says_what_is_missing_and_fits() {
        let long = "2 repeated or moved by the platform";
        let rows = vec![
            row("2026-01-15", "messages", "red", Some("1 missing")),
            row("2026-01-15", "requests", "explained", Some(long)),
            row("2026-01-15", "transfers", "not_provable", Some("the platform has no list of them")),
            row("2026-01-16", "messages", "green", None),
        ];
        let report = report(rows);
        assert_eq!(report.red(), 1);
        let text = report.written(ReportFormat::Table).unwrap();
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed.contains("2026-01-15 messages red 1 missing, as counted 2026-01-16 20:00 1,204 1,203 2"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let json: serde_json::Value =
            serde_json::from_str(&report.written(ReportFormat::Json).unwrap()).unwrap();
        assert_eq!((&json["red_days"], &json["rows"][1]["reason"]), (&1.into(), &long.into()));
        let csv = report.written(ReportFormat::Csv).unwrap();
        assert_eq!(csv.lines().count(), 5);
    }

    #[test]
    fn the_page_says_the_same_and_explains_it() {
        let gone = "1 missing; fetching it again changes nothing";
        let page = report(vec![
            row("2026-01-15", "messages", "red", Some(gone)),
            row("2026-01-16", "ratings", "green", None),
        ]);
        assert_defined(&page);
        let html = page.written(ReportFormat::Html).unwrap();
        for part in [gone, "1,204", "2026-01-16", "Request tags and transfers"] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn without_a_day_it_says_why() {
        let report = report(Vec::new());
        assert!(report.written(ReportFormat::Table).unwrap().contains("chatledger backfill"));
    }
}
