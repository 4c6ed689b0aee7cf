//! The past of an account, fetched page by page.
//!
//! Each page is appended to the log raw (a delivery a row, one for the page's envelope), and only then is the walk's
//! cursor saved: a crash at any byte repeats a page and loses none, and the projection merges repeats. What is asked next
//! is decided by pure walks ([`crate::chat2desk`]); [`Backfill`] does the I/O.
//!
//! [`Backfill::plan`] says first what it would cost; [`offline`] reads recorded pages instead of the API.

mod fetch;
mod pages;
mod plan;
mod repair;
mod run;

pub mod offline;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ::chat2desk::{Client, Pace, TokioTimer};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use events::{AccountId, Clock, DeliveryIds};
use log::Log;
use store::PgPool;

pub use fetch::Retry;
pub use plan::{Plan, PlannedWalk};
pub use repair::Look;
pub use run::Watcher;

/// What the backfill needs to know of an account.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// Its id.
    pub id: AccountId,
    /// Its zone: local days are days there.
    pub zone: Tz,
    /// Most calls a second.
    pub calls_per_second: f64,
    /// Most of the quota that is left at the start that one run may use, 0 to 1; `None`: all of it.
    pub quota_share: Option<f64>,
    /// How transient failures are tried again.
    pub retry: Retry,
}

impl AccountSettings {
    /// An account with the defaults: 4 calls a second, no share.
    pub fn new(id: AccountId, zone: Tz) -> Self {
        Self { id, zone, calls_per_second: 4.0, quota_share: None, retry: Retry::default() }
    }
}

/// How far back an account without a cursor is read: `history` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// So many local days before today, and today.
    Days(u32),
    /// Everything.
    All,
    /// Nothing of the past: only the lists without time (operators, groups, channels, tags).
    None,
}

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            days => {
                days.strip_suffix('d').and_then(|days| days.parse().ok()).map(Self::Days).ok_or_else(|| {
                    format!("{days:?} is no history: write a number of days as 90d, or all, or none")
                })
            }
        }
    }
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// On from the cursors; an account without them is read as far back as this.
    Continue(History),
    /// These local days again, both inclusive; an open end is the beginning, or today.
    Days {
        /// First day.
        since: Option<NaiveDate>,
        /// Last day.
        until: Option<NaiveDate>,
    },
}

/// A moment of a running backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The walk, for instance `messages`.
    pub walk: String,
    /// Rows of this walk appended so far, by this run.
    pub rows: u64,
    /// Rows that this walk expects in all, by the platform's last word.
    pub total: Option<u64>,
    /// Calls of the whole run so far.
    pub calls: u64,
    /// Why it waits, while it waits.
    pub waiting: Option<String>,
}

/// What one walk did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkSummary {
    /// The walk.
    pub walk: String,
    /// Pages appended.
    pub pages: u64,
    /// Rows appended.
    pub rows: u64,
    /// Rows larger than the log takes: left out, named in the page's envelope.
    pub left_out: u64,
    /// The list has more rows, but the platform does not give them (it ignores `offset` or `start_id`).
    pub is_stuck: bool,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Calls made, answered or not.
    pub calls: u64,
    /// Rows appended.
    pub rows: u64,
    /// By walk, in the order in which they ran.
    pub walks: Vec<WalkSummary>,
}

/// How a run ended. Whatever it was, the next run goes on where this one stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was read.
    Done(Summary),
    /// The quota (or this run's share of it) is spent: exit code 75.
    QuotaSpent {
        /// What was done.
        summary: Summary,
        /// When there is quota again: the first instant of the next month in the account's zone, or the end of a
        /// long wait that the platform asked for. A raised quota may come sooner.
        continues_at: DateTime<Utc>,
    },
    /// It was told to stop.
    Stopped(Summary),
}

impl Outcome {
    /// What was done.
    pub fn summary(&self) -> &Summary {
        match self {
            Self::Done(summary) | Self::QuotaSpent { summary, .. } | Self::Stopped(summary) => summary,
        }
    }
}

/// The backfill of one Chat2Desk account.
#[derive(Clone)]
pub struct Backfill {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) pool: PgPool,
    pub(crate) client: Client,
    pub(crate) account: AccountSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: DeliveryIds,
    pub(crate) pace: Arc<Pace>,
    patience: Duration,
}

impl Backfill {
    /// A backfill that calls at most [`AccountSettings::calls_per_second`].
    pub fn new(
        log: Arc<dyn Log>,
        pool: PgPool,
        client: Client,
        account: AccountSettings,
        clock: Arc<dyn Clock>,
        ids: DeliveryIds,
    ) -> Self {
        let pace = Arc::new(Pace::new(account.calls_per_second, Arc::new(TokioTimer::default())));
        Self { log, pool, client, account, clock, ids, pace, patience: repair::PATIENCE }
    }

    /// The same with another longest wait for the projection.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same at another pace: one that is shared with other callers of the account, or of a test.
    #[must_use]
    pub fn paced(mut self, pace: Arc<Pace>) -> Self {
        self.pace = pace;
        self
    }

    pub(crate) fn today(&self) -> NaiveDate {
        self.clock.now().with_timezone(&self.account.zone).date_naive()
    }
}

/// The first instant of a local day; where a clock change skips midnight, the first one that exists.
pub(crate) fn day_start(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    (0..=24 * 4)
        .find_map(|quarters| {
            let local = midnight + TimeDelta::minutes(15 * quarters);
            local.and_local_timezone(zone).earliest()
        })
        .map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
}

/// The first day of the month of `day`, and of the month after.
pub(crate) fn month(day: NaiveDate) -> (NaiveDate, NaiveDate) {
    let first = chrono::Datelike::with_day(&day, 1).unwrap_or(day);
    let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
    (first, next)
}

/// The first local day of a history; `None`: from the beginning.
pub(crate) fn first_day(range: Range, today: NaiveDate) -> Option<NaiveDate> {
    match range {
        Range::Continue(History::Days(days)) => today.checked_sub_days(Days::new(u64::from(days))),
        Range::Continue(History::All) => None,
        Range::Continue(History::None) => Some(today),
        Range::Days { since, .. } => since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn history_is_written_as_in_the_configuration() {
        assert_eq!("90d".parse(), Ok(History::Days(90)));
        assert_eq!("all".parse(), Ok(History::All));
        assert_eq!("none".parse(), Ok(History::None));
        assert!("90".parse::<History>().is_err());
        assert!("-1d".parse::<History>().is_err());
    }

    #[test]
    fn a_day_starts_at_its_first_instant_even_when_midnight_is_skipped() {
        // Beirut moved its clocks at midnight: 2022-03-27 began at 01:00.
        let start = day_start(date("2022-03-27"), chrono_tz::Asia::Beirut);
        assert_eq!(start.to_rfc3339(), "2022-03-26T22:00:00+00:00");
        let plain = day_start(date("2026-01-15"), chrono_tz::Asia::Almaty);
        assert_eq!(plain.to_rfc3339(), "2026-01-14T19:00:00+00:00");
    }

    #[test]
    fn quota_comes_back_with_the_next_month() {
        assert_eq!(month(date("2026-12-31")), (date("2026-12-01"), date("2027-01-01")));
    }

    #[test]
    fn a_history_of_days_counts_back_from_today() {
        let range = Range::Continue(History::Days(90));
        assert_eq!(first_day(range, date("2026-04-01")), Some(date("2026-01-01")));
    }
}
