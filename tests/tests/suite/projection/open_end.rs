//! Long conversations: what a new message costs, and that folding from saved states changes no row.

use chatledger_tests::database;
use events::Delivery;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{at, facts, fold_all, iso, webhook};
use crate::chance::Chance;

/// A message of `client` in request `request`, half a minute after the one before.
fn message(client: u64, request: u64, number: u32) -> Delivery {
    let second = number * 30;
    let (hook, kind, operator) = match number % 3 {
        0 => ("inbox", "from_client", Value::Null),
        1 => ("outbox", "to_client", json!(7001 + request % 4)),
        _ => ("inbox", "from_client", json!(7001)),
    };
    webhook(
        second,
        &json!({"hook_type": hook, "message_id": client * 1_000_000 + u64::from(number), "type": kind, "text": "text",
                "transport": "telegram", "client_id": client, "channel_id": 12, "dialog_id": 410_000 + client,
                "operator_id": operator, "request_id": request, "event_time": iso(at(second))}),
    )
}

fn close(client: u64, request: u64, number: u32) -> Delivery {
    let second = number * 30 - 5;
    webhook(
        second,
        &json!({"hook_type": "close_dialog", "dialog_id": 410_000 + client, "client_id": client, "channel_id": 12,
                "request_id": request, "event_time": iso(at(second))}),
    )
}

/// Messages of a client in requests of `length` messages each.
fn conversation(client: u64, messages: u32, length: u32) -> Vec<Delivery> {
    let mut all = Vec::new();
    for number in 0..messages {
        let request = client * 100_000 + u64::from(number / length);
        if number > 0 && number % length == 0 {
            all.push(close(client, request - 1, number));
        }
        all.push(message(client, request, number));
    }
    all
}

async fn store(pool: &PgPool, deliveries: &[Delivery]) {
    for batch in deliveries.chunks(1000) {
        let all: Vec<_> = batch.iter().flat_map(facts).collect();
        let mut transaction = store::begin(pool).await.unwrap();
        store::facts::insert(&mut transaction, &all).await.unwrap();
        store::commit(transaction).await.unwrap();
    }
}

/// Rows and pages of schema `chat` that were touched so far.
async fn touched(connection: &PgPool) -> (i64, i64) {
    sqlx::query("select pg_stat_force_next_flush()").execute(connection).await.unwrap();
    sqlx::query("select pg_stat_clear_snapshot()").execute(connection).await.unwrap();
    sqlx::query_as(
        "select sum(coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0) + t.n_tup_ins + t.n_tup_upd + t.n_tup_del)::bigint, \
                sum(coalesce(heap_blks_hit + heap_blks_read, 0) + coalesce(idx_blks_hit + idx_blks_read, 0) \
                    + coalesce(toast_blks_hit + toast_blks_read, 0))::bigint \
         from pg_stat_user_tables t join pg_statio_user_tables io using (relid) where t.schemaname = 'chat'",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

/// What eight further messages of a client cost, folded one by one: rows and pages for each.
async fn cost(pool: &PgPool, client: u64, request: u64, next: u32) -> (i64, i64) {
    let before = touched(pool).await;
    for number in next..next + 8 {
        store(pool, &[message(client, request, number)]).await;
        fold_all(pool).await;
    }
    let after = touched(pool).await;
    ((after.0 - before.0) / 8, (after.1 - before.1) / 8)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_long_dialog_or_a_long_request_costs_what_one_of_a_short_costs() {
    let database = database().await;
    // One connection: its own statistics are what is asked for.
    let pool = store::pool(&database.url, store::LIVE, 1).unwrap();
    store(&pool, &conversation(1, 100, 25)).await;
    store(&pool, &conversation(2, 30_000, 10)).await;
    store(&pool, &conversation(3, 3_000, 3_000)).await;
    fold_all(&pool).await;
    sqlx::raw_sql("vacuum analyze").execute(&pool).await.unwrap();
    let short = cost(&pool, 1, 100_003, 100).await;
    let dialog = cost(&pool, 2, 200_000 + 2_999, 30_000).await;
    let request = cost(&pool, 3, 300_000, 3_000).await;
    println!(
        "rows and pages for a message: short {short:?}, dialog of 30,000 {dialog:?}, request of 3,000 {request:?}"
    );
    for (what, long) in [("dialog of 30,000 messages", dialog), ("request of 3,000 messages", request)] {
        // The open end is as long; indexes are a level or two deeper.
        assert!(long.0 <= short.0 * 3 / 2, "{what}: {} rows a message, a short one {}", long.0, short.0);
        assert!(long.1 <= short.1 * 2, "{what}: {} pages a message, a short one {}", long.1, short.1);
    }
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folded_bit_by_bit_the_rows_are_those_of_one_fold() {
    for seed in 1..=4 {
        let mut chance = Chance::new(seed);
        let mut deliveries = conversation(1, 300, 20 + chance.below(120));
        deliveries.extend(conversation(2, 200, 1000));
        // Mostly in order, some late.
        let mut order: Vec<(u32, Delivery)> = deliveries
            .into_iter()
            .map(|delivery| {
                let late = if chance.below(30) == 0 { chance.below(3000) } else { chance.below(40) };
                let second = u32::try_from((delivery.received_at - at(0)).num_seconds()).unwrap();
                (second + late, delivery)
            })
            .collect();
        order.sort_by_key(|(second, _)| *second);
        let arriving: Vec<Delivery> = order.into_iter().map(|(_, delivery)| delivery).collect();

        let bit_by_bit = database().await;
        let pool = bit_by_bit.pool();
        let mut rest = arriving.as_slice();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at((1 + chance.below(25) as usize).min(rest.len()));
            store(&pool, batch).await;
            fold_all(&pool).await;
            rest = after;
        }
        let states: i64 =
            sqlx::query_scalar("select count(*) from fold_states").fetch_one(&pool).await.unwrap();
        assert!(states > 0, "seed {seed}: no state was saved");
        let at_once = database().await;
        let whole = at_once.pool();
        store(&whole, &arriving).await;
        fold_all(&whole).await;
        crate::tables::assert_same(
            &crate::tables::rows(&whole).await,
            &crate::tables::rows(&pool).await,
            &format!("seed {seed}"),
        );
        pool.close().await;
        whole.close().await;
    }
}
