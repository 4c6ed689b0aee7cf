//! What really happened, as the model knows it: for tests that compare a report with the truth.
//!
//! Both readings are here: the ledger's own (a reply by a person counts, design.md 7.5) and the vendor's (any
//! operator account counts, bots too; reference 6.6).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::model::{Id, Message, MessageKind, Rating, Request, World};
use super::webhooks::body::micros;

/// The reply times of a request by one reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replies {
    /// First client message.
    pub asked: Option<DateTime<Utc>>,
    /// First reply that ended a turn.
    pub first_reply: Option<DateTime<Utc>>,
    /// Sender of that reply.
    pub first_replier: Option<Id>,
    /// From the first client message of each turn to the reply that ended it.
    pub waits: Vec<TimeDelta>,
    /// First client message of the turn that nobody has ended.
    pub waiting: Option<DateTime<Utc>>,
}

/// Turns of a request: runs of client messages, each ended by a message for which `replies` is true.
pub fn replies(world: &World, request: &Request, replies: impl Fn(&Message) -> bool) -> Replies {
    let mut found = Replies::default();
    let talk = request.messages.iter().filter_map(|id| world.messages.get(id));
    for message in talk.filter(|message| !message.imported) {
        if message.kind == MessageKind::FromClient {
            found.asked.get_or_insert(message.created);
            found.waiting.get_or_insert(message.created);
        } else if replies(message)
            && let Some(asked) = found.waiting.take()
        {
            found.waits.push(message.created - asked);
            found.first_reply.get_or_insert(message.created);
            found.first_replier = found.first_replier.or(message.operator);
        }
    }
    found
}

/// The ledger's reading: public, by a person.
pub fn by_person(world: &World, request: &Request) -> Replies {
    let person = |id: Id| world.operators.get(&id).is_some_and(|operator| !operator.bot);
    replies(world, request, |message| {
        message.kind == MessageKind::ToClient && message.operator.is_some_and(person)
    })
}

/// The vendor's reading: any operator account.
pub fn by_operator(world: &World, request: &Request) -> Replies {
    replies(world, request, |message| message.kind == MessageKind::ToClient && message.operator.is_some())
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

/// One request with everything a test may want to compare.
pub fn request(world: &World, request: &Request) -> Value {
    let person = by_person(world, request);
    let vendor = by_operator(world, request);
    let count = |kind| {
        let kinds = request.messages.iter().filter_map(|id| world.messages.get(id));
        kinds.filter(|message| message.kind == kind).count()
    };
    let whole = |found: &Replies| Some(found.first_reply?.timestamp() - found.asked?.timestamp());
    let standing = |rating: &&Rating| rating.request == request.id && rating.withdrawn.is_none();
    let score = world.ratings.iter().find(standing).map(|rating| rating.score);
    json!({
        "request_id": request.id, "kind": request.kind.as_str(), "by_client": request.by_client,
        "client_id": request.thread.client, "channel_id": request.thread.channel, "transport": request.transport,
        "dialog_id": request.dialog, "operator_id": request.operator,
        "first_operator_id": request.first_operator, "opened_at": micros(request.opened),
        "closed_at": request.closed.map(micros), "message_ids": request.messages,
        "from_client": count(MessageKind::FromClient), "to_client": count(MessageKind::ToClient),
        "tags": request.tags, "rates": request.rates, "score": score,
        "asked_at": person.asked.map(micros), "first_reply_at": person.first_reply.map(micros),
        "first_replier": person.first_replier, "first_reply_seconds": person.waits.first().copied().map(seconds),
        "first_reply_whole_seconds": whole(&person),
        "reply_seconds": person.waits.iter().copied().map(seconds).collect::<Vec<_>>(),
        "waiting_since": person.waiting.filter(|_| request.closed.is_none()).map(micros),
        "unanswered_turn": person.waiting.is_some() && request.closed.is_some(),
        "vendor_reaction_seconds": whole(&vendor),
        "vendor_replies": vendor.waits.len(),
    })
}

/// One score: who gave it to whom, which requests it joins, which roads tell of it, and whether it stands.
pub fn score(world: &World, rating: &Rating) -> Value {
    let rated = world.requests.get(&rating.request);
    let talk = rated.into_iter().flat_map(|rated| rated.messages.iter().rev());
    let by_person = |message: &&Message| {
        let operator = message.operator.and_then(|id| world.operators.get(&id));
        message.kind == MessageKind::ToClient
            && !message.imported
            && message.created <= rating.created
            && operator.is_some_and(|operator| !operator.bot)
    };
    let last = talk.filter_map(|id| world.messages.get(id)).find(by_person);
    let source = match (rating.tag.is_some(), rating.reported) {
        (true, true) => "both",
        (true, false) => "tag",
        (false, _) => "report",
    };
    let tag = rating.tag.and_then(|tag| world.tag(tag).ok());
    json!({
        "valuation_request_id": rating.survey, "request_id": rating.request, "score": rating.score, "scale": 5,
        "client_id": rated.map(|rated| rated.thread.client), "channel_id": rated.map(|rated| rated.thread.channel),
        "given_at": micros(rating.created), "operator_id": rating.operator,
        "last_replier": last.and_then(|message| message.operator), "source": source, "tag_id": rating.tag,
        "label": tag.map(|tag| &tag.label), "withdrawn_at": rating.withdrawn.map(micros),
    })
}

/// Counts of everything.
pub fn counts(world: &World) -> Value {
    let hooks: Vec<Value> = world.webhooks.list.iter().map(super::Webhook::to_json).collect();
    json!({
        "now": micros(world.now()), "company": world.account.company, "calls_this_month": world.account.calls,
        "operators": world.operators.len(), "channels": world.channels.len(), "tags": world.tags.len(),
        "clients": world.clients.len(), "dialogs": world.dialogs.len(), "requests": world.requests.len(),
        "open_requests": world.requests.values().filter(|request| request.closed.is_none()).count(),
        "messages": world.messages.len(), "ratings": world.ratings.len(),
        "last_message_id": world.messages.keys().next_back(), "webhooks": hooks,
        "deliveries": world.webhooks.outbox.tally, "deliveries_pending": world.webhooks.outbox.pending(),
        "unheard": world.webhooks.unheard,
    })
}
