//! Business hours: wall clock in the account's zone, real seconds (design.md 7.5).
//!
//! A [`Calendar`] is what people write down. [`Hours`] is what durations are computed with: the open intervals as
//! instants, each with the seconds that were open before it, so that business time is one subtraction. The same
//! intervals stand in `chat.calendar_intervals`, and SQL subtracts the same way.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// Opening times of a week, from a day on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The first local day on which it is in force; `None`: since ever.
    pub from: Option<NaiveDate>,
    /// For each weekday, from Monday: open intervals as seconds of the wall clock since midnight. An end at or
    /// before its start belongs to the next day; 86,400 is midnight.
    pub week: [Vec<(u32, u32)>; 7],
    /// Local days on which nothing opens.
    pub holidays: BTreeSet<NaiveDate>,
}

/// A calendar with its history: on each day the last version whose `from` has come is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// The versions, in any order.
    pub versions: Vec<Version>,
}

impl Calendar {
    /// The version in force on a local day; `None` before the first one.
    fn on(&self, day: NaiveDate) -> Option<&Version> {
        self.versions.iter().filter(|v| v.from.is_none_or(|from| from <= day)).max_by_key(|v| v.from)
    }

    /// Open parts of one local day, as wall-clock seconds: what opens on it, and what runs over from the day before.
    fn parts(&self, day: NaiveDate) -> Vec<(u32, u32)> {
        let week_of = |day: NaiveDate| {
            self.on(day)
                .filter(|version| !version.holidays.contains(&day))
                .map(|version| version.week[day.weekday().num_days_from_monday() as usize].as_slice())
                .unwrap_or_default()
        };
        let mut parts: Vec<(u32, u32)> = Vec::new();
        for &(from, to) in week_of(day) {
            parts.push((from, if to > from { to } else { 86_400 }));
        }
        if let Some(before) = day.checked_sub_days(Days::new(1)) {
            parts.extend(
                week_of(before).iter().filter(|(from, to)| to <= from && *to > 0).map(|(_, to)| (0, *to)),
            );
        }
        parts.sort_unstable();
        // Overlapping parts are one: the rest of the code relies on it.
        parts.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1;
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
        parts
    }
}

/// One open interval as instants (Unix microseconds), with the open microseconds before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    from: i64,
    to: i64,
    before: i64,
}

/// A calendar as instants, from [`Hours::FIRST_YEAR`] to [`Hours::LAST_YEAR`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    in_force_from: i64,
    in_force_to: i64,
    open: Vec<Open>,
}

impl Hours {
    /// Chats of earlier years have no business durations.
    pub const FIRST_YEAR: i32 = 2010;
    /// Nor have those of later ones.
    pub const LAST_YEAR: i32 = 2040;

    /// Materialises a calendar in a zone.
    pub fn new(calendar: &Calendar, zone: Tz) -> Self {
        let first = NaiveDate::from_ymd_opt(Self::FIRST_YEAR, 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(Self::LAST_YEAR, 1, 1).unwrap_or_default();
        let starts =
            calendar.versions.iter().map(|v| v.from.unwrap_or(first)).min().unwrap_or(last).max(first);
        let mut open: Vec<Open> = Vec::new();
        let mut before = 0;
        for day in starts.iter_days().take_while(|day| *day < last) {
            for (from, to) in calendar.parts(day).into_iter().flat_map(|part| instants(day, part, zone)) {
                match open.last_mut() {
                    // Intervals that touch or overlap are one.
                    Some(previous) if from <= previous.to => {
                        before += (to - previous.to).max(0);
                        previous.to = previous.to.max(to);
                    }
                    _ => {
                        open.push(Open { from, to, before });
                        before += to - from;
                    }
                }
            }
        }
        Self { in_force_from: midnight(starts, zone), in_force_to: midnight(last, zone), open }
    }

    /// Open seconds between two instants (0 when `to` is not later); `None` where no calendar is in force.
    pub fn seconds_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<f64> {
        let (from, to) = (from.timestamp_micros(), to.timestamp_micros());
        if from < self.in_force_from || to > self.in_force_to {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "thirty years of microseconds fit 2^53")]
        Some((self.open_before(to) - self.open_before(from)).max(0) as f64 / 1e6)
    }

    /// Open microseconds before an instant.
    fn open_before(&self, at: i64) -> i64 {
        match self.open.partition_point(|open| open.from < at).checked_sub(1).map(|i| self.open[i]) {
            Some(open) => open.before + at.min(open.to) - open.from,
            None => 0,
        }
    }

    /// From when to when a calendar is in force: outside of it there are no business durations.
    pub fn in_force(&self) -> std::ops::Range<DateTime<Utc>> {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
        at(self.in_force_from)..at(self.in_force_to)
    }

    /// The intervals for `chat.calendar_intervals`: opens, closes, seconds open before.
    pub fn intervals(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>, f64)> + '_ {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "thirty years of microseconds fit 2^53")]
        self.open.iter().map(move |open| (at(open.from), at(open.to), open.before as f64 / 1e6))
    }
}

/// The instants of a part of a local day whose wall clock shows a time in `[from, to)`: one interval on an ordinary
/// day; in the hour that a DST change repeats possibly two, in the one it skips none.
fn instants(day: NaiveDate, (from, to): (u32, u32), zone: Tz) -> Vec<(i64, i64)> {
    let start = midnight(day, zone);
    let end = midnight(day.succ_opt().unwrap_or(day), zone);
    let wall_of_day = day.and_hms_opt(0, 0, 0).unwrap_or_default().and_utc().timestamp_micros();
    let mut found: Vec<(i64, i64)> = Vec::new();
    for (piece_from, piece_to, offset) in pieces(start, end, zone) {
        // Within a piece the wall clock is the instant plus a constant.
        let at = |seconds: u32| wall_of_day + i64::from(seconds) * 1_000_000 - offset;
        let (from, to) = (at(from).max(piece_from), at(to).min(piece_to));
        match found.last_mut() {
            Some(last) if last.1 == from && from < to => last.1 = to,
            _ if from < to => found.push((from, to)),
            _ => {}
        }
    }
    found
}

/// Splits a span where the zone's offset changes: (from, to, offset), microseconds.
fn pieces(from: i64, to: i64, zone: Tz) -> Vec<(i64, i64, i64)> {
    let (first, last) = (offset_at(from, zone), offset_at(to - 1, zone));
    if first == last || from >= to {
        return vec![(from, to, first)];
    }
    let (mut low, mut high) = (from, to - 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_at(middle, zone) == first { low = middle } else { high = middle }
    }
    vec![(from, high, first), (high, to, last)]
}

fn offset_at(micros: i64, zone: Tz) -> i64 {
    let instant = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()) * 1_000_000
}

/// The first instant of a local day (midnight, or the end of the gap where there is none).
fn midnight(day: NaiveDate, zone: Tz) -> i64 {
    let wall = day.and_hms_opt(0, 0, 0).unwrap_or_default();
    if let Some(instant) = zone.from_local_datetime(&wall).earliest() {
        return instant.timestamp_micros();
    }
    // A change at midnight: the day begins where the gap ends.
    let Some(before) = zone.from_local_datetime(&(wall - Duration::hours(3))).earliest() else {
        return wall.and_utc().timestamp_micros();
    };
    let before = before.timestamp_micros();
    pieces(before, before + 6 * 3_600_000_000, zone).get(1).map_or(before, |piece| piece.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Minute by minute: the slow reading that the fast one must equal.
    fn slow(calendar: &Calendar, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
        let mut seconds = 0.0;
        let mut instant = from;
        let mut today = (NaiveDate::MIN, Vec::new());
        while instant < to {
            let local = instant.with_timezone(&zone).naive_local();
            if local.date() != today.0 {
                today = (local.date(), calendar.parts(local.date()));
            }
            let wall =
                u32::try_from((local - local.date().and_hms_opt(0, 0, 0).unwrap()).num_seconds()).unwrap();
            if today.1.iter().any(|(from, to)| (*from..*to).contains(&wall)) {
                seconds += 60.0;
            }
            instant += Duration::minutes(1);
        }
        seconds
    }

    fn shop() -> Calendar {
        let day = vec![(9 * 3600, 13 * 3600), (14 * 3600, 18 * 3600)];
        let night = vec![(22 * 3600, 2 * 3600 + 1800)];
        let week =
            [day.clone(), day.clone(), day.clone(), day.clone(), night.clone(), night, vec![(0, 5400)]];
        let holidays = ["2026-03-23", "2025-12-31"].iter().map(|d| d.parse().unwrap()).collect();
        let later = Version {
            from: "2026-06-01".parse().ok(),
            week: [const { Vec::new() }; 7],
            ..Version::default()
        };
        Calendar { versions: vec![later, Version { from: None, week, holidays }] }
    }

    #[test]
    fn overlapping_intervals_count_once_also_in_a_doubled_hour() {
        // Found by the comparison below: a night shift and an early one overlap where New York's clocks go back.
        let hours = Hours::new(&shop(), Tz::America__New_York);
        let night = hours.seconds_between(at("2025-11-02T04:00:00Z"), at("2025-11-02T08:00:00Z"));
        assert_eq!(night, Some(3.5 * 3600.0));
    }

    #[test]
    fn business_time_equals_a_minute_by_minute_reading() {
        let spans = [
            ("Asia/Almaty", "2026-01-02T00:00:00Z", "2026-01-14T00:00:00Z"),
            // Spring forward and fall back, with open hours across both.
            ("Europe/Berlin", "2026-03-26T00:00:00Z", "2026-03-31T00:00:00Z"),
            ("Europe/Berlin", "2025-10-23T00:00:00Z", "2025-10-28T00:00:00Z"),
            ("America/New_York", "2025-10-31T00:00:00Z", "2025-11-05T00:00:00Z"),
            // A change at midnight, and one of half an hour.
            ("America/Santiago", "2025-09-04T00:00:00Z", "2025-09-09T00:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-03T00:00:00Z", "2026-04-07T00:00:00Z"),
            ("Europe/Berlin", "2026-05-28T00:00:00Z", "2026-06-03T00:00:00Z"),
        ];
        for (zone, from, to) in spans {
            let zone: Tz = zone.parse().unwrap();
            let hours = Hours::new(&shop(), zone);
            let (from, to) = (at(from), at(to));
            for (skip, take) in [(0, 0), (437, 3), (61, 2881), (1500, 90)] {
                let from = from + Duration::minutes(skip);
                let to = if take == 0 { to } else { from + Duration::minutes(take) };
                assert_eq!(
                    hours.seconds_between(from, to),
                    Some(slow(&shop(), zone, from, to)),
                    "{zone} {from} {to}"
                );
            }
        }
    }

    #[test]
    fn asked_and_answered_outside_hours_is_zero_not_null() {
        let hours = Hours::new(&shop(), Tz::Asia__Almaty);
        assert_eq!(hours.seconds_between(at("2026-01-05T15:00:00Z"), at("2026-01-05T16:00:00Z")), Some(0.0));
    }

    #[test]
    fn before_the_first_version_there_is_no_calendar() {
        let mut calendar = shop();
        calendar.versions.retain(|version| version.from.is_some());
        let hours = Hours::new(&calendar, Tz::UTC);
        assert_eq!(hours.seconds_between(at("2026-05-31T23:59:59Z"), at("2026-07-01T00:00:00Z")), None);
        assert_eq!(hours.seconds_between(at("2026-06-01T00:00:00Z"), at("2026-07-01T00:00:00Z")), Some(0.0));
    }
}
