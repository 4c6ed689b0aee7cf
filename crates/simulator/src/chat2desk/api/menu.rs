//! Prepared answers, the self-service menu and QR codes (reference 2.1: 12, 25, 26, 36, 37; 2.2).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::chats::last_thread;
use super::{Answer, Params, required, show};
use crate::Error;
use crate::chat2desk::model::{Id, MenuItem, SentItem, Template, World};

fn template_row(template: &Template) -> Value {
    json!({
        "id": template.id, "command": template.command, "text": template.text, "name": template.name,
        "created": show::utc(template.created),
    })
}

/// All templates.
pub(super) fn templates(world: &World, params: &Params) -> Answer {
    Answer::cut(params, &world.holdings.templates, template_row)
}

/// One template.
pub(super) fn template(world: &World, id: Id) -> Result<Answer, Error> {
    let found = world.holdings.templates.iter().find(|template| template.id == id);
    Ok(Answer::data(template_row(found.ok_or(Error::NotFound { what: "template" })?)))
}

/// As `last_question` of the manual shows it.
fn question(world: &World, sent: &SentItem) -> Value {
    world
        .menu_item(sent.item)
        .map_or(Value::Null, |item| json!({"id": item.id, "text": item.text, "image": item.image}))
}

/// The menu item that a client got last.
pub(super) fn last_of_client(world: &World, client: Id) -> Result<Answer, Error> {
    world.client(client)?;
    let last = world.holdings.sent_items.iter().rev().find(|sent| sent.client == client);
    Ok(Answer::data(last.map(|sent| question(world, sent))))
}

/// The menu items that a client got between two local days, both included.
pub(super) fn of_client(world: &World, client: Id, params: &Params) -> Result<Answer, Error> {
    world.client(client)?;
    let zone = world.account.zone;
    let (from, last) = (params.day("start_date", zone)?, params.day("finish_date", zone)?);
    let until = last.map(|last| last + TimeDelta::days(1));
    let sent = world.holdings.sent_items.iter().filter(|sent| {
        sent.client == client
            && from.is_none_or(|from| sent.at >= from)
            && until.is_none_or(|until| sent.at < until)
    });
    Ok(Answer::data(sent.map(|sent| question(world, sent)).collect::<Vec<_>>()))
}

/// Sends a menu item to `client_id`; the manual names no parameter for the client.
pub(super) fn send(
    world: &mut World,
    item: Id,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    world.menu_item(item)?;
    let client = params.id("client_id").ok_or(Error::NotFound { what: "client" })?;
    let thread = last_thread(world, client)?;
    world.send_menu_item(now, thread, item)?;
    Ok(Answer::done())
}

/// Menu items; `level` counts from 0 here.
pub(super) fn items(world: &World, params: &Params) -> Answer {
    let (channel, level) = (params.id("channel_id"), params.id("level"));
    let wanted = |item: &&MenuItem| {
        level.is_none_or(|level| level == i64::from(item.level))
            && channel.is_none_or(|channel| item.channel.is_none_or(|own| own == channel))
    };
    let show = |item: &MenuItem| {
        json!({
            "id": item.id, "level": item.level, "parent_id": item.parent, "channel_id": item.channel,
            "command": item.command, "text": item.text, "image": item.image,
        })
    };
    Answer::data(world.holdings.menu.iter().filter(wanted).map(show).collect::<Vec<_>>())
}

/// Sends a menu item, without `menu_item_id` the root of the channel that the client wrote to last.
pub(super) fn send_item(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let client =
        params.id("client_id").ok_or(Error::Invalid { field: "client_id", text: "can't be blank" })?;
    let thread = last_thread(world, client)?;
    let item = match params.id("menu_item_id") {
        Some(item) => item,
        None => world.root_menu(thread.channel)?,
    };
    world.send_menu_item(now, thread, item)?;
    Ok(Answer::done())
}

/// Reads the QR code in a picture.
pub(super) fn decode_qr(world: &World, params: &Params) -> Result<Answer, Error> {
    let path = required(params, "image_path")?;
    Ok(match world.holdings.qr_codes.get(&path) {
        Some(content) => Answer::data(json!({"text": content})),
        None => Answer::invalid("image_path", "no qr code was found"),
    })
}
