//! A generated business over a change of the clocks, seen only by webhooks, only by a backfill, and by both: the tables
//! say what happened, as the simulator knows it. It was made from the vendor's documents alone, so it may disagree with
//! our reading of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chat2desk::{Client, Settings, Token};
use chatledger_tests::{TestDatabase, database, wait_until};
use chrono::{DateTime, Utc};
use events::{AccountId, DeliveryIds, ManualClock, Platform, Policy};
use ingest::backfill::{AccountSettings, Backfill, History, Outcome, Range};
use ingest::capture::{Bounds, HookAccount, HookAccounts, Intake};
use log::{Log, PostgresLog};
use projection::{AccountRules, Rules, Runner, ScoreTag, Scores};
use serde_json::Value;
use simulator::business::Plan;
use simulator::chat2desk::control::{Register, register, state};
use simulator::chat2desk::{Account, Mishaps};
use simulator::server::{Handle, Tenant, WorldClock, serve};
use sqlx::{PgPool, Row as _};
use store::report::{By, Query};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::tables::{assert_same, rows, settled};

mod scores;
mod statistics;

const TOKEN: &str = "token-acme";
/// The clocks went back on the 25th of October 2026, at three in the morning.
const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;

fn until() -> DateTime<Utc> {
    "2026-10-27T16:00:00Z".parse().unwrap()
}

/// Which roads an installation hears.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Roads {
    webhooks: bool,
    backfill: bool,
}

/// One installation that saw the business, and what the business knows.
struct Seen {
    pool: PgPool,
    truth: Vec<Value>,
    scores: Vec<Value>,
    bots: BTreeSet<String>,
    _database: TestDatabase,
}

impl Seen {
    async fn by(roads: Roads, mishaps: Mishaps) -> Self {
        let database = database().await;
        let pool = database.pool();
        let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), 3).await.unwrap());
        let clock = Arc::new(ManualClock::at(until()));
        let stop = CancellationToken::new();
        let url = capture(log.clone(), clock.clone(), &stop).await;
        let platform = live(roads.webhooks.then_some(url), mishaps).await;
        let bots = platform.with("acme", |tenant| bots(tenant)).unwrap();
        let score = |score: i32| ScoreTag { tag: format!("score-{score}"), score: score.into(), scale: 5.0 };
        let scores = Scores::new((1..=5).map(score).collect());
        let rules = AccountRules { zone: ZONE, bots: bots.clone(), scores, ..AccountRules::default() };
        let rules = Rules::new(BTreeMap::from([("acme".to_owned(), rules)]));
        let runner = Runner::new(
            log.clone(),
            database.pool(),
            rules,
            projection::Settings::default(),
            store::LIVE,
            "one",
        );
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { runner.run(stop).await }
        });
        if roads.backfill {
            backfill(&platform, &log, &database, clock).await;
        }
        delivered(&platform).await;
        settled(&pool, log.as_ref()).await;
        let state = platform.with("acme", |tenant| state(&tenant.world, true)).unwrap();
        stop.cancel();
        running.await.unwrap().unwrap();
        platform.stop().await.unwrap();
        let list = |name: &str| state[name].as_array().unwrap().clone();
        Self { pool, truth: list("truth"), scores: list("scores"), bots, _database: database }
    }
}

/// Serves the hooks of the account; gives their address.
async fn capture(log: Arc<dyn Log>, clock: Arc<ManualClock>, stop: &CancellationToken) -> String {
    let account = HookAccount::new("acme".parse().unwrap(), Platform::Chat2desk, ["secret"])
        .signed(Policy::Require, [TOKEN]);
    let accounts = HookAccounts::new([account]);
    let intake = Intake::new(accounts, log, clock, DeliveryIds::random(), Bounds::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, ingest::capture::router(intake));
    tokio::spawn(server.with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
    format!("http://{address}/hooks/acme/secret")
}

/// A business with 60 clients that lived through five days, its webhooks on their way when there is an address.
async fn live(url: Option<String>, mishaps: Mishaps) -> Handle {
    let account = Account::new("acme", TOKEN, "Alpine Outfitters", ZONE);
    let plan = Plan { account, clients: 60, days: 5, seed: 11, until: until() };
    let (world, business) = plan.build_with(|world| {
        world.webhooks.outbox.mishaps = mishaps;
        if let Some(url) = url {
            register(world, Register { url, events: None, channels: Vec::new(), old: false });
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(vec![Tenant::new(world, Some(business))], listener, WorldClock::still(until())).unwrap()
}

fn bots(tenant: &Tenant) -> BTreeSet<String> {
    tenant
        .world
        .operators
        .values()
        .filter(|operator| operator.bot)
        .map(|operator| operator.id.to_string())
        .collect()
}

async fn backfill(platform: &Handle, log: &Arc<dyn Log>, database: &TestDatabase, clock: Arc<ManualClock>) {
    let client = Client::new(Settings::new(platform.url().parse().unwrap(), Token::new(TOKEN))).unwrap();
    let mut account = AccountSettings::new("acme".parse().unwrap(), ZONE);
    account.calls_per_second = 100.0;
    let backfill = Backfill::new(log.clone(), database.pool(), client, account, clock, DeliveryIds::random());
    let outcome =
        backfill.run(Range::Continue(History::All), &|_| {}, &CancellationToken::new()).await.unwrap();
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

/// Waits until every webhook was answered.
async fn delivered(platform: &Handle) {
    wait_until("all webhooks are delivered", Duration::from_secs(60), async || {
        let (pending, failed) = platform
            .with("acme", |tenant| {
                let outbox = &tenant.world.webhooks.outbox;
                (outbox.pending(), outbox.tally.failed_attempts)
            })
            .unwrap();
        if pending > 0 && failed > 0 {
            // The machine stood still while some were sent: they come again after a while of the platform's time.
            platform.advance(chrono::TimeDelta::seconds(1));
        }
        pending == 0
    })
    .await;
    let tally = platform.with("acme", |tenant| tenant.world.webhooks.outbox.tally).unwrap();
    assert_eq!(tally.given_up, 0, "{tally:?}");
    assert!(tally.failed_attempts * 20 <= tally.accepted, "capture refuses: {tally:?}");
}

/// Where the tables and the truth differ; times may be apart by `within` seconds.
pub(crate) async fn differences(pool: &PgPool, truth: &[Value], within: f64) -> Vec<String> {
    let requests =
        sqlx::query("select request_id, to_jsonb(r) as row from requests r where segmentation = 'given'");
    let requests = requests.fetch_all(pool).await.unwrap();
    let mut found: BTreeMap<String, Value> =
        requests.iter().map(|row| (row.get("request_id"), row.get("row"))).collect();
    let turns =
        sqlx::query("select request_key, to_jsonb(t) as row from turns t order by request_key, turn_no");
    let mut turns_of: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in turns.fetch_all(pool).await.unwrap() {
        turns_of.entry(row.get("request_key")).or_default().push(row.get("row"));
    }
    let mut differences = Vec::new();
    for truth in truth {
        let id = &truth["request_id"].to_string();
        let Some(row) = found.remove(id) else {
            differences.push(format!("request {id} is missing: {truth}"));
            continue;
        };
        let turns = turns_of.remove(id).unwrap_or_default();
        let wrong = judge(truth, &row, &turns, within);
        if !wrong.is_empty() {
            differences.push(format!("request {id}: {}\n  truth {truth}\n  row {row}", wrong.join("; ")));
        }
    }
    differences.extend(found.into_keys().map(|id| format!("request {id} never was")));
    differences
}

/// What a row and its turns say otherwise than the truth.
fn judge(truth: &Value, row: &Value, turns: &[Value], within: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, truth: Value, row: Value| {
        if truth != row {
            wrong.push(format!("{what} is {row}, not {truth}"));
        }
    };
    let text = |value: &Value| {
        if value.is_null() { Value::Null } else { value.to_string().trim_matches('"').into() }
    };
    same("kind", truth["kind"].clone(), row["kind"].clone());
    same("client", text(&truth["client_id"]), row["client_id"].clone());
    same("channel", text(&truth["channel_id"]), row["channel_id"].clone());
    same("dialog", text(&truth["dialog_id"]), row["dialog_id"].clone());
    same("transport", truth["transport"].clone(), row["transport"].clone());
    same("by client", truth["by_client"].clone(), (row["initiated_by"] == "client").into());
    // Where the company began, its first word is in the row and is no reply to anything in the truth.
    let by_client = truth["by_client"] == true;
    if by_client {
        same("first replier", text(&truth["first_replier"]), row["first_operator_id"].clone());
    }
    same("client messages", truth["from_client"].clone(), row["client_messages"].clone());
    same("closed", truth["closed_at"].is_null().into(), row["closed_at"].is_null().into());
    for (what, column) in [
        ("opened_at", "opened_at"),
        ("closed_at", "closed_at"),
        ("asked_at", "first_client_message_at"),
        ("first_reply_at", "first_reply_at"),
        ("waiting_since", "waiting_since"),
    ] {
        match (time(&truth[what]), time(&row[column])) {
            _ if what == "first_reply_at" && !by_client => {}
            (None, None) => {}
            (Some(truth), Some(row)) if (truth - row).abs().as_seconds_f64() <= within => {}
            (truth, row) => wrong.push(format!("{what} is {row:?}, not {truth:?}")),
        }
    }
    let measured = truth["kind"] == "common" && by_client;
    let replies: Vec<f64> = turns
        .iter()
        .filter(|turn| turn["state"] == "answered")
        .map(|turn| turn["reply_seconds"].as_f64().unwrap_or(-1.0))
        .collect();
    let waits: Vec<f64> =
        truth["reply_seconds"].as_array().unwrap().iter().map(|wait| wait.as_f64().unwrap()).collect();
    let near = replies.len() == waits.len()
        && (!measured || replies.iter().zip(&waits).all(|(a, b)| (a - b).abs() <= within));
    if !near {
        wrong.push(format!("replies took {replies:?}, not {waits:?}"));
    }
    let unanswered = turns.iter().any(|turn| turn["state"] == "closed_unanswered");
    if unanswered != (truth["unanswered_turn"] == true) {
        wrong.push(format!("left unanswered: {unanswered}"));
    }
    // Null when the first turn has no answer, though a later one may.
    let first = turns.first().filter(|turn| measured && turn["state"] == "answered").and(waits.first());
    match (row["frt_customer_seconds"].as_f64(), first) {
        (None, None) => {}
        (Some(row), Some(truth)) if (row - truth).abs() <= within => {}
        (row, truth) => wrong.push(format!("first reply took {row:?}, not {truth:?}")),
    }
    wrong
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

fn assert_true(differences: &[String], roads: Roads) {
    assert!(
        differences.is_empty(),
        "{roads:?}: {} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(4)].join("\n")
    );
}

const WEBHOOKS: Roads = Roads { webhooks: true, backfill: false };
const BACKFILL: Roads = Roads { webhooks: false, backfill: true };
const BOTH: Roads = Roads { webhooks: true, backfill: true };

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_tell_what_happened_seen_by_webhooks_by_a_backfill_or_by_both() {
    let mut requests = Vec::new();
    for (roads, within) in [(WEBHOOKS, 0.0), (BACKFILL, 1.0), (BOTH, 0.0)] {
        let seen = Seen::by(roads, Mishaps::default()).await;
        let common = seen.truth.iter().filter(|truth| truth["kind"] == "common").count();
        assert!(common > 60 && common < seen.truth.len(), "a business with contacts and surveys");
        assert_true(&differences(&seen.pool, &seen.truth, within).await, roads);
        let bots: Vec<_> = seen.bots.iter().map(|bot| ("acme".to_owned(), bot.clone())).collect();
        assert_true(&crate::independent::differences(&seen.pool, ZONE.name(), &bots).await, roads);
        let derived: i64 = sqlx::query_scalar("select count(*) from requests where segmentation <> 'given'")
            .fetch_one(&seen.pool)
            .await
            .unwrap();
        assert_eq!(derived, 0, "{roads:?}: every message names its request");
        requests.push(seen.truth);
    }
    assert!(requests.windows(2).all(|pair| pair[0] == pair[1]), "the same business three times");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_come_twice_late_or_in_another_order_change_nothing() {
    let plain = Seen::by(WEBHOOKS, Mishaps::default()).await;
    let unlucky = Mishaps { duplicate: 0.3, reorder: 0.4, delay: 0.0, drop: 0.0 };
    let seen = Seen::by(WEBHOOKS, unlucky).await;
    assert_same(&rows(&plain.pool).await, &rows(&seen.pool).await, "without and with mishaps");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_webhooks_lost_the_backfill_brings() {
    let seen = Seen::by(BOTH, Mishaps { drop: 0.3, ..Mishaps::default() }).await;
    assert_true(&differences(&seen.pool, &seen.truth, 1.0).await, BOTH);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_by_operator_counts_what_the_operators_did() {
    let seen = Seen::by(BOTH, Mishaps::default()).await;
    let account: AccountId = "acme".parse().unwrap();
    let query = Query {
        account: &account,
        from: None,
        to: None,
        by: By::Operator,
        target_seconds: 120.0,
        as_of: until(),
    };
    let report = store::report::response_times(&seen.pool, &query).await.unwrap();

    // By hand: a request goes to its first replier, else to who held it last; its first reply took the first wait.
    let mut expected: BTreeMap<String, (i64, Vec<f64>)> = BTreeMap::new();
    for truth in seen.truth.iter().filter(|truth| truth["kind"] == "common" && truth["by_client"] == true) {
        let operator = [&truth["first_replier"], &truth["operator_id"]].into_iter().find(|id| !id.is_null());
        let entry = expected.entry(operator.map(Value::to_string).unwrap_or_default()).or_default();
        entry.0 += 1;
        entry.1.extend(truth["first_reply_seconds"].as_f64());
    }
    let rows: BTreeMap<String, _> =
        report.iter().filter(|row| row.requests > 0).map(|row| (row.key.clone(), row)).collect();
    assert_eq!(rows.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(expected.len() > 5, "several operators");
    for (operator, (requests, mut waits)) in expected {
        let row = rows[&operator];
        waits.sort_by(f64::total_cmp);
        assert_eq!(
            (row.requests, row.first_response.n),
            (requests, waits.len() as i64),
            "operator {operator}"
        );
        let mean = (!waits.is_empty()).then(|| waits.iter().sum::<f64>() / waits.len() as f64);
        let near = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => (one - other).abs() < 1e-6,
            (one, other) => one == other,
        };
        assert!(
            near(row.first_response.mean, mean),
            "operator {operator}: {:?}, not {mean:?}",
            row.first_response.mean
        );
        assert!(near(row.first_response.max, waits.last().copied()), "operator {operator}");
    }
}
