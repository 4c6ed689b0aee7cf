//! Progress of a sync: a bar on a terminal, elsewhere a line every few seconds.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crm_sync::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(3);

/// The progress of one CRM, on stderr.
pub(super) struct SyncBar {
    crm: String,
    face: Mutex<Face>,
}

enum Face {
    Bar(ProgressBar),
    Lines(Option<Instant>),
}

impl SyncBar {
    /// Shows nothing yet.
    pub(super) fn new(crm: &str) -> Self {
        let face = if std::io::stderr().is_terminal() {
            Face::Bar(ProgressBar::new(0).with_style(style()).with_prefix(crm.to_owned()))
        } else {
            Face::Lines(Some(Instant::now()))
        };
        Self { crm: crm.to_owned(), face: Mutex::new(face) }
    }

    /// Shows a moment.
    pub(super) fn show(&self, progress: &Progress) {
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            Face::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.done);
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
                let _ = writeln!(std::io::stderr(), "{}", line(&self.crm, progress));
            }
        }
    }

    /// Leaves the bar as it is and frees the line.
    pub(super) fn finish(&self) {
        if let Face::Bar(bar) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.abandon();
        }
    }
}

fn line(crm: &str, progress: &Progress) -> String {
    let Progress { done, total, calls, waiting } = progress;
    let why = waiting.as_ref().map_or_else(String::new, |why| format!(", waiting: {why}"));
    format!("{crm}: {done} of {total} leads, {calls} calls{why}")
}

fn style() -> ProgressStyle {
    let template = "{prefix:>18} [{bar:32}] {human_pos}/{human_len} leads  {msg}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_and_why_it_waits() {
        let mut progress = Progress { done: 400, total: 2000, calls: 9, waiting: None };
        assert_eq!(line("sales", &progress), "sales: 400 of 2000 leads, 9 calls");
        progress.waiting = Some("too many calls".to_owned());
        assert_eq!(line("sales", &progress), "sales: 400 of 2000 leads, 9 calls, waiting: too many calls");
    }
}
