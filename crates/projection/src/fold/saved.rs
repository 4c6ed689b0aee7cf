//! The saved state of a fold: what a conversation's past adds up to at a cut, so that a new message costs what the open
//! end costs and not what the whole dialog does (design.md 7.2).
//!
//! The cut is a second within one request that lasts across it. Every fact lies wholly before it or wholly after it; the
//! requests before it are closed. [`resume`](super::resume) folds from there and refuses ([`BeforeTheCut`]) whatever it
//! cannot decide without the past: then the conversation is folded whole, and a new state is saved. So a state can cost
//! time, but never a wrong row.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use events::fact::{Fact, RequestKind};
use serde::{Deserialize, Serialize};
use store::folding::Told;
use store::tables::RequestRow;

use super::dialog::Contacts;
use super::evidence::{EARLY, ECHO};
use super::request::RequestState;
use super::segment::{Segment, Segments};

/// Something reaches back before the cut: fold the conversation whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeforeTheCut;

/// The state of a conversation before a cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The cut, as a Unix second: it and what follows is not in.
    pub(super) cut: i64,
    /// The request that lasts across the cut.
    pub(super) key: String,
    pub(super) request_id: Option<String>,
    pub(super) opened_at: DateTime<Utc>,
    pub(super) request: RequestState,
    /// Its row's dialog, which its messages without one got.
    pub(super) dialog_id: Option<String>,
    /// Its id is not known, but a message says that it opened it.
    pub(super) announced: bool,
    /// Whether it has durations.
    pub(super) measured: bool,
    /// The last contact before it.
    pub(super) previous: Option<String>,
    pub(super) dialogs: BTreeMap<String, Contacts>,
}

/// Whether it may be a script's telling of what another road told before the cut, or what a script told before the cut.
fn may_echo(told: &Told, at: DateTime<Utc>, cut: DateTime<Utc>) -> bool {
    let is_timeless = match &told.fact {
        Fact::DialogClosed(fact) => fact.at.is_none(),
        Fact::DialogTransferred(fact) => fact.at.is_none(),
        Fact::Tagging(fact) => fact.at.is_none(),
        _ => return false,
    };
    at < cut + if is_timeless { ECHO } else { EARLY }
}

impl Saved {
    /// Facts from here on are folded by [`resume`](super::resume).
    pub fn cut_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.cut, 0).unwrap_or_default()
    }

    /// Key of the request that lasts across the cut.
    pub fn request_key(&self) -> &str {
        &self.key
    }

    /// Its id, where the platform gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// When it was opened: rows of later ones are those that a resumed fold decides on.
    pub fn opened_at(&self) -> DateTime<Utc> {
        self.opened_at
    }

    /// The first of its turns that may still change.
    pub fn turn_no(&self) -> i32 {
        self.request.turns.answered + self.request.turns.unanswered + 1
    }

    /// The first of its assignments that may still change.
    pub fn assignment_no(&self) -> i32 {
        self.request.holding.run.as_ref().map_or(1, |run| run.number)
    }

    pub(super) fn first_talk(&self) -> Option<DateTime<Utc>> {
        self.request.talk.first_talk
    }

    /// Second of its last message that is known to be its own: by its id, or because it opened it.
    pub(super) fn last_talk_second(&self) -> Option<i64> {
        let talk = &self.request.talk;
        if self.announced { talk.first_second } else { talk.last_named_second }
    }

    /// Whether it has no id and was opened by a message that says so.
    pub(super) fn is_announced(&self) -> bool {
        self.announced && self.request_id.is_none()
    }

    /// Whether it is made of messages that no other evidence explains.
    pub(super) fn is_derived(&self) -> bool {
        !self.announced && self.request_id.is_none()
    }

    /// The request that lasts, where it has no id, without the messages before the cut.
    pub(super) fn unnamed(&self) -> Segment {
        Segment {
            key: self.key.clone(),
            request_id: None,
            kind: RequestKind::Common,
            opened_at: self.opened_at,
            close: None,
            messages: Vec::new(),
            announced: self.announced,
        }
    }

    /// Whether every telling lies after the cut, or is one that is read whenever it was told: a row of the list of dialogs,
    /// a report, what names the request that lasts.
    pub(super) fn covers(&self, told: &[Told]) -> bool {
        let cut = self.cut_at();
        told.iter().all(|told| {
            let lasting = self.request_id.is_some() && told.fact.request_id() == self.request_id();
            match told.fact.happened_at(told.received_at) {
                None => true,
                // An opening that was told anew: the one before is in the state.
                Some(at) if at >= cut => {
                    !(may_echo(told, at, cut) || lasting && told.fact.kind() == "request_opened")
                }
                Some(_) => told.fact.kind() == "request_report" || (told.fact.kind() != "message" && lasting),
            }
        })
    }

    /// Of a conversation's tellings those that are read to go on from here: see `folding_open_end.sql`.
    pub(super) fn open_end<'a>(&self, all: &'a [Told]) -> Vec<&'a Told> {
        let cut = self.cut_at();
        let late = |told: &Told| told.fact.happened_at(told.received_at).is_none_or(|at| at >= cut);
        let end = || all.iter().filter(|told| late(told));
        let messages: BTreeSet<&str> =
            end().filter(|told| told.fact.kind() == "message").map(|told| told.key.as_str()).collect();
        let named: BTreeSet<&str> = end()
            .filter(|told| told.fact.kind() != "dialog_row")
            .filter_map(|told| told.fact.request_id())
            .chain(self.request_id())
            .collect();
        let is_read = |told: &&Told| {
            late(told)
                || match told.fact.kind() {
                    "message" => messages.contains(told.key.as_str()),
                    "request_opened" | "request_closed" | "request_report" => {
                        named.contains(told.key.as_str())
                    }
                    "tagging" | "rating_report" => {
                        self.request_id.is_some() && told.fact.request_id() == self.request_id()
                    }
                    _ => false,
                }
        };
        all.iter().filter(is_read).collect()
    }

    /// Whether the requests after the cut are what this state expects: the one that lasts, opened as before and not closed
    /// before the cut, and later ones.
    pub(super) fn precedes(&self, segments: &Segments) -> bool {
        let cut = self.cut_at();
        let Some((first, later)) = segments.requests.split_first() else { return false };
        first.key == self.key
            && first.opened_at == self.opened_at
            && first.close.as_ref().is_none_or(|close| close.at >= cut)
            && later.iter().all(|segment| segment.opened_at >= cut)
    }

    /// Whether the row of the request that lasts leaves the rows before the cut as they are.
    pub(super) fn agrees(&self, row: &RequestRow) -> bool {
        (row.kind == "common" && row.initiated_by == "client") == self.measured
            && (!self.request.talk.lacks_dialog || row.dialog_id == self.dialog_id)
    }
}
