//! `report scores`: JSON, CSV, table.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Serialize;
use store::report::{By, ScoresRow};

use super::Format;
use super::period::Period;
use super::span::{NOTHING, percent};
use super::text::{grouped, short, table, wrapped};

/// A label takes at most so many characters of a line.
const LABEL: usize = 24;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct ScoresReport<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its zone.
    pub(crate) zone: Tz,
    /// Which days.
    pub(crate) period: Period,
    /// What a row stands for.
    pub(crate) by: By,
    /// What was found.
    pub(crate) rows: Vec<ScoresRow>,
}

/// The JSON of design.md 7.5.
#[derive(Serialize)]
struct Document<'a> {
    metric_version: i16,
    r#as: &'static str,
    by: Option<&'static str>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    rows: &'a [ScoresRow],
}

const HEADER: [&str; 12] = [
    "key",
    "label",
    "requests",
    "rated",
    "good",
    "neutral",
    "bad",
    "csat",
    "low",
    "high",
    "response_rate",
    "mean_score",
];

impl ScoresReport<'_> {
    /// The whole text, ending with a line's end.
    ///
    /// # Errors
    /// When a value cannot be written in the format.
    pub(crate) fn written(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Json => Ok(format!("{}\n", serde_json::to_string_pretty(&self.document())?)),
            Format::Csv => self.csv(),
            Format::Table => Ok(self.table()),
        }
    }

    fn document(&self) -> Document<'_> {
        Document {
            metric_version: events::METRIC_VERSION,
            r#as: "chatledger",
            by: (self.by != By::All).then(|| self.by.as_str()),
            from: self.period.from,
            to: self.period.to,
            rows: &self.rows,
        }
    }

    fn csv(&self) -> anyhow::Result<String> {
        let figure = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(HEADER)?;
        for row in &self.rows {
            csv.write_record([
                row.key.clone(),
                row.label.clone(),
                row.requests.to_string(),
                row.rated.to_string(),
                row.good.to_string(),
                row.neutral.to_string(),
                row.bad.to_string(),
                figure(row.csat),
                figure(row.low),
                figure(row.high),
                figure(row.response_rate),
                figure(row.mean_score),
            ])?;
        }
        Ok(String::from_utf8(csv.into_inner()?)?)
    }

    fn table(&self) -> String {
        let by = if self.by == By::All { String::new() } else { format!(" by {}", self.by.as_str()) };
        let title = format!("Scores of {}{by}, {} ({})", self.account, self.period.named(), self.zone);
        let key = format!("\n{}", self.by.as_str());
        let header = [
            key.as_str(),
            "closed\ncontacts",
            "\nscores",
            "\ngood",
            "\nneutral",
            "\nbad",
            "\nCSAT",
            "CSAT of all\n(95 % sure)",
            "rated\nshare",
            "mean\nscore",
        ];
        let body = match self.rows.as_slice() {
            [] => "nothing in this period".to_owned(),
            rows => table(header, 1, rows.iter().map(cells).collect()),
        };
        let words = "CSAT: good scores of all scores; good is at least 0.8 of the scale, bad at most 0.4. The range \
                     says where it would lie had every customer answered (Wilson, 95 %): few scores, wide range. A score \
                     belongs to the day of the contact that it rates, and to whoever answered last before it. Scores \
                     that were taken back are not counted.";
        format!("{title}\n\n{body}\n\n{}\n", wrapped(words))
    }
}

fn cells(row: &ScoresRow) -> [String; 10] {
    let range = row.low.zip(row.high).map_or_else(
        || NOTHING.to_owned(),
        |(low, high)| format!("{} to {}", percent(Some(low)), percent(Some(high))),
    );
    let mean = match (row.mean_score, row.scale) {
        (Some(mean), Some(scale)) => format!("{mean:.2} of {scale}"),
        _ => NOTHING.to_owned(),
    };
    [
        if row.label.trim().is_empty() { NOTHING.to_owned() } else { short(&row.label, LABEL) },
        grouped(row.requests),
        grouped(row.rated),
        grouped(row.good),
        grouped(row.neutral),
        grouped(row.bad),
        percent(row.csat),
        range,
        percent(row.response_rate),
        mean,
    ]
}

#[cfg(test)]
mod tests {
    use super::super::text::WIDTH;
    use super::*;

    fn report(rows: Vec<ScoresRow>) -> ScoresReport<'static> {
        ScoresReport {
            account: "acme",
            zone: Tz::Asia__Almaty,
            period: Period { from: "2026-10-01".parse().ok(), to: None },
            by: By::Operator,
            rows,
        }
    }

    fn row(label: &str) -> ScoresRow {
        ScoresRow {
            key: "1".to_owned(),
            label: label.to_owned(),
            requests: 123_456,
            rated: 100_000,
            good: 87_654,
            neutral: 10_000,
            bad: 2_346,
            csat: Some(0.876),
            low: Some(0.81),
            high: Some(0.93),
            response_rate: Some(0.81),
            mean_score: Some(4.5),
            scale: Some(5.0),
        }
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_defines_itself() {
        let text = report(vec![row("Aigerim Zhaksybekova-Nurmagambetova"), ScoresRow::default()])
            .written(Format::Table)
            .unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for part in
            ["Scores of acme by operator", "87,654", "88 %", "81 % to 93 %", "4.50 of 5", "taken back"]
        {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(text.contains('-'), "nothing is a dash:\n{text}");
    }

    #[test]
    fn json_and_csv_are_what_the_design_says() {
        let json: serde_json::Value =
            serde_json::from_str(&report(vec![row("A")]).written(Format::Json).unwrap()).unwrap();
        let mut found: Vec<&str> = json["rows"][0].as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        let mut expected = HEADER;
        expected.sort_unstable();
        assert_eq!(found, expected);
        let csv = report(vec![row("A"), ScoresRow::default()]).written(Format::Csv).unwrap();
        assert_eq!(csv.lines().next().unwrap(), HEADER.join(","));
        assert!(csv.lines().nth(2).unwrap().ends_with(",0,0,0,0,0,,,,,"), "nothing is empty: {csv}");
    }
}
