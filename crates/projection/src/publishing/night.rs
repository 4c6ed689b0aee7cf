//! When a local day is over, and when its figures are due.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Wall clock of the night at which the day before is frozen: calls of midnight are over, and nobody has come yet.
const HOUR: u32 = 3;

/// The first instant at which the wall clock of a zone shows this time, or has jumped over it.
fn instant(day: NaiveDate, hour: u32, zone: Tz) -> DateTime<Utc> {
    let wall = day.and_time(NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default());
    // Gaps are whole quarters of an hour; none is longer than a day and some.
    (0..=26 * 4)
        .find_map(|quarter| zone.from_local_datetime(&(wall + TimeDelta::minutes(15 * quarter))).earliest())
        .map_or_else(|| wall.and_utc(), |at| at.to_utc())
}

/// The end of a local day.
pub(super) fn end_of(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    day.checked_add_days(Days::new(1)).map_or(DateTime::<Utc>::MAX_UTC, |next| instant(next, 0, zone))
}

/// The last local day that is due at `now`.
pub(super) fn last_due(now: DateTime<Utc>, zone: Tz) -> Option<NaiveDate> {
    let today = now.with_timezone(&zone).date_naive();
    let back = if instant(today, HOUR, zone) <= now { 1 } else { 2 };
    today.checked_sub_days(Days::new(back))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(now: &str, zone: Tz) -> String {
        last_due(now.parse().unwrap(), zone).unwrap().to_string()
    }

    #[test]
    fn a_day_is_due_at_three_in_the_morning_of_its_zone() {
        assert_eq!(due("2026-10-01T21:59:59Z", Tz::Asia__Almaty), "2026-09-30");
        assert_eq!(due("2026-10-01T22:00:00Z", Tz::Asia__Almaty), "2026-10-01");
    }

    #[test]
    fn clocks_that_change_make_no_day_due_twice_or_never() {
        // Berlin: on 29 March 2026 the clock goes from 02:00 to 03:00 at 01:00 UTC; on 25 October it shows 02:00 twice.
        assert_eq!(due("2026-03-29T00:59:59Z", Tz::Europe__Berlin), "2026-03-27");
        assert_eq!(due("2026-03-29T01:00:00Z", Tz::Europe__Berlin), "2026-03-28");
        assert_eq!(due("2026-10-25T01:59:59Z", Tz::Europe__Berlin), "2026-10-23");
        assert_eq!(due("2026-10-25T02:00:00Z", Tz::Europe__Berlin), "2026-10-24");
    }

    #[test]
    fn a_day_ends_where_the_next_one_begins_even_when_midnight_is_skipped() {
        let end = |day: &str, zone| end_of(day.parse().unwrap(), zone).to_rfc3339();
        assert_eq!(end("2026-10-24", Tz::Europe__Berlin), "2026-10-24T22:00:00+00:00");
        assert_eq!(end("2026-10-25", Tz::Europe__Berlin), "2026-10-25T23:00:00+00:00", "25 hours");
        assert_eq!(
            end("2026-09-05", Tz::America__Santiago),
            "2026-09-06T04:00:00+00:00",
            "midnight is skipped"
        );
    }
}
