//! The face for tests and demonstrations, beside the routes that all services have ([`crate::server::host()`]).
//!
//! | route | body | does |
//! |---|---|---|
//! | `GET /control/state` | | every request with headers and body, deliveries by id, leads; `?requests=false` leaves the requests out |
//! | `POST /control/script` | [`super::Script`] | what it says from now on |
//! | `POST /control/secrets` | `["whsec_…"]` | secrets that are good; an empty list checks nothing |
//! | `POST /control/forget` | | forgets requests |

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Received, Receiver};
use crate::service::Call;

pub(super) fn command(
    receiver: &mut Receiver,
    call: &Call,
    _: DateTime<Utc>,
) -> Result<Option<Value>, String> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/control/state") => {
            return Ok(Some(state(receiver, call.param("requests") != Some("false"))));
        }
        ("POST", "/control/script") => receiver.script = call.json()?,
        ("POST", "/control/secrets") => receiver.secrets = call.json()?,
        ("POST", "/control/forget") => receiver.forget(),
        _ => return Ok(None),
    }
    Ok(Some(json!({"done": true})))
}

/// What it got, and what it made of it.
pub fn state(receiver: &Receiver, requests: bool) -> Value {
    let mut state = json!({
        "received": receiver.received().len(), "taken": receiver.taken().count(),
        "deliveries": receiver.deliveries(), "leads": receiver.leads, "script": receiver.script,
    });
    if let Some(state) = state.as_object_mut().filter(|_| requests) {
        state.insert("requests".into(), receiver.received().iter().map(show).collect());
    }
    state
}

fn show(one: &Received) -> Value {
    let text = String::from_utf8_lossy(&one.call.body);
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()));
    json!({
        "number": one.number, "at": one.at.to_rfc3339_opts(SecondsFormat::Micros, true), "method": one.call.method,
        "path": one.call.path, "headers": one.call.headers, "webhook_id": one.id, "signature": one.signature,
        "fate": one.fate, "body": body,
    })
}
