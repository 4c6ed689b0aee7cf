//! The generic webhook: the same bytes under the same id, items judged one by one, versions that grow.

use std::collections::BTreeSet;

use crm_sync::CrmError;
use simulator::receiver::ItemScript;
use simulator::service::{Fault, Misdeed, RetryAfter};

use super::scene::{assert_discreet, change, key, once, receiver, remembered, sync, warehouse, with_leads};

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_leads_arrive_once_each_through_lost_answers_and_throttling() {
    let (_database, pool) = with_leads(2000).await;
    let receiver = receiver().await;
    receiver.fault(Fault::sometimes("/in", 0.1, Misdeed::LoseAnswer));
    receiver.fault(Fault::sometimes("/in", 0.05, Misdeed::CutAnswer));
    receiver.fault(Fault::sometimes("/in", 0.05, Misdeed::TooMany { retry_after: None, policy: None }));
    receiver.fault(Fault::sometimes("/in", 0.05, Misdeed::FailAfter { status: 503 }));
    let sync = sync(&pool, vec![warehouse(&receiver)]);
    let summary = once(&sync, "warehouse").await.unwrap();
    assert_eq!((summary.created, summary.dead, summary.waiting), (2000, 0, 0), "{summary:?}");
    receiver.with(|receiver| {
        assert_eq!(
            (receiver.leads.by_key.len(), receiver.leads.applied, receiver.leads.stale),
            (2000, 2000, 0)
        );
        assert!(receiver.leads.by_key.values().all(|lead| lead.version == 1 && lead.creates == 1));
        let deliveries = receiver.deliveries();
        assert!(deliveries.values().any(|one| one.requests > 1), "answers were lost: {deliveries:?}");
        assert!(deliveries.values().all(|one| one.same_bytes && one.taken == 1), "{deliveries:?}");
        assert!(receiver.received().iter().all(|one| one.signature.is_good()));
        let first = receiver.received()[0].json();
        assert_eq!((first["type"].as_str(), first["schema"].as_u64()), (Some("lead.upserted"), Some(1)));
        let headers = &receiver.received()[0].call;
        assert_eq!(headers.header("webhook-id"), headers.header("idempotency-key"));
    });
    let requests = receiver.with(|receiver| receiver.received().len());
    assert_eq!(once(&sync, "warehouse").await.unwrap().unchanged, 2000);
    assert_eq!(receiver.with(|receiver| receiver.received().len()), requests, "a second run sends nothing");
    assert_discreet(&remembered(&pool).await);

    receiver.clear_faults();
    change(&pool, "tags = '{}'", "client_id = '7'").await;
    assert_eq!(once(&sync, "warehouse").await.unwrap().updated, 1);
    receiver.with(|receiver| {
        let lead = &receiver.leads.by_key[&key(7)];
        assert_eq!((lead.version, lead.fields["tags"].is_null()), (2, true));
        assert_eq!(lead.fields["name"], "Canaryname 7");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_judged_one_by_one() {
    let (_database, pool) = with_leads(100).await;
    let receiver = receiver().await;
    let script = |retry, times, message: &str| ItemScript { retry, times, message: message.to_owned() };
    receiver.with(|receiver| {
        receiver.script.items.insert(key(42), script(false, None, "Canaryname 42 has no phone"));
        receiver.script.items.insert(key(43), script(true, Some(2), "locked"));
    });
    let sync = sync(&pool, vec![warehouse(&receiver)]);
    let summary = once(&sync, "warehouse").await.unwrap();
    assert_eq!((summary.created, summary.dead), (99, 1), "{summary:?}");
    assert_eq!(summary.dead_letters[0].lead_key, key(42));
    assert!(summary.dead_letters[0].error.contains("has no phone"), "{:?}", summary.dead_letters);
    assert_discreet(&summary.dead_letters[0].error);
    receiver.with(|receiver| assert_eq!(receiver.leads.applied, 99, "no other went twice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_whole_is_halved_until_the_bad_row_stands_alone() {
    let (_database, pool) = with_leads(100).await;
    // A receiver that refuses any message that holds one key.
    let bad = key(42);
    let seen = std::sync::Arc::new(std::sync::Mutex::new((BTreeSet::new(), 0_u32)));
    let state = seen.clone();
    let route = axum::routing::post(move |body: String| {
        let (state, bad) = (state.clone(), bad.clone());
        async move {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let keys: Vec<String> = body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["key"].as_str().unwrap().to_owned())
                .collect();
            let mut state = state.lock().unwrap();
            state.1 += 1;
            if keys.contains(&bad) {
                return axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            }
            state.0.extend(keys);
            axum::http::StatusCode::NO_CONTENT
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/in", route)).await });
    let mut crm = warehouse(&receiver().await);
    let crm_sync::Kind::Webhook(settings) = &mut crm.kind else { unreachable!() };
    settings.url = url.parse().unwrap();
    let summary = once(&sync(&pool, vec![crm]), "warehouse").await.unwrap();
    assert_eq!((summary.created, summary.dead), (99, 1), "{summary:?}");
    assert_eq!(summary.dead_letters[0].lead_key, key(42));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.0.len(), 99);
    assert!(seen.1 <= 15, "{} calls", seen.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_wants_nothing_any_more_is_left_alone_until_somebody_asks() {
    let (_database, pool) = with_leads(5).await;
    let receiver = receiver().await;
    receiver.with(|receiver| receiver.script.status = 410);
    let sync = sync(&pool, vec![warehouse(&receiver)]);
    let error = once(&sync, "warehouse").await.unwrap_err();
    assert!(matches!(&error, CrmError::Broken { reason, .. } if reason.contains("410")), "{error}");
    let state = sync.state("warehouse").await.unwrap();
    assert!(state.target.broken_since.is_some() && state.target.waiting == 5, "{state:?}");
    receiver.with(|receiver| receiver.script.status = 200);
    assert_eq!(once(&sync, "warehouse").await.unwrap().created, 5, "a person asked");
    assert_eq!(sync.state("warehouse").await.unwrap().target.broken_since, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_the_receiver_asks_for_is_kept() {
    let (_database, pool) = with_leads(1).await;
    let receiver = receiver().await;
    let busy =
        Misdeed::Refuse { status: 503, body: String::new(), retry_after: Some(RetryAfter::Seconds(2)) };
    receiver.fault(Fault::at("/in", busy));
    let summary = once(&sync(&pool, vec![warehouse(&receiver)]), "warehouse").await.unwrap();
    assert_eq!(summary.created, 1);
    receiver.with(|receiver| {
        let times: Vec<_> = receiver.received().iter().map(|one| one.at).collect();
        assert!((times[1] - times[0]).num_milliseconds() >= 1900, "{times:?}");
        assert!(receiver.deliveries().values().all(|one| one.same_bytes && one.requests == 2));
    });
}
