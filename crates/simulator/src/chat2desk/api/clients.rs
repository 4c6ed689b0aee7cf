//! `/v1/clients` and the client card (reference 2.1: 9-11, 14, 15, 35; 2.2; 6.1).

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Answer, Params, required, show};
use crate::Error;
use crate::chat2desk::happenings::SETTLING;
use crate::chat2desk::model::{Client, CustomField, Id, World, country_of};
use crate::chat2desk::webhooks::{Event, body};

/// The transports of clients who can be created.
const FIRST_WRITTEN: [&str; 3] = ["whatsapp", "viber", "sms"];

/// A page. Newest first unless `order=asc`; the service promises no order without it.
pub(super) fn list(world: &World, params: &Params) -> Answer {
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
    Answer::cut(params, &rows, |client| show::client(world, client))
}

/// One card.
pub(super) fn one(world: &World, id: Id) -> Result<Answer, Error> {
    Ok(Answer::data(show::client(world, world.client(id)?)))
}

/// By what the client can be answered.
pub(super) fn transports(world: &World, id: Id) -> Result<Answer, Error> {
    let items = show::client_channels(world.client(id)?);
    let rename = |item: &Value| json!({"channel_id": item["id"], "transports": item["transports"]});
    Ok(Answer::data(items.as_array().into_iter().flatten().map(rename).collect::<Vec<_>>()))
}

/// Clients that were met in a channel: not paged.
pub(super) fn of_channel(world: &World, id: Id) -> Result<Answer, Error> {
    world.channel(id)?;
    let here = |client: &&Client| client.reached_by.iter().any(|(channel, _)| *channel == id);
    let found = world.clients.values().filter(here).map(|client| show::client(world, client));
    Ok(Answer::data(found.collect::<Vec<_>>()))
}

/// Writing first is off by default. A known number gets no second card, but the transport; the answer then hides the card
/// in a text.
pub(super) fn create(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let known = params.text("phone").and_then(|phone| {
        world.clients.values().find(|client| client.phone == phone).map(|client| client.id)
    });
    if !world.account.write_first {
        return match known {
            Some(id) => exists(world, id),
            None => Ok(Answer::refused(400, "write first option is disabled")),
        };
    }
    let phone = required(params, "phone")?;
    if !phone.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Answer::invalid("phone", "is invalid"));
    }
    let first = world.channels.first().map(|channel| channel.id).unwrap_or_default();
    let channel = params.id("channel_id").unwrap_or(first);
    let served = &world.channel(channel)?.transports;
    let fits = |name: &String| FIRST_WRITTEN.contains(&name.as_str()) && served.contains(name);
    let Some(transport) = params.text("transport").filter(fits) else {
        return Ok(Answer::invalid("transport", "is not included in the list"));
    };
    if let Some(id) = known {
        if let Some(card) = world.clients.get_mut(&id) {
            card.reached_by.insert((channel, transport));
        }
        return exists(world, id);
    }
    let id = world.add_client(&phone, None);
    if let Some(card) = world.clients.get_mut(&id) {
        card.country = country_of(&phone);
        card.quiet_until = (transport == "whatsapp").then(|| now + SETTLING);
        card.reached_by.insert((channel, transport));
        // The sample of the manual shows both, although the client wrote nothing.
        card.first_message = Some(now);
        card.last_message = Some(now);
    }
    world.emit(Event::NewClient, Some(channel), now, |world| body::client(world, id));
    one(world, id)
}

fn exists(world: &World, id: Id) -> Result<Answer, Error> {
    let hidden = show::client(world, world.client(id)?).to_string();
    let errors = json!({"client": ["Client already exists", hidden]});
    Ok(Answer {
        status: 400,
        body: json!({"status": "error", "message": "Validation failed", "errors": errors}),
    })
}

/// Names, notes, own fields and ids.
pub(super) fn edit(world: &mut World, id: Id, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    world.client(id)?;
    let mut fields = Vec::new();
    for (name, value) in params.raw("custom_fields").and_then(Value::as_object).into_iter().flatten() {
        let field =
            name.parse().ok().filter(|id| world.holdings.custom_fields.iter().any(|own| own.id == *id));
        let Some(field) = field else {
            return Ok(Answer::invalid("custom_fields", "field does not exist"));
        };
        fields.push((
            field,
            value.as_str().map(str::to_owned).or((!value.is_null()).then(|| value.to_string())),
        ));
    }
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
        for (field, value) in fields {
            match value {
                Some(value) => client.custom_fields.insert(field, value),
                None => client.custom_fields.remove(&field),
            };
        }
        let service = params.text("external_service").unwrap_or_default();
        if let Some(external) = params.text("external_id") {
            client.external_ids.insert(service, external);
        }
    })?;
    one(world, id)
}

/// Definitions of the company's own fields.
pub(super) fn custom_fields(world: &World, params: &Params) -> Answer {
    let show = |field: &CustomField| {
        json!({
            "id": field.id, "name": field.name, "type": field.kind, "value": null,
            "editable": field.editable, "viewable": field.viewable, "tracking_field": null,
        })
    };
    Answer::cut(params, &world.holdings.custom_fields, show)
}
