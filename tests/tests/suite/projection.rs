//! Promises 3 and 4 on a real database: the tables are a function of the set of deliveries, whatever the order, the
//! repetition, the split over partitions and workers; and a worker that was thought dead writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatledger_tests::{TestDatabase, database, wait_until};
use chrono::{DateTime, Utc};
use events::{Delivery, DeliveryIds};
use log::{Entry, Log, PostgresLog};
use projection::{AccountRules, Rules, Runner, ScoreTag, Scores, Settings};
use serde_json::json;
use sqlx::PgPool;
use store::positions::{self, Move};
use tokio_util::sync::CancellationToken;

use account::{at, deliveries, iso, row, webhook};

use crate::chance::Chance;
use crate::tables::settled;

pub(crate) mod account;
mod configuration;
mod open_end;
mod system_lines;

pub(crate) fn rules() -> Rules {
    let rules = AccountRules {
        zone: chrono_tz::Asia::Almaty,
        bots: ["7009".to_owned()].into(),
        default_country: Some("KZ".to_owned()),
        scores: Scores::new(vec![
            ScoreTag { tag: "612".to_owned(), score: 2.0, scale: 5.0 },
            ScoreTag { tag: "score-5".to_owned(), score: 5.0, scale: 5.0 },
        ]),
        ..AccountRules::default()
    };
    Rules::new(BTreeMap::from([("acme".to_owned(), rules)]))
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
        for table in ["turns", "assignments", "request_tags", "tag_scores", "leads"] {
            assert!(plain.iter().any(|row| row.starts_with(table)), "seed {seed} makes no {table}");
        }

        let mut mixed: Vec<Delivery> = deliveries.clone();
        mixed.extend(deliveries.iter().step_by(3).map(|delivery| Delivery {
            id: DeliveryIds::random().next(delivery.received_at),
            // A retry: the same bytes, later.
            received_at: delivery.received_at + chrono::Duration::seconds(10),
            ..delivery.clone()
        }));
        chance.shuffle(&mut mixed);
        let attacked = rows(&project(&mixed, 4, 3, &mut chance).await).await;
        crate::tables::assert_same(&plain, &attacked, &format!("seed {seed}"));
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
async fn of_copies_in_one_batch_the_earliest_receipt_counts_wherever_the_strongest_stamp_is() {
    // Found by the simulation: of two copies that came in one batch only the stronger was stored, with its later receipt.
    // The time of a message that lies ahead of its receipt is the earliest receipt of it.
    let ahead = json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5,
        "channel_id": 12, "request_id": 77, "event_time": iso(at(30_000))});
    let (first, again) = (webhook(0, &ahead), webhook(300, &ahead));
    for batches in [vec![vec![&first, &again]], vec![vec![&again, &first]], vec![vec![&again], vec![&first]]]
    {
        let database = database().await;
        let pool = database.pool();
        for batch in batches {
            let mut transaction = store::begin(&pool).await.unwrap();
            let told: Vec<_> = batch.into_iter().flat_map(facts).collect();
            store::facts::insert(&mut transaction, &told).await.unwrap();
            store::commit(transaction).await.unwrap();
        }
        fold_all(&pool).await;
        let sent_at: DateTime<Utc> =
            sqlx::query_scalar("select sent_at from messages").fetch_one(&pool).await.unwrap();
        assert_eq!(sent_at, at(1));
    }
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
            arrive(&pool, delivery).await;
        }
        let requests: Vec<(String, String)> =
            sqlx::query_as("select conversation, segmentation from requests").fetch_all(&pool).await.unwrap();
        assert_eq!(requests, [("5/12".to_owned(), "given".to_owned())], "listed first: {listed_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_only_lists_without_channels_tell_is_filed_as_one() {
    // Found by the independent fold: the telling that names the request went to one conversation, the telling that
    // names none to another, and whichever was folded last had the message.
    let listed = |body: serde_json::Value| row("messages", &body);
    let bare = listed(
        json!({"id": 10, "type": "from_client", "client_id": 5, "created": "2026-01-15T04:00:00 UTC"}),
    );
    let named =
        listed(json!({"id": 10, "type": "from_client", "client_id": 5, "request_id": 1, "text": "hello",
        "created": "2026-01-15T04:00:00 UTC"}));
    let opened = webhook(
        0,
        &json!({"hook_type": "new_request", "request_id": 1, "client_id": 5, "channel_id": 7,
        "type": "common", "event_time": iso(at(0))}),
    );
    for order in [[&bare, &named, &opened], [&opened, &named, &bare], [&named, &opened, &bare]] {
        let database = database().await;
        let pool = database.pool();
        for delivery in order {
            arrive(&pool, delivery).await;
        }
        let facts: Vec<String> =
            sqlx::query_scalar("select distinct conversation from facts where kind = 'message'")
                .fetch_all(&pool)
                .await
                .unwrap();
        assert_eq!(facts, ["5/7"]);
        let requests: Vec<(String, i32)> =
            sqlx::query_as("select request_key, client_messages from requests")
                .fetch_all(&pool)
                .await
                .unwrap();
        assert_eq!(requests, [("1".to_owned(), 1)]);
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
            arrive(&pool, delivery).await;
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
async fn tag_and_report_of_a_survey_that_nobody_has_seen_are_one_score() {
    // Found in review: the tag was filed with its client, the report with the rated request, and the report lost.
    let question = webhook(
        0,
        &json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5,
        "channel_id": 12, "request_id": 77, "event_time": iso(at(0))}),
    );
    let tag = webhook(
        60,
        &json!({"hook_type": "add_tag_to_request", "id": 612, "label": "score-2", "request_id": 78, "client_id": 5,
        "event_time": iso(at(60))}),
    );
    let report = row(
        "statistics?report=rating",
        &json!({"valuation_request_id": 78, "request_id": 77, "rating_scale_id": 3, "rating_scale_score": 3,
        "operator_id": 7001, "created_at": "2026-01-15 09:30:00"}),
    );
    let mut all = Vec::new();
    for order in [[&question, &tag, &report], [&tag, &report, &question], [&report, &question, &tag]] {
        let database = database().await;
        let pool = database.pool();
        for delivery in order {
            arrive(&pool, delivery).await;
        }
        let scores: Vec<(String, f64, String, String)> =
            sqlx::query_as("select source, score, request_key, conversation from tag_scores")
                .fetch_all(&pool)
                .await
                .unwrap();
        assert_eq!(scores, [("both".to_owned(), 3.0, "77".to_owned(), "5/12".to_owned())]);
        all.push(crate::tables::rows(&pool).await);
    }
    crate::tables::assert_same(&all[0], &all[1], "the question last");
    crate::tables::assert_same(&all[0], &all[2], "the report first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_told_of_two_conversations_stands_where_the_latest_telling_says_merged_of_all() {
    // Known since the first version: written by both folds, and the later one won.
    let hook = webhook(
        0,
        &json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5, "text": "hello",
        "channel_id": 12, "request_id": 77, "event_time": iso(at(0))}),
    );
    // The client was merged into another one before the list was fetched.
    let listed = row(
        "messages",
        &json!({"id": 1, "type": "from_client", "client_id": 4, "channel_id": 9, "transport": "viber",
        "created": "2026-01-15T04:00:00 UTC"}),
    );
    // Of the first conversation again: nothing new about where it stands, but its dialog.
    let again = webhook(
        5,
        &json!({"hook_type": "inbox", "message_id": 1, "type": "from_client", "client_id": 5, "text": "hello",
        "channel_id": 12, "request_id": 77, "dialog_id": 41, "event_time": iso(at(5))}),
    );
    let mut all = Vec::new();
    for order in [[&hook, &listed, &again], [&listed, &again, &hook], [&again, &hook, &listed]] {
        let database = database().await;
        let pool = database.pool();
        for delivery in order {
            arrive(&pool, delivery).await;
        }
        let messages: Vec<(String, String, Vec<Option<String>>)> =
            sqlx::query_as("select conversation, client_id, array[text, transport, dialog_id] from messages")
                .fetch_all(&pool)
                .await
                .unwrap();
        let text = |text: &str| Some(text.to_owned());
        let merged = vec![text("hello"), text("viber"), text("41")];
        assert_eq!(messages, [("4/9".to_owned(), "4".to_owned(), merged)]);
        all.push(crate::tables::rows(&pool).await);
    }
    crate::tables::assert_same(&all[0], &all[1], "the list first");
    crate::tables::assert_same(&all[0], &all[2], "the list last");
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
        arrive(&pool, delivery).await;
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
    wait_until("the partition is taken over", Duration::from_secs(60), async || {
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
    wait_until("the commit waits", Duration::from_secs(60), async || {
        sqlx::query_scalar::<_, i64>(blocked).fetch_one(&pool).await.unwrap() > 0
    })
    .await;
    let (epoch, before) = held().await.unwrap();
    wait_until("the lease is renewed several times beside it", Duration::from_secs(60), async || {
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

/// Stores what a delivery says, and folds.
async fn arrive(pool: &PgPool, delivery: &Delivery) {
    let mut transaction = store::begin(pool).await.unwrap();
    store::facts::insert(&mut transaction, &facts(delivery)).await.unwrap();
    store::commit(transaction).await.unwrap();
    fold_all(pool).await;
}

async fn fold_all(pool: &PgPool) {
    while projection::runner::fold_marked(pool, &rules(), 100).await.unwrap().subjects > 0 {}
}
