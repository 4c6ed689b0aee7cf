//! Messages: by day to find where to start, then upwards by id, never both in one call (chat2desk.md 1.5, 2.3, 8.4).

use ::chat2desk::walk::{IdWalk, Step};
use ::chat2desk::{MessagesQuery, Page, Request, Start, row_id};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Days, PAGE, Walk};
use crate::backfill::day_start;
use crate::chat2desk::row::created;

/// Ids become visible late: each walk starts so much earlier than the one before stopped (design.md 6).
const OVERLAP_MINUTES: i64 = 15;

/// What messages are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Up to the newest message.
    Open(Days),
    /// Up to the last of these days.
    Closed(Days),
}

impl Extent {
    fn days(&self) -> &Days {
        match self {
            Self::Open(days) | Self::Closed(days) => days,
        }
    }
}

/// How far messages were read. The cursor of a walk, kept as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The first id of this walk.
    first_id: Option<u64>,
    /// When the message with that id was made.
    pub(crate) first_at: Option<DateTime<Utc>>,
    /// The next id.
    next: u64,
    /// The lowest id of each minute (Unix) of the last minutes before `next`.
    tail: Vec<(i64, u64)>,
    /// The last page was in the midst of history: full, and its messages older than the overlap when it was fetched. No id
    /// before `next` becomes visible any more, so a walk that was interrupted there goes on there.
    #[serde(default)]
    is_settled: bool,
}

impl State {
    /// Reads a cursor; `None` where there is none that this build can read.
    pub(crate) fn read(cursor: Option<&Value>) -> Option<Self> {
        serde_json::from_value(cursor?.clone()).ok()
    }

    /// Nothing was seen yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// When the newest message was made, to the minute.
    pub(crate) fn newest_at(&self) -> Option<DateTime<Utc>> {
        let minute = self.tail.iter().map(|(minute, _)| *minute).max()?;
        DateTime::from_timestamp(minute * 60, 0)
    }

    /// Where a later walk starts: 15 minutes of ids before the end; in the midst of history at the next id.
    fn resume(&self) -> u64 {
        if self.is_settled {
            return self.next;
        }
        self.tail.iter().map(|(_, id)| *id).min().unwrap_or(self.next)
    }

    fn note(&mut self, id: u64, at: Option<DateTime<Utc>>, fetched_at: DateTime<Utc>) {
        self.next = self.next.max(id.saturating_add(1));
        // A time from the future would push the tail out of reach.
        let Some(at) = at.map(|at| at.min(fetched_at)) else { return };
        // Of the lowest id, not the earliest of all: an imported message may be years older than the account.
        if self.first_at.is_none() || self.first_id.is_none_or(|first| id <= first) {
            self.first_at = Some(at);
        }
        let minute = at.timestamp().div_euclid(60);
        match self.tail.iter_mut().find(|(known, _)| *known == minute) {
            Some((_, lowest)) => *lowest = (*lowest).min(id),
            None => self.tail.push((minute, id)),
        }
        let newest = self.tail.iter().map(|(minute, _)| *minute).max().unwrap_or(minute);
        self.tail.retain(|(minute, _)| newest - minute <= OVERLAP_MINUTES);
    }

    /// The cursor after a range was read: it moves only when the range reaches on from where it stood. `None`: it stays.
    pub(crate) fn joined(main: Option<&Self>, range: &Self) -> Option<Self> {
        // Without a cursor the history before the range was not read: the main walk begins at its own beginning.
        let main = main?;
        let reaches = range.first_id.is_none_or(|first| first <= main.next) && range.next > main.next;
        let earlier = if main.first_id <= range.first_id { main } else { range };
        let first_at = earlier.first_at.or(main.first_at).or(range.first_at);
        let first_id = [main.first_id, range.first_id].into_iter().flatten().min();
        if reaches { Some(Self { first_at, first_id, ..range.clone() }) } else { None }
    }
}

/// The walk.
pub(crate) struct MessagesWalk {
    name: String,
    extent: Extent,
    state: State,
    start: Option<Start>,
    ids: IdWalk,
    is_stuck: bool,
    total: Option<u64>,
}

impl MessagesWalk {
    /// A walk that goes on from `cursor`, or begins with the extent's first day.
    pub(crate) fn new(name: String, extent: Extent, cursor: Option<State>) -> Self {
        let start = match (&cursor, extent.days().since) {
            (Some(state), _) if !state.is_empty() => Start::Id(state.resume()),
            (_, Some(day)) => Start::Day(day),
            (_, None) => Start::Id(1),
        };
        let state = cursor.unwrap_or_default();
        Self { name, extent, state, start: Some(start), ids: IdWalk::default(), is_stuck: false, total: None }
    }

    /// The cursor as it stands.
    pub(crate) fn cursor(&self) -> &State {
        &self.state
    }

    /// What to ask for the number of rows: of a closed extent by its days, else what is asked first.
    pub(crate) fn counting(&self) -> Option<Request> {
        let start = match (self.start?, &self.extent) {
            (Start::Day(since), Extent::Closed(days)) => Start::Days(since, days.until),
            (start, _) => start,
        };
        Some(Request::Messages(MessagesQuery { start, limit: 1 }))
    }

    fn is_past(&self, page: &Page) -> bool {
        let Extent::Closed(days) = self.extent else { return false };
        let Some(after) = days.until.succ_opt() else { return false };
        let end = day_start(after, days.zone) + TimeDelta::minutes(OVERLAP_MINUTES);
        page.rows.last().and_then(|row| created(row)).is_some_and(|at| at >= end)
    }
}

impl Walk for MessagesWalk {
    fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> Option<Request> {
        Some(Request::Messages(MessagesQuery { start: self.start?, limit: PAGE }))
    }

    fn took(&mut self, page: &Page, fetched_at: DateTime<Utc>) {
        let asked = self.start;
        // A later total counts only what lies behind its id: the first one is the walk's.
        self.total = self.total.or(page.total());
        let step = self.ids.after(page, PAGE);
        let ids: Vec<u64> = page.rows.iter().filter_map(|row| row_id(row)).collect();
        let descends = ids.len() > 1 && ids.first() > ids.last();
        if matches!(asked, Some(Start::Day(_) | Start::Days(..))) && descends && step != Step::End {
            // The service ignored the order: this page is the end of the range, and only ids lead to its start.
            tracing::warn!(
                backfill.walk = self.name,
                "messages came newest first; reading from the first id"
            );
            self.ids = IdWalk::default();
            self.start = Some(Start::Id(1));
            return;
        }
        let lowest = ids.iter().min().copied();
        self.state.first_id = [self.state.first_id, lowest].into_iter().flatten().min();
        for row in &page.rows {
            if let Some(id) = row_id(row) {
                self.state.note(id, created(row), fetched_at);
            }
        }
        let newest = page
            .rows
            .iter()
            .map(|row| created(row))
            .try_fold(DateTime::<Utc>::MIN_UTC, |newest, at| Some(newest.max(at?)));
        self.state.is_settled = matches!(step, Step::Next(_))
            && newest.is_some_and(|newest| fetched_at - newest > TimeDelta::minutes(OVERLAP_MINUTES));
        self.is_stuck = step == Step::Stuck;
        self.start = match step {
            Step::Next(id) if !self.is_past(page) => Some(Start::Id(id)),
            _ => None,
        };
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

    /// One more than the pages when the last one is full: only a short page shows the end.
    fn calls(&self, total: u64) -> u64 {
        total / u64::from(PAGE) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(since: Option<&str>, until: &str) -> Days {
        let day = |text: &str| text.parse().unwrap();
        Days { since: since.map(day), until: day(until), zone: chrono_tz::UTC }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn page(rows: &[(u64, &str)]) -> Page {
        let rows: Vec<_> =
            rows.iter().map(|(id, at)| format!(r#"{{"id":{id},"created":"2026-01-{at} UTC"}}"#)).collect();
        Page::read(format!(r#"{{"data":[{}],"meta":{{"limit":2}}}}"#, rows.join(",")).as_bytes()).unwrap()
    }

    fn asked(walk: &MessagesWalk) -> String {
        walk.request().map(|request| request.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_fresh_account_starts_by_day_and_goes_on_by_id() {
        let open = Extent::Open(days(Some("2026-01-10"), "2026-01-20"));
        let mut walk = MessagesWalk::new("messages".into(), open, None);
        assert_eq!(asked(&walk), "messages?start_date=10-01-2026&limit=200&order=asc");
        walk.took(&page(&[(50, "10T00:00:01"), (70, "10T00:05:00")]), at("2026-01-20T00:00:00Z"));
        assert_eq!(asked(&walk), "messages?start_id=71&limit=200&order=asc");
        walk.took(&page(&[(90, "12T00:00:00")]), at("2026-01-20T00:00:00Z"));
        assert_eq!(asked(&walk), "", "a short page ends it");
        assert_eq!(walk.cursor().first_at, Some(at("2026-01-10T00:00:01Z")));
    }

    #[test]
    fn the_next_walk_starts_fifteen_minutes_of_ids_earlier() {
        let open = Extent::Open(days(None, "2026-01-20"));
        let mut walk = MessagesWalk::new("messages".into(), open, None);
        assert_eq!(asked(&walk), "messages?start_id=1&limit=200&order=asc");
        let rows = [(10, "10T10:00:00"), (11, "10T10:30:00")];
        walk.took(&page(&rows), at("2026-01-20T00:00:00Z"));
        walk.took(&page(&[(12, "10T10:31:00"), (14, "10T10:45:30")]), at("2026-01-20T00:00:00Z"));
        walk.took(&page(&[]), at("2026-01-20T00:00:00Z"));
        let cursor = State::read(Some(&walk.state())).unwrap();
        let again = MessagesWalk::new("messages".into(), open, Some(cursor));
        assert_eq!(asked(&again), "messages?start_id=11&limit=200&order=asc");
    }

    #[test]
    fn a_walk_that_was_interrupted_in_the_midst_of_history_goes_on_there() {
        let open = Extent::Open(days(None, "2026-01-20"));
        let again = |fetched_at: &str| {
            let mut walk = MessagesWalk::new("messages".into(), open, None);
            walk.took(&page(&[(10, "10T10:00:00"), (11, "10T10:01:00")]), at(fetched_at));
            let cursor = State::read(Some(&walk.state()));
            asked(&MessagesWalk::new("messages".into(), open, cursor))
        };
        assert_eq!(again("2026-01-20T00:00:00Z"), "messages?start_id=12&limit=200&order=asc");
        // Minutes after they were written others may still become visible.
        assert_eq!(again("2026-01-10T10:15:00Z"), "messages?start_id=10&limit=200&order=asc");
        let older = serde_json::json!({"first_id": 10, "first_at": null, "next": 12, "tail": [[1, 10]]});
        assert_eq!(State::read(Some(&older)).unwrap().resume(), 10, "a cursor of before goes on as before");
    }

    #[test]
    fn a_time_from_the_future_does_not_hide_the_tail() {
        let mut state = State::default();
        state.note(10, Some(at("2026-01-10T10:00:00Z")), at("2026-01-10T10:05:00Z"));
        state.note(11, Some(at("2036-01-10T10:00:00Z")), at("2026-01-10T10:05:00Z"));
        assert_eq!(state.resume(), 10);
    }

    #[test]
    fn a_closed_range_ends_soon_after_its_last_day() {
        let closed = Extent::Closed(days(Some("2026-01-10"), "2026-01-11"));
        let mut walk = MessagesWalk::new("messages@".into(), closed, None);
        walk.took(&page(&[(50, "10T00:00:01"), (70, "12T00:05:00")]), at("2026-01-20T00:00:00Z"));
        assert_ne!(asked(&walk), "", "five minutes later an earlier message may still follow");
        walk.took(&page(&[(80, "12T00:06:00"), (90, "12T00:20:00")]), at("2026-01-20T00:00:00Z"));
        assert_eq!(asked(&walk), "");
        let counting = MessagesWalk::new("messages@".into(), closed, None).counting().unwrap().to_string();
        assert_eq!(counting, "messages?start_date=10-01-2026&finish_date=12-01-2026&limit=1&order=asc");
    }

    #[test]
    fn a_service_that_repeats_itself_is_left_alone() {
        let open = Extent::Open(days(None, "2026-01-20"));
        let mut walk = MessagesWalk::new("messages".into(), open, None);
        let same = page(&[(10, "10T10:00:00"), (11, "10T10:30:00")]);
        walk.took(&same, at("2026-01-20T00:00:00Z"));
        walk.took(&same, at("2026-01-20T00:00:00Z"));
        assert!(walk.is_stuck());
        assert_eq!(walk.request(), None);
    }

    #[test]
    fn newest_first_by_day_is_read_by_id_from_the_beginning() {
        let open = Extent::Open(days(Some("2026-01-10"), "2026-01-20"));
        let mut walk = MessagesWalk::new("messages".into(), open, None);
        walk.took(&page(&[(90, "19T00:00:00"), (80, "18T00:00:00")]), at("2026-01-20T00:00:00Z"));
        assert_eq!(asked(&walk), "messages?start_id=1&limit=200&order=asc");
    }

    #[test]
    fn a_range_moves_the_cursor_only_when_it_reaches_on_from_it() {
        let state = |first, next| State { first_id: Some(first), next, ..State::default() };
        let main = state(10, 100);
        assert_eq!(State::joined(Some(&main), &state(200, 300)), None, "a gap lies between");
        assert_eq!(State::joined(Some(&main), &state(20, 90)), None, "nothing new");
        assert_eq!(State::joined(Some(&main), &state(50, 300)).map(|joined| joined.next), Some(300));
        assert_eq!(State::joined(None, &state(50, 300)).map(|joined| joined.next), None);
    }
}
