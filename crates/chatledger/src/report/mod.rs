//! Reports as people and programs read them.
//!
//! Owns: JSON, CSV and tables of what `store::report` finds. Must not know: SQL, how figures come about. All but
//! [`verify`] is pure: text from rows.
//!
//! To add a report: 1. its query in `store::report`, 2. a file here, 3. its variant in `commands/report.rs`.

pub(crate) mod accounting;
pub(crate) mod differences;
pub(crate) mod period;
pub(crate) mod response_times;
pub(crate) mod scores;
mod span;
pub(crate) mod text;
pub(crate) mod verify;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For spreadsheets: one header row.
    Csv,
    /// For programs.
    Json,
}
