use chrono::{TimeDelta, TimeZone};
use serde_json::{Value, json};

use super::*;
use crate::business::Plan;
use crate::chat2desk::Account;
use crate::chat2desk::api::{Call, Params, answer};
use crate::chat2desk::control::{Doing, Register, Say, register, say, state};

const TOKEN: &str = "example-api-token";

/// Staff, channels, a webhook for everything, and nobody who writes by himself.
fn quiet() -> World {
    let account = Account::new("acme", TOKEN, "Tien-Shan Outdoor", chrono_tz::Asia::Almaty);
    let until = Utc.with_ymd_and_hms(2026, 1, 22, 9, 30, 0).unwrap();
    let (mut world, _) = Plan { account, clients: 0, days: 1, seed: 11, until }.build();
    register(&mut world, Register { url: "http://h/".into(), events: None, channels: vec![], old: false });
    world
}

fn does(world: &mut World, client: Option<Id>, say_so: Say) -> Value {
    let now = world.now() + TimeDelta::seconds(5);
    say(world, &Say { client_id: client, text: "text".into(), ..say_so }, now).unwrap()
}

fn doing(doing: Doing) -> Say {
    Say { doing, ..Say::default() }
}

/// A chat that was answered and closed: its client and its request.
fn chat(world: &mut World, client: Option<Id>) -> (Id, Id) {
    let asked = does(world, client, doing(Doing::Client));
    let client = asked["client_id"].as_i64();
    does(world, client, doing(Doing::Operator));
    does(world, client, doing(Doing::Close));
    (client.unwrap(), asked["request_id"].as_i64().unwrap())
}

fn sent(world: &mut World) -> Vec<Value> {
    let due = world.webhooks.outbox.take_due(DateTime::<Utc>::MAX_UTC, usize::MAX);
    due.iter().map(|delivery| serde_json::from_str(&delivery.body).unwrap()).collect()
}

fn report(world: &mut World) -> Vec<Value> {
    let day = world.now().with_timezone(&chrono_tz::Asia::Almaty).format("%Y-%m-%d").to_string();
    let pairs = [("report".to_owned(), "rating".to_owned()), ("date".to_owned(), day)];
    let params = Params::new(pairs, b"");
    let call =
        Call { method: "GET".into(), path: "/v1/statistics".into(), token: Some(TOKEN.into()), params };
    let now = world.now();
    answer(world, &call, now).body["data"].as_array().unwrap().clone()
}

fn scores(world: &World) -> Vec<Value> {
    state(world, true)["scores"].as_array().unwrap().clone()
}

#[test]
fn a_score_on_demand_rates_the_chat_that_was_closed_last() {
    let mut world = quiet();
    let (_, _) = chat(&mut world, None);
    let (client, request) = chat(&mut world, None);
    // Not these: nobody answered, the client is back, it is open.
    let ignored = does(&mut world, None, doing(Doing::Client))["client_id"].as_i64();
    does(&mut world, ignored, doing(Doing::Close));
    does(&mut world, None, doing(Doing::Client));
    let (back, _) = chat(&mut world, None);
    does(&mut world, Some(back), doing(Doing::Client));
    sent(&mut world);

    let now = world.now();
    let rated = world.rate_latest(now, None, 1, Told::Both).unwrap();
    assert_eq!((rated.request_id, rated.client_id, rated.operator_id), (request, client, 7_001));
    let hooks = sent(&mut world);
    let kinds: Vec<_> = hooks.iter().map(|hook| hook["hook_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["new_request", "outbox", "inbox", "add_tag_to_request", "outbox", "close_request"]);
    assert!(hooks.iter().all(|hook| hook["request_id"] == rated.valuation_request_id));
    assert_eq!((&hooks[3]["label"], &hooks[3]["event_time"]), (&json!("score-1"), &json!(rated.given_at)));
    let row = &report(&mut world)[0];
    assert_eq!((&row["request_id"], &row["rating_scale_score"]), (&json!(request), &json!(1)));
    assert_eq!(row["valuation_request_id"], rated.valuation_request_id);

    let next = world.rate_latest(now, None, 5, Told::Both).unwrap();
    assert_ne!(next.request_id, request, "each chat is rated once");
    let none_left = world.rate_latest(now, None, 5, Told::Both);
    assert!(matches!(none_left, Err(Error::NotFound { what: "closed chat" })));
    assert!(world.rate_latest(now, Some(client), 5, Told::Both).is_err());
    chat(&mut world, Some(client));
    let now = world.now();
    assert!(matches!(world.rate_latest(now, None, 6, Told::Both), Err(Error::WrongState(_))));
    assert_eq!(world.rate_latest(now, Some(client), 4, Told::Both).unwrap().client_id, client);
}

#[test]
fn a_score_is_told_by_the_tag_by_the_report_or_by_both() {
    for (told, tagged, listed, source) in
        [(Told::Both, true, 1, "both"), (Told::Tag, true, 0, "tag"), (Told::Report, false, 1, "report")]
    {
        let mut world = quiet();
        let (client, request) = chat(&mut world, None);
        sent(&mut world);
        does(&mut world, Some(client), doing(Doing::Survey));
        does(&mut world, Some(client), Say { doing: Doing::Score, score: 2, told, ..Say::default() });
        let hooks = sent(&mut world);
        assert_eq!(hooks.iter().any(|hook| hook["hook_type"] == "add_tag_to_request"), tagged);
        assert_eq!(report(&mut world).len(), listed);
        let truth = &scores(&world)[0];
        assert_eq!((&truth["source"], &truth["score"]), (&json!(source), &json!(2)));
        assert_eq!((&truth["request_id"], &truth["last_replier"]), (&json!(request), &json!(7_001)));
        assert_eq!((&truth["client_id"], &truth["withdrawn_at"]), (&json!(client), &Value::Null));
        assert_eq!(truth["label"], if tagged { json!("score-2") } else { Value::Null });
    }
}

#[test]
fn a_tag_that_is_taken_off_withdraws_the_score_and_its_row_of_the_report() {
    let mut world = quiet();
    let (client, request) = chat(&mut world, None);
    let now = world.now();
    let rated = world.rate_latest(now, None, 1, Told::Both).unwrap();
    sent(&mut world);
    does(&mut world, Some(client), doing(Doing::Withdraw));
    let hooks = sent(&mut world);
    assert_eq!(hooks[0]["hook_type"], "delete_tag_from_request");
    assert_eq!((&hooks[0]["request_id"], &hooks[0]["id"]), (&json!(rated.valuation_request_id), &json!(611)));
    assert!(report(&mut world).is_empty());
    let truth = scores(&world);
    assert_eq!(truth[0]["withdrawn_at"], hooks[0]["event_time"]);
    let requests = state(&world, true)["truth"].as_array().unwrap().clone();
    assert!(requests.iter().any(|one| one["request_id"] == request && one["score"].is_null()));

    // Put on again, as another score: a score of its own that only the tag tells.
    let now = world.now();
    world.tag_request(now, rated.valuation_request_id, 614).unwrap();
    let truth = &scores(&world)[1];
    assert_eq!(
        (&truth["score"], &truth["source"], &truth["request_id"]),
        (&json!(4), &json!("tag"), &json!(request))
    );
}

#[test]
fn a_score_tag_by_hand_on_a_contact_rates_that_contact() {
    let mut world = quiet();
    let (client, request) = chat(&mut world, None);
    does(&mut world, Some(client), Say { doing: Doing::Tag, tag_id: 621, ..Say::default() });
    assert!(world.ratings.is_empty(), "a topic is no score");
    does(&mut world, Some(client), Say { doing: Doing::Tag, tag_id: 612, ..Say::default() });
    let truth = &scores(&world)[0];
    assert_eq!((&truth["request_id"], &truth["valuation_request_id"]), (&json!(request), &json!(request)));
    assert_eq!((&truth["score"], &truth["operator_id"]), (&json!(2), &json!(7_001)));
}

#[test]
fn a_client_is_asked_once_about_a_chat() {
    let mut world = quiet();
    let (client, _) = chat(&mut world, None);
    let now = world.now();
    world.rate_latest(now, None, 1, Told::Both).unwrap();
    let thread = Thread { client, channel: 12 };
    assert!(matches!(world.survey(now, thread, "And?"), Err(Error::WrongState(_))));
}
