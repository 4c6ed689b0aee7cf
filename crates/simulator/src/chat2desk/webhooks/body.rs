//! Bodies of the events: the shapes of reference 3.5 to 3.18. `hook_type` and a missing `event_time` are added by the caller.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::chat2desk::api::show;
use crate::chat2desk::model::{Channel, Id, MessageKind, World};

/// `2026-01-15T09:30:00.125000Z`.
pub fn micros(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `inbox` and `outbox`.
pub(in crate::chat2desk) fn message(world: &World, id: Id, new_request: bool, new_client: bool) -> Value {
    let Some(message) = world.messages.get(&id) else { return Value::Null };
    let mut body = note(world, id);
    let client = world.clients.get(&message.thread.client).map(|client| {
        json!({
            "id": client.id, "phone": client.phone, "client_phone": client.client_phone, "name": client.name,
            "assigned_name": client.assigned_name, "external_id": client.external_ids.values().next(),
        })
    });
    if let Some(object) = body.as_object_mut() {
        let media = &message.media;
        let files = [("photo", &media.photo), ("audio", &media.audio), ("pdf", &media.pdf)];
        for (field, value) in files.into_iter().chain([("coordinates", &media.coordinates)]) {
            object.insert(field.into(), value.clone().into());
        }
        // Not in the vendor's samples of a webhook (reference 3.5); sent where there is one.
        if let Some(video) = &media.video {
            object.insert("video".into(), video.clone().into());
        }
        object.insert("client".into(), client.into());
        object.insert("attachments".into(), show::attachments(message));
        object.insert("is_new_request".into(), new_request.into());
        object.insert("is_new_client".into(), new_client.into());
        object.insert("extra_data".into(), show::extra_data(id));
        if message.kind == MessageKind::FromClient {
            object.insert("insta_comment".into(), false.into());
            object.insert("is_new".into(), message.dialog.is_none().into());
        }
    }
    body
}

/// `comment` and `system_message`: what all message events share.
pub(in crate::chat2desk) fn note(world: &World, id: Id) -> Value {
    let Some(message) = world.messages.get(&id) else { return Value::Null };
    json!({
        "message_id": id, "type": message.kind.as_str(), "text": show::text(message), "transport": message.transport,
        "client_id": message.thread.client, "operator_id": message.operator, "dialog_id": message.dialog,
        "channel_id": message.thread.channel, "request_id": message.request,
        "event_time": micros(message.created),
    })
}

/// `imported_message`: its time is that of the import.
pub(in crate::chat2desk) fn imported(world: &World, id: Id, at: DateTime<Utc>) -> Value {
    let mut body = note(world, id);
    if let Some(object) = body.as_object_mut() {
        object.insert("attachments".into(), json!([]));
        object.insert("event_time".into(), micros(at).into());
    }
    body
}

/// `new_client`, `client_updated` and `client_added_to_blacklist`: the client's id is `id`.
pub(in crate::chat2desk) fn client(world: &World, id: Id) -> Value {
    let Some(client) = world.clients.get(&id) else { return Value::Null };
    json!({
        "id": id, "name": client.name, "assigned_name": client.assigned_name, "phone": client.phone,
        "client_phone": client.client_phone, "email": client.email, "avatar": null,
        "channels": show::client_channels(client), "comment": client.comment,
        "custom_fields": show::custom_fields(client),
    })
}

/// `new_request`.
pub(in crate::chat2desk) fn new_request(world: &World, id: Id, at: DateTime<Utc>) -> Value {
    let Some(request) = world.requests.get(&id) else { return Value::Null };
    json!({
        "request_id": id, "client_id": request.thread.client, "dialog_id": request.dialog,
        "channel_id": request.thread.channel, "transport": request.transport, "type": request.kind.as_str(),
        "by_client": request.by_client, "operator_id": request.operator, "event_time": micros(at),
    })
}

/// `close_request`.
pub(in crate::chat2desk) fn close_request(world: &World, id: Id, at: DateTime<Utc>) -> Value {
    let client = world.requests.get(&id).map(|request| request.thread.client);
    json!({"request_id": id, "client_id": client, "event_time": micros(at)})
}

/// `close_dialog`.
pub(in crate::chat2desk) fn close_dialog(world: &World, id: Id, request: Id, at: DateTime<Utc>) -> Value {
    let dialog = world.dialogs.get(&id);
    json!({
        "dialog_id": id, "client_id": dialog.map(|dialog| dialog.thread.client), "request_id": request,
        "operator_id": dialog.map(|dialog| dialog.operator), "event_time": micros(at),
    })
}

/// `dialog_transferred`: the new operator only.
pub(in crate::chat2desk) fn transfer(world: &World, request: Id) -> Value {
    let Some(request) = world.requests.get(&request) else { return Value::Null };
    json!({
        "dialog_id": request.dialog, "operator_id": request.operator, "request_id": request.id,
        "client_id": request.thread.client,
    })
}

/// `add_tag_to_request` and its removal: the tag's id is `id`.
pub(in crate::chat2desk) fn request_tag(world: &World, request: Id, tag: Id, at: DateTime<Utc>) -> Value {
    let client = world.requests.get(&request).map(|request| request.thread.client);
    let mut body = tag_body(world, tag, at);
    if let Some(object) = body.as_object_mut() {
        object.insert("request_id".into(), request.into());
        object.insert("client_id".into(), client.into());
    }
    body
}

/// `add_tag_to_client` and its removal; a channel on the first only.
pub(in crate::chat2desk) fn client_tag(
    world: &World,
    client: Id,
    tag: Id,
    channel: Option<Id>,
    at: DateTime<Utc>,
) -> Value {
    let mut body = tag_body(world, tag, at);
    if let Some(object) = body.as_object_mut() {
        object.insert("client_id".into(), client.into());
        if let Some(channel) = channel {
            object.insert("channel_id".into(), channel.into());
        }
    }
    body
}

/// `new_tag`: only the name of the event is known; the fields are those of the tag.
pub(in crate::chat2desk) fn tag(world: &World, tag: Id, at: DateTime<Utc>) -> Value {
    tag_body(world, tag, at)
}

/// `outbox_status`: all is under `data`; no more than `client_id` there is known (reference 3.7).
pub(in crate::chat2desk) fn outbox_status(world: &World, message: Id, why: &str, at: DateTime<Utc>) -> Value {
    let client = world.messages.get(&message).map(|message| message.thread.client);
    json!({
        "data": {"client_id": client, "message_id": message, "status": "failed", "error": why},
        "event_time": micros(at),
    })
}

/// `new_qr_code`: only the name is known; the script's *qr_code_result* is the model.
pub(in crate::chat2desk) fn qr_code(world: &World, message: Id, content: &str, at: DateTime<Utc>) -> Value {
    let thread = world.messages.get(&message).map(|message| message.thread);
    json!({
        "message_id": message, "client_id": thread.map(|thread| thread.client),
        "channel_id": thread.map(|thread| thread.channel), "qr_code": content, "event_time": micros(at),
    })
}

/// `new_ticket`, `ticket_updated`, `ticket_deleted`: the ticket is an object of its own.
pub(in crate::chat2desk) fn ticket(fields: &Map<String, Value>) -> Value {
    json!({"ticket": fields})
}

fn tag_body(world: &World, tag: Id, at: DateTime<Utc>) -> Value {
    let Ok(tag) = world.tag(tag) else { return json!({"id": tag, "event_time": micros(at)}) };
    json!({
        "id": tag.id, "label": tag.label, "group_id": tag.group_id, "group_name": tag.group_name,
        "description": tag.description, "event_time": micros(at),
    })
}

/// `operator_status_updated`; the id is sometimes text.
pub(in crate::chat2desk) fn operator(world: &World, id: Id, at: DateTime<Utc>) -> Value {
    let Some(operator) = world.operators.get(&id) else { return Value::Null };
    let shown = if id % 2 == 0 { json!(id.to_string()) } else { json!(id) };
    json!({
        "id": shown, "email": operator.email, "online": i32::from(operator.online),
        "offline_type": operator.offline_type, "status_id": show::status_id(operator), "event_time": micros(at),
    })
}

/// The old message hook, or nothing where it does not speak.
pub(in crate::chat2desk) fn old_message(world: &World, id: Id) -> Option<Value> {
    let message = world.messages.get(&id)?;
    let external = message.transport == "external";
    let from_client = message.kind == MessageKind::FromClient;
    if !from_client && !external {
        return None;
    }
    let mut body = json!({
        "id": id, "text": message.text, "photo": message.media.photo, "coordinates": message.media.coordinates,
        "transport": message.transport, "type": "from_client", "read": false, "created": show::utc(message.created),
        "client_id": message.thread.client, "channel_id": message.thread.channel, "dialog_id": message.dialog,
    });
    if let Some(object) = body.as_object_mut().filter(|_| !from_client) {
        let operator = message.operator.and_then(|id| world.operators.get(&id));
        object.insert("type".into(), "from_system".into());
        object.insert("operator_id".into(), message.operator.into());
        object.insert("operator_name".into(), operator.map(super::super::model::Operator::name).into());
    }
    Some(body)
}

/// The old hook for closed chats.
pub(in crate::chat2desk) fn old_close(world: &World, id: Id) -> Option<Value> {
    let dialog = world.dialogs.get(&id)?;
    let transports = |channel: &&Channel| channel.id == dialog.thread.channel;
    let transport = world.channels.iter().find(transports).and_then(|channel| channel.transports.first());
    Some(json!({
        "dialog_id": id, "client_id": dialog.thread.client, "operator_id": dialog.operator,
        "channel_id": dialog.thread.channel, "transport": transport, "end": dialog.end.map(show::utc),
    }))
}

/// The old message hook about a tag put on or taken off a client: who it is and what is on him now.
pub(in crate::chat2desk) fn old_tag(world: &World, client: Id, tag: Id) -> Option<Value> {
    let client = world.clients.get(&client)?;
    let tag = world.tag(tag).ok()?;
    Some(json!({
        "client_id": client.id, "tag_id": tag.id, "label": tag.label, "tags": client.tags,
        "assigned": client.tags.contains(&tag.id),
    }))
}
