//! The routes of design.md 6. All lie under the account's secret; whoever does not know it sees nothing but 404.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use events::Road;

use super::accounts::Caller;
use super::intake::{Arrival, Intake};
use super::outcome::{Outcome, UNKNOWN};

/// Seconds after which a sender who got 503 may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Names of the script event that only says that the scripts run (chatledger's own script, the vendor's handler).
const HEARTBEATS: [&str; 2] = ["auto_checking", "auto_checking_handler"];

/// The hooks of all accounts of an intake.
pub fn router(intake: Intake) -> Router {
    Router::new()
        .route("/hooks/{account}/{secret}", get(url_check).post(webhook))
        .route("/hooks/{account}/{secret}/script/{event}", get(script).post(script))
        .route("/hooks/{account}/{secret}/macro", post(operator_macro))
        .route("/hooks/{account}/{secret}/tunnel", get(tunnel).post(tunnel))
        .with_state(intake)
}

/// Account and secret as they stand in a path; a path that does not decode names nobody.
type Door = Result<Path<(String, String)>, PathRejection>;
type ScriptDoor = Result<Path<(String, String, String)>, PathRejection>;

/// The vendor's settings page asks by GET whether the URL exists. It brings no delivery: it is not counted.
async fn url_check(State(intake): State<Intake>, door: Door) -> StatusCode {
    let Ok(Path((account, secret))) = door else { return StatusCode::NOT_FOUND };
    match intake.accounts().caller(&account, &secret) {
        Caller::Account(_) => StatusCode::OK,
        Caller::WrongSecret(_) | Caller::Stranger => StatusCode::NOT_FOUND,
    }
}

async fn webhook(State(intake): State<Intake>, door: Door, request: Request) -> Response {
    take(&intake, Road::Webhook, None, opened(door), request).await
}

async fn script(State(intake): State<Intake>, door: ScriptDoor, request: Request) -> Response {
    let (door, event) = match door {
        Ok(Path((account, secret, event))) => ((account, secret), event),
        Err(_) => Default::default(),
    };
    take(&intake, Road::Script, Some(event), door, request).await
}

async fn tunnel(State(intake): State<Intake>, door: Door, request: Request) -> Response {
    take(&intake, Road::Tunnel, query(&request), opened(door), request).await
}

/// An operator's browser waits: it is told that the click was noted. (The link into the CRM comes with CRM sync.)
async fn operator_macro(State(intake): State<Intake>, door: Door, request: Request) -> Response {
    let response = take(&intake, Road::Macro, query(&request), opened(door), request).await;
    if response.status() == StatusCode::OK { StatusCode::ACCEPTED.into_response() } else { response }
}

fn query(request: &Request) -> Option<String> {
    request.uri().query().map(str::to_owned)
}

fn opened(door: Door) -> (String, String) {
    door.map(|Path(door)| door).unwrap_or_default()
}

async fn take(
    intake: &Intake,
    road: Road,
    event: Option<String>,
    (account, secret): (String, String),
    request: Request,
) -> Response {
    let (name, outcome) = match intake.accounts().caller(&account, &secret) {
        Caller::Stranger => (UNKNOWN, Outcome::UnknownAccount),
        Caller::WrongSecret(account) => (account.id.as_str(), Outcome::Unauthorized),
        Caller::Account(account) if is_heartbeat(road, event.as_deref()) => {
            (account.id.as_str(), Outcome::Heartbeat)
        }
        Caller::Account(account) => {
            let (parts, body) = request.into_parts();
            let arrival = Arrival { account, road, event, parts: &parts };
            (account.id.as_str(), intake.take(arrival, body).await)
        }
    };
    outcome.count(name, road);
    answer(outcome)
}

fn is_heartbeat(road: Road, event: Option<&str>) -> bool {
    road == Road::Script && event.is_some_and(|event| HEARTBEATS.contains(&event))
}

fn answer(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Appended | Outcome::Heartbeat => StatusCode::OK.into_response(),
        Outcome::Unauthorized | Outcome::UnknownAccount => StatusCode::NOT_FOUND.into_response(),
        Outcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Outcome::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER)]).into_response()
        }
    }
}
