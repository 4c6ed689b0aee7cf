//! Every command of reference 2.1 and those of 2.2 whose shape is known, as the reference describes its answer.

use super::*;

/// A world with an external channel, writing first switched on, and one open chat, answered by 7001.
fn scene() -> (World, Value) {
    let mut world = hooked(quiet());
    world.account.write_first = true;
    external(&mut world);
    let chat = does(&mut world, None, Doing::Client, 0);
    does(&mut world, chat["client_id"].as_i64(), Doing::Operator, 60_000);
    let chat = does(&mut world, chat["client_id"].as_i64(), Doing::Client, 60_000);
    (world, chat)
}

/// Method, path and body of each command, and where it has one a name that `data` or its first item must have.
fn table(chat: &Value) -> Vec<(&'static str, String, Value, &'static str)> {
    let (client, message) = (&chat["client_id"], &chat["message_id"]);
    let (dialog, request) = (&chat["dialog_id"], &chat["request_id"]);
    let get = |path: &str, field: &'static str| ("GET", path.to_owned(), Value::Null, field);
    let url = json!({"url": "https://hooks.example.org/old"});
    vec![
        get("/v1/messages?limit=5", "recipient_status"),
        get(&format!("/v1/messages/{message}"), "operator_id"),
        ("POST", "/v1/companies/web_hook".into(), url.clone(), ""),
        ("POST", "/v1/companies/chat_close_web_hook".into(), url, ""),
        ("POST", "/v1/messages".into(), json!({"client_id": client, "text": "hi"}), "message_id"),
        (
            "POST",
            "/v1/messages/inbox".into(),
            json!({"channel_id": "16", "body": "b", "from_client": {"id": "a"}}),
            "message_id",
        ),
        get("/v1/companies/api_info", "requests_this_month"),
        get("/v1/clients?order=asc", "assigned_name"),
        get(&format!("/v1/clients/{client}"), "first_client_message"),
        get(&format!("/v1/clients/{client}/transport"), "transports"),
        get(&format!("/v1/clients/{client}/last_question"), ""),
        get(&format!("/v1/clients/{client}/dialogs"), "begin"),
        (
            "POST",
            "/v1/clients?phone=77010000009&transport=whatsapp&channel_id=12".into(),
            Value::Null,
            "country_id",
        ),
        ("PUT", format!("/v1/clients/{client}"), json!({"nickname": "Peter"}), "assigned_name"),
        get("/v1/operators", "last_visit"),
        get("/v1/dialogs?state=open", "operator_id"),
        get(&format!("/v1/dialogs/{dialog}"), "begin"),
        get("/v1/dialogs/unanswered?limit=600", ""),
        ("PUT", format!("/v1/dialogs/{dialog}"), json!({"operator_id": 7_002}), "operator_id"),
        get("/v1/operators_groups", "operator_ids"),
        get(&format!("/v1/messages/{message}/transfer_to_group?group_id=301"), "operator_id"),
        get("/v1/tags", "group_name"),
        get("/v1/tags/601", "label"),
        (
            "POST",
            "/v1/tags/assign_to".into(),
            json!({"tag_ids": [601], "assignee_type": "client", "assignee_id": client.to_string()}),
            "",
        ),
        ("DELETE", "/v1/tags/601/delete_from".into(), json!({"client_id": client}), ""),
        get("/v1/templates", "command"),
        get("/v1/templates/1101", "text"),
        ("POST", "/v1/qr-decode".into(), json!({"image_path": "https://storage.example.org/qr.jpg"}), "text"),
        get("/v1/help/roles", ""),
        get("/v1/help/dialog_states", ""),
        get("/v1/channels", "transports"),
        get("/v1/regions", "region"),
        get("/v1/countries", "name"),
        get("/v1/help/transports", "whatsapp"),
        get(&format!("/v1/messages/{message}/read"), ""),
        get(&format!("/v1/messages/{message}/unread"), ""),
        get("/v1/help/api_modes", "description"),
        get("/v1/channels/12/clients", "phone"),
        get(&format!("/v1/questions/4321/send?client_id={client}"), ""),
        get(&format!("/v1/clients/{client}/questions?start_date=10-09-2011&finish_date=10-09-2038"), "image"),
        get("/gateway/delete_outbox", ""),
        // 2.2
        get(&format!("/v1/requests/{request}"), "dialog_id"),
        get(&format!("/v1/requests/{request}/messages"), "clientID"),
        get("/v1/statistics?report=request_stats&date=2026-01-22", "reaction_time"),
        get("/v1/statistics?report=rating&date=2026-01-22", ""),
        get("/v1/statistics?report=operator_stats&date=2026-01-22", "requests_replied_first"),
        get("/v1/statistics?report=operator_replies&date=2026-01-22", "reaction_time"),
        get("/v1/statistics?report=operator_events&date=2026-01-22", "state_note"),
        get(&format!("/v1/messages/{message}/transfer?operator_id=7003&force_assign=true"), ""),
        get("/v1/custom_client_fields", "tracking_field"),
        get("/v1/channels/12", "phone"),
        get("/v1/operators/7001", "opened_dialogs"),
        ("POST", "/v1/operators".into(), json!({"email": "new@example.org", "first_name": "N"}), "role"),
        ("PUT", "/v1/operators/7001".into(), json!({"status_id": 2}), "status_id"),
        get("/v1/operators/statuses", "name"),
        ("PUT", "/v1/operators/statuses/7001".into(), json!({"status_id": 1}), ""),
        get("/v1/access_rights", "name"),
        get("/v1/access_rights/91", "name"),
        ("POST", "/v1/tag_groups".into(), json!({"tag_group_name": "Weather"}), "id"),
        ("POST", "/v1/tags".into(), json!({"tag_group_id": 60, "tag_label": "Snow"}), "group_name"),
        (
            "POST",
            "/v1/tags/assign_to".into(),
            json!({"tag_ids": [621], "assignee_type": "request", "assignee_id": request}),
            "",
        ),
        ("DELETE", "/v1/tags/621/delete_from".into(), json!({"request_id": request}), ""),
        get("/v1/help/message_types", ""),
        get("/v1/scenarios/menu_items?level=1", "text"),
        ("POST", "/v1/scenarios/send_menu_item".into(), json!({"client_id": client}), ""),
        ("PUT", "/v1/companies".into(), json!({"custom_fields": {"1": "a"}}), "custom_fields"),
        ("PUT", "/v1/companies/switch_mode".into(), json!({"mode": "offline"}), "work_mode"),
        get("/v1/companies/info", "work_mode"),
        get("/v1/web_analytics_data", ""),
        ("POST", "/v1/tickets".into(), json!({"reporter_id": 7_001}), "reporter_id"),
        get("/v1/tickets", "reporter_id"),
        get("/v1/tickets/5001", "id"),
        ("PUT", "/v1/tickets/5001".into(), json!({"subject": "s"}), "subject"),
        ("DELETE", "/v1/tickets/5001".into(), Value::Null, ""),
        get("/v1/help/tickets", ""),
        (
            "POST",
            "/v1/webhooks".into(),
            json!({"url": "https://h.example.org/", "events": ["inbox"]}),
            "source",
        ),
        get("/v1/webhooks", "errors"),
        get("/v1/webhooks/3102", "channels"),
        ("PUT", "/v1/webhooks/3102".into(), json!({"status": "disable"}), "status"),
        ("DELETE", "/v1/webhooks/3102".into(), Value::Null, ""),
        ("PUT", "/v1/requests/close".into(), json!({"request_id": request}), ""),
        ("POST", format!("/v1/messages/{message}/assign"), json!({"operator_id": 7_004}), ""),
    ]
}

#[test]
fn every_known_command_succeeds_with_the_fields_of_the_reference() {
    let (mut world, chat) = scene();
    world.holdings.qr_codes.insert("https://storage.example.org/qr.jpg".into(), "hello".into());
    let table = table(&chat);
    // 38 rows of 2.1 are 41 paths; 2.2 adds the rest.
    assert_eq!(table.len(), 82);
    for (method, path, body, field) in table {
        let answer = call(&mut world, method, &path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
        let bare = answer.body.is_array();
        assert!(bare || answer.body["status"] == "success", "{method} {path}: {}", answer.body);
        let data = if bare { &answer.body } else { &answer.body["data"] };
        let item = if data.is_array() { &data[0] } else { data };
        assert!(field.is_empty() || item.get(field).is_some(), "{method} {path} has no {field}: {data}");
    }
}

#[test]
fn paged_lists_say_so_and_the_others_do_not() {
    let (mut world, _) = scene();
    for path in ["messages", "clients", "dialogs", "operators", "tags", "channels", "templates"] {
        assert!(get(&mut world, &format!("/v1/{path}"))["meta"]["total"].is_u64(), "{path}");
    }
    for path in ["regions", "countries", "webhooks", "help/roles"] {
        assert!(get(&mut world, &format!("/v1/{path}")).get("meta").is_none(), "{path}");
    }
    assert!(get(&mut world, "/v1/operators/statuses").is_array());
}

#[test]
fn a_client_is_created_once_and_hears_nothing_for_seven_minutes() {
    let (mut world, _) = scene();
    let path = "/v1/clients?phone=77010000009&transport=whatsapp&channel_id=12";
    let made = call(&mut world, "POST", path, Value::Null).body["data"].clone();
    assert_eq!(made["country_id"], 5);
    sent(&mut world);
    let message = json!({"client_id": made["id"], "text": "Your parcel is here", "operator_id": 7_001});
    let id = call(&mut world, "POST", "/v1/messages", message.clone()).body["data"]["message_id"].clone();
    let kinds = |world: &mut World| sent(world).iter().map(|b| b["hook_type"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&mut world), ["new_request"], "it is not sent yet");
    let now = world.now();
    world.reach(now + TimeDelta::minutes(7));
    let told = sent(&mut world);
    assert_eq!((&told[0]["hook_type"], &told[0]["message_id"]), (&json!("outbox"), &id));
    assert_eq!(told[0]["is_new_request"], true);

    let again = call(&mut world, "POST", &path.replace("whatsapp", "viber"), Value::Null);
    assert_eq!(again.status, 400);
    let hidden: Value = serde_json::from_str(again.body["errors"]["client"][1].as_str().unwrap()).unwrap();
    assert_eq!(hidden["id"], made["id"]);
    let reached = get(&mut world, &format!("/v1/clients/{}/transport", made["id"]));
    assert_eq!(reached["data"][0]["transports"], json!(["viber", "whatsapp"]), "the transport was added");

    world.account.write_first = false;
    let off = call(&mut world, "POST", "/v1/clients?phone=77010000010&transport=viber", Value::Null);
    assert_eq!((off.status, off.body["errors"].is_null()), (400, true));
}

#[test]
fn delete_outbox_removes_what_was_not_sent_and_nothing_else() {
    let (mut world, chat) = scene();
    let before = world.messages.len();
    world.account.habits.stuck = true;
    sent(&mut world);
    let message = json!({"client_id": chat["client_id"], "text": "wait"});
    let id = call(&mut world, "POST", "/v1/messages", message.clone()).body["data"]["message_id"].clone();
    assert_eq!((world.messages.len(), sent(&mut world).len()), (before + 1, 0));
    get(&mut world, "/gateway/delete_outbox");
    assert_eq!(world.messages.len(), before);
    assert_eq!(call(&mut world, "GET", &format!("/v1/messages/{id}"), Value::Null).status, 404);
    let kept = call(&mut world, "POST", "/v1/messages", message).body["data"]["message_id"].clone();
    let now = world.now();
    world.unstick(now);
    assert_eq!(sent(&mut world)[0]["message_id"], kept);
    get(&mut world, "/gateway/delete_outbox");
    assert_eq!(world.messages.len(), before + 1, "what went out stays");
}

#[test]
fn menu_items_that_went_out_are_the_clients_questions() {
    let (mut world, chat) = scene();
    let client = &chat["client_id"];
    sent(&mut world);
    call(&mut world, "POST", "/v1/scenarios/send_menu_item", json!({"client_id": client}));
    get(&mut world, &format!("/v1/questions/4322/send?client_id={client}"));
    let last = get(&mut world, &format!("/v1/clients/{client}/last_question"));
    assert_eq!((&last["data"]["id"], &last["data"]["image"]), (&json!(4_322), &Value::Null));
    assert_eq!(ids(&get(&mut world, &format!("/v1/clients/{client}/questions"))), [4_320, 4_322]);
    let old = format!("/v1/clients/{client}/questions?start_date=10-09-2011&finish_date=10-09-2018");
    assert_eq!(ids(&get(&mut world, &old)), [0; 0]);
    assert!(sent(&mut world).iter().all(|body| body["type"] == "autoreply"));
    assert_eq!(ids(&get(&mut world, "/v1/scenarios/menu_items?level=0")), [4_320], "levels begin at 0 here");
}
