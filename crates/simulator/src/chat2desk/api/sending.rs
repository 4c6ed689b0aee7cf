//! `POST /v1/messages` and `/v1/messages/inbox` (reference 2.1: 5, 6; 2.2).

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::chats::last_thread;
use super::{Answer, Params, required};
use crate::Error;
use crate::chat2desk::happenings::Outgoing;
use crate::chat2desk::model::{Media, MessageKind, Thread, World};

/// Sends a message to a client, or writes one that only operators see.
pub(super) fn send(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let client =
        params.id("client_id").ok_or(Error::Invalid { field: "client_id", text: "can't be blank" })?;
    let last = last_thread(world, client)?;
    let thread = Thread { client, channel: params.id("channel_id").unwrap_or(last.channel) };
    let media = Media { photo: params.text("attachment"), pdf: params.text("pdf"), ..Media::default() };
    let text = params.text("text").unwrap_or_default();
    if text.is_empty() && media == Media::default() {
        return Ok(Answer::invalid("text", "can't be blank"));
    }
    let word = params.text("type").unwrap_or_else(|| "to_client".into());
    let kind = match word.as_str() {
        "to_client" => MessageKind::ToClient,
        "autoreply" => MessageKind::Autoreply,
        "system" => MessageKind::System,
        "comment" => MessageKind::Comment,
        _ => return Ok(Answer::invalid("type", "is not included in the list")),
    };
    let transport = params.text("transport");
    let served = &world.channel(thread.channel)?.transports;
    if transport.as_ref().is_some_and(|name| !served.contains(name)) {
        return Ok(Answer::invalid("transport", "is not included in the list"));
    }
    let of = |name| params.raw(name).filter(|value| !value.is_null());
    if of("inline_buttons").is_some_and(|value| !value.is_array()) {
        return Ok(Answer::invalid("inline_buttons", "is invalid"));
    }
    if of("keyboard").is_some_and(|value| !value["buttons"].is_array()) {
        return Ok(Answer::invalid("keyboard", "is invalid"));
    }
    if params.id("reply_message_id").is_some_and(|id| !world.messages.contains_key(&id)) {
        return Ok(Answer::invalid("reply_message_id", "message not found"));
    }
    let id = world.company_sends(
        now,
        Outgoing {
            thread,
            kind,
            operator: params.id("operator_id"),
            transport: transport.as_deref(),
            text: &text,
            attachment: params.text("attachment_filename").as_deref(),
            media: &media,
            open_dialog: params.flag("open_dialog") != Some(false),
        },
    )?;
    let message = world.messages.get_mut(&id).ok_or(Error::NotFound { what: "message" })?;
    message.external_id = params.text("external_id");
    Ok(Answer::data(json!({
        "message_id": id, "channel_id": thread.channel, "operator_id": message.operator,
        "transport": message.transport, "type": word, "client_id": client, "dialog_id": message.dialog,
        "request_id": message.request,
    })))
}

/// A client's message through an external channel; exactly one of id and phone.
pub(super) fn inbox(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let channel = required(params, "channel_id")?.parse().map_err(|_| Error::NotFound { what: "channel" })?;
    if !world.channel(channel)?.transports.iter().any(|name| name == EXTERNAL) {
        return Ok(Answer::refused(400, "transport external is not enabled for this channel"));
    }
    let from = params.raw("from_client").cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned).or(value.as_i64().map(|id| id.to_string()));
    let phone = match (text(&from["id"]), text(&from["phone"])) {
        (Some(id), None) => format!("[ext] {id}"),
        (None, Some(phone)) if phone.bytes().all(|byte| byte.is_ascii_digit()) => phone,
        (None, Some(_)) => return Ok(Answer::invalid("phone", "only digits are allowed")),
        _ => return Ok(Answer::invalid("from_client", "either id or phone")),
    };
    let media = Media {
        photo: params.text("image"),
        video: params.text("video"),
        coordinates: params.text("location"),
        ..Media::default()
    };
    let place = |text: &String| text.split(' ').filter_map(|part| part.parse::<f64>().ok()).count() == 2;
    if !media.coordinates.as_ref().is_none_or(place) {
        return Ok(Answer::invalid("location", "is invalid"));
    }
    let body = params.text("body").unwrap_or_default();
    if body.is_empty() && media == Media::default() {
        return Ok(Answer::invalid("body", "can't be blank"));
    }
    let known = world.clients.values().find(|client| client.phone == phone).map(|client| client.id);
    let client = match known {
        Some(client) => client,
        None => world.add_client(&phone, from["nickname"].as_str()),
    };
    let thread = Thread { client, channel };
    let id = world.client_sends(now, thread, EXTERNAL, &body, None, &media)?;
    Ok(Answer::data(json!({"message_id": id, "client_id": client})))
}

/// The transport of a channel that is attached through the API.
const EXTERNAL: &str = "external";
