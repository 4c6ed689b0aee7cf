//! A nightly run: a cron pattern on the wall clock of a zone.
//!
//! A time that the clock skips in spring runs at the next instant that there is; one that it shows twice in autumn runs
//! once, the first time.

use std::str::FromStr;

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// No clock was ever changed by more than a day.
const LONGEST_CHANGE: Duration = Duration::hours(26);
/// Runs that were missed longer ago are not looked for.
const LOOK_BACK: Duration = Duration::days(40);

/// When a CRM is brought up to date.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

impl Schedule {
    /// Reads a pattern of five fields (minute, hour, day, month, weekday).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(pattern: &str, zone: Tz) -> Result<Self, String> {
        if !pattern.trim_start().starts_with('@') && pattern.split_whitespace().count() != 5 {
            return Err("must have five fields, like \"0 2 * * *\" for two o'clock every night".to_owned());
        }
        let cron = Cron::from_str(pattern)
            .map_err(|error| format!("must be a cron pattern like \"0 2 * * *\": {error}"))?;
        Ok(Self { cron, zone })
    }

    /// The first run after `after`; `None` when there is none.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let wall_clock = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local();
        // Where the clock was changed, what it showed or skipped before may map to an instant after: look back over it.
        let before = after - LONGEST_CHANGE;
        let is_changed = wall_clock(after) - wall_clock(before) != LONGEST_CHANGE;
        // Times on the wall clock, written as if it were UTC.
        let mut wall = wall_clock(if is_changed { before } else { after }).and_utc();
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let at = self.instant(wall.naive_utc())?;
            if at > after {
                return Some(at);
            }
        }
    }

    /// The last run that is not after `now` and is after `since`.
    pub fn last_due(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut due = None;
        let mut at = since.max(now - LOOK_BACK);
        while let Some(next) = self.next_after(at).filter(|next| *next <= now) {
            due = Some(next);
            at = next;
        }
        due
    }

    /// When the wall clock shows this the first time, or jumps over it.
    fn instant(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        if let Some(at) = self.zone.from_local_datetime(&wall).earliest() {
            return Some(at.with_timezone(&Utc));
        }
        let minute = wall.with_second(0)?.with_nanosecond(0)?;
        (1..=LONGEST_CHANGE.num_minutes())
            .find_map(|minutes| {
                self.zone.from_local_datetime(&(minute + Duration::minutes(minutes))).earliest()
            })
            .map(|at| at.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn runs(pattern: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(pattern, zone).unwrap();
        let mut found = Vec::new();
        let mut after = at(from);
        for _ in 0..count {
            after = schedule.next_after(after).unwrap();
            found.push(after.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        }
        found
    }

    #[test]
    fn a_night_is_a_night_of_the_zone() {
        let found = runs("0 2 * * *", Tz::Asia__Almaty, "2026-10-01T00:00:00Z", 2);
        assert_eq!(found, ["2026-10-01T21:00:00Z", "2026-10-02T21:00:00Z"]);
    }

    #[test]
    fn an_hour_that_is_skipped_runs_at_the_next_instant() {
        // On 29 March 2026 Berlin goes from 02:00 to 03:00, at 01:00 UTC.
        let found = runs("30 2 * * *", Tz::Europe__Berlin, "2026-03-27T12:00:00Z", 3);
        assert_eq!(found, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        // Several within the skipped hour are one run.
        let found = runs("0,20,40 2 * * *", Tz::Europe__Berlin, "2026-03-28T12:00:00Z", 2);
        assert_eq!(found, ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    }

    #[test]
    fn an_hour_that_is_doubled_runs_once() {
        // On 25 October 2026 Berlin goes from 03:00 back to 02:00, at 01:00 UTC.
        let found = runs("30 2 * * *", Tz::Europe__Berlin, "2026-10-24T12:00:00Z", 2);
        assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let between = runs("30 2 * * *", Tz::Europe__Berlin, "2026-10-25T00:30:00Z", 1);
        assert_eq!(between, ["2026-10-26T01:30:00Z"], "not again when the clock shows it again");
    }

    #[test]
    fn a_zone_that_skips_a_whole_day_runs_when_it_is_over() {
        // Apia had no 30 December 2011.
        let found = runs("0 2 * * *", Tz::Pacific__Apia, "2011-12-29T00:00:00Z", 3);
        assert_eq!(found, ["2011-12-29T12:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T12:00:00Z"]);
    }

    #[test]
    fn of_missed_runs_the_last_one_is_due() {
        let schedule = Schedule::parse("0 2 * * *", Tz::UTC).unwrap();
        let due = |since, now| schedule.last_due(at(since), at(now));
        assert_eq!(due("2026-10-01T00:00:00Z", "2026-10-01T01:59:59Z"), None);
        assert_eq!(due("2026-10-01T00:00:00Z", "2026-10-01T02:00:00Z"), Some(at("2026-10-01T02:00:00Z")));
        assert_eq!(due("2026-10-01T02:00:00Z", "2026-10-04T12:00:00Z"), Some(at("2026-10-04T02:00:00Z")));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for odd in ["", "x", "0 2 * *", "61 2 * * *", "0 0 2 * * *"] {
            assert!(Schedule::parse(odd, Tz::UTC).is_err(), "{odd:?}");
        }
        let never = Schedule::parse("0 2 31 2 *", Tz::UTC);
        assert!(never.is_err() || never.unwrap().next_after(at("2026-10-01T02:00:00Z")).is_none());
    }
}
