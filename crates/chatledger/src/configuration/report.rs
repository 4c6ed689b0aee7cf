//! `[report]`: what a report takes for granted.

use serde::{Deserialize, Serialize};

use super::judge::Judge;

/// `[report]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Report {
    /// A response is within target when it takes at most so many seconds. Default 120; also `--target`.
    pub target_seconds: f64,
}

impl Default for Report {
    fn default() -> Self {
        Self { target_seconds: 120.0 }
    }
}

impl Report {
    /// Notes what is wrong.
    pub(crate) fn judge(&self, judge: &mut Judge<'_>) {
        if !(self.target_seconds > 0.0 && self.target_seconds.is_finite()) {
            judge.note("target_seconds", "must be greater than 0");
        }
    }
}
