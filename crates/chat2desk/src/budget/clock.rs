//! The calendar's clock.

use chrono::{DateTime, Utc};

/// Tells the time of the calendar; passed in so that tests need not wait for a month.
pub trait WallClock: std::fmt::Debug + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where this crate reads the system's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
