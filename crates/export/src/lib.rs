//! Parquet for the data lake: the datasets as files in a folder or in an S3-compatible store.
//!
//! Owns: which columns leave and how they are typed, the layout below a target, what is rewritten and what is not, the
//! treatment of personal columns, the manifest. Home of arrow, parquet and object_store.
//!
//! Must not know: SQL, how rows are computed, the command line.
//!
//! One run ([`run()`]): take the target, look at one moment of the tables, compare how each object should be with how it
//! was written last ([`plan`](mod@plan)), stream the rows of those that differ into files that appear whole or not at
//! all, take away those without rows, and write `manifest.json` last. Nothing tracks changes: the hashes that every row
//! has anyway are summed by day.
//!
//! To add a column: its line in [`dataset`], and a higher [`SCHEMA_VERSION`]. To add a dataset: 1. its line in
//! `store::export::Source`, 2. its columns and its line in [`dataset::DATASETS`]. To add a kind of target: a file in
//! [`target`].

mod cells;
pub mod dataset;
mod error;
mod job;
mod key;
mod layout;
mod manifest;
mod parquet_file;
pub mod plan;
mod run;
pub mod target;
mod writing;

pub use dataset::SCHEMA_VERSION;
pub use error::ExportError;
pub use job::{Account, DatasetSummary, Job, Progress, Summary};
pub use key::PersonalKey;
pub use run::run;
pub use target::Target;

/// What becomes of personal columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Personal {
    /// They leave as they are.
    Keep,
    /// Each value leaves as its HMAC-SHA256: the same value is the same everywhere, and nobody without the key can say
    /// which one it is.
    Hash(PersonalKey),
    /// The columns stay, so that queries go on to work, and every value is null.
    Drop,
}

impl Personal {
    /// As the configuration calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Hash(_) => "hash",
            Self::Drop => "drop",
        }
    }

    /// The same, and which key: what is in a file depends on it.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Hash(key) => format!("hash-{}", key.id()),
            Self::Keep | Self::Drop => self.name().to_owned(),
        }
    }
}
