//! `GET /v1/messages` and its relatives (reference 2.3, 2.4).

use std::ops::Bound;

use chrono::{DateTime, Utc};

use super::{Answer, Params, show};
use crate::Error;
use crate::chat2desk::model::{Id, Message, World};

/// A page of messages: walks by `start_id` (inclusive) or by local days, never both; ignores `offset`. Where installations
/// differ, [`crate::chat2desk::model::Habits`] says how.
pub(super) fn list(world: &World, params: &Params, now: DateTime<Utc>) -> Answer {
    let zone = world.account.zone;
    let (Ok(from), Ok(until)) = (params.day("start_date", zone), params.day("finish_date", zone)) else {
        return Answer::invalid("start_date", "date must have the format dd-mm-yyyy");
    };
    let start = params.id("start_id");
    let habits = &world.account.habits;
    let both = start.is_some() && (from.is_some() || until.is_some());
    let (from, until) = if both { (None, None) } else { (from, until) };
    if both && !habits.start_id_takes_dates {
        return Answer::refused(400, "start_id can not be combined with start_date or finish_date");
    }
    let filter = Filter::new(params);
    let wanted = |message: &&Message| {
        from.is_none_or(|from| message.created >= from)
            && until.is_none_or(|until| message.created < until)
            && message.hidden_until.is_none_or(|until| until <= now)
            && filter.accepts(message)
    };
    let limit = params.limit();
    let offset = if habits.messages_honour_offset { params.offset() } else { 0 };
    let backwards = start.is_some() && params.flag("direction_reverse") == Some(true);
    let range = match start {
        Some(start) if backwards => (Bound::Unbounded, Bound::Included(start)),
        Some(start) => (Bound::Included(start), Bound::Unbounded),
        None => (Bound::Unbounded, Bound::Unbounded),
    };
    let rows = world.messages.range(range).map(|(_, message)| message).filter(wanted);
    let total = rows.clone().count();
    let page: Vec<_> = if backwards || params.text("order").as_deref() == Some("desc") {
        rows.rev().skip(offset).take(limit).map(show::message).collect()
    } else {
        rows.skip(offset).take(limit).map(show::message).collect()
    };
    Answer::page(page, total, limit, offset)
}

/// One message.
pub(super) fn one(world: &World, id: Id, now: DateTime<Utc>) -> Result<Answer, Error> {
    let shown = |message: &&Message| message.hidden_until.is_none_or(|until| until <= now);
    let message = world.messages.get(&id).filter(shown).ok_or(Error::NotFound { what: "message" })?;
    Ok(Answer::data(show::message(message)))
}

/// A bare array of a request's messages, in no promised order: newest first here.
pub(super) fn of_request(world: &World, id: Id, now: DateTime<Utc>) -> Result<Answer, Error> {
    let company = world.account.company_id;
    let messages = world.request(id)?.messages.iter().rev().filter_map(|id| world.messages.get(id));
    let shown = messages.filter(|message| message.hidden_until.is_none_or(|until| until <= now));
    Ok(Answer::bare(shown.map(|message| show::request_message(message, company)).collect()))
}

/// The filters that work; `request_id` is not among them.
struct Filter {
    client: Option<Id>,
    dialog: Option<Id>,
    channel: Option<Id>,
    operator: Option<Id>,
    transport: Option<String>,
    kind: Option<String>,
    read: Option<bool>,
}

impl Filter {
    fn new(params: &Params) -> Self {
        Self {
            client: params.id("client_id"),
            dialog: params.id("dialog_id"),
            channel: params.id("channel_id"),
            operator: params.id("operator_id"),
            transport: params.text("transport"),
            kind: params.text("type"),
            read: params.flag("read"),
        }
    }

    fn accepts(&self, message: &Message) -> bool {
        self.client.is_none_or(|id| id == message.thread.client)
            && self.dialog.is_none_or(|id| Some(id) == message.dialog)
            && self.channel.is_none_or(|id| id == message.thread.channel)
            && self.operator.is_none_or(|id| Some(id) == message.operator)
            && self.transport.as_ref().is_none_or(|name| *name == message.transport)
            && self.kind.as_deref().is_none_or(|kind| Some(kind) == message.kind.as_str())
            && self.read.is_none_or(|read| read == message.read)
    }
}
