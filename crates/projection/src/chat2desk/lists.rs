//! Rows of the lists that the backfill reads (reference/chat2desk.md 2.1 to 2.3).

use std::borrow::Cow;

use chat2desk::payload::{Fields, Json, alias};
use events::fact::{ChannelCard, ClientCard, DialogRow, OperatorCard, OperatorGroupCard, TagCard};
use events::{Fact, Observation};
use serde_json::Value;

use super::extra::{extra, storable};
use super::telling::{Reject, Telling, missing};

type Read = Result<Vec<Observation>, Reject>;

const ID: &[&str] = &["id"];

/// What a company writes into a client's card as it likes.
const FREE_FIELDS: &[&str] = &[
    "custom_fields",
    "comment",
    "extra_comment_1",
    "extra_comment_2",
    "extra_comment_3",
    "external_id",
    "username",
];

/// The registers of a client's card, wherever it stands. The word `unknown` is no name (2.6).
pub(super) fn client_card(fields: &Fields<'_>) -> ClientCard {
    let name = |field| fields.word(&[field]).filter(|name| name != "unknown").map(Cow::into_owned);
    let custom: serde_json::Map<String, Value> = FREE_FIELDS
        .iter()
        .filter_map(|field| Some((*field, fields.value(&[field])?)))
        .filter(|(_, value)| !value.as_list().is_some_and(<[_]>::is_empty))
        .map(|(field, value)| (field.to_owned(), storable(value)))
        .collect();
    let label = |tag: &Json<'_>| match tag {
        Json::Text(label) => Some(label.replace('\0', "")),
        Json::Object(_) => Fields::of(tag)?.text(&["label", "name"]),
        _ => None,
    };
    let labels = fields.value(&["tags"]).and_then(Json::as_list);
    let labels = labels.map(|tags| tags.iter().filter_map(label).collect());
    ClientCard {
        phone: fields.text(&["phone"]),
        client_phone: fields.text(&["client_phone"]),
        email: fields.text(&["email"]),
        name: name("name"),
        assigned_name: name("assigned_name"),
        tags: labels,
        custom: (!custom.is_empty()).then_some(Value::Object(custom)),
        extra: extra(fields, []),
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
    let from_last = |aliases| last.as_ref().and_then(|last| last.id_if_readable(aliases));
    let state = fields.word(&["state"]);
    let known = |state: &Cow<'_, str>| state == "open" || state == "closed";
    let row = DialogRow {
        dialog_id: Some(id.clone()),
        client_id: fields.id(alias::CLIENT)?.or_else(|| from_last(alias::CLIENT)),
        channel_id: fields.id(alias::CHANNEL)?.or_else(|| from_last(alias::CHANNEL)),
        operator_id: fields.id(alias::OPERATOR)?,
        extra: extra(fields, [("state", state.as_deref().filter(|state| !known(&Cow::Borrowed(state))))]),
        state: state.filter(known).map(Cow::into_owned),
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
    let members = fields.value(&["operator_ids"]).and_then(Json::as_list).map(|ids| {
        ids.iter()
            .filter_map(|id| match id {
                Json::Number(number) => Some(number.to_string()),
                Json::Text(text) if !text.is_empty() => Some(text.replace('\0', "")),
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
    let transports = fields.value(&["transports"]).and_then(Json::as_list).map(|transports| {
        transports.iter().filter_map(Json::as_str).map(|name| name.replace('\0', "")).collect()
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
