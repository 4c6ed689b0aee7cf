//! `report scores`.

use serde::Serialize;
use store::report::{By, ScoresRow};

use super::page::Page;
use super::span::{NOTHING, percent};
use super::text::{grouped, wrapped};
use super::{About, Document, Report, Rules, by_words, definitions, figure, grouping, rows, rules_words};

/// A label takes at most so many characters of a line.
const LABEL: usize = 24;

/// The report and what was asked.
#[derive(Clone, Debug)]
pub(crate) struct ScoresReport<'a> {
    /// Whose, and of which days.
    pub(crate) about: About<'a>,
    /// What a row stands for.
    pub(crate) by: By,
    /// By whose rules: our own or LiveChat's.
    pub(crate) rules: Rules,
    /// What was found.
    pub(crate) rows: Vec<ScoresRow>,
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

impl Report for ScoresReport<'_> {
    fn document(&self) -> impl Serialize {
        Document::of(&self.about, self.rules.as_str(), grouping(self.by), &self.rows)
    }

    fn header(&self) -> Vec<String> {
        HEADER.map(str::to_owned).to_vec()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &ScoresRow| {
            vec![
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
            ]
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let title = self.about.headed(&self.title());
        let key = format!("\n{}", self.by.as_str());
        let csat = if self.rules == Rules::Livechat { "LiveChat\nscore" } else { "\nCSAT" };
        let header = [
            key.as_str(),
            "closed\ncontacts",
            "\nscores",
            "\ngood",
            "\nneutral",
            "\nbad",
            csat,
            "CSAT of all\n(95 % sure)",
            "rated\nshare",
            "mean\nscore",
        ];
        let body = rows::terminal(header, self.rows.iter().map(cells).collect());
        format!("{title}\n\n{body}\n\n{}\n", wrapped(&self.words()))
    }

    fn page(&self) -> Page {
        let mut facts = self.about.facts();
        facts.push(("Rules", self.rules.named().unwrap_or("Chatledger").to_owned()));
        let csat = if self.rules == Rules::Livechat { "LiveChat's score" } else { "CSAT" };
        let columns = [
            (self.by.as_str(), "key"),
            ("closed contacts", "requests"),
            ("scores", "rated"),
            ("good", "good"),
            ("neutral", "neutral"),
            ("bad", "bad"),
            (csat, "csat"),
            ("CSAT of all, 95 % sure", "low"),
            ("rated share", "response_rate"),
            ("mean score", "mean_score"),
        ];
        let table = rows::on_page(columns, self.rows.iter().map(|row| (row.label.as_str(), cells(row))));
        Page {
            title: self.title(),
            facts,
            tables: vec![table],
            notes: self.caution().map(str::to_owned).into_iter().collect(),
            definitions: definitions::scores(self.rules),
        }
    }
}

impl ScoresReport<'_> {
    fn title(&self) -> String {
        format!("Scores of {}{}{}", self.about.account, by_words(self.by), rules_words(self.rules))
    }

    fn words(&self) -> String {
        let csat = match self.rules {
            Rules::Livechat => {
                "LiveChat's score: a cautious lower bound of good scores of the good and the bad ones (Z = 2.69)."
            }
            _ => {
                "CSAT: good scores of all scores. The range says where it would lie had every customer answered (Wilson, 95 \
                 %): few scores, wide range."
            }
        };
        let rest = "Good is at least 0.8 of the scale, bad at most 0.4. A score belongs to the day of the contact that it \
                    rates, and to whoever answered last before it. Scores that were taken back are not counted.";
        [csat, rest].into_iter().chain(self.caution()).collect::<Vec<_>>().join(" ")
    }

    fn caution(&self) -> Option<&'static str> {
        (self.by == By::Tag).then_some(
            "By tag: the topics of the rated contact, tags that are scores aside. One with several counts under each: rows \
             do not add up.",
        )
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
        rows::named(&row.label, LABEL),
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
    use chrono_tz::Tz;

    use super::super::ReportFormat;
    use super::super::period::Period;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    fn report(rows: Vec<ScoresRow>) -> ScoresReport<'static> {
        ScoresReport {
            about: About {
                account: "acme",
                zone: Tz::Asia__Almaty,
                period: Period { from: "2026-10-01".parse().ok(), to: None },
            },
            by: By::Operator,
            rules: Rules::Chatledger,
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
            .written(ReportFormat::Table)
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
            serde_json::from_str(&report(vec![row("A")]).written(ReportFormat::Json).unwrap()).unwrap();
        let mut found: Vec<&str> = json["rows"][0].as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        let mut expected = HEADER;
        expected.sort_unstable();
        assert_eq!(found, expected);
        let csv = report(vec![row("A"), ScoresRow::default()]).written(ReportFormat::Csv).unwrap();
        assert_eq!(csv.lines().next().unwrap(), HEADER.join(","));
        assert!(csv.lines().nth(2).unwrap().ends_with(",0,0,0,0,0,,,,,"), "nothing is empty: {csv}");
    }

    #[test]
    fn the_page_explains_every_figure_and_livechats_score_has_its_own_words() {
        assert_defined(&report(vec![row("A"), ScoresRow::default()]));
        let livechat = ScoresReport { rules: Rules::Livechat, ..report(vec![row("A").as_livechat()]) };
        assert_defined(&livechat);
        for format in [ReportFormat::Table, ReportFormat::Html] {
            let text = livechat.written(format).unwrap();
            assert!(text.contains("Z = 2.69") && text.contains("by the rules of LiveChat"), "{text}");
            assert!(text.lines().all(|line| format == ReportFormat::Html || line.chars().count() <= WIDTH));
        }
    }
}
