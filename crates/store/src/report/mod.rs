//! Reports: set-based queries over the views `report_*`, one statement each (design.md 7.5).
//!
//! Owns: how rows are grouped and summarised. Must not know: formats, zones, who asks. The rules themselves (who a
//! request belongs to, what is left out) stand in the views, so that Grafana and the command line cannot disagree.
//!
//! Response times are two halves in one statement: what is measured, by whose rules (`response_times.sql` or
//! `vendor.sql`), and how it is summarised (`summaries.sql`).
//!
//! To add a report: 1. a view in a new migration of `chat` when it needs one, 2. a file here with its `.sql` beside it,
//! 3. a test in `tests/tests/suite` that computes the same naively.

pub mod accounting;
pub mod calendar;
mod menu;
mod response_times;
mod restatements;
mod scores;
mod tags;
mod vendor;
mod waiting;
mod workload;

pub use menu::{MenuBy, MenuQuery, MenuRow, menu};
pub use response_times::{By, LeftOut, Query, Row, Summary, response_times};
pub use restatements::{RestatementRow, published, restatements};
pub use scores::{ScoresQuery, ScoresRow, livechat_score, scores, wilson};
pub use tags::{TagsQuery, TagsRow, tags};
pub use vendor::{Vendor, response_times_of};
pub use waiting::{Waiting, waiting};
pub use workload::{WorkloadQuery, WorkloadRow, workload};
