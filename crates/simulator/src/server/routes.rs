//! Calls in, answers out: picks the account, lets a fault strike, asks the model.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::host::respond;
use super::{Cut, LARGEST_BODY, Shared, commands, faults};
use crate::chat2desk::Misdeed;
use crate::chat2desk::api::{self, Call, Params, Refusal};

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
        return commands::command(&shared, parts.method.as_str(), &parts.uri, &body);
    }
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        token: token(&parts.headers),
        params: Params::new(query(&parts.uri), &body),
    };
    let owner = shared.find(|tenant| call.token.as_ref() == Some(&tenant.world.account.token));
    let Some(index) = owner else {
        return respond(&faults::plain(&Refusal::TokenIncorrect.answer()));
    };
    serve_call(&shared, index, call, &cut).await
}

fn token(headers: &HeaderMap) -> Option<String> {
    headers.get("authorization")?.to_str().ok().map(str::to_owned)
}

pub(super) fn query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// The honest answer, with whatever fault waits for this call.
async fn serve_call(shared: &Shared, index: usize, mut call: Call, cut: &Cut) -> Response {
    let struck = shared.lock(index).and_then(|mut tenant| tenant.faults.strike(&call.method, &call.path));
    let now = shared.clock.now();
    if let Some(response) = struck.as_ref().and_then(|misdeed| faults::instead(misdeed, cut, now)) {
        return response;
    }
    match &struck {
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
    let Some(answer) = shared.lock(index).map(|mut tenant| {
        tenant.advance_to(now);
        if let Err(error) = faults::prepare(&mut tenant, struck.as_ref(), now) {
            tracing::warn!(error = %error, "fault could not be prepared");
        }
        api::answer(&mut tenant.world, &call, now)
    }) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    shared.wake.notify_one();
    faults::send(shared, struck, answer, cut).await
}
