//! The vocabulary of Chatledger: deliveries, facts, ids, roads, reject reasons, the clock.
//!
//! Owns the words that every other crate uses, and the rules that must be the same everywhere: how an id is
//! written, how observations of one fact compare, what a conversation is called. Pure: no I/O, no
//! async, no clock of its own.
//!
//! Must not know: any vendor's field names, SQL, Kafka, HTTP.
//!
//! To add a kind of fact: 1. a struct in [`fact`] whose fields are registers (`Option`), 2. a variant of
//! [`fact::Fact`], 3. what it is filed under in [`fact::Fact::filing`]. The store needs no change.

pub mod accounting;
pub mod clock;
pub mod delivery;
pub mod fact;
pub mod figure;
pub mod ids;
pub mod local_day;
pub mod observation;

pub use accounting::{Fate, RejectReason, Rejection};
pub use clock::{Clock, DeliveryIds, ManualClock, SystemClock};
pub use delivery::{Authenticity, Capture, Delivery, PagePart, Platform, Policy, Road, Signature};
pub use fact::Fact;
pub use ids::{AccountId, DeliveryId, Id};
pub use observation::{Observation, Stamp};

/// The version of the metric definitions (design.md 7.5) that this build computes; stored with every row.
pub const METRIC_VERSION: i16 = 1;
