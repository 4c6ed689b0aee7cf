//! How a list is walked to its end: pure decisions from the pages seen so far (chat2desk.md 1.5).
//!
//! Each walker ends when a page brings no row that was not seen before, whatever `meta.total` says: some servers ignore
//! `offset` or `start_id`, and then every page is the same.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::value::RawValue;

use crate::lists::Report;
use crate::page::{Page, row_id};

/// What to do after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask on: messages from this `start_id`, other lists from this `offset`.
    Next(u64),
    /// All rows were read.
    End,
    /// The list has more rows, but asking on brings none: the service ignores `start_id` or `offset`.
    Stuck,
}

/// Walks messages upwards by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdWalk {
    /// The highest id that was seen.
    pub highest: Option<u64>,
}

impl IdWalk {
    /// Judges the page that `asked` rows were asked of.
    pub fn after(&mut self, page: &Page, asked: u32) -> Step {
        let highest = page.rows.iter().filter_map(|row| row_id(row)).max();
        let is_new = highest > self.highest;
        self.highest = self.highest.max(highest);
        match highest {
            _ if page.rows.len() < page.full(asked) => Step::End,
            Some(id) if is_new => Step::Next(id.saturating_add(1)),
            _ => Step::Stuck,
        }
    }
}

/// Walks a list by offset.
#[derive(Clone, Debug, Default)]
pub struct OffsetWalk {
    seen: HashSet<u64>,
}

impl OffsetWalk {
    /// Judges the page at `offset` that `asked` rows were asked of; `key` is what tells rows apart.
    pub fn after(&mut self, page: &Page, offset: u64, asked: u32, key: fn(&RawValue) -> u64) -> Step {
        let mut brought_new = false;
        for row in &page.rows {
            brought_new |= self.seen.insert(key(row));
        }
        let next = offset.saturating_add(page.rows.len() as u64);
        let is_last = match page.total() {
            Some(total) => next >= total || page.rows.is_empty(),
            None => page.rows.len() < page.full(asked),
        };
        match (is_last, brought_new) {
            (true, _) => Step::End,
            (false, true) => Step::Next(next),
            (false, false) => Step::Stuck,
        }
    }

    /// Different rows seen so far.
    pub fn rows(&self) -> u64 {
        self.seen.len() as u64
    }
}

/// Walks one day of a report. Rows come newest first and shift while they are paged, so when the list has grown or
/// shrunk by its last page, it is read again from the start: until a page brings nothing new, or, when it shrank, whole.
#[derive(Clone, Debug)]
pub struct ReportWalk {
    rows: OffsetWalk,
    key: fn(&RawValue) -> u64,
    first_total: Option<u64>,
    again: u8,
    is_whole: bool,
}

/// How often a day is read again because it moved under the walk.
const AGAIN_MAX: u8 = 2;

impl ReportWalk {
    /// A walk of one day of `report`.
    pub fn new(report: Report) -> Self {
        let key = match report {
            Report::RequestStats => request_key,
            Report::Rating => rating_key,
        };
        Self { rows: OffsetWalk::default(), key, first_total: None, again: 0, is_whole: true }
    }

    /// Judges the page at `offset`.
    pub fn after(&mut self, page: &Page, offset: u64, asked: u32) -> Step {
        if offset == 0 {
            self.first_total = page.total();
        }
        let step = self.rows.after(page, offset, asked, self.key);
        let next = offset.saturating_add(page.rows.len() as u64);
        let step = match step {
            // Reading again: known rows are what is expected. After growth they end it.
            Step::Stuck if self.again > 0 && self.is_whole => Step::Next(next),
            Step::Stuck if self.again > 0 => return Step::End,
            step => step,
        };
        let moved = page.total().zip(self.first_total).filter(|(now, first)| now != first);
        match (step, moved) {
            (Step::End, Some((now, first))) if self.again < AGAIN_MAX => {
                self.again += 1;
                self.is_whole = now < first;
                Step::Next(0)
            }
            _ => step,
        }
    }
}

/// A row of most lists is told by its id, one without by its bytes.
pub fn id_key(row: &RawValue) -> u64 {
    row_id(row).unwrap_or_else(|| hashed(row.get()))
}

fn request_key(row: &RawValue) -> u64 {
    fields(row, &["request_id"])
}

/// `rating_id` is no row id, and the vendor has shifted times of closed days (chat2desk.md 2.5).
fn rating_key(row: &RawValue) -> u64 {
    fields(row, &["valuation_request_id", "request_id", "rating_scale_id", "operator_id"])
}

fn fields(row: &RawValue, names: &[&str]) -> u64 {
    let Ok(object) = serde_json::from_str::<std::collections::BTreeMap<String, &RawValue>>(row.get()) else {
        return hashed(row.get());
    };
    let values: Vec<_> =
        names.iter().map(|name| object.get(*name).map(|raw| raw.get().trim_matches('"'))).collect();
    if values.iter().all(Option::is_none) { hashed(row.get()) } else { hashed(&values) }
}

fn hashed<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> Page {
        let rows: Vec<_> = ids.into_iter().map(|id| format!(r#"{{"id":{id},"request_id":{id}}}"#)).collect();
        let meta = total.map(|total| format!(r#","meta":{{"total":{total}}}"#)).unwrap_or_default();
        Page::read(format!(r#"{{"data":[{}]{meta}}}"#, rows.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn messages_go_on_behind_the_highest_id_until_a_short_page() {
        let mut walk = IdWalk::default();
        assert_eq!(walk.after(&page([3, 9], Some(3)), 2), Step::Next(10));
        assert_eq!(walk.after(&page([12], Some(3)), 2), Step::End);
        assert_eq!(IdWalk::default().after(&page([], None), 2), Step::End);
    }

    #[test]
    fn messages_stop_when_a_page_brings_no_new_id() {
        let mut walk = IdWalk::default();
        assert_eq!(walk.after(&page([3, 9], None), 2), Step::Next(10));
        assert_eq!(walk.after(&page([3, 9], None), 2), Step::Stuck);
        let nameless = Page::read(br#"[{"text":"a"},{"text":"b"}]"#).unwrap();
        assert_eq!(IdWalk::default().after(&nameless, 2), Step::Stuck);
    }

    #[test]
    fn a_smaller_limit_of_the_service_makes_no_short_page() {
        let body = br#"{"data":[{"id":1},{"id":2}],"meta":{"total":9,"limit":2,"offset":0}}"#;
        assert_eq!(IdWalk::default().after(&Page::read(body).unwrap(), 200), Step::Next(3));
    }

    #[test]
    fn offset_lists_go_on_until_the_total_is_reached() {
        let mut walk = OffsetWalk::default();
        assert_eq!(walk.after(&page([1, 2], Some(4)), 0, 2, id_key), Step::Next(2));
        assert_eq!(walk.after(&page([3, 4], Some(4)), 2, 2, id_key), Step::End);
        let mut exact = OffsetWalk::default();
        assert_eq!(exact.after(&page([1, 2], Some(2)), 0, 2, id_key), Step::End, "no further call");
        let mut grown = OffsetWalk::default();
        assert_eq!(grown.after(&page([1, 2], Some(2)), 0, 2, id_key), Step::End);
    }

    #[test]
    fn rows_inserted_while_paging_are_read_as_the_total_grows() {
        let mut walk = OffsetWalk::default();
        assert_eq!(walk.after(&page([1, 2], Some(3)), 0, 2, id_key), Step::Next(2));
        assert_eq!(walk.after(&page([3, 4], Some(5)), 2, 2, id_key), Step::Next(4));
        assert_eq!(walk.after(&page([5], Some(5)), 4, 2, id_key), Step::End);
        assert_eq!(walk.rows(), 5);
    }

    #[test]
    fn an_ignored_offset_ends_the_walk_as_stuck() {
        let mut walk = OffsetWalk::default();
        assert_eq!(walk.after(&page([1, 2], Some(5)), 0, 2, id_key), Step::Next(2));
        assert_eq!(walk.after(&page([1, 2], Some(5)), 2, 2, id_key), Step::Stuck);
    }

    #[test]
    fn a_list_without_meta_ends_at_a_short_page() {
        let mut walk = OffsetWalk::default();
        assert_eq!(walk.after(&page([1, 2], None), 0, 2, id_key), Step::Next(2));
        assert_eq!(walk.after(&page([3], None), 2, 2, id_key), Step::End);
    }

    #[test]
    fn a_quiet_day_of_a_report_costs_no_further_call() {
        let mut walk = ReportWalk::new(Report::RequestStats);
        assert_eq!(walk.after(&page([9, 8], Some(3)), 0, 2), Step::Next(2));
        assert_eq!(walk.after(&page([7], Some(3)), 2, 2), Step::End);
    }

    #[test]
    fn a_day_that_grew_is_read_again_until_nothing_is_new() {
        let mut walk = ReportWalk::new(Report::RequestStats);
        assert_eq!(walk.after(&page([9, 8], Some(3)), 0, 2), Step::Next(2));
        assert_eq!(walk.after(&page([8, 7], Some(4)), 2, 2), Step::Next(0), "10 came in front");
        assert_eq!(walk.after(&page([10, 9], Some(4)), 0, 2), Step::Next(2));
        assert_eq!(walk.after(&page([8, 7], Some(4)), 2, 2), Step::End);
    }

    #[test]
    fn a_day_that_shrank_is_read_again_whole() {
        let mut walk = ReportWalk::new(Report::Rating);
        assert_eq!(walk.after(&page([9, 8], Some(5)), 0, 2), Step::Next(2));
        assert_eq!(walk.after(&page([6, 5], Some(4)), 2, 2), Step::Next(0), "9 went, 7 was passed over");
        assert_eq!(walk.after(&page([8, 7], Some(4)), 0, 2), Step::Next(2));
        assert_eq!(walk.after(&page([6, 5], Some(4)), 2, 2), Step::End);
    }

    #[test]
    fn a_rating_row_is_told_by_its_four_ids_in_either_spelling() {
        let key = |row: &str| rating_key(&serde_json::from_str::<Box<RawValue>>(row).unwrap());
        let row = r#"{"valuation_request_id":1,"request_id":2,"rating_scale_id":3,"operator_id":4,"created_at":"x"}"#;
        assert_eq!(key(row), key(&row.replace("\"x\"", "\"y\"").replace("2,", "\"2\",")));
        assert_ne!(key(row), key(&row.replace("\"operator_id\":4", "\"operator_id\":5")));
    }
}
