//! What the tables say, as a test compares it, and whether they have caught up with the log.

use std::collections::HashSet;
use std::time::Duration;

use chatledger_tests::wait_until;
use log::Log;
use sqlx::{PgPool, Row as _};
use store::positions;

/// The tables that must not differ, with the columns that say when or by which copy we know.
const TABLES: [&str; 13] = [
    "clients",
    "operators",
    "operator_groups",
    "channels",
    "tags",
    "messages",
    "dialogs",
    "requests",
    "turns",
    "assignments",
    "request_tags",
    "tag_scores",
    "leads",
];

/// All rows of the tables as sorted text, without what may differ.
pub(crate) async fn rows(pool: &PgPool) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let sql = format!(
            "select '{table} ' || (to_jsonb(t) - array['delivery_id', 'started_by_delivery', 'ended_by_delivery'])::text \
             as line from {table} t order by 1"
        );
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
        all.extend(found.iter().map(|row| row.get::<String, _>("line")));
    }
    all
}

/// Fails with the rows that only one of them has.
#[track_caller]
pub(crate) fn assert_same(one: &[String], other: &[String], what: &str) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        let those: HashSet<&String> = those.iter().collect();
        these.iter().filter(|row| !those.contains(row)).cloned().collect()
    };
    let (left, right) = (only(one, other), only(other, one));
    assert!(
        left.is_empty() && right.is_empty() && one.len() == other.len(),
        "{what}: {} and {} rows\nonly the first has\n{}\nonly the second has\n{}",
        one.len(),
        other.len(),
        left.join("\n"),
        right.join("\n")
    );
}

/// Waits until everything in the log is read and nothing is marked.
pub(crate) async fn settled(pool: &PgPool, log: &dyn Log) {
    settled_in(pool, log, "").await;
}

/// The same; `context` says of what when it does not come to it.
pub(crate) async fn settled_in(pool: &PgPool, log: &dyn Log, context: &str) {
    // A busy machine may refuse a look.
    let look = async || -> Option<bool> {
        let read: i64 = positions::list(pool).await.ok()?.iter().map(|position| position.next).sum();
        let end: i64 = log.bounds().await.ok()?.iter().map(|bounds| bounds.end).sum();
        Some(read == end && store::folding::waiting(pool).await.ok()? == 0)
    };
    wait_until(&format!("lag and marks are zero {context}"), Duration::from_secs(120), async || {
        look().await == Some(true)
    })
    .await;
}
