//! The fact keys of reference/chat2desk.md 8.3: the same whichever road a fact came by, different for different facts.

use events::Road;
use serde_json::{Value, json};

use super::{decoded, delivery, fact, hook, inbox, outbox, row, with};

#[test]
fn a_message_has_its_id_as_key_on_every_road_and_in_every_event() {
    let listed =
        json!({"id": 900_001, "type": "from_client", "text": "text", "created": "2026-01-15T09:30:00 UTC"});
    let script = json!({"message": {"id": 900_001, "text": "text"}, "client": {"id": 330_001}});
    let script = delivery(Road::Script, Some("new_message_handler"), &serde_json::to_vec(&script).unwrap());
    let mut tellings = vec![
        row("messages", &listed),
        row("requests/8800001/messages", &with(&listed, &json!({"type": "in", "created": 1_768_469_400}))),
        hook(&listed),
        decoded(&script),
    ];
    for event in ["inbox", "outbox", "imported_message", "comment", "system_message"] {
        tellings.push(hook(&with(&inbox(), &json!({"hook_type": event}))));
    }
    for telling in tellings {
        assert_eq!(fact(&telling, "message").0, "900001");
    }
}

#[test]
fn a_delivery_status_has_message_and_status() {
    let status = |status: &str| {
        let body = json!({"hook_type": "outbox_status", "data": {"message_id": 1, "client_id": 2, "status": status}});
        fact(&hook(&body), "message_status").0
    };
    assert_eq!((status("failed"), status("read")), ("1:failed".to_owned(), "1:read".to_owned()));
}

#[test]
fn a_request_that_opens_or_closes_has_its_id() {
    let opened = json!({"hook_type": "new_request", "request_id": 8, "client_id": 5, "event_time": "2026-01-15T09:30:00Z"});
    let closed = with(&opened, &json!({"hook_type": "close_request"}));
    assert_eq!(fact(&hook(&opened), "request_opened").0, "8");
    assert_eq!(fact(&hook(&closed), "request_closed").0, "8");
    let later = with(&opened, &json!({"event_time": "2026-01-15T09:31:00Z"}));
    assert_eq!(fact(&hook(&later), "request_opened").0, "8", "its time is no part of it");
}

#[test]
fn a_close_of_a_dialog_and_a_transfer_have_their_second() {
    let at = |time: &str| {
        let closed = json!({"hook_type": "close_dialog", "dialog_id": 4, "client_id": 5, "operator_id": 7, "event_time": time});
        let moved = with(&closed, &json!({"hook_type": "dialog_transferred"}));
        (fact(&hook(&closed), "dialog_closed").0, fact(&hook(&moved), "dialog_transferred").0)
    };
    let keys = at("2026-01-15T09:30:00Z");
    assert_eq!(keys, ("4:1768469400".to_owned(), "4:7:1768469400".to_owned()));
    assert_eq!(at("2026-01-15T09:30:00.900000Z"), keys);
    assert_ne!(at("2026-01-15T09:30:01Z"), keys);
}

#[test]
fn a_tag_has_what_bears_it_itself_on_or_off_and_the_second() {
    let tag = |event: &str| {
        let body = json!({"hook_type": event, "id": 6, "request_id": 8, "client_id": 5, "event_time": "2026-01-15T09:30:00Z"});
        fact(&hook(&body), "tagging").0
    };
    assert_eq!(tag("add_tag_to_request"), "request:8:6:on:1768469400");
    assert_eq!(tag("delete_tag_from_request"), "request:8:6:off:1768469400");
    assert_eq!(tag("add_tag_to_client"), "client:5:6:on:1768469400");
    assert_eq!(tag("delete_tag_from_client"), "client:5:6:off:1768469400");
}

#[test]
fn a_client_has_one_card_by_whatever_it_is_told() {
    let card = json!({"id": 330_001, "name": "Client One", "phone": "10005550123"});
    let tellings = [
        row("clients", &card),
        hook(&with(&card, &json!({"hook_type": "client_updated"}))),
        hook(&with(&card, &json!({"hook_type": "new_client"}))),
        hook(&with(&inbox(), &json!({ "client": card }))),
    ];
    for telling in tellings {
        let (key, registers) = fact(&telling, "client");
        assert_eq!((key.as_str(), &registers["name"]), ("330001", &json!("Client One")));
    }
}

#[test]
fn an_operators_status_has_the_instant() {
    let key = |time: &str| {
        fact(
            &hook(&json!({"hook_type": "operator_status_updated", "id": "7", "event_time": time})),
            "operator_status",
        )
        .0
    };
    assert_eq!(key("2026-01-15T09:30:00Z"), "7:1768469400000000");
    assert_ne!(key("2026-01-15T09:30:00.100000Z"), key("2026-01-15T09:30:00.200000Z"));
}

#[test]
fn a_row_of_the_rating_report_has_its_four_ids_and_no_time() {
    let rating = json!({"valuation_request_id": 9, "request_id": "8", "rating_scale_id": 3, "operator_id": 7,
                        "rating_scale_score": "4.0", "created_at": "2026-01-15 12:30:00"});
    let shifted = with(&rating, &json!({"created_at": "2026-01-15 07:30:00"}));
    for rating in [rating, shifted] {
        assert_eq!(fact(&row("statistics?report=rating", &rating), "rating_report").0, "9:8:3:7");
    }
}

#[test]
fn an_exact_repeat_tells_the_same_and_the_delivery_is_kept_all_the_same() {
    assert_eq!(hook(&outbox()), hook(&outbox()));
}

#[test]
fn an_unknown_event_told_twice_is_one_whatever_the_order_of_its_fields() {
    let one = super::bytes(br#"{"hook_type": "new_idea", "a": 1, "b": {"c": [2]}}"#);
    let other = super::bytes(br#"{"b": {"c": [2]}, "a": 1, "hook_type": "new_idea"}"#);
    assert_eq!(fact(&one, "unknown"), fact(&other, "unknown"));
    let another: Value = json!({"hook_type": "new_idea", "a": 2});
    assert_ne!(fact(&one, "unknown").0, fact(&hook(&another), "unknown").0);
}
