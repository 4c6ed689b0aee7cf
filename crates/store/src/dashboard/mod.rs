//! What the web page shows beside the reports: the rows behind a figure, and how the pipeline is doing.
//!
//! Owns: lists for people, with names in place of ids and at most so many rows. Must not know: figures. Those are
//! [`crate::report`]'s, and the lists here choose their rows by the same rules, so that a figure and its rows agree.
//!
//! Every function reads in the order of its arguments' account and days, on any executor. Texts that clients write
//! (names) are cut at [`NAME`] characters: whoever shows them need not fear their size.
//!
//! To add a list: 1. a struct and its query here, 2. a test in `tests/tests/suite/dashboard.rs`, 3. its table in crate
//! `dashboard`, `rows`.

mod crm;
mod pipeline;
mod requests;
mod scores;
mod waiting;

pub use crm::{CrmCounts, CrmRecord, crm_counts, crm_records, latest_crm_records, leads};
pub use pipeline::{
    RejectCount, RejectLine, RoadLine, TargetLine, last_read_at, reject_counts, rejects, roads, targets,
};
pub use requests::{RequestLine, Requests, Which, requests};
pub use scores::{DaysOf, ScoreLine, Scores, scores};
pub use waiting::{WaitingLine, waiting};

/// Most characters of a name.
pub const NAME: usize = 200;
