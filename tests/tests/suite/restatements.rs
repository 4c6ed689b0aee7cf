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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_frozen_while_rows_fold_under_changed_rules() {
    let (scene, clock, publisher) = published_day().await;
    clock.set(at("2026-01-16T22:00:00Z"));
    // Other rules are adopted when the round has begun already.
    for statement in [
        "create function ledger.adopt() returns trigger language plpgsql as \
         $$ begin insert into ledger.pending_causes (account_id, cause) values ('acme', 'configuration'); return new; end $$",
        "create trigger adopt before insert on ledger.publishing for each row execute function ledger.adopt()",
    ] {
        sqlx::query(statement).execute(&scene.pool).await.unwrap();
    }
    assert_eq!(round(&publisher).await, (0, 0));
    sqlx::query("drop trigger adopt on ledger.publishing").execute(&scene.pool).await.unwrap();
    assert_eq!(round(&publisher).await.0, 1, "the next round waits for them");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_before_a_change_leaves_an_account_alone_of_which_another_one_is_pending() {
    let (scene, clock, publisher) = published_day().await;
    let why = "bot_operators of acme";
    note(&scene.pool, "acme", Cause::Configuration, Some(why)).await.unwrap();
    damage(&scene).await;
    clock.set(at("2026-01-16T04:00:00Z"));
    // Half of what it changes may be folded.
    for account in [None, Some("acme")] {
        let looked = look_before(&scene.pool, clock.now(), account).await.unwrap();
        assert_eq!((looked.days, looked.figures), (0, 0));
    }
    assert_eq!(restated(&scene).await, []);
    assert!(round(&publisher).await.1 > 0);
    assert_eq!(causes(&restated(&scene).await), [("configuration", Some(why))]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_changed_before_a_change_of_configuration_and_other_accounts_keep_their_own_cause() {
    let mut scene = Projected::unread().await;
    let both = |acme: AccountRules| {
        Rules::new(BTreeMap::from([("acme".to_owned(), acme), ("beta".to_owned(), rules(ALMATY))]))
    };
    scene.restart(both(rules(ALMATY))).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let zones = BTreeMap::from([(acme(), ALMATY), ("beta".parse().unwrap(), ALMATY)]);
    let publisher =
        Publisher::new(scene.log.clone(), scene.database.pool(), zones, 120.0, Arc::new(clock.clone()));
    round(&publisher).await;
    scene.take(&two_requests()).await;
    scene.take(&two_requests().into_iter().map(|delivery| of("beta", delivery)).collect::<Vec<_>>()).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (2, 0));

    // Late for both, and before anybody looked another operator is a bot at one of them.
    let late = webhook(&message(4, 81, Some(7002), "2026-01-15T06:01:40Z"), Some("2026-01-16T03:59:00Z"));
    let late_at_beta = of(
        "beta",
        webhook(&message(4, 81, Some(7002), "2026-01-15T06:01:40Z"), Some("2026-01-16T03:59:00Z")),
    );
    scene.take(&[late.clone(), late_at_beta.clone()]).await;
    clock.set(at("2026-01-16T04:00:00Z"));
    scene
        .restart(both(AccountRules { bots: ["7001".to_owned(), "7009".to_owned()].into(), ..rules(ALMATY) }))
        .await;
    round(&publisher).await;

    let rows = restated(&scene).await;
    assert_eq!(causes(&rows), [("late_delivery", None), ("configuration", Some("bot_operators of acme"))]);
    let of_cause = |cause: &str, metric: &str| {
        let mut found =
            rows.iter().filter(|row| row.cause == cause && row.dimension == "all" && row.metric == metric);
        found.next().map(|row| (row.old, row.new, row.delivery_id))
    };
    let n = "first_response.n";
    assert_eq!(of_cause("late_delivery", n), Some((Some(1.0), Some(2.0), Some(late.id.0))));
    assert_eq!(of_cause("configuration", n), Some((Some(2.0), Some(1.0), None)));
    let beta = restated_of(&scene, "beta").await;
    assert_eq!(causes(&beta), [("late_delivery", None)]);
    assert!(beta.iter().all(|row| row.delivery_id == Some(late_at_beta.id.0)), "{beta:?}");
    let known = rows.len();
    assert_eq!(round(&publisher).await, (0, 0));

    // The cause is not for what comes later.
    clock.set(at("2026-01-16T06:00:00Z"));
    scene
        .take(&[webhook(&message(5, 81, Some(7003), "2026-01-15T06:00:30Z"), Some("2026-01-16T05:59:00Z"))])
        .await;
    round(&publisher).await;
    assert_eq!(causes(&restated(&scene).await.split_off(known)), [("late_delivery", None)]);
    scene.end().await;
}

/// Makes all tables again and exchanges them, as the process does that dies before it restates.
async fn rebuilt(scene: &Projected, now: DateTime<Utc>) {
    let rules = Rules::new(BTreeMap::from([("acme".to_owned(), rules(ALMATY))]));
    let rebuild =
        Rebuild::new(scene.log.clone(), scene.database.pool(), rules, "rebuild", &scene.database.folder);
    let control = Control::new(CancellationToken::new());
    rebuild.build(false, &control).await.unwrap();
    rebuild.follow(&control, async || Ok(())).await.unwrap();
    look_before(&scene.pool, now, None).await.unwrap();
    rebuild.switch(&control).await.unwrap();
    rebuild.close().await;
    crate::tables::settled(&scene.pool, scene.log.as_ref()).await;
}

/// A row that the log does not say.
async fn damage(scene: &Projected) {
    sqlx::query(
        "update requests set frt_customer_seconds = 1, row_hash = row_hash + 1 where request_key = '80'",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_dies_before_it_restates_is_the_cause_all_the_same_and_of_nothing_else() {
    let (scene, clock, publisher) = published_day().await;
    damage(&scene).await;
    assert!(round(&publisher).await.1 > 0);
    let known = restated(&scene).await.len();
    // Of another conversation: its fold leaves the damage as it is.
    let mut asked = message(4, 95, None, "2026-01-15T06:01:40Z");
    asked["client_id"] = json!(6);
    asked["client"]["id"] = json!(6);
    asked["dialog_id"] = json!(42);
    scene.take(&[webhook(&asked, Some("2026-01-16T03:59:00Z"))]).await;
    clock.set(at("2026-01-16T04:00:00Z"));

    rebuilt(&scene, clock.now()).await;
    round(&publisher).await;
    let rows = restated(&scene).await.split_off(known);
    assert_eq!(causes(&rows), [("late_delivery", None), ("rebuild", None)]);
    let of_rebuild: BTreeSet<&str> =
        rows.iter().filter(|row| row.cause == "rebuild").map(|row| row.metric.as_str()).collect();
    assert!(of_rebuild.contains("first_response.mean"), "{of_rebuild:?}");
    assert!(!of_rebuild.contains("requests") && !of_rebuild.contains("reply.waiting"), "{of_rebuild:?}");
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_breaks_off_keeps_the_days_that_it_did_and_does_the_others_once() {
    breaks_off(None, ("late_delivery", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_breaks_off_leaves_the_cause_that_it_knew_to_the_next_one() {
    let why = "bot_operators of acme";
    breaks_off(Some(why), ("configuration", Some(why))).await;
}

/// Two days that something changed in, and a look that dies at the second one.
async fn breaks_off(noted: Option<&str>, cause: (&str, Option<&str>)) {
    let (scene, clock, publisher) = published_day().await;
    clock.set(at("2026-01-16T22:00:00Z"));
    let next = |id, request, operator, at: &str| webhook(&message(id, request, operator, at), None);
    scene.take(&[next(11, 90, None, "2026-01-16T05:00:00Z")]).await;
    assert_eq!(round(&publisher).await.0, 1);
    let known = restated(&scene).await.len();
    let late = Some("2026-01-17T03:00:00Z");
    scene
        .take(&[
            webhook(&message(4, 81, Some(7001), "2026-01-15T06:01:40Z"), late),
            webhook(&message(12, 90, Some(7001), "2026-01-16T05:01:00Z"), late),
        ])
        .await;
    for statement in [
        "create function ledger.break_off() returns trigger language plpgsql as \
         $$ begin if new.day = '2026-01-16' then raise exception 'broken off'; end if; return new; end $$",
        "create trigger break_off before insert on ledger.restatements for each row execute function ledger.break_off()",
    ] {
        sqlx::query(statement).execute(&scene.pool).await.unwrap();
    }
    if noted.is_some() {
        note(&scene.pool, "acme", Cause::Configuration, noted).await.unwrap();
    }
    clock.set(at("2026-01-17T04:00:00Z"));
    publisher.round(&CancellationToken::new()).await.unwrap_err();
    let days = |rows: &[RestatementRow]| rows.iter().map(|row| row.day).collect::<BTreeSet<_>>();
    let first = restated(&scene).await.split_off(known);
    assert_eq!(days(&first), [day("2026-01-15")].into());

    sqlx::query("drop trigger break_off on ledger.restatements").execute(&scene.pool).await.unwrap();
    round(&publisher).await;
    let rows = restated(&scene).await.split_off(known + first.len());
    assert_eq!(days(&rows), [day("2026-01-16")].into(), "the others, and none of them twice");
    assert_eq!((causes(&first), causes(&rows)), (vec![cause], vec![cause]));
    assert_eq!(store::figures::pending(&scene.pool).await.unwrap(), []);
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

/// Open the whole week between two hours.
fn open(from: u32, to: u32) -> Arc<Hours> {
    let week = std::array::from_fn(|_| vec![(from * 3600, to * 3600)]);
    Arc::new(Hours::new(&Calendar { versions: vec![Version { week, ..Version::default() }] }, ALMATY))
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_of_operators_and_who_is_in_their_groups_are_a_change_of_configuration() {
    let mut scene = Projected::unread().await;
    let all = |groups: &[(&str, u32)]| {
        let hours = |(group, from): &(&str, u32)| OperatorHours {
            operators: Vec::new(),
            groups: vec![(*group).to_owned()],
            hours: open(*from, 18),
        };
        let of_acme = AccountRules { hours: Some(open(9, 18)), ..rules(ALMATY) };
        Rules::new(BTreeMap::from([("acme".to_owned(), of_acme)]))
            .with_operator_hours(BTreeMap::from([("acme".to_owned(), groups.iter().map(hours).collect())]))
    };
    let group = |members: &[u64], fetched: &str| {
        let row = json!({"id": 60, "name": "Sales", "operator_ids": members});
        crate::projected::row("operators_groups?limit=200&offset=0", &row, fetched)
    };
    scene.restart(all(&[])).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    round(&publisher).await;
    // In Almaty it is five hours later: asked at 09:00, answered at 09:05.
    scene.take(&two_requests()).await;
    scene.take(&[group(&[7001], "2026-01-15T08:00:00Z")]).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (1, 0));

    // The group begins at ten: the five minutes are none of its hours.
    clock.set(at("2026-01-16T04:00:00Z"));
    scene.restart(all(&[("60", 10)])).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await;
    assert_eq!(causes(&rows), [("configuration", Some("operator_calendar of acme"))]);
    let found = |rows: &[RestatementRow], dimension: &str, metric: &str| {
        let is_it = |row: &&RestatementRow| row.dimension == dimension && row.metric == metric;
        rows.iter().find(is_it).map(|row| (row.old, row.new))
    };
    assert_eq!(found(&rows, "all", "reply_business.mean"), Some((Some(300.0), Some(0.0))));
    assert_eq!(found(&rows, "operator", "first_response_business.mean"), Some((Some(300.0), Some(0.0))));
    assert_eq!(
        found(&rows, "all", "first_response_business.mean"),
        None,
        "all contacts: the account's calendar"
    );

    // He leaves the group, while something comes late.
    clock.set(at("2026-01-16T06:00:00Z"));
    scene
        .take(&[
            group(&[7002], "2026-01-16T05:00:00Z"),
            webhook(&message(4, 81, Some(7001), "2026-01-15T06:01:40Z"), Some("2026-01-16T05:00:00Z")),
        ])
        .await;
    let known = rows.len();
    round(&publisher).await;
    let rows = restated(&scene).await.split_off(known);
    let cause = |metric: &str| {
        rows.iter()
            .filter(|row| row.metric == metric)
            .map(|row| (row.cause.as_str(), row.detail.as_deref()))
            .next()
    };
    assert_eq!(cause("reply_business.mean"), Some(("configuration", Some("operator_groups of acme"))));
    assert_eq!(cause("first_response.n"), Some(("late_delivery", None)));
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_calendar_restates_contacts_that_still_wait() {
    let mut scene = Projected::unread().await;
    let until = |seconds: u32| {
        let week = std::array::from_fn(|_| vec![(9 * 3600, seconds)]);
        let calendar = Calendar { versions: vec![Version { week, ..Version::default() }] };
        let hours = Some(Arc::new(Hours::new(&calendar, ALMATY)));
        Rules::new(BTreeMap::from([("acme".to_owned(), AccountRules { hours, ..rules(ALMATY) })]))
    };
    scene.restart(until(18 * 3600)).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    round(&publisher).await;
    // Asked at eleven, and never answered.
    scene.take(&[webhook(&message(3, 81, None, "2026-01-15T06:00:00Z"), None)]).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (1, 0));
    let within = "first_response_business.within_target";
    assert_eq!(published(&scene, "2026-01-15", "all", "all", within).await, Some(0.0));

    // They close a minute later: it has not waited too long.
    clock.set(at("2026-01-16T04:00:00Z"));
    scene.restart(until(11 * 3600 + 60)).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await;
    assert_eq!(causes(&rows), [("configuration", Some("calendar of acme"))]);
    let found = rows.iter().find(|row| row.dimension == "all" && row.metric == within);
    assert_eq!(found.map(|row| (row.old, row.new)), Some((Some(0.0), None)));
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
