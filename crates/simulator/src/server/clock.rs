//! The worlds' clock: runs from a given start at a given rate, stands still at rate 0, and can be moved on.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// A clock shared by all worlds of a server. It reads the runtime's monotonic time, which tests may pause.
#[derive(Clone, Debug)]
pub struct WorldClock {
    start: DateTime<Utc>,
    rate: f64,
    began: Instant,
    moved: Arc<Mutex<TimeDelta>>,
}

impl WorldClock {
    /// Runs with real time from `start`.
    pub fn running(start: DateTime<Utc>) -> Self {
        Self::at_rate(start, 1.0)
    }

    /// Stands still at `start` until it is moved.
    pub fn still(start: DateTime<Utc>) -> Self {
        Self::at_rate(start, 0.0)
    }

    /// Runs `rate` times as fast as real time.
    pub fn at_rate(start: DateTime<Utc>, rate: f64) -> Self {
        Self { start, rate: rate.max(0.0), began: Instant::now(), moved: Arc::default() }
    }

    /// The present of the worlds.
    pub fn now(&self) -> DateTime<Utc> {
        let ran = self.began.elapsed().as_secs_f64() * self.rate;
        let moved = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        self.start + TimeDelta::microseconds((ran * 1e6) as i64) + moved
    }

    /// Moves on; never back.
    pub fn advance(&self, by: TimeDelta) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let furthest = TimeDelta::days(36_500);
        *moved = (*moved + by.clamp(TimeDelta::zero(), furthest)).min(furthest);
    }
}
