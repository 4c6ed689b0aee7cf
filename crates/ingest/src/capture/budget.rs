//! The bound on memory: bytes of requests that are not yet in the log.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const UNIT: usize = 1024;

/// What a request costs besides its body, roughly: buffers of the connection, headers, bookkeeping.
const OVERHEAD: usize = 16 * UNIT;

/// All bytes that requests may hold at one time.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// The bytes of one request; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    semaphore: Arc<Semaphore>,
    permit: OwnedSemaphorePermit,
    spare: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Room for one more request with an empty body; `None` when all is taken.
    pub(super) fn reserve(&self) -> Option<Reservation> {
        let permit = Arc::clone(&self.0).try_acquire_many_owned(units(OVERHEAD)).ok()?;
        Some(Reservation { semaphore: Arc::clone(&self.0), permit, spare: 0 })
    }

    /// Whether one more request with an empty body would find room.
    pub(super) fn has_room(&self) -> bool {
        self.0.available_permits() >= OVERHEAD / UNIT
    }

    /// Bytes that are free, to the unit.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits() * UNIT
    }
}

impl Reservation {
    /// Takes `bytes` more; `false` when they are not to be had now.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.spare {
            self.spare -= bytes;
            return true;
        }
        let missing = bytes - self.spare;
        let wanted = units(missing);
        let Ok(more) = Arc::clone(&self.semaphore).try_acquire_many_owned(wanted) else { return false };
        self.permit.merge(more);
        self.spare = (wanted as usize) * UNIT - missing;
        true
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_comes_back_and_no_more_is_given_than_there_is() {
        let budget = Budget::new(64 * UNIT);
        let mut first = budget.reserve().unwrap();
        assert!(first.grow(1) && first.grow(UNIT - 1));
        assert_eq!(budget.free(), 47 * UNIT);
        assert!(first.grow(47 * UNIT));
        assert!(!first.grow(1));
        assert!(budget.reserve().is_none() && !budget.has_room());
        drop(first);
        assert_eq!(budget.free(), 64 * UNIT);
        assert!(budget.has_room());
    }
}
