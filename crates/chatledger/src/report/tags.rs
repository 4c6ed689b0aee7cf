//! `report tags`.

use serde::Serialize;
use store::report::{By, TagsRow};

use super::page::Page;
use super::text::{grouped, wrapped};
use super::{About, Document, Report, by_words, definitions, grouping, rows};

/// A label takes at most so many characters of a line.
const LABEL: usize = 40;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a> {
    /// Whose, and of which days.
    pub(crate) about: About<'a>,
    /// What a row stands for.
    pub(crate) by: By,
    /// What was found.
    pub(crate) rows: Vec<TagsRow>,
}

const HEADER: [&str; 6] = ["key", "label", "put", "removed", "requests", "clients"];

impl Report for Tags<'_> {
    fn document(&self) -> impl Serialize {
        Document::of(&self.about, "chatledger", grouping(self.by), &self.rows)
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
        let title = self.about.headed(&self.title());
        let header = [self.by.as_str(), "put on", "taken off", "requests", "clients"];
        let body = rows::terminal(header, self.rows.iter().map(cells).collect());
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
        let table = rows::on_page(columns, self.rows.iter().map(|row| (row.label.as_str(), cells(row))));
        Page {
            title: self.title(),
            facts: self.about.facts(),
            tables: vec![table],
            notes: vec![self.words()],
            definitions: definitions::tags(),
        }
    }
}

impl Tags<'_> {
    fn title(&self) -> String {
        format!("Tags of requests of {}{}", self.about.account, by_words(self.by))
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
    let label = rows::named(&row.label, LABEL);
    [label, put, removed, requests, clients]
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::ReportFormat;
    use super::super::period::Period;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn report(by: By, rows: Vec<TagsRow>) -> Tags<'static> {
        let about = About { account: "acme", zone: Tz::Asia__Almaty, period: Period::default() };
        Tags { about, by, rows }
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
