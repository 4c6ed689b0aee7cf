//! Choosing the cut of a saved state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use events::Fact;
use store::folding::{Subject, Told};

use super::evidence::Evidence;
use super::message::Message;
use super::request::RequestState;
use super::saved::Saved;
use super::segment::{Segment, Segments};
use super::{Folded, dialog, resume};
use crate::AccountRules;

/// A conversation with more messages after its cut gets a new one.
const MOST: usize = 48;
/// So many messages stay after a cut, at least: what arrives a little out of order is folded from there.
const KEPT: usize = 16;
/// So many places are tried.
const TRIED: usize = 24;
/// A state with more dialogs is not saved.
const DIALOGS: usize = 32;

/// What a fold had in hand.
pub(super) struct Whole<'a> {
    pub(super) subject: &'a Subject,
    pub(super) rules: &'a AccountRules,
    pub(super) evidence: &'a Evidence,
    pub(super) segments: &'a Segments,
    pub(super) folded: &'a Folded,
    pub(super) before: Option<&'a Saved>,
}

/// When the tellings of one fact happened: the earliest and the latest of them.
#[derive(Clone, Copy)]
struct Span {
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

impl Whole<'_> {
    /// The state at the latest fitting cut; `None` when there is little to save, or no place fits.
    pub(super) fn cut(&self) -> Option<Saved> {
        let messages = &self.evidence.messages;
        if messages.len() <= MOST || !self.subject.foreign.is_empty() {
            return None;
        }
        let spans = spans(&self.subject.told);
        let end = messages.len() - KEPT;
        (end.saturating_sub(TRIED).max(1)..=end)
            .rev()
            .filter(|place| messages[place - 1].second < messages[*place].second)
            .find_map(|place| self.state(place, &spans))
    }

    /// The state before the message at `place`, when everything lies on one side of it, and when a fold from there makes the
    /// same rows.
    fn state(&self, place: usize, spans: &HashMap<(&str, &str), Span>) -> Option<Saved> {
        let second = self.evidence.messages[place].second;
        let cut = DateTime::from_timestamp(second, 0)?;
        if self.before.is_some_and(|before| before.cut >= second) {
            return None;
        }
        let requests = &self.segments.requests;
        let lasting = requests.partition_point(|segment| segment.opened_at < cut).checked_sub(1)?;
        let segment = &requests[lasting];
        let earlier = &requests[..lasting];
        let divides = segment.counts_as_contact()
            && segment.close.as_ref().is_none_or(|close| close.at >= cut)
            && earlier.iter().all(|s| {
                s.opened_at < segment.opened_at && s.close.as_ref().is_some_and(|close| close.at < cut)
            })
            && self.messages_divide(place, cut, lasting, spans)
            && self.facts_divide(cut, lasting, spans);
        if !divides {
            return None;
        }
        let row = self.folded.requests.get(lasting)?;
        let rated = |score: &&store::tables::TagScoreRow| {
            score.given_at < cut
                && (score.valuation_request_key == segment.key
                    || score.request_key.as_deref() == Some(segment.key.as_str()))
        };
        if self.folded.scores.iter().any(|score| rated(&score)) {
            return None;
        }
        let request = self.request(segment, place, cut);
        request.talk.first_talk?;
        if request.talk.dialog_id.is_none() && row.dialog_id.is_some() {
            return None;
        }
        let rows = &self.folded.requests[..lasting];
        let dialogs = self.dialogs(place, cut, rows);
        let saved = Saved {
            cut: second,
            key: segment.key.clone(),
            request_id: segment.request_id.clone(),
            opened_at: segment.opened_at,
            request,
            dialog_id: row.dialog_id.clone(),
            announced: segment.announced,
            measured: row.kind == "common" && row.initiated_by == "client",
            previous: rows
                .iter()
                .rev()
                .find(|row| row.kind != "rating")
                .map(|row| row.request_key.clone())
                .or_else(|| self.before.and_then(|before| before.previous.clone())),
            dialogs,
        };
        (saved.dialogs.len() <= DIALOGS && self.proves(&saved, place)).then_some(saved)
    }

    /// The request's state before the message at `place`.
    fn request(&self, segment: &Segment, place: usize, cut: DateTime<Utc>) -> RequestState {
        let before = self.before.filter(|before| before.key == segment.key);
        let messages: Vec<&Message> = segment
            .messages
            .iter()
            .filter(|at| **at < place)
            .map(|at| &self.evidence.messages[*at])
            .collect();
        let since = before.map_or(DateTime::<Utc>::MIN_UTC, Saved::cut_at);
        before
            .map(|before| before.request.clone())
            .unwrap_or_default()
            .extended(self.evidence, segment, &messages, since..cut, self.rules)
            .settled()
    }

    fn dialogs(
        &self,
        place: usize,
        cut: DateTime<Utc>,
        rows: &[store::tables::RequestRow],
    ) -> BTreeMap<String, dialog::Contacts> {
        let earlier = |at: &Option<DateTime<Utc>>| at.is_some_and(|at| at < cut);
        let named = rows
            .iter()
            .map(|row| &row.dialog_id)
            .chain(self.evidence.messages[..place].iter().map(|message| &message.registers.dialog_id))
            .chain(self.evidence.transfers.iter().filter(|t| earlier(&t.fact.at)).map(|t| &t.fact.dialog_id))
            .chain(
                self.evidence.dialog_closes.iter().filter(|c| earlier(&c.fact.at)).map(|c| &c.fact.dialog_id),
            );
        let named = named.flatten().filter(|id| self.evidence.owns_dialog(id)).cloned().collect();
        let closes = self.evidence.dialog_closes.iter().filter(|close| earlier(&close.fact.at));
        dialog::contacts(named, rows, closes, self.before.map(|before| &before.dialogs))
    }

    /// No message has tellings on both sides, or a request on the other side.
    fn messages_divide(
        &self,
        place: usize,
        cut: DateTime<Utc>,
        lasting: usize,
        spans: &HashMap<(&str, &str), Span>,
    ) -> bool {
        self.evidence.messages.iter().enumerate().all(|(at, message)| {
            let Some(span) = spans.get(&("message", message.id.as_str())) else { return false };
            let request = self.segments.request_of(at);
            if at < place {
                message.sent_at < cut && span.last < cut && request.is_none_or(|request| request <= lasting)
            } else {
                message.sent_at >= cut
                    && span.first >= cut
                    && request.is_none_or(|request| request >= lasting)
            }
        })
    }

    /// No other fact has tellings on both sides, or names a request on the other side.
    fn facts_divide(&self, cut: DateTime<Utc>, lasting: usize, spans: &HashMap<(&str, &str), Span>) -> bool {
        let requests = &self.segments.requests;
        let ids = |segments: &'_ [Segment]| -> BTreeSet<String> {
            segments.iter().filter_map(|segment| segment.request_id.clone()).collect()
        };
        let (earlier, later) = (ids(&requests[..lasting]), ids(&requests[lasting + 1..]));
        let segment = &requests[lasting];
        let here = segment.request_id.as_deref();
        self.subject.told.iter().all(|told| {
            let Some(span) = spans.get(&(told.fact.kind(), told.key.as_str())) else { return true };
            let named = told.fact.request_id();
            let is_here = named.is_some() && named == here;
            let is_earlier = named.is_some_and(|id| earlier.contains(id));
            let is_later = named.is_some_and(|id| later.contains(id));
            let (before, after) = (span.last < cut, span.first >= cut);
            match &told.fact {
                Fact::Message(_) | Fact::DialogRow(_) => true,
                // Read with the request that they name, whenever they were told.
                Fact::RequestOpened(_) | Fact::RequestClosed(_) | Fact::Tagging(_) if is_here => true,
                Fact::RequestReport(_) => is_here || is_later || (is_earlier && before),
                Fact::DialogClosed(close) => {
                    let falls_before = close.at.is_some_and(|at| at < segment.opened_at);
                    (before && !is_here && falls_before && (named.is_none() || is_earlier))
                        || (after && !is_earlier)
                }
                Fact::DialogTransferred(_) => {
                    (before && (named.is_none() || is_here || is_earlier)) || (after && !is_earlier)
                }
                Fact::RatingReport(rating) => {
                    let rated = rating.request_id.as_ref().is_none_or(|id| earlier.contains(id));
                    (before && is_earlier && rated) || (after && !is_earlier)
                }
                _ => (before && is_earlier) || (after && !is_earlier),
            }
        })
    }

    /// Folds from the state what a fold from it would read: the rows that it decides on are the same, or the state is not
    /// saved.
    fn proves(&self, saved: &Saved, place: usize) -> bool {
        let open_end = Subject {
            account: self.subject.account.clone(),
            subject: self.subject.subject.clone(),
            told: saved.open_end(&self.subject.told).into_iter().cloned().collect(),
            ..Subject::default()
        };
        let Ok(rest) = resume(&open_end, self.rules, saved) else { return false };
        // Both ways: a row that is decided on and not made would be deleted.
        let cut = saved.cut_at();
        let tags = self.folded.tags.iter().filter(|tag| tag.added_at >= cut || tag.request_key == saved.key);
        let scores = self
            .folded
            .scores
            .iter()
            .filter(|score| score.given_at >= cut || score.valuation_request_key == saved.key);
        rest.messages.len() == self.evidence.messages.len() - place
            && rest.ends(self.folded)
            && tags.eq(&rest.tags)
            && scores.eq(&rest.scores)
    }
}

/// The spans of all facts that have a time.
fn spans(told: &[Told]) -> HashMap<(&str, &str), Span> {
    let mut spans: HashMap<(&str, &str), Span> = HashMap::with_capacity(told.len());
    for told in told {
        let Some(at) = told.fact.happened_at(told.received_at) else { continue };
        spans
            .entry((told.fact.kind(), told.key.as_str()))
            .and_modify(|span| {
                span.first = span.first.min(at);
                span.last = span.last.max(at);
            })
            .or_insert(Span { first: at, last: at });
    }
    spans
}
