//! Whether a log can be read on from stored positions.

use crate::{Bounds, LogError, Place};

/// Refuses positions that lie before the start or beyond the end: what they count on is not there.
pub(crate) fn check(bounds: &[Bounds], positions: &[Place], log: &str) -> Result<(), LogError> {
    for Place { partition, offset } in positions {
        let Some(Bounds { start, end, .. }) = bounds.iter().find(|bounds| bounds.partition == *partition)
        else {
            return Err(LogError::Unfit(format!(
                "{log} has no partition {partition}, but there is a position for it"
            )));
        };
        if offset < start {
            return Err(LogError::Unfit(format!(
                "{log} starts at {start} in partition {partition}, beyond the position {offset}: deliveries are lost; \
                 restore the log, or rebuild from scratch to go on without them"
            )));
        }
        if offset > end {
            return Err(LogError::Unfit(format!(
                "{log} ends at {end} in partition {partition}, before the position {offset}: it was recreated or cut; \
                 restore the log, or rebuild from scratch to go on with what is there"
            )));
        }
    }
    Ok(())
}
