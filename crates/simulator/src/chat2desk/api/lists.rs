//! Lists and single objects other than messages (reference 1.5, 2.1, 2.2).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Answer, Params, show};
use crate::Error;
use crate::chat2desk::model::{Channel, Client, Dialog, Id, Message, MessageKind, World};

/// Cuts a page out of all matching rows; only its rows are written out.
fn page<T>(params: &Params, rows: &[T], show: impl Fn(&T) -> Value) -> Answer {
    let (limit, offset) = (params.limit(), params.offset());
    let shown = rows.iter().skip(offset).take(limit).map(show).collect();
    Answer::page(shown, rows.len(), limit, offset)
}

/// `/v1/clients`. Newest first unless `order=asc`; the service promises no order without it.
pub(super) fn clients(world: &World, params: &Params) -> Answer {
    let phone = params.text("phone");
    let tags: Vec<Id> =
        params.list("tags").unwrap_or_default().iter().filter_map(|id| id.parse().ok()).collect();
    let wanted = |client: &&Client| {
        phone.as_ref().is_none_or(|phone| *phone == client.phone)
            && (tags.is_empty() || tags.iter().any(|tag| client.tags.contains(tag)))
    };
    let mut rows: Vec<&Client> = world.clients.values().filter(wanted).collect();
    if params.text("order").as_deref() != Some("asc") {
        rows.reverse();
    }
    page(params, &rows, |client| show::client(world, client))
}

/// `/v1/clients/<id>/...`.
pub(super) fn of_client(world: &World, id: Id, rest: &str) -> Result<Answer, Error> {
    let client = world.client(id)?;
    Ok(match rest {
        "transport" => {
            let items = show::client_channels(client);
            let rename = |item: &Value| json!({"channel_id": item["id"], "transports": item["transports"]});
            Answer::data(items.as_array().into_iter().flatten().map(rename).collect::<Vec<_>>())
        }
        "dialogs" => {
            let dialogs = world.dialogs.values().filter(|dialog| dialog.thread.client == id);
            Answer::data(dialogs.map(|dialog| show_dialog(world, dialog)).collect::<Vec<_>>())
        }
        "questions" => Answer::data(Vec::<Value>::new()),
        "last_question" => Answer::data(Value::Null),
        _ => super::unknown(),
    })
}

/// `/v1/dialogs`: filters by operator and state, ignores `client_id`.
pub(super) fn dialogs(world: &World, params: &Params) -> Answer {
    let (operator, state) = (params.id("operator_id"), params.text("state"));
    let wanted = |dialog: &&Dialog| {
        operator.is_none_or(|id| id == dialog.operator)
            && state.as_deref().is_none_or(|state| (state == "open") == dialog.open)
    };
    let mut rows: Vec<&Dialog> = world.dialogs.values().filter(wanted).collect();
    if params.text("order").as_deref() == Some("desc") {
        rows.reverse();
    }
    page(params, &rows, |dialog| show_dialog(world, dialog))
}

/// One dialog.
pub(super) fn dialog(world: &World, id: Id) -> Result<Answer, Error> {
    let dialog = world.dialogs.get(&id).ok_or(Error::NotFound { what: "dialog" })?;
    Ok(Answer::data(show_dialog(world, dialog)))
}

fn show_dialog(world: &World, dialog: &Dialog) -> Value {
    let last = dialog.last_message.and_then(|id| world.messages.get(&id));
    show::dialog(dialog, last)
}

/// Dialogs whose client has waited longer than `limit` seconds.
pub(super) fn unanswered(world: &World, params: &Params, now: DateTime<Utc>) -> Answer {
    let seconds = params.id("limit").unwrap_or(0).clamp(0, i64::from(i32::MAX));
    let waits = |message: &Message| {
        message.kind == MessageKind::FromClient && now - message.created > TimeDelta::seconds(seconds)
    };
    let waiting = |dialog: &&Dialog| {
        let request = world.requests.get(&dialog.last_request).filter(|_| dialog.open);
        let talk = request.into_iter().flat_map(|request| request.messages.iter().rev());
        let public =
            |message: &&Message| matches!(message.kind, MessageKind::FromClient | MessageKind::ToClient);
        talk.filter_map(|id| world.messages.get(id)).find(public).is_some_and(waits)
    };
    let rows: Vec<Value> =
        world.dialogs.values().filter(waiting).map(|dialog| show_dialog(world, dialog)).collect();
    Answer::data(rows)
}

/// `/v1/requests/<id>`.
pub(super) fn request(world: &World, id: Id) -> Result<Answer, Error> {
    let request = world.request(id)?;
    Ok(Answer::data(json!({
        "id": id, "dialog_id": request.dialog, "client_id": request.thread.client,
        "channel_id": request.thread.channel, "type": request.kind.as_str(),
    })))
}

/// `/v1/operators`.
pub(super) fn operators(world: &World, params: &Params) -> Answer {
    let (email, online) = (params.text("email"), params.flag("online"));
    let rows: Vec<_> = world
        .operators
        .values()
        .filter(|operator| email.as_ref().is_none_or(|email| *email == operator.email))
        .filter(|operator| online.is_none_or(|online| online == operator.online))
        .collect();
    page(params, &rows, |operator| show::operator(world, operator))
}

/// One operator.
pub(super) fn operator(world: &World, id: Id) -> Result<Answer, Error> {
    let operator = world.operators.get(&id).ok_or(Error::NotFound { what: "operator" })?;
    Ok(Answer::data(show::operator(world, operator)))
}

/// The bare array of statuses.
pub(super) fn statuses() -> Value {
    let names = ["Online", "Busy", "Break", "Offline"];
    names.iter().zip(1..).map(|(name, id)| json!({"id": id, "name": {"en": name}})).collect()
}

/// `/v1/operators_groups`: one page.
pub(super) fn groups(world: &World) -> Answer {
    let show = |group: &crate::chat2desk::model::Group| json!({"id": group.id, "name": group.name, "operator_ids": group.operators});
    let rows: Vec<Value> = world.groups.iter().map(show).collect();
    let total = rows.len();
    Answer::page(rows, total, 20, 0)
}

/// `/v1/tags`.
pub(super) fn tags(world: &World, params: &Params) -> Answer {
    page(params, &world.tags, show::tag)
}

fn show_channel(channel: &Channel) -> Value {
    json!({"id": channel.id, "name": channel.name, "phone": channel.phone, "transports": channel.transports})
}

/// `/v1/channels`: ignores `offset`.
pub(super) fn channels(world: &World, params: &Params) -> Answer {
    let phone = params.text("phone");
    let wanted = |channel: &&Channel| phone.as_ref().is_none_or(|phone| *phone == channel.phone);
    let rows: Vec<&Channel> = world.channels.iter().filter(wanted).collect();
    page(&params.clone().without("offset"), &rows, |channel| show_channel(channel))
}

/// One channel.
pub(super) fn channel(world: &World, id: Id) -> Result<Answer, Error> {
    let channel = world.channels.iter().find(|channel| channel.id == id);
    Ok(Answer::data(show_channel(channel.ok_or(Error::NotFound { what: "channel" })?)))
}

/// Clients that were met in a channel.
pub(super) fn clients_of_channel(world: &World, id: Id) -> Answer {
    let here = |client: &&Client| client.reached_by.iter().any(|(channel, _)| *channel == id);
    Answer::data(
        world.clients.values().filter(here).map(|client| show::client(world, client)).collect::<Vec<_>>(),
    )
}
