//! The real program with one account, as the scenarios of `up`, `outage`, `crash` and `bad_input` use it.

use std::time::Duration;

use chatledger_tests::{Home, TestDatabase, Up, wait_until};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;

/// The account's API token.
pub(crate) const TOKEN: &str = "token-acme";
/// The secret path segment of its hooks.
pub(crate) const SECRET: &str = "hook-secret-acme";
/// Long enough for a busy machine, short enough for a person.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// An account without history; `more` are further lines of it.
pub(crate) fn account(api_url: &str, more: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[account]]\nid = \"acme\"\nplatform = \"chat2desk\"\napi_url = \"{api_url}\"\ntoken_env = \"ACME_TOKEN\"\n\
         hook_secret_env = \"ACME_HOOK_SECRET\"\ntime_zone = \"Asia/Almaty\"\nbot_operators = [\"7009\"]\n\
         calls_per_second = 100.0\nhistory_quota_share = 1.0\n{more}\n"
    )
}

/// Nobody answers there.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9";

/// The account on a database that is named; `log` is its section.
pub(crate) fn home_on(database: &TestDatabase, log: &str, account: &str) -> Home {
    home(&format!("[database]\nurl_env = \"DATABASE_URL\"\nconnections = 8\n[log]\n{log}\n{account}"))
        .with("DATABASE_URL", &database.url)
}

/// With the account's secrets in the environment.
pub(crate) fn home(configuration: &str) -> Home {
    Home::new(configuration).with("ACME_TOKEN", TOKEN).with("ACME_HOOK_SECRET", SECRET)
}

/// Where the account's webhooks go.
pub(crate) fn hook(up: &Up) -> String {
    up.url(&format!("/hooks/acme/{SECRET}"))
}

/// A client that gives up in time.
pub(crate) fn http() -> reqwest::Client {
    // Fails when somebody installed a provider before: that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build().unwrap()
}

/// Posts JSON; gives the status.
pub(crate) async fn post(url: &str, body: &Value) -> u16 {
    http().post(url).body(body.to_string()).send().await.unwrap().status().as_u16()
}

/// Waits until so many deliveries have a fate and nothing waits to be folded.
pub(crate) async fn projected(pool: &PgPool, deliveries: i64) {
    wait_until(&format!("{deliveries} deliveries are projected"), SOON, async || {
        fates(pool).await.is_some_and(|fates| fates.appended >= deliveries)
            && store::folding::waiting(pool).await.is_ok_and(|waiting| waiting == 0)
    })
    .await;
}

/// The sums of the accounting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Fates {
    pub(crate) appended: i64,
    pub(crate) decoded: i64,
    pub(crate) partly_rejected: i64,
    pub(crate) rejected: i64,
    pub(crate) erased: i64,
}

/// What became of the deliveries so far; `None` while the database is away.
pub(crate) async fn fates(pool: &PgPool) -> Option<Fates> {
    let sums = "select coalesce(sum(appended), 0)::bigint as appended, coalesce(sum(decoded), 0)::bigint as decoded, \
                coalesce(sum(partly_rejected), 0)::bigint as partly_rejected, \
                coalesce(sum(rejected), 0)::bigint as rejected, coalesce(sum(erased), 0)::bigint as erased from accounting";
    sqlx::query_as(sums).fetch_one(pool).await.ok()
}

/// The counts add up, and the log agrees (design.md promise 2). Everything must be projected.
pub(crate) async fn assert_accounted(home: &Home, pool: &PgPool) -> Fates {
    let fates = fates(pool).await.unwrap();
    assert_eq!(
        fates.decoded + fates.partly_rejected + fates.rejected + fates.erased,
        fates.appended,
        "{fates:?}"
    );
    let report = home.run(&["report", "accounting", "--verify", "--format", "json"]).await.json();
    assert_eq!(report["total"]["is_complete"], true, "{report}");
    let partitions = report["partitions"].as_array().unwrap();
    let sum =
        |field: &str| partitions.iter().map(|partition| partition[field].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("in_log"), sum("lag")), (fates.appended, 0), "{report}");
    fates
}

/// A client's question, or an operator's answer; the hundreds of its id are its client and request.
pub(crate) fn message(id: u64, at: DateTime<Utc>) -> Value {
    let group = id / 100;
    let (hook, kind, operator) = if id.is_multiple_of(2) {
        ("inbox", "from_client", Value::Null)
    } else {
        ("outbox", "to_client", json!(7001 + group % 3))
    };
    json!({
        "hook_type": hook, "message_id": id, "type": kind, "text": "text", "transport": "telegram",
        "client_id": 1000 + group, "channel_id": 12, "dialog_id": 2000 + group, "operator_id": operator,
        "request_id": 3000 + group, "event_time": at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    })
}
