//! The bad days of Chat2Desk, one by one, through the control interface and over a real connection.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::tests::{Caller, receiver, start, tenant, within};
use super::*;

async fn strike(caller: &Caller, path: &str, fault: Value) -> Result<(u16, String), reqwest::Error> {
    caller.fault(path, fault).await;
    caller.get(path).await
}

#[tokio::test]
async fn every_refusal_of_the_vendor_can_be_made_to_come() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    for refusal in crate::chat2desk::Refusal::ALL {
        let wanted = refusal.answer();
        let (status, body) =
            strike(&caller, "/v1/tags", json!({"kind": "vendor", "refusal": refusal})).await.unwrap();
        assert_eq!((status, serde_json::from_str(&body).ok()), (wanted.status, Some(wanted.body)));
    }
    assert_eq!(caller.get("/v1/tags").await.unwrap().0, 200, "each struck once");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn too_many_comes_with_seconds_with_a_date_and_without_a_word() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    let date = "Thu, 22 Jan 2026 06:00:30 GMT";
    for (fault, header) in [
        (json!({"kind": "too_many", "retry_after": 7}), Some("7")),
        (json!({"kind": "too_many"}), None),
        (json!({"kind": "too_many_until", "seconds": 30}), Some(date)),
    ] {
        caller.fault("/v1/tags", fault).await;
        let request =
            caller.http.get(format!("{}/v1/tags", caller.url)).header("authorization", "token-acme");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers().get("retry-after").map(|value| value.to_str().unwrap()), header);
    }
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_cut_or_fails_is_done_or_not_as_the_fault_says() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    let made = async |fault: Value| {
        let before = handle.with("acme", |tenant| tenant.world.holdings.tickets.len()).unwrap();
        caller.fault("/v1/tickets", fault).await;
        let request =
            caller.http.post(format!("{}/v1/tickets", caller.url)).header("authorization", "token-acme");
        let answer = match request.body(json!({"reporter_id": 7_001}).to_string()).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                answer.text().await.map_or((0, String::new()), |text| (status, text))
            }
            Err(_) => (0, String::new()),
        };
        let after = handle.with("acme", |tenant| tenant.world.holdings.tickets.len()).unwrap();
        (answer.0, after > before, serde_json::from_str::<Value>(&answer.1).is_ok())
    };
    assert_eq!(made(json!({"kind": "hang_up"})).await, (0, false, false));
    assert_eq!(made(json!({"kind": "lose_answer"})).await, (0, true, false));
    assert_eq!(made(json!({"kind": "cut_answer"})).await, (0, true, false));
    assert_eq!(made(json!({"kind": "fail_with", "status": 503})).await, (503, false, false));
    assert_eq!(made(json!({"kind": "fail_after", "status": 504})).await, (504, true, false));
    assert_eq!(made(json!({"kind": "truncated_json"})).await, (200, true, false));
    assert_eq!(made(json!({"kind": "html"})).await, (200, false, false));
    assert_eq!(made(json!({"kind": "refuse", "status": 200, "body": "{}"})).await, (200, false, true));
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_quota_is_spent_for_the_month_and_comes_back_with_the_next() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    caller.post("/control/account", json!({"quota": 1})).await;
    assert_eq!(caller.get("/v1/tags").await.unwrap().0, 200);
    for _ in 0..2 {
        let (status, text) = caller.get("/v1/tags").await.unwrap();
        assert!(status == 403 && text.contains("monthly limit"), "{text}");
    }
    handle.advance(TimeDelta::days(31));
    assert_eq!(caller.get("/v1/tags").await.unwrap().0, 200);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn rows_that_come_while_a_list_is_paged_shift_the_newest_first_lists_only() {
    let (handle, caller) = start(vec![tenant("acme", 60)]).await;
    let walk = async |order: &str| {
        let mut seen = Vec::new();
        for offset in (0..60).step_by(10) {
            caller.fault("/v1/clients", json!({"kind": "insert_rows", "count": 2})).await;
            let page = caller.json(&format!("/v1/clients?limit=10&offset={offset}{order}")).await;
            seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        }
        (seen.len(), seen.into_iter().collect::<BTreeSet<_>>().len())
    };
    let (shown, different) = walk("&order=asc").await;
    assert_eq!(shown, different, "new rows append behind the cursor");
    let (shown, different) = walk("").await;
    assert_eq!(shown - different, 10, "each page but the first repeats two rows");
    handle.stop().await.unwrap();
}

/// Moves the clock on by `seconds` when nothing is on its way any more.
async fn wait(handle: &Handle, seconds: i64) {
    within(async {
        let busy = |tenant: &mut Tenant| {
            let outbox = &tenant.world.webhooks.outbox;
            outbox.sending() > 0 || outbox.next_due().is_some_and(|due| due <= tenant.world.now())
        };
        while handle.with("acme", busy) == Some(true) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    handle.advance(TimeDelta::seconds(seconds));
}

#[tokio::test]
async fn a_receiver_that_refuses_for_five_hours_is_listed_with_its_errors_and_switched_off() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    let (url, mut seen) = receiver(503).await;
    caller.post("/control/webhook", json!({"url": url, "events": ["inbox"]})).await;
    caller.post("/control/say", json!({"text": "one"})).await;
    let mut attempts = Vec::new();
    for seconds in [0, 10, 300, 7_200] {
        wait(&handle, seconds).await;
        let (headers, body) = within(seen.recv()).await.unwrap();
        attempts.push((headers["x-timestamp"].clone(), headers["x-signature"].clone(), body));
    }
    assert!(
        attempts.iter().all(|attempt| *attempt == attempts[0]),
        "same bytes, same timestamp, same signature"
    );
    wait(&handle, 10_000).await;
    let hook = async || caller.json("/v1/webhooks").await["data"][0].clone();
    let listed = hook().await;
    assert_eq!((&listed["status"], listed["errors"].as_array().unwrap().len()), (&json!("enable"), 4));
    assert_eq!(listed["errors"][0]["text"], "response code 503");
    let times: Vec<i64> = (0..4).map(|n| listed["errors"][n]["created_at"].as_i64().unwrap()).collect();
    assert_eq!([times[1] - times[0], times[2] - times[1], times[3] - times[2]], [10, 300, 7_200]);

    caller.post("/control/say", json!({"text": "two"})).await;
    within(seen.recv()).await.unwrap();
    wait(&handle, 1_000).await;
    within(async {
        while hook().await["status"] != "disable" {
            caller.post("/control/say", json!({"text": "three"})).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    let enabled = json!({"status": "enable"});
    let path = format!("{}/v1/webhooks/{}", caller.url, listed["id"]);
    let put = caller.http.put(path).header("authorization", "token-acme").body(enabled.to_string());
    assert_eq!(put.send().await.unwrap().status(), 200);
    assert_eq!(hook().await["status"], "enable");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn deliveries_come_late_doubled_and_out_of_order() {
    let (handle, caller) = start(vec![tenant("acme", 0)]).await;
    let (url, mut seen) = receiver(200).await;
    caller.post("/control/webhook", json!({"url": url, "events": ["inbox"]})).await;
    let client = caller.post("/control/say", json!({"text": "0"})).await["client_id"].clone();
    within(seen.recv()).await.unwrap();
    caller.post("/control/mishaps", json!({"duplicate": 1.0, "reorder": 1.0})).await;
    for n in 1..=8 {
        caller.post("/control/say", json!({"client_id": client, "text": n.to_string()})).await;
    }
    handle.advance(TimeDelta::seconds(10));
    let mut order = Vec::new();
    for _ in 0..16 {
        let body: Value = serde_json::from_slice(&within(seen.recv()).await.unwrap().1).unwrap();
        order.push(body["text"].as_str().unwrap().parse::<u32>().unwrap());
    }
    assert!(!order.is_sorted(), "{order:?}");
    assert!((1..=8).all(|n| order.iter().filter(|one| **one == n).count() == 2), "{order:?}");

    caller.post("/control/mishaps", json!({"delay": 1.0})).await;
    caller.post("/control/say", json!({"client_id": client, "text": "late"})).await;
    let waiting = handle.with("acme", |tenant| tenant.world.webhooks.outbox.next_due()).flatten().unwrap();
    assert!(waiting > handle.clock().now());
    handle.advance(TimeDelta::minutes(10));
    within(seen.recv()).await.unwrap();
    handle.stop().await.unwrap();
}
