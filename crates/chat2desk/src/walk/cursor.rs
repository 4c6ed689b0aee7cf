//! How far messages were read, and where to go on.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Ids become visible late: a later walk starts so much earlier than this one ended.
const OVERLAP: TimeDelta = TimeDelta::minutes(15);

/// Where a later walk of messages goes on: 15 minutes before the newest message that was seen, because a message with a
/// lower id may become visible later than one with a higher id. Rows of the overlap come twice: merge them by id. Keep it
/// with serde, next to what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCursor {
    /// Behind the highest id that was seen.
    next: u64,
    /// The lowest id of each minute (Unix) of the last quarter of an hour.
    tail: Vec<(i64, u64)>,
}

impl MessageCursor {
    /// The id that a later walk starts from; 0 when nothing was seen.
    pub fn resume(&self) -> u64 {
        self.tail.iter().map(|(_, id)| *id).min().unwrap_or(self.next)
    }

    /// Behind the highest id that was seen; 0 when there was none.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes note of a message. A time from the future counts as now: it would push the overlap out of reach.
    pub(super) fn note(&mut self, id: u64, made_at: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        self.next = self.next.max(id.saturating_add(1));
        let Some(made_at) = made_at.map(|made_at| made_at.min(now)) else { return };
        let minute = made_at.timestamp().div_euclid(60);
        match self.tail.iter_mut().find(|(known, _)| *known == minute) {
            Some((_, lowest)) => *lowest = (*lowest).min(id),
            None => self.tail.push((minute, id)),
        }
        let newest = self.tail.iter().map(|(minute, _)| *minute).max().unwrap_or(minute);
        self.tail.retain(|(minute, _)| *minute >= newest - OVERLAP.num_minutes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-01-15T{time}Z").parse().unwrap()
    }

    #[test]
    fn a_later_walk_starts_a_quarter_of_an_hour_before_the_end() {
        let mut cursor = MessageCursor::default();
        assert_eq!(cursor.resume(), 0);
        for (id, time) in [(10, "09:00:00"), (11, "09:10:30"), (12, "09:10:40"), (13, "09:25:59")] {
            cursor.note(id, Some(at(time)), at("10:00:00"));
        }
        assert_eq!((cursor.resume(), cursor.next()), (11, 14));
        let kept: MessageCursor = serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap();
        assert_eq!(kept, cursor);
    }

    #[test]
    fn neither_a_missing_time_nor_one_from_the_future_loses_the_overlap() {
        let mut cursor = MessageCursor::default();
        cursor.note(10, Some(at("09:00:00")), at("09:05:00"));
        cursor.note(11, Some("2031-01-01T00:00:00Z".parse().unwrap()), at("09:05:00"));
        cursor.note(12, None, at("09:05:00"));
        assert_eq!((cursor.resume(), cursor.next()), (10, 13));
        let mut timeless = MessageCursor::default();
        timeless.note(5, None, at("09:05:00"));
        assert_eq!(timeless.resume(), 6);
    }
}
