//! Messages on every road (reference/chat2desk.md 2.3, 2.4, 3.1, 3.5 to 3.9, 6.6).

use std::borrow::Cow;

use chat2desk::payload::{Fields, Json, alias};
use events::fact::{ClientCard, DialogClosed, Message, Origin};
use events::{Fact, Observation};
use serde_json::{Value, json};

use super::extra::{extra, storable};
use super::lists::client_card;
use super::telling::{Reject, Telling, missing};

type Read = Result<Vec<Observation>, Reject>;

/// The text of the system line that tells of a number without WhatsApp (reference/chat2desk.md 5): neither an answer nor a
/// question, whatever it is sent as.
const NOT_FOUND: &str = "WhatsApp client not found.";
/// What a bot platform's connector sends in the client's name when a chat was closed (reference/chat2desk.md 7): a close,
/// and nobody's question.
const CLOSED: &str = "c2d: dialog closed";

/// A message that was sent to us as it happened: with its client's card and the opening of a request when it says so.
pub(super) fn live(telling: &Telling<'_>, origin: Option<Origin>, imported: bool) -> Read {
    let fields = &telling.fields;
    let id = match fields.id(alias::MESSAGE)? {
        Some(id) => id,
        None => fields.id(&["id"])?.ok_or_else(|| missing("message id"))?,
    };
    let mut message = registers(telling, origin)?;
    message.event_at = telling.time(alias::EVENT_TIME);
    // An import's own `created` may be that of the import: only the list confirms its time.
    message.created_at = if imported { None } else { telling.time(alias::CREATED) };
    message.imported = imported.then_some(true);
    message.opens_request = fields.flag(&["is_new_request"]).filter(|opens| *opens);
    message.menu = menu_choice(fields);
    let mut observations = Vec::with_capacity(2);
    if let (Some(client_id), Some(client)) = (&message.client_id, fields.object("client")) {
        let card = client_card(&client);
        if card != ClientCard::default() {
            observations.push(telling.observe(client_id.clone(), Fact::ClientCard(card)));
        }
    }
    observations.extend(close(telling, &message));
    observations.push(telling.observe(id, Fact::Message(message)));
    Ok(observations)
}

/// A row of `messages`: whole seconds in `created`.
pub(super) fn listed(telling: &Telling<'_>) -> Read {
    let id = telling.fields.id(&["id"])?.ok_or_else(|| missing("message id"))?;
    row(telling, id, None)
}

/// A row of `requests/<id>/messages`, which does not name its request.
pub(super) fn of_request(telling: &Telling<'_>, request_id: &str) -> Read {
    let id = telling.fields.id(&["id"])?.ok_or_else(|| missing("message id"))?;
    row(telling, id, Some(request_id))
}

fn row(telling: &Telling<'_>, id: String, request_id: Option<&str>) -> Read {
    let mut message = registers(telling, None)?;
    message.created_at = telling.time(alias::CREATED);
    message.request_id = message.request_id.or_else(|| request_id.map(str::to_owned));
    let mut observations = Vec::with_capacity(1);
    observations.extend(close(telling, &message));
    observations.push(telling.observe(id, Fact::Message(message)));
    Ok(observations)
}

/// The registers that a message has on every road. `hook`: who it came from, where the event's name says it.
fn registers(telling: &Telling<'_>, hook: Option<Origin>) -> Result<Message, Reject> {
    let fields = &telling.fields;
    let text = fields.word(&["text", "message.text"]);
    let word = fields.word(&["type"]);
    let told = match hook {
        Some(origin) => Some(origin),
        None => origin(word.as_deref()),
    };
    let client_id = fields.id(alias::CLIENT)?;
    // Two ids of one client: the first counts, the other is kept where it can be counted (8.1 item 7).
    let other = fields.id_if_readable(&["client.id"]);
    let other = other.filter(|other| client_id.as_ref() != Some(other));
    let unknown = word.as_deref().filter(|_| told == Some(Origin::Other));
    Ok(Message {
        origin: match text.as_deref().map(str::trim) {
            Some(NOT_FOUND | CLOSED) if told != Some(Origin::Note) => Some(Origin::System),
            _ => told,
        },
        client_id,
        channel_id: fields.id(alias::CHANNEL)?,
        dialog_id: fields.id(alias::DIALOG)?,
        request_id: fields.id(alias::REQUEST)?,
        operator_id: fields.id(alias::OPERATOR)?,
        transport: fields.text(&["transport", "message.transport"]),
        text: text.map(Cow::into_owned),
        attachments: attachments(fields),
        extra: extra(fields, [("type", unknown), ("client.id", other.as_deref())]),
        ..Message::default()
    })
}

/// Who a message came from, by its `type` (6.6). A null type is the rating survey's: automatic. `out`, of the list of one
/// request, tells an operator's answer from an automatic one no more than it tells a bot's: nobody is told.
fn origin(word: Option<&str>) -> Option<Origin> {
    Some(match word.map(str::trim) {
        Some("from_client" | "in") => Origin::Client,
        Some("to_client" | "from_system") => Origin::Company,
        Some("out") => return None,
        Some("autoreply") | None => Origin::Automatic,
        Some("system") => Origin::System,
        Some("comment") => Origin::Note,
        Some(_) => Origin::Other,
    })
}

/// The close that a connector's service message stands for.
fn close(telling: &Telling<'_>, message: &Message) -> Option<Observation> {
    let is_service_message = message.text.as_deref().is_some_and(|text| text.trim() == CLOSED);
    // A person's note may quote it, and what is imported happened at another time than the event says.
    let is_evidence = message.origin != Some(Origin::Note) && message.imported != Some(true);
    let dialog_id = message.dialog_id.clone().filter(|_| is_service_message && is_evidence)?;
    let (at, second) = match message.event_at.or(message.created_at) {
        Some(at) => (at, at.timestamp().to_string()),
        None => (telling.at(), telling.second()),
    };
    let key = format!("{dialog_id}:{second}");
    let fact = DialogClosed {
        dialog_id: Some(dialog_id),
        client_id: message.client_id.clone(),
        channel_id: message.channel_id.clone(),
        request_id: message.request_id.clone(),
        operator_id: message.operator_id.clone(),
        at: Some(at),
        extra: None,
    };
    Some(telling.observe(key, Fact::DialogClosed(fact)))
}

/// Whether the client chose a menu item.
fn menu_choice(fields: &Fields<'_>) -> Option<bool> {
    fields.value(&["is_menu", "message.is_menu"]).filter(|value| is_choice(value)).map(|_| true)
}

/// `is_menu` is null for an ordinary message, else the command of the item (4.1): a text, and `"0"` is a usual one. The number 0
/// and `false` are another way to say no.
pub(super) fn is_choice(value: &Json<'_>) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(is_one) => *is_one,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::Text(command) => !matches!(command.trim(), "" | "false" | "null"),
        Json::List(_) | Json::Object(_) => true,
    }
}

/// Attached files in one form: what the platform lists, and its single-file fields as further items.
fn attachments(fields: &Fields<'_>) -> Option<Value> {
    let mut items: Vec<Value> = Vec::new();
    if let Some(listed) = fields.value(&["attachments"]).and_then(Json::as_list) {
        items.extend(listed.iter().map(storable));
    }
    let inner = fields.object("message");
    for kind in ["photo", "video", "audio", "pdf", "coordinates"] {
        let content = fields.word(&[kind]).or_else(|| inner.as_ref()?.word(&[kind]));
        if let Some(content) = content {
            items.push(json!({ "kind": kind, "link": content }));
        }
    }
    (!items.is_empty()).then_some(Value::Array(items))
}
