//! `report restatements`.

use chrono::{NaiveDate, SecondsFormat};
use serde::Serialize;
use store::report::RestatementRow;

use super::page::{Page, Table};
use super::period::minute;
use super::span::{NOTHING, percent, span};
use super::text::{grouped, short, table, wrapped};
use super::{About, Report, definitions, figure};

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Restatements<'a> {
    /// Whose, and of which published days.
    pub(crate) about: About<'a>,
    /// One dimension only: `all`, `operator` …
    pub(crate) by: Option<&'static str>,
    /// How many days were published in all, and the last one.
    pub(crate) published: (i64, Option<NaiveDate>),
    /// What was found, by when it was noticed.
    pub(crate) rows: Vec<RestatementRow>,
}

#[derive(Serialize)]
struct Document<'a> {
    account: &'a str,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    published_days: i64,
    last_published_day: Option<NaiveDate>,
    rows: &'a [RestatementRow],
}

const HEADER: [&str; 13] = [
    "restated_at",
    "day",
    "dimension",
    "key",
    "metric",
    "old",
    "new",
    "change",
    "cause",
    "detail",
    "delivery_id",
    "deliveries",
    "metric_version",
];

impl Report for Restatements<'_> {
    fn document(&self) -> impl Serialize {
        let (About { account, period, .. }, published) = (self.about, self.published);
        Document {
            account,
            from: period.from,
            to: period.to,
            published_days: published.0,
            last_published_day: published.1,
            rows: &self.rows,
        }
    }

    fn header(&self) -> Vec<String> {
        HEADER.map(str::to_owned).to_vec()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &RestatementRow| {
            vec![
                row.restated_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
                row.day.to_string(),
                row.dimension.clone(),
                row.key.clone(),
                row.metric.clone(),
                figure(row.old),
                figure(row.new),
                figure(row.change),
                row.cause.clone(),
                row.detail.clone().unwrap_or_default(),
                row.delivery_id.map_or_else(String::new, |delivery| delivery.to_string()),
                row.deliveries.to_string(),
                row.metric_version.to_string(),
            ]
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let mut text = format!("{}\n", self.about.headed(&self.title()));
        if self.rows.is_empty() {
            text.push_str(&format!("\n{}\n", wrapped(&self.none())));
            return text;
        }
        let same = |a: &RestatementRow, b: &RestatementRow| {
            (a.restated_at, &a.cause, &a.detail, a.delivery_id)
                == (b.restated_at, &b.cause, &b.detail, b.delivery_id)
        };
        for group in self.rows.chunk_by(same) {
            text.push('\n');
            text.push_str(&self.group(group));
        }
        text.push('\n');
        text.push_str(&wrapped(
            "`chatledger trace <delivery>` shows what was said. Published figures themselves never change.",
        ));
        text.push('\n');
        text
    }

    fn page(&self) -> Page {
        let mut facts = self.about.facts();
        facts.push(("Published days", grouped(self.published.0)));
        if let Some(last) = self.published.1 {
            facts.push(("Last published day", last.to_string()));
        }
        let columns = [
            ("noticed", "restated_at"),
            ("day", "day"),
            ("of", "dimension"),
            ("figure", "metric"),
            ("cause", "cause"),
            ("what changed", "detail"),
            ("delivery", "delivery_id"),
            ("was", "old"),
            ("is", "new"),
            ("change", "change"),
        ];
        let (shown, others) = self.shown(&self.rows);
        let row = |row: &RestatementRow| {
            let [day, of, metric, was, is, change] = cells(row, usize::MAX);
            let delivery =
                row.delivery_id.map_or_else(|| NOTHING.to_owned(), |delivery| delivery.to_string());
            let detail = row.detail.clone().unwrap_or_else(|| NOTHING.to_owned());
            let noticed = minute(row.restated_at, self.about.zone);
            vec![noticed, day, of, metric, row.cause.clone(), detail, delivery, was, is, change]
        };
        let figures = Table {
            caption: None,
            columns: columns.map(|(heading, field)| (heading.to_owned(), field)).to_vec(),
            rows: shown.into_iter().map(row).collect(),
            texts: 7,
        };
        let note = match self.rows.as_slice() {
            [] => self.none(),
            _ => format!("{}Published figures themselves never change.", more(others)),
        };
        Page {
            title: self.title(),
            facts,
            tables: vec![figures],
            notes: vec![note],
            definitions: definitions::RESTATEMENTS.to_vec(),
        }
    }
}

impl Restatements<'_> {
    fn title(&self) -> String {
        format!("Restatements of {}", self.about.account)
    }

    /// What there is to say when nothing was restated.
    fn none(&self) -> String {
        match self.published {
            (0, _) => "No day has been published yet: `up` freezes the figures of each day in the night after it, from the \
                       day on which it runs first."
                .to_owned(),
            (days, last) => format!(
                "None: what was published of {} is what the tables say. The last published day is {}.",
                if days == 1 { "1 day".to_owned() } else { format!("{} days", grouped(days)) },
                last.unwrap_or_default()
            ),
        }
    }

    /// Over all, or by what was asked for: every other grouping says the same once more. And how many those are.
    fn shown<'r>(&self, rows: &'r [RestatementRow]) -> (Vec<&'r RestatementRow>, usize) {
        let shown: Vec<_> = rows.iter().filter(|row| self.by.unwrap_or("all") == row.dimension).collect();
        let others = rows.len() - shown.len();
        (shown, others)
    }

    fn group(&self, rows: &[RestatementRow]) -> String {
        let Some(first) = rows.first() else { return String::new() };
        let at = minute(first.restated_at, self.about.zone);
        let (shown, others) = self.shown(rows);
        let by = match (&first.delivery_id, &first.detail) {
            (Some(delivery), _) if first.deliveries > 1 => {
                format!(" {delivery}, the last of {} deliveries", first.deliveries)
            }
            (Some(delivery), _) => format!(" {delivery}"),
            (None, Some(detail)) => format!(": {}", short(detail, 60)),
            (None, None) => String::new(),
        };
        let header = ["day", "of", "figure", "was", "is", "change"];
        let lines = shown.into_iter().map(|row| cells(row, 24)).collect();
        let more =
            if others == 0 { String::new() } else { format!("({})\n", more(others).trim_end_matches(". ")) };
        format!("{at}  {}{by}\n\n{}\n{more}", first.cause, table(header, 3, lines))
    }
}

/// That there are more than are shown.
fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        others => {
            format!("{others} more by operator, channel, transport, hour, tag: --by, or --format csv. ")
        }
    }
}

/// Day, of what, figure, was, is, change. What it is of takes at most so many characters.
fn cells(row: &RestatementRow, most: usize) -> [String; 6] {
    let value = |value: Option<f64>| read(&row.metric, value);
    let what = match row.dimension.as_str() {
        "all" => "all".to_owned(),
        dimension if row.key.is_empty() => format!("{dimension} unknown"),
        dimension => format!("{dimension} {}", row.key),
    };
    let change = row.change.map_or_else(
        || NOTHING.to_owned(),
        |change| {
            let sign = if change < 0.0 { "-" } else { "+" };
            format!("{sign}{}", value(Some(change.abs())))
        },
    );
    [row.day.to_string(), short(&what, most), row.metric.clone(), value(row.old), value(row.new), change]
}

/// A figure as its metric is read: shares, durations, counts.
fn read(metric: &str, value: Option<f64>) -> String {
    let Some(value) = value else { return NOTHING.to_owned() };
    match metric.rsplit('.').next().unwrap_or(metric) {
        "within_target" | "csat" | "response_rate" => percent(Some(value)),
        "mean_score" => format!("{value:.2}"),
        "mean" | "p50" | "p90" | "p95" | "max" => span(Some(value)),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::ReportFormat;
    use super::super::period::Period;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn row(metric: &str, old: Option<f64>, new: Option<f64>) -> RestatementRow {
        RestatementRow {
            restated_at: "2026-01-16T08:12:00Z".parse().unwrap(),
            day: "2026-01-15".parse().unwrap(),
            dimension: "operator".into(),
            key: "7001".into(),
            metric: metric.into(),
            old,
            new,
            change: new.zip(old).map(|(new, old)| new - old),
            cause: "late_delivery".into(),
            detail: None,
            delivery_id: Some(uuid::Uuid::from_u128(7)),
            deliveries: 2,
            metric_version: 1,
        }
    }

    fn report(rows: Vec<RestatementRow>) -> Restatements<'static> {
        let published = (3, "2026-01-15".parse().ok());
        let about = About { account: "acme", zone: Tz::UTC, period: Period::default() };
        Restatements { about, by: Some("operator"), published, rows }
    }

    #[test]
    fn the_table_says_what_changed_by_how_much_and_why() {
        let report = report(vec![
            row("first_response.mean", Some(100.0), Some(90.5)),
            row("first_response_business.within_target", Some(0.5), Some(1.0)),
            row("requests", None, Some(1.0)),
            RestatementRow { dimension: "all".into(), ..row("requests", None, Some(1.0)) },
        ]);
        let text = report.written(ReportFormat::Table).unwrap();
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "2026-01-16 08:12 late_delivery 00000000-0000-0000-0000-000000000007, the last of 2 deliveries",
            "operator 7001 first_response.mean 1m 40s 1m 31s -9.5s",
            "operator 7001 requests - 1 -",
            "(1 more by operator, channel, transport, hour, tag: --by, or --format csv)",
        ] {
            assert!(squeezed.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn the_page_says_the_same_and_explains_it() {
        let configured = RestatementRow {
            cause: "configuration".into(),
            detail: Some("operator_calendar of acme".into()),
            delivery_id: None,
            ..row("reply_business.mean", Some(300.0), Some(0.0))
        };
        let over_all = RestatementRow { dimension: "all".into(), ..row("requests", None, Some(1.0)) };
        let report = report(vec![row("first_response.mean", Some(100.0), Some(90.5)), configured, over_all]);
        assert_defined(&report);
        let html = report.written(ReportFormat::Html).unwrap();
        for part in [
            "operator 7001",
            "1m 31s",
            "late_delivery",
            "operator_calendar of acme",
            "1 more by operator",
            "Published days",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_defined(&self::report(Vec::new()));
    }

    #[test]
    fn without_restatements_it_says_what_was_published() {
        assert!(report(Vec::new()).written(ReportFormat::Table).unwrap().contains("3 days"));
        let csv = report(vec![row("requests", None, Some(1.0))]).written(ReportFormat::Csv).unwrap();
        assert_eq!(csv.lines().count(), 2);
        assert!(
            csv.lines().nth(1).unwrap().contains("2026-01-15,operator,7001,requests,,1,,late_delivery,"),
            "{csv}"
        );
    }
}
