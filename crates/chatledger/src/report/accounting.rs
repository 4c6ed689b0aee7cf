//! `report accounting`: what became of every delivery, and whether the log agrees.

use log::Bounds;
use serde::Serialize;
use store::accounting::AccountingLine;
use store::report::accounting::ReadSoFar;

use super::page::{Page, Table};
use super::text::{grouped, table, wrapped};
use super::{Report, definitions};

/// The lines and what `--verify` found.
#[derive(Serialize)]
pub(crate) struct Accounting {
    /// By account and road.
    pub(crate) rows: Vec<AccountingLine>,
    /// Over all rows.
    total: Total,
    /// `null` without `--verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partitions: Option<Vec<Partition>>,
}

/// All rows together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Total {
    appended: i64,
    decoded: i64,
    partly_rejected: i64,
    rejected: i64,
    erased: i64,
    facts: i64,
    facts_unchanged: i64,
    /// Whether every delivery has one fate.
    is_complete: bool,
}

/// One partition of the log beside what is said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Partition {
    /// The partition.
    pub(crate) partition: u32,
    /// Deliveries in the log below the position.
    pub(crate) in_log: i64,
    /// Deliveries that accounting counted.
    pub(crate) appended: i64,
    /// Deliveries with a fate.
    pub(crate) fates: i64,
    /// Offsets in the log that are not read yet.
    pub(crate) lag: i64,
    /// What does not agree; empty when all does.
    pub(crate) differences: Vec<String>,
}

/// Where the position of a partition is: what is to be counted in the log reaches from its start to there.
pub(crate) fn position(read: &[ReadSoFar], bounds: Bounds) -> i64 {
    read.iter()
        .find(|read| read.partition == bounds.partition)
        .and_then(|read| read.next)
        .unwrap_or(bounds.start)
}

/// Compares one partition of the log `log_id` with positions and accounting. `in_log` is how many deliveries lie between
/// the start and the position.
pub(crate) fn compare(log_id: &str, bounds: Bounds, in_log: i64, read: &[ReadSoFar]) -> Partition {
    let mut differences = Vec::new();
    let stored = read.iter().find(|read| read.partition == bounds.partition);
    let next = position(read, bounds);
    if let Some(other) = stored.and_then(|read| read.log_id.as_deref()).filter(|id| *id != log_id) {
        differences.push(format!("the position is of log {other}, this log is {log_id}"));
    }
    if next < bounds.start || next > bounds.end {
        differences
            .push(format!("the position {next} is outside the log ({} to {})", bounds.start, bounds.end));
    }
    let (appended, fates) = stored.map_or((0, 0), |read| (read.appended, read.fates));
    if appended != in_log {
        differences
            .push(format!("{in_log} deliveries in the log, {appended} counted ({:+})", appended - in_log));
    }
    if fates != appended {
        differences
            .push(format!("{appended} deliveries counted, {fates} have a fate ({:+})", fates - appended));
    }
    let lag = (bounds.end - next).max(0);
    Partition { partition: bounds.partition, in_log, appended, fates, lag, differences }
}

/// Partitions that are counted but that the log does not have.
pub(crate) fn strangers(bounds: &[Bounds], read: &[ReadSoFar]) -> Vec<Partition> {
    let unknown = |read: &&ReadSoFar| bounds.iter().all(|bounds| bounds.partition != read.partition);
    read.iter()
        .filter(unknown)
        .map(|read| Partition {
            partition: read.partition,
            in_log: 0,
            appended: read.appended,
            fates: read.fates,
            lag: 0,
            differences: vec!["the log has no such partition".to_owned()],
        })
        .collect()
}

impl Accounting {
    /// Sums the rows up.
    pub(crate) fn new(rows: Vec<AccountingLine>, partitions: Option<Vec<Partition>>) -> Self {
        let mut total = Total::default();
        for row in &rows {
            total.appended += row.appended;
            total.decoded += row.decoded;
            total.partly_rejected += row.partly_rejected;
            total.rejected += row.rejected;
            total.erased += row.erased;
            total.facts += row.facts;
            total.facts_unchanged += row.facts_unchanged;
        }
        total.is_complete = rows.iter().all(|row| unaccounted(row) == 0);
        Self { rows, total, partitions }
    }

    /// How many differences `--verify` found.
    pub(crate) fn differences(&self) -> usize {
        self.partitions.iter().flatten().map(|partition| partition.differences.len()).sum()
    }

    fn total_cells(&self) -> [String; 9] {
        let Total { appended, decoded, partly_rejected, rejected, erased, facts, facts_unchanged, .. } =
            self.total;
        let numbers =
            [appended, decoded, partly_rejected, rejected, erased, facts, facts_unchanged].map(grouped);
        joined(["total".to_owned(), String::new()], numbers)
    }

    fn sum(&self) -> String {
        let wrong: Vec<String> = self
            .rows
            .iter()
            .filter(|row| unaccounted(row) != 0)
            .map(|row| format!("{} {}: {:+}", row.account_id, row.road, unaccounted(row)))
            .collect();
        match wrong.is_empty() {
            true => "decoded + partly rejected + rejected + erased = appended: every delivery has one fate."
                .to_owned(),
            false => format!(
                "decoded + partly rejected + rejected + erased is NOT appended; without a fate: {}.",
                wrong.join(", ")
            ),
        }
    }
}

impl Report for Accounting {
    fn document(&self) -> impl Serialize {
        self
    }

    /// CSV has the rows only.
    fn header(&self) -> Vec<String> {
        COLUMNS.map(str::to_owned).to_vec()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let record = |row: &AccountingLine| {
            let AccountingLine {
                appended,
                decoded,
                partly_rejected,
                rejected,
                erased,
                facts,
                facts_unchanged,
                ..
            } = *row;
            let numbers = [appended, decoded, partly_rejected, rejected, erased, facts, facts_unchanged];
            joined([row.account_id.clone(), row.road.clone()], numbers.map(|n| n.to_string())).to_vec()
        };
        self.rows.iter().map(record).collect()
    }

    fn table(&self) -> String {
        let header = COLUMNS.map(|column| column.trim_end_matches("_id").replacen('_', "\n", 1));
        let mut rows: Vec<[String; 9]> = self.rows.iter().map(cells).collect();
        rows.push(self.total_cells());
        let mut text = format!(
            "What became of every delivery\n\n{}\n",
            table(header.each_ref().map(String::as_str), 2, rows)
        );
        text.push('\n');
        text.push_str(&wrapped(&self.sum()));
        text.push('\n');
        if let Some(partitions) = &self.partitions {
            text.push('\n');
            text.push_str(&verified(partitions));
        }
        text
    }

    fn page(&self) -> Page {
        let named = |column: &'static str| (column.trim_end_matches("_id").replace('_', " "), column);
        let mut rows: Vec<Vec<String>> = self.rows.iter().map(|row| cells(row).to_vec()).collect();
        rows.push(self.total_cells().to_vec());
        let figures = Table { caption: None, columns: COLUMNS.map(named).to_vec(), rows, texts: 2 };
        let verified = self.partitions.as_ref().map(|partitions| verified_table(partitions));
        Page {
            title: "What became of every delivery".to_owned(),
            facts: Vec::new(),
            tables: [Some(figures), verified].into_iter().flatten().collect(),
            notes: vec![self.sum()],
            definitions: definitions::ACCOUNTING.to_vec(),
        }
    }
}

const COLUMNS: [&str; 9] = [
    "account_id",
    "road",
    "appended",
    "decoded",
    "partly_rejected",
    "rejected",
    "erased",
    "facts",
    "facts_unchanged",
];

fn unaccounted(row: &AccountingLine) -> i64 {
    row.appended - row.decoded - row.partly_rejected - row.rejected - row.erased
}

fn cells(row: &AccountingLine) -> [String; 9] {
    let AccountingLine {
        appended, decoded, partly_rejected, rejected, erased, facts, facts_unchanged, ..
    } = *row;
    let numbers = [appended, decoded, partly_rejected, rejected, erased, facts, facts_unchanged].map(grouped);
    joined([row.account_id.clone(), row.road.clone()], numbers)
}

fn joined([account, road]: [String; 2], [a, b, c, d, e, f, g]: [String; 7]) -> [String; 9] {
    [account, road, a, b, c, d, e, f, g]
}

/// The same on a page, with what differs in the row itself.
fn verified_table(partitions: &[Partition]) -> Table {
    let row = |partition: &Partition| {
        let verdict = match partition.differences.as_slice() {
            [] => "OK".to_owned(),
            differences => differences.join("; "),
        };
        let [in_log, appended, lag] = [partition.in_log, partition.appended, partition.lag].map(grouped);
        vec![partition.partition.to_string(), verdict, in_log, appended, lag]
    };
    let columns = ["partition", "verdict", "in the log", "counted", "not read yet"];
    Table {
        caption: Some("Beside the log itself, up to the positions"),
        columns: columns.map(|heading| (heading.to_owned(), "appended")).to_vec(),
        rows: partitions.iter().map(row).collect(),
        texts: 2,
    }
}

fn verified(partitions: &[Partition]) -> String {
    let header = ["partition", "in the log", "counted", "not read yet", ""];
    let rows = partitions.iter().map(|partition| {
        let verdict = if partition.differences.is_empty() { "OK" } else { "DIFFERS" };
        let numbers = [partition.in_log, partition.appended, partition.lag].map(grouped);
        let [in_log, appended, lag] = numbers;
        [partition.partition.to_string(), in_log, appended, lag, verdict.to_owned()]
    });
    let mut text =
        format!("Beside the log itself, up to the positions\n\n{}\n\n", table(header, 1, rows.collect()));
    let mut differs = false;
    for partition in partitions {
        for difference in &partition.differences {
            differs = true;
            text.push_str(&format!("partition {}: {difference}\n", partition.partition));
        }
    }
    if !differs {
        let in_log = grouped(partitions.iter().map(|partition| partition.in_log).sum());
        let lag = grouped(partitions.iter().map(|partition| partition.lag).sum());
        text.push_str(&format!(
            "OK: {in_log} deliveries in the log, all of them counted; {lag} not read yet.\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::ReportFormat;
    use super::super::tests::assert_defined;
    use super::super::text::WIDTH;
    use super::*;

    const BOUNDS: Bounds = Bounds { partition: 1, start: 0, end: 12 };

    fn read(next: i64, appended: i64, fates: i64) -> Vec<ReadSoFar> {
        vec![ReadSoFar { partition: 1, log_id: Some("x".to_owned()), next: Some(next), appended, fates }]
    }

    fn line(decoded: i64) -> AccountingLine {
        AccountingLine {
            account_id: "acme".to_owned(),
            road: "webhook".to_owned(),
            appended: 1_234_567,
            decoded,
            partly_rejected: 3,
            rejected: 4,
            erased: 0,
            facts: 7_654_321,
            facts_unchanged: 1_000_000,
        }
    }

    #[test]
    fn a_partition_that_agrees_has_no_difference_and_shows_its_lag() {
        let partition = compare("x", BOUNDS, 10, &read(10, 10, 10));
        assert_eq!((partition.lag, partition.differences), (2, Vec::new()));
        let unread = compare("x", BOUNDS, 0, &[]);
        assert_eq!((unread.lag, unread.differences), (12, Vec::new()));
    }

    #[test]
    fn every_difference_is_named() {
        let named = |in_log, read: &[ReadSoFar]| compare("x", BOUNDS, in_log, read).differences.join("; ");
        assert_eq!(named(10, &read(10, 9, 9)), "10 deliveries in the log, 9 counted (-1)");
        assert_eq!(named(10, &read(10, 10, 8)), "10 deliveries counted, 8 have a fate (-2)");
        assert_eq!(named(13, &read(13, 13, 13)), "the position 13 is outside the log (0 to 12)");
        let of_another = compare("y", BOUNDS, 10, &read(10, 10, 10)).differences.join("; ");
        assert_eq!(of_another, "the position is of log x, this log is y");
        let unknown = strangers(&[], &read(10, 10, 10));
        assert_eq!(unknown[0].differences, ["the log has no such partition"]);
    }

    #[test]
    fn the_table_says_whether_it_adds_up() {
        let partitions = vec![compare("x", BOUNDS, 10, &read(10, 10, 10))];
        let good = Accounting::new(vec![line(1_234_560)], Some(partitions));
        let text = good.written(ReportFormat::Table).unwrap();
        assert!(text.contains("every delivery has one fate") && text.contains("OK: 10 deliveries"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(good.differences(), 0);
        let partitions = vec![compare("x", BOUNDS, 10, &read(10, 9, 9))];
        let bad = Accounting::new(vec![line(1_234_559)], Some(partitions));
        let text = bad.written(ReportFormat::Table).unwrap();
        assert!(text.contains("is NOT appended; without a fate: acme webhook: +1."), "{text}");
        assert!(text.contains("partition 1: 10 deliveries in the log, 9 counted (-1)"), "{text}");
        assert_eq!(bad.differences(), 1);
    }

    #[test]
    fn csv_and_json_have_a_field_for_each_figure() {
        let report = Accounting::new(vec![line(1_234_560)], None);
        let csv = report.written(ReportFormat::Csv).unwrap();
        assert_eq!(
            csv,
            format!("{}\nacme,webhook,1234567,1234560,3,4,0,7654321,1000000\n", COLUMNS.join(","))
        );
        let json: serde_json::Value =
            serde_json::from_str(&report.written(ReportFormat::Json).unwrap()).unwrap();
        assert!(json["total"]["is_complete"] == true && json.get("partitions").is_none());
        let empty = Accounting::new(Vec::new(), None).written(ReportFormat::Csv).unwrap();
        assert_eq!(empty, format!("{}\n", COLUMNS.join(",")));
    }

    #[test]
    fn the_page_explains_every_figure_and_says_whether_it_adds_up() {
        let partitions = vec![compare("x", BOUNDS, 10, &read(10, 9, 9))];
        let report = Accounting::new(vec![line(1_234_559)], Some(partitions));
        assert_defined(&report);
        let html = report.written(ReportFormat::Html).unwrap();
        assert!(
            html.contains("is NOT appended") && html.contains("10 deliveries in the log, 9 counted (-1)"),
            "{html}"
        );
    }
}
