//! Clients, dialogs, operators, groups, channels, tags: by offset (chat2desk.md 1.5, 8.4).

use ::chat2desk::walk::{OffsetWalk, Step, id_key};
use ::chat2desk::{List, ListQuery, Page, Request};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PAGE, Walk, pages};

/// A list up to so many rows is swept whole each time: ten calls buy rows that changed as well as new ones.
const CHEAP_ROWS: u64 = 2_000;
/// A longer list is swept whole when the last whole sweep is so old; between, only its new end is read.
const SWEEP_DAYS: i64 = 7;

/// How far a list was read. The cursor of a walk, kept as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The next offset; at the end: the rows that there were.
    offset: u64,
    /// The walk reached the end.
    is_done: bool,
    /// When the last sweep from offset 0 began that reached, or will reach, the end.
    swept_at: Option<DateTime<Utc>>,
}

/// The walk.
pub(crate) struct SweepWalk {
    list: List,
    state: State,
    rows: OffsetWalk,
    is_stuck: bool,
    total: Option<u64>,
}

impl SweepWalk {
    /// A walk that goes on where an unfinished one stopped; after a finished one it reads the new end, or all again:
    /// when `is_whole` asks for it, when the list is cheap, when the last whole sweep is old.
    pub(crate) fn new(list: List, cursor: Option<&Value>, is_whole: bool, now: DateTime<Utc>) -> Self {
        let stored: Option<State> = cursor.and_then(|cursor| serde_json::from_value(cursor.clone()).ok());
        let whole = State { swept_at: Some(now), ..State::default() };
        // Only these lists keep new rows behind the cursor (`order=asc`).
        let is_ordered = matches!(list, List::Clients | List::Dialogs);
        let is_fresh =
            |state: &State| state.swept_at.is_some_and(|at| now - at < TimeDelta::days(SWEEP_DAYS));
        let state = match stored {
            // An unfinished one goes on however old it is: a long list may need more than one month's quota.
            Some(state) if is_ordered && !state.is_done => state,
            Some(state) if !is_ordered || !is_fresh(&state) => whole,
            Some(state) if is_whole || state.offset <= CHEAP_ROWS => whole,
            Some(state) => State { is_done: false, ..state },
            None => whole,
        };
        Self { list, state, rows: OffsetWalk::default(), is_stuck: false, total: None }
    }

    /// The next offset.
    pub(crate) fn offset(&self) -> u64 {
        self.state.offset
    }
}

impl Walk for SweepWalk {
    fn name(&self) -> &str {
        self.list.name()
    }

    fn request(&self) -> Option<Request> {
        let query = ListQuery { offset: self.state.offset, limit: PAGE };
        (!self.state.is_done).then_some(Request::List(self.list, query))
    }

    fn took(&mut self, page: &Page, _: DateTime<Utc>) {
        self.total = page.total().or(self.total);
        let step = self.rows.after(page, self.state.offset, PAGE, id_key);
        self.is_stuck = step == Step::Stuck;
        self.state.is_done = !matches!(step, Step::Next(_));
        if !self.is_stuck {
            self.state.offset += page.rows.len() as u64;
        }
    }

    fn state(&self) -> Value {
        serde_json::to_value(&self.state).unwrap_or_default()
    }

    fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    fn total(&self) -> Option<u64> {
        self.total
    }

    fn calls(&self, total: u64) -> u64 {
        pages(total.saturating_sub(self.state.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-15T00:00:00Z".parse().unwrap()
    }

    fn page(ids: std::ops::Range<u64>, total: u64) -> Page {
        let rows: Vec<_> = ids.map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        Page::read(format!(r#"{{"data":[{}],"meta":{{"total":{total}}}}}"#, rows.join(",")).as_bytes())
            .unwrap()
    }

    fn asked(walk: &SweepWalk) -> String {
        walk.request().map(|request| request.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_sweep_reads_all_pages_and_asks_for_none_too_many() {
        let mut walk = SweepWalk::new(List::Clients, None, false, now());
        assert_eq!(asked(&walk), "clients?limit=200&offset=0&order=asc");
        walk.took(&page(0..200, 400), now());
        assert_eq!(asked(&walk), "clients?limit=200&offset=200&order=asc");
        walk.took(&page(200..400, 400), now());
        assert_eq!(asked(&walk), "");
    }

    #[test]
    fn an_unfinished_sweep_goes_on_where_it_stopped() {
        let mut walk = SweepWalk::new(List::Clients, None, true, now());
        walk.took(&page(0..200, 600), now());
        let again = SweepWalk::new(List::Clients, Some(&walk.state()), true, now());
        assert_eq!(asked(&again), "clients?limit=200&offset=200&order=asc");
    }

    #[test]
    fn after_a_sweep_a_long_list_is_read_at_its_new_end_until_a_week_has_passed() {
        let state = |offset: u64| serde_json::json!({"offset": offset, "is_done": true, "swept_at": now()});
        let offset = |list, state: &Value, is_whole, days| {
            let walk = SweepWalk::new(list, Some(state), is_whole, now() + TimeDelta::days(days));
            walk.state.offset
        };
        assert_eq!(offset(List::Clients, &state(5_000), false, 1), 5_000);
        assert_eq!(offset(List::Clients, &state(5_000), true, 1), 0, "a range reads it again");
        assert_eq!(offset(List::Clients, &state(5_000), false, 8), 0);
        assert_eq!(offset(List::Clients, &state(2_000), false, 1), 0, "cheap");
        assert_eq!(offset(List::Operators, &state(5_000), false, 1), 0, "its order is not known");
    }

    #[test]
    fn an_ignored_offset_is_noticed() {
        let mut walk = SweepWalk::new(List::Channels, None, false, now());
        walk.took(&page(0..200, 600), now());
        walk.took(&page(0..200, 600), now());
        assert!(walk.is_stuck());
        assert_eq!(asked(&walk), "");
    }
}
