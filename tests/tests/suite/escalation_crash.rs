//! `kill -9` at any point between a decision and its outcome: everybody is told, under the same id, with the same bytes.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use chatledger_tests::wait_until;
use chrono::TimeDelta;
use events::{Clock as _, SystemClock};
use store::effects::{self, Lease};
use store::escalations::Status;

use crate::escalating::{Receiver, Running, SOON, Scene, escalator, webhook};

#[tokio::test]
#[ignore = "the killed process of the tests below, not a test"]
async fn escalates_until_it_is_killed() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let pool = store::pool(&variable("ESCALATION_DATABASE"), store::LIVE, 4).unwrap();
    let owner = variable("ESCALATION_OWNER");
    let running =
        Running::start(escalator(&pool, &owner, vec![webhook("ops", &variable("ESCALATION_RECEIVER"))]));
    std::future::pending::<()>().await;
    running.stop().await;
}

fn escalates(scene: &Scene, receiver: &Receiver, owner: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "escalation_crash::escalates_until_it_is_killed", "--nocapture"])
        .env("ESCALATION_DATABASE", &scene.database.url)
        .env("ESCALATION_RECEIVER", &receiver.url)
        .env("ESCALATION_OWNER", owner)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_between_intent_call_and_outcome_tells_everybody_under_the_same_id() {
    let scene = Scene::new().await;
    let victim: Arc<Mutex<Option<Child>>> = Arc::new(Mutex::new(None));
    let target = victim.clone();
    // The message has arrived, its outcome is not written: the process dies before it is answered.
    let receiver = Receiver::answering(move |_| {
        if let Some(mut child) = target.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        StatusCode::OK
    })
    .await;
    // Killed between intent and call: decided by one that never sends.
    let decides = escalator(&scene.pool, "decides", vec![receiver.notifier("ops")]);
    scene.low("intended").await;
    decides.evaluate().await.unwrap();
    // Killed between claim and call.
    scene.low("claimed").await;
    decides.evaluate().await.unwrap();
    let now = SystemClock.now();
    let lease = Lease { owner: "dead", until: now + TimeDelta::seconds(2) };
    let claimed = effects::claim(&scene.pool, "notifier/ops", 1, &lease, "m-dead", now).await.unwrap();
    assert_eq!(claimed.len(), 1);
    for n in 0..3 {
        scene.low(&format!("v{n}")).await;
    }
    *victim.lock().unwrap() = Some(escalates(&scene, &receiver, "first"));
    receiver.until(1).await;
    wait_until("it was killed", SOON, async || victim.lock().unwrap().is_none()).await;
    let mut second = escalates(&scene, &receiver, "second");
    for valuation in ["intended", "claimed", "v0", "v1", "v2"] {
        scene.until(valuation, 1, Status::Notified).await;
    }
    second.kill().unwrap();
    second.wait().unwrap();

    let received = receiver.received();
    let mut by_id: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for one in &received {
        by_id.entry(one.id()).or_default().push(one.body.clone());
    }
    assert_eq!(by_id.len(), 5, "five matters, each under one id");
    assert!(by_id.values().all(|bodies| bodies.windows(2).all(|pair| pair[0] == pair[1])), "the same bytes");
    assert_eq!(received.len(), 6, "only what was cut came again");
    assert!(scene.effects().await.values().all(|status| status == "done"));
}
