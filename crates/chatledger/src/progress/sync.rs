//! The progress of a sync: one bar for each CRM.

use std::sync::{Mutex, PoisonError};

use crm_sync::Progress;
use indicatif::ProgressBar;

use super::{Lines, is_terminal, style, why};

/// The progress of one CRM.
pub(crate) struct SyncProgress {
    crm: String,
    face: Mutex<Face>,
}

enum Face {
    Bar(ProgressBar),
    Lines(Lines),
}

impl SyncProgress {
    /// Shows nothing yet.
    pub(crate) fn new(crm: &str) -> Self {
        let face = match is_terminal() {
            true => Face::Bar(ProgressBar::new(0).with_style(style("leads")).with_prefix(crm.to_owned())),
            false => Face::Lines(Lines::after_a_pause()),
        };
        Self { crm: crm.to_owned(), face: Mutex::new(face) }
    }

    /// Shows a moment.
    pub(crate) fn show(&self, progress: &Progress) {
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            Face::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.done);
                bar.set_message(
                    progress.waiting.clone().unwrap_or_else(|| format!("{} calls", progress.calls)),
                );
            }
            Face::Lines(lines) => lines.say(|| line(&self.crm, progress)),
        }
    }

    /// Leaves the bar as it is and frees the line.
    pub(crate) fn finish(&self) {
        if let Face::Bar(bar) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.abandon();
        }
    }
}

fn line(crm: &str, progress: &Progress) -> String {
    let Progress { done, total, calls, waiting } = progress;
    format!("{crm}: {done} of {total} leads, {calls} calls{}", why(waiting.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_and_why_it_waits() {
        let mut progress = Progress { done: 400, total: 2000, calls: 9, waiting: None };
        assert_eq!(line("sales", &progress), "sales: 400 of 2000 leads, 9 calls");
        progress.waiting = Some("too many calls".to_owned());
        assert_eq!(line("sales", &progress), "sales: 400 of 2000 leads, 9 calls, too many calls");
    }
}
