//! How entities look in answers. Where the service is known to vary a form, the id decides which form a row gets.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::chat2desk::model::{Client, Dialog, Id, Message, MessageKind, Operator, Tag, World};

/// `2026-01-15T09:30:00 UTC`: whole seconds, rounded down.
pub(in crate::chat2desk) fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S UTC").to_string()
}

/// An item of `/v1/messages`.
pub(in crate::chat2desk) fn message(message: &Message) -> Value {
    let media = &message.media;
    let remote = message.id % 100_000;
    let remote = if message.id % 2 == 0 { json!(remote) } else { json!(remote.to_string()) };
    json!({
        "id": message.id, "text": text(message), "photo": media.photo, "video": media.video, "audio": media.audio,
        "pdf": media.pdf, "coordinates": media.coordinates, "transport": message.transport,
        "type": message.kind.as_str(),
        "read": i32::from(message.read), "created": utc(message.created), "remote_id": remote,
        "recipient_status": message.recipient_status, "status": null, "attachments": attachments(message),
        "dialog_id": message.dialog, "operator_id": message.operator, "channel_id": message.thread.channel,
        "client_id": message.thread.client, "request_id": message.request,
        "is_new": i32::from(message.dialog.is_none()), "ai_tips": null, "extra_data": extra_data(message.id),
    })
}

/// The text; without one null or empty.
pub(in crate::chat2desk) fn text(message: &Message) -> Value {
    if message.text.is_empty() && message.id % 2 == 0 { Value::Null } else { json!(message.text) }
}

/// An item of `/v1/requests/<id>/messages`.
pub(in crate::chat2desk) fn request_message(message: &Message, company: Id) -> Value {
    let kind = match message.kind {
        MessageKind::FromClient => "in",
        MessageKind::ToClient | MessageKind::Autoreply => "out",
        MessageKind::System | MessageKind::Comment | MessageKind::Survey => "system",
    };
    let media = &message.media;
    json!({
        "id": message.id, "text": text(message), "video": media.video, "photo": media.photo, "audio": media.audio,
        "pdf": media.pdf, "coordinates": media.coordinates, "transport": message.transport, "type": kind, "read": i32::from(message.read),
        "created": message.created.timestamp(), "clientID": message.thread.client, "operatorID": message.operator,
        "channelID": message.thread.channel, "companyID": company, "dialogID": message.dialog,
        "gateway_status": null, "extra_data": {"system_type": ""},
    })
}

/// `[{name, link}]`; every other one has no link.
pub(in crate::chat2desk) fn attachments(message: &Message) -> Value {
    match &message.attachment {
        None => json!([]),
        Some(name) if message.id % 2 == 0 => json!([{"name": name}]),
        Some(name) => {
            json!([{"name": name, "link": format!("https://storage.example.org/m/{}/{name}", message.id)}])
        }
    }
}

/// A map, an empty list or null.
pub(in crate::chat2desk) fn extra_data(id: Id) -> Value {
    match id % 3 {
        0 => json!({}),
        1 => json!([]),
        _ => Value::Null,
    }
}

/// `[{id, transports}]`.
pub(in crate::chat2desk) fn client_channels(client: &Client) -> Value {
    let mut channels: Vec<(Id, Vec<&str>)> = Vec::new();
    for (channel, transport) in &client.reached_by {
        match channels.last_mut() {
            Some((last, transports)) if last == channel => transports.push(transport),
            _ => channels.push((*channel, vec![transport])),
        }
    }
    channels.into_iter().map(|(id, transports)| json!({"id": id, "transports": transports})).collect()
}

/// Field id to value.
pub(in crate::chat2desk) fn custom_fields(client: &Client) -> Value {
    client.custom_fields.iter().map(|(id, value)| (id.to_string(), json!(value))).collect()
}

/// An item of `/v1/clients`.
pub(in crate::chat2desk) fn client(world: &World, client: &Client) -> Value {
    let tags: Vec<Value> = client
        .tags
        .iter()
        .filter_map(|id| world.tag(*id).ok())
        .map(|tag| json!({"id": tag.id, "label": tag.label}))
        .collect();
    let [one, two, three] = &client.extra_comments;
    json!({
        "id": client.id, "comment": client.comment, "assigned_name": client.assigned_name, "phone": client.phone,
        "client_phone": client.client_phone, "name": client.name, "username": null, "avatar": null,
        "region_id": null, "country_id": client.country, "first_client_message": client.first_message.map(utc),
        "last_client_message": client.last_message.map(utc), "extra_comment_1": one, "extra_comment_2": two,
        "extra_comment_3": three, "custom_fields": custom_fields(client),
        "external_id": client.external_ids.values().next(), "external_ids": client.external_ids,
        "client_external_id": null, "channels": client_channels(client), "tags": tags,
    })
}

/// An item of `/v1/dialogs`; `messages` is sometimes text.
pub(in crate::chat2desk) fn dialog(dialog: &Dialog, last: Option<&Message>) -> Value {
    let count = if dialog.id % 2 == 0 { json!(dialog.messages) } else { json!(dialog.messages.to_string()) };
    json!({
        "id": dialog.id, "state": if dialog.open { "open" } else { "closed" }, "begin": utc(dialog.begin),
        "end": dialog.end.map(utc), "operator_id": dialog.operator, "last_message": last.map(message),
        "last_request_id": dialog.last_request, "messages": count,
    })
}

/// An item of `/v1/operators`.
pub(in crate::chat2desk) fn operator(world: &World, operator: &Operator) -> Value {
    let open = world.dialogs.values().filter(|dialog| dialog.open && dialog.operator == operator.id).count();
    json!({
        "id": operator.id, "email": operator.email, "phone": operator.phone, "role": operator.role,
        "online": i32::from(operator.online), "offline_type": operator.offline_type,
        "first_name": operator.first_name, "last_name": operator.last_name, "last_visit": utc(operator.last_visit),
        "avatar": null, "external_id": operator.external_id, "opened_dialogs": open,
        "status_id": status_id(operator), "access_right_name": null, "access_right_id": null, "two_factor": false,
    })
}

/// 1 online, 2 busy, 3 break, 4 offline.
pub(in crate::chat2desk) fn status_id(operator: &Operator) -> i32 {
    match (operator.online, operator.offline_type.as_deref()) {
        (true, Some("busy")) => 2,
        (true, Some("break")) => 3,
        (true, _) => 1,
        (false, _) => 4,
    }
}

/// An item of `/v1/tags`.
pub(in crate::chat2desk) fn tag(tag: &Tag) -> Value {
    json!({
        "id": tag.id, "group_id": tag.group_id, "group_name": tag.group_name, "label": tag.label,
        "description": tag.description,
    })
}
