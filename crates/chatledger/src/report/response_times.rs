//! `report response-times`: JSON, CSV, table.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use store::report::{By, LeftOut, Row, Summary};

use super::Format;
use super::period::{Period, minute};
use super::span::{NOTHING, percent, span};
use super::text::{grouped, short, table, wrapped};

/// A label takes at most so many characters of a line.
const LABEL: usize = 18;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct ResponseTimes<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its zone.
    pub(crate) zone: Tz,
    /// Which days.
    pub(crate) period: Period,
    /// What a row stands for.
    pub(crate) by: By,
    /// The target.
    pub(crate) target_seconds: f64,
    /// When waiting was looked at.
    pub(crate) as_of: DateTime<Utc>,
    /// What was found.
    pub(crate) rows: Vec<Row>,
}

/// The JSON of design.md 7.5.
#[derive(Serialize)]
struct Document<'a> {
    metric_version: i16,
    r#as: &'static str,
    /// `null` without `--by`.
    by: Option<&'static str>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    target_seconds: f64,
    rows: &'a [Row],
}

impl ResponseTimes<'_> {
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
            target_seconds: self.target_seconds,
            rows: &self.rows,
        }
    }

    /// Names of nested fields are joined with an underscore; nothing is empty, never 0.
    fn csv(&self) -> anyhow::Result<String> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> = ["key", "label", "requests", "left_out"].map(str::to_owned).to_vec();
        for (name, _) in Row::default().summaries() {
            header.extend(FIELDS.map(|field| format!("{name}_{field}")));
        }
        csv.write_record(&header)?;
        for row in &self.rows {
            let mut record =
                vec![row.key.clone(), row.label.clone(), row.requests.to_string(), row.left_out.to_string()];
            for (_, summary) in row.summaries() {
                record.extend(values(summary));
            }
            csv.write_record(&record)?;
        }
        Ok(String::from_utf8(csv.into_inner()?)?)
    }

    fn table(&self) -> String {
        format!("{}\n{}\n", self.heading(), self.footnote())
    }

    /// Title and table, without the words below it.
    pub(crate) fn heading(&self) -> String {
        let target = span(Some(self.target_seconds));
        let by = if self.by == By::All { String::new() } else { format!(" by {}", self.by.as_str()) };
        let title = format!(
            "Response times of {}{by}, {} ({}), target {target}",
            self.account,
            self.period.named(),
            self.zone
        );
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
        let body = match self.rows.as_slice() {
            [] => "nothing in this period".to_owned(),
            rows => table(header, 1, rows.iter().map(|row| cells(row, in_hours)).collect()),
        };
        format!("{title}\n\n{body}\n")
    }

    /// Whether a calendar is in force: some first reply has a time in business hours.
    fn in_hours(&self) -> bool {
        self.rows.iter().any(|row| row.first_response_business.n > 0)
    }

    /// The headline in words, and what is not in it.
    fn footnote(&self) -> String {
        let mut left_out = LeftOut::default();
        for row in &self.rows {
            left_out += row.left_out_by;
        }
        let other = if self.in_hours() {
            "In hours: the same, counting business hours only."
        } else {
            "Each reply: the same for every turn of the conversation."
        };
        let sentence = [
            "First reply: from the first question of a request to the first reply by a person; bots and automatic \
             replies do not count."
                .to_owned(),
            other.to_owned(),
            "Resolution: median from the first message to the close. Within: answered in time, of all that were \
             answered or lasted longer without an answer. Unanswered: closed without one. Waiting: had none yet at"
                .to_owned(),
            format!("{} (those that were answered since count in both).", minute(self.as_of, self.zone)),
            reasons(left_out),
        ];
        wrapped(&sentence.join(" "))
    }
}

const FIELDS: [&str; 9] = ["n", "mean", "p50", "p90", "p95", "max", "within_target", "unanswered", "waiting"];

fn values(summary: &Summary) -> [String; 9] {
    let Summary { n, mean, p50, p90, p95, max, within_target, unanswered, waiting } = *summary;
    let figure = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
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
        if row.label.trim().is_empty() { NOTHING.to_owned() } else { short(&row.label, LABEL) },
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

#[cfg(test)]
mod tests {
    use super::super::text::WIDTH;
    use super::*;

    fn summary(n: i64, p50: f64) -> Summary {
        Summary {
            n,
            mean: Some(p50),
            p50: Some(p50),
            p90: Some(p50 * 6.0),
            p95: Some(p50 * 8.0),
            max: Some(p50 * 40.0),
            within_target: Some(0.874),
            unanswered: 1234,
            waiting: 567,
        }
    }

    fn report(by: By, rows: Vec<Row>) -> ResponseTimes<'static> {
        ResponseTimes {
            account: "acme",
            zone: Tz::Asia__Almaty,
            period: Period { from: "2026-10-01".parse().ok(), to: "2026-10-07".parse().ok() },
            by,
            target_seconds: 120.0,
            as_of: "2026-10-07T19:00:00Z".parse().unwrap(),
            rows,
        }
    }

    fn row(label: &str) -> Row {
        Row {
            key: "1".to_owned(),
            label: label.to_owned(),
            requests: 123_456,
            left_out: 1234,
            first_response: summary(123_456, 125.0),
            reply: summary(9, 4320.0),
            resolution: summary(8, 273_600.0),
            left_out_by: LeftOut { rating: 1000, company: 234, ..LeftOut::default() },
            ..Row::default()
        }
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_defines_itself() {
        let rows = vec![row("Aigerim Zhaksybekova-Nurmagambetova"), row("Bo"), Row::default()];
        let text = report(By::Operator, rows).written(Format::Table).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.starts_with(
            "Response times of acme by operator, 2026-10-01 to 2026-10-07 (Asia/Almaty), target 2m 00s\n"
        ));
        for part in
            ["Aigerim Zhaksybek…", "123,456", "2m 05s", "12m 30s", "87 %", "1h 12m", "3d 04h", "2m00s"]
        {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(
            "Left out, as they have no response time: 2,468 (2,000 satisfaction surveys, 468 begun by"
        ));
        assert!(words.contains("had none yet at 2026-10-08 00:00"), "{text}");
    }

    #[test]
    fn with_a_calendar_the_first_reply_in_business_hours_stands_beside_it() {
        let plain = report(By::All, vec![row("all")]).written(Format::Table).unwrap();
        assert!(!plain.contains("In hours") && plain.contains("Each reply"));
        let in_hours = Row { first_response_business: summary(9, 61.0), ..row("all") };
        let text = report(By::All, vec![in_hours]).written(Format::Table).unwrap();
        assert!(
            text.contains("In hours") && text.contains("1m 01s") && !text.contains("Each reply"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_a_dash_and_never_zero() {
        let text = report(By::All, vec![Row { label: "everything".to_owned(), ..Row::default() }])
            .written(Format::Table)
            .unwrap();
        let cells: Vec<&str> =
            text.lines().find(|line| line.starts_with("everything")).unwrap().split_whitespace().collect();
        assert_eq!(cells, ["everything", "0", "0", "0", "-", "-", "-", "0", "0", "-", "-", "-"]);
        assert!(text.contains("No request was left out."));
        assert!(
            report(By::Day, Vec::new()).written(Format::Table).unwrap().contains("nothing in this period")
        );
    }

    #[test]
    fn json_is_what_the_design_says() {
        let text = report(By::Hour, vec![row("09:00")]).written(Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut expected = ["metric_version", "as", "by", "from", "to", "target_seconds", "rows"];
        expected.sort_unstable();
        let mut found = keys(&json);
        found.sort_unstable();
        assert_eq!(found, expected);
        let named = ["as", "by", "from", "to"].map(|key| json[key].as_str().unwrap().to_owned());
        assert_eq!(named, ["chatledger", "hour", "2026-10-01", "2026-10-07"]);
        let row = &json["rows"][0];
        let mut found = keys(row);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "first_response",
                "first_response_business",
                "first_response_human",
                "key",
                "label",
                "left_out",
                "reply",
                "reply_business",
                "requests",
                "resolution"
            ]
        );
        let mut found = keys(&row["reply_business"]);
        found.sort_unstable();
        let mut expected = FIELDS;
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(row["reply_business"]["mean"].is_null() && row["reply_business"]["n"] == 0);
    }

    #[test]
    fn without_grouping_by_is_null() {
        let text = report(By::All, Vec::new()).written(Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(json["by"].is_null());
    }

    #[test]
    fn csv_has_one_header_and_a_field_for_each_figure() {
        let text = report(By::Operator, vec![row("Doe, \"J\"")]).written(Format::Csv).unwrap();
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let header = csv.headers().unwrap().clone();
        assert_eq!(header.len(), 4 + 6 * 9);
        let record = csv.records().next().unwrap().unwrap();
        let field = |name: &str| record[header.iter().position(|column| column == name).unwrap()].to_owned();
        assert_eq!(field("label"), "Doe, \"J\"");
        assert_eq!(field("first_response_p50"), "125");
        assert_eq!(field("reply_business_p50"), "", "nothing is empty");
        assert_eq!(field("first_response_within_target"), "0.874");
    }
}
