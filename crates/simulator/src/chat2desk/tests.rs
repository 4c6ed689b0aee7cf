use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::{Value, json};

use super::api::{Answer, Call, Params, answer};
use super::control::{AddChannel, Doing, Register, Say, add_channel, register, say};
use super::webhooks::NAMES;
use super::*;
use crate::business::Plan;

const TOKEN: &str = "example-api-token";

fn plan(clients: u32, days: u32) -> Plan {
    let account = Account::new("acme", TOKEN, "Tien-Shan Outdoor", chrono_tz::Asia::Almaty);
    Plan { account, clients, days, seed: 11, until: Utc.with_ymd_and_hms(2026, 1, 22, 9, 30, 0).unwrap() }
}

/// A world with staff and channels, and nobody who writes by himself.
fn quiet() -> World {
    plan(0, 1).build().0
}

fn hooked(mut world: World) -> World {
    register(&mut world, Register { url: "http://h/".into(), events: None, channels: vec![], old: false });
    world.webhooks.unheard.clear();
    world
}

/// Gives the company a channel of its own making, 16.
fn external(world: &mut World) {
    let transports = vec!["external".to_owned()];
    add_channel(world, AddChannel { id: 16, name: "Own application".into(), transports });
}

fn call(world: &mut World, method: &str, path_and_query: &str, body: impl Into<Value>) -> Answer {
    let body: Value = body.into();
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let params = Params::new(pairs, body.to_string().as_bytes());
    let call = Call { method: method.into(), path: path.into(), token: Some(TOKEN.into()), params };
    let now = world.now();
    answer(world, &call, now)
}

fn get(world: &mut World, path_and_query: &str) -> Value {
    let answer = call(world, "GET", path_and_query, Value::Null);
    assert_eq!(answer.status, 200, "{path_and_query}: {}", answer.body);
    answer.body
}

fn ids(page: &Value) -> Vec<Id> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// All that waits to be sent, in order, as bodies.
fn sent(world: &mut World) -> Vec<Value> {
    let due = world.webhooks.outbox.take_due(DateTime::<Utc>::MAX_UTC, usize::MAX);
    due.iter().map(|delivery| serde_json::from_str(&delivery.body).unwrap()).collect()
}

fn does(world: &mut World, client: Option<Id>, doing: Doing, after: i64) -> Value {
    let now = world.now() + TimeDelta::milliseconds(after);
    let one = Say { doing, client_id: client, text: "text".into(), score: 2, ..Say::default() };
    say(world, &one, now).unwrap()
}

#[test]
fn webhooks_and_rest_tell_the_same_facts() {
    let (mut world, _) = plan(150, 6).build_with(|world| {
        register(world, Register { url: "http://h/".into(), events: None, channels: vec![], old: false });
    });
    let mut by_hook = BTreeMap::new();
    let mut opened = BTreeSet::new();
    for body in sent(&mut world) {
        match body["hook_type"].as_str().unwrap() {
            "inbox" | "outbox" | "comment" | "system_message" | "imported_message" => {
                assert!(by_hook.insert(body["message_id"].as_i64().unwrap(), body).is_none());
            }
            "new_request" => assert!(opened.insert(body["request_id"].as_i64().unwrap())),
            _ => {}
        }
    }
    assert!(by_hook.len() > 1_000);
    assert_eq!(opened, world.requests.keys().copied().collect());
    let mut start = 0;
    let mut walked = 0;
    loop {
        let page = get(&mut world, &format!("/v1/messages?limit=200&start_id={start}"));
        for row in page["data"].as_array().unwrap() {
            let hook = &by_hook[&row["id"].as_i64().unwrap()];
            for field in ["type", "text", "client_id", "channel_id", "request_id", "transport"] {
                assert_eq!(row[field], hook[field], "{field} of {row}");
            }
            if !hook["operator_id"].is_null() {
                assert_eq!(row["operator_id"], hook["operator_id"]);
                assert_eq!(row["dialog_id"], hook["dialog_id"]);
            }
            let second = &hook["event_time"].as_str().unwrap()[..19];
            if hook["hook_type"] != "imported_message" {
                assert_eq!(row["created"].as_str().unwrap(), format!("{second} UTC"));
            }
            walked += 1;
            start = row["id"].as_i64().unwrap() + 1;
        }
        if ids(&page).len() < 200 {
            break;
        }
    }
    assert_eq!(walked, by_hook.len());
}

#[test]
fn a_new_chat_has_no_dialog_until_somebody_takes_it_and_rest_fills_it_in_later() {
    let mut world = hooked(quiet());
    sent(&mut world);
    let first = does(&mut world, None, Doing::Client, 0);
    let client = first["client_id"].as_i64();
    does(&mut world, client, Doing::Client, 2_000);
    let events = sent(&mut world);
    let kinds: Vec<_> = events.iter().map(|body| body["hook_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["new_request", "new_client", "inbox", "inbox"]);
    assert_eq!((&events[2]["dialog_id"], &events[2]["operator_id"]), (&Value::Null, &Value::Null));
    assert_eq!((&events[2]["is_new_request"], &events[3]["is_new_request"]), (&json!(true), &json!(false)));
    let reply = does(&mut world, client, Doing::Operator, 30_000);
    let path = format!("/v1/messages/{}", first["message_id"]);
    let row = get(&mut world, &path);
    assert_eq!(
        (&row["data"]["dialog_id"], &row["data"]["operator_id"]),
        (&reply["dialog_id"], &json!(7_001))
    );
    assert_eq!(row["data"]["read"], 1);

    // Closed and written to again: a new request, the same dialog.
    does(&mut world, client, Doing::Close, 1_000);
    let again = does(&mut world, client, Doing::Client, 60_000);
    assert_ne!(again["request_id"], first["request_id"]);
    let back = does(&mut world, client, Doing::Operator, 5_000);
    assert_eq!(back["dialog_id"], reply["dialog_id"]);
    let kinds: Vec<_> =
        sent(&mut world).iter().map(|body| body["hook_type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["outbox", "close_request", "close_dialog", "new_request", "inbox", "outbox"]);
}

#[test]
fn messages_are_walked_by_id_or_by_local_days_and_never_by_offset() {
    let (mut world, _) = plan(80, 5).build();
    let total = world.messages.len();
    let first = get(&mut world, "/v1/messages?limit=500");
    assert_eq!(ids(&first).len(), 200);
    assert_eq!(first["meta"]["total"], total);
    assert_eq!(ids(&first), ids(&get(&mut world, "/v1/messages?limit=200&offset=200")));
    assert_eq!(ids(&get(&mut world, "/v1/messages")).len(), 20);
    let last = *world.messages.keys().next_back().unwrap();
    assert_eq!(ids(&get(&mut world, &format!("/v1/messages?start_id={last}"))), [last]);
    assert_eq!(ids(&get(&mut world, "/v1/messages?order=desc&limit=1")), [last]);

    // Midnight in Almaty is 19:00 UTC; the finish is exclusive.
    let day = get(&mut world, "/v1/messages?limit=200&start_date=20-01-2026&finish_date=21-01-2026");
    assert!(ids(&day).len() > 20);
    for row in day["data"].as_array().unwrap() {
        let created = row["created"].as_str().unwrap();
        assert!(("2026-01-19T19:00:00".."2026-01-20T19:00:00").contains(&created), "{created}");
    }
    for bad in ["start_date=2026-01-20", "start_date=1-1-2026", "start_id=5&start_date=20-01-2026"] {
        assert_eq!(call(&mut world, "GET", &format!("/v1/messages?{bad}"), Value::Null).status, 400, "{bad}");
    }
    let misspelt = get(&mut world, "/v1/messages?client=1&request_id=1&limit=1");
    assert_eq!(misspelt["meta"]["total"], total, "unknown filters are ignored");
}

#[test]
fn other_lists_are_paged_by_offset_and_reports_are_newest_first() {
    let (mut world, _) = plan(80, 5).build();
    let mut seen = BTreeSet::new();
    for offset in (0..world.clients.len()).step_by(30) {
        let page = get(&mut world, &format!("/v1/clients?order=asc&limit=30&offset={offset}"));
        assert_eq!(page["meta"]["offset"], offset);
        seen.extend(ids(&page));
    }
    assert_eq!(seen, world.clients.keys().copied().collect());
    assert_eq!(ids(&get(&mut world, "/v1/channels?offset=3")).len(), 4, "offset is ignored here");
    assert_eq!(ids(&get(&mut world, "/v1/operators")).len(), 9);
    assert_eq!(ids(&get(&mut world, "/v1/tags")).len(), 12);
    assert_eq!(get(&mut world, "/v1/operators_groups")["data"][0]["operator_ids"][0], 7_001);
    let stats = get(&mut world, "/v1/statistics?report=request_stats&date=2026-01-20&limit=200");
    let starts: Vec<_> =
        stats["data"].as_array().unwrap().iter().map(|row| row["request_start"].to_string()).collect();
    assert!(starts.len() > 20 && starts.is_sorted_by(|a, b| a >= b));
    assert!(starts.iter().all(|start| start.starts_with("\"2026-01-20 ")));
    let request = *world.requests.keys().next().unwrap();
    assert!(get(&mut world, &format!("/v1/requests/{request}/messages")).as_array().unwrap().len() > 1);
}

#[test]
fn wrong_tokens_wrong_paths_and_spent_quotas_are_refused_in_the_vendors_words() {
    let mut world = quiet();
    let now = world.now();
    let refused = answer(&mut world, &Call { token: Some("x".into()), ..Call::default() }, now);
    assert_eq!((refused.status, &refused.body["message"]), (403, &json!("token is not correct")));
    assert_eq!(call(&mut world, "GET", "/v1/api_info", Value::Null).body["message"], "Page not found");
    world.account.quota = Some(world.account.calls + 2);
    assert_eq!(get(&mut world, "/v1/companies/api_info")["data"]["api_calls"], 1);
    get(&mut world, "/v1/tags");
    let spent = call(&mut world, "GET", "/v1/tags", Value::Null);
    assert_eq!(spent.status, 403);
    assert!(spent.body["message"].as_str().unwrap().contains("monthly limit"));
    world.reach(now + TimeDelta::days(40));
    get(&mut world, "/v1/tags");
    world.account.mode = ApiMode::Disabled;
    assert_eq!(call(&mut world, "GET", "/v1/tags", Value::Null).status, 403);
}

#[test]
fn a_company_has_at_most_five_webhooks_and_no_url_twice() {
    let mut world = quiet();
    let hook = |n: i32| json!({"name": "n", "url": format!("http://h/{n}"), "events": ["inbox"], "status": "enable"});
    let made = call(&mut world, "POST", "/v1/webhooks", hook(1)).body;
    assert_eq!(
        call(&mut world, "POST", "/v1/webhooks", hook(1)).body["errors"]["url"][0],
        "This url is already used"
    );
    let unknown =
        call(&mut world, "POST", "/v1/webhooks", json!({"url": "http://h/x", "events": ["nonsense"]}));
    assert!(unknown.status == 400 && unknown.body["errors"]["events"].is_array());
    for n in 2..=5 {
        assert_eq!(call(&mut world, "POST", "/v1/webhooks", hook(n)).status, 200);
    }
    assert_eq!(call(&mut world, "POST", "/v1/webhooks", hook(6)).status, 400);
    let path = format!("/v1/webhooks/{}", made["data"]["id"]);
    let changed = call(&mut world, "PUT", &path, json!({"events": NAMES, "status": "disable"})).body;
    assert_eq!(
        (&changed["data"]["status"], &changed["data"]["url"]),
        (&json!("disable"), &json!("http://h/1"))
    );
    assert_eq!(call(&mut world, "DELETE", &path, Value::Null).status, 200);
    assert_eq!(ids(&get(&mut world, "/v1/webhooks")).len(), 4);
}

#[test]
fn writing_through_the_api_moves_the_dialog_and_closing_twice_is_told() {
    let mut world = quiet();
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].clone();
    let sent = call(
        &mut world,
        "POST",
        "/v1/messages",
        json!({"client_id": client, "text": "hi", "operator_id": 7_003}),
    );
    let dialog = format!("/v1/dialogs/{}", sent.body["data"]["dialog_id"]);
    assert_eq!(sent.body["data"]["operator_id"], 7_003);
    call(
        &mut world,
        "POST",
        &format!("/v1/messages?client_id={client}&text=hi&operator_id=7004"),
        Value::Null,
    );
    assert_eq!(get(&mut world, &dialog)["data"]["operator_id"], 7_004);
    assert_eq!(call(&mut world, "PUT", &dialog, json!({"state": "closed"})).status, 200);
    let twice = call(&mut world, "PUT", &dialog, json!({"state": "closed"}));
    assert!(twice.status == 400 && twice.body["message"].as_str().unwrap().contains("already has state"));
}

#[test]
fn a_fault_passes_skips_strikes_and_is_over() {
    let mut faults = Faults::default();
    let fault: Fault = serde_json::from_value(json!({
        "method": "GET", "path": "/v1/messages", "skip": 1, "times": 2, "kind": "too_many", "retry_after": 3
    }))
    .unwrap();
    faults.push(fault);
    faults.push(Fault::at("/v1", Misdeed::Html));
    assert_eq!(faults.strike("POST", "/v2/messages"), None);
    assert_eq!(
        faults.strike("GET", "/v1/messages"),
        Some(Misdeed::Html),
        "the skipped one leaves it to the next"
    );
    for _ in 0..2 {
        assert_eq!(faults.strike("GET", "/v1/messages/5"), Some(Misdeed::TooMany { retry_after: Some(3) }));
    }
    assert_eq!(faults.strike("GET", "/v1/messages"), None);
    assert!(faults.waiting().is_empty());
}

mod chats;
mod commands;
mod deliveries;
mod events;
mod refusals;
