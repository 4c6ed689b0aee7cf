//! What is sent, configured and said wrongly, against the real program: answered as designed, counted, never a panic;
//! and nothing of anybody in a line of its own log.

use std::io::Write as _;
use std::time::Duration;

use chatledger_tests::{Ended, Home, Up, database, program};
use events::Clock as _;
use serde_json::{Value, json};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::server::{Handle, Tenant, WorldClock, serve};
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::ledger::{self, NOBODY, TOKEN, account, assert_accounted, home, home_on, hook, http, projected};

const NO_HISTORY: &str = "history = \"none\"";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Posts bytes; gives the status.
async fn send(url: &str, encoding: Option<&str>, body: impl Into<reqwest::Body>) -> u16 {
    let mut request = http().post(url).header("content-type", "application/json").body(body);
    if let Some(encoding) = encoding {
        request = request.header("content-encoding", encoding);
    }
    request.send().await.unwrap().status().as_u16()
}

fn inbox(id: u64, more: &Value) -> Value {
    let mut body = json!({"hook_type": "inbox", "message_id": id, "type": "from_client", "text": "text", "client_id": 5,
        "channel_id": 12, "request_id": 6, "event_time": "2026-01-15T09:30:00Z"});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

/// Reasons of the rejects so far, with how often each.
async fn reasons(pool: &PgPool) -> Vec<(String, i64)> {
    let sql = "select reason, count(*) from rejects group by reason order by reason";
    sqlx::query_as(sql).fetch_all(pool).await.unwrap()
}

/// The counter of requests by outcome.
async fn counted(up: &Up, account: &str, outcome: &str) -> u64 {
    let page = http().get(up.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| {
        let labels = [
            format!("account=\"{account}\""),
            format!("outcome=\"{outcome}\""),
            "road=\"webhook\"".to_owned(),
        ];
        line.starts_with("chatledger_requests_total{")
            && labels.iter().all(|label| line.contains(label.as_str()))
    });
    line.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_are_kept_counted_and_named_and_good_ones_among_them_are_read() {
    let database = database().await;
    let home = home_on(&database, "partitions = 3", &account(NOBODY, NO_HISTORY));
    let up = home.up().await;
    let url = hook(&up);
    let deep = "[".repeat(100_000);
    let deep_within = format!("{{\"hook_type\": \"inbox\", \"message_id\": 99, \"extra_data\": {deep}");
    let kept: Vec<(&str, Option<&str>, Vec<u8>)> = vec![
        // not_json
        ("no json", None, b"what is this?".to_vec()),
        ("nothing", None, Vec::new()),
        ("bytes", None, vec![0xff, 0x00, 0xfe]),
        ("half a body", None, br#"{"hook_type": "inbox", "message_"#.to_vec()),
        ("no gzip", Some("gzip"), b"\x1f\x8b but no gzip".to_vec()),
        ("deep nesting", None, deep.into_bytes()),
        ("deep nesting within", None, deep_within.into_bytes()),
        // not_an_object
        ("a number", None, b"42".to_vec()),
        ("no object", None, b"[]".to_vec()),
        // missing_identity
        ("no id", None, br#"{"hook_type": "inbox", "text": "whose?"}"#.to_vec()),
        // wrong_type
        (
            "an object as id",
            None,
            br#"{"hook_type": "inbox", "message_id": {"id": 1}, "client_id": 5}"#.to_vec(),
        ),
        ("text as id", None, br#"{"hook_type": "close_request", "request_id": "six"}"#.to_vec()),
        // partly rejected: one of two
        ("half good", None, format!(r#"[{}, {{"hook_type": "inbox"}}]"#, inbox(1, &json!({}))).into_bytes()),
        // decoded
        ("unknown", None, br#"{"hook_type": "new_thing", "thing": {"id": 1}}"#.to_vec()),
        (
            "wrong types elsewhere",
            None,
            inbox(2, &json!({"text": 5, "attachments": "none", "client": []})).to_string().into_bytes(),
        ),
        (
            "a lone surrogate",
            None,
            inbox(3, &json!({"text": "LONE"})).to_string().replace("LONE", "a\\ud800b").into_bytes(),
        ),
        ("a NUL", None, inbox(4, &json!({"text": "a\u{0}b"})).to_string().into_bytes()),
        ("gzip", Some("gzip"), gzip(inbox(5, &json!({})).to_string().as_bytes())),
    ];
    let deliveries = kept.len();
    for (what, encoding, body) in kept {
        assert_eq!(send(&url, encoding, body).await, 200, "{what}");
    }
    // These are not: nothing of them is in the log.
    assert_eq!(send(&url, None, vec![b' '; 3 << 20]).await, 413, "3 MiB");
    assert_eq!(send(&url, Some("gzip"), gzip(&vec![b' '; 64 << 20])).await, 413, "a gzip bomb");
    let good = inbox(9, &json!({})).to_string();
    assert_eq!(send(&up.url("/hooks/acme/wrong"), None, good.clone()).await, 404);
    assert_eq!(send(&up.url(&format!("/hooks/nobody/{}", ledger::SECRET)), None, good.clone()).await, 404);
    assert_eq!(send(&up.url(&format!("/hooks/%FF/{}", ledger::SECRET)), None, good).await, 404);

    let pool = database.pool();
    projected(&pool, deliveries as i64).await;
    let fates = assert_accounted(&home, &pool).await;
    assert_eq!(fates.appended, deliveries as i64);
    assert_eq!((fates.rejected, fates.partly_rejected, fates.decoded), (12, 1, 5));
    let found = reasons(&pool).await;
    let found: Vec<(&str, i64)> = found.iter().map(|(reason, n)| (reason.as_str(), *n)).collect();
    assert_eq!(found, [("missing_identity", 2), ("not_an_object", 2), ("not_json", 7), ("wrong_type", 2)]);
    let texts: Vec<(String, Option<String>)> =
        sqlx::query_as("select message_id, text from messages order by message_id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let text =
        |id: &str| texts.iter().find(|(found, _)| found == id).unwrap_or_else(|| panic!("no {id}")).1.clone();
    assert_eq!((text("3").as_deref(), text("4").as_deref()), (Some("a\u{fffd}b"), Some("ab")));
    assert_eq!(texts.len(), 5, "{texts:?}");

    assert_eq!(counted(&up, "acme", "appended").await, deliveries as u64);
    assert_eq!(counted(&up, "acme", "too_large").await, 2);
    assert_eq!(counted(&up, "acme", "unauthorized").await, 1);
    assert_eq!(counted(&up, "unknown", "unknown_account").await, 2);
    let ended = up.process.stop().await.succeeded();
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// A small business whose account does what `change` makes of it.
async fn platform(change: impl FnOnce(&mut Account)) -> Handle {
    let now = events::SystemClock.now();
    let mut account = Account::new("acme", TOKEN, "Example Ltd", chrono_tz::Asia::Almaty);
    change(&mut account);
    let (world, business) = Plan { account, clients: 10, days: 2, seed: 3, until: now }.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(vec![Tenant::new(world, Some(business))], listener, WorldClock::still(now)).unwrap()
}

/// Exactly one line says what is wrong, and what to do.
#[track_caller]
fn assert_told(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code(), Some(code), "{}", ended.stderr);
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().last(), errors.first().copied(), "{}", ended.stderr);
    for word in words {
        assert!(errors[0].contains(word), "{word:?} is not in: {}", errors[0]);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// Waits for its end at most so long.
async fn run(home: &Home, arguments: &[&str], seconds: u64) -> Ended {
    // Building it does not count.
    program().await;
    tokio::time::timeout(Duration::from_secs(seconds), home.run(arguments)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_and_a_spent_quota_are_told_in_one_line_with_the_next_step() {
    let database = database().await;
    let platform = platform(|account| account.quota = Some(6)).await;
    let home = home_on(&database, "partitions = 2", &account(&platform.url(), "history = \"all\""));
    let spent = run(&home, &["backfill"], 60).await;
    assert_told(&spent, 75, &["acme", "quota is spent", "run the same command then"]);
    let spent = run(&home, &["backfill", "--plan"], 60).await;
    assert_told(&spent, 75, &["acme", "quota is spent"]);
    let home = home.with("ACME_TOKEN", "another-token");
    let refused = run(&home, &["backfill"], 60).await;
    assert_told(&refused, 1, &["acme", "token is not", "check the token (token_env)"]);
    assert!(!refused.stderr.contains("another-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_platform_database_or_broker_is_told_in_one_line_with_the_next_step() {
    let database = database().await;
    let nobody = home_on(&database, "partitions = 2", &account(NOBODY, NO_HISTORY));
    let brokers = "backend = \"kafka\"\nbrokers = [\"127.0.0.1:9\"]\nreplication = 1";
    let broken = home_on(&database, brokers, &account(NOBODY, NO_HISTORY));
    let alone = home_on(&database, "partitions = 2", &account(NOBODY, NO_HISTORY))
        .with("DATABASE_URL", "postgres://user:canary-password@127.0.0.1:9/chatledger");
    let (platform, broker, server) =
        tokio::join!(run(&nobody, &["backfill"], 55), run(&broken, &["up"], 55), run(&alone, &["up"], 55));
    assert_told(&platform, 1, &["acme", "cannot be read", "check api_url and the network"]);
    assert_told(&broker, 1, &["[log]", "check brokers (127.0.0.1:9) and that they run"]);
    assert_told(&server, 1, &["[database]", "check its url and that it runs"]);
    assert!(!server.stderr.contains("canary-password"), "{}", server.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_ends_every_command_with_its_place_and_the_next_step() {
    let wrong = account(NOBODY, NO_HISTORY)
        .replace("Asia/Almaty", "Asia/Almty")
        .replace("calls_per_second", "calls_per_secnd");
    let wrong_home = home(&wrong);
    for command in [&["up"][..], &["backfill"], &["check"], &["report", "accounting"]] {
        let ended = run(&wrong_home, command, 30).await;
        assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
        for word in ["calls_per_secnd", "did you mean", "calls_per_second"] {
            assert!(ended.stderr.contains(word), "{word:?} is not in: {}", ended.stderr);
        }
    }
    let wrong_zone = home(&account(NOBODY, NO_HISTORY).replace("Asia/Almaty", "Asia/Almty"));
    let ended = run(&wrong_zone, &["check"], 30).await;
    assert_eq!(ended.code(), Some(2));
    assert!(
        ended.stderr.contains("time_zone") && ended.stderr.contains("did you mean \"Asia/Almaty\""),
        "{}",
        ended.stderr
    );
    let without_token = Home::new(&account(NOBODY, NO_HISTORY)).with("ACME_HOOK_SECRET", "secret");
    let ended = run(&without_token, &["check"], 30).await;
    assert_eq!(ended.code(), Some(2));
    assert!(ended.stderr.contains("ACME_TOKEN"), "the variable that is missing: {}", ended.stderr);
    let ended = run(&home(&account(NOBODY, NO_HISTORY)), &["report", "nonsense"], 30).await;
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
}

/// What must be in no line: secrets, and what is of people.
const CANARIES: [&str; 7] = [
    "canary-token",
    "canary-hook",
    "77015550142",
    "canary-text",
    "Canary Person",
    "canary@example.org",
    "canary-query",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_nothing_of_a_person_is_in_any_line_at_level_debug() {
    let database = database().await;
    let platform = platform(|account| account.token = "canary-token".to_owned()).await;
    let client =
        json!({"id": 5, "phone": "77015550142", "name": "Canary Person", "email": "canary@example.org"});
    platform.with("acme", |tenant| {
        let id = tenant.world.add_client("77015550142", Some("Canary Person"));
        let thread = simulator::chat2desk::Thread { client: id, channel: 12 };
        let now = tenant.world.now();
        tenant.world.client_writes(now, thread, "whatsapp", "canary-text", None).unwrap();
    });
    let home = home_on(
        &database,
        "partitions = 2",
        &account(&platform.url(), "history = \"all\"\ndefault_country = \"KZ\""),
    )
    .with("ACME_TOKEN", "canary-token")
    .with("ACME_HOOK_SECRET", "canary-hook");
    let password = database.url.split(':').nth(2).and_then(|rest| rest.split('@').next()).unwrap().to_owned();
    assert!(password.len() > 8, "the server asks for a password");

    let mut up = home.up_with(&["--log", "debug", "up"], &[]).await;
    up.process.line("backfill ended").await;
    let url = up.url("/hooks/acme/canary-hook");
    let bodies = [
        inbox(1, &json!({"text": "canary-text", "client": client})).to_string(),
        "canary-text 77015550142 Canary Person".to_owned(),
        r#"{"hook_type": "inbox", "message_id": {"canary-text": "77015550142"}, "client": "Canary Person"}"#
            .to_owned(),
        r#"{"hook_type": "close_request", "request_id": "canary-text"}"#.to_owned(),
        r#"{"hook_type": "canary-text", "phone": "77015550142"}"#.to_owned(),
        format!("{}canary-text", "[".repeat(100_000)),
    ];
    for body in &bodies {
        assert_eq!(send(&url, None, body.clone()).await, 200);
    }
    assert_eq!(send(&url, Some("gzip"), "canary-text, no gzip").await, 200);
    assert_eq!(send(&url, None, "canary-text ".repeat(300_000)).await, 413);
    assert_eq!(send(&up.url("/hooks/acme/canary-hook-wrong"), None, "canary-text").await, 404);
    let script = format!("{url}/script/new_message_handler?text=canary-query");
    assert_eq!(http().get(script).send().await.unwrap().status().as_u16(), 200);
    let pool = database.pool();
    let appended: i64 =
        sqlx::query_scalar("select count(*) from ledger.deliveries").fetch_one(&pool).await.unwrap();
    projected(&pool, appended).await;

    // They are where they belong, so that they could have been in a line.
    let held: i64 = sqlx::query_scalar("select count(*) from messages where text = 'canary-text'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(held, 2, "one by webhook, one by backfill");
    let up = up.process.stop().await.succeeded();
    let backfill = home.run(&["--log", "debug", "backfill"]).await.succeeded();
    let refused = home
        .start_with(&["--log", "debug", "backfill"], &[("ACME_TOKEN", "canary-token-wrong")])
        .await
        .ended()
        .await;
    assert_eq!(refused.code(), Some(1));
    let check = home.run(&["--log", "debug", "check", "--print"]).await.succeeded();
    let report = home.run(&["--log", "debug", "report", "accounting", "--verify"]).await.succeeded();
    assert!(up.stderr.contains("DEBUG"), "level debug says something");
    for said in [up, backfill, refused, check, report] {
        for line in said.stderr.lines().chain(said.stdout.lines()) {
            for canary in CANARIES.iter().copied().chain([password.as_str()]) {
                assert!(!line.contains(canary), "{canary} in: {line}");
            }
        }
    }
}
