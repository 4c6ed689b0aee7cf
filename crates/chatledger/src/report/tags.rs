//! `report tags`.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Serialize;
use store::report::{By, TagsRow};

use super::page::{Page, Table};
use super::period::Period;
use super::span::NOTHING;
use super::text::{grouped, short, table, wrapped};
use super::{Report, by_words, definitions, grouping, label_or_dash};

/// A label takes at most so many characters of a line.
const LABEL: usize = 40;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its zone.
    pub(crate) zone: Tz,
    /// Which days.
    pub(crate) period: Period,
    /// What a row stands for.
    pub(crate) by: By,
    /// What was found.
    pub(crate) rows: Vec<TagsRow>,
}

/// The JSON, like that of the other reports.
#[derive(Serialize)]
struct Document<'a> {
    metric_version: i16,
    r#as: &'static str,
    by: Option<&'static str>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    rows: &'a [TagsRow],
}

const HEADER: [&str; 6] = ["key", "label", "put", "removed", "requests", "clients"];

impl Report for Tags<'_> {
    fn document(&self) -> impl Serialize {
        Document {
            metric_version: events::METRIC_VERSION,
            r#as: "chatledger",
            by: grouping(self.by),
            from: self.period.from,
            to: self.period.to,
            rows: &self.rows,
        }
    }

    fn header(&self) -> Vec<String> {
        HEADER.map(str::to_owned).to_vec()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &TagsRow| {
            let mut record = vec![row.key.clone(), row.label.clone()];
            record.extend(counts(row).map(|count| count.to_string()));
            record
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let title = format!("{}, {} ({})", self.title(), self.period.named(), self.zone);
        let header = [self.by.as_str(), "put on", "taken off", "requests", "clients"];
        let body = match self.rows.as_slice() {
            [] => "nothing in this period".to_owned(),
            rows => table(header, 1, rows.iter().map(cells).collect()),
        };
        format!("{title}\n\n{body}\n\n{}\n", wrapped(&self.words()))
    }

    fn page(&self) -> Page {
        let columns = [
            (self.by.as_str(), "key"),
            ("put on", "put"),
            ("taken off", "removed"),
            ("requests", "requests"),
            ("clients", "clients"),
        ];
        let row = |row: &TagsRow| {
            let mut cells = cells(row).to_vec();
            cells[0] = label_or_dash(&row.label);
            cells
        };
        let table = Table {
            caption: None,
            columns: columns.map(|(heading, field)| (heading.to_owned(), field)).to_vec(),
            rows: self.rows.iter().map(row).collect(),
            texts: 1,
        };
        Page {
            title: self.title(),
            facts: Page::facts(self.account, self.zone, self.period),
            tables: vec![table],
            notes: vec![self.words()],
            definitions: definitions::tags(),
        }
    }
}

impl Tags<'_> {
    fn title(&self) -> String {
        format!("Tags of requests of {}{}", self.account, by_words(self.by))
    }

    fn words(&self) -> String {
        let words = "A tag counts on the day of its request's first client message, whenever it was put on. Scores are tags \
                     of the survey's own request: surveys are counted here.";
        let caution = match self.by {
            By::Tag => " A request with several tags counts under each: requests and clients do not add up.",
            _ => "",
        };
        format!("{words}{caution}")
    }
}

fn counts(row: &TagsRow) -> [i64; 4] {
    [row.put, row.removed, row.requests, row.clients]
}

fn cells(row: &TagsRow) -> [String; 5] {
    let [put, removed, requests, clients] = counts(row).map(grouped);
    let label = if row.label.trim().is_empty() { NOTHING.to_owned() } else { short(&row.label, LABEL) };
    [label, put, removed, requests, clients]
}

#[cfg(test)]
mod tests {
    use super::super::ReportFormat;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn report(by: By, rows: Vec<TagsRow>) -> Tags<'static> {
        Tags { account: "acme", zone: Tz::Asia__Almaty, period: Period::default(), by, rows }
    }

    fn row(label: &str) -> TagsRow {
        let (key, label) = ("601".to_owned(), label.to_owned());
        TagsRow { key, label, put: 1_234_567, removed: 12_345, requests: 1_200_000, clients: 987_654 }
    }

    #[test]
    fn every_format_says_the_same_and_explains_it() {
        for by in By::ALL {
            let tags = report(by, vec![row(&"a long label ".repeat(9)), TagsRow::default()]);
            let text = tags.written(ReportFormat::Table).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            assert!(text.contains("1,234,567") && text.contains("taken off"), "{text}");
            assert_defined(&tags);
        }
        let json: serde_json::Value =
            serde_json::from_str(&report(By::Tag, vec![row("A")]).written(ReportFormat::Json).unwrap())
                .unwrap();
        assert_eq!((&json["by"], &json["rows"][0]["removed"]), (&"tag".into(), &12_345.into()));
        let csv = report(By::Tag, vec![row("A")]).written(ReportFormat::Csv).unwrap();
        assert_eq!(csv, "key,label,put,removed,requests,clients\n601,A,1234567,12345,1200000,987654\n");
        assert!(
            report(By::Tag, Vec::new())
                .written(ReportFormat::Table)
                .unwrap()
                .contains("nothing in this period")
        );
    }
}
