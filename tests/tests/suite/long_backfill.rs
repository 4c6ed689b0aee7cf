//! A long history is fetched in hardly more than the fewest calls, at the pace of the account, however often the program
//! is killed on the way; and the tables are those of a run that nothing disturbed.
//!
//! `CHATLEDGER_LONG_BACKFILL` is about how many messages the account has (20,000; `make soak` takes 200,000).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, header};
use chatledger_tests::{TestDatabase, database, wait_until};
use events::Clock as _;
use log::{Log, PostgresLog};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::server::{Handle, Tenant, WorldClock, serve};
use tokio::net::TcpListener;

use crate::chance::Chance;
use crate::ledger::{TOKEN, account, assert_accounted, home_on, http};
use crate::tables::{assert_same, rows};

/// Calls a second that the account allows: fewer than the program could make.
const PACE: usize = 20;
const KILLS: usize = 10;
/// Most calls, as a share of the fewest possible (design.md 6).
const MOST: f64 = 1.05;
/// A debug build on a busy machine.
const LONG: Duration = Duration::from_secs(1800);

fn messages_wanted() -> u32 {
    std::env::var("CHATLEDGER_LONG_BACKFILL").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// Stands before the platform and writes down each call: when it came, and for which list.
struct Door {
    platform: String,
    client: reqwest::Client,
    calls: Mutex<Vec<(Instant, String)>>,
    count: AtomicUsize,
}

impl Door {
    async fn before(platform: &str) -> (Arc<Self>, String) {
        let door = Arc::new(Self {
            platform: platform.to_owned(),
            client: http(),
            calls: Mutex::default(),
            count: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(pass).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (door, url)
    }

    fn take(&self) -> Vec<(Instant, String)> {
        self.count.store(0, Ordering::SeqCst);
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

async fn pass(State(door): State<Arc<Door>>, request: Request) -> Response<Body> {
    let path = request.uri().path().trim_start_matches("/v1/").to_owned();
    door.calls.lock().unwrap().push((Instant::now(), path));
    door.count.fetch_add(1, Ordering::SeqCst);
    let url = format!("{}{}", door.platform, request.uri());
    let mut asked = door.client.request(request.method().clone(), url);
    if let Some(token) = request.headers().get(header::AUTHORIZATION) {
        asked = asked.header(header::AUTHORIZATION, token);
    }
    let answer = asked.send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

fn by_list(calls: &[(Instant, String)]) -> BTreeMap<&str, usize> {
    let mut lists = BTreeMap::new();
    for (_, list) in calls {
        *lists.entry(list.as_str()).or_default() += 1;
    }
    lists
}

/// Calls are spaced evenly, so no second holds more than the pace and one; a start counts as another one.
fn assert_paced(calls: &[(Instant, String)], starts: usize) {
    let most = (0..calls.len())
        .map(|at| calls[at..].iter().take_while(|call| call.0 - calls[at].0 < Duration::from_secs(1)).count())
        .max();
    assert!(most <= Some(PACE + 1 + starts), "{most:?} calls within a second");
}

/// A business that stands still.
async fn platform(messages: u32) -> Handle {
    let now = events::SystemClock.now();
    let account = Account::new("acme", TOKEN, "Example Ltd", chrono_tz::Asia::Almaty);
    let days = (messages / 6_000).clamp(3, 30);
    let (world, business) = Plan { account, clients: messages / 20, days, seed: 6, until: now }.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(vec![Tenant::new(world, Some(business))], listener, WorldClock::still(now)).unwrap()
}

/// The fewest calls of design.md 6 but for the reports: how many pages those have is seen in the undisturbed run.
fn fewest_of_lists(platform: &Handle) -> BTreeMap<&'static str, usize> {
    let pages = |rows: usize| rows.div_ceil(200).max(1);
    platform
        .with("acme", |tenant| {
            let world = &tenant.world;
            BTreeMap::from([
                ("messages", world.messages.len() / 200 + 1),
                ("clients", pages(world.clients.len())),
                ("dialogs", pages(world.dialogs.len())),
                ("operators", pages(world.operators.len())),
                ("operators_groups", pages(world.groups.len())),
                ("channels", pages(world.channels.len())),
                ("tags", pages(world.tags.len())),
                ("companies/api_info", 1),
            ])
        })
        .unwrap()
}

/// Projects what is in the log, and gives the rows.
async fn projected(database: &TestDatabase, home: &chatledger_tests::Home) -> Vec<String> {
    let up = home.up_with(&["run", "project"], &[]).await;
    let pool = database.pool();
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(database.pool(), 3).await.unwrap());
    let end: i64 = log.bounds().await.unwrap().iter().map(|bounds| bounds.end).sum();
    wait_until("lag and marks are zero", LONG, async || {
        let read: i64 =
            store::positions::list(&pool).await.unwrap().iter().map(|position| position.next).sum();
        read == end && store::folding::waiting(&pool).await.unwrap() == 0
    })
    .await;
    up.process.stop().await.succeeded();
    rows(&pool).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_that_is_killed_ten_times_costs_hardly_more_calls_and_changes_no_row() {
    let platform = platform(messages_wanted()).await;
    let (door, url) = Door::before(&platform.url()).await;
    let configuration = account(&url, "history = \"all\"")
        .replace("calls_per_second = 100.0", &format!("calls_per_second = {PACE}.0"));

    let tables = database().await;
    let home = home_on(&tables, "partitions = 3", &configuration);
    // It is built on the way, perhaps.
    home.run(&["--version"]).await.succeeded();
    let began = Instant::now();
    home.start(&["backfill"]).await.ended_within(LONG).await.succeeded();
    let took = began.elapsed();
    let calls = door.take();
    let mut fewest = fewest_of_lists(&platform);
    let found = by_list(&calls);
    for (list, least) in &fewest {
        assert_eq!(found.get(list), Some(least), "{list}: {found:?}");
    }
    fewest.insert("statistics", found["statistics"]);
    let fewest: usize = fewest.values().sum();
    assert_eq!(calls.len(), fewest, "{found:?}");
    assert_paced(&calls, 0);
    let expected = projected(&tables, &home).await;
    let messages = platform.with("acme", |tenant| tenant.world.messages.len()).unwrap();
    assert_eq!(expected.iter().filter(|row| row.starts_with("messages ")).count(), messages);

    let seed = messages as u64;
    let mut chance = Chance::new(seed);
    let mut places: Vec<usize> =
        (0..KILLS).map(|_| 1 + chance.below(u32::try_from(fewest).unwrap()) as usize).collect();
    places.sort_unstable();
    let tables = database().await;
    let home = home_on(&tables, "partitions = 3", &configuration);
    for place in &places {
        let mut run = home.start(&["backfill"]).await;
        wait_until("the next place to be killed at", LONG, async || {
            door.count.load(Ordering::SeqCst) >= *place || run.has_ended()
        })
        .await;
        let killed = run.kill().await;
        assert!(killed.code().is_none() || killed.code() == Some(0), "{}", killed.stderr);
    }
    home.start(&["backfill"]).await.ended_within(LONG).await.succeeded();
    let calls = door.take();
    let share = calls.len() as f64 / fewest as f64;
    eprintln!(
        "{messages} messages: {fewest} calls at least, in {:.0} s; killed {KILLS} times at {places:?}: {} calls, {share:.3} \
         of them, {:?}",
        took.as_secs_f64(),
        calls.len(),
        by_list(&calls)
    );
    // Each start asks for the quota and for the page that was under way: in a short history that is more than the share.
    let most = (fewest as f64 * MOST).max((fewest + 2 * KILLS) as f64);
    assert!(calls.len() as f64 <= most, "{} calls, {fewest} at least: {:?}", calls.len(), by_list(&calls));
    assert_paced(&calls, KILLS);
    assert_same(&expected, &projected(&tables, &home).await, &format!("killed at {places:?}"));
    assert_accounted(&home, &tables.pool()).await;
}
