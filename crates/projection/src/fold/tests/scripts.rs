//! What scripts tell, alone and beside webhooks.

use super::*;

/// A script event without its client and channel is filed by its request.
fn scripted(event: &str, body: &Value, clock: &str) -> Delivery {
    let capture = Capture { event: Some(event.to_owned()), ..Capture::default() };
    delivery(Road::Script, capture, body, at(clock))
}

fn tagged_by_script(event: &str, clock: &str) -> Delivery {
    // One call for each instant.
    let call = format!("{:0>32}", clock.replace([':', '.'], ""));
    let body = json!({"call": call, "called_at": null, "data": {"request": {"id": 1}, "client": {"id": 330_001},
        "tag": {"id": 601, "label": "delivery"}}});
    scripted(event, &body, clock)
}

fn tagged(hook: &str, clock: &str) -> Delivery {
    webhook(&json!({"hook_type": hook, "id": 601, "label": "delivery", "request_id": 1, "client_id": 330_001,
        "event_time": format!("2026-01-15T{clock}Z")}))
}

fn dialog_closed(clock: &str) -> Delivery {
    webhook(
        &json!({"hook_type": "close_dialog", "dialog_id": 410_001, "client_id": 330_001, "channel_id": 12,
        "event_time": format!("2026-01-15T{clock}Z")}),
    )
}

fn dialog_closed_by_script(clock: &str) -> Delivery {
    let body = json!({"dialogID": 410_001, "client": {"id": 330_001}, "channel": {"id": 12}});
    scripted("after_closing_dialog_handler", &body, clock)
}

#[test]
fn a_script_alone_is_believed_and_its_receipt_is_the_time() {
    let rows = folded(&[
        client(1, "09:00:00"),
        tagged_by_script("add_tag_to_request_handler", "09:01:00"),
        tagged_by_script("delete_tag_from_request_handler", "09:02:00"),
        tagged_by_script("add_tag_to_request_handler", "09:02:10"),
        dialog_closed_by_script("09:05:00"),
    ]);
    let tags: Vec<_> = rows.tags.iter().map(|tag| (tag.added_at, tag.removed_at)).collect();
    assert_eq!(tags, [(at("09:01:00"), Some(at("09:02:00"))), (at("09:02:10"), None)]);
    assert_eq!(rows.requests[0].closed_at, Some(at("09:05:00")));
}

#[test]
fn what_a_webhook_dated_happened_once_and_then() {
    let rows = folded(&[
        client(1, "09:00:00"),
        tagged("add_tag_to_request", "09:01:00"),
        tagged("delete_tag_from_request", "09:01:01"),
        tagged_by_script("add_tag_to_request_handler", "09:01:02"),
        tagged_by_script("delete_tag_from_request_handler", "09:01:03"),
        dialog_closed("09:05:00"),
        // The client is back before the script has told of the close.
        webhook(&message(2, Some(2), "09:05:01", "client")),
        dialog_closed_by_script("09:05:02"),
    ]);
    let tags: Vec<_> = rows.tags.iter().map(|tag| (tag.added_at, tag.removed_at)).collect();
    assert_eq!(tags, [(at("09:01:00"), Some(at("09:01:01")))]);
    let closes: Vec<_> = rows.requests.iter().map(|request| request.closed_at).collect();
    assert_eq!(closes, [Some(at("09:05:00")), None]);
}

#[test]
fn what_a_webhook_dates_by_its_emission_happened_once_too() {
    let rows = folded(&[
        client(1, "09:00:00"),
        tagged_by_script("add_tag_to_request_handler", "09:01:00"),
        tagged_by_script("delete_tag_from_request_handler", "09:01:01"),
        tagged("add_tag_to_request", "09:01:02"),
        tagged("delete_tag_from_request", "09:01:03"),
        dialog_closed_by_script("09:05:00"),
        // The client is back before the close is announced.
        webhook(&message(2, Some(2), "09:05:03", "client")),
        dialog_closed("09:05:02"),
    ]);
    let tags: Vec<_> = rows.tags.iter().map(|tag| (tag.added_at, tag.removed_at)).collect();
    assert_eq!(tags, [(at("09:01:02"), Some(at("09:01:03")))]);
    let closes: Vec<_> = rows.requests.iter().map(|request| request.closed_at).collect();
    assert_eq!(closes, [Some(at("09:05:02")), None]);
}

#[test]
fn half_a_minute_later_it_happened_again() {
    let rows = folded(&[
        client(1, "09:00:00"),
        tagged("add_tag_to_request", "09:01:00"),
        tagged("delete_tag_from_request", "09:01:10"),
        tagged_by_script("add_tag_to_request_handler", "09:01:31"),
    ]);
    assert_eq!(rows.tags.len(), 2);
}

#[test]
fn an_opening_has_the_webhooks_time_whichever_came_first() {
    let body = json!({"requestID": 1, "client": {"id": 330_001}, "channel": {"id": 12}});
    let by_script = scripted("new_request_handlers", &body, "09:00:09");
    let by_webhook = opened(1, "09:00:05", "common", true);
    for deliveries in [[by_script.clone(), by_webhook.clone()], [by_webhook, by_script.clone()]] {
        assert_eq!(folded(&deliveries).requests[0].opened_at, at("09:00:05"));
    }
    assert_eq!(folded(&[by_script]).requests[0].opened_at, at("09:00:09"));
}

#[test]
fn a_message_keeps_the_item_that_it_chose_and_its_own_time() {
    let body = json!({"message": {"id": 1, "is_menu": 1010, "text": "1"}, "client": {"id": 330_001}, "channel": {"id": 12}});
    let rows = folded(&[client(1, "09:00:00"), scripted("new_message_handler", &body, "09:00:01")]);
    assert_eq!(rows.messages[0].menu_item.as_deref(), Some("1010"));
    assert_eq!(rows.messages[0].sent_at, at("09:00:00"));
    assert_eq!(rows.turns.len(), 0, "it asks nothing");
}
