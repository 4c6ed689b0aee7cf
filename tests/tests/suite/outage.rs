//! Promises 1 and 2 while a part is away: 200 means kept, everything else is a 503 that says when to come again; what
//! went comes back by itself, and every delivery is counted once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chatledger_tests::{
    Home, Kafka, Up, database, kafka_cluster, own_database_server, own_kafka, wait_until,
};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ledger::{NOBODY, SOON, account, assert_accounted, home_on, hook, http, message, projected};

/// Senders at once.
const SENDERS: usize = 12;

/// Clients that write without a pause, each message once.
struct Load {
    seen: Arc<Seen>,
    stop: CancellationToken,
    senders: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    next: AtomicU64,
    kept: Mutex<BTreeSet<u64>>,
    refused: Mutex<BTreeSet<u64>>,
}

impl Load {
    fn start(url: &str) -> Self {
        let mut load = Self { seen: Arc::default(), stop: CancellationToken::new(), senders: JoinSet::new() };
        let client = http();
        for _ in 0..SENDERS {
            let (seen, stop, client, url) =
                (load.seen.clone(), load.stop.clone(), client.clone(), url.to_owned());
            load.senders.spawn(async move {
                while !stop.is_cancelled() {
                    seen.send(&client, &url).await;
                }
            });
        }
        load
    }

    async fn kept(&self) -> usize {
        self.seen.kept.lock().await.len()
    }

    async fn refused(&self) -> usize {
        self.seen.refused.lock().await.len()
    }

    /// Waits until so many more were kept.
    async fn keeps(&self, more: usize) {
        let wanted = self.kept().await + more;
        wait_until("messages are kept", SOON, async || self.kept().await >= wanted).await;
    }

    /// Waits until so many more were refused.
    async fn is_refused(&self, more: usize) {
        let wanted = self.refused().await + more;
        wait_until("messages are refused", SOON, async || self.refused().await >= wanted).await;
    }

    /// Ends it; gives the ids that were answered 200, and those that were sent.
    async fn end(mut self) -> (BTreeSet<u64>, BTreeSet<u64>) {
        self.stop.cancel();
        while let Some(ended) = self.senders.join_next().await {
            ended.unwrap();
        }
        let kept = self.seen.kept.lock().await.clone();
        let sent = kept.union(&*self.seen.refused.lock().await).copied().collect();
        (kept, sent)
    }
}

impl Seen {
    async fn send(&self, client: &reqwest::Client, url: &str) {
        let id = 100_000 + self.next.fetch_add(1, Ordering::Relaxed);
        let at = "2026-01-15T04:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        let at = at + chrono::Duration::seconds(i64::try_from(id).unwrap() - 100_000);
        let answer = client.post(url).body(message(id, at).to_string()).send().await.unwrap();
        match answer.status().as_u16() {
            200 => drop(self.kept.lock().await.insert(id)),
            503 => {
                let again = answer
                    .headers()
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
                assert!(again.is_some_and(|seconds| seconds > 0), "a 503 says when to come again");
                self.refused.lock().await.insert(id);
            }
            other => panic!("answered {other}"),
        }
    }
}

async fn ready(up: &Up) -> u16 {
    http().get(up.url("/readyz")).send().await.unwrap().status().as_u16()
}

async fn becomes_ready(up: &Up, status: u16) {
    wait_until(&format!("readiness is {status}"), SOON, async || ready(up).await == status).await;
}

/// What was answered 200 is in the log and in the tables, once; nothing else is there but what was sent.
async fn assert_kept(home: &Home, pool: &PgPool, load: Load) {
    let (kept, sent) = load.end().await;
    // What was answered 503 may still come through (promise 1): until the log itself is quiet.
    let mut before = -1;
    wait_until("the log is quiet, and read to its end", SOON, async || {
        let ended = home.run(&["report", "accounting", "--verify", "--format", "json"]).await;
        let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        let partitions = report["partitions"].as_array().cloned().unwrap_or_default();
        let read = partitions.iter().all(|partition| partition["lag"] == 0);
        let appended = report["total"]["appended"].as_i64().unwrap_or(-2);
        let quiet = std::mem::replace(&mut before, appended) == appended;
        ended.code() == Some(0) && read && quiet
    })
    .await;
    projected(pool, before).await;
    let ids: Vec<String> =
        sqlx::query_scalar("select message_id from messages").fetch_all(pool).await.unwrap();
    let rows: BTreeSet<u64> = ids.iter().map(|id| id.parse().unwrap()).collect();
    let missing: Vec<_> = kept.difference(&rows).collect();
    assert!(missing.is_empty(), "{} of {} answered 200 and lost: {missing:?}", missing.len(), kept.len());
    assert!(rows.is_subset(&sent), "rows of messages that nobody sent");
    let fates = assert_accounted(home, pool).await;
    // Each was sent once and makes one row: as many deliveries as rows means that each is in the log once.
    assert_eq!(fates.decoded, i64::try_from(rows.len()).unwrap(), "{fates:?}");
    let counted: i64 =
        sqlx::query_scalar("select sum(client_messages + operator_messages)::bigint from requests")
            .fetch_one(pool)
            .await
            .unwrap();
    assert_eq!(counted, fates.decoded, "each is counted once in its request");
}

fn kafka_log(kafka: &Kafka, topic: &str, replication: u32) -> String {
    let brokers: Vec<String> = kafka.address().split(',').map(|broker| format!("{broker:?}")).collect();
    format!(
        "backend = \"kafka\"\nbrokers = [{}]\ntopic = \"{topic}\"\npartitions = 3\nreplication = {replication}",
        brokers.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_stopped_and_killed_under_load_loses_nothing_that_was_answered_200() {
    let mut server = own_database_server().await;
    let database = server.database().await;
    let home = home_on(&database, "partitions = 3", &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    let load = Load::start(&hook(&up));
    for kill in [false, true] {
        load.keeps(100).await;
        if kill {
            server.kill().await;
        } else {
            server.stop().await;
        }
        load.is_refused(SENDERS).await;
        becomes_ready(&up, 503).await;
        server.start().await;
        load.keeps(100).await;
        becomes_ready(&up, 200).await;
    }
    let pool = database.pool();
    assert_kept(&home, &pool, load).await;
    let ended = up.process.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_is_stopped_and_killed_under_load_loses_nothing_that_was_answered_200() {
    let (database, kafka) = tokio::join!(database(), own_kafka());
    let home = home_on(&database, &kafka_log(&kafka, "outage", 1), &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    let load = Load::start(&hook(&up));
    for kill in [false, true] {
        load.keeps(100).await;
        if kill {
            kafka.kill(1).await;
        } else {
            kafka.stop(1).await;
        }
        load.is_refused(SENDERS).await;
        becomes_ready(&up, 503).await;
        kafka.start(1).await;
        load.keeps(100).await;
        becomes_ready(&up, 200).await;
    }
    let pool = database.pool();
    assert_kept(&home, &pool, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_log_in_kafka_webhooks_are_kept_while_postgres_is_away() {
    let (mut server, kafka) = tokio::join!(own_database_server(), own_kafka());
    let database = server.database().await;
    let home = home_on(&database, &kafka_log(&kafka, "apart", 1), &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    let load = Load::start(&hook(&up));
    load.keeps(50).await;
    server.kill().await;
    becomes_ready(&up, 503).await;
    load.keeps(200).await;
    // The log is there: none is refused, but for those under way while the machine stands still.
    assert!(load.refused().await <= SENDERS, "{} refused", load.refused().await);
    server.start().await;
    becomes_ready(&up, 200).await;
    let pool = database.pool();
    assert_kept(&home, &pool, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_brokers_killed_under_load_loses_nothing_that_was_answered_200() {
    let (database, kafka) = tokio::join!(database(), kafka_cluster());
    let home = home_on(&database, &kafka_log(&kafka, "cluster", 3), &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    let load = Load::start(&hook(&up));
    load.keeps(100).await;
    kafka.kill(2).await;
    load.keeps(300).await;
    let pool = database.pool();
    assert_kept(&home, &pool, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_stopped_for_good_is_told_by_readiness() {
    let database = database().await;
    let home = home_on(&database, "partitions = 2", &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    becomes_ready(&up, 200).await;
    up.process.stop().await.succeeded();
    // No later try can help.
    let pool = database.pool();
    sqlx::raw_sql("drop table ledger.publishing cascade").execute(&pool).await.unwrap();
    let up = home.up().await;
    becomes_ready(&up, 503).await;
    let page = http().get(up.url("/readyz")).send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("publishing of figures: not ready") && page.contains("projection: ready"),
        "{page}"
    );
    let ended = up.process.stop().await;
    assert!(ended.code() == Some(1) && ended.stderr.contains("publishing of figures"), "{}", ended.stderr);
    pool.close().await;
}
