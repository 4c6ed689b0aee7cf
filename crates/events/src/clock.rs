//! Time and ids as arguments: what decides never asks the machine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeZone, Utc};
use uuid::{NoContext, Timestamp, Uuid};

use crate::DeliveryId;

/// Tells the time. [`SystemClock`] in a process, [`ManualClock`] in tests and simulations.
pub trait Clock: Send + Sync + 'static {
    /// The present instant, UTC, microseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock: the one place that reads it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        micros(Utc::now().timestamp_micros())
    }
}

/// A clock that stands still until it is set or moved.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(now.timestamp_micros())))
    }

    /// Shows `now` from here on; may go back.
    pub fn set(&self, now: DateTime<Utc>) {
        self.0.store(now.timestamp_micros(), Ordering::SeqCst);
    }

    /// Moves on (or back, when negative).
    pub fn advance(&self, by: chrono::Duration) {
        self.0.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        micros(self.0.load(Ordering::SeqCst))
    }
}

fn micros(micros: i64) -> DateTime<Utc> {
    Utc.timestamp_micros(micros).single().unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Makes delivery ids: UUIDv7 of the given time; random bits from the operating system, or from a seed.
#[derive(Clone, Debug, Default)]
pub struct DeliveryIds(Option<Arc<Mutex<u128>>>);

impl DeliveryIds {
    /// Ids whose random part comes from the operating system.
    pub fn random() -> Self {
        Self(None)
    }

    /// The same ids in every run: a counter that starts at `seed` stands in for the random part.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(u128::from(seed) << 32))))
    }

    /// The id of a delivery captured at `now`.
    pub fn next(&self, now: DateTime<Utc>) -> DeliveryId {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        DeliveryId(match &self.0 {
            None => {
                let (seconds, nanos) = (millis / 1000, (millis % 1000) as u32 * 1_000_000);
                Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos))
            }
            Some(counter) => {
                let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                *counter += 1;
                let mut bytes = [0; 10];
                bytes.copy_from_slice(&counter.to_be_bytes()[6..]);
                uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
            }
        })
    }
}
