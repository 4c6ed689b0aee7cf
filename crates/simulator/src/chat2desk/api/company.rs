//! The company's own settings: `api_info`, webhooks, and the fixed lists of `/v1/help`.

use serde_json::{Value, json};

use super::{Answer, Params};
use crate::Error;
use crate::chat2desk::model::{ApiMode, Id, World};
use crate::chat2desk::webhooks::{MOST_WEBHOOKS, NAMES, Webhook};

/// Reads below `webhooks`, `companies` and `help`.
pub(super) fn read(world: &World, path: &[&str]) -> Answer {
    match path {
        ["webhooks"] => Answer::data(world.webhooks.list.iter().map(Webhook::to_json).collect::<Vec<_>>()),
        ["webhooks", id] => match world.webhooks.list.iter().find(|hook| hook.id.to_string() == *id) {
            Some(hook) => Answer::data(hook.to_json()),
            None => Answer::refused(404, "not_found"),
        },
        ["companies", "api_info"] => Answer::data(api_info(world)),
        ["companies", "info"] => Answer::data(json!({"name": world.account.company, "work_mode": "online"})),
        ["help", list] => help(list),
        _ => super::unknown(),
    }
}

fn api_info(world: &World) -> Value {
    let account = &world.account;
    json!({
        "mode": account.mode.as_str(), "hook": world.webhooks.old_messages, "current_version": 1,
        "requests_this_month": account.calls, "channels": world.channels.len(), "company_name": account.company,
        "api_calls": account.monthly_quota().map(|quota| quota.saturating_sub(account.calls)),
        "write_first_option": false, "companyID": account.company_id, "partnerID": 1,
        "admin_email": "admin@example.org", "chat_close_web_hook": world.webhooks.old_closes,
    })
}

fn help(list: &str) -> Answer {
    Answer::data(match list {
        "api_modes" => {
            let modes = [ApiMode::Disabled, ApiMode::Demo, ApiMode::Normal, ApiMode::Unlimited];
            let describe = |mode: ApiMode| match mode.quota() {
                None => "no monthly limit".to_owned(),
                Some(0) => "API is off".to_owned(),
                Some(calls) => format!("{calls} requests a month"),
            };
            modes.iter().map(|mode| json!({"name": mode.as_str(), "description": describe(*mode)})).collect()
        }
        "roles" => json!(["unconfirmed", "operator", "supervisor", "admin", "disabled", "deleted"]),
        "dialog_states" => json!(["open", "closed"]),
        "message_types" => json!(["from_client", "to_client", "autoreply", "system", "comment"]),
        "transports" => {
            let yes = json!({"text": "yes", "image": "yes", "audio": "no", "pdf": "yes", "video": "no", "location": "no"});
            let both = json!({"from_client": yes, "to_client": yes});
            json!({"whatsapp": both, "viber": both, "telegram": both, "widget": both, "external": both})
        }
        _ => return super::unknown(),
    })
}

/// Creates (`id` none) or changes a webhook. A null URL deletes it.
pub(super) fn put_webhook(world: &mut World, id: Option<Id>, params: &Params) -> Result<Answer, Error> {
    let hooks = &mut world.webhooks;
    if let Some(id) = id.filter(|id| !hooks.list.iter().any(|hook| hook.id == *id)) {
        let _ = id;
        return Err(Error::NotFound { what: "webhook" });
    }
    if let (Some(id), Some(Value::Null)) = (id, params.raw("url")) {
        return delete_webhook(world, id);
    }
    let url = params.text("url");
    if hooks.list.iter().any(|hook| Some(&hook.url) == url.as_ref() && Some(hook.id) != id) {
        return Ok(Answer::invalid("url", "This url is already used"));
    }
    let events = params.list("events");
    if events.iter().flatten().any(|name| !NAMES.contains(&name.as_str())) {
        return Ok(Answer::invalid("events", "unknown event name"));
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
    if let Some(status) = params.text("status") {
        hook.enabled = status != "disable";
        hook.failing_since = None;
    }
    Ok(Answer::data(hook.to_json()))
}

/// Deletes a webhook.
pub(super) fn delete_webhook(world: &mut World, id: Id) -> Result<Answer, Error> {
    let before = world.webhooks.list.len();
    world.webhooks.list.retain(|hook| hook.id != id);
    if world.webhooks.list.len() == before {
        return Err(Error::NotFound { what: "webhook" });
    }
    Ok(Answer::data(Value::Null))
}
