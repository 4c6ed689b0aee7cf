//! Who has a chat, who spoke in it, and what a card holds, after the commands that change it.

use super::*;
use crate::chat2desk::model::MessageKind;

fn chat(world: &mut World) -> Value {
    does(world, None, Doing::Client, 0)
}

fn dialog(world: &mut World, chat: &Value) -> Value {
    get(world, &format!("/v1/clients/{}/dialogs", chat["client_id"]))["data"][0].clone()
}

#[test]
fn a_new_chat_is_assigned_an_open_one_is_refused_and_a_closed_one_opens_again() {
    let mut world = hooked(quiet());
    let chat = chat(&mut world);
    let path = format!("/v1/messages/{}/assign", chat["message_id"]);
    sent(&mut world);
    assert_eq!(call(&mut world, "POST", &path, json!({"operator_id": 7_001})).status, 200);
    let told = sent(&mut world);
    assert_eq!(
        (&told[0]["hook_type"], &told[0]["operator_id"]),
        (&json!("dialog_transferred"), &json!(7_001))
    );
    let open = call(&mut world, "POST", &path, json!({"operator_id": 7_002}));
    assert_eq!((open.status, open.body["message"].is_string()), (400, true), "use dialogs (PUT)");
    does(&mut world, chat["client_id"].as_i64(), Doing::Close, 1_000);
    assert_eq!(call(&mut world, "POST", &path, json!({"operator_id": 7_002})).status, 200);
    let dialog = dialog(&mut world, &chat);
    assert_eq!((&dialog["state"], &dialog["operator_id"]), (&json!("open"), &json!(7_002)));
}

#[test]
fn a_transfer_moves_an_open_dialog_and_a_group_chooses_somebody_who_is_there() {
    let mut world = hooked(quiet());
    let chat = chat(&mut world);
    let path = format!("/v1/messages/{}", chat["message_id"]);
    get(&mut world, &format!("{path}/transfer?operator_id=7005"));
    assert_eq!(dialog(&mut world, &chat)["operator_id"], 7_005);
    let now = world.now();
    for (operator, online) in [(7_002, false), (7_004, false), (7_006, true)] {
        world.operator_status(now, operator, online, None).unwrap();
    }
    let chosen = get(&mut world, &format!("{path}/transfer_to_group?group_id=302"));
    assert_eq!(chosen["data"]["operator_id"], 7_006);
    assert_eq!(dialog(&mut world, &chat)["operator_id"], 7_006);
    let moves = sent(&mut world).iter().filter(|body| body["hook_type"] == "dialog_transferred").count();
    assert_eq!(moves, 2);
}

#[test]
fn a_dialog_is_closed_and_opened_by_its_state() {
    let mut world = quiet();
    let chat = chat(&mut world);
    does(&mut world, chat["client_id"].as_i64(), Doing::Operator, 1_000);
    let path = format!("/v1/dialogs/{}", dialog(&mut world, &chat)["id"]);
    let closed = call(&mut world, "PUT", &path, json!({"operator_id": 7_003, "state": "closed"}));
    assert_eq!(
        (&closed.body["data"]["state"], closed.body["data"]["end"].is_null()),
        (&json!("closed"), false)
    );
    assert_eq!(closed.body["data"]["operator_id"], 7_003);
    let opened = call(&mut world, "PUT", &path, json!({"state": "open"}));
    assert_eq!((&opened.body["data"]["state"], &opened.body["data"]["end"]), (&json!("open"), &Value::Null));
    assert_ne!(opened.body["data"]["last_request_id"], closed.body["data"]["last_request_id"]);
    assert_eq!(call(&mut world, "PUT", &path, json!({"state": "ajar"})).status, 400);
}

#[test]
fn the_sender_of_a_message_is_as_the_manual_says() {
    let mut world = quiet();
    let chat = chat(&mut world);
    let client = &chat["client_id"];
    let send = |world: &mut World, more: Value| {
        let mut body = json!({"client_id": client, "text": "text"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(world, "POST", "/v1/messages", body).body["data"].clone()
    };
    let automatic = send(&mut world, json!({"type": "autoreply"}));
    assert_eq!((&automatic["operator_id"], &automatic["dialog_id"]), (&Value::Null, &Value::Null), "nobody");
    let first = send(&mut world, json!({"operator_id": 7_001}));
    assert_eq!((&first["operator_id"], first["dialog_id"].is_i64()), (&json!(7_001), true));
    assert_eq!(send(&mut world, json!({}))["operator_id"], 7_001, "the dialog's operator");
    assert_eq!(send(&mut world, json!({"operator_id": 7_004}))["operator_id"], 7_004);
    assert_eq!(dialog(&mut world, &chat)["operator_id"], 7_004, "another operator takes the dialog over");
    let comment = send(&mut world, json!({"type": "comment"}));
    assert_eq!((&comment["type"], &comment["operator_id"]), (&json!("comment"), &json!(7_004)));
    does(&mut world, client.as_i64(), Doing::Close, 1_000);
    let assigned = send(&mut world, json!({"type": "autoreply"}));
    assert_eq!(assigned["operator_id"], Value::Null);
    assert_eq!(dialog(&mut world, &chat)["state"], "open", "the dialog had an operator: it is assigned");
    let picture = json!({"text": "", "attachment": "https://files.example.org/a.jpg"});
    let id = send(&mut world, picture)["message_id"].clone();
    assert_eq!(
        get(&mut world, &format!("/v1/messages/{id}"))["data"]["photo"],
        "https://files.example.org/a.jpg"
    );
    let mut asked = world.messages.values().filter(|message| message.kind == MessageKind::FromClient);
    assert!(asked.all(|message| message.read), "answering marks the chat as read");
}

#[test]
fn a_message_without_a_dialog_opens_none() {
    let mut world = quiet();
    let chat = chat(&mut world);
    let body =
        json!({"client_id": chat["client_id"], "text": "t", "operator_id": 7_001, "open_dialog": false});
    let sent = call(&mut world, "POST", "/v1/messages", body).body["data"].clone();
    assert_eq!((&sent["operator_id"], &sent["dialog_id"]), (&json!(7_001), &Value::Null));
}

#[test]
fn reading_is_marked_and_unmarked() {
    let mut world = quiet();
    let chat = chat(&mut world);
    let path = format!("/v1/messages/{}", chat["message_id"]);
    for (command, read) in [("read", 1), ("unread", 0)] {
        get(&mut world, &format!("{path}/{command}"));
        assert_eq!(get(&mut world, &path)["data"]["read"], read);
    }
}

#[test]
fn a_card_keeps_names_notes_own_fields_and_foreign_ids() {
    let mut world = hooked(quiet());
    let chat = chat(&mut world);
    let path = format!("/v1/clients/{}", chat["client_id"]);
    sent(&mut world);
    let card = json!({
        "nickname": "Peter", "comment": "c", "extra_comment_2": "two", "custom_fields": {"21": 43},
        "external_id": "crm-9", "external_service": "crm",
    });
    call(&mut world, "PUT", &path, card);
    let row = get(&mut world, &path)["data"].clone();
    assert_eq!((&row["assigned_name"], &row["extra_comment_2"]), (&json!("Peter"), &json!("two")));
    assert_eq!((&row["custom_fields"]["21"], &row["external_ids"]["crm"]), (&json!("43"), &json!("crm-9")));
    let told = sent(&mut world);
    assert_eq!(
        (&told[0]["hook_type"], &told[0]["assigned_name"]),
        (&json!("client_updated"), &json!("Peter"))
    );
    call(&mut world, "PUT", &path, json!({"nickname": null}));
    assert_eq!(get(&mut world, &path)["data"]["assigned_name"], Value::Null);
    assert_eq!(get(&mut world, &path)["data"]["comment"], "c", "what is not named stays");
}

#[test]
fn tags_lie_on_clients_and_on_requests() {
    let mut world = hooked(quiet());
    let chat = chat(&mut world);
    let (client, request) = (&chat["client_id"], &chat["request_id"]);
    sent(&mut world);
    let put =
        |kind: &str, id: &Value| json!({"tag_ids": [601, 602], "assignee_type": kind, "assignee_id": id});
    call(&mut world, "POST", "/v1/tags/assign_to", put("client", client));
    call(&mut world, "POST", "/v1/tags/assign_to", put("request", request));
    call(&mut world, "POST", "/v1/tags/assign_to", put("request", request));
    let card = get(&mut world, &format!("/v1/clients?tags=602,9&phone={}", "unknown"));
    assert_eq!(ids(&card), [0; 0]);
    assert_eq!(
        ids(&get(&mut world, "/v1/clients?tags=602,9")),
        [client.as_i64().unwrap()],
        "any of the tags"
    );
    call(&mut world, "DELETE", "/v1/tags/601/delete_from", json!({"client_id": client}));
    call(&mut world, "DELETE", "/v1/tags/601/delete_from", json!({"request_id": request}));
    let kinds: Vec<_> = sent(&mut world).iter().map(|body| body["hook_type"].clone()).collect();
    let (on_client, on_request) = ("add_tag_to_client", "add_tag_to_request");
    let off = ["delete_tag_from_client", "delete_tag_from_request"];
    assert_eq!(
        kinds,
        [on_client, on_client, on_request, on_request, off[0], off[1]],
        "a second time is nothing"
    );
}

#[test]
fn an_operator_is_made_named_and_given_a_state() {
    let mut world = hooked(quiet());
    sent(&mut world);
    let made = json!({"email": "new@example.org", "first_name": "Nura", "role": "operator", "phone": "7700"});
    let id = call(&mut world, "POST", "/v1/operators", made.clone()).body["data"]["id"].clone();
    let twice = call(&mut world, "POST", "/v1/operators", made);
    assert_eq!((twice.status, twice.body["errors"]["email"].is_array()), (400, true));
    call(&mut world, "PUT", &format!("/v1/operators/{id}"), json!({"last_name": "Bek", "status_id": 3}));
    let row = get(&mut world, "/v1/operators?phone=7700")["data"][0].clone();
    assert_eq!((&row["first_name"], &row["last_name"]), (&json!("Nura"), &json!("Bek")));
    assert_eq!((&row["online"], &row["offline_type"]), (&json!(1), &json!("break")));
    call(&mut world, "PUT", &format!("/v1/operators/statuses/{id}"), json!({"status_id": 4}));
    let told = sent(&mut world);
    assert_eq!((told.len(), &told[1]["hook_type"]), (2, &json!("operator_status_updated")));
    assert_eq!((&told[1]["online"], &told[1]["status_id"]), (&json!(0), &json!(4)));
}
