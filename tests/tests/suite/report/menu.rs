//! `report menu` and `report tags` against the same rules, one message at a time.

use std::collections::{BTreeMap, BTreeSet};

use chatledger_tests::database;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use store::report::{By, MenuBy, MenuQuery, MenuRow, TagsQuery, menu, tags};
use store::tables::{MessageRow, RequestRow, upsert};

use super::naive::{Case, Dice, cases, seconds};
use super::{account, at};

/// Messages within some seconds of one another, so that many share one; ids with one digit more or less.
fn talk(dice: &mut Dice, requests: &[RequestRow]) -> Vec<MessageRow> {
    let mut said = Vec::new();
    for (no, request) in requests.iter().enumerate() {
        for n in 0..dice.below(9) {
            let author = dice.one(&["client", "client", "client", "operator", "bot", "automation", "note"]);
            let is_choice = author == "client" && dice.below(2) == 0;
            said.push(MessageRow {
                account_id: "acme".to_owned(),
                message_id: (90 + i64::try_from(no).unwrap() * 20 + n).to_string(),
                client_id: format!("{}", no % 70),
                request_key: Some(request.request_key.clone()),
                author_kind: author.to_owned(),
                sent_at: request.opened_at
                    + Duration::milliseconds(dice.below(4_000) + n * dice.below(90_000)),
                time_quality: dice.one(&["ok", "ok", "ok", "ok", "received", "unconfirmed"]).to_owned(),
                is_deleted: dice.below(12) == 0,
                menu_item: is_choice.then(|| dice.one(&["1", "2", "00"]).to_owned()),
                ..MessageRow::default()
            });
        }
    }
    said
}

fn order(message: &MessageRow) -> (i64, u64) {
    (message.sent_at.timestamp(), message.message_id.parse().unwrap())
}

fn keys(by: MenuBy, case: &Case, item: &str) -> BTreeSet<String> {
    let request = &case.request;
    let of = |value: &Option<String>| value.clone().unwrap_or_default();
    let key = match by {
        MenuBy::Item => item.to_owned(),
        MenuBy::Contact(By::All) => "all".to_owned(),
        MenuBy::Contact(By::Operator) => {
            of(&request.first_operator_id.clone().or_else(|| request.holder_operator_id.clone()))
        }
        MenuBy::Contact(By::Channel) => of(&request.channel_id),
        MenuBy::Contact(By::Transport) => of(&request.transport),
        MenuBy::Contact(By::Day) => request.local_day.to_string(),
        MenuBy::Contact(By::Hour) => request.local_hour.to_string(),
        MenuBy::Contact(By::Tag) => return case.topics(|_| true),
    };
    [key].into()
}

#[derive(Default)]
struct Naive {
    row: MenuRow,
    clients: BTreeSet<String>,
    waits: Vec<f64>,
    met: i64,
    missed: i64,
}

/// One contact within one row: its choices, in order.
fn count(
    naive: &mut Naive,
    query: &MenuQuery<'_>,
    case: &Case,
    said: &[&MessageRow],
    choices: &[&MessageRow],
) {
    if case.request.kind != "common" || case.request.initiated_by == "company" {
        naive.row.left_out += 1;
        return;
    }
    naive.row.requests += 1;
    naive.row.chosen += i64::try_from(choices.len()).unwrap();
    naive.clients.extend(choices.iter().map(|choice| choice.client_id.clone()));
    let asks =
        |m: &&&MessageRow| m.author_kind == "client" && m.menu_item.is_none() && order(m) > order(choices[0]);
    let Some(question) = said.iter().find(asks) else { return };
    naive.row.asked += 1;
    let (asked, closed) = (question.sent_at, case.request.closed_at);
    // Closing ends what was asked before it.
    let in_time = |at: DateTime<Utc>| {
        closed.is_none_or(|closed| {
            asked.timestamp() > closed.timestamp() || at.timestamp() <= closed.timestamp()
        })
    };
    let answer =
        said.iter().find(|m| m.author_kind == "operator" && order(m) > order(question) && in_time(m.sent_at));
    let ended = match answer {
        Some(answer) => Some(answer.sent_at.max(asked)),
        None => closed.map(|closed| closed.max(asked)),
    };
    let lasted = ended.map_or_else(|| seconds(asked, query.as_of), |ended| seconds(asked, ended));
    if answer.is_some() {
        naive.waits.push(lasted);
        naive.met += i64::from(lasted <= query.target_seconds);
        naive.missed += i64::from(lasted > query.target_seconds);
    } else {
        naive.missed += i64::from(lasted > query.target_seconds);
        naive.row.first_response.unanswered += i64::from(ended.is_some());
    }
    let waits = asked <= query.as_of && ended.is_none_or(|ended| ended > query.as_of);
    naive.row.first_response.waiting += i64::from(waits);
}

fn naive(cases: &[Case], all: &[MessageRow], query: &MenuQuery<'_>) -> BTreeMap<String, Naive> {
    let mut rows: BTreeMap<String, Naive> = BTreeMap::new();
    if query.by == MenuBy::Contact(By::All) {
        rows.insert("all".to_owned(), Naive::default());
    }
    for case in cases {
        let day = case.request.local_day;
        if query.from.is_some_and(|from| day < from) || query.to.is_some_and(|to| day > to) {
            continue;
        }
        let mut said: Vec<&MessageRow> = all
            .iter()
            .filter(|m| m.request_key.as_ref() == Some(&case.request.request_key))
            .filter(|m| !m.is_deleted && m.time_quality != "unconfirmed")
            .collect();
        said.sort_by_key(|message| order(message));
        let mut choices: BTreeMap<String, Vec<&MessageRow>> = BTreeMap::new();
        for choice in &said {
            let Some(item) = &choice.menu_item else { continue };
            for key in keys(query.by, case, item) {
                choices.entry(key).or_default().push(choice);
            }
        }
        for (key, choices) in choices {
            count(rows.entry(key).or_default(), query, case, &said, &choices);
        }
    }
    rows
}

#[tokio::test]
async fn the_menu_report_equals_a_naive_reading_of_random_choices() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let mut dice = Dice::new(11);
    let cases = cases(&mut dice, 300, None);
    let requests: Vec<RequestRow> = cases.iter().map(|case| case.request.clone()).collect();
    let said = talk(&mut dice, &requests);
    let tagged: Vec<_> = cases.iter().flat_map(|case| case.tags.clone()).collect();
    upsert(&mut connection, &requests).await.unwrap();
    upsert(&mut connection, &said).await.unwrap();
    upsert(&mut connection, &tagged).await.unwrap();
    let acme = account("acme");
    let day = |text: &str| -> Option<NaiveDate> { text.parse().ok() };
    let now: DateTime<Utc> = at("2026-04-02T00:00:00Z");
    let bys = By::ALL.map(MenuBy::Contact).into_iter().chain([MenuBy::Item]);
    for by in bys {
        for (from, to, as_of) in [
            (None, None, now),
            (day("2026-03-27"), day("2026-03-28"), at("2026-03-28T22:00:00Z")),
            (day("2027-01-01"), None, now),
        ] {
            let query = MenuQuery { account: &acme, from, to, by, target_seconds: 60.0, as_of };
            let rows = menu(&mut *connection, &query).await.unwrap();
            let what = format!("{from:?} by {}", by.as_str());
            let expected = naive(&cases, &said, &query);
            let found: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
            assert_eq!(found, expected.keys().map(String::as_str).collect(), "{what}");
            for row in rows {
                let wanted = &expected[&row.key];
                let what = format!("{what} {}", row.key);
                let counts = |row: &MenuRow| (row.chosen, row.requests, row.left_out, row.asked);
                assert_eq!(counts(&row), counts(&wanted.row), "{what}");
                assert_eq!(row.clients, i64::try_from(wanted.clients.len()).unwrap(), "{what}");
                let share = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
                assert_eq!(row.asked_share, share(row.asked, row.requests), "{what}");
                let (response, n) = (row.first_response, i64::try_from(wanted.waits.len()).unwrap());
                assert_eq!(response.n, n, "{what}");
                assert_eq!(response.within_target, share(wanted.met, wanted.met + wanted.missed), "{what}");
                let others = wanted.row.first_response;
                assert_eq!(
                    (response.unanswered, response.waiting),
                    (others.unanswered, others.waiting),
                    "{what}"
                );
                let mean = (n > 0).then(|| wanted.waits.iter().sum::<f64>() / n as f64);
                assert!(
                    mean.zip(response.mean).is_none_or(|(a, b)| (a - b).abs() < 1e-6)
                        && mean.is_some() == response.mean.is_some(),
                    "{what}: {mean:?} {:?}",
                    response.mean
                );
                assert_eq!(response.max, wanted.waits.iter().copied().reduce(f64::max), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_tags_report_counts_each_time_that_a_tag_was_put_on_or_taken_off() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let cases = cases(&mut Dice::new(12), 200, None);
    let requests: Vec<RequestRow> = cases.iter().map(|case| case.request.clone()).collect();
    let tagged: Vec<_> = cases.iter().flat_map(|case| case.tags.clone()).collect();
    upsert(&mut connection, &requests).await.unwrap();
    upsert(&mut connection, &tagged).await.unwrap();
    let acme = account("acme");
    let last: NaiveDate = "2026-03-28".parse().unwrap();
    for by in By::ALL {
        let rows = tags(&mut *connection, &TagsQuery { account: &acme, from: None, to: Some(last), by })
            .await
            .unwrap();
        let mut expected: BTreeMap<String, (i64, i64, BTreeSet<&str>)> = BTreeMap::new();
        for case in cases.iter().filter(|case| case.request.local_day <= last) {
            for tag in &case.tags {
                let key = match by {
                    By::Tag => tag.tag_id.clone(),
                    by => keys(MenuBy::Contact(by), case, "").pop_first().unwrap(),
                };
                let counts = expected.entry(key).or_default();
                counts.0 += 1;
                counts.1 += i64::from(tag.removed_at.is_some());
                counts.2.insert(&case.request.request_key);
            }
        }
        assert_eq!(rows.len(), expected.len(), "{}", by.as_str());
        for row in rows {
            let (put, removed, requests) = &expected[&row.key];
            let found = (row.put, row.removed, row.requests);
            assert_eq!(
                found,
                (*put, *removed, i64::try_from(requests.len()).unwrap()),
                "{} {}",
                by.as_str(),
                row.key
            );
        }
    }
}
