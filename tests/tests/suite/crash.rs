//! Promise 3 over crashes: the process aborts at a named point, is started again, gets the same deliveries again, and
//! the tables are those of a run that nothing disturbed.

use std::sync::Arc;

use chatledger_tests::{Home, TestDatabase, Up, database};
use chrono::{DateTime, Utc};
use events::Clock as _;
use log::{Log, PostgresLog};
use serde_json::{Value, json};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::server::{Handle, Tenant, WorldClock, serve};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use crate::ledger::{NOBODY, TOKEN, account, assert_accounted, home_on, hook, http, message};
use crate::tables::{assert_same, rows, settled};

/// What SIGABRT is called in an exit status.
const ABORTED: i32 = 6;

/// Questions and answers of some clients.
fn talk() -> Vec<Value> {
    let start: DateTime<Utc> = "2026-01-15T04:00:00Z".parse().unwrap();
    let said = |client: u64, no: u64| {
        let after = i64::try_from(client * 7 + no * 60).unwrap();
        message(100_000 + client * 100 + no, start + chrono::Duration::seconds(after))
    };
    (0..8).flat_map(|client| (0..10).map(move |no| said(client, no))).collect()
}

/// The closes of their requests: one for each conversation, so that no later one makes good for an earlier one.
fn closes() -> Vec<Value> {
    let close = |client: u64| {
        json!({"hook_type": "close_request", "request_id": 4000 + client, "client_id": 2000 + client,
            "event_time": "2026-01-15T05:00:00Z"})
    };
    (0..8).map(close).collect()
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
        assert_eq!(post_all(&up, &[talk(), closes()].concat()).await, None);
        let pool = database.pool();
        settled(&pool, log_of(&database).await.as_ref()).await;
        let rows = rows(&pool).await;
        assert!(rows.iter().filter(|row| row.starts_with("turns")).count() > 30, "a run that makes turns");
        let closed = |row: &&String| {
            row.starts_with("requests") && row.contains("\"closed_at\": \"2026-01-15T05:00:00+00:00\"")
        };
        assert_eq!(rows.iter().filter(closed).count(), 8, "and closes them");
        rows
    })
    .await
}

/// A run that projects `before`, then aborts at `point` when it is passed the `nth` time while `after` arrives.
async fn crashes_at(point: &str, nth: u32, before: &[Value], after: &[Value]) {
    let expected = undisturbed().await;
    let database = database().await;
    let (home, pool, log) = (home_of(&database), database.pool(), log_of(&database).await);
    let up = home.up().await;
    assert_eq!(post_all(&up, before).await, None);
    settled(&pool, log.as_ref()).await;
    up.process.stop().await.succeeded();

    let failpoints = format!("{point}={}*off->return", nth - 1);
    let up = home.up_with(&["up"], &[("FAILPOINTS", &failpoints)]).await;
    let unanswered = post_all(&up, after).await.unwrap_or(after.len());
    let ended = up.process.ended().await;
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
    assert_eq!(signal, Some(ABORTED), "{point} was never passed: {}", ended.stderr);

    // Only what got no answer is sent again: the rest was promised.
    let up = home.up().await;
    assert_eq!(post_all(&up, &after[unanswered..]).await, None);
    settled(&pool, log.as_ref()).await;
    assert_same(expected, &rows(&pool).await, point);
    assert_accounted(&home, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_or_after_the_append_changes_no_row() {
    let all = [talk(), closes()].concat();
    crashes_at("ingest.before_append", 20, &[], &all).await;
    crashes_at("ingest.appended", 30, &[], &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_or_between_the_two_steps_of_the_projection_changes_no_row() {
    for point in [
        "projection.before_facts_commit",
        "projection.facts_committed",
        "projection.rows_written",
        "projection.rows_committed",
    ] {
        crashes_at(point, 1, &talk(), &closes()).await;
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
