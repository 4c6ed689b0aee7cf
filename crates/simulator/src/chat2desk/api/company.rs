//! The company itself and its channels (reference 2.1: 8, 29; 2.2).

use serde_json::{Value, json};

use super::{Answer, Params};
use crate::Error;
use crate::chat2desk::model::{Channel, Id, World};

/// What the account may do and has done.
pub(super) fn api_info(world: &World) -> Answer {
    let account = &world.account;
    Answer::data(json!({
        "mode": account.mode.as_str(), "hook": world.webhooks.old_messages, "current_version": 1,
        "requests_this_month": account.calls, "channels": world.channels.len(), "company_name": account.company,
        "api_calls": account.monthly_quota().map(|quota| quota.saturating_sub(account.calls)),
        "write_first_option": account.write_first, "companyID": account.company_id, "partnerID": 1,
        "admin_email": "admin@example.org", "chat_close_web_hook": world.webhooks.old_closes,
    }))
}

/// Name, mode and own fields.
pub(super) fn info(world: &World) -> Answer {
    let account = &world.account;
    Answer::data(json!({
        "name": account.company, "work_mode": account.work_mode, "custom_fields": account.custom_fields,
    }))
}

/// The company's own fields.
pub(super) fn edit(world: &mut World, params: &Params) -> Result<Answer, Error> {
    let Some(fields) = params.raw("custom_fields").and_then(Value::as_object) else {
        return Ok(Answer::invalid("custom_fields", "is invalid"));
    };
    world.account.custom_fields.extend(fields.clone());
    world.account.custom_fields.retain(|_, value| !value.is_null());
    Ok(info(world))
}

/// At work, or not.
pub(super) fn switch_mode(world: &mut World, params: &Params) -> Result<Answer, Error> {
    match params.text("mode") {
        Some(mode) if mode == "online" || mode == "offline" => {
            world.account.work_mode = mode;
            Ok(info(world))
        }
        _ => Ok(Answer::invalid("mode", "is not included in the list")),
    }
}

fn row(channel: &Channel) -> Value {
    json!({"id": channel.id, "name": channel.name, "phone": channel.phone, "transports": channel.transports})
}

/// `/v1/channels`: ignores `offset`.
pub(super) fn channels(world: &World, params: &Params) -> Answer {
    let phone = params.text("phone");
    let wanted = |channel: &&Channel| phone.as_ref().is_none_or(|phone| *phone == channel.phone);
    let rows: Vec<&Channel> = world.channels.iter().filter(wanted).collect();
    Answer::cut(&params.clone().without("offset"), &rows, |channel| row(channel))
}

/// One channel.
pub(super) fn channel(world: &World, id: Id) -> Result<Answer, Error> {
    Ok(Answer::data(row(world.channel(id)?)))
}
