//! Promises 3 and 4 on a real database: the tables are a function of the set of deliveries, whatever the order, the
//! repetition, the split over partitions and workers; and a worker that was thought dead writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatledger_tests::{TestDatabase, database, wait_until};
use chrono::{DateTime, Utc};
use events::{Capture, Delivery, DeliveryIds, PagePart, Platform, Road};
use log::{Entry, Log, PostgresLog};
use projection::{AccountRules, Rules, Runner, Settings};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::positions::{self, Move};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::tables::settled;

fn rules() -> Rules {
    let rules = AccountRules {
        zone: chrono_tz::Asia::Almaty,
        bots: ["7009".to_owned()].into(),
        default_country: Some("KZ".to_owned()),
        ..AccountRules::default()
    };
    Rules::new(BTreeMap::from([("acme".to_owned(), rules)]))
}

fn at(second: u32) -> DateTime<Utc> {
    "2026-01-15T04:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::Duration::seconds(second.into())
}

fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// An account's worth of deliveries: webhooks of some conversations, and the lists that a backfill would bring.
fn deliveries(chance: &mut Chance) -> Vec<Delivery> {
    let mut all = Vec::new();
    let mut message_id = 900_000 + u64::from(chance.below(1000)) * 1000;
    for client in 1..=4_u64 {
        let channel = 11 + client % 2;
        let dialog = 410_000 + client;
        let mut second = chance.below(3600);
        for request in 0..3_u64 {
            let request_id = 8_800_000 + client * 10 + request;
            let with_ids = chance.below(4) > 0;
            let request_value = if with_ids { json!(request_id) } else { Value::Null };
            let operator = 7001 + chance.below(2);
            if chance.below(2) == 0 && with_ids {
                all.push(webhook(
                    second,
                    &json!({"hook_type": "new_request", "request_id": request_id,
                    "client_id": client, "channel_id": channel, "transport": "telegram", "type": "common",
                    "by_client": true, "event_time": iso(at(second))}),
                ));
            }
            for _ in 0..=chance.below(5) {
                message_id += 1;
                second += chance.below(200);
                let (hook, kind, by) = match chance.below(5) {
                    0 | 1 => ("inbox", "from_client", Value::Null),
                    2 | 3 => ("outbox", "to_client", json!(operator)),
                    _ => ("outbox", "to_client", json!(7009)),
                };
                let body = json!({"hook_type": hook, "message_id": message_id, "type": kind, "text": "text",
                    "transport": "telegram", "client_id": client, "channel_id": channel, "dialog_id": dialog,
                    "operator_id": by, "request_id": request_value, "event_time": iso(at(second)),
                    "client": {"id": client, "phone": format!("7701000000{client}"), "name": format!("Client {client}")}});
                if chance.below(3) > 0 {
                    all.push(webhook(second, &body));
                }
                // The list as today; and as in 2016, when a row named no channel and no request.
                let mut listed = json!({"id": message_id, "type": kind, "text": "text", "transport": "telegram",
                    "client_id": client, "operator_id": by, "created": at(second).format("%Y-%m-%dT%H:%M:%S UTC").to_string()});
                if chance.below(3) > 0 {
                    listed["channel_id"] = json!(channel);
                    listed["dialog_id"] = json!(dialog);
                    listed["request_id"] = request_value.clone();
                }
                all.push(row("messages", &listed));
            }
            second += 60;
            if chance.below(2) == 0 {
                all.push(webhook(second, &json!({"hook_type": "dialog_transferred", "dialog_id": dialog,
                    "operator_id": 7001 + chance.below(2), "request_id": request_id, "event_time": iso(at(second))})));
            }
            // Neither names a channel: they find their conversation through links.
            match chance.below(3) {
                0 => all.push(webhook(
                    second,
                    &json!({"hook_type": "close_request", "request_id": request_id,
                    "client_id": client, "event_time": iso(at(second))}),
                )),
                1 => all.push(webhook(
                    second,
                    &json!({"hook_type": "close_dialog", "dialog_id": dialog,
                    "client_id": client, "event_time": iso(at(second))}),
                )),
                _ => {}
            }
            if chance.below(2) == 0 && with_ids {
                let local = |time: DateTime<Utc>| {
                    (time + chrono::Duration::hours(5)).format("%Y-%m-%d %H:%M:%S").to_string()
                };
                all.push(row("statistics?report=request_stats", &json!({"request_id": request_id, "request_type": "common",
                    "request_start": local(at(second - 60)), "request_end": local(at(second)), "client_id": client,
                    "channel_id": channel, "operator_id": operator})));
            }
            second += 600 + chance.below(3600);
        }
        all.push(row("dialogs", &json!({"id": dialog, "state": if chance.below(2) == 0 { "open" } else { "closed" },
            "begin": "2026-01-15T04:00:00 UTC", "end": null, "operator_id": 7002, "last_request_id": 8_800_000 + client * 10})));
        all.push(row("clients", &json!({"id": client, "phone": format!("7701000000{client}"), "assigned_name": "VIP", "tags": ["a"]})));
    }
    all.push(row(
        "operators",
        &json!({"id": 7001, "first_name": "Operator", "last_name": "One", "role": "operator"}),
    ));
    all.push(row("channels", &json!({"id": 12, "name": "first", "transports": ["telegram"]})));
    all.push(row("tags", &json!({"id": 612, "label": "score-2", "group_name": "Scores"})));
    all.push(row("operators_groups", &json!({"id": 5, "name": "Sales", "operator_ids": [7001]})));
    all
}

fn webhook(second: u32, body: &Value) -> Delivery {
    delivery(Road::Webhook, Capture::default(), body, at(second + 1))
}

fn row(list: &str, body: &Value) -> Delivery {
    let fetched_at = at(40_000);
    let page = Some(if list.contains('?') { list.to_owned() } else { format!("{list}?limit=200") });
    let capture =
        Capture { page, part: Some(PagePart::Row(0)), fetched_at: Some(fetched_at), ..Capture::default() };
    delivery(Road::Backfill, capture, body, fetched_at)
}

fn delivery(road: Road, capture: Capture, body: &Value, received_at: DateTime<Utc>) -> Delivery {
    Delivery {
        id: DeliveryIds::random().next(received_at),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at,
        capture,
        body: serde_json::to_vec(body).unwrap().into(),
    }
}

/// Appends deliveries to a new log of so many partitions and projects it with so many workers, to the end.
async fn project(
    deliveries: &[Delivery],
    partitions: u32,
    workers: usize,
    chance: &mut Chance,
) -> TestDatabase {
    let database = database().await;
    let pool = database.pool();
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), partitions).await.unwrap());
    let settings =
        Settings { batch_records: 3 + chance.below(40) as usize, fold_subjects: 5, ..Settings::default() };
    let stop = CancellationToken::new();
    let mut running = tokio::task::JoinSet::new();
    for worker in 0..workers {
        let runner = Runner::new(
            log.clone(),
            database.pool(),
            rules(),
            settings.clone(),
            store::LIVE,
            &format!("worker {worker}"),
        );
        let stop = stop.clone();
        running.spawn(async move { runner.run(stop).await.unwrap() });
    }
    for chunk in deliveries.chunks(17) {
        let entries = chunk
            .iter()
            .map(|delivery| Entry {
                delivery: delivery.clone(),
                partition_hash: chance.below(u32::MAX).into(),
            })
            .collect();
        log.append(entries).await.unwrap();
    }
    tokio::select! {
        () = settled(&pool, log.as_ref()) => {}
        Some(ended) = running.join_next() => panic!("a worker ended: {ended:?}"),
    }
    stop.cancel();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    pool.close().await;
    database
}

/// All rows of the tables.
async fn rows(database: &TestDatabase) -> Vec<String> {
    let pool = database.pool();
    let all = crate::tables::rows(&pool).await;
    pool.close().await;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn order_repetition_and_split_cannot_matter() {
    for seed in 1..=6 {
        let mut chance = Chance::new(seed);
        let deliveries = deliveries(&mut chance);
        let plain = rows(&project(&deliveries, 1, 1, &mut chance).await).await;
        assert!(plain.iter().any(|row| row.starts_with("turns")), "seed {seed} makes no turns");

        let mut mixed: Vec<Delivery> = deliveries.clone();
        mixed.extend(deliveries.iter().step_by(3).map(|delivery| Delivery {
            id: DeliveryIds::random().next(delivery.received_at),
            // A retry: the same bytes, later.
            received_at: delivery.received_at + chrono::Duration::seconds(10),
            ..delivery.clone()
        }));
        chance.shuffle(&mut mixed);
        let attacked = rows(&project(&mixed, 4, 3, &mut chance).await).await;
        for (plain, attacked) in plain.iter().zip(&attacked) {
            assert_eq!(plain, attacked, "seed {seed}");
        }
        assert_eq!(plain.len(), attacked.len(), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_facts_of_one_request_stored_at_the_same_instant_are_both_folded() {
    let database = database().await;
    let pool = database.pool();
    let question = webhook(
        0,
        &json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5,
        "channel_id": 12, "request_id": 77, "event_time": iso(at(0))}),
    );
    let close = webhook(
        60,
        &json!({"hook_type": "close_request", "request_id": 77, "client_id": 5, "event_time": iso(at(60))}),
    );
    // Both transactions are open at once: neither sees the other's facts nor links.
    let (mut one, mut two) = (store::begin(&pool).await.unwrap(), store::begin(&pool).await.unwrap());
    store::facts::insert(&mut one, &facts(&question)).await.unwrap();
    store::facts::insert(&mut two, &facts(&close)).await.unwrap();
    store::commit(two).await.unwrap();
    fold_all(&pool).await;
    store::commit(one).await.unwrap();
    fold_all(&pool).await;

    let (closed, unanswered): (Option<DateTime<Utc>>, i32) =
        sqlx::query_as("select closed_at, turns_unanswered from requests where request_key = '77'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!((closed, unanswered), (Some(at(60)), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_a_channel_joins_its_sibling_in_either_order() {
    for listed_first in [true, false] {
        let database = database().await;
        let pool = database.pool();
        let hook = webhook(
            0,
            &json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5,
            "channel_id": 12, "request_id": 77, "event_time": iso(at(0))}),
        );
        let listed = row(
            "messages",
            &json!({"id": 1, "type": "from_client", "client_id": 5, "created": "2026-01-15T04:00:00 UTC"}),
        );
        let order = if listed_first { [&listed, &hook] } else { [&hook, &listed] };
        for delivery in order {
            let mut transaction = store::begin(&pool).await.unwrap();
            store::facts::insert(&mut transaction, &facts(delivery)).await.unwrap();
            store::commit(transaction).await.unwrap();
            fold_all(&pool).await;
        }
        let requests: Vec<(String, String)> =
            sqlx::query_as("select conversation, segmentation from requests").fetch_all(&pool).await.unwrap();
        assert_eq!(requests, [("5/12".to_owned(), "given".to_owned())], "listed first: {listed_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_concluded_from_links_is_no_link() {
    // Found in review: a row without a channel was filed under "5/", that guess became a link of its request, and the
    // request's firm facts were foreign from then on. The other order gave other tables.
    let listed = row(
        "messages",
        &json!({"id": 10, "type": "from_client", "client_id": 5, "request_id": 1,
        "created": "2026-01-15T04:00:00 UTC"}),
    );
    let opened = webhook(
        0,
        &json!({"hook_type": "new_request", "request_id": 1, "client_id": 5, "channel_id": 7,
        "type": "common", "event_time": iso(at(0))}),
    );
    for order in [[&listed, &opened], [&opened, &listed]] {
        let database = database().await;
        let pool = database.pool();
        for delivery in order {
            let mut transaction = store::begin(&pool).await.unwrap();
            store::facts::insert(&mut transaction, &facts(delivery)).await.unwrap();
            store::commit(transaction).await.unwrap();
            fold_all(&pool).await;
        }
        let requests: Vec<(String, String, i32)> =
            sqlx::query_as("select request_key, conversation, client_messages from requests")
                .fetch_all(&pool)
                .await
                .unwrap();
        assert_eq!(requests, [("1".to_owned(), "5/7".to_owned(), 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_only_message_was_anothers_leaves_no_row() {
    let database = database().await;
    let pool = database.pool();
    let listed = row(
        "messages",
        &json!({"id": 10, "type": "from_client", "client_id": 5, "created": "2026-01-15T04:00:00 UTC"}),
    );
    let hook = webhook(
        0,
        &json!({"hook_type": "inbox", "message_id": 10, "type": "from_client", "client_id": 6,
        "channel_id": 7, "event_time": iso(at(0))}),
    );
    for delivery in [&listed, &hook] {
        let mut transaction = store::begin(&pool).await.unwrap();
        store::facts::insert(&mut transaction, &facts(delivery)).await.unwrap();
        store::commit(transaction).await.unwrap();
        fold_all(&pool).await;
    }
    let clients: Vec<String> =
        sqlx::query_scalar("select client_id from clients").fetch_all(&pool).await.unwrap();
    assert_eq!(clients, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_takes_longer_than_the_lease_keeps_its_partitions() {
    /// `store`'s lock of a generation: while somebody holds it exclusively no facts are committed.
    const GENERATION: i64 = 0x6368_6174_0000_0002;
    let database = database().await;
    let pool = database.pool();
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), 1).await.unwrap());
    let lease = Duration::from_millis(900);
    let settings = Settings { lease, ..Settings::default() };
    let runner = Runner::new(log.clone(), database.pool(), rules(), settings, store::LIVE, "slow");
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await.unwrap() }
    });
    let held = async || -> Option<(i64, DateTime<Utc>)> {
        sqlx::query_as("select epoch, expires_at from ledger.leases where owner = 'slow'")
            .fetch_optional(&pool)
            .await
            .unwrap()
    };
    wait_until("the partition is taken over", Duration::from_secs(20), async || {
        !positions::list(&pool).await.unwrap().is_empty()
    })
    .await;

    let mut blocker = pool.acquire().await.unwrap();
    sqlx::query("select pg_advisory_lock($1)").bind(GENERATION).execute(&mut *blocker).await.unwrap();
    let delivery = webhook(
        0,
        &json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5,
        "channel_id": 12, "request_id": 77, "event_time": iso(at(0))}),
    );
    log.append(vec![Entry { delivery, partition_hash: 0 }]).await.unwrap();
    let blocked = "select count(*) from pg_locks where locktype = 'advisory' and not granted \
                   and database = (select oid from pg_database where datname = current_database())";
    wait_until("the commit waits", Duration::from_secs(20), async || {
        sqlx::query_scalar::<_, i64>(blocked).fetch_one(&pool).await.unwrap() > 0
    })
    .await;
    let (epoch, before) = held().await.unwrap();
    wait_until("the lease is renewed several times beside it", Duration::from_secs(20), async || {
        held().await.is_some_and(|(now, expires_at)| {
            now == epoch && expires_at > before + chrono::Duration::seconds(2)
        })
    })
    .await;
    sqlx::query("select pg_advisory_unlock($1)").bind(GENERATION).execute(&mut *blocker).await.unwrap();
    settled(&pool, log.as_ref()).await;
    stop.cancel();
    running.await.unwrap();
    let requests: i64 = sqlx::query_scalar("select count(*) from requests").fetch_one(&pool).await.unwrap();
    assert_eq!(requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_thought_dead_moves_no_position() {
    let database = database().await;
    let pool = database.pool();
    let take = async |epoch| {
        let mut transaction = store::begin(&pool).await.unwrap();
        let next = positions::take(&mut transaction, 0, "log", epoch, 0).await;
        store::commit(transaction).await.unwrap();
        next
    };
    let advance = async |epoch, from, to| {
        let mut transaction = store::begin(&pool).await.unwrap();
        let moved = positions::advance(&mut transaction, &[Move { partition: 0, from, to, epoch }]).await;
        store::commit(transaction).await.unwrap();
        moved
    };
    assert_eq!(take(1).await.unwrap(), 0);
    advance(1, 0, 10).await.unwrap();
    assert_eq!(take(2).await.unwrap(), 10);
    assert!(advance(1, 10, 20).await.is_err(), "the epoch before is fenced");
    assert!(take(1).await.is_err(), "an older epoch takes nothing over");
    assert!(advance(2, 5, 20).await.is_err(), "only from where it is");
    advance(2, 10, 20).await.unwrap();
}

fn facts(delivery: &Delivery) -> Vec<store::facts::FactRow> {
    let all = rules();
    let decoded = projection::decode::decode(delivery, all.of("acme"));
    assert_eq!(decoded.rejections, vec![]);
    decoded
        .observations
        .into_iter()
        .map(|o| store::facts::FactRow::new(&delivery.account, o).unwrap())
        .collect()
}

async fn fold_all(pool: &PgPool) {
    while projection::runner::fold_marked(pool, &rules(), 100).await.unwrap().subjects > 0 {}
}
