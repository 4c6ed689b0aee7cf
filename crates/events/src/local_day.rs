//! Local days as instants, the same for every report and screen.

use chrono::{DateTime, Days, Duration, NaiveDate, TimeZone, Utc};

/// The first instant of a local day: midnight, or the end of the gap where a change of the clock skips it.
pub fn start<Z: TimeZone>(day: NaiveDate, zone: &Z) -> DateTime<Utc> {
    let midnight = day.and_hms_opt(0, 0, 0).unwrap_or_default();
    // Gaps are whole quarters of an hour; none is longer than a day.
    (0..=96)
        .filter_map(|quarter| midnight.checked_add_signed(Duration::minutes(15 * quarter)))
        .find_map(|wall| zone.from_local_datetime(&wall).earliest())
        .map_or_else(|| midnight.and_utc(), |instant| instant.to_utc())
}

/// The instant at which a period is over: the end of its last day, or now, whichever is earlier; now without a last day.
pub fn end<Z: TimeZone>(last: Option<NaiveDate>, zone: &Z, now: DateTime<Utc>) -> DateTime<Utc> {
    last.and_then(|day| day.checked_add_days(Days::new(1))).map_or(now, |day| start(day, zone).min(now))
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn a_period_is_over_when_its_last_day_ends_or_now() {
        let now: DateTime<Utc> = "2026-10-10T12:00:00Z".parse().unwrap();
        let zone = FixedOffset::east_opt(5 * 3600).unwrap();
        let over = |last: &str| end(last.parse().ok(), &zone, now).to_rfc3339();
        assert_eq!(over("2026-10-05"), "2026-10-05T19:00:00+00:00");
        assert_eq!(over("2026-10-10"), "2026-10-10T12:00:00+00:00", "now comes first");
        assert_eq!(
            [over(""), end(Some(NaiveDate::MAX), &zone, now).to_rfc3339()],
            [now.to_rfc3339(), now.to_rfc3339()]
        );
    }
}
