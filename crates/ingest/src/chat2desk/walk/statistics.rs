//! The reports: day by day, the last days again, because open requests change (chat2desk.md 2.5, 8.4).

use ::chat2desk::walk::{ReportWalk, Step};
use ::chat2desk::{ListQuery, Page, Report, Request};
use chrono::{DateTime, Days as Span, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PAGE, RESUME_WITHIN, Walk, pages};

/// So many of the last days that were read are read again.
const AGAIN_DAYS: u64 = 3;

/// How far a day was read that has further pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    day: NaiveDate,
    /// The next offset.
    offset: u64,
    /// The rows that the day had, by its first page.
    first_total: Option<u64>,
    /// When the last page was fetched.
    fetched_at: DateTime<Utc>,
}

/// How far a report was read. The cursor of a walk, kept as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The last day that was read to its end.
    through: Option<NaiveDate>,
    /// A walk of a range reads none of its days twice: where it was interrupted it goes on.
    is_done: bool,
    /// Of the day after, what was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
}

/// The walk.
pub(crate) struct StatisticsWalk {
    name: String,
    report: Report,
    day: NaiveDate,
    until: NaiveDate,
    rows: ReportWalk,
    state: State,
    is_stuck: bool,
}

impl StatisticsWalk {
    /// A walk from `since` to `until`, both inclusive. With a cursor it goes on from there: after a finished walk with the
    /// last three days again, after an interrupted one with the day that was interrupted: at its next page where that was a
    /// little while ago, else (rows shift) whole.
    pub(crate) fn new(
        name: String,
        report: Report,
        since: NaiveDate,
        until: NaiveDate,
        cursor: Option<&Value>,
        now: DateTime<Utc>,
    ) -> Self {
        let stored: Option<State> = cursor.and_then(|cursor| serde_json::from_value(cursor.clone()).ok());
        let day = match stored {
            Some(State { through: Some(through), is_done: true, .. }) => {
                through.checked_sub_days(Span::new(AGAIN_DAYS - 1)).unwrap_or(through)
            }
            Some(State { through: Some(through), .. }) => through.succ_opt().unwrap_or(through),
            Some(State { through: None, .. }) | None => since,
        };
        let part = stored
            .as_ref()
            .and_then(|state| state.part)
            .filter(|part| part.day == day && now - part.fetched_at < RESUME_WITHIN);
        let rows = match part {
            Some(part) => ReportWalk::resumed(report, part.first_total),
            None => ReportWalk::new(report),
        };
        let state = State { through: stored.and_then(|state| state.through), is_done: day > until, part };
        Self { name, report, day, until, rows, state, is_stuck: false }
    }

    /// The next offset of the day.
    fn offset(&self) -> u64 {
        self.state.part.map_or(0, |part| part.offset)
    }

    /// The name of the walk that goes on from its cursor.
    pub(crate) fn list_name(report: Report) -> String {
        format!("statistics/{}", report.name())
    }

    /// Days that are left.
    pub(crate) fn days(&self) -> u64 {
        if self.state.is_done { 0 } else { (self.until - self.day).num_days().unsigned_abs() + 1 }
    }
}

impl Walk for StatisticsWalk {
    fn name(&self) -> &str {
        &self.name
    }

    fn request(&self) -> Option<Request> {
        let query = ListQuery { offset: self.offset(), limit: PAGE };
        (!self.state.is_done).then_some(Request::Statistics(self.report, self.day, query))
    }

    fn took(&mut self, page: &Page, fetched_at: DateTime<Utc>) {
        match self.rows.after(page, self.offset(), PAGE) {
            Step::Next(offset) => {
                let first_total = self.rows.first_total();
                self.state.part = Some(Part { day: self.day, offset, first_total, fetched_at });
            }
            step => {
                self.is_stuck |= step == Step::Stuck;
                self.state.through = Some(self.day);
                self.state.part = None;
                self.rows = ReportWalk::new(self.report);
                match self.day.succ_opt().filter(|next| *next <= self.until) {
                    Some(next) => self.day = next,
                    None => self.state.is_done = true,
                }
            }
        }
    }

    fn state(&self) -> Value {
        serde_json::to_value(&self.state).unwrap_or_default()
    }

    fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    fn total(&self) -> Option<u64> {
        None
    }

    /// `total`: rows of one day.
    fn calls(&self, total: u64) -> u64 {
        self.days() * pages(total)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn walk(cursor: Option<&Value>) -> StatisticsWalk {
        let name = StatisticsWalk::list_name(Report::RequestStats);
        StatisticsWalk::new(name, Report::RequestStats, day("2026-01-01"), day("2026-01-03"), cursor, now())
    }

    fn read(walk: &mut StatisticsWalk) -> Vec<String> {
        let mut asked = Vec::new();
        while let Some(request) = walk.request() {
            asked.push(request.to_string());
            walk.took(&Page::read(br#"{"data":[{"request_id":1}],"meta":{"total":1}}"#).unwrap(), now());
        }
        asked
    }

    fn now() -> DateTime<Utc> {
        "2026-01-15T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn each_day_of_the_range_is_asked_for_once() {
        let asked = read(&mut walk(None));
        let days: Vec<_> = ["2026-01-01", "2026-01-02", "2026-01-03"]
            .map(|day| format!("statistics?report=request_stats&date={day}&limit=200&offset=0"))
            .to_vec();
        assert_eq!(asked, days);
    }

    #[test]
    fn the_last_three_days_are_read_again() {
        let mut first = walk(None);
        read(&mut first);
        let name = StatisticsWalk::list_name(Report::RequestStats);
        let cursor = first.state();
        let since = day("2025-01-01");
        let until = day("2026-01-05");
        let mut next = StatisticsWalk::new(name, Report::RequestStats, since, until, Some(&cursor), now());
        assert_eq!(next.days(), 5);
        let asked = read(&mut next);
        assert!(asked[0].contains("2026-01-01") && asked[4].contains("2026-01-05"), "{asked:?}");
    }

    #[test]
    fn an_interrupted_walk_goes_on_with_the_day_that_was_interrupted() {
        let mut first = walk(None);
        first.took(&Page::read(br#"{"data":[],"meta":{"total":0}}"#).unwrap(), now());
        let asked = read(&mut walk(Some(&first.state())));
        assert_eq!(asked.len(), 2);
        assert!(asked[0].contains("2026-01-02"));
    }

    #[test]
    fn a_day_goes_on_at_its_next_page_within_the_hour_and_is_read_whole_later() {
        let rows = |ids: std::ops::Range<u32>, total: u32| {
            let rows: Vec<_> = ids.map(|id| format!(r#"{{"request_id":{id}}}"#)).collect();
            Page::read(format!(r#"{{"data":[{}],"meta":{{"total":{total}}}}}"#, rows.join(",")).as_bytes())
                .unwrap()
        };
        let mut first = walk(None);
        first.took(&rows(0..200, 300), now());
        let cursor = first.state();
        let at = |minutes: i64| {
            let name = StatisticsWalk::list_name(Report::RequestStats);
            let (since, until) = (day("2026-01-01"), day("2026-01-01"));
            let now = now() + TimeDelta::minutes(minutes);
            StatisticsWalk::new(name, Report::RequestStats, since, until, Some(&cursor), now)
        };
        let asked =
            |walk: &StatisticsWalk| walk.request().map(|request| request.to_string()).unwrap_or_default();
        assert!(asked(&at(60)).ends_with("offset=0"));
        let mut soon = at(59);
        assert!(asked(&soon).ends_with("offset=200"), "{}", asked(&soon));
        // A row came meanwhile: the day is read again.
        soon.took(&rows(200..301, 301), now());
        assert!(asked(&soon).ends_with("date=2026-01-01&limit=200&offset=0"), "{}", asked(&soon));
        let mut soon = at(0);
        soon.took(&rows(200..300, 300), now());
        assert_eq!(asked(&soon), "");
    }
}
