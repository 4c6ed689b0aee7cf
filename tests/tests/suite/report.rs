//! `store::report` against the same rules computed naively in Rust, on random requests and turns.

use std::collections::BTreeMap;

use chatledger_tests::database;
use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use events::AccountId;
use projection::calendar::Version;
use projection::{Calendar, Hours};
use sqlx::PgConnection;
use store::report::calendar::OfOperators;
use store::report::{By, LeftOut, Query, Row, Summary, calendar, response_times};
use store::tables::{
    ChannelRow, OperatorGroupRow, OperatorRow, RequestRow, RequestTagRow, TagRow, TurnRow, upsert,
};

mod menu;
mod naive;
mod scores;
mod vendor;
mod workload;

use naive::{Clocks, Counted, Dice, cases, naive};

const ZONE: Tz = Tz::Europe__Berlin;

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Shop hours with a break, a night over midnight, holidays, and another week later.
fn shop(from: Option<&str>) -> Calendar {
    let day = vec![(9 * 3600, 13 * 3600), (14 * 3600, 18 * 3600)];
    let night = vec![(22 * 3600, 2 * 3600 + 1800)];
    let week = [day.clone(), day.clone(), day.clone(), day.clone(), night.clone(), night, vec![(0, 5400)]];
    let holidays = ["2026-03-23", "2025-12-31"].iter().map(|d| d.parse().unwrap()).collect();
    let first = Version { from: from.map(|day| day.parse().unwrap()), week, holidays };
    let closed = Version { from: "2026-06-01".parse().ok(), ..Version::default() };
    Calendar { versions: vec![first, closed] }
}

fn midnight(day: &str, zone: Tz) -> DateTime<Utc> {
    let day: NaiveDate = day.parse().unwrap();
    zone.from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap()).earliest().unwrap().to_utc()
}

async fn store_calendar(connection: &mut PgConnection, account: &str, from: Option<&str>, zone: Tz) -> Hours {
    let hours = Hours::new(&shop(from), zone);
    let in_force = midnight(from.unwrap_or("2010-01-01"), zone)..midnight("2040-01-01", zone);
    calendar::replace(connection, account, in_force, hours.intervals()).await.unwrap();
    hours
}

#[tokio::test]
async fn sql_and_rust_subtract_the_same_business_time() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let mut dice = Dice::new(1);
    for (zone, from) in [
        (Tz::Europe__Berlin, None),
        (Tz::America__Santiago, None),
        (Tz::Australia__Lord_Howe, Some("2026-03-01")),
        (Tz::Asia__Almaty, Some("2026-03-23")),
    ] {
        let hours = store_calendar(&mut connection, "acme", from, zone).await;
        // Days around changes of the clock, the first and the last day of the calendar, and a closed version.
        let around = [
            at("2026-03-29T01:00:00Z"),
            at("2025-10-26T01:00:00Z"),
            at("2026-04-04T15:00:00Z"),
            at("2025-09-07T04:00:00Z"),
            at("2026-05-31T22:00:00Z"),
            at("2026-03-01T00:00:00Z"),
            at("2010-01-01T00:00:00Z"),
            at("2040-01-01T00:00:00Z"),
        ];
        let mut instants = |n: usize| -> Vec<DateTime<Utc>> {
            (0..n)
                .map(|_| {
                    dice.one(&around)
                        + Duration::microseconds(dice.below(6 * 86_400_000_000) - 3 * 86_400_000_000)
                })
                .collect()
        };
        let (froms, tos) = (instants(1500), instants(1500));
        let found: Vec<Option<f64>> = sqlx::query_scalar(
            "select business_seconds('acme', a, b) from unnest($1::timestamptz[], $2::timestamptz[]) \
             with ordinality as t(a, b, i) order by i",
        )
        .bind(&froms)
        .bind(&tos)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let mut kinds = [0; 3];
        for ((from, to), found) in froms.into_iter().zip(tos).zip(found) {
            let expected = hours.seconds_between(from, to);
            let same = match (expected, found) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-6,
                (a, b) => a == b,
            };
            assert!(same, "{zone} {from} {to}: rust {expected:?}, sql {found:?}");
            kinds[match expected {
                None => 0,
                Some(0.0) => 1,
                Some(_) => 2,
            }] += 1;
        }
        assert!(kinds.iter().all(|n| *n > 50), "{zone}: the instants miss a case: {kinds:?}");
    }
    let none: Option<f64> =
        sqlx::query_scalar("select business_seconds('other', now(), now())").fetch_one(&pool).await.unwrap();
    assert_eq!(none, None, "no calendar is null, never 0");
    calendar::remove(&mut connection, "acme").await.unwrap();
    let none: Option<f64> =
        sqlx::query_scalar("select business_seconds('acme', now(), now())").fetch_one(&pool).await.unwrap();
    assert_eq!(none, None);
}

fn assert_same(what: &str, expected: Summary, found: &Summary) {
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-6 * (1.0 + a.abs()),
        (a, b) => a == b,
    };
    let same = (expected.n, expected.unanswered, expected.waiting)
        == (found.n, found.unanswered, found.waiting)
        && near(expected.mean, found.mean)
        && near(expected.p50, found.p50)
        && near(expected.p90, found.p90)
        && near(expected.p95, found.p95)
        && near(expected.max, found.max)
        && near(expected.within_target, found.within_target);
    assert!(same, "{what}:\nexpected {expected:?}\nfound    {found:?}");
}

fn assert_equal(expected: BTreeMap<String, Counted>, found: &[Row], what: &str) {
    let mut keys: Vec<&str> = found.iter().map(|row| row.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(expected.keys().map(String::as_str).collect::<Vec<_>>(), keys, "{what}");
    for (key, (requests, left_out, summaries)) in expected {
        let row = found.iter().find(|row| row.key == key).unwrap();
        assert_eq!((row.requests, row.left_out_by), (requests, left_out), "{what} {key}");
        let LeftOut { rating, continuous, offline, company } = left_out;
        assert_eq!(row.left_out, rating + continuous + offline + company, "{what} {key}");
        for (expected, (name, found)) in summaries.into_iter().zip(row.summaries()) {
            assert_same(&format!("{what} {key} {name}"), expected.summary(), found);
        }
    }
}

/// Calendars of operators: 2 by name; 1 by name although a group of his comes before; 3 by his group; 4 has none.
async fn store_operators(connection: &mut PgConnection) -> BTreeMap<String, Hours> {
    let open = |from: u32, to: u32| {
        let week = [const { Vec::new() }; 7].map(|_: Vec<(u32, u32)>| vec![(from * 3600, to * 3600)]);
        Hours::new(&Calendar { versions: vec![Version { week, ..Version::default() }] }, ZONE)
    };
    let own = [open(0, 4), open(12, 15), open(2, 20)];
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let calendar = |hours: &Hours, operators: &[&str], groups: &[&str]| OfOperators {
        operators: named(operators),
        groups: named(groups),
        in_force: hours.in_force(),
        intervals: hours.intervals().collect(),
    };
    let group = OperatorGroupRow {
        account_id: "acme".to_owned(),
        group_id: "60".to_owned(),
        operator_ids: named(&["1", "3"]),
        ..OperatorGroupRow::default()
    };
    upsert(connection, &[group]).await.unwrap();
    let calendars = vec![
        calendar(&own[0], &["2"], &[]),
        calendar(&own[1], &[], &["60", "61"]),
        calendar(&own[2], &["1", "2"], &[]),
    ];
    // Written again at each start.
    for _ in 0..2 {
        calendar::replace_of_operators(connection, "acme", calendars.clone()).await.unwrap();
    }
    let [two, three, one] = own;
    [("1".to_owned(), one), ("2".to_owned(), two), ("3".to_owned(), three)].into()
}

async fn compare(seed: u8, with_calendar: bool, with_operators: bool) {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let mut clocks = Clocks::default();
    if with_calendar {
        clocks.account = Some(store_calendar(&mut connection, "acme", None, ZONE).await);
    }
    if with_operators {
        clocks.operators = store_operators(&mut connection).await;
    }
    let mut dice = Dice::new(seed);
    let cases = cases(&mut dice, 400, clocks.account.as_ref());
    let requests: Vec<RequestRow> = cases.iter().map(|case| case.request.clone()).collect();
    let turns: Vec<TurnRow> = cases.iter().flat_map(|case| case.turns.clone()).collect();
    upsert(&mut connection, &requests).await.unwrap();
    upsert(&mut connection, &turns).await.unwrap();
    let tags: Vec<RequestTagRow> = cases.iter().flat_map(|case| case.tags.clone()).collect();
    upsert(&mut connection, &tags).await.unwrap();
    // Another tenant's rows are nobody else's business.
    let others = |mut row: RequestRow| {
        row.account_id = "other".to_owned();
        row
    };
    upsert(&mut connection, &requests.into_iter().map(others).collect::<Vec<_>>()).await.unwrap();
    let others = |mut tag: RequestTagRow| {
        tag.account_id = "other".to_owned();
        tag.tag_id = "foreign".to_owned();
        tag
    };
    let foreign: Vec<RequestTagRow> = tags.into_iter().filter(|tag| tag.tag_id == "t1").map(others).collect();
    upsert(&mut connection, &foreign).await.unwrap();
    let acme = account("acme");
    let day = |text: &str| -> Option<NaiveDate> { text.parse().ok() };
    for (from, to, as_of) in [
        (None, None, at("2026-04-02T00:00:00Z")),
        (day("2026-03-27"), day("2026-03-29"), midnight("2026-03-30", ZONE)),
        (None, day("2026-03-28"), at("2026-03-28T11:30:00Z")),
        (day("2026-03-30"), None, at("2026-03-30T20:00:00Z")),
        (day("2027-01-01"), None, at("2026-03-30T20:00:00Z")),
    ] {
        for by in By::ALL {
            let query = Query { account: &acme, from, to, by, target_seconds: 120.0, as_of };
            let found = response_times(&mut *connection, &query).await.unwrap();
            let what = format!("seed {seed}, {from:?} to {to:?} as of {as_of}, by {}", by.as_str());
            assert_equal(naive(&cases, &query, &clocks), &found, &what);
        }
    }
}

#[tokio::test]
async fn the_report_equals_a_naive_reading_of_random_requests() {
    for seed in [1, 2, 3] {
        compare(seed, true, false).await;
    }
}

#[tokio::test]
async fn without_a_calendar_business_figures_are_null() {
    compare(4, false, false).await;
}

#[tokio::test]
async fn business_time_that_is_one_operators_goes_by_his_own_calendar() {
    compare(5, true, true).await;
    compare(6, false, true).await;
}

#[tokio::test]
async fn nothing_gives_one_row_of_nulls_and_no_group() {
    let pool = database().await.pool();
    let acme = account("acme");
    for by in By::ALL {
        let as_of = at("2026-03-30T20:00:00Z");
        let query = Query { account: &acme, from: None, to: None, by, target_seconds: 120.0, as_of };
        let found = response_times(&pool, &query).await.unwrap();
        match by {
            By::All => {
                let empty = Row { key: "all".to_owned(), label: "all".to_owned(), ..Row::default() };
                assert_eq!(found, [empty]);
            }
            _ => assert!(found.is_empty(), "{found:?}"),
        }
    }
}

/// One common request of the client, answered after so many seconds.
fn answered(key: &str, day: &str, operator: Option<&str>, channel: Option<&str>) -> (RequestRow, TurnRow) {
    let first = midnight(day, ZONE) + Duration::hours(9);
    let request = RequestRow {
        account_id: "acme".to_owned(),
        request_key: key.to_owned(),
        kind: "common".to_owned(),
        initiated_by: "client".to_owned(),
        channel_id: channel.map(str::to_owned),
        first_operator_id: operator.map(str::to_owned),
        last_operator_id: operator.map(str::to_owned),
        opened_at: first,
        first_client_message_at: Some(first),
        frt_customer_seconds: Some(60.0),
        local_day: day.parse().unwrap(),
        local_hour: 9,
        ..RequestRow::default()
    };
    let turn = TurnRow {
        account_id: "acme".to_owned(),
        request_key: key.to_owned(),
        turn_no: 1,
        asked_at: first,
        answered_at: Some(first + Duration::seconds(60)),
        ended_at: Some(first + Duration::seconds(60)),
        operator_id: operator.map(str::to_owned),
        state: "answered".to_owned(),
        reply_seconds: Some(60.0),
        ..TurnRow::default()
    };
    (request, turn)
}

#[tokio::test]
async fn rows_have_labels_and_an_order_that_people_expect() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let cases = [
        answered("a", "2026-03-28", Some("2"), Some("7")),
        answered("b", "2026-03-27", Some("1"), None),
        answered("c", "2026-03-27", Some("1"), Some("7")),
        answered("d", "2026-03-26", None, Some("8")),
    ];
    let (mut requests, turns): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    requests[0].local_hour = 10;
    upsert(&mut connection, &requests).await.unwrap();
    upsert(&mut connection, &turns).await.unwrap();
    let (account_id, name) = ("acme".to_owned(), Some("Aigerim".to_owned()));
    let operator = OperatorRow {
        account_id: account_id.clone(),
        operator_id: "1".to_owned(),
        name,
        ..OperatorRow::default()
    };
    upsert(&mut connection, &[operator]).await.unwrap();
    let name = Some("Sales".to_owned());
    upsert(
        &mut connection,
        &[ChannelRow { account_id, channel_id: "7".to_owned(), name, ..ChannelRow::default() }],
    )
    .await
    .unwrap();
    let tag = |request: &str, tag: &str, label: Option<&str>, is_on: bool| RequestTagRow {
        account_id: "acme".to_owned(),
        request_key: request.to_owned(),
        tag_id: tag.to_owned(),
        episode: 1,
        label: label.map(str::to_owned),
        removed_at: (!is_on).then(|| at("2026-03-28T00:00:00Z")),
        ..RequestTagRow::default()
    };
    let tags = [
        tag("a", "5", Some("Delivery"), true),
        tag("b", "5", Some("Delivery"), true),
        tag("b", "6", Some("Returns"), true),
        tag("c", "7", None, true),
        tag("d", "6", Some("Returns"), false),
    ];
    upsert(&mut connection, &tags).await.unwrap();
    let renamed = TagRow {
        account_id: "acme".to_owned(),
        tag_id: "5".to_owned(),
        label: Some("Delivery, renamed".to_owned()),
        ..TagRow::default()
    };
    upsert(&mut connection, &[renamed]).await.unwrap();
    let acme = account("acme");
    for (by, expected) in [
        (By::Operator, vec![("1", "Aigerim"), ("", "nobody"), ("2", "2")]),
        (By::Channel, vec![("7", "Sales"), ("", "unknown"), ("8", "8")]),
        (By::Transport, vec![("", "unknown")]),
        (
            By::Day,
            vec![("2026-03-26", "2026-03-26"), ("2026-03-27", "2026-03-27"), ("2026-03-28", "2026-03-28")],
        ),
        (By::Hour, vec![("9", "09:00"), ("10", "10:00")]),
        // One has two tags and one has none; what was taken off is nothing; a tag of its own row is called as that says.
        (By::Tag, vec![("5", "Delivery, renamed"), ("", "no tag"), ("6", "Returns"), ("7", "7")]),
    ] {
        let as_of = at("2026-03-30T20:00:00Z");
        let query = Query { account: &acme, from: None, to: None, by, target_seconds: 120.0, as_of };
        let found = response_times(&mut *connection, &query).await.unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|row| (row.key.as_str(), row.label.as_str())).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_reply_after_the_end_of_the_period_counts_and_was_waited_for() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let (request, turn) = answered("a", "2026-03-27", Some("1"), None);
    upsert(&mut connection, &[request]).await.unwrap();
    let as_of = turn.asked_at + Duration::seconds(30);
    upsert(&mut connection, &[turn]).await.unwrap();
    let acme = account("acme");
    let query = Query { account: &acme, from: None, to: None, by: By::All, target_seconds: 120.0, as_of };
    let found = response_times(&mut *connection, &query).await.unwrap();
    let first = found[0].first_response;
    assert_eq!((first.n, first.waiting, first.unanswered, first.within_target), (1, 1, 0, Some(1.0)));
}

#[tokio::test]
async fn positions_and_counts_are_read_together() {
    let pool = database().await.pool();
    sqlx::query(
        "insert into accounting (account_id, road, day, partition, appended, decoded, partly_rejected, rejected, facts) \
         values ('acme', 'webhook', '2026-03-27', 0, 10, 7, 1, 2, 30), ('acme', 'webhook', '2026-03-27', 2, 4, 4, 0, 0, 4), \
                ('acme', 'backfill', '2026-03-28', 0, 5, 4, 0, 0, 4)",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into positions (partition, log_id, next, epoch) values (0, 'x', 15, 1), (1, 'x', 0, 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let read = store::report::accounting::read_so_far(&pool).await.unwrap();
    let found: Vec<_> = read
        .iter()
        .map(|read| (read.partition, read.log_id.as_deref(), read.next, read.appended, read.fates))
        .collect();
    assert_eq!(
        found,
        [(0, Some("x"), Some(15), 15, 14), (1, Some("x"), Some(0), 0, 0), (2, None, None, 4, 4)]
    );
    let unaccounted: Vec<(String, i64)> =
        sqlx::query_as("select road, unaccounted from report_accounting order by road")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(unaccounted, [("backfill".to_owned(), 1), ("webhook".to_owned(), 0)]);
}
