//! Calls in, answers out: picks the account, lets a fault strike, asks the model.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Cut, LARGEST_BODY, SORRY, Shared, Tenant, half};
use crate::Error;
use crate::business::Live;
use crate::chat2desk::api::{self, Answer, Call, Params};
use crate::chat2desk::{Fault, Misdeed, Mishaps, control};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(any).with_state(shared)
}

async fn any(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if parts.uri.path().starts_with("/control/") {
        return command(&shared, parts.method.as_str(), &parts.uri, &body);
    }
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        token: token(&parts.headers),
        params: Params::new(query(&parts.uri), &body),
    };
    let owner = shared.find(|tenant| call.token.as_ref() == Some(&tenant.world.account.token));
    let Some(index) = owner else {
        return json(&Answer {
            status: 403,
            body: json!({"status": "error", "message": "token is not correct"}),
        });
    };
    serve_call(&shared, index, call, &cut).await
}

fn token(headers: &HeaderMap) -> Option<String> {
    headers.get("authorization")?.to_str().ok().map(str::to_owned)
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// The honest answer, with whatever fault waits for this call.
async fn serve_call(shared: &Shared, index: usize, mut call: Call, cut: &Cut) -> Response {
    let struck = shared.lock(index).and_then(|mut tenant| tenant.faults.strike(&call.method, &call.path));
    match &struck {
        Some(Misdeed::Refuse { status, body }) => return plain(*status, body.clone()),
        Some(Misdeed::TooMany { retry_after }) => {
            let mut response = json(&Answer {
                status: 429,
                body: json!({"status": "error", "message": "too many requests"}),
            });
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", (*seconds).into());
            }
            return response;
        }
        Some(Misdeed::ServerError) => return html(500),
        Some(Misdeed::Html) => return html(200),
        Some(Misdeed::QuotaSpent) => {
            let message = "The number of API requests has exceeded the monthly limit";
            return json(&Answer { status: 403, body: json!({"status": "error", "message": message}) });
        }
        Some(Misdeed::Hold { name }) => {
            let gate = shared.lock(index).map(|mut tenant| tenant.held.gate(name));
            if let Some(gate) = gate {
                tokio::select! {
                    // Ends when the gate is closed: there never is a permit.
                    _ = gate.acquire() => {}
                    () = shared.stop.cancelled() => {}
                }
            }
        }
        Some(Misdeed::OffsetIgnored) => call.params = call.params.without("offset"),
        _ => {}
    }
    let now = shared.clock.now();
    let Some(mut answer) = shared.lock(index).map(|mut tenant| {
        tenant.advance_to(now);
        if let Err(error) = prepare(&mut tenant, struck.as_ref(), now) {
            tracing::warn!(error = %error, "fault could not be prepared");
        }
        api::answer(&mut tenant.world, &call, now)
    }) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    shared.wake.notify_one();
    match struck {
        Some(Misdeed::LoseAnswer) => cut.cut(),
        Some(Misdeed::LoseRow) => {
            if let Some(rows) = answer.body["data"].as_array_mut().filter(|rows| !rows.is_empty()) {
                rows.remove(rows.len() / 2);
            }
        }
        Some(Misdeed::Late { milliseconds }) => {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(milliseconds)) => {}
                () = shared.stop.cancelled() => {}
            }
        }
        Some(Misdeed::TruncatedJson) => {
            let text = answer.body.to_string();
            return typed(answer.status, "application/json; charset=utf-8", half(&text).to_owned());
        }
        _ => {}
    }
    json(&answer)
}

fn prepare(
    tenant: &mut Tenant,
    struck: Option<&Misdeed>,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    match struck {
        Some(Misdeed::InsertRows { count }) => control::insert_rows(&mut tenant.world, *count, now),
        Some(Misdeed::LateId { back, seconds }) => {
            let id = tenant.world.messages.keys().rev().nth(*back).copied();
            let id = id.ok_or(Error::NotFound { what: "message" })?;
            tenant.world.hide_message(id, now + TimeDelta::seconds((*seconds).into()));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn json(answer: &Answer) -> Response {
    typed(answer.status, "application/json; charset=utf-8", answer.body.to_string())
}

fn plain(status: u16, body: String) -> Response {
    let kind =
        if body.starts_with('{') { "application/json; charset=utf-8" } else { "text/plain; charset=utf-8" };
    typed(status, kind, body)
}

fn html(status: u16) -> Response {
    typed(status, "text/html; charset=utf-8", SORRY.into())
}

fn typed(status: u16, kind: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", kind)], Body::from(body)).into_response()
}

#[derive(Deserialize)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
struct Release {
    name: String,
}

/// `/control/...`, as `chat2desk::control` lists it.
fn command(shared: &Shared, method: &str, uri: &Uri, body: &Bytes) -> Response {
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
        Ok(Some(body)) if body.is_null() => {
            json(&Answer { status: 404, body: json!({"error": "no such route"}) })
        }
        Ok(Some(body)) => json(&Answer { status: 200, body }),
        Ok(None) => json(&Answer { status: 404, body: json!({"error": "no such account"}) }),
        Err(why) => json(&Answer { status: 400, body: json!({"error": why}) }),
    }
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
        ("POST", "/control/account") => {
            control::settings(world, &parse(body)?);
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
