//! From a score to a signed webhook, on a real database: once, in order, withdrawn, answered by people.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use chatledger_tests::wait_until;
use chrono::TimeDelta;
use escalation::{Channel, Escalator, Notifier, Rules, Settings, routes};
use events::{Clock as _, SystemClock};
use futures::future::BoxFuture;
use outbound::{Lookup, SigningSecret, Target};
use store::effects;
use store::escalations::Status;
use tokio::net::TcpListener;

use crate::escalating::{
    Receiver, Running, SOON, Scene, WEBHOOK_SECRET, clock, escalator, key, links, rule, webhook, yesterday,
};
use crate::ledger::http;

#[tokio::test]
async fn a_low_score_is_told_with_everything_that_a_person_needs() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    let running = Running::start(escalator(&scene.pool, "w", vec![receiver.notifier("ops")]));
    scene.low("880").await;
    scene.score("881", 3.0, SystemClock.now(), false).await;
    let received = receiver.until(1).await;
    let (headers, body) = (&received[0].headers, received[0].json());
    assert_eq!(body["type"], "escalation.opened");
    let data = &body["data"];
    assert_eq!(data["escalation_key"], key("880", 1));
    assert_eq!((data["score"].as_f64(), data["scale"].as_f64()), (Some(1.0), Some(5.0)));
    assert_eq!(data["operator"]["name"], "Olga Operator");
    assert_eq!(data["client"]["name"], "Canary Client");
    assert_eq!((&data["request_key"], &data["valuation_request_key"]), (&"870".into(), &"880".into()));
    assert_eq!(data["dialog_url"], "https://web.example.org/chat/30");
    assert_eq!(data["ack_url"], links().of(&key("880", 1)));
    assert_eq!(headers["idempotency-key"], headers["webhook-id"]);
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    scene.until("880", 1, Status::Notified).await;
    scene.evaluated().await;
    running.stop().await;
    let found = scene.find("880", 1).await.unwrap();
    assert_eq!(found.due_at, Some(found.opened_at + TimeDelta::minutes(15)));
    let words: Vec<_> =
        found.timeline.as_array().unwrap().iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(words, ["open", "notified"]);
    assert!(scene.find("881", 1).await.is_none(), "a better score is no matter");
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_and_several_escalators_tell_each_matter_once() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    let start = |owner: &str| Running::start(escalator(&scene.pool, owner, vec![receiver.notifier("ops")]));
    let running = [start("a"), start("b"), start("c")];
    for n in 0..40 {
        scene.low(&format!("v{n}")).await;
        scene.replay(&format!("v{n}")).await;
    }
    for n in 0..40 {
        scene.until(&format!("v{n}"), 1, Status::Notified).await;
        scene.replay(&format!("v{n}")).await;
    }
    scene.evaluated().await;
    for running in running {
        running.stop().await;
    }
    let told: BTreeSet<String> = receiver.received().iter().map(|received| received.id()).collect();
    assert_eq!((receiver.received().len(), told.len()), (40, 40));
    let escalations: i64 =
        sqlx::query_scalar("select count(*) from ledger.escalations").fetch_one(&scene.pool).await.unwrap();
    assert_eq!(escalations, 40);
}

#[tokio::test]
async fn a_score_that_is_old_when_it_is_first_seen_is_listed_and_told_to_nobody() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    let one = escalator(&scene.pool, "w", vec![receiver.notifier("ops")]);
    scene.score("old", 1.0, yesterday(), false).await;
    scene.score("young", 1.0, SystemClock.now() - TimeDelta::hours(23), false).await;
    let done = one.evaluate().await.unwrap();
    assert_eq!((done.changed, done.historic, done.opened, done.intended), (2, 1, 1, 1));
    assert_eq!(scene.find("old", 1).await.unwrap().status, Status::Historic);
    assert_eq!(
        scene.effects().await.into_keys().collect::<Vec<_>>(),
        [format!("{}/opened/ops", key("young", 1))]
    );
    // A rule may be more patient.
    let patient = escalation::Rule { historic_after: Duration::from_secs(48 * 3600), ..rule(&["ops"]) };
    let patient = escalation::Rule { name: "patient".to_owned(), ..patient };
    let rules = Rules { rules: vec![patient], ..Rules::default() };
    let settings =
        Settings { rules, notifiers: vec![receiver.notifier("ops")], ..Settings::new("x".to_owned(), 1) };
    scene.replay("old").await;
    let done = Escalator::new(scene.pool.clone(), clock(), settings).evaluate().await.unwrap();
    assert_eq!((done.opened, done.historic), (1, 0));
}

#[tokio::test]
async fn a_withdrawal_goes_once_to_those_who_were_told_and_what_waits_is_dropped() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    let start = |owner: &str| Running::start(escalator(&scene.pool, owner, vec![receiver.notifier("ops")]));
    let running = start("w");
    scene.low("told").await;
    scene.until("told", 1, Status::Notified).await;
    scene.score("told", 1.0, SystemClock.now(), true).await;
    scene.until("told", 1, Status::Withdrawn).await;
    let received = receiver.until(2).await;
    assert_eq!(received[1].kind(), "escalation.withdrawn");
    assert_eq!(received[1].json()["data"]["reason"], "taken back");
    scene.replay("told").await;
    scene.evaluated().await;
    running.stop().await;

    // Nobody was told yet: nobody has to be.
    let quiet = escalator(&scene.pool, "q", vec![receiver.notifier("ops")]);
    scene.low("waits").await;
    quiet.evaluate().await.unwrap();
    scene.score("waits", 5.0, SystemClock.now(), false).await;
    assert_eq!(quiet.evaluate().await.unwrap().withdrawn, 1);
    let effects = scene.effects().await;
    assert_eq!(effects[&format!("{}/opened/ops", key("waits", 1))], "dropped");
    assert!(!effects.contains_key(&format!("{}/withdrawn/ops", key("waits", 1))));

    // It falls again: the next episode, told anew.
    let running = start("w2");
    scene.low("waits").await;
    scene.until("waits", 2, Status::Notified).await;
    running.stop().await;
    assert_eq!(receiver.received().len(), 3, "{:?}", receiver.received());
    assert_eq!(scene.find("waits", 1).await.unwrap().status, Status::Withdrawn);
}

#[tokio::test]
async fn what_people_do_is_told_in_order_and_does_not_repeat() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    let one = escalator(&scene.pool, "w", vec![receiver.notifier("ops")]);
    let desk = one.desk();
    scene.low("880").await;
    one.evaluate().await.unwrap();
    // Before anything was sent: the opening still goes first.
    let done = desk.acknowledge(&key("880", 1), " Ann\n ").await.unwrap();
    assert!(
        matches!(&done, store::escalations::Response::Done(done) if done.owner.as_deref() == Some("Ann"))
    );
    assert!(matches!(
        desk.acknowledge(&key("880", 1), "Bob").await.unwrap(),
        store::escalations::Response::Already(found) if found.owner.as_deref() == Some("Ann")
    ));
    desk.close(&key("880", 1), "called the client", Some("Ann")).await.unwrap();
    assert!(matches!(
        desk.acknowledge(&key("880", 1), "x").await.unwrap(),
        store::escalations::Response::TooLate(_)
    ));
    assert!(matches!(
        desk.acknowledge("acme/x/1/1", "x").await.unwrap(),
        store::escalations::Response::Unknown
    ));
    let running = Running::start(one);
    let kinds: Vec<_> = receiver.until(3).await.iter().map(|received| received.kind()).collect();
    assert_eq!(kinds, ["escalation.opened", "escalation.acknowledged", "escalation.closed"]);
    let received = receiver.received();
    assert_eq!(received[1].json()["data"]["by"], "Ann");
    assert_eq!(received[2].json()["data"]["reason"], "called the client");
    assert!(received[1].json()["data"].get("ack_url").is_none());
    // A closed matter stays closed when the score is raised, and a new fall is a new episode.
    scene.score("880", 5.0, SystemClock.now(), false).await;
    scene.evaluated().await;
    assert_eq!(scene.find("880", 1).await.unwrap().status, Status::Closed);
    scene.low("880").await;
    scene.until("880", 2, Status::Notified).await;
    running.stop().await;
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn only_a_post_acknowledges_and_only_with_the_right_link() {
    let scene = Scene::new().await;
    let one = escalator(&scene.pool, "w", vec![]);
    scene.low("880").await;
    scene.low("881").await;
    one.evaluate().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = routes::signed(one.desk(), links()).merge(routes::api(one.desk()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let at = |link: &str| link.replace("https://ledger.example.org", &format!("http://{address}"));
    let link = at(&links().of(&key("880", 1)));

    // A scanner follows the link as often as it likes.
    for _ in 0..3 {
        let page = http().get(&link).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert_eq!(
            (&page.headers()["cache-control"], &page.headers()["referrer-policy"]),
            (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
        let text = page.text().await.unwrap();
        assert!(text.contains("I take care of it") && text.contains("1 of 5"), "{text}");
        assert!(
            !text.contains("Canary") && !text.contains("canary"),
            "no name and no word of the client: {text}"
        );
    }
    assert_eq!(scene.find("880", 1).await.unwrap().status, Status::Open);

    let other = links().of(&key("881", 1));
    let signature = other.split('/').nth(4).unwrap();
    for wrong in
        [format!("http://{address}/ack/{signature}/{}", key("880", 1)), at(&links().of("acme/low-score/9/1"))]
    {
        let answers = [http().get(&wrong).send().await.unwrap(), http().post(&wrong).send().await.unwrap()];
        assert!(answers.iter().all(|answer| answer.status() == 404), "{wrong}");
    }
    assert_eq!(scene.find("880", 1).await.unwrap().status, Status::Open);

    // A stranger's body is not even read, and nobody needs a long one.
    let flood = "x".repeat(1 << 20);
    assert_eq!(
        http().post(&link).body(flood).send().await.map_or(413, |answer| answer.status().as_u16()),
        413
    );
    assert_eq!(scene.find("880", 1).await.unwrap().status, Status::Open);

    let pressed = http().post(&link).body("by=Ann+%26+Bob").send().await.unwrap();
    assert_eq!(pressed.status(), 200);
    let text = pressed.text().await.unwrap();
    assert!(text.contains("Taken care of") && text.contains("Ann &amp; Bob"), "{text}");
    let found = scene.find("880", 1).await.unwrap();
    assert_eq!((found.status, found.owner.as_deref()), (Status::Acknowledged, Some("Ann & Bob")));
    let again = http().get(&link).send().await.unwrap().text().await.unwrap();
    assert!(!again.contains("<button"), "{again}");

    // The API takes the key with its slashes or with %2F.
    for (path, status) in [
        (key("881", 1).replace('/', "%2F"), 200),
        (key("881", 1), 200),
        ("acme%2Flow-score%2F9%2F1".to_owned(), 404),
    ] {
        let call =
            http().post(format!("http://{address}/api/escalations/{path}/ack")).body(r#"{"by":"Api"}"#);
        assert_eq!(call.send().await.unwrap().status(), status, "{path}");
    }
    assert_eq!(scene.find("881", 1).await.unwrap().owner.as_deref(), Some("Api"));
    let url = format!("http://{address}/api/escalations/{}/ack", key("881", 1));
    let foreign = http().post(&url).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(http().post(&url).body("by=x").send().await.unwrap().status(), 400);
    assert_eq!(http().get(&url).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn an_unknown_outcome_brings_the_same_bytes_under_the_same_id_and_a_refusal_is_final() {
    let scene = Scene::new().await;
    let shaky =
        Receiver::answering(|before| if before == 0 { StatusCode::BAD_GATEWAY } else { StatusCode::OK })
            .await;
    let strict = Receiver::answering(|_| StatusCode::BAD_REQUEST).await;
    let notifiers = vec![shaky.notifier("shaky"), strict.notifier("strict")];
    let running = Running::start(escalator(&scene.pool, "w", notifiers));
    scene.low("880").await;
    let received = shaky.until(2).await;
    assert_eq!(received[0].id(), received[1].id());
    assert_eq!(received[0].body, received[1].body);
    scene.until("880", 1, Status::Notified).await;
    scene.score("880", 1.0, SystemClock.now(), true).await;
    assert_eq!(shaky.until(3).await[2].kind(), "escalation.withdrawn");
    scene.evaluated().await;
    running.stop().await;
    assert_eq!(strict.received().len(), 1, "who refused the beginning is not told of the end");
    assert_eq!(scene.effects().await[&format!("{}/opened/strict", key("880", 1))], "dead");
}

#[tokio::test]
async fn who_may_have_been_told_hears_of_the_withdrawal_whatever_came_of_later_attempts() {
    let scene = Scene::new().await;
    let is_well = Arc::new(AtomicBool::new(false));
    let wellness = is_well.clone();
    // It has the message and says nothing certain, then it is busy.
    let receiver = Receiver::answering(move |before| match before {
        0 => StatusCode::BAD_GATEWAY,
        _ if wellness.load(Ordering::SeqCst) => StatusCode::OK,
        _ => StatusCode::TOO_MANY_REQUESTS,
    })
    .await;
    let running = Running::start(escalator(&scene.pool, "w", vec![receiver.notifier("ops")]));
    scene.low("880").await;
    receiver.until(2).await;
    scene.score("880", 1.0, SystemClock.now(), true).await;
    scene.until("880", 1, Status::Withdrawn).await;
    is_well.store(true, Ordering::SeqCst);
    wait_until("the withdrawal comes", SOON, async || {
        receiver.received().last().is_some_and(|last| last.kind() == "escalation.withdrawn")
    })
    .await;
    running.stop().await;
    let opened: BTreeSet<_> = receiver
        .received()
        .iter()
        .filter(|one| one.kind() == "escalation.opened")
        .map(|one| one.id())
        .collect();
    assert_eq!(opened.len(), 1, "the opening under one id, before it");
}

/// A name server that changes its mind.
struct Moving(AtomicUsize);

impl Lookup for Moving {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        // At first there is no address at all, later it is ours.
        let found = if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            vec![]
        } else {
            vec!["127.0.0.1".parse().unwrap()]
        };
        Box::pin(std::future::ready(Ok(found)))
    }
}

#[tokio::test]
async fn a_private_address_is_refused_at_the_connection_whatever_the_name_server_said_before() {
    let (scene, inside) = (Scene::new().await, Receiver::new().await);
    let port = inside.url.split([':', '/']).nth(4).unwrap();
    let mut settings = outbound::Settings::new(format!("https://receiver.test:{port}/in").parse().unwrap());
    settings.secrets = vec![SigningSecret::parse(WEBHOOK_SECRET).unwrap()];
    settings.lookup = Arc::new(Moving(AtomicUsize::new(0)));
    let channel = Channel::Webhook(Target::new(settings).unwrap());
    let outside = Notifier { name: "outside".to_owned(), channel };
    let running = Running::start(escalator(&scene.pool, "w", vec![outside, inside.notifier("ops")]));
    scene.low("880").await;
    wait_until("the address was refused", SOON, async || {
        let state = effects::target_state(&scene.pool, "notifier/outside", SystemClock.now()).await.unwrap();
        state.broken_since.is_some() && state.reason.as_deref() == Some("address not allowed")
    })
    .await;
    scene.until("880", 1, Status::Notified).await;
    running.stop().await;
    assert_eq!(inside.received().len(), 1, "only the one that is allowed");
    assert_eq!(scene.effects().await[&format!("{}/opened/outside", key("880", 1))], "pending");
}

#[tokio::test]
async fn a_receiver_that_is_away_delays_no_other_and_is_told_when_it_is_back() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    // Takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let notifiers = vec![
        webhook("silent", &format!("http://{}/", silent.local_addr().unwrap())),
        webhook("away", &format!("http://{free}/in")),
        receiver.notifier("ops"),
    ];
    let running = Running::start(escalator(&scene.pool, "w", notifiers));
    for n in 0..5 {
        scene.low(&format!("v{n}")).await;
    }
    receiver.until(5).await;
    let state =
        async || effects::target_state(&scene.pool, "notifier/away", SystemClock.now()).await.unwrap();
    wait_until("it is known to be away", SOON, async || state().await.paused_until.is_some()).await;
    let back = Receiver::new().await;
    let (listener, target) = (TcpListener::bind(free).await.unwrap(), back.url.clone());
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let address = target.trim_start_matches("http://").trim_end_matches("/in").to_owned();
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(address).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    back.until(5).await;
    wait_until("it is well again", SOON, async || state().await.paused_until.is_none()).await;
    drop(silent);
    running.stop().await;
}
