//! Commands that change the world: POST, PUT, DELETE, and the GETs that change state.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Answer, Params, company, id_of, show, unknown};
use crate::Error;
use crate::chat2desk::happenings::Closing;
use crate::chat2desk::model::{Id, Thread, World};

const DONE: Value = Value::Null;

/// Answers a call whose method is not GET.
pub(super) fn write(
    world: &mut World,
    method: &str,
    path: &[&str],
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    Ok(match (method, path) {
        ("POST", ["messages"]) => send(world, params, now)?,
        ("POST", ["messages", "inbox"]) => external_inbox(world, params, now)?,
        ("POST", ["messages", id, command]) => {
            message_command(world, id_of(id, "message")?, command, params, now)?
        }
        ("POST", ["clients"]) => create_client(world, params),
        ("PUT", ["clients", id]) => edit_client(world, id_of(id, "client")?, params, now)?,
        ("PUT", ["dialogs", id]) => edit_dialog(world, id_of(id, "dialog")?, params, now)?,
        ("PUT", ["requests", "close"]) => {
            let thread = match (params.id("request_id"), params.id("client_id")) {
                (Some(request), _) => world.request(request)?.thread,
                (None, client) => last_thread(world, client.unwrap_or(0))?,
            };
            world.close(now, thread, Closing::Operator)?;
            Answer::data(DONE)
        }
        ("POST", ["tags", "assign_to"]) => assign_tags(world, params, now)?,
        ("DELETE", ["tags", id, "delete_from"]) => {
            let tag = id_of(id, "tag")?;
            match (params.id("request_id"), params.id("client_id")) {
                (Some(request), _) => world.untag_request(now, request, tag)?,
                (None, client) => world.tag_client(now, client.unwrap_or(0), tag, false)?,
            }
            Answer::data(DONE)
        }
        ("POST", ["webhooks"]) => company::put_webhook(world, None, params)?,
        ("PUT", ["webhooks", id]) => company::put_webhook(world, Some(id_of(id, "webhook")?), params)?,
        ("DELETE", ["webhooks", id]) => company::delete_webhook(world, id_of(id, "webhook")?)?,
        ("POST", ["companies", "web_hook"]) => {
            world.webhooks.old_messages = params.text("url");
            Answer::data(DONE)
        }
        ("POST", ["companies", "chat_close_web_hook"]) => {
            world.webhooks.old_closes = params.text("url");
            Answer::data(DONE)
        }
        _ => unknown(),
    })
}

/// `POST /v1/messages`.
fn send(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let client = params.id("client_id").unwrap_or(0);
    let last = last_thread(world, client)?;
    let thread = Thread { client, channel: params.id("channel_id").unwrap_or(last.channel) };
    let Some(text) = params.text("text").or_else(|| params.text("attachment")).or_else(|| params.text("pdf"))
    else {
        return Ok(Answer::invalid("text", "can't be blank"));
    };
    let kind = params.text("type").unwrap_or_else(|| "to_client".into());
    let holder = world.open_request(thread).and_then(|id| world.request(id).ok()?.operator);
    let last_holder =
        world.dialogs.values().find(|dialog| dialog.thread == thread).map(|dialog| dialog.operator);
    let operator = params.id("operator_id").or(holder).or(last_holder);
    let id = match (kind.as_str(), operator) {
        ("to_client", Some(operator)) => world.operator_writes(now, thread, operator, &text)?,
        ("comment", Some(operator)) => world.comment(now, thread, operator, &text)?,
        ("system", _) => world.system_line(now, thread, &text)?,
        ("autoreply" | "to_client", _) => world.autoreply(now, thread, &text)?,
        _ => return Ok(Answer::invalid("type", "is not included in the list")),
    };
    let message = world.messages.get(&id).ok_or(Error::NotFound { what: "message" })?;
    Ok(Answer::data(json!({
        "message_id": id, "channel_id": thread.channel, "operator_id": message.operator,
        "transport": message.transport, "type": kind, "client_id": client, "dialog_id": message.dialog,
        "request_id": message.request,
    })))
}

/// `POST /v1/messages/inbox`: a client's message through an external channel; exactly one of id and phone.
fn external_inbox(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let from = params.raw("from_client").cloned().unwrap_or_default();
    let text =
        |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|id| id.to_string()));
    let phone = match (text(&from["id"]), text(&from["phone"])) {
        (Some(id), None) => format!("[ext] {id}"),
        (None, Some(phone)) => phone,
        _ => return Ok(Answer::invalid("from_client", "either id or phone")),
    };
    let known = world.clients.values().find(|client| client.phone == phone).map(|client| client.id);
    let client = match known {
        Some(client) => client,
        None => world.add_client(&phone, params.text("nickname").as_deref()),
    };
    let thread = Thread { client, channel: params.id("channel_id").unwrap_or(0) };
    let body = params.text("body").unwrap_or_default();
    let id = world.client_writes(now, thread, "external", &body, None)?;
    Ok(Answer::data(json!({"message_id": id, "client_id": client})))
}

/// `assign`, `transfer`, `transfer_to_group`, `read`, `unread` of a message.
pub(super) fn message_command(
    world: &mut World,
    id: Id,
    command: &str,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    let thread = world.messages.get(&id).ok_or(Error::NotFound { what: "message" })?.thread;
    let operator = params.id("operator_id").unwrap_or(0);
    match command {
        "assign" => world.assign(now, thread, operator)?,
        "transfer" => assign_or_transfer(world, thread, operator, now)?,
        "transfer_to_group" => {
            let group = world.groups.iter().find(|group| Some(group.id) == params.id("group_id"));
            let group = group.ok_or(Error::NotFound { what: "group" })?;
            let online = |id: &&Id| world.operators.get(id).is_some_and(|operator| operator.online);
            let chosen = group.operators.iter().find(online).or_else(|| group.operators.first()).copied();
            let chosen = chosen.ok_or(Error::NotFound { what: "operator" })?;
            assign_or_transfer(world, thread, chosen, now)?;
            return Ok(Answer::data(json!({"operator_id": chosen})));
        }
        "read" | "unread" => {
            if let Some(message) = world.messages.get_mut(&id) {
                message.read = command == "read";
            }
        }
        _ => return Ok(unknown()),
    }
    Ok(Answer::data(DONE))
}

fn assign_or_transfer(
    world: &mut World,
    thread: Thread,
    operator: Id,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    match world.assign(now, thread, operator) {
        Err(Error::WrongState(_)) => world.transfer(now, thread, operator),
        other => other,
    }
}

/// Writing first is off by default. A known phone answers the way that hides the id in a text.
fn create_client(world: &mut World, params: &Params) -> Answer {
    let phone = params.text("phone").unwrap_or_default();
    let Some(known) = world.clients.values().find(|client| client.phone == phone && !phone.is_empty()) else {
        return Answer::refused(400, "write first option is disabled");
    };
    let hidden = show::client(world, known).to_string();
    let errors = json!({"client": ["Client already exists", hidden]});
    Answer { status: 400, body: json!({"status": "error", "message": "Validation failed", "errors": errors}) }
}

fn edit_client(world: &mut World, id: Id, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    world.edit_client(now, id, |client| {
        if params.raw("nickname").is_some() {
            client.assigned_name = params.text("nickname");
        }
        if params.raw("comment").is_some() {
            client.comment = params.text("comment");
        }
        for (number, field) in (1..).zip(client.extra_comments.iter_mut()) {
            let name = format!("extra_comment_{number}");
            if params.raw(&name).is_some() {
                *field = params.text(&name);
            }
        }
    })?;
    Ok(Answer::data(show::client(world, world.client(id)?)))
}

fn edit_dialog(world: &mut World, id: Id, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let dialog = world.dialogs.get(&id).ok_or(Error::NotFound { what: "dialog" })?;
    let (thread, operator) = (dialog.thread, dialog.operator);
    if let Some(next) = params.id("operator_id").filter(|next| *next != operator) {
        world.transfer(now, thread, next)?;
    }
    if params.text("state").as_deref() == Some("closed") {
        world.close(now, thread, Closing::Operator)?;
    }
    Ok(Answer::data(DONE))
}

fn assign_tags(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let assignee = params.id("assignee_id").unwrap_or(0);
    for tag in params.list("tag_ids").unwrap_or_default() {
        let tag = id_of(&tag, "tag")?;
        match params.text("assignee_type").as_deref() {
            Some("client") => world.tag_client(now, assignee, tag, true)?,
            Some("request") => world.tag_request(now, assignee, tag)?,
            _ => return Ok(Answer::invalid("assignee_type", "is not included in the list")),
        }
    }
    Ok(Answer::data(DONE))
}

/// The thread of the client's newest message.
fn last_thread(world: &World, client: Id) -> Result<Thread, Error> {
    let card = world.client(client)?;
    let threads = card.reached_by.iter().map(|(channel, _)| Thread { client, channel: *channel });
    let newest = |thread: &Thread| world.going.get(thread).and_then(|going| going.last_common);
    threads.max_by_key(newest).ok_or(Error::NotFound { what: "channel" })
}
