//! `/v1/tags` and tag groups (reference 2.1: 22-24; 2.2). The texts of the refusals are those of 1.6.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Answer, Params, id_of, required, show};
use crate::Error;
use crate::chat2desk::model::{Id, World};

/// A page.
pub(super) fn list(world: &World, params: &Params) -> Answer {
    Answer::cut(params, &world.tags, show::tag)
}

/// One tag.
pub(super) fn one(world: &World, id: Id) -> Result<Answer, Error> {
    Ok(Answer::data(show::tag(world.tag(id)?)))
}

/// A new tag.
pub(super) fn create(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let group = required(params, "tag_group_id")?;
    let label = required(params, "tag_label")?;
    let description = params.text("tag_description").unwrap_or_default();
    let id = world.add_tag(now, id_of(&group, "tag group")?, &label, &description)?;
    one(world, id)
}

/// A new group.
pub(super) fn create_group(world: &mut World, params: &Params) -> Result<Answer, Error> {
    let name = required(params, "tag_group_name")?;
    let id = world.add_tag_group(&name);
    Ok(Answer::data(json!({
        "id": id, "name": name, "order_show": params.id("order_show"), "display": params.flag("display"),
    })))
}

/// Puts tags on a client or a request: all of them, or none where one does not exist.
pub(super) fn assign(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let tags = params.list("tag_ids").filter(|tags| !tags.is_empty());
    let Some(tags) = tags else {
        return Ok(Answer::invalid("tag_ids", "can't be blank"));
    };
    let tags: Vec<Id> = tags.iter().filter_map(|tag| tag.parse().ok()).collect();
    let assignee = params.id("assignee_id").unwrap_or(0);
    let on_client = match params.text("assignee_type").as_deref() {
        Some("client") => true,
        Some("request") => false,
        _ => return Ok(Answer::invalid("assignee_type", "is not included in the list")),
    };
    if let Some(refused) = unknown_assignee(world, on_client, assignee) {
        return Ok(refused);
    }
    if tags.is_empty() || tags.iter().any(|tag| world.tag(*tag).is_err()) {
        return Ok(no_tag());
    }
    for tag in tags {
        if on_client {
            world.tag_client(now, assignee, tag, true)?;
        } else {
            world.tag_request(now, assignee, tag)?;
        }
    }
    Ok(Answer::done())
}

/// Takes a tag off a client or a request.
pub(super) fn remove(
    world: &mut World,
    tag: Id,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    if world.tag(tag).is_err() {
        return Ok(no_tag());
    }
    let (on_client, id) = match (params.id("request_id"), params.id("client_id")) {
        (Some(request), _) => (false, request),
        (None, Some(client)) => (true, client),
        (None, None) => return Ok(Answer::invalid("client_id", "can't be blank")),
    };
    if let Some(refused) = unknown_assignee(world, on_client, id) {
        return Ok(refused);
    }
    if on_client {
        world.tag_client(now, id, tag, false)?;
    } else {
        world.untag_request(now, id, tag)?;
    }
    Ok(Answer::done())
}

fn unknown_assignee(world: &World, on_client: bool, id: Id) -> Option<Answer> {
    let known = if on_client { world.client(id).is_ok() } else { world.request(id).is_ok() };
    let text = if on_client { "client not found" } else { "request not found" };
    (!known).then(|| Answer::refused(404, text))
}

fn no_tag() -> Answer {
    Answer::refused(404, "tag does not exist")
}
