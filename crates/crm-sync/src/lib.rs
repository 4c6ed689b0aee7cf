//! Leads into CRMs: plan, push, settle.
//!
//! Owns: what a lead looks like in a CRM (mapping, ownership of fields, the canonical hash), when it is sent (live and
//! nightly), one folder for each CRM, and what their answers mean. Stands on `store::effects`: an intent is written
//! before the call, and what came of it in one transaction with the link of lead and record.
//!
//! Must not know: how leads are folded, SQL, accounts' platforms, other stages.
//!
//! A lead goes this way. Somebody *marks* it: a change of its row (live), or a comparison of all leads (at the start of
//! live, nightly, by hand). The *planner* compares what is wanted with what was accepted last, by hash: the same sends
//! nothing, else an effect with the next version is written. The *pusher* claims up to a message of effects, sends it,
//! and settles each row. While an effect of a lead is open, the lead is not planned again; its mark waits. So a lead
//! that changes often is sent once every few seconds, in order, and never by a blind create.
//!
//! There is one way to send, for live, nightly, by hand and in bulk.
//!
//! To add a CRM: 1. a folder like [`hubspot`] with the same file names (`client`, `payload`, `mapping`, `answer`,
//! `setup`; leave one out that the vendor has no use for), 2. its [`Adapter`], 3. its arm in [`Kind`], 4. its row tests
//! in `answer`. A CRM without an upsert of its own finds before it writes: a [`Row`] carries the id of the record, where
//! one is known.

mod adapter;
mod error;
pub mod hubspot;
mod isolation;
mod judge;
mod kind;
mod lead;
mod mapping;
mod masking;
mod message_ids;
mod once;
mod plan;
mod preview;
mod push;
mod schedule;
mod setup;
mod state;
mod sync;
mod value;
mod verify;
pub mod webhook;
mod worker;

pub use adapter::{Accepted, Adapter, Checked, Difference, Held, Message, Row, RowAnswer, Trouble, Writes};
pub use error::CrmError;
pub use kind::{Crm, Kind};
pub use lead::LeadField;
pub use mapping::{Choices, Mapping, Ownership, Wanted};
pub use once::{DeadLetter, Options, Progress, Summary};
pub use preview::{Preview, Sample};
pub use schedule::Schedule;
pub use state::State;
pub use sync::{Surroundings, Sync};
pub use verify::{Mismatch, Verification};
