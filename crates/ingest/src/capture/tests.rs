use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use chrono::{TimeDelta, TimeZone as _, Utc};
use events::delivery::partition_hash;
use events::{
    AccountId, Authenticity, Delivery, DeliveryId, DeliveryIds, ManualClock, Platform, Policy, Road,
    Signature,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt as _, stream};
use log::{Bounds as Ends, Entry, Log, LogError, Place, Reader, Record};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::{Bounds, HookAccount, HookAccounts, Intake, health, router};

const HOOK: &str = "/hooks/acme/s3cret-path";
const INBOX: &str = r#"{"hook_type":"inbox","message_id":900001,"client_id":330001}"#;

/// What the log does with an append.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Accepts,
    Unavailable,
    TooLarge,
    /// Accepts one append for each permit of [`FakeLog::gate`].
    Waits,
}

struct FakeLog {
    mood: Mutex<Mood>,
    gate: Semaphore,
    entries: Mutex<Vec<Entry>>,
}

#[async_trait]
impl Log for FakeLog {
    fn id(&self) -> &str {
        "fake"
    }

    fn partitions(&self) -> u32 {
        4
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Accepts => {}
            Mood::Waits => self.gate.acquire().await.unwrap().forget(),
            Mood::Unavailable => return Err(LogError::Unavailable("gone".to_owned())),
            Mood::TooLarge => return Err(LogError::TooLarge { id: entries[0].delivery.id, bytes: 1 }),
        }
        let mut all = self.entries.lock().unwrap();
        let first = all.len() as i64;
        let places = (first..).map(|offset| Place { partition: 0, offset }).take(entries.len()).collect();
        all.extend(entries);
        Ok(places)
    }

    async fn open(&self, _: &[Place]) -> Result<Box<dyn Reader>, LogError> {
        Err(LogError::Unavailable("not read here".to_owned()))
    }

    async fn bounds(&self) -> Result<Vec<Ends>, LogError> {
        Ok(Vec::new())
    }

    async fn find(&self, _: DeliveryId) -> Result<Option<Record>, LogError> {
        Ok(None)
    }

    async fn ready(&self) -> Result<(), LogError> {
        match *self.mood.lock().unwrap() {
            Mood::Unavailable => Err(LogError::Unavailable("gone".to_owned())),
            _ => Ok(()),
        }
    }
}

struct Door {
    log: Arc<FakeLog>,
    clock: Arc<ManualClock>,
    intake: Intake,
    router: Router,
    recorder: PrometheusRecorder,
    counters: PrometheusHandle,
}

impl Door {
    fn open() -> Self {
        Self::with(Bounds::default())
    }

    fn with(bounds: Bounds) -> Self {
        let account = |id: &str| id.parse::<AccountId>().unwrap();
        let accounts = HookAccounts::new([
            HookAccount::new(account("acme"), Platform::Chat2desk, ["s3cret-path", "next-secret"])
                .signed(Policy::IfPresent, ["example-api-token"]),
            HookAccount::new(account("closed"), Platform::Chat2desk, [""]),
        ]);
        let log = Arc::new(FakeLog {
            mood: Mutex::new(Mood::Accepts),
            gate: Semaphore::new(0),
            entries: Mutex::new(Vec::new()),
        });
        let clock = Arc::new(ManualClock::at(Utc.with_ymd_and_hms(2026, 1, 15, 9, 30, 1).unwrap()));
        let intake = Intake::new(accounts, log.clone(), clock.clone(), DeliveryIds::seeded(1), bounds);
        let router = router(intake.clone()).merge(health::router(vec![Arc::new(intake.clone())]));
        let recorder = PrometheusBuilder::new().build_recorder();
        let counters = recorder.handle();
        Self { log, clock, intake, router, recorder, counters }
    }

    async fn send(&self, request: Request<Body>) -> axum::response::Response {
        let _counted = metrics::set_default_local_recorder(&self.recorder);
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> StatusCode {
        self.send(Request::post(path).body(body.into()).unwrap()).await.status()
    }

    async fn post_encoded(&self, encoding: &str, body: Vec<u8>) -> StatusCode {
        let request = Request::post(HOOK).header(header::CONTENT_ENCODING, encoding);
        self.send(request.body(body.into()).unwrap()).await.status()
    }

    async fn get(&self, path: &str) -> StatusCode {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await.status()
    }

    fn deliveries(&self) -> Vec<Delivery> {
        self.log.entries.lock().unwrap().iter().map(|entry| entry.delivery.clone()).collect()
    }

    fn mood(&self, mood: Mood) {
        *self.log.mood.lock().unwrap() = mood;
    }

    fn counted(&self, account: &str, road: &str, outcome: &str) -> u64 {
        let labels = format!(r#"{{account="{account}",road="{road}",outcome="{outcome}"}} "#);
        let page = self.counters.render();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("chatledger_requests_total")?.strip_prefix(&*labels));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_webhook_is_in_the_log_as_it_came_when_it_is_answered() {
    let door = Door::open();
    let request =
        Request::post(HOOK).header(header::CONTENT_TYPE, "application/json").body(INBOX.into()).unwrap();
    assert_eq!(door.send(request).await.status(), StatusCode::OK);

    let entry = door.log.entries.lock().unwrap()[0].clone();
    let delivery = entry.delivery;
    assert_eq!(delivery.body, INBOX);
    assert_eq!((delivery.account.as_str(), delivery.road), ("acme", Road::Webhook));
    assert_eq!(delivery.received_at.timestamp(), 1_768_469_401);
    assert_eq!(delivery.id.unix_millis(), 1_768_469_401_000);
    assert_eq!(delivery.capture.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        delivery.capture.authenticity,
        Some(Authenticity { signature: Signature::Missing, policy: Policy::IfPresent })
    );
    assert_eq!(entry.partition_hash, partition_hash(&delivery.account, Some("330001")));
    assert_eq!(door.counted("acme", "webhook", "appended"), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_appended_under_its_account() {
    let door = Door::open();
    let deep = "[".repeat(1 << 20);
    for body in ["", "not json", "[]", "\u{0}", deep.as_str()] {
        assert_eq!(door.post(HOOK, body.to_owned()).await, StatusCode::OK);
        let entry = door.log.entries.lock().unwrap().pop().unwrap();
        assert_eq!(entry.delivery.body, body);
        assert_eq!(entry.partition_hash, partition_hash(&entry.delivery.account, None));
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_account_look_alike() {
    let door = Door::open();
    let mut answers = Vec::new();
    let doors = ["/hooks/acme/wrong", "/hooks/nobody/wrong", "/hooks/closed/x", "/hooks/%ff/%ff"];
    for path in doors {
        let answer = door.send(Request::post(path).body(INBOX.into()).unwrap()).await;
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, 1000).await.unwrap();
        answers.push((parts.status, parts.headers, body));
    }
    assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    assert_eq!(door.get("/hooks/acme/wrong").await, StatusCode::NOT_FOUND);
    assert_eq!(door.get("/hooks/nobody/wrong").await, StatusCode::NOT_FOUND);
    assert!(door.deliveries().is_empty());
    assert_eq!(door.counted("acme", "webhook", "unauthorized"), 1);
    assert_eq!(door.counted("unknown", "webhook", "unknown_account"), 2);
    assert!(!door.counters.render().contains("nobody"), "strangers make no time series");
}

#[tokio::test]
async fn both_secrets_open_while_one_is_rotated() {
    let door = Door::open();
    assert_eq!(door.post("/hooks/acme/next-secret", INBOX).await, StatusCode::OK);
    assert_eq!(door.post(HOOK, INBOX).await, StatusCode::OK);
    assert_eq!(door.deliveries().len(), 2);
}

#[tokio::test]
async fn the_url_check_is_answered_and_brings_nothing() {
    let door = Door::open();
    assert_eq!(door.get(HOOK).await, StatusCode::OK);
    assert!(door.deliveries().is_empty());
    assert!(!door.counters.render().contains("chatledger_requests_total{"));
}

#[tokio::test]
async fn a_signature_is_judged_on_the_bytes_of_the_wire_and_never_refused() {
    let door = Door::open();
    let body = br#"{"hook_type":"inbox","message_id":900001,"event_time":"2026-01-15T09:30:00.125000Z"}"#;
    for (signature, wanted) in [
        ("0c89ce8dce82dd0787e0bf258e19f45f1e66d2c55a382261c1977b660e5accb6", Signature::Valid),
        ("3509f0d7a75af400e1ad74602c340dbd989e9b0f777acc9228d7a02d8996c445", Signature::Valid),
        ("0000000000000000000000000000000000000000000000000000000000000000", Signature::Invalid),
    ] {
        let request =
            Request::post(HOOK).header("X-Signature", signature).header("X-Timestamp", "1768469400");
        let status = door.send(request.body(Body::from(body.to_vec())).unwrap()).await.status();
        assert_eq!(status, StatusCode::OK);
        let judged = door.deliveries().pop().unwrap().capture.authenticity.unwrap();
        assert_eq!(judged.signature, wanted);
    }
    // Which form of the key this account's signatures are made with.
    let page = door.counters.render();
    for form in ["hex_text", "raw_bytes"] {
        assert!(
            page.contains(&format!("chatledger_signature_key_forms_total{{form=\"{form}\"}} 1")),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_repetition_with_its_first_timestamp_is_as_valid_hours_later() {
    let door = Door::open();
    let body = br#"{"hook_type":"inbox","message_id":900001,"event_time":"2026-01-15T09:30:00.125000Z"}"#;
    // At once, after 10 seconds, after 5 minutes, after 2 hours (reference/chat2desk.md 3.3).
    for pause in [0, 10, 300, 7200] {
        door.clock.advance(TimeDelta::seconds(pause));
        let signature = "0c89ce8dce82dd0787e0bf258e19f45f1e66d2c55a382261c1977b660e5accb6";
        let request =
            Request::post(HOOK).header("X-Signature", signature).header("X-Timestamp", "1768469400");
        let status = door.send(request.body(Body::from(body.to_vec())).unwrap()).await.status();
        assert_eq!(status, StatusCode::OK);
        let delivery = door.deliveries().pop().unwrap();
        assert_eq!(delivery.capture.authenticity.unwrap().signature, Signature::Valid, "after {pause} s");
    }
    assert_eq!(door.deliveries().len(), 4, "every copy is kept");
}

#[tokio::test]
async fn three_mebibytes_are_too_large_however_they_are_announced() {
    let door = Door::open();
    let large = vec![b' '; 3 << 20];
    let announced = Request::post(HOOK).header(header::CONTENT_LENGTH, large.len());
    let status = door.send(announced.body(large.clone().into()).unwrap()).await.status();
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks: Vec<_> =
        large.chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
    let status = door.post(HOOK, Body::from_stream(stream::iter(chunks))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(door.post(HOOK, vec![b' '; 2 << 20]).await, StatusCode::OK);
    assert_eq!(door.counted("acme", "webhook", "too_large"), 2);
    assert_eq!(door.deliveries().len(), 1);
}

#[tokio::test]
async fn gzip_is_stored_inflated_and_its_bomb_is_too_large() {
    let door = Door::open();
    assert_eq!(door.post_encoded("gzip", gzip(INBOX.as_bytes())).await, StatusCode::OK);
    let delivery = door.deliveries().pop().unwrap();
    assert_eq!((delivery.body, delivery.capture.content_encoding), (Bytes::from(INBOX), None));

    let eight = vec![b'a'; 8 << 20];
    assert_eq!(door.post_encoded("gzip", gzip(&eight)).await, StatusCode::OK);
    let bomb = gzip(&vec![0; 200 << 20]);
    assert!(bomb.len() < 2 << 20);
    assert_eq!(door.post_encoded("X-GZIP", bomb).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(door.deliveries().len(), 2);
    assert_eq!(door.intake.free_bytes(), 64 << 20);
}

#[tokio::test]
async fn what_does_not_inflate_is_kept_as_it_came() {
    let door = Door::open();
    let mut cut = gzip(INBOX.as_bytes());
    cut.truncate(cut.len() - 6);
    let mut trailing = gzip(INBOX.as_bytes());
    trailing.extend_from_slice(b"rest");
    for (encoding, body) in
        [("gzip", cut), ("gzip", trailing), ("gzip", b"{}".to_vec()), ("br", b"xx".to_vec())]
    {
        assert_eq!(door.post_encoded(encoding, body.clone()).await, StatusCode::OK);
        let delivery = door.deliveries().pop().unwrap();
        assert_eq!(delivery.body, body);
        assert_eq!(delivery.capture.content_encoding.as_deref(), Some(encoding));
    }
}

#[tokio::test]
async fn scripts_macros_and_tunnels_come_by_their_own_road() {
    let door = Door::open();
    assert_eq!(door.post(&format!("{HOOK}/script/new_message"), INBOX).await, StatusCode::OK);
    assert_eq!(door.get(&format!("{HOOK}/tunnel?client_id=1&step=2")).await, StatusCode::OK);
    assert_eq!(door.post(&format!("{HOOK}/macro"), "a=b").await, StatusCode::ACCEPTED);
    let told: Vec<_> = door
        .deliveries()
        .into_iter()
        .map(|delivery| (delivery.road, delivery.capture.event, delivery.body, delivery.capture.authenticity))
        .collect();
    let query = "client_id=1&step=2";
    assert_eq!(
        told,
        [
            (Road::Script, Some("new_message".to_owned()), Bytes::from(INBOX), None),
            (Road::Tunnel, Some(query.to_owned()), Bytes::from(query), None),
            (Road::Macro, None, Bytes::from("a=b"), None),
        ]
    );
}

#[tokio::test]
async fn a_heartbeat_is_counted_and_not_kept() {
    let door = Door::open();
    door.mood(Mood::Unavailable);
    assert_eq!(door.post(&format!("{HOOK}/script/auto_checking"), "{}").await, StatusCode::OK);
    assert_eq!(door.get(&format!("{HOOK}/script/auto_checking?time=1")).await, StatusCode::OK);
    assert_eq!(door.counted("acme", "script", "heartbeat"), 2);
    assert!(door.deliveries().is_empty());
}

#[tokio::test]
async fn a_log_that_is_away_means_try_again_and_not_ready_until_an_append_succeeds() {
    let door = Door::with(Bounds { failure_memory: Duration::from_secs(600), ..Bounds::default() });
    assert_eq!(door.get("/readyz").await, StatusCode::OK);
    door.mood(Mood::Unavailable);
    let answer = door.send(Request::post(HOOK).body(INBOX.into()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()[header::RETRY_AFTER], "10");
    assert_eq!(door.counted("acme", "webhook", "unavailable"), 1);
    assert_eq!(door.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    door.mood(Mood::Accepts);
    assert_eq!(door.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE, "the failure is remembered");
    assert_eq!(door.post(HOOK, INBOX).await, StatusCode::OK);
    assert_eq!(door.get("/readyz").await, StatusCode::OK);
    assert_eq!(door.get("/healthz").await, StatusCode::OK);
}

#[tokio::test]
async fn a_failure_is_forgotten_when_nobody_tries() {
    let door = Door::with(Bounds { failure_memory: Duration::ZERO, ..Bounds::default() });
    door.mood(Mood::Unavailable);
    assert_eq!(door.post(HOOK, INBOX).await, StatusCode::SERVICE_UNAVAILABLE);
    door.mood(Mood::Accepts);
    assert_eq!(door.get("/readyz").await, StatusCode::OK);
}

#[tokio::test]
async fn what_the_log_can_never_take_is_too_large() {
    let door = Door::open();
    door.mood(Mood::TooLarge);
    assert_eq!(door.post(HOOK, INBOX).await, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_slow_log_means_try_again_and_holds_its_memory_until_it_lets_go() {
    let door = Door::with(Bounds { append_deadline: Duration::from_millis(20), ..Bounds::default() });
    door.mood(Mood::Waits);
    let all = door.intake.free_bytes();
    assert_eq!(door.post(HOOK, INBOX).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(door.intake.free_bytes() < all, "the log still has the body");
    door.log.gate.add_permits(1);
    door.intake.drain().await;
    assert_eq!(door.intake.free_bytes(), all);
    assert_eq!(door.deliveries().len(), 1, "answered 503 and in the log all the same: harmless");
}

#[tokio::test]
async fn a_sender_who_dawdles_or_breaks_off_is_not_waited_for() {
    let door = Door::with(Bounds { read_deadline: Duration::from_millis(20), ..Bounds::default() });
    let start = || stream::iter([Ok::<_, std::io::Error>(Bytes::from("{"))]);
    let dawdling = Body::from_stream(start().chain(stream::pending()));
    assert_eq!(door.post(HOOK, dawdling).await, StatusCode::SERVICE_UNAVAILABLE);
    let broken = Body::from_stream(start().chain(stream::iter([Err(std::io::ErrorKind::BrokenPipe.into())])));
    assert_eq!(door.post(HOOK, broken).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(door.deliveries().is_empty(), "half a body is no delivery");
    assert_eq!(door.counted("acme", "webhook", "unavailable"), 2);
    assert_eq!(door.intake.free_bytes(), 64 << 20);
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_and_the_rest_is_asked_to_try_again() {
    let door = Arc::new(Door::with(Bounds { in_flight_bytes: 1 << 20, ..Bounds::default() }));
    door.mood(Mood::Waits);
    let body = || vec![b' '; 300 << 10];
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (router, request) =
                (door.router.clone(), Request::post(HOOK).body(Body::from(body())).unwrap());
            tokio::spawn(async move { router.oneshot(request).await.unwrap().status() })
        })
        .collect();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while door.intake.free_bytes() > 200 << 10 {
        assert!(tokio::time::Instant::now() < deadline, "three requests never held their memory");
        tokio::task::yield_now().await;
    }
    assert_eq!(door.post(HOOK, body()).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        door.post_encoded("gzip", gzip(&vec![b' '; 300 << 10])).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    door.log.gate.add_permits(3);
    for request in waiting {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(door.deliveries().len(), 3);
    assert_eq!(door.intake.free_bytes(), 1 << 20);
}
