//! Ids of messages and chance, both from the ids that are passed in.

use chrono::{DateTime, Utc};
use events::DeliveryIds;

/// Makes ids and chances.
#[derive(Clone, Debug)]
pub(crate) struct MessageIds(pub(crate) DeliveryIds);

impl MessageIds {
    /// The id of a new message.
    pub(crate) fn next(&self, now: DateTime<Utc>) -> String {
        format!("msg_{}", self.0.next(now))
    }

    /// A number of [0, 1), from the random part of an id.
    pub(crate) fn chance(&self, now: DateTime<Utc>) -> f64 {
        let bits = (self.0.next(now).0.as_u128() & u128::from(u32::MAX)) as u32;
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}
