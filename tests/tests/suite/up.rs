//! `chatledger simulate` and `chatledger up` as two processes, and curl: from outside, as their users have them.

use std::path::{Path, PathBuf};

use chatledger_tests::{Home, Up, database, wait_for, wait_until};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::cluster::{Cluster, Options};
use tokio::process::Command;

use crate::ledger::{self, NOBODY, SOON, account, assert_accounted, home, home_on, hook, http};
use crate::truth::differences;

/// A control route of the simulator.
async fn control(simulator: &str, route: &str, body: Option<Value>) -> Value {
    let url = format!("{simulator}/control/{route}");
    let request = match body {
        Some(body) => http().post(url).body(body.to_string()),
        None => http().get(url),
    };
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{route}: {}", answer.status());
    answer.json().await.unwrap()
}

/// The private server that the program in `home` runs now.
async fn private_server(home: &Home) -> Cluster {
    let options = Options { elsewhere: home.path().join("elsewhere"), ..Options::default() };
    Cluster::start(&home.data_dir(), options).await.unwrap()
}

/// The process id in a private server's lock file, while it runs.
fn postmaster(home: &Home) -> Option<u32> {
    let file = std::fs::read_to_string(home.data_dir().join("postgres/cluster/postmaster.pid")).ok()?;
    file.lines().next()?.parse().ok()
}

async fn response_times(home: &Home, more: &[&str]) -> Value {
    home.run(&[&["report", "response-times", "--format", "json"], more].concat()).await.json()
}

/// Everything that was said by the platform has become rows.
async fn all_delivered(simulator: &str, pool: &PgPool) {
    wait_until("all webhooks are delivered", SOON, async || {
        let state = control(simulator, "state?requests=false", None).await;
        let is_over = state["deliveries_pending"] == 0;
        if !is_over && state["deliveries"]["failed_attempts"] != 0 {
            // The machine stood still while some were sent: they come again after a while of the platform's time.
            control(simulator, "advance", Some(json!({"seconds": 1}))).await;
        }
        is_over
    })
    .await;
    wait_until("all deliveries are projected", SOON, async || {
        let appended: i64 =
            sqlx::query_scalar("select count(*) from ledger.deliveries").fetch_one(pool).await.unwrap();
        ledger::fates(pool).await.unwrap().appended == appended
            && store::folding::waiting(pool).await.unwrap() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_live_chats_of_the_simulator_become_rows_and_a_report_and_outlive_a_kill() {
    let home = home("");
    let simulate = [
        "simulate",
        "--listen",
        "127.0.0.1:0",
        "--crm-listen",
        "127.0.0.1:0",
        "--receiver-listen",
        "127.0.0.1:0",
        "--clients",
        "40",
        "--days",
        "3",
        "--rate",
        "0",
        "--token",
        ledger::TOKEN,
    ];
    let mut platform = home.start(&simulate).await;
    let line = platform.line("api_url").await;
    let simulator = line.split_whitespace().last().unwrap().to_owned();
    home.configure(&account(&simulator, "history = \"all\""));
    let mut up = home.up().await;
    up.process.line("backfill ended").await;

    // What is live comes by webhooks; it lies within the five minutes that the clocks of two machines may differ.
    control(&simulator, "webhook", Some(json!({"url": hook(&up)}))).await;
    control(&simulator, "live", Some(json!({"chats_per_minute": 30, "haste": 30, "seconds": 60}))).await;
    control(&simulator, "advance", Some(json!({"seconds": 200}))).await;
    let cluster = private_server(&home).await;
    let pool = store::pool(&cluster.url(), store::LIVE, 2).unwrap();
    all_delivered(&simulator, &pool).await;

    // Rows: what the simulator knows; by REST a time has whole seconds.
    let state = control(&simulator, "state", None).await;
    let truth: Vec<Value> = state["truth"].as_array().unwrap().clone();
    let wrong = differences(&pool, &truth, 1.0).await;
    assert!(wrong.is_empty(), "{} differ: {}", wrong.len(), wrong[0]);
    let live = state["deliveries"]["accepted"].as_u64().unwrap();
    assert!(truth.len() > 100 && live > 100, "{} requests, {live} webhooks", truth.len());

    // The report, by a second process beside the first, on the same private server.
    let server = postmaster(&home);
    let report = response_times(&home, &[]).await;
    let measured = || truth.iter().filter(|one| one["kind"] == "common" && one["by_client"] == true);
    let waits: Vec<f64> = measured().filter_map(|one| one["first_reply_seconds"].as_f64()).collect();
    let row = &report["rows"][0];
    assert_eq!(row["requests"], measured().count(), "{row}");
    assert_eq!(row["left_out"], truth.len() - measured().count(), "{row}");
    assert_eq!(row["first_response"]["n"], waits.len(), "{row}");
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    assert!((row["first_response"]["mean"].as_f64().unwrap() - mean).abs() < 1.0, "{row}, not {mean}");
    let fates = assert_accounted(&home, &pool).await;
    assert_eq!(fates.decoded, fates.appended, "everything of the simulator can be read");
    assert_eq!(postmaster(&home), server, "no command started or stopped a server of its own");

    // Killed, and started again: what was said meanwhile comes by REST, and webhooks go on.
    pool.close().await;
    cluster.stop().await.unwrap();
    up.process.kill().await;
    control(&simulator, "say", Some(json!({"text": "are you there?"}))).await;
    let up = home.up().await;
    let later = json!({"hook_type": "inbox", "message_id": 7, "type": "from_client", "text": "again", "client_id": 5,
        "channel_id": 12, "request_id": 6, "event_time": "2026-01-15T09:30:00Z"});
    assert_eq!(ledger::post(&hook(&up), &later).await, 200);
    wait_until("the report counts both requests", SOON, async || {
        response_times(&home, &[]).await["rows"][0]["requests"] == measured().count() + 2
    })
    .await;

    let (up, platform) = (up.process.stop().await, platform.stop().await);
    assert_eq!((up.code(), platform.code()), (Some(0), Some(0)), "{}\n{}", up.stderr, platform.stderr);
    assert_eq!(postmaster(&home), None, "the last to leave stops the server");
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/chat2desk").join(path)
}

/// Posts a file as a person would; gives the status.
async fn curl(file: &Path, url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]);
    curl.args(["--header", "content-type: application/json", "--data-binary"]);
    let output = curl.arg(format!("@{}", file.display())).arg(url).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn row(pool: &PgPool, table: &'static str, key: &str) -> Option<Value> {
    let (table, id) = table.split_once('.').unwrap();
    let sql = format!("select to_jsonb(t) from {table} t where {id} = $1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(key).fetch_optional(pool).await.unwrap()
}

/// Fails unless `row` has these fields.
#[track_caller]
fn assert_has(row: &Value, expected: &Value) {
    for (field, expected) in expected.as_object().unwrap() {
        assert_eq!(&row[field], expected, "{field} of {row}");
    }
}

async fn post_samples(up: &Up) -> i64 {
    let mut hooks: Vec<PathBuf> =
        std::fs::read_dir(fixture("hooks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    hooks.sort();
    assert_eq!(hooks.len(), 15, "all printed bodies");
    for file in &hooks {
        assert_eq!(curl(file, &hook(up)).await, "200", "{}", file.display());
    }
    for file in ["message_of_a_list.json", "message.json"] {
        assert_eq!(curl(&fixture("seeds").join(file), &hook(up)).await, "200");
    }
    let script = format!("{}/script/new_message_handler", hook(up));
    assert_eq!(curl(&fixture("seeds/new_message_handler.json"), &script).await, "200");
    hooks.len() as i64 + 3
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_samples_posted_with_curl_become_the_rows_and_the_report_that_they_mean() {
    let database = database().await;
    let home = home_on(&database, "partitions = 4", &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    let deliveries = post_samples(&up).await;
    let pool = database.pool();
    wait_until("all are projected", SOON, async || {
        ledger::fates(&pool).await.unwrap().appended == deliveries
    })
    .await;
    let request = wait_for("the request is closed and has all its messages", SOON, async || {
        let request = row(&pool, "requests.request_key", "8800001").await?;
        let messages: i64 = sqlx::query_scalar("select count(*) from messages where request_key = '8800001'")
            .fetch_one(&pool)
            .await
            .unwrap();
        // Identities that nobody knows keep their marks; everything else must be folded.
        let marks: i64 = sqlx::query_scalar("select count(*) from marks where kind <> 'identity'")
            .fetch_one(&pool)
            .await
            .unwrap();
        let message = row(&pool, "messages.message_id", "614").await;
        let is_filed = message.is_some_and(|message| message["channel_id"] == "1");
        (!request["closed_at"].is_null() && messages == 5 && marks == 0 && is_filed).then_some(request)
    })
    .await;

    // Asked at 09:30:00.125, answered at 09:31:40.480, closed at 10:05:00.
    assert_has(
        &request,
        &json!({
            "segmentation": "given", "kind": "common", "client_id": "330001", "dialog_id": "410001", "channel_id": "12",
            "transport": "telegram", "initiated_by": "client", "opened_at": "2026-01-15T09:30:00+00:00",
            "closed_at": "2026-01-15T10:05:00+00:00", "close_reason": "unknown",
            "first_client_message_at": "2026-01-15T09:30:00.125+00:00", "first_reply_at": "2026-01-15T09:31:40.48+00:00",
            "first_operator_id": "7001", "last_operator_id": "7001", "client_messages": 1, "operator_messages": 1,
            "bot_messages": 0, "automation_messages": 0, "transfers": 1, "holder_operator_id": "7002",
            "turns_answered": 1, "turns_unanswered": 0, "frt_customer_seconds": 100.355, "frt_human_seconds": 100.355,
            "average_reply_seconds": 100.355, "resolution_seconds": 2099.875, "frt_customer_business_seconds": null,
            "local_day": "2026-01-15", "local_hour": 14,
        }),
    );
    let message = row(&pool, "messages.message_id", "900001").await.unwrap();
    assert_has(
        &message,
        &json!({"author_kind": "client", "time_quality": "ok", "dialog_id": "410001",
        "text": "Good morning, where is my order?",
        "attachments": [{"name": "receipt.jpg", "link": "https://storage.example.org/m/1.jpg"}]}),
    );
    for (id, author, quality) in [
        ("900002", "operator", "ok"),
        ("900003", "automation", "unconfirmed"),
        ("900004", "note", "ok"),
        ("900005", "system", "ok"),
    ] {
        let message = row(&pool, "messages.message_id", id).await.unwrap();
        assert_has(
            &message,
            &json!({"author_kind": author, "time_quality": quality, "request_key": "8800001"}),
        );
    }
    let client = row(&pool, "clients.client_id", "330001").await.unwrap();
    assert_has(
        &client,
        &json!({"phone": "10005550123", "name": "Client One", "assigned_name": "Client One (VIP)"}),
    );
    assert_has(
        &row(&pool, "tags.tag_id", "612").await.unwrap(),
        &json!({"label": "score-2", "group_name": "Scores"}),
    );
    assert_has(
        &row(&pool, "dialogs.dialog_id", "410001").await.unwrap(),
        &json!({"state": "closed", "requests": 1}),
    );

    // The old hook, told twice, once without a channel: one message, one derived request that waits since 2016.
    let old = row(&pool, "messages.message_id", "614").await.unwrap();
    assert_has(
        &old,
        &json!({"author_kind": "client", "client_id": "13", "channel_id": "1", "dialog_id": "11",
        "sent_at": "2016-01-11T19:45:05+00:00", "request_key": "derived:13/1:614"}),
    );
    let waiting = row(&pool, "requests.request_key", "derived:13/1:614").await.unwrap();
    assert_has(&waiting, &json!({"segmentation": "derived", "waiting_since": "2016-01-11T19:45:05+00:00"}));
    // A script's message has no time of its own, and this one is a choice in a menu: it asks nobody.
    let choice = row(&pool, "messages.message_id", "111").await.unwrap();
    assert_has(&choice, &json!({"author_kind": "client", "time_quality": "received", "client_id": "1112"}));
    let turns: i64 = sqlx::query_scalar("select count(*) from turns").fetch_one(&pool).await.unwrap();
    assert_eq!(turns, 2);

    let report = response_times(&home, &[]).await;
    let row = &report["rows"][0];
    assert_has(row, &json!({"key": "all", "requests": 3, "left_out": 0}));
    assert_has(
        &row["first_response"],
        &json!({"n": 1, "mean": 100.355, "max": 100.355, "unanswered": 0, "waiting": 1}),
    );
    assert_has(&row["resolution"], &json!({"n": 1, "mean": 2099.875, "waiting": 2}));
    let by_operator =
        response_times(&home, &["--by", "operator", "--from", "2026-01-15", "--to", "2026-01-15"]).await;
    assert_eq!(by_operator["rows"].as_array().unwrap().len(), 1, "{by_operator}");
    assert_has(&by_operator["rows"][0], &json!({"key": "7001", "requests": 1}));
    let fates = assert_accounted(&home, &pool).await;
    assert_eq!((fates.appended, fates.decoded), (deliveries, deliveries));
    let ended = up.process.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_up_on_one_address_ends_at_once_and_leaves_the_first_alone() {
    let database = database().await;
    let home = home_on(&database, "partitions = 2", &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    home.configure(&account(NOBODY, "history = \"none\"").replace("127.0.0.1:0", &up.address.to_string()));
    let second = home.run(&["up"]).await;
    assert_eq!(second.code(), Some(1), "{}", second.stderr);
    assert!(
        second.stderr.contains("cannot listen on") && second.stderr.contains("[server] listen"),
        "{}",
        second.stderr
    );
    assert_eq!(http().get(up.url("/healthz")).send().await.unwrap().status().as_u16(), 200);
}
