//! `ledger.effects` on a real database: what is done once, in order, by whom, and again when nobody knows.

use std::collections::BTreeMap;

use chatledger_tests::database;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use store::effects::{self, Claimed, Lease, NewEffect, Outcome};

const TARGET: &str = "notifier/ops";

fn now() -> DateTime<Utc> {
    "2026-10-01T08:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

fn effect(key: &str, subject: &str, version: i64) -> NewEffect {
    NewEffect {
        key: key.to_owned(),
        account: "acme".to_owned(),
        target: TARGET.to_owned(),
        subject: subject.to_owned(),
        version,
        body: format!("body of {key}").into_bytes(),
        due_at: now(),
    }
}

async fn intend(pool: &PgPool, all: &[NewEffect]) -> Vec<String> {
    let mut connection = pool.acquire().await.unwrap();
    effects::intend(&mut connection, all, now()).await.unwrap()
}

async fn claim(pool: &PgPool, owner: &str, message: &str, at: DateTime<Utc>, limit: i64) -> Vec<Claimed> {
    let lease = Lease { owner, until: at + TimeDelta::seconds(30) };
    effects::claim(pool, TARGET, limit, &lease, message, at).await.unwrap()
}

fn keys(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|effect| effect.key.as_str()).collect()
}

async fn settle(pool: &PgPool, owner: &str, outcomes: &[(&str, Outcome)], at: DateTime<Utc>) -> Vec<String> {
    let mut connection = pool.acquire().await.unwrap();
    let outcomes: Vec<_> =
        outcomes.iter().map(|(key, outcome)| ((*key).to_owned(), outcome.clone())).collect();
    effects::settle(&mut connection, owner, &outcomes, at).await.unwrap()
}

async fn status(pool: &PgPool, key: &str) -> (String, bool, i32, Option<String>) {
    sqlx::query_as(
        "select status, body is not null, attempts, last_error from ledger.effects where effect_key = $1",
    )
    .bind(key)
    .fetch_one(pool)
    .await
    .unwrap()
}

fn unknown(at: DateTime<Utc>) -> Outcome {
    Outcome::Unknown { at, error: "no answer".to_owned() }
}

#[tokio::test]
async fn a_key_is_intended_once_for_ever() {
    let pool = database().await.pool();
    assert_eq!(intend(&pool, &[effect("a", "s", 1), effect("b", "t", 1)]).await.len(), 2);
    let changed = NewEffect { body: b"something else".to_vec(), ..effect("a", "s", 1) };
    assert_eq!(intend(&pool, &[changed.clone(), effect("c", "u", 1)]).await, ["c"]);
    let claimed = claim(&pool, "w", "m", now(), 10).await;
    assert_eq!(claimed[0].body, b"body of a");
    settle(&pool, "w", &[("a", Outcome::Done)], now()).await;
    assert_eq!(status(&pool, "a").await, ("done".to_owned(), false, 0, None));
    assert!(intend(&pool, &[changed]).await.is_empty(), "also when it is done");
    assert!(intend(&pool, &[]).await.is_empty());
}

#[tokio::test]
async fn effects_of_one_subject_go_out_one_at_a_time_in_order() {
    let pool = database().await.pool();
    intend(&pool, &[effect("s2", "s", 2), effect("s1", "s", 1), effect("t1", "t", 1)]).await;
    assert_eq!(keys(&claim(&pool, "w", "m1", now(), 10).await), ["s1", "t1"]);
    assert!(claim(&pool, "w", "m2", now(), 10).await.is_empty(), "the first is in flight");
    settle(&pool, "w", &[("s1", unknown(later(5))), ("t1", Outcome::Done)], now()).await;
    assert!(claim(&pool, "w", "m3", now(), 10).await.is_empty(), "nobody knows of the first");
    assert_eq!(keys(&claim(&pool, "w", "m4", later(5), 10).await), ["s1"]);
    settle(&pool, "w", &[("s1", Outcome::Dead { error: "status 400".to_owned() })], later(5)).await;
    assert_eq!(keys(&claim(&pool, "w", "m5", later(5), 10).await), ["s2"], "a dead letter holds nobody up");
}

#[tokio::test]
async fn a_message_whose_outcome_is_unknown_goes_out_again_whole_under_its_id() {
    let pool = database().await.pool();
    intend(&pool, &[effect("b", "b", 1), effect("a", "a", 1), effect("c", "c", 1)]).await;
    let first = claim(&pool, "w", "m1", now(), 10).await;
    assert_eq!(keys(&first), ["a", "b", "c"]);
    settle(
        &pool,
        "w",
        &[("a", unknown(later(9))), ("b", unknown(later(9))), ("c", unknown(later(9)))],
        now(),
    )
    .await;
    intend(&pool, &[effect("d", "d", 1)]).await;
    let meanwhile = claim(&pool, "w", "m2", later(1), 10).await;
    assert_eq!((keys(&meanwhile), meanwhile[0].message_id.as_str()), (vec!["d"], "m2"), "others go on");
    settle(&pool, "w", &[("d", Outcome::Done)], later(1)).await;
    // Whatever the limit and the new id are.
    let again = claim(&pool, "other", "m3", later(9), 1).await;
    assert_eq!(again, first, "the same effects, bytes, order and message; not counted");
    settle(&pool, "other", &[("a", Outcome::Done), ("b", Outcome::Done), ("c", Outcome::Done)], later(9))
        .await;
    assert!(claim(&pool, "w", "m4", later(99), 10).await.is_empty());
}

#[tokio::test]
async fn a_fault_of_its_own_is_counted_and_tried_in_a_new_message_and_waiting_is_not_counted() {
    let pool = database().await.pool();
    intend(&pool, &[effect("a", "a", 1)]).await;
    claim(&pool, "w", "m1", now(), 1).await;
    settle(&pool, "w", &[("a", Outcome::Retry { at: later(5), error: "status 451".to_owned() })], now())
        .await;
    assert_eq!(status(&pool, "a").await, ("pending".to_owned(), true, 1, Some("status 451".to_owned())));
    assert!(claim(&pool, "w", "m2", later(4), 1).await.is_empty());
    let again = claim(&pool, "w", "m2", later(5), 1).await;
    assert_eq!((again[0].message_id.as_str(), again[0].attempts), ("m2", 1));
    settle(&pool, "w", &[("a", Outcome::Waits { at: later(9) })], later(5)).await;
    let again = claim(&pool, "w", "m3", later(9), 1).await;
    assert_eq!((again[0].message_id.as_str(), again[0].attempts), ("m3", 1));
}

#[tokio::test]
async fn a_lease_that_is_over_is_taken_over_and_the_stale_worker_settles_nothing() {
    let pool = database().await.pool();
    intend(&pool, &[effect("a", "a", 1)]).await;
    let first = claim(&pool, "stale", "m1", now(), 1).await;
    assert!(claim(&pool, "next", "m2", later(29), 1).await.is_empty(), "it is leased");
    let second = claim(&pool, "next", "m2", later(30), 1).await;
    assert_eq!(second, first, "an unknown outcome: the same message");
    assert!(
        settle(&pool, "stale", &[("a", Outcome::Dead { error: "x".to_owned() })], later(31)).await.is_empty()
    );
    assert_eq!(status(&pool, "a").await.0, "in_flight");
    assert_eq!(settle(&pool, "next", &[("a", Outcome::Done)], later(32)).await, ["a"]);
    assert!(
        settle(&pool, "next", &[("a", unknown(later(40)))], later(33)).await.is_empty(),
        "final is final"
    );
    assert_eq!(status(&pool, "a").await.0, "done");
}

#[tokio::test]
async fn a_paused_target_gets_nothing_until_then_and_others_go_on() {
    let pool = database().await.pool();
    let other = NewEffect { target: "notifier/other".to_owned(), ..effect("o", "o", 1) };
    intend(&pool, &[effect("a", "a", 1), other]).await;
    effects::pause_target(&pool, TARGET, later(60), false, "status 429", now()).await.unwrap();
    assert!(claim(&pool, "w", "m1", later(59), 1).await.is_empty());
    let lease = Lease { owner: "w", until: later(90) };
    let free = effects::claim(&pool, "notifier/other", 1, &lease, "m2", later(1)).await.unwrap();
    assert_eq!(keys(&free), ["o"]);
    let state = effects::target_state(&pool, TARGET, now()).await.unwrap();
    assert_eq!((state.paused_until, state.broken_since, state.waiting), (Some(later(60)), None, 1));
    assert_eq!((state.reason.as_deref(), state.oldest), (Some("status 429"), Some(now())));
    assert_eq!(keys(&claim(&pool, "w", "m3", later(60), 1).await), ["a"], "it is asked again by itself");

    effects::pause_target(&pool, TARGET, later(70), true, "smtp login: status 535", later(60)).await.unwrap();
    effects::pause_target(&pool, TARGET, later(80), true, "smtp login: status 535", later(70)).await.unwrap();
    let state = effects::target_state(&pool, TARGET, later(70)).await.unwrap();
    assert_eq!(
        (state.broken_since, state.paused_until),
        (Some(later(60)), Some(later(80))),
        "broken since the first"
    );
    effects::resume_target(&pool, TARGET, later(75)).await.unwrap();
    let state = effects::target_state(&pool, TARGET, later(75)).await.unwrap();
    assert_eq!((state.broken_since, state.paused_until, state.reason), (None, None, None));
    let never = effects::target_state(&pool, "notifier/never", now()).await.unwrap();
    assert_eq!(never, effects::TargetState::default());
}

#[tokio::test]
async fn calls_are_counted_by_day() {
    let pool = database().await.pool();
    let count = async |calls, at| effects::count_calls(&pool, TARGET, calls, at).await.unwrap();
    assert_eq!(count(3, now()).await, 3);
    assert_eq!(count(4, later(60)).await, 7);
    assert_eq!(count(1, now() + TimeDelta::days(1)).await, 1);
    let tomorrow = effects::target_state(&pool, TARGET, now() + TimeDelta::days(2)).await.unwrap();
    assert_eq!(tomorrow.calls, 0);
}

#[tokio::test]
async fn what_was_never_sent_can_be_dropped_and_what_may_have_been_stays() {
    let pool = database().await.pool();
    let at = |target: &str, key: &str, version| NewEffect {
        target: target.to_owned(),
        ..effect(key, "s", version)
    };
    intend(&pool, &[at("notifier/a", "a1", 1), at("notifier/b", "b1", 1), at("notifier/c", "c1", 1)]).await;
    intend(&pool, &[at("notifier/a", "a2", 2), effect("other", "t", 1)]).await;
    let lease = Lease { owner: "w", until: later(30) };
    effects::claim(&pool, "notifier/b", 1, &lease, "m1", now()).await.unwrap();
    effects::claim(&pool, "notifier/c", 1, &lease, "m2", now()).await.unwrap();
    settle(&pool, "w", &[("c1", unknown(later(5)))], now()).await;
    let mut connection = pool.acquire().await.unwrap();
    let dropped = effects::drop_unsent(&mut connection, "s", None, 1, "not needed", now()).await.unwrap();
    assert_eq!(dropped, ["notifier/a", "notifier/a"]);
    assert_eq!(status(&pool, "a1").await, ("dropped".to_owned(), false, 0, Some("not needed".to_owned())));
    let reached = effects::reached(&mut connection, "s", 1).await.unwrap();
    let reached: Vec<_> =
        reached.iter().map(|effect| (effect.key.as_str(), effect.target.as_str())).collect();
    assert_eq!(reached, [("b1", "notifier/b"), ("c1", "notifier/c")]);
    let waiting = effects::waiting_targets(&pool, "notifier/").await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|(target, waiting)| (target.as_str(), *waiting)).collect();
    assert_eq!(waiting, [("notifier/b", 1), ("notifier/c", 1), ("notifier/ops", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_workers_at_once_claim_each_effect_once() {
    let pool = database().await.pool();
    let all: Vec<_> =
        (0..300).map(|n| effect(&format!("k{n:03}"), &format!("s{}", n % 150), n / 150)).collect();
    assert_eq!(intend(&pool, &all).await.len(), 300);
    let workers = (0..8).map(|worker| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let (owner, mut claimed) = (format!("w{worker}"), Vec::new());
            for round in 0.. {
                let message = format!("{owner}-{round}");
                let got = claim(&pool, &owner, &message, now(), 7).await;
                if got.is_empty() {
                    break;
                }
                assert!(got.len() <= 7 && got.iter().all(|effect| effect.message_id == message));
                let done: Vec<_> = got.iter().map(|effect| (effect.key.as_str(), Outcome::Done)).collect();
                assert_eq!(settle(&pool, &owner, &done, now()).await.len(), got.len());
                claimed.extend(got.into_iter().map(|effect| effect.key));
            }
            claimed
        })
    });
    let mut times = BTreeMap::new();
    for claimed in futures::future::join_all(workers).await {
        for key in claimed.unwrap() {
            *times.entry(key).or_insert(0) += 1;
        }
    }
    // Who found nothing while others had work in flight has left; one more takes what was held back by order.
    for effect in claim(&pool, "last", "m", now(), 300).await {
        *times.entry(effect.key).or_insert(0) += 1;
    }
    assert_eq!((times.len(), times.values().max()), (300, Some(&1)));
}
