//! The quotas of a private app: so many calls in ten seconds, so many in a day, and the headers that tell of both.

use std::collections::VecDeque;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::Settings;
use crate::service::Answer;

/// `policyName` of the burst limit.
pub(super) const TEN_SECONDLY: &str = "TEN_SECONDLY_ROLLING";

/// `policyName` of the limit of the day.
pub(super) const DAILY: &str = "DAILY";

const INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// Calls that count.
#[derive(Debug, Default)]
pub(super) struct Limits {
    recent: VecDeque<DateTime<Utc>>,
    day: NaiveDate,
    today: u32,
}

impl Limits {
    /// Counts a call, or names the limit that it breaks; a refused call counts for nothing.
    pub(super) fn count(&mut self, settings: &Settings, now: DateTime<Utc>) -> Result<(), &'static str> {
        self.reach(now);
        if self.today >= settings.daily {
            return Err(DAILY);
        }
        if self.recent.len() >= settings.ten_secondly as usize {
            return Err(TEN_SECONDLY);
        }
        self.today += 1;
        self.recent.push_back(now);
        Ok(())
    }

    /// Adds the headers.
    pub(super) fn tell(&mut self, settings: &Settings, now: DateTime<Utc>, answer: Answer) -> Answer {
        self.reach(now);
        let burst = (settings.ten_secondly as usize).saturating_sub(self.recent.len());
        answer
            .with("x-hubspot-ratelimit-max", settings.ten_secondly)
            .with("x-hubspot-ratelimit-remaining", burst)
            .with("x-hubspot-ratelimit-interval-milliseconds", INTERVAL.num_milliseconds())
            .with("x-hubspot-ratelimit-daily", settings.daily)
            .with("x-hubspot-ratelimit-daily-remaining", settings.daily.saturating_sub(self.today))
    }

    fn reach(&mut self, now: DateTime<Utc>) {
        while self.recent.front().is_some_and(|at| *at + INTERVAL <= now) {
            self.recent.pop_front();
        }
        if self.day != now.date_naive() {
            self.day = now.date_naive();
            self.today = 0;
        }
    }
}
