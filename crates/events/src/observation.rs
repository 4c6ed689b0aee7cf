//! One sight of one fact, and how sights of the same fact compare (design.md 7.2).

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use crate::{DeliveryId, Fact, Road};

/// Orders observations of one fact: of each field, the greatest stamp with a value wins.
///
/// `(observed_at, road rank, hash of the delivery)`: a total order that no arrival order, repetition or split can
/// change, which is what makes merging commutative, associative and idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The event's own time for a webhook (else its receipt); the time of fetching for a row of a list or report.
    pub observed_at: DateTime<Utc>,
    /// [`Road::rank`].
    pub rank: i16,
    /// Hash of the delivery's bytes: [`body_hash`].
    pub hash: i64,
}

impl Ord for Stamp {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.observed_at, self.rank, self.hash).cmp(&(other.observed_at, other.rank, other.hash))
    }
}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A fact as one delivery told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Fact key within account and kind: the same whichever road it came by.
    pub key: String,
    /// What was told. Fields that the delivery did not carry are `None` and beat nothing.
    pub fact: Fact,
    /// When and by which road, for merging.
    pub stamp: Stamp,
    /// The road.
    pub road: Road,
    /// When we received it: stands in where the platform gives no usable time.
    pub received_at: DateTime<Utc>,
    /// Which delivery told it: leads back to the bytes.
    pub delivery: DeliveryId,
}

/// The hash of a delivery's bytes that breaks ties between observations of one instant.
pub fn body_hash(body: &[u8]) -> i64 {
    xxhash_rust::xxh3::xxh3_64(body).cast_signed()
}
