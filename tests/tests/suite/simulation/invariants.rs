//! The promises of design.md 3, as far as rows can show them.

use std::time::Duration;

use chatledger_tests::wait_until;
use log::Log;
use sqlx::{PgPool, Row as _};

use crate::tables::{assert_same, rows};

/// The rules in force are those of the last configuration; until a worker has adopted them, nothing waits for them.
pub(super) async fn adopted(pool: &PgPool, rules: &projection::Rules, context: &str) {
    let wanted: Vec<(&str, i64)> =
        rules.accounts().map(|(account, _)| (account, rules.fingerprint(account))).collect();
    wait_until(&format!("the rules are adopted: {context}"), Duration::from_secs(60), async || {
        let known: Result<Vec<(String, i64)>, _> =
            sqlx::query_as("select account_id, rules from folded_rules").fetch_all(pool).await;
        let is_known = |(account, print): &(&str, i64)| {
            known.iter().flatten().any(|(known, rules)| known == account && rules == print)
        };
        wanted.iter().all(is_known)
    })
    .await;
}

/// Promise 4, at any moment: a position has moved exactly over the deliveries that are counted.
pub(super) async fn facts_and_positions_are_together(pool: &PgPool, log: &dyn Log, context: &str) {
    let is_dense = is_dense(pool, log).await;
    let (counted, passed, epochs): (i64, i64, i64) = sqlx::query_as(
        "select coalesce((select sum(appended) from accounting), 0)::bigint, \
                coalesce((select sum(next) from positions), 0)::bigint, \
                (select count(*) from positions p join ledger.leases l on l.partition = p.partition and l.scope = 'chat' \
                 where p.epoch > l.epoch)",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert!(!is_dense || counted == passed, "{counted} counted, {passed} passed: {context}");
    assert_eq!(epochs, 0, "a position has an epoch that no lease had: {context}");
}

/// A topic may have holes, and a record that marks it as ours: only the log in Postgres counts without.
async fn is_dense(pool: &PgPool, log: &dyn Log) -> bool {
    let heads: i64 =
        sqlx::query_scalar("select count(*) from ledger.log_heads").fetch_one(pool).await.unwrap();
    heads == i64::from(log.partitions())
}

/// Promise 1 and 2: what was acknowledged is in the log, and each delivery has one fate.
pub(super) async fn accounted(pool: &PgPool, log: &dyn Log, appended: usize, context: &str) {
    let appended = i64::try_from(appended).unwrap();
    let in_log: i64 = log.bounds().await.unwrap().iter().map(|bounds| bounds.end - bounds.start).sum();
    assert!(
        in_log == appended || !is_dense(pool, log).await,
        "{in_log} in the log, not {appended}: {context}"
    );
    let (counted, fates, unequal): (i64, i64, i64) = sqlx::query_as(
        "select coalesce(sum(appended), 0)::bigint, \
                coalesce(sum(decoded + partly_rejected + rejected + erased), 0)::bigint, \
                count(*) filter (where decoded + partly_rejected + rejected + erased <> appended) from accounting",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!((counted, fates, unequal), (appended, appended, 0), "counted and fates: {context}");
    let rejected: i64 =
        sqlx::query_scalar("select count(distinct delivery_id) from rejects").fetch_one(pool).await.unwrap();
    let by_fate: i64 =
        sqlx::query_scalar("select coalesce(sum(rejected + partly_rejected), 0)::bigint from accounting")
            .fetch_one(pool)
            .await
            .unwrap();
    assert_eq!(rejected, by_fate, "each rejected delivery has its rejects: {context}");
}

/// Promise 3: the tables are a function of the set of deliveries; promise 5: so are rejects; and the accounting agrees.
pub(super) async fn same_tables(fresh: &PgPool, attacked: &PgPool, context: &str) {
    assert_same(&rows(fresh).await, &rows(attacked).await, context);
    for counts in [
        "select account_id || ' ' || delivery_id || ' ' || part || ' ' || reason as line from rejects order by 1",
        "select concat_ws(' ', account_id, road, day, sum(appended), sum(decoded), sum(partly_rejected), \
                sum(rejected), sum(erased), sum(facts)) as line \
         from accounting group by account_id, road, day order by account_id, road, day",
    ] {
        let lines = async |pool: &PgPool| -> Vec<String> {
            let rows = sqlx::query(counts).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get("line")).collect()
        };
        assert_same(&lines(fresh).await, &lines(attacked).await, context);
    }
}
