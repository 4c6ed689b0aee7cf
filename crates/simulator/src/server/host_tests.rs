use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};

use super::sender;
use super::*;
use crate::hubspot::HubSpot;
use crate::receiver::{Fate, Receiver};
use crate::service::{Fault, Misdeed, RetryAfter};

const UPSERT: &str = "/crm/v3/objects/contacts/batch/upsert";

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn hubspot() -> (Hosted<HubSpot>, reqwest::Client) {
    let hubspot =
        host(HubSpot::new("pat"), listener().await, WorldClock::still(DateTime::UNIX_EPOCH)).unwrap();
    (hubspot, sender::client().unwrap())
}

/// Writes one contact by its e-mail.
fn write(http: &reqwest::Client, hubspot: &Hosted<HubSpot>, number: usize) -> reqwest::RequestBuilder {
    let email = format!("{number}@example.org");
    let input = json!({"id": email, "idProperty": "email", "properties": {"email": email}});
    let request = http.post(format!("{}{UPSERT}", hubspot.url())).header("authorization", "Bearer pat");
    request.body(json!({"inputs": [input]}).to_string())
}

fn known(hubspot: &Hosted<HubSpot>) -> usize {
    hubspot.with(|hubspot| hubspot.contacts.len())
}

#[tokio::test]
async fn a_fault_strikes_before_anything_is_done_or_after_everything_is() {
    let (hubspot, http) = hubspot().await;
    let wait = Some(RetryAfter::Seconds(3));
    let undone = [
        (Misdeed::Refuse { status: 423, body: "{}".into(), retry_after: wait.clone() }, 423),
        (Misdeed::TooMany { retry_after: wait, policy: Some("DAILY".into()) }, 429),
        (Misdeed::TooMany { retry_after: None, policy: None }, 429),
        (Misdeed::ServerError, 500),
        (Misdeed::Html, 200),
    ];
    for (misdeed, status) in undone {
        hubspot.fault(Fault::at(UPSERT, misdeed.clone()));
        let answer = write(&http, &hubspot, 1).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        let told = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let asks = matches!(misdeed, Misdeed::Refuse { .. } | Misdeed::TooMany { retry_after: Some(_), .. });
        assert_eq!(told("retry-after").as_deref(), asks.then_some("3"), "{misdeed:?}");
        if let Misdeed::TooMany { policy, .. } = misdeed {
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["policyName"], policy.unwrap_or_else(|| "TEN_SECONDLY_ROLLING".into()));
        }
        assert_eq!(known(&hubspot), 0);
    }
    hubspot.fault(Fault::at(UPSERT, Misdeed::HangUp));
    assert!(write(&http, &hubspot, 1).send().await.is_err());
    assert_eq!((known(&hubspot), hubspot.with(|hubspot| hubspot.tally.struck)), (0, 6));

    hubspot.fault(Fault::at(UPSERT, Misdeed::LoseAnswer));
    assert!(write(&http, &hubspot, 1).send().await.is_err());
    assert_eq!(known(&hubspot), 1, "lost, but done");
    hubspot.fault(Fault::at(UPSERT, Misdeed::CutAnswer));
    let cut = write(&http, &hubspot, 2).send().await.unwrap();
    assert_eq!(cut.status().as_u16(), 200);
    assert!(cut.bytes().await.is_err(), "cut in the middle of the body");
    assert_eq!(known(&hubspot), 2);
    hubspot.fault(Fault::at(UPSERT, Misdeed::TruncatedJson));
    let half = write(&http, &hubspot, 3).send().await.unwrap().text().await.unwrap();
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(&half).is_err());
    hubspot.fault(Fault::at(UPSERT, Misdeed::FailAfter { status: 504 }));
    assert_eq!(write(&http, &hubspot, 4).send().await.unwrap().status().as_u16(), 504);
    hubspot.fault(Fault::at(UPSERT, Misdeed::Late { milliseconds: 60_000 }));
    let impatient = write(&http, &hubspot, 5).timeout(Duration::from_secs(3)).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    assert_eq!(known(&hubspot), 5, "late, but done");
    assert_eq!(write(&http, &hubspot, 5).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(known(&hubspot), 5);
    hubspot.stop().await.unwrap();
}

#[tokio::test]
async fn a_held_call_waits_and_chance_is_the_same_for_the_same_seed() {
    let (hubspot, http) = hubspot().await;
    hubspot.fault(Fault::at(UPSERT, Misdeed::Hold { name: "gate".into() }));
    let held = tokio::spawn(write(&http, &hubspot, 1).send());
    let waits = async {
        while hubspot.held() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.expect("the call never came");
    assert_eq!(known(&hubspot), 0);
    let release = http.post(format!("{}/control/release", hubspot.url())).body(r#"{"name": "gate"}"#);
    assert_eq!(release.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(held.await.unwrap().unwrap().status().as_u16(), 200);

    let control =
        |body: Value| http.post(format!("{}/control/faults", hubspot.url())).body(body.to_string()).send();
    let mut rounds = Vec::new();
    for seed in [7, 7, 8] {
        control(json!({"clear": true})).await.unwrap();
        control(json!({"seed": seed})).await.unwrap();
        control(json!({"path": "/crm", "share": 0.3, "kind": "server_error"})).await.unwrap();
        let mut round = Vec::new();
        for number in 0..60 {
            round.push(write(&http, &hubspot, number).send().await.unwrap().status().as_u16());
        }
        rounds.push(round);
    }
    assert_eq!(rounds[0], rounds[1]);
    assert_ne!(rounds[0], rounds[2]);
    let struck = rounds[0].iter().filter(|status| **status == 500).count();
    assert!((8..30).contains(&struck), "{struck} of 60");
    hubspot.stop().await.unwrap();
}

#[tokio::test]
async fn a_receiver_keeps_what_it_got_whatever_the_sender_was_told() {
    let clock = WorldClock::still(DateTime::UNIX_EPOCH);
    let receiver = host(Receiver::new(), listener().await, clock).unwrap();
    let http = sender::client().unwrap();
    let body =
        json!({"type": "lead.upserted", "items": [{"key": "a", "version": 1, "op": "upsert", "fields": {}}]});
    let send = || {
        let request = http.post(format!("{}/hooks/leads", receiver.url()));
        request.header("webhook-id", "msg_1").header("x-api-key", "k").body(body.to_string()).send()
    };
    receiver.fault(Fault::at("/hooks", Misdeed::TooMany { retry_after: None, policy: None }));
    assert_eq!(send().await.unwrap().status().as_u16(), 429);
    receiver.fault(Fault::at("/hooks", Misdeed::LoseAnswer));
    assert!(send().await.is_err());
    assert_eq!(send().await.unwrap().status().as_u16(), 200);
    let fates = receiver.with(|receiver| receiver.received().iter().map(|one| one.fate).collect::<Vec<_>>());
    assert_eq!(fates, [Fate::Struck, Fate::Taken, Fate::Repeated]);
    let state = http.get(format!("{}/control/state", receiver.url())).send().await.unwrap();
    let state: Value = state.json().await.unwrap();
    assert_eq!(state["deliveries"]["msg_1"], json!({"requests": 3, "taken": 1, "same_bytes": true}));
    assert_eq!(state["leads"]["by_key"]["a"]["creates"], 1);
    let headers = state["requests"][0]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["x-api-key", "k"])));
    assert_eq!(state["requests"][0]["body"], body);
    receiver.stop().await.unwrap();
}
