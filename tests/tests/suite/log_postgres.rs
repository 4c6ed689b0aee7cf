//! What only the Postgres backend can get wrong: transactions that last, connections that die, holes.

use std::time::Duration;

use chatledger_tests::{own_database_server, wait_for, wait_until};
use log::{Limit, Log, LogError, Place, PostgresLog};
use tokio::time::timeout;

use crate::log_backends::{Backend, Postgres};
use crate::log_conformance::{ALL, DEADLINE, PARTITIONS, append, delivery, entry, next, read, starts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_make_the_log_at_once_agree_on_its_id() {
    let postgres = Postgres::new().await;
    let (a, b, c) = tokio::join!(postgres.open(), postgres.open(), postgres.open());
    assert_eq!(a.id(), b.id());
    assert_eq!(a.id(), c.id());
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let postgres = Postgres::new().await;
    drop(postgres.open().await);
    for partitions in [PARTITIONS - 1, PARTITIONS + 1] {
        let error = PostgresLog::open(postgres.pool(), partitions).await.err().unwrap();
        assert!(matches!(&error, LogError::Unfit(why) if why.contains("set partitions = 3")), "{error}");
    }
}

#[tokio::test]
async fn a_database_without_the_schema_is_refused() {
    let postgres = Postgres::new().await;
    sqlx::query("alter schema ledger rename to other").execute(&postgres.pool()).await.unwrap();
    let error = PostgresLog::open(postgres.pool(), PARTITIONS).await.err().unwrap();
    assert!(matches!(&error, LogError::Unfit(why) if why.contains("migrations")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_open_transaction_stops_nobody() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    append(&*log, 3).await;
    let mut long = postgres.pool().begin().await.unwrap();
    sqlx::query("set transaction isolation level repeatable read").execute(&mut *long).await.unwrap();
    // It has a snapshot and a transaction id of its own.
    sqlx::query("create table held (id bigint)").execute(&mut *long).await.unwrap();
    sqlx::query("select count(*) from ledger.deliveries").execute(&mut *long).await.unwrap();
    append(&*log, 3).await;
    assert_eq!(read(&*log, 6).await.len(), 6);
    long.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_transaction_commits_later_is_not_skipped() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    let mut reader = log.open(&starts()).await.unwrap();
    // Another process is in the middle of an append to partition 0.
    let mut slow = postgres.pool().begin().await.unwrap();
    sqlx::query("update ledger.log_heads set next = next + 1 where partition = 0")
        .execute(&mut *slow)
        .await
        .unwrap();
    let id = delivery("").id;
    sqlx::query(
        "insert into ledger.deliveries values (0, 0, $1, 1, 'acme', 'chat2desk', 'webhook', now(), '{}', 'slow')",
    )
    .bind(id.0)
    .execute(&mut *slow)
    .await
    .unwrap();
    // Other partitions go on.
    log.append(vec![entry(delivery("other partition"), 1)]).await.unwrap();
    let batch = next(&mut *reader, ALL).await;
    assert_eq!(batch.next, [Place { partition: 1, offset: 1 }]);
    // An append to the same one waits its turn and comes behind.
    let (appended, ()) = tokio::join!(log.append(vec![entry(delivery("behind"), 0)]), async {
        let seen = reader.next(ALL, Duration::from_millis(200)).await.unwrap();
        assert!(seen.records.is_empty(), "nothing of partition 0 before the slow one commits");
        slow.commit().await.unwrap();
    });
    assert_eq!(appended.unwrap(), [Place { partition: 0, offset: 1 }]);
    let mut offsets = Vec::new();
    while offsets.len() < 2 {
        offsets.extend(next(&mut *reader, ALL).await.records.iter().map(|record| record.place.offset));
    }
    assert_eq!(offsets, [0, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_cannot_commit_is_unavailable_in_time_and_later_ones_pass() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    let mut stuck = postgres.pool().begin().await.unwrap();
    sqlx::query("select * from ledger.log_heads for update").execute(&mut *stuck).await.unwrap();
    let refused = timeout(DEADLINE, log.append(vec![entry(delivery("x"), 0)])).await.unwrap().unwrap_err();
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused}");
    stuck.rollback().await.unwrap();
    append(&*log, 3).await;
    assert_eq!(read(&*log, 3).await.len(), 3, "the failed one left nothing, not even an offset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_are_replaced() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    append(&*log, 3).await;
    let mut reader = log.open(&starts()).await.unwrap();
    next(&mut *reader, ALL).await;
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&postgres.pool())
    .await
    .unwrap();
    // Nobody who appends needs to know.
    append(&*log, 1).await;
    wait_until("the reader recovers", DEADLINE, async || {
        match reader.next(ALL, Duration::from_secs(1)).await {
            Ok(batch) => batch.records.len() == 1,
            Err(LogError::Unavailable(_)) => false,
            Err(error) => unreachable!("{error}"),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_makes_appends_unavailable_until_it_is_back() {
    let mut server = own_database_server().await;
    let pool = server.database().await.pool_that_waits(Duration::from_secs(5));
    let log = PostgresLog::open(pool, PARTITIONS).await.unwrap();
    let mut sent = append(&log, 30).await;
    let mut reader = log.open(&starts()).await.unwrap();
    server.kill().await;
    // Its children answer until they have noticed.
    let refused = wait_for("appends are refused", DEADLINE, async || {
        let one = delivery("x");
        let outcome = log.append(vec![entry(one.clone(), 0)]).await;
        sent.extend(outcome.is_ok().then_some(one.id));
        outcome.err()
    });
    let refused = refused.await;
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused}");
    wait_until("it is not ready", DEADLINE, async || log.ready().await.is_err()).await;
    let broken = wait_for("the reader breaks off", DEADLINE, async || {
        match reader.next(ALL, Duration::from_secs(1)).await {
            Ok(batch) => {
                for record in batch.records {
                    sent.remove(&record.delivery.unwrap().id);
                }
                None
            }
            Err(error) => Some(error),
        }
    });
    assert!(matches!(broken.await, LogError::Unavailable(_)));

    server.start().await;
    let again = delivery("again");
    wait_until("appends pass again", DEADLINE, async || {
        log.append(vec![entry(again.clone(), 0)]).await.is_ok()
    })
    .await;
    sent.insert(again.id);
    wait_until("the reader that was open misses nothing", DEADLINE, async || {
        if let Ok(batch) = reader.next(ALL, Duration::from_secs(1)).await {
            for record in batch.records {
                sent.remove(&record.delivery.unwrap().id);
            }
        }
        sent.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erased_rows_are_passed_over_and_lag_reaches_zero() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    log.append((0..4).map(|n| entry(delivery(format!("{n}")), 0)).collect()).await.unwrap();
    sqlx::query("delete from ledger.deliveries where log_offset in (0, 3)")
        .execute(&postgres.pool())
        .await
        .unwrap();
    let mut reader = log.open(&starts()).await.unwrap();
    let batch = next(&mut *reader, ALL).await;
    assert_eq!(batch.records.iter().map(|record| record.place.offset).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(batch.next, [Place { partition: 0, offset: 4 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_suddenly_become_large_are_read_once_and_in_order() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    // After the small ones many rows are asked for at once, of which few fit.
    let body = |n: usize| format!("{n} {}", "x".repeat(if n < 3000 { 0 } else { 60_000 }));
    let all: Vec<usize> = (0..3200).collect();
    for some in all.chunks(200) {
        log.append(some.iter().map(|&n| entry(delivery(body(n)), 0)).collect()).await.unwrap();
    }
    let mut reader = log.open(&starts()).await.unwrap();
    let (mut seen, mut batches) = (Vec::new(), Vec::new());
    while seen.len() < all.len() {
        let batch = next(&mut *reader, Limit { records: 1000, bytes: 1 << 20 }).await;
        let bytes: usize = batch.records.iter().map(|record| record.size).sum();
        assert!(bytes <= 1 << 20, "{bytes}");
        batches.push(batch.records.len());
        for record in batch.records {
            let body = record.delivery.unwrap().body;
            let (number, _) = std::str::from_utf8(&body).unwrap().split_once(' ').unwrap();
            seen.push(number.parse::<usize>().unwrap());
        }
    }
    assert_eq!(seen, all);
    // As much as fits comes at once, of small ones and of large ones.
    assert!(batches.iter().any(|&count| count > 900) && batches.contains(&17), "{batches:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_entry_that_cannot_be_stored_does_not_fail_the_others() {
    let postgres = Postgres::new().await;
    let log = postgres.open().await;
    sqlx::query("alter table ledger.deliveries add constraint picky check (body <> 'poison')")
        .execute(&postgres.pool())
        .await
        .unwrap();
    let append = |body: &str| log.append(vec![entry(delivery(body), 0)]);
    let (good, poison, too) = tokio::join!(append("good"), append("poison"), append("good too"));
    assert!(good.is_ok() && too.is_ok());
    assert!(matches!(poison, Err(LogError::Unavailable(_))));
    assert_eq!(read(&*log, 2).await.len(), 2);
}
