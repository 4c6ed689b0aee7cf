//! What nobody asked and nobody answered: system lines, automatic answers, menu choices, the old hook of external channels.

use super::*;

/// The one request of a contact that a client begins at nine and 7001 answers at ten past, with `between` at five past.
fn contact(between: &Value) -> Folded {
    let between = with(&message(2, Some(1), "09:05:00", "auto"), between);
    let deliveries = [client(1, "09:00:00"), webhook(&between), from("7001", 3, "09:10:00")];
    let rows = folded(&deliveries);
    let mut backward = deliveries;
    backward.reverse();
    assert_eq!(rows, folded(&backward));
    rows
}

fn with(body: &Value, fields: &Value) -> Value {
    let mut body = body.clone();
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[test]
fn a_number_without_whatsapp_is_told_by_a_system_line_whatever_it_is_sent_as() {
    for kind in [
        json!({"hook_type": "system_message", "type": "system"}),
        json!({"hook_type": "outbox", "type": "system"}),
        json!({"hook_type": "outbox", "type": "autoreply"}),
        json!({"hook_type": "outbox", "type": "to_client", "operator_id": 7001}),
        json!({"hook_type": "inbox", "type": "from_client"}),
    ] {
        let rows = contact(&with(&kind, &json!({"text": "WhatsApp client not found.\n"})));
        let request = &rows.requests[0];
        assert_eq!(
            (request.client_messages, request.operator_messages, request.automation_messages),
            (1, 1, 0),
            "{kind}"
        );
        assert_eq!((request.frt_customer_seconds, rows.turns.len()), (Some(600.0), 1), "{kind}");
        assert_eq!(rows.messages[1].author_kind, "system");
    }
    // Words like these are an ordinary message.
    let rows = contact(
        &json!({"hook_type": "inbox", "type": "from_client", "text": "WhatsApp client not found. Why?"}),
    );
    assert_eq!(rows.requests[0].client_messages, 2);
}

#[test]
fn a_connectors_closing_message_closes_the_dialog_and_asks_nothing() {
    let closing = with(&message(3, Some(1), "09:20:00", "client"), &json!({"text": "c2d: dialog closed"}));
    let rows = folded(&[client(1, "09:00:00"), from("7001", 2, "09:05:00"), webhook(&closing)]);
    let request = &rows.requests[0];
    assert_eq!((request.client_messages, request.closed_at), (1, Some(at("09:20:00"))));
    assert_eq!((request.turns_answered, request.turns_unanswered, request.waiting_since), (1, 0, None));
    assert_eq!((rows.dialogs[0].state.as_str(), rows.dialogs[0].closed_at), ("closed", Some(at("09:20:00"))));
    // What the client waits for when it comes is closed unanswered, not answered.
    let rows = folded(&[client(1, "09:00:00"), webhook(&closing)]);
    assert_eq!((rows.turns[0].state.as_str(), rows.turns.len()), ("closed_unanswered", 1));
}

#[test]
fn a_connectors_closing_message_in_a_list_closes_as_well() {
    let closing = json!({"id": 3, "type": "from_client", "text": "c2d: dialog closed", "created": "2026-01-15T09:20:00 UTC",
        "client_id": 330_001, "channel_id": 12, "dialog_id": 410_001, "request_id": 1});
    let live = with(&message(3, Some(1), "09:20:00.400", "client"), &json!({"text": "c2d: dialog closed"}));
    let rows = folded(&[client(1, "09:00:00"), row("messages", &closing)]);
    assert_eq!(rows.requests[0].closed_at, Some(at("09:20:00")));
    let both = folded(&[client(1, "09:00:00"), row("messages", &closing), webhook(&live)]);
    assert_eq!(both.requests.len(), 1);
    assert_eq!(both.requests[0].closed_at.map(|at| at.timestamp()), Some(at("09:20:00").timestamp()));
}

#[test]
fn automatic_answers_of_every_kind_answer_nobody() {
    for kind in [
        json!({"type": "autoreply"}),
        json!({"type": "autoreply", "operator_id": 7001}),
        json!({"type": "to_client", "operator_id": null}),
        json!({"type": null}),
        json!({"type": "from_system", "transport": "external"}),
    ] {
        let rows = contact(&with(&json!({"hook_type": "outbox"}), &kind));
        let request = &rows.requests[0];
        assert_eq!((request.automation_messages, request.operator_messages), (1, 1), "{kind}");
        assert_eq!(
            (request.first_reply_at, request.frt_customer_seconds),
            (Some(at("09:10:00")), Some(600.0)),
            "{kind}"
        );
    }
}

#[test]
fn the_old_hook_of_an_external_channel_answers_only_with_an_operator() {
    // No hook_type: the form of 3.1. Its operator is named, and has an id or not.
    let old = |operator: Value| {
        let body = json!({"id": 2, "type": "from_system", "text": "On its way", "transport": "external",
            "client_id": 330_001, "channel_id": 12, "dialog_id": 410_001, "request_id": 1, "operator": "Operator One",
            "operator_id": operator, "created": "2026-01-15T09:05:00 UTC"});
        let received = at("09:05:01");
        let asked = with(&message(1, Some(1), "09:00:00", "client"), &json!({"transport": "external"}));
        folded(&[webhook(&asked), delivery(Road::Webhook, Capture::default(), &body, received)])
    };
    let answered = old(json!(7001));
    assert_eq!(
        (answered.requests[0].operator_messages, answered.requests[0].frt_customer_seconds),
        (1, Some(300.0))
    );
    let automatic = old(Value::Null);
    assert_eq!((automatic.requests[0].automation_messages, automatic.requests[0].first_reply_at), (1, None));
    for rows in [answered, automatic] {
        assert_eq!(rows.requests[0].transport.as_deref(), Some("external"));
        assert_eq!(rows.messages[1].transport.as_deref(), Some("external"));
    }
}

#[test]
fn a_menu_choice_between_question_and_answer_begins_no_turn() {
    let rows = contact(&json!({"hook_type": "inbox", "type": "from_client", "is_menu": "1010", "text": "1"}));
    assert_eq!((rows.requests[0].client_messages, rows.turns.len()), (2, 1));
    assert_eq!(rows.requests[0].frt_customer_seconds, Some(600.0));
}

#[test]
fn what_one_request_lists_as_sent_is_nobodys_answer_until_another_telling_says_whose() {
    let listed = json!({"id": 2, "type": "out", "text": "t", "created": 1_768_467_900, "clientID": 330_001, "operatorID": 7001,
        "channelID": 12, "dialogID": 410_001});
    let out = row("requests/1/messages", &listed);
    let alone = folded(&[client(1, "09:00:00"), out.clone()]);
    assert_eq!((alone.requests[0].operator_messages, alone.messages[1].author_kind.as_str()), (0, "other"));
    let auto = folded(&[client(1, "09:00:00"), from("auto", 2, "09:05:00"), out.clone()]);
    assert_eq!((auto.requests[0].operator_messages, auto.requests[0].automation_messages), (0, 1));
    let person = folded(&[client(1, "09:00:00"), from("7001", 2, "09:05:00"), out]);
    assert_eq!(person.requests[0].operator_messages, 1);
}
