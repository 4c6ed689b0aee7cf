//! What leaves as files: rows of a dataset as a stream, how they are without reading them, and what each target holds.
//!
//! [`states`] says in one statement what every object should hold now (a fingerprint of its rows' hashes); [`rows`]
//! streams the rows of some objects, in the order of the files. Both read in one snapshot, so that files agree with each
//! other. [`Hold`] remembers what was written where.
//!
//! To add a dataset: 1. its line in [`Source`], 2. its columns in the crate `export`.

mod objects;
mod reading;
mod row;
mod source;

pub use objects::{Hold, Object, hold};
pub use reading::{Selection, State, accounts, rows, snapshot, states};
pub use row::{Row, Rows};
pub use source::{Column, Kind, Source};
