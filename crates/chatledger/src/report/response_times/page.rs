//! Response times on a page: every summary with all its figures.

use store::report::{By, Row, Summary};

use super::super::page::{Page, Table};
use super::super::period::minute;
use super::super::span::{percent, span};
use super::super::text::grouped;
use super::super::{by_words, definitions, rows, rules_words};
use super::{FIELDS, ResponseTimes, reasons};

/// The page of the report.
pub(super) fn of(report: &ResponseTimes<'_>) -> Page {
    let target = span(Some(report.target_seconds));
    let mut facts = report.about.facts();
    facts.push(("Target", target.clone()));
    facts.push(("Rules", report.rules.named().unwrap_or("Chatledger").to_owned()));
    facts.push(("Waiting as of", minute(report.as_of, report.about.zone)));
    if let (By::All, [all]) = (report.by, report.rows.as_slice()) {
        facts.push(("Requests", grouped(all.requests)));
        facts.push(("Left out", grouped(all.left_out)));
    }
    let tables = match (report.by, report.rows.as_slice()) {
        (By::All, [all]) => vec![report.one(all, &target)],
        (_, rows) => report.several(rows, &target),
    };
    Page {
        title: format!(
            "Response times of {}{}{}",
            report.about.account,
            by_words(report.by),
            rules_words(report.rules)
        ),
        facts,
        tables,
        notes: [report.caution(), Some(reasons(report.left_out_by()))].into_iter().flatten().collect(),
        definitions: definitions::response_times(report.rules),
    }
}

impl ResponseTimes<'_> {
    /// Without grouping: the six durations below one another.
    fn one(&self, all: &Row, target: &str) -> Table {
        let durations = all.summaries().map(|(name, summary)| {
            let mut cells = vec![named(name).to_owned()];
            cells.extend(shown(name, summary));
            cells
        });
        let mut columns = vec![("duration".to_owned(), "first_response")];
        columns.extend(headings(target));
        Table { caption: None, columns, rows: durations.to_vec(), texts: 1 }
    }

    /// One table for each duration that there is; what is counted stands in the first.
    fn several(&self, all: &[Row], target: &str) -> Vec<Table> {
        let table = |place: usize, name: &'static str| {
            let row = |row: &Row| {
                let mut cells = vec![rows::named_whole(&row.label)];
                if place == 0 {
                    cells.extend([grouped(row.requests), grouped(row.left_out)]);
                }
                cells.extend(shown(name, row.summaries()[place].1));
                cells
            };
            let mut columns = vec![(self.by.as_str().to_owned(), "key")];
            if place == 0 {
                columns.extend(
                    [("requests", "requests"), ("left out", "left_out")].map(|(h, f)| (h.to_owned(), f)),
                );
            }
            columns.extend(headings(target));
            Table { caption: Some(named(name)), columns, rows: all.iter().map(row).collect(), texts: 1 }
        };
        let is_there = |place: usize| place == 0 || all.iter().any(|row| row.summaries()[place].1.n > 0);
        let names = Row::default().summaries().map(|(name, _)| name);
        (0..)
            .zip(names)
            .filter(|(place, _)| is_there(*place))
            .map(|(place, name)| table(place, name))
            .collect()
    }
}

/// A duration, as a page calls it.
fn named(summary: &str) -> &'static str {
    match summary {
        "first_response" => "First response",
        "first_response_business" => "First response, business hours",
        "first_response_human" => "First response, after a bot's hand-over",
        "reply" => "Reply",
        "reply_business" => "Reply, business hours",
        _ => "Resolution",
    }
}

/// The columns of a summary.
fn headings(target: &str) -> [(String, &'static str); 9] {
    let within = format!("within {target}");
    let names = ["n", "mean", "median", "90 %", "95 %", "longest", &within, "unanswered", "waiting"];
    let mut fields = FIELDS.into_iter();
    names.map(|name| (name.to_owned(), fields.next().unwrap_or("n")))
}

fn shown(name: &str, summary: &Summary) -> [String; 9] {
    let Summary { n, mean, p50, p90, p95, max, within_target, unanswered, waiting } = *summary;
    [
        grouped(n),
        span(mean),
        span(p50),
        span(p90),
        span(p95),
        span(max),
        // The target is for answers.
        percent(within_target.filter(|_| name != "resolution")),
        grouped(unanswered),
        grouped(waiting),
    ]
}
