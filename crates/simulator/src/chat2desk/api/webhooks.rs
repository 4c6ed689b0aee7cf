//! Registration of webhooks, old and current (reference 3.1, 3.2).

use serde_json::Value;

use super::{Answer, Params};
use crate::Error;
use crate::chat2desk::model::{Id, World};
use crate::chat2desk::webhooks::{MOST_WEBHOOKS, NAMES, Webhook};

/// All of them: not paged.
pub(super) fn list(world: &World) -> Answer {
    Answer::data(world.webhooks.list.iter().map(Webhook::to_json).collect::<Vec<_>>())
}

/// One webhook.
pub(super) fn one(world: &World, id: Id) -> Result<Answer, Error> {
    let hook = world.webhooks.list.iter().find(|hook| hook.id == id);
    Ok(hook.map_or_else(|| Answer::refused(404, "not_found"), |hook| Answer::data(hook.to_json())))
}

/// Sets or removes the old hook for messages and client tags.
pub(super) fn set_old_messages(world: &mut World, params: &Params) -> Result<Answer, Error> {
    world.webhooks.old_messages = old_url(params)?;
    Ok(Answer::done())
}

/// Sets or removes the old hook for closed chats.
pub(super) fn set_old_closes(world: &mut World, params: &Params) -> Result<Answer, Error> {
    world.webhooks.old_closes = old_url(params)?;
    Ok(Answer::done())
}

/// Any URL is taken; null removes.
fn old_url(params: &Params) -> Result<Option<String>, Error> {
    let url = params.text("url");
    match &url {
        Some(url) if !url.contains("://") => Err(Error::Invalid { field: "url", text: "is invalid" }),
        None if params.raw("url").is_none() => Err(Error::Invalid { field: "url", text: "can't be blank" }),
        _ => Ok(url),
    }
}

/// Creates (`id` none) or changes a webhook. A null URL deletes it.
pub(super) fn put(world: &mut World, id: Option<Id>, params: &Params) -> Result<Answer, Error> {
    let hooks = &mut world.webhooks;
    if let Some(id) = id
        && !hooks.list.iter().any(|hook| hook.id == id)
    {
        return Ok(Answer::refused(404, "not_found"));
    }
    if let (Some(id), Some(Value::Null)) = (id, params.raw("url")) {
        return delete(world, id);
    }
    let url = params.text("url");
    if url.as_ref().is_some_and(|url| !url.contains("://")) {
        return Ok(Answer::invalid("url", "is invalid"));
    }
    if hooks.list.iter().any(|hook| Some(&hook.url) == url.as_ref() && Some(hook.id) != id) {
        return Ok(Answer::invalid("url", "This url is already used"));
    }
    let events = params.list("events");
    let known =
        |name: &String| NAMES.contains(&name.as_str()) && !world.account.habits.unknown_events.contains(name);
    if !events.iter().flatten().all(known) {
        return Ok(Answer::invalid("events", "unknown event name"));
    }
    let status = params.text("status");
    if status.as_ref().is_some_and(|status| status != "enable" && status != "disable") {
        return Ok(Answer::invalid("status", "is not included in the list"));
    }
    let channels = params.list("channels").map(|ids| ids.iter().filter_map(|id| id.parse().ok()).collect());
    let id = match (id, url.clone()) {
        (Some(id), _) => id,
        (None, None) => return Ok(Answer::invalid("url", "can't be blank")),
        (None, Some(_)) if hooks.list.len() >= MOST_WEBHOOKS => {
            return Ok(Answer::invalid("base", "The maximum number of webhooks is 5"));
        }
        (None, Some(url)) => hooks.register("", &url, Vec::new(), Vec::new()),
    };
    let hook = hooks.list.iter_mut().find(|hook| hook.id == id).ok_or(Error::NotFound { what: "webhook" })?;
    hook.url = url.unwrap_or_else(|| hook.url.clone());
    hook.name = params.text("name").unwrap_or_else(|| hook.name.clone());
    hook.events = events.unwrap_or_else(|| hook.events.clone());
    hook.channels = channels.unwrap_or_else(|| hook.channels.clone());
    if let Some(status) = status {
        hook.enabled = status == "enable";
        hook.failing_since = None;
    }
    Ok(Answer::data(hook.to_json()))
}

/// Deletes a webhook.
pub(super) fn delete(world: &mut World, id: Id) -> Result<Answer, Error> {
    let before = world.webhooks.list.len();
    world.webhooks.list.retain(|hook| hook.id != id);
    if world.webhooks.list.len() == before {
        return Ok(Answer::refused(404, "not_found"));
    }
    Ok(Answer::done())
}
