//! `report workload`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::report::{By, WorkloadRow};

use super::page::Page;
use super::period::minute;
use super::span::NOTHING;
use super::text::{grouped, wrapped};
use super::{About, Document, Report, by_words, definitions, figure, grouping, rows};

/// A label takes at most so many characters of a line.
const LABEL: usize = 16;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Workload<'a> {
    /// Whose, and of which days.
    pub(crate) about: About<'a>,
    /// What a row stands for.
    pub(crate) by: By,
    /// When what was open was looked at.
    pub(crate) as_of: DateTime<Utc>,
    /// What was found.
    pub(crate) rows: Vec<WorkloadRow>,
}

const HEADER: [&str; 13] = [
    "key",
    "label",
    "opened",
    "closed",
    "open_at_end",
    "client_messages",
    "operator_messages",
    "bot_messages",
    "automation_messages",
    "people",
    "operators",
    "operator_hours",
    "people_per_operator_hour",
];

impl Report for Workload<'_> {
    fn document(&self) -> impl Serialize {
        Document::of(&self.about, "chatledger", grouping(self.by), &self.rows)
    }

    fn header(&self) -> Vec<String> {
        HEADER.map(str::to_owned).to_vec()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &WorkloadRow| {
            let mut record = vec![row.key.clone(), row.label.clone()];
            record.extend(counts(row).map(|count| count.to_string()));
            record.push(figure(row.people_per_operator_hour));
            record
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let title = self.about.headed(&self.title());
        let key = format!("\n\n{}", self.by.as_str());
        let header = [
            key.as_str(),
            "\n\nopened",
            "\n\nclosed",
            "\nopen at\nend",
            "messages\nof\nclients",
            "\n\npeople",
            "\n\nbots",
            "\nauto-\nmatic",
            "\n\nclients",
            "\noper-\nators",
            "oper-\nator\nhours",
            "clients\nan hour",
        ];
        let body = rows::terminal(header, self.rows.iter().map(cells).collect());
        format!("{title}\n\n{body}\n\n{}\n", wrapped(&self.words()))
    }

    fn page(&self) -> Page {
        let mut facts = self.about.facts();
        facts.push(("Open as of", minute(self.as_of, self.about.zone)));
        let columns = [
            (self.by.as_str(), "key"),
            ("opened", "opened"),
            ("closed", "closed"),
            ("open at end", "open_at_end"),
            ("messages of clients", "client_messages"),
            ("of people", "operator_messages"),
            ("of bots", "bot_messages"),
            ("automatic", "automation_messages"),
            ("clients", "people"),
            ("operators", "operators"),
            ("operator hours", "operator_hours"),
            ("clients an hour", "people_per_operator_hour"),
        ];
        let table = rows::on_page(columns, self.rows.iter().map(|row| (row.label.as_str(), cells(row))));
        Page {
            title: self.title(),
            facts,
            tables: vec![table],
            notes: self.caution().map(str::to_owned).into_iter().collect(),
            definitions: definitions::workload(),
        }
    }
}

impl Workload<'_> {
    fn title(&self) -> String {
        format!("Workload of {}{}", self.about.account, by_words(self.by))
    }

    fn words(&self) -> String {
        let open = match self.by {
            By::Day => "Open: at the end of each day".to_owned(),
            By::Hour => "Open: at the end of each hour of the last day".to_owned(),
            _ => "Open".to_owned(),
        };
        let sentences = [
            format!("{open}, at the latest at {}.", minute(self.as_of, self.about.zone)),
            "Clients: those who wrote, or to whom a person wrote. Operator hours: local hours in which an operator wrote to \
             clients; clients an hour: to how many of them, on average. Surveys and deleted messages are left out."
                .to_owned(),
            match self.by {
                By::Operator => "An opening and what a client writes are the first replier's, else the holder's; a close is \
                                 the last replier's; what is open is whose it was then."
                    .to_owned(),
                _ => String::new(),
            },
        ];
        let caution = self.caution().map(str::to_owned);
        sentences.into_iter().chain(caution).collect::<Vec<_>>().join(" ")
    }

    fn caution(&self) -> Option<&'static str> {
        (self.by == By::Tag).then_some(
            "A contact with several tags counts under each, with its messages: rows do not add up.",
        )
    }
}

fn counts(row: &WorkloadRow) -> [i64; 10] {
    [
        row.opened,
        row.closed,
        row.open_at_end,
        row.client_messages,
        row.operator_messages,
        row.bot_messages,
        row.automation_messages,
        row.people,
        row.operators,
        row.operator_hours,
    ]
}

fn cells(row: &WorkloadRow) -> [String; 12] {
    let [a, b, c, d, e, f, g, h, i, j] = counts(row).map(grouped);
    let label = rows::named(&row.label, LABEL);
    let an_hour =
        row.people_per_operator_hour.map_or_else(|| NOTHING.to_owned(), |mean| format!("{mean:.1}"));
    [label, a, b, c, d, e, f, g, h, i, j, an_hour]
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::ReportFormat;
    use super::super::period::Period;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn report(by: By, rows: Vec<WorkloadRow>) -> Workload<'static> {
        Workload {
            about: About {
                account: "acme",
                zone: Tz::Asia__Almaty,
                period: Period { from: "2026-10-01".parse().ok(), to: "2026-10-07".parse().ok() },
            },
            by,
            as_of: "2026-10-07T19:00:00Z".parse().unwrap(),
            rows,
        }
    }

    fn row(label: &str) -> WorkloadRow {
        WorkloadRow {
            key: "1".to_owned(),
            label: label.to_owned(),
            opened: 123_456,
            closed: 123_001,
            open_at_end: 455,
            client_messages: 987_654,
            operator_messages: 876_543,
            bot_messages: 99_999,
            automation_messages: 123_456,
            people: 98_765,
            operators: 12,
            operator_hours: 1_234,
            people_per_operator_hour: Some(7.25),
        }
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_defines_itself() {
        for by in By::ALL {
            let rows = vec![row("Aigerim Zhaksybekova-Nurmagambetova"), WorkloadRow::default()];
            let text = report(by, rows).written(ReportFormat::Table).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in ["123,456", "7.2", "Operator hours", "2026-10-08 00:00"] {
                assert!(words.contains(part), "{part} is missing:\n{text}");
            }
        }
        let nothing = report(By::Day, Vec::new()).written(ReportFormat::Table).unwrap();
        assert!(nothing.contains("nothing in this period"));
    }

    #[test]
    fn json_and_csv_have_the_same_fields() {
        let json: serde_json::Value =
            serde_json::from_str(&report(By::Tag, vec![row("A")]).written(ReportFormat::Json).unwrap())
                .unwrap();
        assert_eq!((&json["as"], &json["by"]), (&"chatledger".into(), &"tag".into()));
        let mut found: Vec<&str> = json["rows"][0].as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        let mut expected = HEADER;
        expected.sort_unstable();
        assert_eq!(found, expected);
        let csv = report(By::All, vec![row("A"), WorkloadRow::default()]).written(ReportFormat::Csv).unwrap();
        assert_eq!(csv.lines().next().unwrap(), HEADER.join(","));
        assert!(csv.lines().nth(2).unwrap().ends_with(",0,0,0,0,0,0,0,0,0,0,"), "nothing is empty: {csv}");
    }

    #[test]
    fn the_page_explains_every_figure() {
        for by in By::ALL {
            assert_defined(&report(by, vec![row("A"), WorkloadRow::default()]));
        }
    }
}
