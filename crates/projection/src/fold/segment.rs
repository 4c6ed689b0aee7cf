//! Cutting a conversation into requests, best evidence first (reference/chat2desk.md 6.4, design.md 7.6).
//!
//! 1. Messages, events and reports that carry a request id: *given* requests.
//! 2. Messages without one that say that they opened a request, after the last given one has talked: *derived* requests.
//! 3. Other messages without one, within the time of such a request: its.
//! 4. The rest: *derived* requests, opened by talk, ended by a close or by the next opening.
//! 5. An id of which only the close is known names the derived request that it closed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use events::fact::RequestKind;

use super::evidence::Evidence;
use super::message::Message;
use super::saved::Saved;

/// Why a request is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) at: DateTime<Utc>,
    pub(super) reason: &'static str,
    pub(super) detail: Option<String>,
}

/// One request with the places of its messages in [`Evidence::messages`].
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) key: String,
    pub(super) request_id: Option<String>,
    pub(super) kind: RequestKind,
    pub(super) opened_at: DateTime<Utc>,
    pub(super) close: Option<Close>,
    pub(super) messages: Vec<usize>,
    /// Its id is not known, but a message says that it opened it.
    pub(super) announced: bool,
}

impl Segment {
    /// A survey is no contact.
    pub(super) fn counts_as_contact(&self) -> bool {
        self.kind != RequestKind::Rating
    }
}

/// The requests of a conversation by opening, and which one each message belongs to.
pub(super) struct Segments {
    pub(super) requests: Vec<Segment>,
    of_message: BTreeMap<usize, usize>,
}

impl Segments {
    /// The request of the message at a place.
    pub(super) fn request_of(&self, message: usize) -> Option<usize> {
        self.of_message.get(&message).copied()
    }
}

/// Cuts a conversation; with a saved state what came after its cut, and the request that lasts across it.
pub(super) fn requests(evidence: &Evidence, conversation: &str, saved: Option<&Saved>) -> Segments {
    let mut requests = given(evidence, saved);
    let announced = announced(evidence, conversation, &requests, saved);
    requests.extend(announced);
    requests.extend(saved.filter(|saved| saved.is_announced()).map(Saved::unnamed));
    requests.sort_by(|a, b| (a.opened_at, &a.key).cmp(&(b.opened_at, &b.key)));
    let mut closes = closes(evidence);
    close_given(evidence, &mut requests, &closes, saved);
    // The close of a request of which nothing else is known ends what is derived before it.
    let only_closed = requests.iter().filter(|request| is_only_closed(evidence, request));
    closes.extend(only_closed.filter_map(|r| Some((r.close.as_ref()?.at, r.request_id.clone()))));
    closes.sort_by_key(|close| close.0);
    let with_id: BTreeSet<usize> =
        requests.iter().flat_map(|request| request.messages.iter().copied()).collect();
    let without_id: Vec<usize> = (0..evidence.messages.len()).filter(|at| !with_id.contains(at)).collect();
    let rest = adopt(evidence, &mut requests, &without_id);
    requests.extend(derive(evidence, conversation, &requests, &rest, &closes, saved));
    requests.sort_by(|a, b| (a.opened_at, &a.key).cmp(&(b.opened_at, &b.key)));
    rekey(evidence, &mut requests);
    supersede(&mut requests);
    let of_message =
        requests.iter().enumerate().flat_map(|(r, s)| s.messages.iter().map(move |m| (*m, r))).collect();
    Segments { requests, of_message }
}

/// Requests that have an id, with their messages and openings, by opening.
fn given(evidence: &Evidence, saved: Option<&Saved>) -> Vec<Segment> {
    let mut messages: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, message) in evidence.messages.iter().enumerate() {
        if let Some(id) = &message.registers.request_id {
            messages.entry(id).or_default().push(at);
        }
    }
    let lasting = saved.and_then(Saved::request_id);
    let ids: BTreeSet<&str> = messages
        .keys()
        .copied()
        .chain(lasting)
        .chain(evidence.opened.keys().map(String::as_str))
        .chain(evidence.closed.keys().map(String::as_str))
        .chain(evidence.reports.keys().map(String::as_str))
        .filter(|id| evidence.owns_request(id))
        .collect();
    ids.into_iter()
        .filter_map(|id| {
            let talked = saved.filter(|_| lasting == Some(id)).and_then(Saved::first_talk);
            given_one(evidence, id, messages.remove(id).unwrap_or_default(), talked)
        })
        .collect()
}

/// Requests whose id nobody names but whose first message says that it opened one (`is_new_request`). Where a given
/// request was opened and has not talked yet, it is that one's first message.
fn announced(
    evidence: &Evidence,
    conversation: &str,
    given: &[Segment],
    saved: Option<&Saved>,
) -> Vec<Segment> {
    let named: BTreeMap<usize, &str> =
        given.iter().flat_map(|r| r.messages.iter().map(|at| (*at, r.key.as_str()))).collect();
    let talk = |at: usize| evidence.messages[at].author.talks() && evidence.messages[at].counts();
    let is_first = |at: usize| {
        let second = evidence.messages[at].second;
        let contacts = given.iter().filter(|r| r.counts_as_contact() && r.opened_at.timestamp() <= second);
        let last = contacts.max_by(|a, b| (a.opened_at, &a.key).cmp(&(b.opened_at, &b.key)));
        // The one that lasts across a cut has talked before it.
        last.filter(|last| saved.is_none_or(|saved| saved.request_key() != last.key)).is_some_and(|last| {
            let since = last.opened_at.timestamp();
            let its = |at: &usize| named.get(at).is_none_or(|key| *key == last.key);
            !(0..at)
                .rev()
                .take_while(|at| evidence.messages[*at].second >= since)
                .any(|at| its(&at) && talk(at))
        })
    };
    (0..evidence.messages.len())
        .filter(|at| evidence.messages[*at].registers.opens_request == Some(true))
        .filter(|at| talk(*at) && !named.contains_key(at) && !is_first(*at))
        .map(|at| Segment {
            key: format!("derived:{conversation}:{}", evidence.messages[at].id),
            request_id: None,
            kind: RequestKind::Common,
            opened_at: evidence.messages[at].sent_at,
            close: None,
            messages: vec![at],
            announced: true,
        })
        .collect()
}

fn given_one(
    evidence: &Evidence,
    id: &str,
    messages: Vec<usize>,
    talked: Option<DateTime<Utc>>,
) -> Option<Segment> {
    let opened = evidence.opened.get(id);
    let report = evidence.reports.get(id);
    let first = talked.or_else(|| first_talk(evidence, &messages));
    let opened_at = [opened.and_then(|opened| opened.fact.at), first]
        .into_iter()
        .flatten()
        .min()
        .or_else(|| report.and_then(|report| report.fact.opened_at))
        .or_else(|| messages.first().map(|at| evidence.messages[*at].sent_at))
        .or_else(|| evidence.closed.get(id).and_then(|closed| closed.fact.at))
        .or_else(|| report.map(|report| report.observed_at))?;
    let kinds = [opened.and_then(|o| o.fact.request_kind), report.and_then(|r| r.fact.request_kind)];
    let kind =
        kinds.into_iter().flatten().find(|kind| *kind != RequestKind::Common).unwrap_or(RequestKind::Common);
    Some(Segment {
        key: id.to_owned(),
        request_id: Some(id.to_owned()),
        kind,
        opened_at,
        close: None,
        messages,
        announced: false,
    })
}

/// When the first message of the talk was sent.
fn first_talk(evidence: &Evidence, messages: &[usize]) -> Option<DateTime<Utc>> {
    let talk = |at: &&usize| {
        let message = &evidence.messages[**at];
        message.author.talks() && message.counts()
    };
    messages.iter().find(talk).map(|at| evidence.messages[*at].sent_at)
}

/// Closes of the dialog: (when, the request that the event names).
fn closes(evidence: &Evidence) -> Vec<(DateTime<Utc>, Option<String>)> {
    let events = evidence.dialog_closes.iter().filter_map(|c| Some((c.fact.at?, c.fact.request_id.clone())));
    let rows = evidence
        .dialogs
        .values()
        .filter(|row| row.fact.state.as_deref() == Some("closed"))
        .filter_map(|row| Some((row.fact.ended_at?, None)));
    events.chain(rows).collect()
}

/// Closes given requests: `close_request`, else a close of the dialog, else the report.
fn close_given(
    evidence: &Evidence,
    requests: &mut [Segment],
    closes: &[(DateTime<Utc>, Option<String>)],
    saved: Option<&Saved>,
) {
    let mut of_dialog: BTreeMap<String, Vec<DateTime<Utc>>> = BTreeMap::new();
    for (at, named) in closes {
        // Events have whole seconds at times: a request opened within that second was not open yet.
        let open_then = || {
            requests.iter().rev().find(|r| r.counts_as_contact() && r.opened_at <= *at).map(|r| r.key.clone())
        };
        if let Some(key) = named.clone().or_else(open_then) {
            of_dialog.entry(key).or_default().push(*at);
        }
    }
    // The first close after its last message ends it: who writes later without naming it begins another contact.
    let ended = |request: &Segment| {
        let closes = of_dialog.get(&request.key)?;
        let talk = request.messages.iter().rev().map(|at| &evidence.messages[*at]);
        let last = talk.into_iter().find(|m| m.author.talks() && m.counts()).map(|m| m.second);
        let before = || saved.filter(|saved| saved.request_key() == request.key)?.last_talk_second();
        let last = last.or_else(before);
        let after = closes.iter().filter(|at| last.is_none_or(|last| at.timestamp() >= last)).min();
        after.or_else(|| closes.iter().max()).copied()
    };
    for request in requests {
        let id = request.request_id.as_deref().unwrap_or_default();
        let word = evidence.closed.get(id).and_then(|closed| closed.fact.reason.clone());
        let at = evidence
            .closed
            .get(id)
            .and_then(|closed| closed.fact.at)
            .or_else(|| ended(request))
            .or_else(|| reported_close(evidence, request, id));
        request.close = at.map(|at| Close { at, reason: close_reason(word.as_deref()), detail: word });
    }
}

/// When the report says that a request was closed. Of two readings of its wall clock the earlier, unless the request's own
/// messages came after it (design.md 7.6).
fn reported_close(evidence: &Evidence, request: &Segment, id: &str) -> Option<DateTime<Utc>> {
    let at = evidence.reports.get(id)?.fact.closed_at?;
    let talks_on =
        |message: &Message| message.author.talks() && message.counts() && message.second > at.timestamp();
    let later = evidence.repeated_closes.get(id).copied();
    later.filter(|_| request.messages.iter().any(|at| talks_on(&evidence.messages[*at]))).or(Some(at))
}

/// The vendor's own word in ours; never the text of a system line (design.md 7.6).
fn close_reason(word: Option<&str>) -> &'static str {
    match word.map(str::to_lowercase).as_deref() {
        Some("operator" | "manual" | "manually") => "operator",
        Some("client") => "client",
        Some("timeout" | "inactivity" | "inactive") => "timeout",
        Some("automatic" | "auto" | "automatically") => "automatic",
        _ => "unknown",
    }
}

/// Gives messages without a request id to the given request in whose time they lie; returns the rest.
fn adopt(evidence: &Evidence, requests: &mut [Segment], without_id: &[usize]) -> Vec<usize> {
    let mut rest = Vec::new();
    let openings: Vec<DateTime<Utc>> =
        requests.iter().filter(|r| r.counts_as_contact()).map(|r| r.opened_at).collect();
    for &at in without_id {
        let message = &evidence.messages[at];
        let place = openings.partition_point(|opened| opened.timestamp() <= message.second);
        let adopter = requests
            .iter_mut()
            .filter(|r| r.counts_as_contact())
            .nth(place.wrapping_sub(1))
            .filter(|r| r.close.as_ref().is_none_or(|close| message.second <= close.at.timestamp()));
        match adopter {
            Some(request) => {
                request.messages.push(at);
            }
            None => rest.push(at),
        }
    }
    for request in requests {
        request.messages.sort_unstable();
    }
    rest
}

/// Requests made of messages that no given request explains.
fn derive(
    evidence: &Evidence,
    conversation: &str,
    given: &[Segment],
    rest: &[usize],
    closes: &[(DateTime<Utc>, Option<String>)],
    saved: Option<&Saved>,
) -> Vec<Segment> {
    let lasting = saved.filter(|saved| saved.is_derived());
    let mut derived: Vec<Segment> = lasting.map(Saved::unnamed).into_iter().collect();
    let openings: Vec<DateTime<Utc>> =
        given.iter().filter(|r| r.counts_as_contact()).map(|r| r.opened_at).collect();
    // The first close at or after the second of a message, and the first opening of a given request after it.
    let ended_by = |second: i64| {
        closes.get(closes.partition_point(|close| close.0.timestamp() < second)).map(|close| close.0)
    };
    let opening_after =
        |second: i64| openings.get(openings.partition_point(|at| at.timestamp() <= second)).copied();
    let last_second = |request: &Segment| match request.messages.last() {
        Some(last) => Some(evidence.messages[*last].second),
        None => lasting.and_then(|saved| saved.request.talk.last_second),
    };
    for &at in rest {
        let message = &evidence.messages[at];
        let open = derived.last_mut().filter(|request: &&mut Segment| {
            let end = last_second(request)
                .and_then(|last| [ended_by(last), opening_after(last)].into_iter().flatten().min());
            end.is_none_or(|end| message.second <= end.timestamp())
        });
        match open {
            Some(request) => request.messages.push(at),
            None if message.author.talks() && message.counts() => derived.push(Segment {
                key: format!("derived:{conversation}:{}", message.id),
                request_id: None,
                kind: RequestKind::Common,
                opened_at: message.sent_at,
                close: None,
                messages: vec![at],
                announced: false,
            }),
            // A note or a system line outside of any request.
            None => {}
        }
    }
    for request in &mut derived {
        let Some(last) = last_second(request) else { continue };
        let close = ended_by(last).filter(|at| opening_after(last).is_none_or(|opening| *at <= opening));
        request.close = close.map(|at| Close { at, reason: "unknown", detail: None });
    }
    derived
}

/// Nothing but its close is known of it.
fn is_only_closed(evidence: &Evidence, request: &Segment) -> bool {
    let told = |id: &String| evidence.opened.contains_key(id) || evidence.reports.contains_key(id);
    request.messages.is_empty() && request.request_id.as_ref().is_some_and(|id| !told(id))
}

/// Gives the derived request that such a close ended its real id.
fn rekey(evidence: &Evidence, requests: &mut Vec<Segment>) {
    let mut kept: Vec<Segment> = Vec::with_capacity(requests.len());
    for request in requests.drain(..) {
        let before = kept.iter_mut().rfind(|kept| kept.counts_as_contact());
        match before.filter(|before| before.request_id.is_none() && is_only_closed(evidence, &request)) {
            Some(derived) => {
                derived.key = request.key;
                derived.request_id = request.request_id;
                derived.close = request.close;
            }
            None => kept.push(request),
        }
    }
    kept.sort_by(|a, b| (a.opened_at, &a.key).cmp(&(b.opened_at, &b.key)));
    *requests = kept;
}

/// What nothing else closed is closed by the opening of the next request.
fn supersede(requests: &mut [Segment]) {
    for at in 0..requests.len().saturating_sub(1) {
        let next = requests[at + 1].opened_at;
        let request = &mut requests[at];
        if request.close.is_none() {
            request.close = Some(Close { at: next, reason: "superseded", detail: None });
        }
    }
}
