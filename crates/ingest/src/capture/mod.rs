//! Capture: what platforms send, from the socket into the log (design.md 6, promise 1).
//!
//! A request is read within bounds ([`body`]), judged, appended ([`intake`]), counted ([`outcome`]) and only
//! then answered. **2xx means durable**; **503 means try again**: the log is away or slow, or more bytes are in flight
//! than the bound allows. Nothing is decoded beyond what routing, authenticity and the partition need.
//!
//! Must not know: what an event means, SQL, which log it is.

pub mod accounts;
mod body;
mod budget;
pub mod health;
mod intake;
pub mod outcome;
mod routes;

pub use accounts::{HookAccount, HookAccounts};
pub use health::Probe;
pub use intake::{Bounds, Intake};
pub use routes::router;

#[cfg(test)]
mod tests;
