//! The progress of one account's backfill: a bar for each list.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar};
use ingest::backfill::Progress;

use super::{Lines, is_terminal, style, why};

/// The progress of one account's backfill.
pub(crate) struct BackfillProgress {
    account: String,
    face: Mutex<Face>,
}

enum Face {
    Bars(MultiProgress, HashMap<String, ProgressBar>),
    Lines(Lines),
}

impl BackfillProgress {
    /// Shows nothing yet.
    pub(crate) fn new(account: &str) -> Self {
        let face = match is_terminal() {
            true => Face::Bars(MultiProgress::new(), HashMap::new()),
            false => Face::Lines(Lines::at_once()),
        };
        Self { account: account.to_owned(), face: Mutex::new(face) }
    }

    /// Shows a moment.
    pub(crate) fn show(&self, progress: &Progress) {
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            Face::Bars(all, bars) => {
                let bar = bars.entry(progress.walk.clone()).or_insert_with(|| {
                    all.add(ProgressBar::new(0).with_style(style("rows")).with_prefix(progress.walk.clone()))
                });
                bar.set_length(progress.total.unwrap_or(progress.rows).max(progress.rows));
                bar.set_position(progress.rows);
                bar.set_message(
                    progress.waiting.clone().unwrap_or_else(|| format!("{} calls", progress.calls)),
                );
            }
            Face::Lines(lines) => lines.say(|| line(&self.account, progress)),
        }
    }

    /// Leaves the bars as they are and frees the line.
    pub(crate) fn finish(&self) {
        if let Face::Bars(_, bars) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bars.values().for_each(ProgressBar::abandon);
        }
    }
}

fn line(account: &str, progress: &Progress) -> String {
    let Progress { walk, rows, total, calls, waiting } = progress;
    let of = total.map_or_else(String::new, |total| format!(" of {total}"));
    format!("{account}: {walk}: {rows}{of} rows, {calls} calls{}", why(waiting.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
