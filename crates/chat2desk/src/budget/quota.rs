//! What is left of a calendar month. Pure.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeDelta, Utc};

use crate::{ApiInfo, ApiMode};

/// Between the first and the last zone where a month begins.
const ALL_ZONES: TimeDelta = TimeDelta::hours(26);
/// How long a stop lasts that may be the old month's.
const SHORT_STOP: TimeDelta = TimeDelta::hours(1);

#[derive(Debug)]
pub(super) struct Quota {
    zone: FixedOffset,
    reserve: u64,
    /// What is left, and of which month: its first day.
    left: Option<(u64, NaiveDate)>,
    spent_until: Option<DateTime<Utc>>,
}

impl Quota {
    pub(super) fn new(zone: FixedOffset, reserve: u64) -> Self {
        Self { zone, reserve, left: None, spent_until: None }
    }

    pub(super) fn learn(&mut self, info: &ApiInfo, now: DateTime<Utc>) {
        self.left = info.calls_left().map(|left| (left.saturating_sub(self.reserve), self.month(now)));
        // Known to be unlimited, or known to have some left: an earlier refusal no longer counts.
        if info.mode == ApiMode::Unlimited || self.left.is_some_and(|(left, _)| left > 0) {
            self.spent_until = None;
        } else if self.left.is_some() {
            self.spent_until = Some(self.stop(now));
        }
    }

    /// Takes one call; `false` when there is none.
    pub(super) fn take(&mut self, now: DateTime<Utc>) -> bool {
        if self.spent_until(now).is_some() {
            return false;
        }
        let month = self.month(now);
        match &mut self.left {
            Some((left, of)) if *of == month => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    // This one still goes out; the next does not.
                    self.spent_until = Some(self.stop(now));
                }
            }
            // Of another month: not known any more.
            left => *left = None,
        }
        true
    }

    /// The service said so.
    pub(super) fn spent(&mut self, now: DateTime<Utc>) {
        self.left = Some((0, self.month(now)));
        self.spent_until = Some(self.stop(now));
    }

    pub(super) fn left(&self, now: DateTime<Utc>) -> Option<u64> {
        if self.spent_until(now).is_some() {
            return Some(0);
        }
        // Zero without a stop: the stop is over, what is left is not known.
        self.left.filter(|(left, of)| *of == self.month(now) && *left > 0).map(|(left, _)| left)
    }

    pub(super) fn spent_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.spent_until.filter(|until| now < *until)
    }

    /// The first day of the month that it is in the zone.
    fn month(&self, now: DateTime<Utc>) -> NaiveDate {
        let today = now.with_timezone(&self.zone).date_naive();
        today.with_day(1).unwrap_or(today)
    }

    fn stop(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let first = self.month(now);
        let start = |day: NaiveDate| {
            let midnight = day.and_time(chrono::NaiveTime::MIN).and_local_timezone(self.zone).single();
            midnight.map_or(now, |midnight| midnight.with_timezone(&Utc))
        };
        if now < start(first) + ALL_ZONES {
            return now + SHORT_STOP;
        }
        start(first.checked_add_months(chrono::Months::new(1)).unwrap_or(first))
    }
}
