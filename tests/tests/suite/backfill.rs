//! The backfill against the simulator, a real database and the Postgres log: every row arrives, whatever happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chat2desk::{Client, Settings, Timer, Token};
use chrono::{DateTime, TimeDelta, Utc};
use events::{Delivery, DeliveryIds, PagePart, Road};
use ingest::IngestError;
use ingest::backfill::offline::Offline;
use ingest::backfill::{History, Outcome, Progress, Range};
use log::{Bounds, Entry, Log, LogError, Place, Reader, Record};
use simulator::chat2desk::{ApiMode, Fault, Misdeed};
use tokio_util::sync::CancellationToken;

use scene::{ALL, Scene, run, today};

mod scene;

#[tokio::test]
async fn a_full_backfill_brings_every_row_in_the_fewest_calls_at_the_pace_of_the_account() {
    let scene = Scene::new().await;
    let plan = scene.backfill().plan(ALL, &CancellationToken::new()).await.unwrap().unwrap();
    let before = scene.waits.now();
    let outcome = scene.run(ALL).await;
    let (truth, held) = (scene.truth(), scene.held().await);
    assert_eq!(held, truth);
    assert!(truth["messages"].len() > 400 && truth["clients"].len() > 400, "several pages");

    let Outcome::Done(summary) = outcome else { panic!("{outcome:?}") };
    let pages = |list: &str| truth[list].len().div_ceil(200).max(1) as u64;
    let statistics: Vec<_> = summary
        .walks
        .iter()
        .filter(|walk| walk.walk.starts_with("statistics/"))
        .map(|walk| walk.pages)
        .collect();
    assert_eq!(statistics.len(), 2);
    let lists = pages("clients") + pages("dialogs") + 4 + (truth["messages"].len() / 200 + 1) as u64;
    assert_eq!(summary.calls, 1 + lists + statistics.iter().sum::<u64>());
    let took = scene.waits.now() - before;
    assert!(took >= Duration::from_millis(250) * (u32::try_from(summary.calls).unwrap() - 1), "{took:?}");
    // Reports are reckoned from one working day, so quiet days make it less than planned, never more.
    assert!(plan.calls >= summary.calls, "{plan:?} {summary:?}");
    assert!(plan.rows >= truth["messages"].len() as u64);
}

#[tokio::test]
async fn a_plan_of_a_range_is_about_what_it_then_costs() {
    let scene = Scene::new().await;
    let range = Range::Days { since: Some("2026-01-20".parse().unwrap()), until: None };
    let plan = scene.backfill().plan(range, &CancellationToken::new()).await.unwrap().unwrap();
    let done = scene.run(range).await;
    let lists = |walk: &str| !walk.starts_with("statistics/");
    let planned: Vec<_> =
        plan.walks.iter().map(|walk| (&walk.walk, walk.calls)).filter(|walk| lists(walk.0)).collect();
    let walks = &done.summary().walks;
    let took: Vec<_> =
        walks.iter().map(|walk| (&walk.walk, walk.pages)).filter(|walk| lists(walk.0)).collect();
    assert_eq!(planned, took, "lists are known beforehand");
    let calls = done.summary().calls;
    assert!(plan.calls >= calls && plan.calls <= calls + 4, "reports are reckoned: {plan:?} {walks:?}");
    assert!(plan.asked == 6 && plan.fits() && plan.minutes > 0.0, "{plan:?}");
}

#[tokio::test]
async fn a_row_and_an_envelope_are_deliveries_with_their_page_kept_byte_for_byte() {
    let scene = Scene::new().await;
    scene.run(ALL).await;
    let url = format!("{}/v1/operators?limit=200&offset=0", scene.platform.url());
    let http = reqwest::Client::builder().build().unwrap();
    let answer =
        http.get(url).header("authorization", "token-acme").send().await.unwrap().text().await.unwrap();
    let operators: Vec<Delivery> = scene
        .deliveries()
        .await
        .into_iter()
        .filter(|delivery| delivery.capture.page.as_deref() == Some("operators?limit=200&offset=0"))
        .collect();
    let (envelopes, rows): (Vec<_>, Vec<_>) =
        operators.iter().partition(|delivery| delivery.capture.part == Some(PagePart::Envelope));
    assert!(!rows.is_empty());
    for row in &rows {
        assert!(answer.contains(std::str::from_utf8(&row.body).unwrap()));
        assert_eq!((row.road, row.capture.fetched_at), (Road::Backfill, Some(today())));
    }
    assert_eq!(envelopes.len(), 1);
    let envelope: serde_json::Value = serde_json::from_slice(&envelopes[0].body).unwrap();
    assert_eq!((&envelope["rows"], &envelope["meta"]["total"]), (&rows.len().into(), &rows.len().into()));
}

#[tokio::test]
async fn no_bad_day_of_the_platform_loses_a_row() {
    let scene = Scene::new().await;
    let html = Misdeed::Refuse { status: 502, body: "<html>bad gateway</html>".into() };
    for (path, misdeed) in [
        ("/v1/companies/api_info", Misdeed::ServerError),
        ("/v1/messages", Misdeed::TooMany { retry_after: Some(7) }),
        ("/v1/messages", Misdeed::TooMany { retry_after: None }),
        ("/v1/messages", Misdeed::TruncatedJson),
        ("/v1/messages", Misdeed::LoseAnswer),
        ("/v1/dialogs", Misdeed::Html),
        ("/v1/tags", html),
        ("/v1/clients", Misdeed::InsertRows { count: 3 }),
        ("/v1/statistics", Misdeed::TruncatedJson),
    ] {
        scene.platform.fault("acme", Fault::at(path, misdeed));
    }
    let outcome = scene.run(ALL).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let (mut truth, mut held) = (scene.truth(), scene.held().await);
    assert_eq!(held["clients"], truth["clients"]);
    // The clients that came in between wrote messages and have dialogs that this run had passed.
    scene.run(ALL).await;
    (truth, held) = (scene.truth(), scene.held().await);
    assert_eq!(held, truth);
}

#[tokio::test]
async fn a_list_whose_offset_is_ignored_ends_and_says_that_it_is_not_complete() {
    let scene = Scene::new().await;
    scene.platform.fault("acme", Fault::at("/v1/clients", Misdeed::OffsetIgnored).times(1000));
    let outcome = scene.run(ALL).await;
    let clients = outcome.summary().walks.iter().find(|walk| walk.walk == "clients").unwrap();
    assert!(clients.is_stuck);
    assert_eq!(clients.pages, 2, "the second page showed it");
    assert_eq!(scene.held().await["messages"], scene.truth()["messages"], "the others are complete");
}

#[tokio::test]
async fn a_spent_quota_ends_the_run_and_the_next_one_goes_on_there() {
    let scene = Scene::new().await;
    let set = |quota| {
        scene.platform.with("acme", |tenant| {
            tenant.world.account.mode = ApiMode::Normal;
            tenant.world.account.quota = Some(quota);
        });
    };
    set(7);
    let Outcome::QuotaSpent { summary, continues_at } = scene.run(ALL).await else { panic!("not spent") };
    assert_eq!(continues_at, "2026-01-31T19:00:00Z".parse::<DateTime<Utc>>().unwrap(), "February in Almaty");
    assert_eq!(summary.calls, 8, "seven answered, one refused");
    let first = scene.held().await;
    assert!(!first["messages"].is_empty() && first["messages"].len() < scene.truth()["messages"].len());
    assert!(matches!(scene.run(ALL).await, Outcome::QuotaSpent { .. }), "still spent");

    set(10_000);
    let Outcome::Done(rest) = scene.run(ALL).await else { panic!("not done") };
    assert_eq!(scene.held().await, scene.truth());
    assert!(
        rest.walks
            .iter()
            .any(|walk| walk.walk == "messages" && walk.rows < scene.truth()["messages"].len() as u64)
    );
    let acme = "acme".parse().unwrap();
    let january = "2026-01-01".parse().unwrap();
    let budget = store::budgets::budgets(&scene.database.pool(), &[acme], january).await.unwrap().remove(0).1;
    assert_eq!(budget.used, i64::try_from(8 + 1 + rest.calls).unwrap(), "every call is counted");
    let left = i64::try_from(10_000 - 7 - rest.calls).unwrap();
    assert_eq!(budget.calls_left, Some(left), "as the platform counts");
}

#[tokio::test]
async fn a_share_of_the_quota_is_not_exceeded() {
    let scene = Scene::new().await;
    scene.platform.with("acme", |tenant| {
        tenant.world.account.mode = ApiMode::Normal;
        tenant.world.account.quota = Some(21);
    });
    let backfill = scene.backfill_with(scene.client("token-acme"), scene.log.clone(), Some(0.5));
    let outcome = run(&backfill, ALL).await.unwrap();
    assert!(matches!(outcome, Outcome::QuotaSpent { .. }), "{outcome:?}");
    assert_eq!(outcome.summary().calls, 10);
}

#[tokio::test]
async fn stopped_after_any_page_it_goes_on_and_nothing_is_missing() {
    let scene = Scene::new().await;
    let mut rounds = 0;
    loop {
        rounds += 1;
        let stop = CancellationToken::new();
        let pages = AtomicU64::new(0);
        let watcher = |_: Progress| {
            if pages.fetch_add(1, Ordering::SeqCst) + 1 == 6 {
                stop.cancel();
            }
        };
        match scene.backfill().run(ALL, &watcher, &stop).await.unwrap() {
            Outcome::Done(_) => break,
            Outcome::Stopped(summary) => {
                assert!(summary.walks.iter().any(|walk| walk.pages > 0), "{summary:?}");
            }
            Outcome::QuotaSpent { .. } => panic!("no quota here"),
        }
        assert!(rounds < 50, "it makes no headway");
    }
    assert!(rounds > 2);
    assert_eq!(scene.held().await, scene.truth());
}

/// Appends, and then says that it did not: what a crash between the append and the cursor looks like.
struct Forgetful {
    log: Arc<dyn Log>,
    fail_at: u64,
    appends: AtomicU64,
}

#[async_trait]
impl Log for Forgetful {
    fn id(&self) -> &str {
        self.log.id()
    }

    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        let places = self.log.append(entries).await?;
        if self.appends.fetch_add(1, Ordering::SeqCst) + 1 == self.fail_at {
            return Err(LogError::Unavailable("the answer was lost".into()));
        }
        Ok(places)
    }

    async fn open(&self, positions: &[Place]) -> Result<Box<dyn Reader>, LogError> {
        self.log.open(positions).await
    }

    async fn bounds(&self) -> Result<Vec<Bounds>, LogError> {
        self.log.bounds().await
    }

    async fn find(&self, id: events::DeliveryId) -> Result<Option<Record>, LogError> {
        self.log.find(id).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        self.log.ready().await
    }
}

#[tokio::test]
async fn a_crash_between_append_and_cursor_repeats_a_page_and_loses_none() {
    let scene = Scene::new().await;
    for fail_at in [1, 6, 9] {
        let log = Arc::new(Forgetful { log: scene.log.clone(), fail_at, appends: AtomicU64::new(0) });
        let backfill = scene.backfill_with(scene.client("token-acme"), log, None);
        let error = run(&backfill, ALL).await.unwrap_err();
        assert!(matches!(error, IngestError::Log(LogError::Unavailable(_))), "{error}");
    }
    assert!(matches!(scene.run(ALL).await, Outcome::Done(_)));
    assert_eq!(scene.held().await, scene.truth());
}

#[tokio::test]
async fn an_id_that_becomes_visible_late_is_read_by_the_next_walk() {
    let scene = Scene::new().await;
    let late = Misdeed::LateId { back: 2, seconds: 600 };
    scene.platform.fault("acme", Fault::at("/v1/messages", late));
    scene.run(ALL).await;
    let missing = scene.truth()["messages"].len() - scene.held().await["messages"].len();
    assert_eq!(missing, 1, "one message was hidden");
    scene.platform.advance(TimeDelta::minutes(11));
    scene.clock.advance(TimeDelta::minutes(11));
    let Outcome::Done(next) = scene.run(ALL).await else { panic!("not done") };
    assert_eq!(scene.held().await["messages"], scene.truth()["messages"]);
    let walk = next.walks.iter().find(|walk| walk.walk == "messages").unwrap();
    assert!(walk.rows < 200, "only the last minutes again: {}", walk.rows);
}

#[tokio::test]
async fn a_range_is_read_again_and_leaves_the_cursor_where_it_was() {
    let scene = Scene::new().await;
    scene.run(ALL).await;
    let day = |text: &str| Some(text.parse().unwrap());
    let range = Range::Days { since: day("2026-01-20"), until: day("2026-01-20") };
    for _ in 0..2 {
        let outcome = scene.run(range).await;
        let messages = &outcome.summary().walks[4];
        assert_eq!(messages.walk, "messages@2026-01-20..2026-01-20");
        assert!(messages.rows > 0, "read again");
    }
    let cursors = store::cursors::cursors(&scene.database.pool(), &"acme".parse().unwrap()).await.unwrap();
    assert!(cursors.iter().all(|cursor| !cursor.walk.contains('@')), "{cursors:?}");
    let Outcome::Done(next) = scene.run(ALL).await else { panic!("not done") };
    assert!(next.walks.iter().any(|walk| walk.walk == "messages" && walk.rows < 200));
}

#[tokio::test]
async fn no_history_brings_the_lists_without_time_only() {
    let scene = Scene::new().await;
    let outcome = scene.run(Range::Continue(History::None)).await;
    assert_eq!(outcome.summary().calls, 5);
    let held = scene.held().await;
    assert!(held["messages"].is_empty() && !held["operators"].is_empty());
}

#[tokio::test]
async fn a_wrong_token_a_wrong_range_and_an_absent_host_give_one_clear_line() {
    let scene = Scene::new().await;
    let wrong = scene.backfill_with(scene.client("wrong-token"), scene.log.clone(), None);
    let error = run(&wrong, ALL).await.unwrap_err();
    assert!(matches!(error, IngestError::Unauthorized { .. }), "{error}");
    assert!(!error.to_string().contains("wrong-token") && !error.to_string().contains('\n'));

    let range = Range::Days {
        since: Some("2026-01-20".parse().unwrap()),
        until: Some("2026-01-19".parse().unwrap()),
    };
    assert!(matches!(run(&scene.backfill(), range).await, Err(IngestError::Usage(_))));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(Settings::new(nobody.parse().unwrap(), Token::new("token-acme"))).unwrap();
    let error = run(&scene.backfill_with(client, scene.log.clone(), None), ALL).await.unwrap_err();
    assert!(matches!(error, IngestError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("api_url"), "{error}");
    assert!(scene.deliveries().await.is_empty());
}

#[tokio::test]
async fn recordings_come_in_like_the_pages_and_bodies_that_they_are() {
    let scene = Scene::new().await;
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "messages.jsonl",
            "{\"id\":1, \"client_id\":5,\"fetched_at\":\"2026-01-15T09:30:00Z\"}\n\nno json\n{\"id\":2}\n",
        ),
        ("clients.json", r#"{"data":[{"id":5},{"id":6}],"meta":{"total":2}}"#),
        ("statistics-rating-2026-01-15.json", r#"[{"request_id":8}]"#),
        (
            "webhooks.jsonl",
            "{\"hook_type\":\"inbox\",\"client_id\":5}\n{\"received_at\":\"2026-01-15T09:30:01Z\",\"body\":{\"hook_type\":\"outbox\"}}\n",
        ),
        ("mixed.jsonl", "{\"list\":\"tags\",\"row\":{\"id\":601}}\n{\"hook_type\":\"new_tag\"}\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let account = "acme".parse().unwrap();
    let ids = DeliveryIds::random();
    let offline = Offline { log: scene.log.as_ref(), account: &account, clock: &scene.clock, ids: &ids };
    let outcome = offline.run(folder.path(), &|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!(outcome.summary().rows, 10);

    let deliveries = scene.deliveries().await;
    let bodies = |list: Option<&str>| {
        let of_list = deliveries.iter().filter(|delivery| delivery.capture.list() == list);
        of_list.map(|delivery| String::from_utf8_lossy(&delivery.body).into_owned()).collect::<BTreeSet<_>>()
    };
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    let dated = r#"{"id":1, "client_id":5,"fetched_at":"2026-01-15T09:30:00Z"}"#;
    assert_eq!(bodies(Some("messages")), set(&[dated, "no json", r#"{"id":2}"#]));
    assert_eq!(
        bodies(Some("clients")),
        set(&[r#"{"id":5}"#, r#"{"id":6}"#, r#"{"meta":{"total":2},"rows":2}"#])
    );
    assert_eq!(bodies(Some("tags")), set(&[r#"{"id":601}"#]));
    let hooks =
        [r#"{"hook_type":"inbox","client_id":5}"#, r#"{"hook_type":"outbox"}"#, r#"{"hook_type":"new_tag"}"#];
    assert_eq!(bodies(None), set(&hooks));
    let hook = |text: &str| deliveries.iter().find(|delivery| delivery.body == text.as_bytes()).unwrap();
    assert_eq!(hook(hooks[1]).received_at, "2026-01-15T09:30:01Z".parse::<DateTime<Utc>>().unwrap());
    assert!(hooks.iter().all(|text| hook(text).road == Road::Webhook));
    assert_eq!(hook(dated).capture.fetched_at, Some("2026-01-15T09:30:00Z".parse().unwrap()));
    assert_eq!(hook(r#"{"id":2}"#).capture.fetched_at, Some(today()));
    let rating = deliveries.iter().find(|delivery| delivery.capture.list() == Some("statistics")).unwrap();
    assert!(rating.capture.page.as_deref().unwrap().starts_with("statistics?report=rating&date=2026-01-15&"));

    std::fs::write(folder.path().join("notes.jsonl"), "{\"a\":1}\n").unwrap();
    let error = offline.run(folder.path(), &|_| {}, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, IngestError::Recording { line: Some(1), .. }), "{error}");
    std::fs::write(folder.path().join("notes.txt"), "a").unwrap();
    let before = scene.deliveries().await.len();
    assert!(offline.run(folder.path(), &|_| {}, &CancellationToken::new()).await.is_err());
    assert_eq!(scene.deliveries().await.len(), before, "names are checked before anything is read");
}
