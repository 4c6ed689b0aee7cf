//! `report restatements`: JSON, CSV, table.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Serialize;
use store::report::RestatementRow;

use super::Format;
use super::period::{Period, minute};
use super::span::{NOTHING, percent, span};
use super::text::{grouped, short, table, wrapped};

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Restatements<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its zone.
    pub(crate) zone: Tz,
    /// Which published days.
    pub(crate) period: Period,
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

impl Restatements<'_> {
    /// The whole text, ending with a line's end.
    ///
    /// # Errors
    /// When a value cannot be written in the format.
    pub(crate) fn written(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Json => Ok(format!("{}\n", serde_json::to_string_pretty(&self.document())?)),
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

    fn document(&self) -> Document<'_> {
        Document {
            account: self.account,
            from: self.period.from,
            to: self.period.to,
            published_days: self.published.0,
            last_published_day: self.published.1,
            rows: &self.rows,
        }
    }

    fn table(&self) -> String {
        let mut text = format!("Restatements of {}, {} ({})\n", self.account, self.period.named(), self.zone);
        if self.rows.is_empty() {
            text.push('\n');
            text.push_str(&wrapped(&match self.published {
                (0, _) => "No day has been published yet: `up` freezes the figures of each day in the night after it, \
                           from the day on which it runs first."
                    .to_owned(),
                (days, last) => format!(
                    "None: what was published of {} is what the tables say. The last published day is {}.",
                    if days == 1 { "1 day".to_owned() } else { format!("{} days", grouped(days)) },
                    last.unwrap_or_default()
                ),
            }));
            text.push('\n');
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

    fn group(&self, rows: &[RestatementRow]) -> String {
        let Some(first) = rows.first() else { return String::new() };
        let at = minute(first.restated_at, self.zone);
        // Over all, or by what was asked for: every other grouping says the same once more.
        let shown: Vec<&RestatementRow> =
            rows.iter().filter(|row| self.by.unwrap_or("all") == row.dimension).collect();
        let others = rows.len() - shown.len();
        let by = match (&first.delivery_id, &first.detail) {
            (Some(delivery), _) if first.deliveries > 1 => {
                format!(" {delivery}, the last of {} deliveries", first.deliveries)
            }
            (Some(delivery), _) => format!(" {delivery}"),
            (None, Some(detail)) => format!(": {}", short(detail, 60)),
            (None, None) => String::new(),
        };
        let lines = shown.into_iter().map(|row| {
            let value = |value: Option<f64>| figure(&row.metric, value);
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
            [
                row.day.to_string(),
                short(&what, 24),
                row.metric.clone(),
                value(row.old),
                value(row.new),
                change,
            ]
        });
        let header = ["day", "of", "figure", "was", "is", "change"];
        let more = match others {
            0 => String::new(),
            others => {
                format!("({others} more by operator, channel, transport, hour, tag: --by, or --format csv)\n")
            }
        };
        format!("{at}  {}{by}\n\n{}\n{more}", first.cause, table(header, 3, lines.collect()))
    }
}

/// A figure as its metric is read: shares, durations, counts.
fn figure(metric: &str, value: Option<f64>) -> String {
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
        let (zone, period, by) = (Tz::UTC, Period::default(), Some("operator"));
        Restatements { account: "acme", zone, period, by, published, rows }
    }

    #[test]
    fn the_table_says_what_changed_by_how_much_and_why() {
        let report = report(vec![
            row("first_response.mean", Some(100.0), Some(90.5)),
            row("first_response_business.within_target", Some(0.5), Some(1.0)),
            row("requests", None, Some(1.0)),
            RestatementRow { dimension: "all".into(), ..row("requests", None, Some(1.0)) },
        ]);
        let text = report.written(Format::Table).unwrap();
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
    fn without_restatements_it_says_what_was_published() {
        assert!(report(Vec::new()).written(Format::Table).unwrap().contains("3 days"));
        let csv = report(vec![row("requests", None, Some(1.0))]).written(Format::Csv).unwrap();
        assert_eq!(csv.lines().count(), 2);
        assert!(
            csv.lines().nth(1).unwrap().contains("2026-01-15,operator,7001,requests,,1.0,,late_delivery,"),
            "{csv}"
        );
    }
}
