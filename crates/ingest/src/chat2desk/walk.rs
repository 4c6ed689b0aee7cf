//! Which lists are walked how: each walk says what to ask next and what its cursor is. Pure.

mod messages;
mod statistics;
mod sweep;

use ::chat2desk::{Page, Request};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::Value;

pub(crate) use messages::{Extent, MessagesWalk, State as MessagesState};
pub(crate) use statistics::StatisticsWalk;
pub(crate) use sweep::SweepWalk;

/// Rows a page: the most that the service grants.
pub(crate) const PAGE: u32 = ::chat2desk::LIMIT_MAX;
/// What was read before an interruption is not read again by a run that follows so soon.
pub(crate) const RESUME_WITHIN: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// One walk over one list, as far as the pages told it.
pub(crate) trait Walk: Send + Sync {
    /// Its name: the key of its cursor.
    fn name(&self) -> &str;

    /// What to ask next; `None` when the walk is over.
    fn request(&self) -> Option<Request>;

    /// Takes in the answer to [`Walk::request`]. Afterwards [`Walk::state`] covers that page.
    fn took(&mut self, page: &Page, fetched_at: DateTime<Utc>);

    /// The cursor.
    fn state(&self) -> Value;

    /// The list has more rows than the service gives.
    fn is_stuck(&self) -> bool;

    /// Rows that are expected in all, by the last page.
    fn total(&self) -> Option<u64>;

    /// Calls that the walk still takes at least, where `total` rows lie behind its next request.
    fn calls(&self, total: u64) -> u64;
}

/// Local days, both inclusive, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    /// First day; `None`: from the beginning.
    pub(crate) since: Option<NaiveDate>,
    /// Last day.
    pub(crate) until: NaiveDate,
    /// The zone that they are days of.
    pub(crate) zone: Tz,
}

/// The name of a walk of a range; the walk that goes on from its cursor has the list's name alone.
pub(crate) fn range_name(list: &str, since: Option<NaiveDate>, until: Option<NaiveDate>) -> String {
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    format!("{list}@{}..{}", day(since), day(until))
}

/// Pages of `rows` rows, at least one.
pub(crate) fn pages(rows: u64) -> u64 {
    rows.div_ceil(u64::from(PAGE)).max(1)
}
