//! The progress of an export: one bar.

use std::sync::{Mutex, PoisonError};

use export::Progress;
use indicatif::ProgressBar;

use super::{Lines, is_terminal, style};

/// The progress of an export.
pub(crate) struct ExportProgress {
    face: Mutex<Face>,
}

enum Face {
    Bar(Option<ProgressBar>),
    Lines(Lines),
}

impl ExportProgress {
    /// Shows nothing yet: a run that is over at once shows nothing at all.
    pub(crate) fn new() -> Self {
        let face = match is_terminal() {
            true => Face::Bar(None),
            false => Face::Lines(Lines::after_a_pause()),
        };
        Self { face: Mutex::new(face) }
    }

    /// Shows a moment.
    pub(crate) fn show(&self, progress: &Progress) {
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            Face::Bar(bar) => {
                let bar = bar
                    .get_or_insert_with(|| ProgressBar::new(progress.rows_total).with_style(style("rows")));
                bar.set_prefix(progress.dataset);
                bar.set_position(progress.rows);
                bar.set_message(format!("{} of {} files", progress.objects, progress.objects_total));
            }
            Face::Lines(lines) => lines.say(|| line(progress)),
        }
    }

    /// Frees the line: what was done is told elsewhere.
    pub(crate) fn finish(&self) {
        if let Face::Bar(Some(bar)) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: &Progress) -> String {
    let Progress { dataset, rows, rows_total, objects, objects_total } = progress;
    format!("{dataset}: {rows} of {rows_total} rows, {objects} of {objects_total} files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_says_which_dataset_it_writes_and_how_much_of_all() {
        let progress = Progress { dataset: "turns", rows: 5, rows_total: 10, objects: 1, objects_total: 3 };
        assert_eq!(line(&progress), "turns: 5 of 10 rows, 1 of 3 files");
    }
}
