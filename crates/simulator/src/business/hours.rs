//! When people write and when people work, in the company's zone.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Chats by hour of the local day: a peak before lunch, a lull at one, a long evening, a thin night.
const BY_HOUR: [f64; 24] = [
    1.0, 0.6, 0.4, 0.3, 0.3, 0.5, 1.0, 3.0, 7.0, 14.0, 16.0, 15.0, 13.0, 7.0, 11.0, 14.0, 14.0, 12.0, 9.0,
    7.0, 6.0, 5.0, 3.5, 2.0,
];

/// Chats by weekday against the average day, Monday first.
const BY_WEEKDAY: [f64; 7] = [1.3, 1.24, 1.18, 1.13, 1.13, 0.62, 0.4];

/// How much of an average day's chats come on `date`.
pub(super) fn weight_of(date: NaiveDate) -> f64 {
    BY_WEEKDAY.get(date.weekday().num_days_from_monday() as usize).copied().unwrap_or(1.0)
}

/// A random instant of the local day, more often in busy hours.
pub(super) fn arrival(rng: &mut ChaCha8Rng, date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let mut rest = rng.random_range(0.0..BY_HOUR.iter().sum());
    let mut hour = 0;
    for (index, weight) in (0..).zip(BY_HOUR) {
        hour = index;
        rest -= weight;
        if rest < 0.0 {
            break;
        }
    }
    instant(date, hour * 3600, zone) + TimeDelta::microseconds(rng.random_range(0..3_600_000_000))
}

/// The instant `seconds` into the local day by the wall clock.
pub(super) fn instant(date: NaiveDate, seconds: u32, zone: Tz) -> DateTime<Utc> {
    let wall = date.and_time(chrono::NaiveTime::MIN) + TimeDelta::seconds(seconds.into());
    let found = zone.from_local_datetime(&wall).earliest();
    let later = || zone.from_local_datetime(&(wall + TimeDelta::hours(1))).earliest();
    found.or_else(later).map_or_else(|| wall.and_utc(), |at| at.with_timezone(&Utc))
}

/// The local date.
pub(super) fn date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// Opening and closing of a day in seconds, if it is a working day at all.
pub(super) fn office(date: NaiveDate) -> Option<(u32, u32)> {
    match date.weekday() {
        Weekday::Sun => None,
        Weekday::Sat => Some((10 * 3600, 15 * 3600)),
        _ => Some((9 * 3600, 18 * 3600)),
    }
}

/// Somebody is at work.
pub(super) fn is_open(at: DateTime<Utc>, zone: Tz) -> bool {
    let local = at.with_timezone(&zone);
    let second = local.num_seconds_from_midnight();
    office(local.date_naive()).is_some_and(|(opens, closes)| (opens..closes).contains(&second))
}

/// The next opening after `at`.
pub(super) fn next_opening(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let days = date(at, zone).iter_days().take(8);
    let openings = days.filter_map(|day| office(day).map(|(opens, _)| instant(day, opens, zone)));
    openings.into_iter().find(|opens| *opens > at).unwrap_or(at)
}

/// Replies take longer in the rush before lunch and during lunch.
pub(super) fn load(at: DateTime<Utc>, zone: Tz) -> f64 {
    match at.with_timezone(&zone).hour() {
        10..=11 => 1.5,
        12 => 1.3,
        13 => 2.6,
        15..=16 => 1.3,
        _ => 1.0,
    }
}
