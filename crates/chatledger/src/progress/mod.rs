//! Progress of long work on stderr: bars on a terminal, elsewhere a line every few seconds.
//!
//! To add one: a file here with what its bar and its line say.

mod backfill;
mod export;
mod rebuild;
mod sync;

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::ProgressStyle;

pub(crate) use backfill::BackfillProgress;
pub(crate) use export::ExportProgress;
pub(crate) use rebuild::RebuildProgress;
pub(crate) use sync::SyncProgress;

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(3);

/// Whether bars can be drawn.
fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Lines, one every few seconds at most.
struct Lines(Option<Instant>);

impl Lines {
    /// The first one at once.
    fn at_once() -> Self {
        Self(None)
    }

    /// The first one after a pause: what is over by then says nothing.
    fn after_a_pause() -> Self {
        Self(Some(Instant::now()))
    }

    /// Says it when it is time.
    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.0.is_none_or(|said| said.elapsed() >= PAUSE) {
            self.0 = Some(Instant::now());
            // A reader of stderr who has gone misses nothing that matters.
            let _ = writeln!(std::io::stderr(), "{}", line());
        }
    }
}

/// A bar that counts `unit`.
fn style(unit: &str) -> ProgressStyle {
    ProgressStyle::with_template(&format!(
        "{{prefix:>18}} [{{bar:32}}] {{human_pos}}/{{human_len}} {unit}  {{msg}}"
    ))
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("=> ")
}

/// Why it waits, at the end of a line.
fn why(waiting: Option<&String>) -> String {
    waiting.map_or_else(String::new, |why| format!(", {why}"))
}
