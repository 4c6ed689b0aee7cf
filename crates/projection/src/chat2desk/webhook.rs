//! Webhooks in both forms (reference/chat2desk.md 3.1, 3.4 to 3.19).

use chat2desk::payload::{Fields, alias};
use events::fact::{
    ClientCard, DialogClosed, DialogTransferred, Message, MessageStatus, OperatorStatus, Origin,
    RequestClosed, RequestKind, RequestOpened, TagCard, Tagging, UnknownEvent,
};
use events::observation::body_hash;
use events::{Fact, Observation};

use super::lists::{client_card, message_registers};
use super::telling::{Reject, Telling, missing};

type Read = Result<Vec<Observation>, Reject>;

/// Reads one object that the platform sent as something happened. `hook_type` decides; `id` means something else in
/// each kind, so it is read only once the kind is known (8.1 item 6).
pub(super) fn read(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let Some(hook_type) = fields.text(&["hook_type"]) else { return old_form(telling) };
    match hook_type.trim().to_lowercase().as_str() {
        "inbox" => message(telling, Some(Origin::Client), false),
        "outbox" => message(telling, None, false),
        "imported_message" => message(telling, None, true),
        "comment" => message(telling, Some(Origin::Note), false),
        "system_message" => message(telling, Some(Origin::System), false),
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

/// A body without `hook_type` (8.2 rule 3): a message of the old hook, the old close hook, or unknown.
fn old_form(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let has = |aliases: &[&str]| fields.value(aliases).is_some();
    let looks_like_message = has(alias::MESSAGE)
        || (has(&["id"]) && has(&["type"]) && (fields.has("text") || has(alias::CREATED)));
    if fields.object("message").is_some() {
        // The input of a script's new_message_handler (4.1): always from the client.
        message(telling, Some(Origin::Client), false)
    } else if looks_like_message {
        message(telling, None, false)
    } else if has(alias::DIALOG) {
        dialog_closed(telling, alias::DIALOG)
    } else if has(&["state", "end"]) && has(&["id"]) {
        dialog_closed(telling, &["id"])
    } else if fields.raw().is_empty() {
        Err(missing("field at all"))
    } else {
        Ok(vec![unknown(telling, "")])
    }
}

fn unknown(telling: &Telling<'_>, name: &str) -> Observation {
    let bytes = serde_json::to_vec(telling.fields.raw()).unwrap_or_default();
    let name = name.chars().filter(|c| c.is_alphanumeric() || "_.-".contains(*c)).take(80).collect();
    telling
        .observe(format!("{:016x}", body_hash(&bytes)), Fact::UnknownEvent(UnknownEvent { name: Some(name) }))
}

/// A message, its client's card, and the opening of a request when it says so.
fn message(telling: &Telling<'_>, origin: Option<Origin>, imported: bool) -> Read {
    let fields = &telling.fields;
    let id = match fields.id(alias::MESSAGE)? {
        Some(id) => id,
        None => fields.id(&["id"])?.ok_or_else(|| missing("message id"))?,
    };
    let registers = message_registers(telling)?;
    let message = Message {
        // The hook says where it came from; for the others `type` does.
        origin: origin.or(registers.origin),
        event_at: telling.time(alias::EVENT_TIME),
        // An import's own `created` may be that of the import: only the list confirms its time.
        created_at: telling.time(alias::CREATED).filter(|_| !imported),
        imported: imported.then_some(true),
        opens_request: fields.flag(&["is_new_request"]).filter(|opens| *opens),
        menu: menu_choice(fields),
        ..registers
    };
    let mut observations = Vec::with_capacity(2);
    if let (Some(client_id), Some(card)) = (message.client_id.clone(), fields.object("client")) {
        let card = client_card(&card);
        if card != ClientCard::default() {
            observations.push(telling.observe(client_id, Fact::ClientCard(card)));
        }
    }
    observations.push(telling.observe(id, Fact::Message(message)));
    Ok(observations)
}

/// The command of a menu item that the client chose; null, false, 0 and empty text are none (4.1).
fn menu_choice(fields: &Fields<'_>) -> Option<bool> {
    const IS_MENU: &[&str] = &["is_menu", "message.is_menu"];
    fields.value(IS_MENU)?;
    (fields.flag(IS_MENU) != Some(false)).then_some(true)
}

fn message_status(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let status = fields.text(&["status", "error"]).unwrap_or_default();
    let id = fields.id(alias::MESSAGE)?.ok_or_else(|| missing("message id"))?;
    let fact = MessageStatus {
        client_id: fields.id_if_readable(alias::CLIENT),
        status: Some(status.chars().take(200).collect()),
        at: Some(telling.at()),
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
    let fact = RequestOpened {
        request_id: Some(request_id.clone()),
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        dialog_id: fields.id(alias::DIALOG)?,
        operator_id: fields.id_if_readable(alias::OPERATOR),
        transport: fields.text(&["transport"]),
        request_kind: fields.text(&["type"]).and_then(|kind| request_kind(&kind)),
        by_client: fields.flag(&["by_client"]),
        at: Some(telling.at()),
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
    };
    Ok(vec![telling.observe(format!("{id}:{}", telling.second()), Fact::OperatorStatus(fact))])
}
