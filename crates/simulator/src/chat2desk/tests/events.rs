//! Every event of reference 3.4 in its current form, and the two old hooks.

use super::*;

/// The fields that the reference's section shows, `hook_type` and `event_time` aside.
const FIELDS: [(&str, &str); 23] = [
    (
        "inbox",
        "message_id type text transport client_id operator_id dialog_id channel_id photo coordinates audio pdf client \
         request_id attachments is_new_request is_new_client insta_comment is_new extra_data",
    ),
    (
        "outbox",
        "message_id type text transport client_id operator_id dialog_id channel_id photo coordinates audio pdf client \
         request_id attachments is_new_request is_new_client extra_data",
    ),
    ("outbox_status", "data"),
    (
        "imported_message",
        "message_id type text transport client_id operator_id dialog_id channel_id request_id attachments",
    ),
    ("comment", "message_id type text client_id operator_id dialog_id channel_id transport request_id"),
    (
        "system_message",
        "message_id type text client_id operator_id dialog_id channel_id transport request_id",
    ),
    ("new_client", "id name assigned_name phone client_phone email avatar channels"),
    ("client_updated", "id name assigned_name phone client_phone email avatar channels"),
    ("client_added_to_blacklist", "id name assigned_name phone client_phone"),
    ("new_request", "request_id client_id dialog_id channel_id transport type by_client"),
    ("close_request", "request_id client_id"),
    ("close_dialog", "dialog_id client_id operator_id"),
    ("dialog_transferred", "dialog_id operator_id request_id client_id"),
    ("add_tag_to_client", "id client_id channel_id label group_id group_name description"),
    ("delete_tag_from_client", "id client_id"),
    ("add_tag_to_request", "id request_id client_id label group_id group_name description"),
    ("delete_tag_from_request", "id request_id client_id"),
    ("new_tag", "id label"),
    ("new_qr_code", "message_id client_id"),
    ("operator_status_updated", "id email online offline_type status_id"),
    ("new_ticket", "ticket"),
    ("ticket_updated", "ticket"),
    ("ticket_deleted", "ticket"),
];

/// Everything that can happen, once.
fn everything(world: &mut World) -> Value {
    let chat = does(world, None, Doing::Client, 0);
    let client = chat["client_id"].as_i64();
    for doing in [Doing::Operator, Doing::Comment, Doing::System, Doing::Transfer, Doing::Undelivered] {
        does(world, client, doing, 1_000);
    }
    for doing in [Doing::QrCode, Doing::Import, Doing::Status, Doing::Close, Doing::Bar] {
        does(world, client, doing, 1_000);
    }
    let (client, request) = (&chat["client_id"], &chat["request_id"]);
    let on = |kind: &str, id: &Value| json!({"tag_ids": [601], "assignee_type": kind, "assignee_id": id});
    let ticket = json!({"reporter_id": 7_001});
    let calls = [
        ("PUT", format!("/v1/clients/{client}"), json!({"comment": "c"})),
        ("POST", "/v1/tags/assign_to".into(), on("client", client)),
        ("POST", "/v1/tags/assign_to".into(), on("request", request)),
        ("DELETE", "/v1/tags/601/delete_from".into(), json!({"client_id": client})),
        ("DELETE", "/v1/tags/601/delete_from".into(), json!({"request_id": request})),
        ("POST", "/v1/tags".into(), json!({"tag_group_id": 60, "tag_label": "Snow"})),
        ("POST", "/v1/tickets".into(), ticket.clone()),
        ("PUT", "/v1/tickets/5001".into(), ticket),
        ("DELETE", "/v1/tickets/5001".into(), Value::Null),
    ];
    for (method, path, body) in calls {
        let answer = call(world, method, &path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
    }
    chat
}

#[test]
fn every_event_is_raised_with_the_fields_of_the_reference() {
    let mut world = hooked(quiet());
    everything(&mut world);
    let told = sent(&mut world);
    for (kind, fields) in FIELDS {
        let body = told.iter().find(|body| body["hook_type"] == kind);
        let body = body.unwrap_or_else(|| panic!("{kind} was not raised"));
        for field in fields.split_whitespace() {
            assert!(body.get(field).is_some(), "{kind} has no {field}: {body}");
        }
        assert!(body["event_time"].as_str().unwrap().ends_with('Z'), "{kind}");
    }
    let kinds: BTreeSet<_> = told.iter().map(|body| body["hook_type"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), FIELDS.len(), "and no other: {kinds:?}");
    let find = |kind: &str| told.iter().find(|body| body["hook_type"] == kind).unwrap();
    assert!(
        find("outbox_status").get("client_id").is_none()
            && find("outbox_status")["data"]["client_id"].is_i64()
    );
    assert_eq!(find("new_ticket")["ticket"]["reporter_id"], 7_001);
    assert!(find("client_updated").get("client_id").is_none(), "the client's id is id");
    assert_eq!(world.webhooks.unheard, BTreeMap::new());
}

#[test]
fn without_the_subscription_an_imported_message_is_told_by_nobody() {
    let mut world = hooked(quiet());
    let taken = control::Unsubscribe { events: vec!["imported_message".into()] };
    assert_eq!(control::unsubscribe(&mut world, &taken), 1);
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64();
    sent(&mut world);
    let imported = does(&mut world, client, Doing::Import, 1_000);
    assert_eq!(sent(&mut world), [Value::Null; 0], "neither inbox nor outbox");
    assert_eq!(world.webhooks.unheard, BTreeMap::from([("imported_message", 1)]));
    let row = get(&mut world, &format!("/v1/messages/{}", imported["message_id"]));
    assert_eq!(row["data"]["id"], imported["message_id"], "REST has it");
    let names = get(&mut world, "/v1/webhooks")["data"][0]["events"].to_string();
    assert!(!names.contains("imported_message") && names.contains("inbox"));
}

#[test]
fn an_imported_message_shows_its_own_time_in_rest_only() {
    let mut world = hooked(quiet());
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64();
    let now = world.now();
    let old = Say { doing: Doing::Import, client_id: client, seconds_ago: 86_400, ..Say::default() };
    let id = say(&mut world, &old, now).unwrap()["message_id"].clone();
    let told = sent(&mut world).pop().unwrap();
    assert_eq!(told["hook_type"], "imported_message");
    let row = get(&mut world, &format!("/v1/messages/{id}"))["data"]["created"].clone();
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    assert!(told["event_time"].as_str().unwrap().starts_with(&day(now)));
    assert!(row.as_str().unwrap().starts_with(&day(now - TimeDelta::days(1))));
}

#[test]
fn a_number_without_whatsapp_is_told_by_the_system_after_twenty_seconds() {
    let mut world = hooked(quiet());
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64();
    does(&mut world, client, Doing::NoWhatsapp, 0);
    does(&mut world, client, Doing::Operator, 1_000);
    sent(&mut world);
    let now = world.now();
    world.reach(now + TimeDelta::seconds(19));
    assert!(sent(&mut world).is_empty());
    world.reach(now + TimeDelta::seconds(20));
    let told = sent(&mut world);
    assert_eq!((&told[0]["hook_type"], &told[0]["type"]), (&json!("system_message"), &json!("system")));
    assert_eq!(told[0]["text"], "WhatsApp client not found.");
}

#[test]
fn a_chosen_menu_item_answers_and_tags_the_request_and_no_webhook_marks_it() {
    let mut world = hooked(quiet());
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64();
    sent(&mut world);
    let now = world.now();
    let choice = Say { doing: Doing::Choose, client_id: client, item_id: 4_321, ..Say::default() };
    say(&mut world, &choice, now).unwrap();
    let told = sent(&mut world);
    let kinds: Vec<_> = told.iter().map(|body| body["hook_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["inbox", "outbox", "add_tag_to_request"]);
    assert_eq!((&told[0]["text"], &told[1]["type"]), (&json!("1"), &json!("autoreply")));
    assert!(told[0].get("is_menu").is_none());
    assert_eq!(told[2]["id"], 621);
}

#[test]
fn a_logout_by_hand_is_not_told() {
    let mut world = hooked(quiet());
    sent(&mut world);
    let now = world.now();
    let state = |text: &str| Say { doing: Doing::Status, text: text.into(), ..Say::default() };
    for (text, told) in [("busy", 1), ("logout", 0), ("offline", 1)] {
        say(&mut world, &state(text), now).unwrap();
        let told_now: Vec<_> = sent(&mut world)
            .into_iter()
            .filter(|body| body["hook_type"] == "operator_status_updated")
            .collect();
        assert_eq!(told_now.len(), told, "{text}");
    }
    let row = get(&mut world, "/v1/operators/7001")["data"].clone();
    assert_eq!(row["online"], 0);
}

#[test]
fn the_old_hooks_send_client_messages_tags_and_closes_without_a_hook_type() {
    let mut world = quiet();
    for path in ["/v1/companies/web_hook", "/v1/companies/chat_close_web_hook"] {
        assert_eq!(call(&mut world, "POST", path, json!({"url": "http://old/"})).status, 200);
    }
    let chat = everything(&mut world);
    let bodies = sent(&mut world);
    assert!(bodies.iter().all(|body| body.get("hook_type").is_none() && body.get("request_id").is_none()));
    let first = &bodies[0];
    assert_eq!((&first["id"], &first["type"]), (&chat["message_id"], &json!("from_client")));
    assert!(first["created"].as_str().unwrap().ends_with(" UTC"), "an item of GET /v1/messages");
    let of = |field: &str| bodies.iter().filter(|body| body.get(field).is_some()).count();
    assert_eq!(
        (of("type"), of("tag_id"), of("end")),
        (2, 2, 1),
        "messages, tags, closes; no operator's message"
    );
    call(&mut world, "POST", "/v1/companies/web_hook", json!({"url": null}));
    assert_eq!(get(&mut world, "/v1/companies/api_info")["data"]["hook"], Value::Null);
}

#[test]
fn on_an_external_channel_the_old_hook_carries_the_answers() {
    let mut world = quiet();
    external(&mut world);
    call(&mut world, "POST", "/v1/companies/web_hook", json!({"url": "http://old/"}));
    let ask = json!({
        "channel_id": "16", "body": "Where?", "location": "43.2 76.9", "image": "/images/a.jpg",
        "from_client": {"id": "user-1", "nickname": "Ann"},
    });
    let asked = call(&mut world, "POST", "/v1/messages/inbox", ask).body["data"].clone();
    let row = get(&mut world, &format!("/v1/messages/{}", asked["message_id"]))["data"].clone();
    assert_eq!((&row["photo"], &row["coordinates"]), (&json!("/images/a.jpg"), &json!("43.2 76.9")));
    let reply = json!({"client_id": asked["client_id"], "text": "Here", "operator_id": 7_009});
    call(&mut world, "POST", "/v1/messages", reply);
    let bodies = sent(&mut world);
    assert_eq!((&bodies[0]["type"], &bodies[0]["transport"]), (&json!("from_client"), &json!("external")));
    assert_eq!((&bodies[1]["type"], &bodies[1]["transport"]), (&json!("from_system"), &json!("external")));
    assert_eq!(
        (&bodies[1]["client_id"], &bodies[1]["operator_name"]),
        (&asked["client_id"], &json!("Barsik bot"))
    );
    let phone = json!({"channel_id": 16, "body": "b", "from_client": {"phone": "79110001122"}});
    call(&mut world, "POST", "/v1/messages/inbox", phone);
    assert_eq!(get(&mut world, "/v1/clients?phone=79110001122")["meta"]["total"], 1);
}

#[test]
fn a_survey_is_a_request_of_its_own_and_bears_the_score() {
    let mut world = hooked(quiet());
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64();
    let rated = does(&mut world, client, Doing::Operator, 90_500)["request_id"].clone();
    does(&mut world, client, Doing::Close, 1_000);
    sent(&mut world);
    let survey = does(&mut world, client, Doing::Survey, 1_000)["request_id"].clone();
    does(&mut world, client, Doing::Score, 9_000);
    let events = sent(&mut world);
    let find = |kind: &str| events.iter().find(|body| body["hook_type"] == kind).unwrap();
    assert_eq!(
        (&find("new_request")["type"], &find("new_request")["request_id"]),
        (&json!("rating"), &survey)
    );
    assert_eq!(find("outbox")["type"], Value::Null);
    assert_eq!(find("add_tag_to_request")["request_id"], survey);
    assert_eq!(find("add_tag_to_request")["label"], "score-2");
    assert_eq!(find("close_request")["request_id"], survey);
    let day = world.now().with_timezone(&chrono_tz::Asia::Almaty).format("%Y-%m-%d").to_string();
    let rows = get(&mut world, &format!("/v1/statistics?report=rating&date={day}"));
    assert_eq!((&rows["data"][0]["request_id"], &rows["data"][0]["valuation_request_id"]), (&rated, &survey));
    let stats = get(&mut world, &format!("/v1/statistics?report=request_stats&date={day}"));
    let row =
        stats["data"].as_array().unwrap().iter().find(|row| row["request_id"] == rated).unwrap().clone();
    assert!((90..=91).contains(&row["reaction_time"].as_i64().unwrap()));
    assert_eq!(row["request_type"], "common");
    assert_ne!(row["request_end"], "");
}
