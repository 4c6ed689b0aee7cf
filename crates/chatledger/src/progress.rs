//! Progress of long work: bars on a terminal, elsewhere a line every few seconds.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ingest::backfill::Progress;

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(3);

/// The progress of one account's backfill, on stderr.
pub(crate) struct BackfillProgress {
    account: String,
    face: Mutex<Face>,
}

enum Face {
    Bars(MultiProgress, HashMap<String, ProgressBar>),
    Lines(Option<Instant>),
}

impl BackfillProgress {
    /// Shows nothing yet.
    pub(crate) fn new(account: &str) -> Self {
        let face = if std::io::stderr().is_terminal() {
            Face::Bars(MultiProgress::new(), HashMap::new())
        } else {
            Face::Lines(None)
        };
        Self { account: account.to_owned(), face: Mutex::new(face) }
    }

    /// Shows a moment.
    pub(crate) fn show(&self, progress: &Progress) {
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            Face::Bars(all, bars) => {
                let bar = bars.entry(progress.walk.clone()).or_insert_with(|| {
                    all.add(ProgressBar::new(0).with_style(style()).with_prefix(progress.walk.clone()))
                });
                bar.set_length(progress.total.unwrap_or(progress.rows).max(progress.rows));
                bar.set_position(progress.rows);
                bar.set_message(
                    progress.waiting.clone().unwrap_or_else(|| format!("{} calls", progress.calls)),
                );
            }
            Face::Lines(said) => {
                if said.is_some_and(|said| said.elapsed() < PAUSE) {
                    return;
                }
                *said = Some(Instant::now());
                // A reader of stderr who has gone misses nothing that matters.
                let _ = writeln!(std::io::stderr(), "{}", line(&self.account, progress));
            }
        }
    }

    /// Leaves the bars as they are and frees the line.
    pub(crate) fn finish(&self) {
        if let Face::Bars(_, bars) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bars.values().for_each(ProgressBar::abandon);
        }
    }
}

/// The progress of an export, on stderr: one bar, or a line every few seconds.
pub(crate) struct ExportProgress {
    face: Mutex<ExportFace>,
}

enum ExportFace {
    Bar(Option<ProgressBar>),
    Lines(Instant),
}

impl ExportProgress {
    /// Shows nothing yet: a run that is over at once shows nothing at all.
    pub(crate) fn new() -> Self {
        let face = match std::io::stderr().is_terminal() {
            true => ExportFace::Bar(None),
            false => ExportFace::Lines(Instant::now()),
        };
        Self { face: Mutex::new(face) }
    }

    /// Shows a moment.
    pub(crate) fn show(&self, progress: &export::Progress) {
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            ExportFace::Bar(bar) => {
                let bar =
                    bar.get_or_insert_with(|| ProgressBar::new(progress.rows_total).with_style(style()));
                bar.set_prefix(progress.dataset);
                bar.set_position(progress.rows);
                bar.set_message(format!("{} of {} files", progress.objects, progress.objects_total));
            }
            ExportFace::Lines(said) => {
                if said.elapsed() >= PAUSE {
                    *said = Instant::now();
                    let _ = writeln!(std::io::stderr(), "{}", export_line(progress));
                }
            }
        }
    }

    /// Frees the line: what was done is told elsewhere.
    pub(crate) fn finish(&self) {
        if let ExportFace::Bar(Some(bar)) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.finish_and_clear();
        }
    }
}

fn export_line(progress: &export::Progress) -> String {
    let export::Progress { dataset, rows, rows_total, objects, objects_total } = progress;
    format!("{dataset}: {rows} of {rows_total} rows, {objects} of {objects_total} files")
}

fn line(account: &str, progress: &Progress) -> String {
    let Progress { walk, rows, total, calls, waiting } = progress;
    let of = total.map_or_else(String::new, |total| format!(" of {total}"));
    let why = waiting.as_ref().map_or_else(String::new, |why| format!(", {why}"));
    format!("{account}: {walk}: {rows}{of} rows, {calls} calls{why}")
}

fn style() -> ProgressStyle {
    let template = "{prefix:>18} [{bar:32}] {human_pos}/{human_len} rows  {msg}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_says_which_dataset_it_writes_and_how_much_of_all() {
        let progress =
            export::Progress { dataset: "turns", rows: 5, rows_total: 10, objects: 1, objects_total: 3 };
        assert_eq!(export_line(&progress), "turns: 5 of 10 rows, 1 of 3 files");
    }

    #[test]
    fn a_line_says_what_how_much_and_why_it_waits() {
        let mut progress =
            Progress { walk: "messages".to_owned(), rows: 400, total: Some(1000), calls: 2, waiting: None };
        assert_eq!(line("acme", &progress), "acme: messages: 400 of 1000 rows, 2 calls");
        progress.total = None;
        progress.waiting = Some("rate limited, 5 s".to_owned());
        assert_eq!(line("acme", &progress), "acme: messages: 400 rows, 2 calls, rate limited, 5 s");
    }
}
