//! Chat2Desk, as `reference/chat2desk.md` describes it.
//!
//! [`World`] is one company account: plain state, and methods that do what happens at the vendor (`happenings`).
//! [`api`] answers REST calls from it, [`webhooks`] makes and queues its events, [`statistics`] writes its reports,
//! [`truth`] tells what really happened, [`faults`] is the list of bad things to do on purpose, and [`control`] is
//! the face for tests. Nothing in this folder does I/O or reads a clock; `crate::server` does both.

pub mod api;
pub mod control;
pub mod faults;
mod happenings;
pub mod model;
pub mod statistics;
pub mod truth;
pub mod webhooks;

pub use api::Refusal;
pub use faults::{Fault, Faults, Misdeed};
pub use happenings::{Closing, Rated, Told};
pub use model::{Account, ApiMode, ErrorForm, Habits, Id, Thread, World};
pub use webhooks::{Delivery, Mishaps, Outbox, Webhook};

#[cfg(test)]
mod tests;
