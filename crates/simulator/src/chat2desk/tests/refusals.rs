//! What the service refuses, in the words and forms of reference 1.6, and how installations differ.

use super::*;

#[test]
fn what_is_wrong_is_refused_and_named() {
    let mut world = quiet();
    external(&mut world);
    let chat = does(&mut world, None, Doing::Client, 0);
    let client = &chat["client_id"];
    let send = |more: Value| {
        let mut body = json!({"client_id": client, "text": "t"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let inbox = |from: Value| json!({"channel_id": 16, "body": "b", "from_client": from});
    let hook = |more: Value| {
        let mut body = json!({"url": "https://h.example.org/", "events": ["inbox"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    // Method, path, body, field of `errors`.
    let table = [
        ("POST", "/v1/messages", json!({"text": "t"}), "client_id"),
        ("POST", "/v1/messages", send(json!({"text": ""})), "text"),
        ("POST", "/v1/messages", send(json!({"type": "shout"})), "type"),
        ("POST", "/v1/messages", send(json!({"transport": "pigeon"})), "transport"),
        ("POST", "/v1/messages", send(json!({"inline_buttons": "x"})), "inline_buttons"),
        ("POST", "/v1/messages", send(json!({"keyboard": []})), "keyboard"),
        ("POST", "/v1/messages", send(json!({"reply_message_id": 1})), "reply_message_id"),
        ("POST", "/v1/messages/inbox", inbox(json!({"id": "a", "phone": "7"})), "from_client"),
        ("POST", "/v1/messages/inbox", inbox(json!({})), "from_client"),
        ("POST", "/v1/messages/inbox", inbox(json!({"phone": "+7"})), "phone"),
        ("POST", "/v1/companies/web_hook", json!({}), "url"),
        ("POST", "/v1/webhooks", hook(json!({"url": "nowhere"})), "url"),
        ("POST", "/v1/webhooks", hook(json!({"events": ["nonsense"]})), "events"),
        ("POST", "/v1/webhooks", hook(json!({"status": "perhaps"})), "status"),
        ("POST", "/v1/tags/assign_to", json!({"tag_ids": [], "assignee_type": "client"}), "tag_ids"),
        ("POST", "/v1/tags/assign_to", json!({"tag_ids": [601], "assignee_type": "pet"}), "assignee_type"),
        ("DELETE", "/v1/tags/601/delete_from", json!({}), "client_id"),
        ("POST", "/v1/tags", json!({"tag_group_id": 60}), "tag_label"),
        ("POST", "/v1/tags", json!({"tag_group_id": 60, "tag_label": "VIP"}), "label"),
        ("POST", "/v1/tag_groups", json!({}), "tag_group_name"),
        ("POST", "/v1/qr-decode", json!({"image_path": "https://x/y"}), "image_path"),
        ("POST", "/v1/operators", json!({"email": "x"}), "email"),
        ("PUT", "/v1/operators/7001", json!({"role": "king"}), "role"),
        ("PUT", "/v1/operators/statuses/7001", json!({"status_id": 9}), "status_id"),
        ("PUT", "/v1/companies/switch_mode", json!({"mode": "asleep"}), "mode"),
        ("PUT", "/v1/companies", json!({}), "custom_fields"),
        ("PUT", "/v1/requests/close", json!({}), "request_id"),
        ("GET", "/v1/statistics?report=request_stats&date=22-01-2026", Value::Null, "date"),
        ("GET", "/v1/statistics?report=gossip&date=2026-01-22", Value::Null, "report"),
        ("GET", "/v1/messages?start_date=2026-01-22", Value::Null, "start_date"),
    ];
    for (method, path, body, field) in table {
        let answer = call(&mut world, method, path, body);
        assert_eq!(answer.status, 400, "{method} {path}: {}", answer.body);
        assert!(answer.body["errors"][field][0].is_string(), "{method} {path}: {}", answer.body);
        assert_eq!(
            (&answer.body["status"], &answer.body["message"]),
            (&json!("error"), &json!("Validation failed"))
        );
    }
    let fields = json!({"custom_fields": {"99": "x"}});
    assert_eq!(call(&mut world, "PUT", &format!("/v1/clients/{client}"), fields).status, 400);
}

#[test]
fn what_does_not_exist_is_told_in_the_vendors_words() {
    let mut world = quiet();
    let chat = does(&mut world, None, Doing::Client, 0);
    let tag =
        |kind: &str, id: Value, tag: i64| json!({"tag_ids": [tag], "assignee_type": kind, "assignee_id": id});
    let client = chat["client_id"].clone();
    let table = [
        ("GET", "/v1/requests/5", Value::Null, "not_found"),
        ("GET", "/v1/requests/5/messages", Value::Null, "not_found"),
        ("PUT", "/v1/requests/close", json!({"request_id": 5}), "not_found"),
        ("GET", "/v1/webhooks/5", Value::Null, "not_found"),
        ("GET", "/v1/clients/5", Value::Null, "client not found"),
        ("GET", "/v1/messages/5", Value::Null, "message not found"),
        ("GET", "/v1/dialogs/5", Value::Null, "dialog not found"),
        ("GET", "/v1/operators/5", Value::Null, "operator not found"),
        ("GET", "/v1/channels/5/clients", Value::Null, "channel not found"),
        ("GET", "/v1/templates/5", Value::Null, "template not found"),
        ("GET", "/v1/tickets/5", Value::Null, "ticket not found"),
        ("GET", "/v1/questions/5/send?client_id=1", Value::Null, "menu item not found"),
        ("POST", "/v1/tags/assign_to", tag("client", json!(5), 601), "client not found"),
        ("POST", "/v1/tags/assign_to", tag("request", json!(5), 601), "request not found"),
        ("POST", "/v1/tags/assign_to", tag("client", client, 5), "tag does not exist"),
        ("DELETE", "/v1/tags/5/delete_from", json!({"client_id": 5}), "tag does not exist"),
        ("GET", "/v1/api_info", Value::Null, "Page not found"),
        ("POST", "/v1/clients/5/transport", Value::Null, "Page not found"),
        ("GET", "/v2/clients", Value::Null, "Page not found"),
        ("GET", "/v1/help/me", Value::Null, "Page not found"),
    ];
    for (method, path, body, text) in table {
        let answer = call(&mut world, method, path, body);
        assert_eq!((answer.status, &answer.body["message"]), (404, &json!(text)), "{method} {path}");
    }
}

#[test]
fn what_is_so_already_is_told() {
    let mut world = quiet();
    let chat = does(&mut world, None, Doing::Client, 0);
    let client = chat["client_id"].as_i64();
    let dialog = does(&mut world, client, Doing::Operator, 1_000)["dialog_id"].clone();
    does(&mut world, client, Doing::Close, 1_000);
    let closed = json!({"state": "closed"});
    for (path, body) in [
        (format!("/v1/dialogs/{dialog}"), closed.clone()),
        ("/v1/requests/close".into(), json!({"request_id": chat["request_id"]})),
        ("/v1/requests/close".into(), json!({"client_id": client})),
    ] {
        let answer = call(&mut world, "PUT", &path, body);
        assert_eq!(answer.status, 400, "{path}");
        assert!(
            answer.body["message"].as_str().unwrap().contains("already has state"),
            "{path}: {}",
            answer.body
        );
    }
}

#[test]
fn errors_are_a_map_a_text_or_missing_but_a_known_client_is_always_hidden_in_a_text() {
    let mut world = quiet();
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64().unwrap();
    world.clients.get_mut(&client).unwrap().phone = "77010000001".into();
    for (form, expected) in [
        (ErrorForm::Map, json!({"type": ["is not included in the list"]})),
        (ErrorForm::Text, json!("type is not included in the list")),
        (ErrorForm::Missing, Value::Null),
    ] {
        world.account.habits.errors = form;
        let body = json!({"client_id": client, "text": "t", "type": "shout"});
        let answer = call(&mut world, "POST", "/v1/messages", body);
        assert_eq!((answer.status, &answer.body["errors"]), (400, &expected));
        let known = call(&mut world, "POST", "/v1/clients?phone=77010000001&transport=viber", Value::Null);
        assert!(known.body["errors"]["client"][1].as_str().unwrap().contains("\"id\""), "{form:?}");
    }
}

#[test]
fn the_scripted_refusals_are_errors_of_the_envelope() {
    for refusal in Refusal::ALL {
        let answer = refusal.answer();
        assert_eq!(answer.body["status"], "error", "{refusal:?}");
        assert!(answer.body["message"].is_string(), "{refusal:?}");
        let named: Fault =
            serde_json::from_value(json!({"path": "/v1", "kind": "vendor", "refusal": refusal})).unwrap();
        assert_eq!(named.misdeed, Misdeed::Vendor { refusal });
    }
}

#[test]
fn installations_differ_where_they_are_told_to() {
    let (mut world, _) = plan(30, 3).build();
    let first = ids(&get(&mut world, "/v1/messages?limit=10"));
    assert_eq!(
        ids(&get(&mut world, "/v1/messages?limit=10&offset=10")),
        first,
        "today the offset is ignored"
    );
    world.account.habits.messages_honour_offset = true;
    let second = get(&mut world, "/v1/messages?limit=10&offset=10");
    assert!(ids(&second).iter().all(|id| !first.contains(id)) && second["meta"]["offset"] == 10);

    let both = format!("/v1/messages?start_id={}&start_date=22-01-2026", first[0]);
    assert_eq!(call(&mut world, "GET", &both, Value::Null).status, 400);
    world.account.habits.start_id_takes_dates = true;
    assert_eq!(ids(&get(&mut world, &both))[0], first[0]);

    assert_eq!(get(&mut world, "/v1/clients?limit=500")["meta"]["limit"], 200);
    world.account.habits.large_limit_refused = true;
    let refused = call(&mut world, "GET", "/v1/clients?limit=201", Value::Null);
    assert!(refused.status == 400 && refused.body["errors"]["limit"].is_array());
    get(&mut world, "/v1/dialogs/unanswered?limit=600");

    world.account.habits.unknown_events = vec!["new_ticket".into()];
    let wide = json!({"url": "http://h/", "events": NAMES});
    let answer = call(&mut world, "POST", "/v1/webhooks", wide);
    assert!(answer.status == 400 && answer.body["errors"]["events"].is_array());
    let backwards = format!("/v1/messages?start_id={}&direction_reverse=true&limit=2", first[3]);
    assert_eq!(ids(&get(&mut world, &backwards)), [first[3], first[2]]);
}
