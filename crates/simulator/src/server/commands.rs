//! `/control/...` of the accounts of Chat2Desk, as [`control`] lists it.

use axum::body::Bytes;
use axum::http::Uri;
use axum::response::Response;
use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::host::respond;
use super::routes::query;
use super::{Shared, Tenant};
use crate::business::Live;
use crate::chat2desk::{Fault, Mishaps, control};
use crate::service::Answer;

#[derive(Deserialize)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
struct Release {
    name: String,
}

/// `/control/...`, as `chat2desk::control` lists it.
pub(super) fn command(shared: &Shared, method: &str, uri: &Uri, body: &Bytes) -> Response {
    let pairs = query(uri);
    let param = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let index = match param("account") {
        None => Some(0),
        Some(slug) => shared.find(|tenant| tenant.world.account.slug == slug),
    };
    let now = shared.clock.now();
    let advance = uri.path() == "/control/advance";
    let done = if advance && method == "POST" {
        parse::<Advance>(body).map(|Advance { seconds }| {
            shared.clock.advance(TimeDelta::microseconds((seconds.clamp(0.0, 3.2e9) * 1e6) as i64));
            shared.catch_up();
            index.and_then(|index| shared.lock(index)).map(|tenant| control::state(&tenant.world, false))
        })
    } else {
        let tenant = index.and_then(|index| shared.lock(index));
        tenant.map_or(Ok(None), |mut tenant| {
            tenant.advance_to(now);
            let requests = param("requests") != Some("false");
            for_account(&mut tenant, method, uri.path(), requests, body, now).map(Some)
        })
    };
    shared.wake.notify_one();
    match done {
        Ok(Some(body)) if body.is_null() => say(404, &json!({"error": "no such route"})),
        Ok(Some(body)) => say(200, &body),
        Ok(None) => say(404, &json!({"error": "no such account"})),
        Err(why) => say(400, &json!({"error": why})),
    }
}

fn say(status: u16, body: &Value) -> Response {
    respond(&Answer::json(status, body))
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn for_account(
    tenant: &mut Tenant,
    method: &str,
    path: &str,
    requests: bool,
    body: &Bytes,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Value, String> {
    let world = &mut tenant.world;
    let done = || json!({"done": true});
    Ok(match (method, path) {
        ("GET", "/control/state") => control::state(world, requests),
        ("POST", "/control/say") => {
            control::say(world, &parse(body)?, now).map_err(|error| error.to_string())?
        }
        ("POST", "/control/rate") => {
            json!(control::rate(world, &parse(body)?, now).map_err(|error| error.to_string())?)
        }
        ("GET", "/control/faults") => json!({"waiting": tenant.faults.waiting()}),
        ("POST", "/control/faults") => {
            if parse::<Value>(body)?.get("clear").is_some() {
                tenant.faults.clear();
            } else {
                tenant.faults.push(parse::<Fault>(body)?);
            }
            done()
        }
        ("POST", "/control/release") => {
            tenant.held.release(&parse::<Release>(body)?.name);
            done()
        }
        ("POST", "/control/mishaps") => {
            world.webhooks.outbox.mishaps = parse::<Mishaps>(body)?;
            done()
        }
        ("POST", "/control/webhook") => json!({"id": control::register(world, parse(body)?)}),
        ("POST", "/control/unsubscribe") => json!({"webhooks": control::unsubscribe(world, &parse(body)?)}),
        ("POST", "/control/channel") => {
            control::add_channel(world, parse(body)?);
            done()
        }
        ("POST", "/control/account") => {
            control::settings(world, parse(body)?, now);
            done()
        }
        ("POST", "/control/live") => {
            let live: Live = parse(body)?;
            match &mut tenant.business {
                Some(business) => business.go_live(live, now),
                None => return Err("this account has no business".into()),
            }
            done()
        }
        _ => Value::Null,
    })
}
