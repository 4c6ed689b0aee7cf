//! Cursors and budgets on a real database.

use chrono::{DateTime, NaiveDate, Utc};
use events::AccountId;
use serde_json::json;
use sqlx::PgPool;
use store::budgets::{self, Quota};
use store::cursors;

async fn pool() -> PgPool {
    chatledger_tests::database().await.pool()
}

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-01-15T09:30:00.000001Z".parse().unwrap()
}

fn month() -> NaiveDate {
    "2026-01-01".parse().unwrap()
}

#[tokio::test]
async fn a_cursor_is_what_was_saved_last_for_its_walk_and_account() {
    let pool = pool().await;
    for (id, walk, next) in [("acme", "messages", 1), ("acme", "clients", 2), ("zeta", "messages", 3)] {
        cursors::save_cursor(&pool, &account(id), walk, &json!({"next": next}), now()).await.unwrap();
    }
    cursors::save_cursor(&pool, &account("acme"), "messages", &json!({"next": 9}), now()).await.unwrap();
    let read = cursors::cursors(&pool, &account("acme")).await.unwrap();
    let shown: Vec<_> =
        read.iter().map(|cursor| (cursor.walk.as_str(), cursor.state["next"].as_i64())).collect();
    assert_eq!(shown, [("clients", Some(2)), ("messages", Some(9))]);
    assert_eq!(read[0].updated_at, now());

    let walks = ["messages".to_owned(), "never".to_owned()];
    assert_eq!(cursors::delete_cursors(&pool, &account("acme"), &walks).await.unwrap(), 1);
    assert_eq!(cursors::cursors(&pool, &account("acme")).await.unwrap().len(), 1);
    assert_eq!(cursors::cursors(&pool, &account("zeta")).await.unwrap().len(), 1, "another account's stays");
}

#[tokio::test]
async fn a_cursor_and_the_calls_it_cost_are_saved_together_or_not_at_all() {
    let pool = pool().await;
    let mut transaction = pool.begin().await.unwrap();
    cursors::save_cursor(&mut *transaction, &account("acme"), "messages", &json!({}), now()).await.unwrap();
    budgets::spend(&mut *transaction, &account("acme"), month(), 3, now()).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(cursors::cursors(&pool, &account("acme")).await.unwrap().is_empty());
    assert!(budgets::budgets(&pool, &[account("acme")], month()).await.unwrap().is_empty());
}

#[tokio::test]
async fn spending_counts_up_what_was_used_and_down_what_is_left_but_not_below_zero() {
    let pool = pool().await;
    let acme = account("acme");
    let left = |left| Quota { call_limit: Some(1000), api_mode: Some("demo".into()), calls_left: left };
    let read = async || budgets::budgets(&pool, &[account("acme")], month()).await.unwrap().remove(0).1;

    budgets::spend(&pool, &acme, month(), 2, now()).await.unwrap();
    assert_eq!((read().await.used, read().await.calls_left), (2, None), "the platform has said nothing yet");
    budgets::tell(&pool, &acme, month(), &left(Some(10)), now()).await.unwrap();
    budgets::spend(&pool, &acme, month(), 4, now()).await.unwrap();
    assert_eq!((read().await.used, read().await.calls_left), (6, Some(6)));
    budgets::spend(&pool, &acme, month(), 40, now()).await.unwrap();
    assert_eq!((read().await.used, read().await.calls_left), (46, Some(0)));
    budgets::tell(&pool, &acme, month(), &left(None), now()).await.unwrap();
    budgets::spend(&pool, &acme, month(), 1, now()).await.unwrap();
    assert_eq!((read().await.used, read().await.calls_left), (47, None), "no limit stays no limit");
    assert_eq!(read().await.api_mode.as_deref(), Some("demo"));

    let next: NaiveDate = "2026-02-01".parse().unwrap();
    assert!(budgets::budgets(&pool, &[acme], next).await.unwrap().is_empty(), "a month begins with nothing");
}
