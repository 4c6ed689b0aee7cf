use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::business::Plan;
use crate::chat2desk::webhooks::{key, sign};
use crate::chat2desk::{Account, Misdeed};

pub(super) fn until() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 22, 6, 0, 0).unwrap()
}

pub(super) fn tenant(slug: &str, clients: u32) -> Tenant {
    let account = Account::new(slug, &format!("token-{slug}"), "Tien-Shan Outdoor", chrono_tz::Asia::Almaty);
    let (world, business) = Plan { account, clients, days: 2, seed: 4, until: until() }.build();
    Tenant::new(world, Some(business))
}

pub(super) async fn start(tenants: Vec<Tenant>) -> (Handle, Caller) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handle = serve(tenants, listener, WorldClock::still(until())).unwrap();
    let caller = Caller { http: sender::client().unwrap(), url: handle.url() };
    (handle, caller)
}

pub(super) struct Caller {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
}

impl Caller {
    pub(super) async fn get(&self, path: &str) -> Result<(u16, String), reqwest::Error> {
        let request = self.http.get(format!("{}{path}", self.url)).header("authorization", "token-acme");
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await.unwrap().1).unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.url)).header("authorization", "token-acme");
        let text = request.body(body.to_string()).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub(super) async fn fault(&self, path: &str, misdeed: Value) {
        let mut fault = misdeed;
        fault["path"] = path.into();
        assert_eq!(self.post("/control/faults", fault).await, json!({"done": true}));
    }
}

/// A receiver that answers what it is told and hands over what it got.
pub(super) async fn receiver(status: u16) -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (got, seen) = mpsc::unbounded_channel();
    let app = axum::Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        got.send((headers, body)).unwrap();
        axum::http::StatusCode::from_u16(status).unwrap()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("took too long")
}

#[tokio::test]
async fn accounts_are_told_apart_by_token_and_a_wrong_one_is_refused() {
    let (handle, caller) = start(vec![tenant("zeta", 3), tenant("acme", 30)]).await;
    let info = caller.json("/v1/companies/api_info").await;
    assert_eq!(
        (&info["data"]["mode"], &info["data"]["requests_this_month"]),
        (&json!("unlimited"), &json!(1))
    );
    let acme = handle.with("acme", |tenant| tenant.world.clients.len()).unwrap();
    assert_eq!(caller.json("/v1/clients?limit=1").await["meta"]["total"], acme);
    let refused = reqwest::Client::builder().build().unwrap().get(format!("{}/v1/tags", caller.url)).send();
    let refused = refused.await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("token is not correct"));
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn advancing_the_world_sends_signed_webhooks_of_what_happened() {
    let (handle, caller) = start(vec![tenant("acme", 200)]).await;
    let (url, mut seen) = receiver(200).await;
    let hook =
        json!({"name": "t", "url": url, "events": ["inbox", "outbox", "close_request"], "channels": []});
    assert_eq!(caller.post("/v1/webhooks", hook).await["status"], "success");
    let before = caller.json("/control/state?requests=false").await;
    let after = caller.post("/control/advance", json!({"seconds": 3600})).await;
    let fresh = after["messages"].as_u64().unwrap() - before["messages"].as_u64().unwrap();
    assert!(fresh > 20, "{fresh}");
    let queued = after["deliveries"]["queued"].as_u64().unwrap();
    for _ in 0..queued {
        let (headers, body) = within(seen.recv()).await.unwrap();
        let timestamp: i64 = headers["x-timestamp"].to_str().unwrap().parse().unwrap();
        assert_eq!(headers["x-signature"].to_str().unwrap(), sign(&key("token-acme"), &body, timestamp));
    }
    within(async {
        while caller.json("/control/state?requests=false").await["deliveries"]["accepted"] != queued {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let truth = caller.json("/control/state").await;
    assert_eq!(truth["truth"].as_array().unwrap().len() as u64, truth["requests"].as_u64().unwrap());
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_webhook_comes_again_when_the_clock_has_moved() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    let (url, mut seen) = receiver(503).await;
    caller.post("/control/webhook", json!({"url": url, "events": ["inbox"]})).await;
    caller.post("/control/say", json!({"as": "client", "text": "hello"})).await;
    let first = within(seen.recv()).await.unwrap().1;
    for seconds in [10, 300, 7_200] {
        within(async {
            while handle.with("acme", |tenant| tenant.world.webhooks.outbox.sending()) != Some(0) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        handle.advance(TimeDelta::seconds(seconds));
        assert_eq!(within(seen.recv()).await.unwrap().1, first);
    }
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn faults_strike_as_scripted() {
    let (handle, caller) = start(vec![tenant("acme", 60)]).await;
    caller.fault("/v1/tags", json!({"kind": "too_many", "retry_after": 2})).await;
    assert_eq!(caller.get("/v1/tags").await.unwrap().0, 429);
    caller.fault("/v1/tags", json!({"kind": "refuse", "status": 418, "body": "no"})).await;
    assert_eq!(caller.get("/v1/tags").await.unwrap(), (418, "no".into()));
    caller.fault("/v1/tags", json!({"kind": "html"})).await;
    assert!(caller.get("/v1/tags").await.unwrap().1.starts_with("<html>"));
    caller.fault("/v1/tags", json!({"kind": "server_error"})).await;
    assert_eq!(caller.get("/v1/tags").await.unwrap().0, 500);
    caller.fault("/v1/tags", json!({"kind": "quota_spent"})).await;
    assert!(caller.get("/v1/tags").await.unwrap().1.contains("monthly limit"));
    caller.fault("/v1/tags", json!({"kind": "truncated_json"})).await;
    let (status, half) = caller.get("/v1/tags").await.unwrap();
    assert!(status == 200 && serde_json::from_str::<Value>(&half).is_err());
    caller.fault("/v1/tags", json!({"kind": "late", "milliseconds": 1})).await;
    assert_eq!(caller.get("/v1/tags").await.unwrap().0, 200);

    caller.fault("/v1/clients", json!({"kind": "offset_ignored"})).await;
    let (shifted, honest) = (caller.json("/v1/clients?offset=5").await, caller.json("/v1/clients").await);
    assert_eq!(shifted["data"], honest["data"]);
    caller.fault("/v1/clients", json!({"kind": "insert_rows", "count": 3})).await;
    let grown = caller.json("/v1/clients?order=asc").await;
    assert_eq!(grown["meta"]["total"].as_u64(), honest["meta"]["total"].as_u64().map(|total| total + 3));

    let newest = caller.json("/v1/messages?order=desc&limit=2").await;
    caller.fault("/v1/messages", json!({"kind": "late_id", "back": 1, "seconds": 30})).await;
    let gap = caller.json("/v1/messages?order=desc&limit=1000").await;
    assert_eq!(gap["data"][0]["id"], newest["data"][0]["id"]);
    assert_ne!(gap["data"][1]["id"], newest["data"][1]["id"], "its neighbour is not visible yet");
    handle.advance(TimeDelta::seconds(30));
    let path = format!("/v1/messages?start_id={}&limit=1", newest["data"][1]["id"]);
    assert_eq!(caller.json(&path).await["data"][0]["id"], newest["data"][1]["id"]);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_done_and_a_held_call_waits_for_its_release() {
    let (handle, caller) = start(vec![tenant("acme", 5)]).await;
    handle.fault("acme", Fault::at("/v1/webhooks", Misdeed::LoseAnswer));
    let hook = json!({"url": "http://127.0.0.1:9/", "events": ["new_tag"]}).to_string();
    let lost = caller
        .http
        .post(format!("{}/v1/webhooks", caller.url))
        .header("authorization", "token-acme")
        .body(hook);
    assert!(lost.send().await.is_err(), "no answer arrived");
    assert_eq!(handle.with("acme", |tenant| tenant.world.webhooks.list.len()), Some(1), "but it was done");

    handle.fault("acme", Fault::at("/v1/tags", Misdeed::Hold { name: "gate".into() }));
    let held = tokio::spawn({
        let caller = Caller { http: caller.http.clone(), url: caller.url.clone() };
        async move { caller.get("/v1/tags").await.unwrap().0 }
    });
    within(async {
        while handle.with("acme", |tenant| tenant.held.count()) != Some(1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!held.is_finished());
    caller.post("/control/release", json!({"name": "gate"})).await;
    assert_eq!(within(held).await.unwrap(), 200);

    // A call that is still held does not keep the server from stopping.
    handle.fault("acme", Fault::at("/v1/tags", Misdeed::Hold { name: "never".into() }));
    let held = tokio::spawn(async move { caller.get("/v1/tags").await.map(|(status, _)| status) });
    within(async {
        while handle.with("acme", |tenant| tenant.held.count()) != Some(1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(handle.stop()).await.unwrap();
    assert_eq!(within(held).await.unwrap().unwrap(), 200);
}

#[tokio::test]
async fn a_running_clock_brings_live_chats_and_their_webhooks_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handle = serve(vec![tenant("acme", 20)], listener, WorldClock::at_rate(until(), 60.0)).unwrap();
    let (url, mut seen) = receiver(200).await;
    handle.with("acme", |tenant| {
        let wanted = crate::chat2desk::control::Register { url, events: None, channels: vec![], old: false };
        crate::chat2desk::control::register(&mut tenant.world, wanted)
    });
    assert!(handle.go_live("acme", Live { chats_per_minute: 60.0, haste: 60.0, seconds: 60 }));
    assert!(!handle.go_live("nobody", Live { chats_per_minute: 60.0, haste: 60.0, seconds: 60 }));
    let mut missing = vec!["inbox", "outbox", "new_request", "close_request"];
    while !missing.is_empty() {
        let body: Value = serde_json::from_slice(&within(seen.recv()).await.unwrap().1).unwrap();
        missing.retain(|kind| body["hook_type"] != *kind);
    }
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_score_can_be_given_at_a_moment_of_ones_choice() {
    let (handle, caller) = start(vec![tenant("acme", 60)]).await;
    let (url, mut seen) = receiver(200).await;
    let events = json!(["add_tag_to_request"]);
    caller.post("/control/webhook", json!({"url": url, "events": events})).await;
    let rated = handle.rate_latest("acme", 1).unwrap();
    let hook: Value = serde_json::from_slice(&within(seen.recv()).await.unwrap().1).unwrap();
    assert_eq!(
        (&hook["label"], &hook["request_id"]),
        (&json!("score-1"), &json!(rated.valuation_request_id))
    );
    let again = caller.post("/control/rate", json!({"score": 2, "told": "tag"})).await;
    let hook: Value = serde_json::from_slice(&within(seen.recv()).await.unwrap().1).unwrap();
    assert_eq!((&hook["label"], &hook["request_id"]), (&json!("score-2"), &again["valuation_request_id"]));
    assert_ne!(again["request_id"], rated.request_id);
    let truth = caller.json("/control/state").await;
    let last = truth["scores"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["valuation_request_id"], &last["source"]),
        (&again["valuation_request_id"], &json!("tag"))
    );
    assert_eq!(last["given_at"], again["given_at"]);
    assert!(handle.rate_latest("acme", 0).is_err() && handle.rate_latest("nobody", 1).is_err());
    handle.stop().await.unwrap();
}
