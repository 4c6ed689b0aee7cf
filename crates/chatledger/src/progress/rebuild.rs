//! The progress of a rebuild: one bar, for the phase that it is in.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use projection::rebuild::Progress;
use store::generations::state::Phase;

use super::{Lines, is_terminal, style};

/// The progress of a rebuild.
pub(crate) struct RebuildProgress {
    face: Mutex<Face>,
    pace: Mutex<Option<Pace>>,
}

enum Face {
    Bar(ProgressBar),
    Lines(Lines),
}

/// Since when a phase runs, and where it began.
#[derive(Clone, Copy)]
struct Pace {
    phase: Phase,
    since: Instant,
    from: u64,
}

impl RebuildProgress {
    /// Shows nothing yet.
    pub(crate) fn new() -> Self {
        let face = match is_terminal() {
            true => Face::Bar(ProgressBar::new(0).with_style(style(""))),
            false => Face::Lines(Lines::at_once()),
        };
        Self { face: Mutex::new(face), pace: Mutex::new(None) }
    }

    /// Shows a moment.
    pub(crate) fn show(&self, progress: &Progress) {
        let elapsed = self.elapsed(progress);
        match &mut *self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            Face::Bar(bar) => {
                bar.set_prefix(words(progress.phase).0);
                bar.set_length(progress.total.max(progress.done));
                bar.set_position(progress.done);
                bar.set_message(pace(progress, elapsed));
            }
            Face::Lines(lines) => lines.say(|| line(progress, elapsed)),
        }
    }

    /// Time and deliveries since the phase began here.
    fn elapsed(&self, progress: &Progress) -> (Duration, u64) {
        let mut held = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Pace { phase: progress.phase, since: Instant::now(), from: progress.done };
        let pace = match *held {
            Some(pace) if pace.phase == progress.phase && pace.from <= progress.done => pace,
            _ => *held.insert(fresh),
        };
        (pace.since.elapsed(), progress.done - pace.from)
    }

    /// Frees the line: what was done is told elsewhere.
    pub(crate) fn finish(&self) {
        if let Face::Bar(bar) = &*self.face.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.finish_and_clear();
        }
    }
}

/// The phase, and what is counted in it.
fn words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Loading => ("reading the log", "deliveries"),
        Phase::Settling => ("filing", "facts"),
        Phase::Folding => ("folding", "parts"),
        Phase::Indexing => ("indexing", "indexes"),
        Phase::Following => ("catching up", "deliveries"),
    }
}

/// Rate and remaining time.
fn pace(progress: &Progress, (elapsed, done): (Duration, u64)) -> String {
    if progress.is_paused {
        return "paused; `chatledger rebuild --resume` goes on".to_owned();
    }
    let seconds = elapsed.as_secs_f64();
    if seconds < 0.5 || done == 0 {
        return String::new();
    }
    let rate = done as f64 / seconds;
    let left = progress.total.saturating_sub(progress.done) as f64 / rate;
    let rate = if rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.1}") };
    match progress.total {
        0 => format!("{rate} a second"),
        _ => format!("{rate} a second, {} left", clock(left)),
    }
}

/// Seconds as minutes and seconds.
fn clock(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

fn line(progress: &Progress, elapsed: (Duration, u64)) -> String {
    let (phase, unit) = words(progress.phase);
    let of = if progress.total > 0 { format!(" of {}", progress.total) } else { String::new() };
    let pace = pace(progress, elapsed);
    let pace = if pace.is_empty() { pace } else { format!(", {pace}") };
    format!("{phase}: {}{of} {unit}{pace}", progress.done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_the_phase_the_rate_and_what_is_left() {
        let mut progress = Progress { phase: Phase::Loading, done: 4000, total: 10_000, is_paused: false };
        let since = (Duration::from_secs(2), 2000);
        assert_eq!(
            line(&progress, since),
            "reading the log: 4000 of 10000 deliveries, 1000 a second, 6 s left"
        );
        assert_eq!(line(&progress, (Duration::ZERO, 0)), "reading the log: 4000 of 10000 deliveries");
        progress.is_paused = true;
        assert!(line(&progress, since).ends_with(", paused; `chatledger rebuild --resume` goes on"));
        assert_eq!(clock(7322.2), "2 h 2 min");
    }
}
