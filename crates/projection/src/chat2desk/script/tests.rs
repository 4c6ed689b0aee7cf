//! What forwarded script events tell.

use events::{Capture, Delivery, DeliveryIds, Platform, RejectReason, Road};
use serde_json::json;

use super::*;
use crate::AccountRules;
use crate::decode::{Decoded, decode};

const CALL: &str = "0123456789abcdef0123456789abcdef";
const OTHER_CALL: &str = "0123456789abcdef0123456789abcdee";

fn received() -> DateTime<Utc> {
    "2026-01-15T12:00:00Z".parse().unwrap()
}

fn told(event: &str, body: &Value) -> Decoded {
    let delivery = Delivery {
        id: DeliveryIds::seeded(1).next(received()),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road: Road::Script,
        received_at: received(),
        capture: Capture { event: Some(event.to_owned()), ..Capture::default() },
        body: serde_json::to_vec(body).unwrap().into(),
    };
    decode(&delivery, &AccountRules::default())
}

fn kinds(event: &str, body: &Value) -> Vec<&'static str> {
    let decoded = told(event, body);
    assert_eq!(decoded.rejections, [], "{event}");
    decoded.observations.iter().map(|observation| observation.fact.kind()).collect()
}

fn input() -> Value {
    json!({"message": {"id": 900_001, "is_menu": "00", "dialogID": 410_001, "operatorID": 7001, "text": "t"},
        "client": {"id": 330_001, "name": "One"}, "channel": {"id": 12}, "request": {"id": 8_800_001},
        "tag": {"id": 601, "label": "delivery"}})
}

#[test]
fn each_handler_is_evidence_of_what_it_says_and_no_more() {
    for (event, expected) in [
        ("new_message_handler", &["client", "message"][..]),
        ("after_closing_dialog_handler", &["dialog_closed"]),
        ("dialog_transfer_handler", &["dialog_transferred"]),
        ("new_request_handler", &["request_opened"]),
        ("new_request_handlers", &["request_opened"]),
        ("new_request", &["request_opened"]),
        ("client_updated_handler", &["client"]),
        ("chat_bot_not_triggered_handler", &["client", "message"]),
        ("add_tag_to_request_handler", &["tagging", "tag"]),
        ("delete_tag_from_request_handler", &["tagging", "tag"]),
        ("before_sending_message_handler", &["unknown"]),
        ("before_closing_dialog_handler", &["unknown"]),
        ("auto_checking_handler", &["unknown"]),
        ("qr_code_result_handler", &["unknown"]),
        ("manually_handler", &["unknown"]),
        ("request_phone_handler", &["unknown"]),
        ("lottery_handler", &["unknown"]),
    ] {
        assert_eq!(kinds(event, &input()), expected, "{event}");
        let wrapped =
            json!({"call": CALL, "called_at": 1.7e9, "sent_at": 1.7e9, "dropped": 0, "data": input()});
        assert_eq!(kinds(event, &wrapped), expected, "{event} in its envelope");
    }
    assert_eq!(
        kinds("manually_handler", &json!({"call": CALL, "called_at": null, "data": ["anything"]})),
        ["unknown"]
    );
    assert_eq!(kinds("chat_bot_not_triggered_handler", &json!({"text": "t"})), ["unknown"]);
    let after_a_loss = json!({"call": CALL, "called_at": null, "dropped": 3, "data": {}});
    assert_eq!(kinds("manually_handler", &after_a_loss), ["unknown", "unknown"], "what was lost is counted");
    let webhook = json!({"hook_type": "close_request", "request_id": 8_800_001});
    assert_eq!(kinds("forwarded", &webhook), ["request_closed"], "a script in the form of webhooks");
}

#[test]
fn an_event_without_its_identity_is_a_reject() {
    for event in
        ["new_message_handler", "after_closing_dialog_handler", "new_request_handlers", "add_tag_to_request"]
    {
        let decoded = told(event, &json!({"text": "t"}));
        assert_eq!(decoded.rejections.len(), 1, "{event}");
        assert_eq!(decoded.rejections[0].reason, RejectReason::MissingIdentity, "{event}");
    }
}

#[test]
fn what_happened_has_no_time_of_its_own_and_a_call_that_was_sent_twice_is_one() {
    let sent = |called: f64, sent: f64| {
        let now = 1_768_478_400.0; // as received
        let body = json!({"call": CALL, "called_at": now + called, "sent_at": now + sent, "data": input()});
        told("after_closing_dialog_handler", &body).observations.remove(0)
    };
    let (first, again) = (sent(-30.25, -30.0), sent(-30.25, -0.5));
    let Fact::DialogClosed(closed) = &first.fact else { panic!("{first:?}") };
    assert_eq!((closed.at, closed.dialog_id.as_deref()), (None, Some("410001")));
    assert_eq!((&first.key, &first.fact), (&again.key, &again.fact));
    assert_eq!(again.received_at, received() - Duration::milliseconds(30_250), "by the vendor's clock");
    assert_eq!((again.stamp.observed_at, again.stamp.rank), (again.received_at, 0));
    assert_eq!(
        sent(3_590.0, 3_600.0).received_at,
        received() - Duration::seconds(10),
        "its clock is an hour ahead"
    );
    for (called, sent_at) in [(0.0, -1.0), (-90_000.0, 0.0), (1e300, 1e300), (-1e12, 0.0)] {
        assert_eq!(sent(called, sent_at).received_at, received(), "{called} {sent_at}");
    }
    let other = json!({"call": OTHER_CALL, "called_at": null, "data": input()});
    let other = told("after_closing_dialog_handler", &other).observations.remove(0);
    assert_ne!(other.key, first.key);
    assert_eq!(other.received_at, received());
}

#[test]
fn the_item_that_was_chosen_is_its_command() {
    let chosen = |is_menu: Value| {
        let body = json!({"message": {"id": 1, "is_menu": is_menu}});
        match told("new_message_handler", &body).observations.remove(0).fact {
            Fact::Message(message) => (message.menu, message.menu_item),
            other => panic!("{other:?}"),
        }
    };
    let item = |item: &str| (Some(true), Some(item.to_owned()));
    assert_eq!(chosen(json!(1010)), item("1010"));
    assert_eq!(chosen(json!(" 00 ")), item("00"));
    assert_eq!(chosen(json!({"id": 7})), item("7"));
    assert_eq!(chosen(json!(true)), (Some(true), None), "it is one, and nobody says which");
    for none in [json!(null), json!(false), json!(0), json!("")] {
        assert_eq!(chosen(none), (None, None));
    }
}
