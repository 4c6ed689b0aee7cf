//! Published figures and what becomes of them: frozen once, whoever does it; a figure that changes later is restated
//! once, with the delivery that changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use events::{AccountId, Clock as _, Delivery, ManualClock};
use projection::calendar::Version;
use projection::publishing::{Publisher, look_after, look_before};
use projection::rebuild::Control;
use projection::{AccountRules, Calendar, Hours, OperatorHours, Rebuild, Rules};
use serde_json::json;
use store::figures::{Cause, DIMENSIONS, Settings, note};
use store::report::RestatementRow;
use tokio_util::sync::CancellationToken;

use crate::ledger::{NOBODY, account, home_on};
use crate::projected::{Projected, at, message, row, webhook};

mod causes;
mod nights;

const ALMATY: Tz = Tz::Asia__Almaty;

fn publisher(scene: &Projected, zone: Tz, clock: &ManualClock) -> Publisher {
    let zones = BTreeMap::from([(acme(), zone)]);
    Publisher::new(scene.log.clone(), scene.database.pool(), zones, 120.0, Arc::new(clock.clone()))
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn rules(zone: Tz) -> AccountRules {
    AccountRules { zone, bots: ["7009".to_owned()].into(), ..AccountRules::default() }
}

async fn round(publisher: &Publisher) -> (usize, usize) {
    let round = publisher.round(&CancellationToken::new()).await.unwrap();
    assert!(!round.is_behind);
    (round.days, round.restated.figures)
}

async fn restated(scene: &Projected) -> Vec<RestatementRow> {
    restated_of(scene, "acme").await
}

async fn restated_of(scene: &Projected, account: &str) -> Vec<RestatementRow> {
    store::report::restatements(&scene.pool, account, None, None).await.unwrap()
}

/// Causes with their words, in the order in which they were noticed.
fn causes(rows: &[RestatementRow]) -> Vec<(&str, Option<&str>)> {
    let mut causes: Vec<_> = rows.iter().map(|row| (row.cause.as_str(), row.detail.as_deref())).collect();
    causes.dedup();
    causes
}

async fn published(scene: &Projected, day: &str, dimension: &str, key: &str, metric: &str) -> Option<f64> {
    sqlx::query_scalar(
        "select value from ledger.published_figures \
         where account_id = 'acme' and day = $1 and dimension = $2 and key = $3 and metric = $4",
    )
    .bind(self::day(day))
    .bind(dimension)
    .bind(key)
    .bind(metric)
    .fetch_optional(&scene.pool)
    .await
    .unwrap()
}

/// One answered after five minutes and one not at all.
fn two_requests() -> Vec<Delivery> {
    vec![
        webhook(&message(1, 80, None, "2026-01-15T04:00:00Z"), None),
        webhook(&message(2, 80, Some(7001), "2026-01-15T04:05:00Z"), None),
        webhook(
            &json!({"hook_type": "close_request", "request_id": 80, "client_id": 5, "event_time": "2026-01-15T04:30:00Z"}),
            None,
        ),
        webhook(&message(3, 81, None, "2026-01-15T06:00:00Z"), None),
    ]
}

/// Of another account.
fn of(account: &str, delivery: Delivery) -> Delivery {
    Delivery { account: account.parse().unwrap(), ..delivery }
}

/// Two requests of the 15th of January, one answered after five minutes and one not at all, and the night after.
async fn published_day() -> (Projected, ManualClock, Publisher) {
    let scene = Projected::by(rules(ALMATY)).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    assert_eq!(round(&publisher).await, (0, 0), "the day is not over");
    scene.take(&two_requests()).await;
    clock.set(at("2026-01-15T21:59:00Z"));
    assert_eq!(round(&publisher).await, (0, 0), "not before three in the morning");
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (1, 0));
    (scene, clock, publisher)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_webhook_restates_each_figure_that_it_changes_once_and_is_named() {
    let (scene, clock, publisher) = published_day().await;
    assert_eq!(published(&scene, "2026-01-15", "all", "all", "first_response.mean").await, Some(300.0));
    assert_eq!(published(&scene, "2026-01-15", "operator", "7001", "first_response.n").await, Some(1.0));
    assert_eq!(published(&scene, "2026-01-15", "all", "all", "first_response.waiting").await, Some(1.0));

    // An answer of yesterday comes in the morning.
    clock.set(at("2026-01-16T04:00:00Z"));
    let late = webhook(&message(4, 81, Some(7001), "2026-01-15T06:01:40Z"), Some("2026-01-16T03:59:00Z"));
    scene.take(std::slice::from_ref(&late)).await;
    let before =
        store::figures::standing(&mut scene.pool.acquire().await.unwrap(), &acme(), day("2026-01-15"))
            .await
            .unwrap();
    let (_, figures) = round(&publisher).await;
    let rows = restated(&scene).await;
    assert_eq!(rows.len(), figures);
    let of_all: BTreeMap<&str, (Option<f64>, Option<f64>)> = rows
        .iter()
        .filter(|row| row.dimension == "all")
        .map(|row| (row.metric.as_str(), (row.old, row.new)))
        .collect();
    assert_eq!(of_all["first_response.mean"], (Some(300.0), Some(200.0)));
    assert_eq!(of_all["first_response.n"], (Some(1.0), Some(2.0)));
    assert_eq!(of_all["first_response.within_target"], (Some(0.0), Some(0.5)));
    assert_eq!(of_all["first_response.waiting"], (Some(1.0), Some(0.0)));
    assert!(!of_all.contains_key("requests") && !of_all.contains_key("resolution.mean"), "{of_all:?}");
    for row in &rows {
        assert_eq!((row.cause.as_str(), row.delivery_id), ("late_delivery", Some(late.id.0)), "{row:?}");
        assert_eq!(row.day, day("2026-01-15"));
    }
    let keys: BTreeSet<_> = rows.iter().map(|row| (&row.dimension, &row.key, &row.metric)).collect();
    assert_eq!(keys.len(), rows.len(), "each figure once");

    // Exactly what differs: the report of the day says now what the restatements say.
    let mut connection = scene.pool.acquire().await.unwrap();
    let are = store::figures::of_day(
        &mut connection,
        &acme(),
        day("2026-01-15"),
        &DIMENSIONS,
        Settings { as_of: at("2026-01-15T19:00:00Z"), target_seconds: 120.0 },
    )
    .await
    .unwrap();
    assert_eq!(store::figures::differences(&before, &are).len(), rows.len());
    let stands = store::figures::standing(&mut connection, &acme(), day("2026-01-15")).await.unwrap();
    assert_eq!(store::figures::differences(&stands, &are), []);
    assert_eq!(
        published(&scene, "2026-01-15", "all", "all", "first_response.mean").await,
        Some(300.0),
        "stays"
    );

    assert_eq!(round(&publisher).await, (0, 0));
    assert_eq!(round(&publisher).await, (0, 0));
    assert_eq!(restated(&scene).await.len(), rows.len(), "a second look makes none");

    // The command says it, and its delivery can be traced.
    let home = home_on(&scene.database, "partitions = 2", &account(NOBODY, "history = \"none\""));
    let table = home.run(&["report", "restatements", "--from", "2026-01-15"]).await.succeeded().stdout;
    assert!(table.contains("late_delivery") && table.contains(&late.id.to_string()), "{table}");
    let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("2026-01-15 all first_response.mean 5m 00s 3m 20s -1m 40s"), "{table}");
    assert!(!squeezed.contains("operator 7001") && squeezed.contains("more by operator"), "{table}");
    let by = home.run(&["report", "restatements", "--by", "operator"]).await.succeeded().stdout;
    assert!(by.contains("operator 7001") && !by.contains("  all  "), "{by}");
    let found = home.run(&["report", "restatements", "--format", "json"]).await.json();
    assert_eq!(found["rows"].as_array().unwrap().len(), rows.len());
    let csv = home.run(&["report", "restatements", "--format", "csv"]).await.succeeded().stdout;
    assert_eq!(csv.lines().count(), rows.len() + 1);
    let html = home.run(&["report", "restatements", "--format", "html"]).await.succeeded().stdout;
    assert!(html.contains("late_delivery") && html.contains(&late.id.to_string()), "{html}");
    let trace = home.run(&["trace", &late.id.to_string(), "--format", "json"]).await.json();
    assert_eq!(trace[0]["what"], "delivery");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_after_the_night_and_what_is_fetched_later_are_other_causes_than_lateness() {
    let (scene, clock, publisher) = published_day().await;
    clock.set(at("2026-01-16T04:00:00Z"));
    scene.take(&[webhook(&message(4, 81, Some(7002), "2026-01-16T03:30:00Z"), None)]).await;
    assert!(round(&publisher).await.1 > 0);
    assert_eq!(causes(&restated(&scene).await), [("continued", None)]);
    let known = restated(&scene).await.len();

    // A request of the 15th that no webhook told.
    clock.set(at("2026-01-16T05:00:00Z"));
    let listed = json!({"id": 9, "type": "from_client", "text": "canary text", "client_id": 6, "channel_id": 12,
        "request_id": 90, "transport": "telegram", "created": "2026-01-15T05:00:00 UTC"});
    let listed = row("messages?start_id=1&limit=200&order=asc", &listed, "2026-01-16T04:58:00Z");
    scene.take(std::slice::from_ref(&listed)).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await.split_off(known);
    assert_eq!(causes(&rows), [("refetch", None)]);
    assert!(rows.iter().all(|row| row.delivery_id == Some(listed.id.0)), "{rows:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_changes_rows_otherwise_says_why() {
    let (scene, clock, publisher) = published_day().await;
    sqlx::query(
        "update requests set frt_customer_seconds = 1, row_hash = row_hash + 1 where request_key = '80'",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
    let now = at("2026-01-16T04:00:00Z");
    note(&scene.pool, "acme", Cause::Configuration, Some("bot_operators of acme")).await.unwrap();
    let done = look_after(&scene.pool, now, Cause::Configuration).await.unwrap();
    let rows = restated(&scene).await;
    assert_eq!((done.days, done.figures), (1, rows.len()));
    assert!(!rows.is_empty());
    for row in &rows {
        assert_eq!(
            (row.cause.as_str(), row.detail.as_deref()),
            ("configuration", Some("bot_operators of acme"))
        );
        assert_eq!(row.delivery_id, None);
    }
    note(&scene.pool, "acme", Cause::Rebuild, None).await.unwrap();
    assert_eq!(look_after(&scene.pool, now, Cause::Rebuild).await.unwrap().figures, 0);
    clock.set(now);
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_by_tag_are_frozen_and_a_tag_that_is_put_on_later_restates_them() {
    let scene = Projected::by(rules(ALMATY)).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    round(&publisher).await;
    scene.take(&two_requests()).await;
    let tagged = |id: u64, label: &str, at: &str, received: Option<&str>| {
        let body = json!({"hook_type": "add_tag_to_request", "id": id, "label": label, "request_id": 80, "client_id": 5,
            "channel_id": 12, "event_time": at});
        webhook(&body, received)
    };
    scene.take(&[tagged(611, "delivery", "2026-01-15T04:06:00Z", None)]).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (1, 0));
    assert_eq!(published(&scene, "2026-01-15", "tag", "611", "first_response.mean").await, Some(300.0));
    assert_eq!(published(&scene, "2026-01-15", "tag", "", "requests").await, Some(1.0));

    clock.set(at("2026-01-16T04:00:00Z"));
    let late = tagged(612, "refund", "2026-01-15T04:07:00Z", Some("2026-01-16T03:59:00Z"));
    scene.take(std::slice::from_ref(&late)).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await;
    assert!(rows.iter().all(|row| row.dimension == "tag" && row.key == "612"), "{rows:?}");
    assert!(rows.iter().all(|row| row.delivery_id == Some(late.id.0)), "{rows:?}");
    assert_eq!(causes(&rows), [("late_delivery", None)]);

    // A day that was frozen when tags were none of its dimensions has nothing to compare them with.
    let old = "update ledger.published_days set dimensions = default, digest = ''";
    sqlx::query(old).execute(&scene.pool).await.unwrap();
    sqlx::query("delete from ledger.published_figures where dimension = 'tag'")
        .execute(&scene.pool)
        .await
        .unwrap();
    sqlx::query("delete from ledger.restatements").execute(&scene.pool).await.unwrap();
    assert_eq!(round(&publisher).await, (0, 0));
    let home = home_on(&scene.database, "partitions = 2", &account(NOBODY, "history = \"none\""));
    home.run(&["report", "restatements", "--by", "tag"]).await.succeeded();
    scene.end().await;
}
