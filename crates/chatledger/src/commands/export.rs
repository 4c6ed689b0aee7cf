use std::io::Write as _;

use anyhow::bail;
use chrono::NaiveDate;
use export::plan::Days;
use export::{ExportError, Summary};
use tokio_util::sync::CancellationToken;

use super::WrongUsage;
use crate::configuration::{Configuration, DEFAULT_FILE};
use crate::exporting::{Exporting, ROUND};
use crate::installation::Installation;
use crate::progress::ExportProgress;
use crate::report::text::{grouped, table};
use crate::shutdown;

/// Writes the tables as Parquet files, for DuckDB, pandas, Spark and Trino.
///
/// Eight datasets: messages, requests, turns and tag_scores by local day, dialogs, clients, operators and leads whole.
/// Only what changed since the last export to the same place is written again. A file appears whole or not at all;
/// manifest.json comes last. What becomes of names, phones and texts: `personal` in section export.
///
/// An S3-compatible store is reached by the usual variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and
/// AWS_ENDPOINT_URL where it is not Amazon's.
///
///   chatledger export --out lake/
///
///   chatledger export --out s3://lake/chats --follow
///
///   duckdb -c "select date, count(*) from 'lake/dataset=messages/*/*/*.parquet' group by date"
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// First local day that may be written; earlier ones stay as they are. Datasets without days are always written.
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// Last local day that may be written.
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// A folder, or s3://bucket/prefix.
    #[arg(long, value_name = "DIR|s3://…")]
    out: String,
    /// Goes on: looks for changes every minute, until it is stopped.
    #[arg(long)]
    follow: bool,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs; with --follow one line for each round that changed something.
    Json,
}

impl Export {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(WrongUsage(format!("--from {from} is after --to {to}; exchange them")).into());
        }
        if configuration.accounts.is_empty() {
            bail!("no account is configured; add one as [[account]] to {DEFAULT_FILE}");
        }
        let stop = shutdown::token()?;
        // Before anything is started: a wrong address is said at once.
        let exporting = Exporting::open(configuration, &self.out)?;
        let installation = Installation::open(configuration).await?;
        let outcome = self.rounds(&installation, &exporting, &stop).await;
        installation.close().await?;
        outcome
    }

    async fn rounds(
        &self,
        installation: &Installation,
        exporting: &Exporting,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let days = Days { from: self.from, to: self.to };
        for round in 0_u64.. {
            let progress = ExportProgress::new();
            let show = |moment: &export::Progress| progress.show(moment);
            let done = exporting.round(installation, days, &show, stop).await;
            progress.finish();
            match done {
                Ok(summary) if round == 0 || !summary.is_unchanged() => self.tell(&summary, round == 0)?,
                Ok(_) => {}
                // Asked to stop while it waits or works: with --follow that is how it ends.
                Err(ExportError::Stopped) if self.follow => return Ok(()),
                Err(error @ (ExportError::Busy(_) | ExportError::Unavailable(_)))
                    if self.follow && round > 0 =>
                {
                    // The next round tries again.
                    let _ = writeln!(std::io::stderr(), "{error}; tried again in a minute");
                }
                Err(error) => return Err(error.into()),
            }
            if !self.follow {
                break;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(ROUND) => {}
            }
        }
        Ok(())
    }

    /// The outcome on stdout; on stderr, once, what a person should know beside it.
    fn tell(&self, summary: &Summary, is_first: bool) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Table => written(summary),
            Format::Json if self.follow => serde_json::to_string(summary)?,
            Format::Json => serde_json::to_string_pretty(summary)?,
        };
        writeln!(std::io::stdout(), "{text}")?;
        if is_first {
            for note in notes(summary) {
                writeln!(std::io::stderr(), "{note}")?;
            }
        }
        Ok(())
    }
}

fn written(summary: &Summary) -> String {
    let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    let mut total = export::DatasetSummary { dataset: "in all", ..export::DatasetSummary::default() };
    for line in &summary.datasets {
        total.written += line.written;
        total.unchanged += line.unchanged;
        total.removed += line.removed;
        total.rows += line.rows;
        total.bytes += line.bytes;
    }
    let rows = summary.datasets.iter().chain([&total]).map(|line| {
        let numbers = [line.written, line.unchanged, line.removed, line.rows, line.bytes].map(number);
        let [written, unchanged, removed, rows, bytes] = numbers;
        [line.dataset.to_owned(), written, unchanged, removed, rows, bytes]
    });
    let header = ["dataset", "written", "unchanged", "removed", "rows written", "bytes written"];
    format!("{}\n{}", table(header, 1, rows.collect()), summary.target)
}

fn notes(summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    if !summary.accounts_left_out.is_empty() {
        let accounts = summary.accounts_left_out.join(", ");
        notes.push(format!("left out, because no longer configured: {accounts}"));
    }
    let outdated: u64 = summary.datasets.iter().map(|line| line.outdated).sum();
    if outdated > 0 {
        notes.push(format!("{outdated} files of days outside --from and --to are not up to date"));
    }
    if let Some(first) = summary.strangers.first() {
        let n = summary.strangers.len();
        notes.push(format!(
            "{n} files there were not written by this ledger and are in no manifest, like {first}"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_a_line_for_each_dataset_and_their_sum() {
        let line = |dataset, rows| export::DatasetSummary {
            dataset,
            written: 2,
            unchanged: 1,
            rows,
            bytes: 10_000,
            outdated: 1,
            ..export::DatasetSummary::default()
        };
        let summary = Summary {
            target: "/lake".to_owned(),
            datasets: vec![line("messages", 1500), line("clients", 7)],
            accounts_left_out: vec!["old".to_owned()],
            strangers: vec!["dataset=messages/x".to_owned()],
        };
        let text = written(&summary);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["messages", "2", "1", "0", "1,500", "10,000"]);
        assert_eq!(lines[3], ["in", "all", "4", "2", "0", "1,507", "20,000"]);
        assert_eq!(lines[4], ["/lake"]);
        let notes = notes(&summary);
        assert!(notes[0].contains("old") && notes[1].starts_with("2 files") && notes[2].contains("dataset="));
    }
}
