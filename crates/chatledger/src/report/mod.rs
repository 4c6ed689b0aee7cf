//! Reports as people and programs read them.
//!
//! Owns: JSON, CSV, tables and pages of what `store::report` finds, and the words that define each figure
//! ([`definitions`]). Must not know: SQL, how figures come about. All but [`verify`] is pure: text from rows.
//!
//! To add a report: 1. its query in `store::report`, 2. a file here that implements [`Report`], 3. its figures in
//! [`definitions`] and in `docs/metrics.md` (a test compares them), 4. its variant in `commands/report.rs`. What every
//! report says of itself is said once: [`About`], [`Document`], [`rows`].

mod about;
pub(crate) mod accounting;
pub(crate) mod completeness;
mod definitions;
pub(crate) mod differences;
pub(crate) mod menu;
pub(crate) mod page;
pub(crate) mod period;
pub(crate) mod response_times;
pub(crate) mod restatements;
mod rows;
pub(crate) mod scores;
mod span;
pub(crate) mod tags;
pub(crate) mod text;
pub(crate) mod verify;
pub(crate) mod workload;

use about::Document;
use page::Page;
use store::report::{By, Vendor};

pub(crate) use about::About;

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For spreadsheets: one header row.
    Csv,
    /// For programs.
    Json,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    #[default]
    Table,
    /// For spreadsheets: one header row.
    Csv,
    /// For programs.
    Json,
    /// For a browser, to mail or to print: one page that needs nothing else, with what each figure means.
    Html,
}

/// By whose definitions figures are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rules {
    /// Our own.
    #[default]
    Chatledger,
    /// As Chat2Desk's statistics count.
    Chat2desk,
    /// As LiveChat's reports count.
    Livechat,
}

impl Rules {
    /// As JSON calls them.
    pub(crate) fn as_str(self) -> &'static str {
        self.vendor().map_or("chatledger", Vendor::as_str)
    }

    /// Whose rules they are; `None`: our own.
    pub(crate) fn vendor(self) -> Option<Vendor> {
        match self {
            Self::Chatledger => None,
            Self::Chat2desk => Some(Vendor::Chat2desk),
            Self::Livechat => Some(Vendor::Livechat),
        }
    }

    /// For people; `None`: our own.
    pub(crate) fn named(self) -> Option<&'static str> {
        match self {
            Self::Chatledger => None,
            Self::Chat2desk => Some("Chat2Desk"),
            Self::Livechat => Some("LiveChat"),
        }
    }
}

/// A report that can be written in every format.
pub(crate) trait Report {
    /// What JSON has.
    fn document(&self) -> impl serde::Serialize;

    /// The names of CSV's columns.
    fn header(&self) -> Vec<String>;

    /// A record of CSV for each row; nothing is empty, never 0.
    fn records(&self) -> Vec<Vec<String>>;

    /// For a terminal, ending with a line's end.
    fn table(&self) -> String;

    /// For a browser.
    fn page(&self) -> Page;

    /// The whole text, ending with a line's end.
    ///
    /// # Errors
    /// When a value cannot be written in the format.
    fn written(&self, format: ReportFormat) -> anyhow::Result<String> {
        Ok(match format {
            ReportFormat::Json => format!("{}\n", serde_json::to_string_pretty(&self.document())?),
            ReportFormat::Csv => {
                let mut csv = csv::Writer::from_writer(Vec::new());
                csv.write_record(self.header())?;
                for record in self.records() {
                    csv.write_record(record)?;
                }
                String::from_utf8(csv.into_inner()?)?
            }
            ReportFormat::Table => self.table(),
            ReportFormat::Html => self.page().html(),
        })
    }
}

/// A figure as CSV has it.
fn figure(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// How rows are grouped, as JSON says it.
fn grouping(by: By) -> Option<&'static str> {
    (by != By::All).then(|| by.as_str())
}

/// The same in a title: ` by operator`.
fn by_words(by: By) -> String {
    grouping(by).map_or_else(String::new, |by| format!(" by {by}"))
}

/// Who counts, in a title: ` by the rules of Chat2Desk`.
fn rules_words(rules: Rules) -> String {
    rules.named().map_or_else(String::new, |vendor| format!(", by the rules of {vendor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column of CSV and of the page has its meaning on the page; a joined name has both halves.
    pub(super) fn assert_defined(report: &impl Report) {
        let page = report.page();
        let is_defined = |field: &str| page.definitions.iter().any(|definition| definition.field == field);
        for column in report.header() {
            let is_joined = || {
                column
                    .match_indices('_')
                    .any(|(at, _)| is_defined(&column[..at]) && is_defined(&column[at + 1..]))
            };
            assert!(is_defined(&column) || is_joined(), "{column} has no meaning on the page");
        }
        for (heading, field) in page.tables.iter().flat_map(|table| &table.columns) {
            assert!(is_defined(field), "{heading} leads to {field}, which has no meaning");
        }
        for table in &page.tables {
            assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{:?}", table.columns);
        }
        let html = report.written(ReportFormat::Html).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"), "{html}");
    }
}
