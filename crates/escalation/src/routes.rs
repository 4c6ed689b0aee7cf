//! Acknowledging over HTTP: the page behind a signed link, and the call of the API.
//!
//! Mail scanners follow links, so a GET only shows what it is about; only a POST acknowledges.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response as Answer};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use store::escalations::{Escalation, Response};

use crate::{Desk, EscalationError, Links, page};

/// Whoever does not say a name.
const SOMEBODY: &str = "link";

/// `/ack/{signature}/{account}/{rule}/{cause}/{episode}`: needs no login, the signature is one.
pub fn signed(desk: Desk, links: Links) -> Router {
    Router::new()
        .route("/ack/{signature}/{*key}", get(show).post(acknowledge))
        .with_state(Door { desk, links })
}

/// `POST /api/escalations/{key}/ack`; the slashes of the key as they are or as `%2F`. Body: nothing, or
/// `{"by": "name"}`. For those who may see everything: the caller guards it.
pub fn api(desk: Desk) -> Router {
    Router::new().route("/api/escalations/{*rest}", post(call)).with_state(desk)
}

#[derive(Clone)]
struct Door {
    desk: Desk,
    links: Links,
}

/// A page that nobody keeps, frames or learns the address of.
fn page(status: StatusCode, html: String) -> Answer {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    let headers: HeaderMap =
        headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    let mut answer = (status, headers, Html(html)).into_response();
    answer.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex"));
    answer
}

/// A wrong signature and an unknown escalation look alike.
fn nothing_here() -> Answer {
    page(
        StatusCode::NOT_FOUND,
        page::message("There is nothing here", "The link is incomplete, or not ours."),
    )
}

fn away(error: &EscalationError) -> Answer {
    tracing::warn!(error = %error, "an acknowledgement waits");
    let mut answer = page(
        StatusCode::SERVICE_UNAVAILABLE,
        page::message("Not now", "The database does not answer. Try again in a moment."),
    );
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

async fn show(State(door): State<Door>, Path((signature, key)): Path<(String, String)>, uri: Uri) -> Answer {
    if !door.links.is_signed(&key, &signature) {
        return nothing_here();
    }
    match door.desk.find(&key).await {
        Ok(Some(escalation)) => page(StatusCode::OK, page::question(&escalation, last_segment(&uri))),
        Ok(None) => nothing_here(),
        Err(error) => away(&error),
    }
}

/// Where the form of the page posts to: the page itself, also behind a proxy that cuts the path.
fn last_segment(uri: &Uri) -> &str {
    uri.path().rsplit('/').next().unwrap_or_default()
}

async fn acknowledge(
    State(door): State<Door>,
    Path((signature, key)): Path<(String, String)>,
    request: Request,
) -> Answer {
    // Before anything of a stranger's body is read.
    if !door.links.is_signed(&key, &signature) {
        return nothing_here();
    }
    let Some(body) = small(request).await else {
        return page(
            StatusCode::PAYLOAD_TOO_LARGE,
            page::message("Too much", "A name is all that is read here."),
        );
    };
    let by =
        url::form_urlencoded::parse(&body).find(|(name, _)| name == "by").map(|(_, by)| by.trim().to_owned());
    let by = by.filter(|by| !by.is_empty()).unwrap_or_else(|| SOMEBODY.to_owned());
    match door.desk.acknowledge(&key, &by).await {
        Ok(Response::Done(escalation) | Response::Already(escalation)) => {
            page(StatusCode::OK, page::done(&escalation))
        }
        Ok(Response::TooLate(escalation)) => page(StatusCode::CONFLICT, page::done(&escalation)),
        Ok(Response::Unknown) => nothing_here(),
        Err(error) => away(&error),
    }
}

/// A body of a few lines that comes at once; else `None`.
async fn small(request: Request) -> Option<Bytes> {
    const MOST: usize = 4 * 1024;
    const SOON: Duration = Duration::from_secs(5);
    tokio::time::timeout(SOON, axum::body::to_bytes(request.into_body(), MOST)).await.ok()?.ok()
}

async fn call(
    State(desk): State<Desk>,
    Path(rest): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    let said = |status: StatusCode, body: Value| {
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    };
    let Some(key) = rest.strip_suffix("/ack") else {
        return said(
            StatusCode::NOT_FOUND,
            json!({"error": "no such route; there is POST /api/escalations/{key}/ack"}),
        );
    };
    // A browser would send the login along with another site's form.
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return said(StatusCode::FORBIDDEN, json!({"error": "not from another site"}));
    }
    let Some(body) = small(request).await else {
        return said(
            StatusCode::PAYLOAD_TOO_LARGE,
            json!({"error": "the body is {\"by\": \"name\"}, or nothing"}),
        );
    };
    let by = match by_of(&body) {
        Ok(by) => by,
        Err(what) => return said(StatusCode::BAD_REQUEST, json!({"error": what})),
    };
    match desk.acknowledge(key, &by).await {
        Ok(Response::Done(escalation) | Response::Already(escalation)) => {
            said(StatusCode::OK, told(&escalation))
        }
        Ok(Response::TooLate(escalation)) => said(StatusCode::CONFLICT, told(&escalation)),
        Ok(Response::Unknown) => said(StatusCode::NOT_FOUND, json!({"error": "no such escalation"})),
        Err(error) => {
            tracing::warn!(error = %error, "an acknowledgement waits");
            said(StatusCode::SERVICE_UNAVAILABLE, json!({"error": "the database does not answer; try again"}))
        }
    }
}

fn by_of(body: &[u8]) -> Result<String, &'static str> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok("api".to_owned());
    }
    let body: Value =
        serde_json::from_slice(body).map_err(|_| "the body must be json, like {\"by\": \"Ann\"}")?;
    match body.get("by") {
        None => Ok("api".to_owned()),
        Some(Value::String(by)) if !by.trim().is_empty() => Ok(by.clone()),
        Some(_) => Err("by must be a name"),
    }
}

fn told(escalation: &Escalation) -> Value {
    json!({"escalation_key": escalation.key, "status": escalation.status.word(), "owner": escalation.owner})
}
