//! Signed POSTs to receivers that we do not own: the webhooks of escalation and of CRM sync.
//!
//! Owns: signing as the Standard Webhooks specification says ([`SigningSecret`]), which addresses may be reached
//! ([`address`]), one bounded call ([`Target::post`]) and what its answer means ([`Verdict`]), and how long to wait before
//! the next one ([`Backoff`]). Home of reqwest for receivers that are configured by address; vendors with a fixed host
//! have a client of their own.
//!
//! Must not know: what is sent, to whom it matters, SQL, whether it is sent again.
//!
//! To send something new: 1. a [`Target`] for each receiver, made once, 2. a message id that is stored *before* the call,
//! 3. [`Target::post`] with that id and the same bytes as long as the outcome is [`Verdict::Unknown`].

pub mod address;
mod answer;
mod backoff;
mod error;
mod lookup;
mod retry_after;
mod signature;
mod target;

pub use answer::{Answer, NotSent, Verdict};
pub use backoff::Backoff;
pub use error::OutboundError;
pub use lookup::{Lookup, SystemLookup};
pub use signature::SigningSecret;
pub use target::{Message, Settings, Target};
