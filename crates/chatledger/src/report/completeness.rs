//! `report completeness`: JSON, CSV, table.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Serialize;
use store::completeness::CompletenessRow;

use super::Format;
use super::period::{Period, minute};
use super::span::NOTHING;
use super::text::{grouped, table, wrapped};

/// Nothing can be compared for these: one sentence instead of two lines a day.
const UNLISTED: [&str; 2] = ["request_tags", "transfers"];

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Completeness<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its zone.
    pub(crate) zone: Tz,
    /// Which days.
    pub(crate) period: Period,
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

impl Completeness<'_> {
    /// Days of which something is missing.
    pub(crate) fn red(&self) -> usize {
        let red = self.rows.iter().filter(|row| row.state == "red");
        red.map(|row| row.day).collect::<BTreeSet<_>>().len()
    }

    /// The whole text, ending with a line's end.
    ///
    /// # Errors
    /// When a value cannot be written in the format.
    pub(crate) fn written(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Json => {
                let (from, to) = (self.period.from, self.period.to);
                let red_days = self.red();
                let document = Document { account: self.account, from, to, red_days, rows: &self.rows };
                Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
            }
            Format::Csv => {
                let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
                csv.write_record(HEADER)?;
                for row in &self.rows {
                    csv.serialize(row)?;
                }
                Ok(String::from_utf8(csv.into_inner()?)?)
            }
            Format::Table => Ok(self.table()),
        }
    }

    fn table(&self) -> String {
        let mut text =
            format!("Completeness of {}, {} ({})\n\n", self.account, self.period.named(), self.zone);
        if self.rows.is_empty() {
            text.push_str(&wrapped(
                "No day can be judged yet: of days before the account was read (`chatledger backfill`) or heard nothing is \
                 expected, and today is not over.",
            ));
            text.push('\n');
            return text;
        }
        let count = |count: Option<i64>| count.map_or_else(|| NOTHING.to_owned(), grouped);
        let lines = self.rows.iter().filter(|row| !UNLISTED.contains(&row.subject)).map(|row| {
            let state = row.state.replace('_', " ");
            let refetched = if row.refetched == 0 { String::new() } else { row.refetched.to_string() };
            let mut reason = row.reason.clone().unwrap_or_default();
            if row.state == "red"
                && let Some(at) = row.counted_at
            {
                reason = format!("{reason}, as counted {}", minute(at, self.zone));
            }
            [
                row.day.to_string(),
                row.subject.to_owned(),
                state,
                reason,
                count(row.counted),
                count(row.stored),
                refetched,
            ]
        });
        let lines: Vec<[String; 7]> = lines.collect();
        // The longest reason takes the most: it wraps by itself below the table where it does not fit.
        let header = ["day", "what", "state", "reason", "platform", "stored", "again"];
        text.push_str(&table(header, 4, lines.into_iter().map(cut).collect()));
        text.push_str("\n\n");
        text.push_str(&wrapped(
            "Request tags and transfers: not provable, the platform has no list of them. again: how often a day was fetched \
             again because something of it was missing.",
        ));
        text.push('\n');
        text
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
    use super::super::text::WIDTH;
    use super::*;

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
        let report = Completeness { account: "acme", zone: Tz::UTC, period: Period::default(), rows };
        assert_eq!(report.red(), 1);
        let text = report.written(Format::Table).unwrap();
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed.contains("2026-01-15 messages red 1 missing, as counted 2026-01-16 20:00 1,204 1,203 2"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.written(Format::Json).unwrap()).unwrap();
        assert_eq!((&json["red_days"], &json["rows"][1]["reason"]), (&1.into(), &long.into()));
        let csv = report.written(Format::Csv).unwrap();
        assert_eq!(csv.lines().count(), 5);
    }

    #[test]
    fn without_a_day_it_says_why() {
        let report =
            Completeness { account: "acme", zone: Tz::UTC, period: Period::default(), rows: Vec::new() };
        assert!(report.written(Format::Table).unwrap().contains("chatledger backfill"));
    }
}
