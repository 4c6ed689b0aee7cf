//! What the decoder makes of each sample that the vendor, or a document about it, prints; and of each contradiction that
//! the documents hold. No service is needed here.

mod fact_keys;
mod fixtures;
mod rules;
mod traps;

use chrono::{DateTime, Utc};
use events::{Capture, Delivery, DeliveryIds, PagePart, Platform, Road};
use projection::AccountRules;
use projection::decode::{Decoded, decode};
use serde_json::{Value, json};

/// When everything here is received or fetched.
fn received() -> DateTime<Utc> {
    "2026-01-15T12:00:00Z".parse().unwrap()
}

/// Bytes that came by a road. `page`: of which list, for rows; else the event of a script.
fn delivery(road: Road, page: Option<&str>, body: &[u8]) -> Delivery {
    let is_row = road == Road::Backfill;
    let page = page.map(str::to_owned);
    let capture = Capture {
        part: is_row.then_some(PagePart::Row(0)),
        fetched_at: is_row.then(received),
        event: page.clone().filter(|_| !is_row),
        page: page.filter(|_| is_row),
        ..Capture::default()
    };
    Delivery {
        id: DeliveryIds::seeded(1).next(received()),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at: received(),
        capture,
        body: body.to_vec().into(),
    }
}

/// An account whose wall clock is five hours ahead.
fn rules_of_acme() -> AccountRules {
    AccountRules { zone: chrono_tz::Asia::Almaty, ..AccountRules::default() }
}

fn decoded(delivery: &Delivery) -> Decoded {
    decode(delivery, &rules_of_acme())
}

/// What a webhook with these bytes tells.
fn bytes(body: &[u8]) -> Decoded {
    decoded(&delivery(Road::Webhook, None, body))
}

/// What a webhook tells.
fn hook(body: &Value) -> Decoded {
    bytes(&serde_json::to_vec(body).unwrap())
}

/// What a row of a list tells.
fn row(list: &str, body: &Value) -> Decoded {
    decoded(&delivery(Road::Backfill, Some(list), &serde_json::to_vec(body).unwrap()))
}

/// The registers of the one fact of a kind, with its key.
#[track_caller]
fn fact(decoded: &Decoded, kind: &str) -> (String, Value) {
    let mut found = decoded.observations.iter().filter(|observation| observation.fact.kind() == kind);
    let (Some(observation), None) = (found.next(), found.next()) else {
        let kinds: Vec<_> = decoded.observations.iter().map(|observation| observation.fact.kind()).collect();
        panic!("not one {kind} among {kinds:?}; {:?}", decoded.rejections);
    };
    (observation.key.clone(), serde_json::from_str(&observation.fact.to_json().unwrap()).unwrap())
}

/// The registers of the one message.
#[track_caller]
fn message(decoded: &Decoded) -> Value {
    fact(decoded, "message").1
}

/// The reason and the words of the one rejection.
#[track_caller]
fn rejected(decoded: &Decoded) -> (&'static str, &str) {
    let [rejection] = decoded.rejections.as_slice() else { panic!("{:?}", decoded.rejections) };
    (rejection.reason.as_str(), &rejection.detail)
}

/// `object` with other fields.
fn with(object: &Value, fields: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// A plain message from a client.
fn inbox() -> Value {
    json!({"hook_type": "inbox", "message_id": 900_001, "type": "from_client", "text": "text", "transport": "telegram",
           "client_id": 330_001, "operator_id": null, "dialog_id": 410_001, "channel_id": 12, "request_id": 8_800_001,
           "event_time": "2026-01-15T09:30:00.125000Z"})
}

/// A plain message to a client.
fn outbox() -> Value {
    let to_client = json!({"hook_type": "outbox", "type": "to_client", "operator_id": 7001});
    with(&inbox(), &to_client)
}
