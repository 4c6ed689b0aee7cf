//! Local days as the user names them, and the instant at which they end.

use chrono::{DateTime, NaiveDate, Timelike as _, Utc};
use chrono_tz::Tz;
use events::local_day;

/// Local days, both inclusive, open where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Period {
    /// The first.
    pub(crate) from: Option<NaiveDate>,
    /// The last.
    pub(crate) to: Option<NaiveDate>,
}

impl Period {
    /// When it begins; `None`: with the first day of all.
    pub(crate) fn since(self, zone: Tz) -> Option<DateTime<Utc>> {
        self.from.map(|day| local_day::start(day, &zone))
    }

    /// When it is over, and waiting is looked at: at the end of the last day, or now, whichever is earlier.
    pub(crate) fn as_of(self, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        local_day::end(self.to, &zone, now)
    }

    /// For people.
    pub(crate) fn named(self) -> String {
        match (self.from, self.to) {
            (None, None) => "all days".to_owned(),
            (Some(from), None) => format!("from {from}"),
            (None, Some(to)) => format!("until {to}"),
            (Some(from), Some(to)) if from == to => from.to_string(),
            (Some(from), Some(to)) => format!("{from} to {to}"),
        }
    }
}

/// The instant for people: local, to the minute.
pub(crate) fn minute(instant: DateTime<Utc>, zone: Tz) -> String {
    let local = instant.with_timezone(&zone);
    local.with_second(0).unwrap_or(local).format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<NaiveDate> {
        text.parse().ok()
    }

    #[test]
    fn waiting_is_looked_at_when_the_last_day_ends_or_now() {
        let now: DateTime<Utc> = "2026-10-10T12:00:00Z".parse().unwrap();
        let as_of = |to: &str, zone| Period { from: None, to: day(to) }.as_of(zone, now).to_rfc3339();
        assert_eq!(as_of("2026-10-05", Tz::Asia__Almaty), "2026-10-05T19:00:00+00:00");
        assert_eq!(as_of("2026-10-10", Tz::Asia__Almaty), "2026-10-10T12:00:00+00:00", "now comes first");
        assert_eq!(
            as_of("2026-09-05", Tz::America__Santiago),
            "2026-09-06T04:00:00+00:00",
            "midnight is skipped"
        );
        assert_eq!(Period::default().as_of(Tz::UTC, now), now);
        let last = Period { from: None, to: Some(NaiveDate::MAX) };
        assert_eq!(last.as_of(Tz::UTC, now), now);
    }

    #[test]
    fn periods_have_names() {
        let named = |from, to| Period { from: day(from), to: day(to) }.named();
        assert_eq!(named("", ""), "all days");
        assert_eq!(named("2026-10-01", "2026-10-07"), "2026-10-01 to 2026-10-07");
        assert_eq!(named("2026-10-01", "2026-10-01"), "2026-10-01");
    }
}
