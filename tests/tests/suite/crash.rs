//! Promise 3 over crashes: the process aborts at a named point, is started again, gets the same deliveries again, and
//! the tables are those of a run that nothing disturbed.

use std::sync::Arc;

use chatledger_tests::{Home, TestDatabase, Up, database, wait_until};
use chrono::{DateTime, Utc};
use events::Clock as _;
use log::{Log, PostgresLog};
use serde_json::{Value, json};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::server::{Handle, Tenant, WorldClock, serve};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use crate::ledger::{NOBODY, SOON, TOKEN, account, assert_accounted, fates, home_on, hook, http, message};
use crate::tables::{assert_same, rows, settled};

/// What SIGABRT is called in an exit status.
const ABORTED: i32 = 6;

/// Questions and answers of some clients, and the closes of their requests.
fn bodies() -> Vec<Value> {
    let start: DateTime<Utc> = "2026-01-15T04:00:00Z".parse().unwrap();
    let mut all = Vec::new();
    for client in 0..8 {
        for no in 0..10 {
            let id = 100_000 + client * 100 + no;
            all.push(message(id, start + chrono::Duration::seconds((client * 7 + no * 60) as i64)));
        }
        let group = (100_000 + client * 100) / 100;
        all.push(json!({"hook_type": "close_request", "request_id": 3000 + group, "client_id": 1000 + group,
            "event_time": "2026-01-15T05:00:00Z"}));
    }
    all
}

async fn log_of(database: &TestDatabase) -> Arc<dyn Log> {
    Arc::new(PostgresLog::open(database.pool(), 3).await.unwrap())
}

fn home_of(database: &TestDatabase) -> Home {
    home_on(database, "partitions = 3", &account(NOBODY, "history = \"none\""))
}

/// Posts them in order; gives the place of the first that got no answer.
async fn post_all(up: &Up, bodies: &[Value]) -> Option<usize> {
    let (client, url) = (http(), hook(up));
    for (place, body) in bodies.iter().enumerate() {
        match client.post(&url).body(body.to_string()).send().await {
            Ok(answer) if answer.status() == 200 => {}
            Ok(answer) => panic!("answered {}", answer.status()),
            Err(_) => return Some(place),
        }
    }
    None
}

/// The tables of a run that nothing disturbed.
async fn undisturbed() -> &'static [String] {
    static ROWS: OnceCell<Vec<String>> = OnceCell::const_new();
    ROWS.get_or_init(async || {
        let database = database().await;
        let home = home_of(&database);
        let up = home.up().await;
        assert_eq!(post_all(&up, &bodies()).await, None);
        let pool = database.pool();
        settled(&pool, log_of(&database).await.as_ref()).await;
        let rows = rows(&pool).await;
        assert!(rows.iter().filter(|row| row.starts_with("turns")).count() > 30, "a run that makes turns");
        rows
    })
    .await
}

/// Aborts at `point` when it is passed the `nth` time, starts again, and compares.
async fn crashes_at(point: &str, nth: u32) {
    let expected = undisturbed().await;
    let (database, bodies) = (database().await, bodies());
    let home = home_of(&database);
    let failpoints = format!("{point}={}*off->return", nth - 1);
    let up = home.up_with(&["up"], &[("FAILPOINTS", &failpoints)]).await;
    let pool = database.pool();
    // In two halves, so that the projection commits more than once.
    let half = bodies.len() / 2;
    let mut unanswered = post_all(&up, &bodies[..half]).await;
    if unanswered.is_none() {
        wait_until("the first half is projected, or the process is gone", SOON, async || {
            let gone = http().get(up.url("/healthz")).send().await.is_err();
            gone || fates(&pool).await.unwrap().appended >= half as i64 && store::folding::waiting(&pool).await.unwrap() == 0
        })
        .await;
        unanswered = post_all(&up, &bodies[half..]).await.map(|place| half + place);
    }
    let ended = up.process.ended().await;
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
    assert_eq!(signal, Some(ABORTED), "{point} was never passed: {}", ended.stderr);

    // What got no answer is sent again, and a little of what did: a sender does not know either.
    let up = home.up().await;
    let again = unanswered.unwrap_or(bodies.len()).saturating_sub(3);
    assert_eq!(post_all(&up, &bodies[again..]).await, None);
    settled(&pool, log_of(&database).await.as_ref()).await;
    assert_same(expected, &rows(&pool).await, point);
    assert_accounted(&home, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_the_append_or_between_the_two_steps_changes_no_row() {
    for (point, nth) in [
        ("ingest.before_append", 20),
        ("ingest.appended", 30),
        ("projection.before_facts_commit", 2),
        ("projection.facts_committed", 2),
        ("projection.rows_written", 2),
        ("projection.rows_committed", 2),
    ] {
        crashes_at(point, nth).await;
    }
}

/// A business that stands still.
async fn platform() -> Handle {
    let now = events::SystemClock.now();
    let account = Account::new("acme", TOKEN, "Example Ltd", chrono_tz::Asia::Almaty);
    let (world, business) = Plan { account, clients: 90, days: 3, seed: 3, until: now }.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(vec![Tenant::new(world, Some(business))], listener, WorldClock::still(now)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_crashes_between_page_and_cursor_reads_the_page_again_and_changes_no_row() {
    let platform = platform().await;
    let account = account(&platform.url(), "history = \"all\"");
    let mut tables = Vec::new();
    // Six short lists come first, a page each: then two pages of messages are whole, and the third has no cursor.
    for failpoints in ["", "backfill.page_appended=return", "backfill.page_appended=8*off->return"] {
        let database = database().await;
        let home = home_on(&database, "partitions = 3", &account);
        if !failpoints.is_empty() {
            let crashed = home.start_with(&["backfill"], &[("FAILPOINTS", failpoints)]).await.ended().await;
            let signal = std::os::unix::process::ExitStatusExt::signal(&crashed.status);
            assert_eq!(signal, Some(ABORTED), "{}", crashed.stderr);
        }
        let mut up = home.up().await;
        up.process.line("backfill ended").await;
        let pool = database.pool();
        settled(&pool, log_of(&database).await.as_ref()).await;
        let messages = platform.with("acme", |tenant| tenant.world.messages.len()).unwrap();
        assert!(messages > 800, "{messages} messages: more pages than are read before the crash");
        let stored: i64 = sqlx::query_scalar("select count(*) from messages").fetch_one(&pool).await.unwrap();
        assert_eq!(stored, messages as i64, "{failpoints}");
        tables.push(rows(&pool).await);
        assert_accounted(&home, &pool).await;
    }
    assert_same(&tables[0], &tables[1], "aborted after the first page");
    assert_same(&tables[0], &tables[2], "aborted within the messages");
}
