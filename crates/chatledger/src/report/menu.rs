//! `report menu`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::report::{By, MenuBy, MenuRow};

use super::page::Page;
use super::period::minute;
use super::response_times::{FIELDS, values};
use super::span::{percent, span};
use super::text::{grouped, wrapped};
use super::{About, Document, Report, definitions, figure, rows};

/// A label takes at most so many characters of a line.
const LABEL: usize = 18;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Menu<'a> {
    /// Whose, and of which days.
    pub(crate) about: About<'a>,
    /// What a row stands for.
    pub(crate) by: MenuBy,
    /// The target.
    pub(crate) target_seconds: f64,
    /// When waiting was looked at.
    pub(crate) as_of: DateTime<Utc>,
    /// What was found.
    pub(crate) rows: Vec<MenuRow>,
}

const HEADER: [&str; 8] =
    ["key", "label", "chosen", "clients", "requests", "left_out", "asked", "asked_share"];

impl Report for Menu<'_> {
    fn document(&self) -> impl Serialize {
        Document::of(
            &self.about,
            "chatledger",
            (self.by != MenuBy::Contact(By::All)).then(|| self.by.as_str()),
            &self.rows,
        )
        .within(self.target_seconds)
    }

    /// Names of nested fields are joined with an underscore.
    fn header(&self) -> Vec<String> {
        let nested = FIELDS.map(|field| format!("first_response_{field}"));
        HEADER.map(str::to_owned).into_iter().chain(nested).collect()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &MenuRow| {
            let mut record = vec![row.key.clone(), row.label.clone()];
            let counts = [row.chosen, row.clients, row.requests, row.left_out, row.asked];
            record.extend(counts.map(|count| count.to_string()));
            record.push(figure(row.asked_share));
            record.extend(values(&row.first_response));
            record
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let target = span(Some(self.target_seconds));
        let title = format!("{}, target {target}", self.about.headed(&self.title()));
        let key = format!("\n\n{}", self.heading());
        let within = format!("\nwithin\n{}", target.replace(' ', ""));
        let header = [
            key.as_str(),
            "\n\nchosen",
            "\n\nclients",
            "\ncon-\ntacts",
            "\nthen\nasked",
            "share\nthat\nasked",
            "\nans-\nwered",
            "first\nreply\np50",
            "first\nreply\np90",
            &within,
            "\nunans-\nwered",
            "\nwait-\ning",
        ];
        let body = rows::terminal(header, self.rows.iter().map(cells).collect());
        format!("{title}\n\n{body}\n\n{}\n", wrapped(&self.words()))
    }

    fn page(&self) -> Page {
        let target = span(Some(self.target_seconds));
        let mut facts = self.about.facts();
        facts.push(("Target", target.clone()));
        facts.push(("Waiting as of", minute(self.as_of, self.about.zone)));
        let within = format!("within {target}");
        let columns = [
            (self.heading(), "key"),
            ("chosen", "chosen"),
            ("clients", "clients"),
            ("contacts", "requests"),
            ("then asked", "asked"),
            ("share that asked", "asked_share"),
            ("answered", "n"),
            ("first reply, median", "p50"),
            ("90 %", "p90"),
            (within.as_str(), "within_target"),
            ("unanswered", "unanswered"),
            ("waiting", "waiting"),
        ];
        let table = rows::on_page(columns, self.rows.iter().map(|row| (row.label.as_str(), cells(row))));
        Page {
            title: self.title(),
            facts,
            tables: vec![table],
            notes: vec![self.words()],
            definitions: definitions::menu(),
        }
    }
}

impl Menu<'_> {
    fn heading(&self) -> &'static str {
        if self.by == MenuBy::Item { "menu item" } else { self.by.as_str() }
    }

    fn title(&self) -> String {
        let by = match self.by {
            MenuBy::Contact(By::All) => String::new(),
            by => format!(" by {}", by.as_str()),
        };
        format!("Menu choices of {}{by}", self.about.account)
    }

    fn words(&self) -> String {
        let scripts = "Only scripts tell which item was chosen: chatledger accounts script prints what they need. A contact \
                       counts on the day of its first client message; then asked: the client went on to write something \
                       that is no choice.";
        let caution = match self.by {
            MenuBy::Item => {
                "A contact in which several items were chosen counts under each: rows do not add up."
            }
            MenuBy::Contact(By::Tag) => "A contact with several tags counts under each: rows do not add up.",
            MenuBy::Contact(_) => "",
        };
        let left_out: i64 = self.rows.iter().map(|row| row.left_out).sum();
        let left_out = if left_out == 0 {
            String::new()
        } else {
            format!("Left out, as of response times: {}.", grouped(left_out))
        };
        [scripts, caution, &left_out]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn cells(row: &MenuRow) -> [String; 12] {
    let response = &row.first_response;
    [
        rows::named(&row.label, LABEL),
        grouped(row.chosen),
        grouped(row.clients),
        grouped(row.requests),
        grouped(row.asked),
        percent(row.asked_share),
        grouped(response.n),
        span(response.p50),
        span(response.p90),
        percent(response.within_target),
        grouped(response.unanswered),
        grouped(response.waiting),
    ]
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use store::report::Summary;

    use super::super::ReportFormat;
    use super::super::period::Period;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn report(by: MenuBy, rows: Vec<MenuRow>) -> Menu<'static> {
        Menu {
            about: About {
                account: "acme",
                zone: Tz::Asia__Almaty,
                period: Period { from: "2026-10-01".parse().ok(), to: "2026-10-07".parse().ok() },
            },
            by,
            target_seconds: 120.0,
            as_of: "2026-10-07T19:00:00Z".parse().unwrap(),
            rows,
        }
    }

    fn row(label: &str) -> MenuRow {
        MenuRow {
            key: "1010".to_owned(),
            label: label.to_owned(),
            chosen: 123_456,
            clients: 98_765,
            requests: 99_999,
            left_out: 12,
            asked: 45_678,
            asked_share: Some(0.457),
            first_response: Summary {
                n: 40_000,
                mean: Some(100.5),
                p50: Some(93_600.0),
                p90: Some(400.0),
                p95: Some(500.0),
                max: Some(5e6),
                within_target: Some(0.75),
                unanswered: 1_234,
                waiting: 5,
            },
        }
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_says_what_is_left_out() {
        for by in [MenuBy::Item, MenuBy::Contact(By::Tag), MenuBy::Contact(By::All)] {
            let rows = vec![row("Where is my order, please?"), MenuRow::default()];
            let text = report(by, rows).written(ReportFormat::Table).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            for part in ["123,456", "46 %", "75 %", "as of response times: 12", "accounts script"] {
                assert!(
                    text.split_whitespace().collect::<Vec<_>>().join(" ").contains(part),
                    "{part}:\n{text}"
                );
            }
        }
        let nothing = report(MenuBy::Item, Vec::new()).written(ReportFormat::Table).unwrap();
        assert!(nothing.contains("nothing in this period"));
    }

    #[test]
    fn json_and_csv_have_the_same_fields() {
        let json: serde_json::Value =
            serde_json::from_str(&report(MenuBy::Item, vec![row("A")]).written(ReportFormat::Json).unwrap())
                .unwrap();
        assert_eq!((&json["by"], &json["target_seconds"]), (&"item".into(), &120.0.into()));
        let mut found: Vec<&str> = json["rows"][0].as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        let mut expected = [&HEADER[..], &["first_response"]].concat();
        expected.sort_unstable();
        assert_eq!(found, expected);
        let csv =
            report(MenuBy::Item, vec![row("A"), MenuRow::default()]).written(ReportFormat::Csv).unwrap();
        assert!(
            csv.starts_with("key,label,chosen,clients,requests,left_out,asked,asked_share,first_response_n,")
        );
        assert!(csv.lines().nth(2).unwrap().starts_with(",,0,0,0,0,0,,0,,"), "nothing is empty: {csv}");
    }

    #[test]
    fn the_page_explains_every_figure() {
        for by in [MenuBy::Item, MenuBy::Contact(By::Day)] {
            assert_defined(&report(by, vec![row("A"), MenuRow::default()]));
        }
    }
}
