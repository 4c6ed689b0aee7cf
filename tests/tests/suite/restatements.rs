//! Published figures and what becomes of them: frozen once, whoever does it; a figure that changes later is restated
//! once, with the delivery that changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;
use events::{AccountId, ManualClock};
use projection::AccountRules;
use projection::publishing::{Cause, Publisher, restate};
use serde_json::json;
use store::report::RestatementRow;
use tokio_util::sync::CancellationToken;

use crate::ledger::{NOBODY, account, home_on};
use crate::projected::{Projected, at, message, row, webhook};

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
    store::report::restatements(&scene.pool, "acme", None, None).await.unwrap()
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

/// Two requests of the 15th of January, one answered after five minutes and one not at all, and the night after.
async fn published_day() -> (Projected, ManualClock, Publisher) {
    let scene = Projected::by(rules(ALMATY)).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    assert_eq!(round(&publisher).await, (0, 0), "the day is not over");
    scene
        .take(&[
            webhook(&message(1, 80, None, "2026-01-15T04:00:00Z"), None),
            webhook(&message(2, 80, Some(7001), "2026-01-15T04:05:00Z"), None),
            webhook(
                &json!({"hook_type": "close_request", "request_id": 80, "client_id": 5, "event_time": "2026-01-15T04:30:00Z"}),
                None,
            ),
            webhook(&message(3, 81, None, "2026-01-15T06:00:00Z"), None),
        ])
        .await;
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
        at("2026-01-15T19:00:00Z"),
        120.0,
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
    let causes =
        |rows: &[RestatementRow]| -> BTreeSet<String> { rows.iter().map(|row| row.cause.clone()).collect() };
    assert_eq!(causes(&restated(&scene).await), ["continued".to_owned()].into());
    let known = restated(&scene).await.len();

    // A request of the 15th that no webhook told.
    clock.set(at("2026-01-16T05:00:00Z"));
    let listed = json!({"id": 9, "type": "from_client", "text": "canary text", "client_id": 6, "channel_id": 12,
        "request_id": 90, "transport": "telegram", "created": "2026-01-15T05:00:00 UTC"});
    let listed = row("messages?start_id=1&limit=200&order=asc", &listed, "2026-01-16T04:58:00Z");
    scene.take(std::slice::from_ref(&listed)).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await.split_off(known);
    assert_eq!(causes(&rows), ["refetch".to_owned()].into());
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
    let why = Cause::Configuration("bot_operators of acme".to_owned());
    let done = restate(&scene.pool, now, &why).await.unwrap();
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
    assert_eq!(restate(&scene.pool, now, &Cause::Rebuild).await.unwrap().figures, 0);
    clock.set(now);
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_freeze_each_missed_night_once() {
    let (scene, clock, one) = published_day().await;
    // Nobody ran for three nights.
    clock.set(at("2026-01-19T05:00:00Z"));
    let other = publisher(&scene, ALMATY, &clock);
    let (mine, theirs) = tokio::join!(round(&one), round(&other));
    assert_eq!(mine.0 + theirs.0, 3, "the 16th, 17th and 18th");
    assert_eq!((mine.1, theirs.1), (0, 0));
    let days: Vec<(NaiveDate, i64)> = sqlx::query_as(
        "select day, count(*) from ledger.published_figures where dimension = 'all' and metric = 'requests' \
         group by day order by day",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    let expected: Vec<_> = (15..=18).map(|number| (day(&format!("2026-01-{number}")), 1)).collect();
    assert_eq!(days, expected);
    // The contact of the 15th still waits on the 16th, but it belongs to the 15th.
    assert_eq!(published(&scene, "2026-01-16", "all", "all", "requests").await, Some(0.0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_25_hours_is_one_day() {
    let zone = Tz::Europe__Berlin;
    let scene = Projected::by(rules(zone)).await;
    let clock = ManualClock::at(at("2026-10-25T08:00:00Z"));
    let publisher = publisher(&scene, zone, &clock);
    round(&publisher).await;
    // The clock shows half past two twice, and the last question comes in the 25th hour.
    let asked =
        ["2026-10-24T21:59:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T22:59:00Z"];
    let questions: Vec<_> =
        (1..).zip(asked).map(|(id, at)| webhook(&message(id, 100 + id, None, at), None)).collect();
    scene.take(&questions).await;
    clock.set(at("2026-10-26T01:59:00Z"));
    assert_eq!(round(&publisher).await.0, 0);
    clock.set(at("2026-10-26T02:00:00Z"));
    assert_eq!(round(&publisher).await.0, 1);
    assert_eq!(published(&scene, "2026-10-25", "all", "all", "requests").await, Some(3.0));
    assert_eq!(published(&scene, "2026-10-25", "hour", "2", "requests").await, Some(2.0));
    // Superseded within the day: the first two are closed at its end, the last one waits.
    assert_eq!(published(&scene, "2026-10-25", "all", "all", "first_response.waiting").await, Some(1.0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_frozen_while_the_projection_is_behind() {
    let scene = Projected::unread().await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock).patient(Duration::ZERO);
    assert_eq!(round(&publisher).await, (0, 0));
    scene.append(&[webhook(&message(1, 80, None, "2026-01-15T04:00:00Z"), None)]).await;
    clock.set(at("2026-01-15T23:00:00Z"));
    let behind = publisher.round(&CancellationToken::new()).await.unwrap();
    assert!(behind.is_behind && behind.days == 0, "{behind:?}");
}
