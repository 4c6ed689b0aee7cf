//! Durations and shares in the cells of a table.

use events::figure;

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";

/// As [`figure::span`] says it.
pub(crate) fn span(seconds: Option<f64>) -> String {
    figure::span(seconds).unwrap_or_else(|| NOTHING.to_owned())
}

/// As [`figure::percent`] says it.
pub(crate) fn percent(share: Option<f64>) -> String {
    figure::percent(share).unwrap_or_else(|| NOTHING.to_owned())
}
