//! `store::report::response_times_of`: the vendors' rules from the same messages, against one message at a time.

use std::collections::{BTreeMap, BTreeSet};

use chatledger_tests::database;
use chrono::{DateTime, Duration, NaiveDate, Timelike as _, Utc};
use projection::Hours;
use sqlx::PgConnection;
use store::report::{By, LeftOut, Query, Row, Vendor, response_times_of};
use store::tables::{MessageRow, RequestRow, RequestTagRow, upsert};

use super::naive::{Counted, Dice, seconds};
use super::{ZONE, account, assert_equal, at, midnight, store_calendar};

/// A contact with its messages, by order of ids.
struct Talk {
    request: RequestRow,
    messages: Vec<MessageRow>,
    tags: Vec<RequestTagRow>,
}

fn message(
    request: &str,
    id: usize,
    author: &str,
    operator: Option<&str>,
    sent_at: DateTime<Utc>,
) -> MessageRow {
    MessageRow {
        account_id: "acme".to_owned(),
        message_id: id.to_string(),
        conversation: "1/1".to_owned(),
        client_id: "1".to_owned(),
        request_key: Some(request.to_owned()),
        author_kind: author.to_owned(),
        operator_id: operator.map(str::to_owned),
        sent_at,
        time_quality: "ok".to_owned(),
        ..MessageRow::default()
    }
}

/// Talks around the night in which Berlin's clocks skip an hour, with everything that the rules tell apart.
fn talks(dice: &mut Dice, n: usize) -> Vec<Talk> {
    let some = |dice: &mut Dice, of: &[&str]| Some(dice.one(of).to_owned()).filter(|text| !text.is_empty());
    let mut id = 95; // Ids of two, three and four digits: they are numbers.
    let mut talks = Vec::new();
    for no in 0..n {
        let opened = midnight("2026-03-27", ZONE) + Duration::milliseconds(dice.below(3 * 86_400_000));
        let key = format!("r{no}");
        let mut messages = Vec::new();
        let mut now = opened;
        for _ in 0..dice.below(9) {
            // Often within one second, so that ids decide; sometimes over night.
            let longest = dice.one(&[900, 90_000, 90_000, 12 * 3_600_000]);
            now += Duration::milliseconds(dice.below(longest));
            let author = dice.one(&[
                "client",
                "client",
                "client",
                "operator",
                "operator",
                "bot",
                "automation",
                "note",
            ]);
            let operator = match author {
                "operator" => some(dice, &["1", "2", "3"]),
                "bot" => Some("9".to_owned()),
                _ => None,
            };
            let mut said = message(&key, id, author, operator.as_deref(), now);
            said.is_deleted = dice.below(12) == 0;
            if dice.below(12) == 0 {
                said.time_quality = "unconfirmed".to_owned();
            }
            messages.push(said);
            id += 1;
        }
        let closed_at = (dice.below(3) > 0).then(|| now + Duration::milliseconds(dice.below(900_000)));
        let counted = |author: &str| {
            let is_so = |said: &&MessageRow| {
                said.author_kind == author && !said.is_deleted && said.time_quality == "ok"
            };
            i32::try_from(messages.iter().filter(is_so).count()).unwrap()
        };
        let request = RequestRow {
            account_id: "acme".to_owned(),
            request_key: key.clone(),
            kind: dice
                .one(&["common", "common", "common", "common", "rating", "continuous", "offline"])
                .to_owned(),
            initiated_by: dice.one(&["client", "company"]).to_owned(),
            channel_id: some(dice, &["", "7", "8"]),
            transport: some(dice, &["", "whatsapp"]),
            holder_operator_id: some(dice, &["", "1", "2"]),
            first_operator_id: None,
            opened_at: opened,
            closed_at,
            client_messages: counted("client"),
            operator_messages: counted("operator"),
            bot_messages: counted("bot"),
            automation_messages: counted("automation"),
            // What our own rules say of the day is not asked.
            local_day: "2000-01-01".parse().unwrap(),
            ..RequestRow::default()
        };
        let tag = |tag: &str| RequestTagRow {
            account_id: "acme".to_owned(),
            request_key: key.clone(),
            tag_id: tag.to_owned(),
            episode: 1,
            ..RequestTagRow::default()
        };
        let tags = ["t1", "t2"].into_iter().filter(|_| dice.below(3) == 0).map(tag).collect();
        talks.push(Talk { request, messages, tags });
    }
    talks
}

/// A run of client messages, and the answer.
#[derive(Clone)]
struct Run {
    asked: DateTime<Utc>,
    answered: Option<(DateTime<Utc>, Option<String>)>,
}

/// The vendor's rules, reading one message after the other.
fn runs(vendor: Vendor, messages: &[MessageRow]) -> Vec<Run> {
    let mut heard: Vec<&MessageRow> = messages
        .iter()
        .filter(|said| !said.is_deleted && said.time_quality != "unconfirmed")
        .filter(|said| match said.author_kind.as_str() {
            "client" | "operator" => true,
            "bot" => vendor == Vendor::Chat2desk,
            _ => false,
        })
        .collect();
    heard.sort_by_key(|said| {
        let instant = match vendor {
            Vendor::Chat2desk => said.sent_at.timestamp() * 1_000_000,
            Vendor::Livechat => said.sent_at.timestamp_micros(),
        };
        (instant, said.message_id.parse::<u64>().unwrap())
    });
    let mut runs: Vec<Run> = Vec::new();
    let mut is_asked = false;
    for said in heard {
        if said.author_kind == "client" {
            if !is_asked {
                runs.push(Run { asked: said.sent_at, answered: None });
            }
            is_asked = true;
        } else {
            if is_asked {
                runs.last_mut().unwrap().answered = Some((said.sent_at, said.operator_id.clone()));
            }
            is_asked = false;
        }
    }
    runs
}

fn naive(
    talks: &[Talk],
    vendor: Vendor,
    query: &Query<'_>,
    hours: Option<&Hours>,
) -> BTreeMap<String, Counted> {
    let mut rows: BTreeMap<String, Counted> = BTreeMap::new();
    if query.by == By::All {
        rows.insert("all".to_owned(), Counted::default());
    }
    let real = |from, to| Some(seconds(from, to));
    let business = |from, to| hours.and_then(|hours| hours.seconds_between(from, to));
    for Talk { request, messages, tags } in talks {
        let local = request.opened_at.with_timezone(&ZONE);
        let day = local.date_naive();
        if query.from.is_some_and(|from| day < from) || query.to.is_some_and(|to| day > to) {
            continue;
        }
        let keys = |operator: Option<&String>| -> BTreeSet<String> {
            let key = match query.by {
                By::All => "all".to_owned(),
                By::Operator => operator.cloned().unwrap_or_default(),
                By::Channel => request.channel_id.clone().unwrap_or_default(),
                By::Transport => request.transport.clone().unwrap_or_default(),
                By::Day => day.to_string(),
                By::Hour => local.hour().to_string(),
                By::Tag if !tags.is_empty() => return tags.iter().map(|tag| tag.tag_id.clone()).collect(),
                By::Tag => String::new(),
            };
            [key].into()
        };
        // Nobody asks anything in a survey.
        let runs = if request.kind == "rating" { Vec::new() } else { runs(vendor, messages) };
        let holder = request.holder_operator_id.as_ref();
        let first = runs.first().and_then(|run| run.answered.as_ref()?.1.as_ref());
        let is_silent = request.client_messages
            + request.operator_messages
            + request.bot_messages
            + request.automation_messages
            == 0;
        let left_out = match (request.kind.as_str(), vendor) {
            ("rating", _) => Some(LeftOut { rating: 1, ..LeftOut::default() }),
            ("offline", Vendor::Livechat) => Some(LeftOut { offline: 1, ..LeftOut::default() }),
            _ => None,
        };
        for key in keys(first.or(holder)) {
            let row = rows.entry(key).or_default();
            match left_out {
                Some(left_out) => row.1 += left_out,
                None => row.0 += 1,
            }
        }
        if left_out.is_some() {
            continue;
        }
        let end = |run: &Run| match (&run.answered, request.closed_at) {
            (Some((answered, _)), _) => ("answered", Some(*answered)),
            (None, Some(closed)) => ("closed_unanswered", Some(closed.max(run.asked))),
            (None, None) => ("waiting", None),
        };
        let hanging = Run { asked: request.opened_at, answered: None };
        let asked = match (runs.first(), vendor) {
            (None, Vendor::Chat2desk) if is_silent => Some(&hanging),
            (run, _) => run,
        };
        if let Some(run) = asked {
            let (state, ended) = end(run);
            let took = |between: &dyn Fn(DateTime<Utc>, DateTime<Utc>) -> Option<f64>| {
                run.answered.as_ref().and_then(|(answered, _)| between(run.asked, *answered))
            };
            for key in keys(first.or(holder)) {
                let row = rows.entry(key).or_default();
                row.2[0].add(query, took(&real).map(|s| s.max(0.0)), state, run.asked, ended, &real);
                if vendor == Vendor::Chat2desk {
                    row.2[1].add(query, took(&business), state, run.asked, ended, &business);
                }
            }
        }
        for run in &runs {
            let (state, ended) = end(run);
            let by = run.answered.as_ref().and_then(|(_, operator)| operator.as_ref()).or(holder);
            let took = run.answered.as_ref().map(|(answered, _)| seconds(run.asked, *answered).max(0.0));
            for key in keys(by) {
                rows.entry(key).or_default().2[3].add(query, took, state, run.asked, ended, &real);
            }
        }
        let state = if request.closed_at.is_some() { "answered" } else { "waiting" };
        let took = request.closed_at.map(|closed| seconds(request.opened_at, closed));
        for key in keys(holder) {
            let row = rows.entry(key).or_default();
            row.2[5].add(query, took, state, request.opened_at, request.closed_at, &real);
        }
    }
    rows
}

async fn store(connection: &mut PgConnection, talks: &[Talk]) {
    let requests: Vec<RequestRow> = talks.iter().map(|talk| talk.request.clone()).collect();
    let messages: Vec<MessageRow> = talks.iter().flat_map(|talk| talk.messages.clone()).collect();
    let tags: Vec<RequestTagRow> = talks.iter().flat_map(|talk| talk.tags.clone()).collect();
    upsert(connection, &requests).await.unwrap();
    upsert(connection, &messages).await.unwrap();
    upsert(connection, &tags).await.unwrap();
    // Another tenant's rows are nobody else's business.
    let others = messages.into_iter().map(|row| MessageRow { account_id: "other".to_owned(), ..row });
    upsert(connection, &others.collect::<Vec<_>>()).await.unwrap();
}

#[tokio::test]
async fn the_vendors_figures_equal_a_reading_of_one_message_after_the_other() {
    for (seed, with_calendar) in [(1, true), (2, false)] {
        let pool = database().await.pool();
        let mut connection = pool.acquire().await.unwrap();
        let hours = match with_calendar {
            true => Some(store_calendar(&mut connection, "acme", None, ZONE).await),
            false => None,
        };
        let talks = talks(&mut Dice::new(seed), 300);
        store(&mut connection, &talks).await;
        let acme = account("acme");
        let day = |text: &str| -> Option<NaiveDate> { text.parse().ok() };
        for (from, to, as_of) in [
            (None, None, at("2026-04-02T00:00:00Z")),
            (day("2026-03-28"), day("2026-03-29"), midnight("2026-03-30", ZONE)),
            (day("2027-01-01"), None, at("2026-03-30T20:00:00Z")),
        ] {
            for vendor in [Vendor::Chat2desk, Vendor::Livechat] {
                for by in By::ALL {
                    let query = Query { account: &acme, from, to, by, target_seconds: 120.0, as_of };
                    let found =
                        response_times_of(&mut *connection, vendor, ZONE.name(), &query).await.unwrap();
                    let what = format!("seed {seed}, {vendor:?}, {from:?} to {to:?}, by {}", by.as_str());
                    assert_equal(naive(&talks, vendor, &query, hours.as_ref()), &found, &what);
                }
            }
        }
    }
}

/// One contact, its messages as (author, second); operators are `1`, the bot is `9`.
async fn told(said: &[(&str, i64)], closed: Option<i64>) -> [Row; 2] {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let zero = at("2026-03-27T09:00:00Z");
    let instant = |second: i64| zero + Duration::seconds(second);
    let row = |(no, (author, second)): (usize, &(&str, i64))| {
        let operator = match *author {
            "operator" => Some("1"),
            "bot" => Some("9"),
            _ => None,
        };
        message("r", no + 1, author, operator, instant(*second))
    };
    let messages: Vec<MessageRow> = said.iter().enumerate().map(row).collect();
    let count = |author: &str| i32::try_from(said.iter().filter(|said| said.0 == author).count()).unwrap();
    let request = RequestRow {
        account_id: "acme".to_owned(),
        request_key: "r".to_owned(),
        kind: "common".to_owned(),
        initiated_by: "client".to_owned(),
        opened_at: zero,
        closed_at: closed.map(instant),
        client_messages: count("client"),
        operator_messages: count("operator"),
        bot_messages: count("bot"),
        automation_messages: count("automation"),
        ..RequestRow::default()
    };
    store(&mut connection, &[Talk { request, messages, tags: Vec::new() }]).await;
    let acme = account("acme");
    let as_of = instant(10_000);
    let query = Query { account: &acme, from: None, to: None, by: By::All, target_seconds: 120.0, as_of };
    let mut rows = Vec::new();
    for vendor in [Vendor::Chat2desk, Vendor::Livechat] {
        rows.push(response_times_of(&mut *connection, vendor, "UTC", &query).await.unwrap().remove(0));
    }
    rows.try_into().unwrap()
}

/// reference/chat2desk.md 6.6: reaction 30, two replies, total 120, average 60.
#[tokio::test]
async fn the_vendors_worked_example_comes_out() {
    let said = [("client", 0), ("operator", 30), ("client", 60), ("operator", 150)];
    for row in told(&said, Some(300)).await {
        assert_eq!((row.first_response.n, row.first_response.mean), (1, Some(30.0)));
        assert_eq!((row.reply.n, row.reply.mean), (2, Some(60.0)), "total 120 / 2");
        assert_eq!((row.resolution.n, row.resolution.mean), (1, Some(300.0)));
        assert_eq!(
            (row.requests, row.left_out, row.first_response_human.n, row.reply_business.n),
            (1, 0, 0, 0)
        );
    }
}

/// The example of docs/metrics.md.
#[tokio::test]
async fn a_bot_is_an_operator_to_chat2desk_and_none_to_livechat_and_a_second_message_in_a_row_is_no_answer() {
    let said = [
        ("client", 0),
        ("automation", 1),
        ("bot", 5),
        ("operator", 30),
        ("note", 40),
        ("client", 60),
        ("client", 70),
        ("system", 80),
        ("operator", 150),
        ("operator", 160),
    ];
    let [chat2desk, livechat] = told(&said, Some(300)).await;
    assert_eq!((chat2desk.first_response.mean, livechat.first_response.mean), (Some(5.0), Some(30.0)));
    assert_eq!((chat2desk.reply.n, chat2desk.reply.mean, chat2desk.reply.max), (2, Some(47.5), Some(90.0)));
    assert_eq!((livechat.reply.n, livechat.reply.mean, livechat.reply.max), (2, Some(60.0), Some(90.0)));
}

#[tokio::test]
async fn a_request_without_a_message_hangs_unanswered_at_chat2desk_and_a_card_of_the_company_has_no_reaction()
{
    let [chat2desk, livechat] = told(&[], Some(500)).await;
    let first = chat2desk.first_response;
    assert_eq!(
        (first.n, first.unanswered, first.within_target),
        (0, 1, Some(0.0)),
        "closed after the target"
    );
    assert_eq!((livechat.requests, livechat.first_response.unanswered), (1, 0));
    let [waiting, _] = told(&[], None).await;
    assert_eq!((waiting.first_response.waiting, waiting.first_response.unanswered), (1, 0));
    let [card, _] = told(&[("operator", 0)], Some(500)).await;
    let first = card.first_response;
    assert_eq!((card.requests, card.left_out), (1, 0), "it is a request");
    assert_eq!((first.n, first.unanswered, first.waiting, card.reply.n), (0, 0, 0, 0));
    // The client answers the card: his wait begins with his own message.
    let [answered, _] = told(&[("operator", 0), ("client", 100), ("bot", 107)], None).await;
    assert_eq!((answered.first_response.mean, answered.reply.n), (Some(7.0), 1));
}
