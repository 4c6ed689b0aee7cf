//! Decodes deliveries into facts and folds facts into the tables of schema `chat`.
//!
//! Two steps (design.md 7.2). Step 1 stores the facts of a batch of deliveries with the position, in one transaction,
//! and marks what they touch. Step 2 claims what is marked, folds it from committed facts, and writes the rows
//! that changed. Everything that decides is pure: [`decode`], [`merge`], [`fold`], [`calendar`]; [`runner`] does
//! the I/O.
//!
//! Must not know: HTTP, SQL, where a delivery came from other than its road. Never fires an effect.
//!
//! To add a platform: 1. a folder beside `chat2desk` with `translate`, 2. one line in [`decode::decode`].
//! To add a column: 1. a migration, 2. the row in `store::tables`, 3. the rule in `fold`, 4. a given/when/then test.

pub mod account;
pub mod calendar;
mod chat2desk;
pub mod decode;
pub mod entities;
pub mod explain;
pub mod fold;
pub mod merge;
pub mod publishing;
pub mod rebuild;
pub mod runner;

pub use account::{AccountRules, OperatorHours, Readers, Rules, ScoreTag, Scores};
pub use calendar::{Calendar, Hours};
pub use rebuild::{Rebuild, RebuildError};
pub use runner::{ProjectionError, Runner, Settings};
