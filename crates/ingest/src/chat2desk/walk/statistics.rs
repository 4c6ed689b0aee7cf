//! The reports: day by day, the last days again, because open requests change (chat2desk.md 2.5, 8.4).

use ::chat2desk::walk::{ReportWalk, Step};
use ::chat2desk::{ListQuery, Page, Report, Request};
use chrono::{DateTime, Days as Span, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PAGE, Walk, pages};

/// So many of the last days that were read are read again.
const AGAIN_DAYS: u64 = 3;

/// How far a report was read. The cursor of a walk, kept as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The last day that was read to its end.
    through: Option<NaiveDate>,
    /// A walk of a range reads none of its days twice: where it was interrupted it goes on.
    is_done: bool,
}

/// The walk.
pub(crate) struct StatisticsWalk {
    name: String,
    report: Report,
    day: NaiveDate,
    until: NaiveDate,
    offset: u64,
    rows: ReportWalk,
    state: State,
    is_stuck: bool,
}

impl StatisticsWalk {
    /// A walk from `since` to `until`, both inclusive. With a cursor it goes on from there: after a finished walk with the
    /// last three days again, after an interrupted one with the day that was interrupted.
    pub(crate) fn new(
        name: String,
        report: Report,
        since: NaiveDate,
        until: NaiveDate,
        cursor: Option<&Value>,
    ) -> Self {
        let stored: Option<State> = cursor.and_then(|cursor| serde_json::from_value(cursor.clone()).ok());
        let day = match stored {
            Some(State { through: Some(through), is_done: true }) => {
                through.checked_sub_days(Span::new(AGAIN_DAYS - 1)).unwrap_or(through)
            }
            Some(State { through: Some(through), is_done: false }) => through.succ_opt().unwrap_or(through),
            Some(State { through: None, .. }) | None => since,
        };
        let state = State { through: stored.and_then(|state| state.through), is_done: day > until };
        Self { name, report, day, until, offset: 0, rows: ReportWalk::new(report), state, is_stuck: false }
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
        let query = ListQuery { offset: self.offset, limit: PAGE };
        (!self.state.is_done).then_some(Request::Statistics(self.report, self.day, query))
    }

    fn took(&mut self, page: &Page, _: DateTime<Utc>) {
        match self.rows.after(page, self.offset, PAGE) {
            Step::Next(offset) => self.offset = offset,
            step => {
                self.is_stuck |= step == Step::Stuck;
                self.state.through = Some(self.day);
                self.offset = 0;
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
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn walk(cursor: Option<&Value>) -> StatisticsWalk {
        let name = StatisticsWalk::list_name(Report::RequestStats);
        StatisticsWalk::new(name, Report::RequestStats, day("2026-01-01"), day("2026-01-03"), cursor)
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
        let mut next =
            StatisticsWalk::new(name, Report::RequestStats, since, day("2026-01-05"), Some(&cursor));
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
}
