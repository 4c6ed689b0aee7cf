//! Rows of the lists that the backfill reads (reference/chat2desk.md 2.1 to 2.3).

use chat2desk::payload::{Fields, alias};
use events::fact::{
    ChannelCard, ClientCard, DialogRow, Message, OperatorCard, OperatorGroupCard, Origin, TagCard,
};
use events::{Fact, Observation};
use serde_json::Value;

use super::telling::{Reject, Telling, missing};

type Read = Result<Vec<Observation>, Reject>;

const ID: &[&str] = &["id"];

/// The registers that a message has on every road.
pub(super) fn message_registers(telling: &Telling<'_>) -> Result<Message, Reject> {
    let fields = &telling.fields;
    Ok(Message {
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        dialog_id: fields.id(alias::DIALOG)?,
        request_id: fields.id(alias::REQUEST)?,
        operator_id: fields.id(alias::OPERATOR)?,
        transport: fields.text(&["transport", "message.transport"]),
        origin: Some(origin(fields)),
        text: fields.text(&["text", "message.text"]),
        attachments: attachments(fields),
        ..Message::default()
    })
}

/// Who a message came from (6.6). A null type is the rating survey's: automatic.
fn origin(fields: &Fields<'_>) -> Origin {
    match fields.text(&["type"]).as_deref().map(str::trim) {
        Some("from_client" | "in") => Origin::Client,
        Some("to_client" | "out" | "from_system") => Origin::Company,
        Some("autoreply") | None => Origin::Automatic,
        Some("system") => Origin::System,
        Some("comment") => Origin::Note,
        Some(_) => Origin::Other,
    }
}

/// Attached files in one form: what the platform lists, and its single-file fields as further items.
fn attachments(fields: &Fields<'_>) -> Option<Value> {
    let mut items: Vec<Value> =
        fields.value(&["attachments"]).and_then(Value::as_array).cloned().unwrap_or_default();
    for kind in ["photo", "video", "audio", "pdf", "coordinates"] {
        if let Some(content) = fields.text(&[kind]) {
            items.push(serde_json::json!({ "kind": kind, "link": content }));
        }
    }
    (!items.is_empty()).then(|| storable(Value::Array(items), DEEPEST))
}

/// JSON below this many levels is kept as its text: stored within a fact it has to be readable again.
const DEEPEST: u32 = 32;

/// JSON as Postgres and our own reader keep it: no NUL in text, no more than [`DEEPEST`] levels.
fn storable(value: Value, levels: u32) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(_) | Value::Object(_) if levels == 0 => {
            Value::String(value.to_string().replace("\\u0000", ""))
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| storable(item, levels - 1)).collect())
        }
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key.replace('\0', ""), storable(value, levels - 1)))
                .collect(),
        ),
        other => other,
    }
}

/// A row of `messages`: whole seconds in `created`.
pub(super) fn message(telling: &Telling<'_>) -> Read {
    let id = telling.fields.id(ID)?.ok_or_else(|| missing("message id"))?;
    let message = Message { created_at: telling.time(alias::CREATED), ..message_registers(telling)? };
    Ok(vec![telling.observe(id, Fact::Message(message))])
}

/// The registers of a client's card, wherever it stands. The word `unknown` is no name (2.6).
pub(super) fn client_card(fields: &Fields<'_>) -> ClientCard {
    let name = |field| fields.text(&[field]).filter(|name| name != "unknown");
    let custom: serde_json::Map<String, Value> = [
        "custom_fields",
        "comment",
        "extra_comment_1",
        "extra_comment_2",
        "extra_comment_3",
        "external_id",
        "username",
    ]
    .into_iter()
    .filter_map(|field| Some((field.to_owned(), storable(fields.value(&[field])?.clone(), DEEPEST))))
    .filter(|(_, value)| !matches!(value, Value::Array(items) if items.is_empty()))
    .collect();
    let labels = fields.value(&["tags"]).and_then(Value::as_array).map(|tags| {
        tags.iter()
            .filter_map(|tag| match tag {
                Value::String(label) => Some(label.replace('\0', "")),
                Value::Object(_) => Fields::of(tag)?.text(&["label", "name"]),
                _ => None,
            })
            .collect()
    });
    ClientCard {
        phone: fields.text(&["phone"]),
        client_phone: fields.text(&["client_phone"]),
        email: fields.text(&["email"]),
        name: name("name"),
        assigned_name: name("assigned_name"),
        tags: labels,
        custom: (!custom.is_empty()).then_some(Value::Object(custom)),
    }
}

/// A row of `clients`.
pub(super) fn client(telling: &Telling<'_>) -> Read {
    let id = telling.fields.id(ID)?.ok_or_else(|| missing("client id"))?;
    Ok(vec![telling.observe(id, Fact::ClientCard(client_card(&telling.fields)))])
}

/// A row of `dialogs`. It has no client; its last message may name one.
pub(super) fn dialog(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = fields.id(ID)?.ok_or_else(|| missing("dialog id"))?;
    let last = fields.object("last_message");
    let from_last = |aliases| last.and_then(|last| last.id_if_readable(aliases));
    let row = DialogRow {
        dialog_id: Some(id.clone()),
        client_id: fields.id(alias::CLIENT)?.or_else(|| from_last(alias::CLIENT)),
        channel_id: fields.id(alias::CHANNEL)?.or_else(|| from_last(alias::CHANNEL)),
        operator_id: fields.id(alias::OPERATOR)?,
        state: fields.text(&["state"]).filter(|state| state == "open" || state == "closed"),
        began_at: telling.time(&["begin"]),
        ended_at: telling.time(&["end"]),
        request_id: fields.id(&["last_request_id"])?,
    };
    Ok(vec![telling.observe(id, Fact::DialogRow(row))])
}

/// A row of `operators`.
pub(super) fn operator(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = fields.id(ID)?.ok_or_else(|| missing("operator id"))?;
    let names = [fields.text(&["first_name"]), fields.text(&["last_name"])];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let card = OperatorCard {
        name: (!name.trim().is_empty()).then(|| name.trim().to_owned()).or_else(|| fields.text(&["name"])),
        email: fields.text(&["email"]),
        role: fields.text(&["role"]),
    };
    Ok(vec![telling.observe(id, Fact::OperatorCard(card))])
}

/// A row of `operators_groups`.
pub(super) fn operator_group(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = fields.id(ID)?.ok_or_else(|| missing("group id"))?;
    let members = fields.value(&["operator_ids"]).and_then(Value::as_array).map(|ids| {
        ids.iter()
            .filter_map(|id| match id {
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) if !text.is_empty() => Some(text.replace('\0', "")),
                _ => None,
            })
            .collect()
    });
    let card = OperatorGroupCard { name: fields.text(&["name"]), operator_ids: members };
    Ok(vec![telling.observe(id, Fact::OperatorGroupCard(card))])
}

/// A row of `channels`.
pub(super) fn channel(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = fields.id(ID)?.ok_or_else(|| missing("channel id"))?;
    let transports = fields.value(&["transports"]).and_then(Value::as_array).map(|transports| {
        transports.iter().filter_map(Value::as_str).map(|name| name.replace('\0', "")).collect()
    });
    let card = ChannelCard { name: fields.text(&["name"]), phone: fields.text(&["phone"]), transports };
    Ok(vec![telling.observe(id, Fact::ChannelCard(card))])
}

/// A row of `tags`.
pub(super) fn tag(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = fields.id(ID)?.ok_or_else(|| missing("tag id"))?;
    let card = TagCard { label: fields.text(&["label", "name"]), group_name: fields.text(&["group_name"]) };
    Ok(vec![telling.observe(id, Fact::TagCard(card))])
}
