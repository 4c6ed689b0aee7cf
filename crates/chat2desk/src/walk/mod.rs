//! How a list is walked to its end (chat2desk.md 1.5).
//!
//! [`Walker`] does it: `client.walk_clients()`, then [`Walker::next`] until it gives nothing. The rest of this module are
//! the pure decisions behind it, for a caller who does the calls himself: what to ask next, from the pages seen so far.
//!
//! | List | How |
//! |---|---|
//! | messages | upwards by id ([`IdWalk`]): `start_id` = highest id + 1; `offset` is ignored by the service |
//! | clients, dialogs, operators, tags | by offset ([`OffsetWalk`]) until `meta.total` |
//! | channels | the same; where the service ignores `offset`, one page of 200 is all there is to have |
//! | statistics | by offset, newest first ([`ReportWalk`]): read again where the day moved under the walk |
//! | messages of a request | one answer, a bare array: [`Client::request_messages`](crate::Client::request_messages) |
//!
//! Each walk ends when a page brings no row that was not seen before, whatever `meta.total` says: some servers ignore
//! `offset` or `start_id`, and then every page is the same.

mod cursor;
mod walker;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::value::RawValue;

use crate::given::Report;
use crate::page::{Page, row_id};

pub use cursor::MessageCursor;
pub use walker::{MessageWalker, Walker};

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
    pub fn after<T>(&mut self, page: &Page<T>, asked: u32) -> Step {
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
    pub fn after<T>(&mut self, page: &Page<T>, offset: u64, asked: u32, key: fn(&RawValue) -> u64) -> Step {
        let mut brought_new = false;
        for row in &page.rows {
            brought_new |= self.seen.insert(key(row));
        }
        let next = offset.saturating_add(page.rows.len() as u64);
        let is_last = match page.total() {
            Some(total) => next >= total || page.rows.is_empty(),
            None => page.rows.len() < page.full(asked),
        };
        // A full page of known rows is the first one again, even where the offset has passed the total by now.
        let is_lacking = page.total().is_some_and(|total| self.rows() < total)
            && !page.rows.is_empty()
            && page.rows.len() >= page.full(asked);
        match (is_last, brought_new) {
            (true, false) if is_lacking => Step::Stuck,
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
            Report::OperatorStats => stats_key,
            // Nothing names a row of these: its bytes do.
            Report::OperatorReplies | Report::OperatorEvents => bytes_key,
        };
        Self { rows: OffsetWalk::default(), key, first_total: None, again: 0, is_whole: true }
    }

    /// A walk that was interrupted on the way: `first_total` is what [`ReportWalk::first_total`] was then, so that a day
    /// that moved meanwhile is read again all the same.
    pub fn resumed(report: Report, first_total: Option<u64>) -> Self {
        Self { first_total, ..Self::new(report) }
    }

    /// The rows that the day had, by its first page.
    pub fn first_total(&self) -> Option<u64> {
        self.first_total
    }

    /// Judges the page at `offset`.
    pub fn after<T>(&mut self, page: &Page<T>, offset: u64, asked: u32) -> Step {
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

fn stats_key(row: &RawValue) -> u64 {
    fields(row, &["operator_name", "date", "channel_name", "transport"])
}

fn bytes_key(row: &RawValue) -> u64 {
    hashed(row.get())
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
mod tests;
