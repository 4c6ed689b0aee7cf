//! Webhooks in both forms (reference/chat2desk.md 3.1, 3.4 to 3.19).

use std::borrow::Cow;

use chat2desk::payload::alias;
use events::fact::{
    DialogClosed, DialogTransferred, MessageStatus, OperatorStatus, Origin, RequestClosed, RequestKind,
    RequestOpened, TagCard, Tagging, UnknownEvent,
};
use events::observation::body_hash;
use events::{Fact, Observation};

use super::extra::extra;
use super::lists::client_card;
use super::message;
use super::telling::{Reject, Telling, missing};

type Read = Result<Vec<Observation>, Reject>;

/// Reads one object that the platform sent as something happened. `hook_type` decides; `id` means something else in
/// each kind, so it is read only once the kind is known (8.1 item 6).
pub(super) fn read(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let Some(hook_type) = fields.word(&["hook_type"]) else { return old_form(telling) };
    match lower(hook_type.trim()).as_ref() {
        "inbox" => message::live(telling, Some(Origin::Client), false),
        "outbox" => message::live(telling, None, false),
        "imported_message" => message::live(telling, None, true),
        "comment" => message::live(telling, Some(Origin::Note), false),
        "system_message" => message::live(telling, Some(Origin::System), false),
        "outbox_status" => message_status(telling),
        "new_client" | "client_updated" | "client_added_to_blacklist" => client(telling),
        "new_request" => request_opened(telling),
        "close_request" => request_closed(telling),
        "close_dialog" => dialog_closed(telling, alias::DIALOG),
        "dialog_transferred" => dialog_transferred(telling),
        "add_tag_to_request" => tagging(telling, true, true),
        "delete_tag_from_request" => tagging(telling, true, false),
        "add_tag_to_client" => tagging(telling, false, true),
        "delete_tag_from_client" => tagging(telling, false, false),
        "operator_status_changed" | "operator_status_updated" => operator_status(telling),
        other => Ok(vec![unknown(telling, other)]),
    }
}

/// In lower case; borrowed when it is already.
fn lower(word: &str) -> Cow<'_, str> {
    let is_lower = word.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) }
}

/// A body without `hook_type` (8.2 rule 3): a message of the old hook, the old close hook, or unknown.
fn old_form(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let has = |aliases: &[&str]| fields.value(aliases).is_some();
    let looks_like_message = has(alias::MESSAGE)
        || (has(&["id"]) && has(&["type"]) && (fields.has("text") || has(alias::CREATED)));
    if fields.object("message").is_some() {
        // The input of a script's new_message_handler (4.1): always from the client.
        message::live(telling, Some(Origin::Client), false)
    } else if looks_like_message {
        message::live(telling, None, false)
    } else if has(alias::DIALOG) {
        dialog_closed(telling, alias::DIALOG)
    } else if has(&["state", "end"]) && has(&["id"]) {
        dialog_closed(telling, &["id"])
    } else if fields.is_empty() {
        Err(missing("field at all"))
    } else {
        Ok(vec![unknown(telling, "")])
    }
}

fn unknown(telling: &Telling<'_>, name: &str) -> Observation {
    // Whatever the order of its fields: the same event told twice is one.
    let bytes = serde_json::to_vec(&telling.fields.to_map()).unwrap_or_default();
    let name = name.chars().filter(|c| c.is_alphanumeric() || "_.-".contains(*c)).take(80).collect();
    telling
        .observe(format!("{:016x}", body_hash(&bytes)), Fact::UnknownEvent(UnknownEvent { name: Some(name) }))
}

fn message_status(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    // Its shape is not confirmed (3.7): without a message it is kept as it is.
    let Some(id) = fields.id(alias::MESSAGE)? else { return Ok(vec![unknown(telling, "outbox_status")]) };
    let status = fields.text(&["status", "error"]).unwrap_or_default();
    let fact = MessageStatus {
        client_id: fields.id_if_readable(alias::CLIENT),
        status: Some(status.chars().take(200).collect()),
        at: Some(telling.at()),
        extra: extra(fields, []),
    };
    Ok(vec![
        telling
            .observe(format!("{id}:{}", fact.status.clone().unwrap_or_default()), Fact::MessageStatus(fact)),
    ])
}

/// Client events carry the client's id in `id` (3.10).
fn client(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = match fields.id(&["id"])? {
        Some(id) => id,
        None => fields.id(alias::CLIENT)?.ok_or_else(|| missing("client id"))?,
    };
    Ok(vec![telling.observe(id, Fact::ClientCard(client_card(fields)))])
}

fn request_opened(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let request_id = fields.id(alias::REQUEST)?.ok_or_else(|| missing("request id"))?;
    let kind = fields.word(&["type"]);
    let fact = RequestOpened {
        request_id: Some(request_id.clone()),
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        dialog_id: fields.id(alias::DIALOG)?,
        operator_id: fields.id_if_readable(alias::OPERATOR),
        transport: fields.text(&["transport"]),
        request_kind: kind.as_deref().and_then(request_kind),
        by_client: fields.flag(&["by_client"]),
        at: Some(telling.at()),
        extra: extra(fields, [("type", kind.as_deref().filter(|kind| request_kind(kind).is_none()))]),
    };
    Ok(vec![telling.observe(request_id, Fact::RequestOpened(fact))])
}

/// The vendor's word for the kind of a request; an unknown one is none.
pub(super) fn request_kind(word: &str) -> Option<RequestKind> {
    match word.trim().to_lowercase().as_str() {
        "common" => Some(RequestKind::Common),
        "rating" => Some(RequestKind::Rating),
        _ => None,
    }
}

fn request_closed(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let request_id = fields.id(alias::REQUEST)?.ok_or_else(|| missing("request id"))?;
    let fact = RequestClosed {
        request_id: Some(request_id.clone()),
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        dialog_id: fields.id(alias::DIALOG)?,
        operator_id: fields.id_if_readable(alias::OPERATOR),
        at: Some(telling.at()),
        reason: fields.text(&["reason", "close_reason"]).map(|reason| reason.chars().take(200).collect()),
        extra: extra(fields, []),
    };
    Ok(vec![telling.observe(request_id, Fact::RequestClosed(fact))])
}

fn dialog_closed(telling: &Telling<'_>, id: &'static [&'static str]) -> Read {
    let fields = &telling.fields;
    let dialog_id = match fields.id(id)? {
        Some(id) => id,
        None => fields.id(&["id"])?.ok_or_else(|| missing("dialog id"))?,
    };
    let fact = DialogClosed {
        dialog_id: Some(dialog_id.clone()),
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        request_id: fields.id(alias::REQUEST)?,
        operator_id: fields.id_if_readable(alias::OPERATOR),
        at: Some(telling.time(&["event_time", "end"]).unwrap_or_else(|| telling.at())),
        extra: extra(fields, []),
    };
    Ok(vec![telling.observe(format!("{dialog_id}:{}", telling.second()), Fact::DialogClosed(fact))])
}

fn dialog_transferred(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let dialog_id = fields.id(alias::DIALOG)?.ok_or_else(|| missing("dialog id"))?;
    let operator_id = fields.id(alias::OPERATOR)?;
    let key = format!("{dialog_id}:{}:{}", operator_id.as_deref().unwrap_or(""), telling.second());
    let fact = DialogTransferred {
        dialog_id: Some(dialog_id),
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        request_id: fields.id(alias::REQUEST)?,
        operator_id,
        at: Some(telling.at()),
        extra: extra(fields, []),
    };
    Ok(vec![telling.observe(key, Fact::DialogTransferred(fact))])
}

/// A tag put on or taken off: `id` is the tag's (3.15, 3.16).
fn tagging(telling: &Telling<'_>, of_request: bool, added: bool) -> Read {
    let fields = &telling.fields;
    let tag_id = match fields.id(alias::TAG)? {
        Some(id) => id,
        None => fields.id(&["id"])?.ok_or_else(|| missing("tag id"))?,
    };
    let request_id = fields.id(alias::REQUEST)?;
    let client_id = fields.id(alias::CLIENT)?;
    let tagged = if of_request {
        format!("request:{}", request_id.as_deref().ok_or_else(|| missing("request id"))?)
    } else {
        format!("client:{}", client_id.as_deref().ok_or_else(|| missing("client id"))?)
    };
    let fact = Tagging {
        request_id: request_id.filter(|_| of_request),
        client_id,
        channel_id: fields.id_if_readable(alias::CHANNEL),
        tag_id: Some(tag_id.clone()),
        label: fields.text(alias::LABEL),
        group_name: fields.text(&["group_name"]),
        added: Some(added),
        at: Some(telling.at()),
        extra: extra(fields, []),
    };
    let card = TagCard { label: fact.label.clone(), group_name: fact.group_name.clone() };
    let on = if added { "on" } else { "off" };
    let mut observations =
        vec![telling.observe(format!("{tagged}:{tag_id}:{on}:{}", telling.second()), Fact::Tagging(fact))];
    if card.label.is_some() {
        observations.push(telling.observe(tag_id, Fact::TagCard(card)));
    }
    Ok(observations)
}

fn operator_status(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = match fields.id(&["id"])? {
        Some(id) => id,
        None => fields.id(alias::OPERATOR)?.ok_or_else(|| missing("operator id"))?,
    };
    let fact = OperatorStatus {
        operator_id: Some(id.clone()),
        online: fields.flag(&["online"]),
        status: fields.text(&["offline_type"]).map(|status| status.chars().take(80).collect()),
        at: Some(telling.at()),
        extra: extra(fields, []),
    };
    // Not to the second: an operator may click twice in one.
    let at = telling.event_at.map_or_else(|| telling.second(), |at| at.timestamp_micros().to_string());
    Ok(vec![telling.observe(format!("{id}:{at}"), Fact::OperatorStatus(fact))])
}
