//! Deliveries in: what platforms send (capture) and what we fetch of their past (backfill).
//!
//! Owns: the capture routes and their bounds, what a platform's envelope says about account, authenticity and
//! partition, and the walks over a platform's lists. Everything that comes is appended to the log as it came.
//!
//! Must not know: what an event means, how facts are stored, which log it is.
//!
//! To add a platform: 1. a folder of its name beside [`chat2desk`] (`signature`, `envelope`, the walks of its lists),
//! 2. a line in `platform.rs` (capture) and one in [`backfill`], 3. its model in the crate `simulator`.

pub mod backfill;
pub mod capture;
pub mod chat2desk;
pub mod completeness;
mod error;
mod platform;

pub use error::IngestError;
