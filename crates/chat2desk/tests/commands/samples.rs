//! The samples of the manual and of the reference, as typed rows: every field has its place.

use chat2desk::channels::Channel;
use chat2desk::clients::{ClientCard, ClientTransports, CustomClientField};
use chat2desk::dialogs::{Dialog, DialogState};
use chat2desk::help::{Country, Region};
use chat2desk::messages::{Message, MessageType, RequestMessage, RequestMessageType, SentMessage};
use chat2desk::operators::{Operator, OperatorStatus, OperatorsGroup, Role};
use chat2desk::tags::Tag;
use chat2desk::templates::Template;
use chat2desk::{Page, Row, Webhook};
use serde_json::{Map, Value, json};

fn read<T: Row>(value: Value) -> T {
    T::read(value).unwrap()
}

/// Nothing of a sample is without a place, but what is named here.
fn known(extra: &Map<String, Value>, but: &[&str]) {
    assert_eq!(extra.keys().map(String::as_str).collect::<Vec<_>>(), but);
}

#[test]
fn messages_of_2016_and_of_today() {
    let old: Message = read(json!({"id": 614, "text": "Good day", "photo": "http://x.example/1.jpg",
        "coordinates": null, "transport": "whatsapp", "type": "from_client", "read": true,
        "created": "2016-01-11T19:45:05 UTC", "client_id": 13, "vb_bus_id": "597110513645559990912348615203629047737",
        "recipient_status": "delivered", "dialog_id": 11, "operator_id": 1, "channel_id": 1}));
    known(&old.extra, &[]);
    assert_eq!(old.created.unwrap().to_rfc3339(), "2016-01-11T19:45:05+00:00");
    let today: Message = read(
        json!({"id": 900_001, "text": "Where is my order?", "photo": null, "video": null,
        "audio": null, "pdf": null, "coordinates": null, "transport": "telegram", "type": "from_client", "read": 1,
        "created": "2026-01-15T09:30:00 UTC", "remote_id": 5521, "recipient_status": null, "status": null,
        "attachments": [{"name": "a.jpg", "link": "https://x.example/a"}, {"name": "b.jpg"}], "dialog_id": "410001",
        "operator_id": 7001, "channel_id": "12", "client_id": 330_001, "request_id": 8_800_001, "is_new": 0,
        "ai_tips": null, "extra_data": []}),
    );
    known(&today.extra, &["ai_tips"]);
    assert_eq!((today.read, today.is_new, today.dialog_id), (Some(true), Some(false), Some(410_001)));
    assert_eq!((today.remote_id.as_deref(), today.attachments.len()), (Some("5521"), 2));
    assert_eq!(today.kind, Some(MessageType::FromClient));
    let survey: Message = read(json!({"id": 1, "type": null}));
    assert_eq!(survey.kind, None, "the rating survey");
}

#[test]
fn messages_of_a_request_in_both_spellings() {
    let camel: RequestMessage = read(
        json!({"id": 900_001, "text": "x", "video": null, "photo": null, "audio": null,
        "pdf": null, "coordinates": null, "transport": "telegram", "type": "in", "read": 1, "created": 1_768_469_400,
        "clientID": 330_001, "operatorID": 7001, "channelID": 12, "companyID": 55, "dialogID": 410_001,
        "gateway_status": null, "extra_data": {"system_type": ""}}),
    );
    known(&camel.extra, &[]);
    assert_eq!(camel.created.unwrap().to_rfc3339(), "2026-01-15T09:30:00+00:00");
    let snake: RequestMessage = read(
        json!({"id": 900_001, "text": "x", "transport": "telegram", "type": "in", "read": 1,
        "created": 1_768_469_400, "client_id": 330_001, "operator_id": 7001, "channel_id": 12, "company_id": 55,
        "dialog_id": 410_001, "extra_data": {"system_type": ""}}),
    );
    assert_eq!(snake, camel);
    assert_eq!(snake.kind, Some(RequestMessageType::In));
}

#[test]
fn clients() {
    let old: ClientCard = read(
        json!({"id": 1607, "comment": "This is a comment", "assigned_name": "Real VIP client",
        "phone": "19001112233", "name": "Thats my name!", "avatar": "http://x.example/1.jpg", "region_id": null,
        "country_id": 1, "first_client_message": "2015-12-27T18:36:41 UTC",
        "last_client_message": "2016-01-28T20:29:25 UTC"}),
    );
    known(&old.extra, &[]);
    let today: ClientCard = read(json!({"id": 7, "username": "one", "client_phone": "10005550123",
        "phone": "[tg] 100200300", "extra_comment_1": "", "custom_fields": [], "external_id": 55,
        "external_ids": {"crm": "1"}, "client_external_id": null,
        "channels": [{"id": 12, "transports": ["telegram"]}, null], "tags": [{"id": 17}, 18]}));
    known(&today.extra, &[]);
    assert_eq!((today.external_id.as_deref(), today.extra_comment_1.as_deref()), (Some("55"), None));
    assert_eq!((today.channels[0].channel_id, today.tags.len()), (Some(12), 2));
    let body = br#"{"data":[{"channel_id":1,"transports":["sms","whatsapp"]},{"channel_id":2,"transports":["viber"]}]}"#;
    let transports = Page::read(body).unwrap().of::<ClientTransports>().items().unwrap();
    assert_eq!(transports[0].transports, ["sms", "whatsapp"]);
    let field: CustomClientField =
        read(json!({"id": 2, "name": "City", "type": "select", "value": ["a", "b"],
        "editable": 1, "viewable": "1", "tracking_field": false}));
    known(&field.extra, &[]);
}

#[test]
fn operators_dialogs_and_the_small_lists() {
    let operator: Operator = read(json!({"id": "2", "email": "111@11.example", "phone": "15550001122",
        "role": "supervisor", "online": 0, "offline_type": null, "first_name": "John", "last_name": "Smith",
        "last_visit": "2016-02-25T17:25:43 UTC", "avatar": null, "external_id": null, "opened_dialogs": "3",
        "status_id": 4, "status": "busy", "access_right_name": null, "access_right_id": null, "two_factor": 1}));
    known(&operator.extra, &[]);
    assert_eq!((operator.role.clone(), operator.opened_dialogs), (Some(Role::Supervisor), Some(3)));
    assert!(!operator.is_at_work());
    let dialog: Dialog = read(json!({"id": 1, "state": "closed", "begin": "2015-07-22T20:52:39 UTC",
        "end": "2015-07-26T20:05:41 UTC", "operator_id": 1, "last_message": {"id": 9, "client_id": 7},
        "last_request_id": 5, "messages": "12"}));
    known(&dialog.extra, &[]);
    assert_eq!((dialog.state.clone(), dialog.messages), (Some(DialogState::Closed), Some(12)));
    assert_eq!(dialog.last_message.unwrap().client_id, Some(7));
    let group: OperatorsGroup = read(json!({"id": 60, "name": "Night", "operator_ids": ["7001", 7002]}));
    assert_eq!(group.operator_ids, [7001, 7002]);
    let status: OperatorStatus = read(json!({"id": 1, "name": {"en": "Busy"}}));
    assert_eq!(status.name["en"], "Busy");
    let channel: Channel =
        read(json!({"id": 1, "name": "Demo", "phone": "79217639603", "transports": ["viber"]}));
    known(&channel.extra, &[]);
    let tag: Tag =
        read(json!({"id": 17, "group_id": 2, "group_name": "g", "label": "l", "description": "d"}));
    known(&tag.extra, &[]);
    let template: Template = read(
        json!({"id": 5, "command": "abc", "text": "Hello", "name": "n", "created": "2026-01-15T09:30:00 UTC"}),
    );
    known(&template.extra, &[]);
    let region: Region = read(json!({"id": 1, "country": "Russia", "region": "Tver"}));
    let country: Country = read(json!({"id": 2, "name": "Russia"}));
    assert_eq!((region.id, country.id), (1, 2));
}

#[test]
fn what_was_sent_and_what_is_registered() {
    let sent: SentMessage =
        read(json!({"channel_id": 1, "operator_id": 3, "transport": "whatsapp", "type": "to_client",
        "client_id": 7, "message_id": 900_002, "dialog_id": 410_001, "request_id": 8_800_001}));
    known(&sent.extra, &[]);
    let hook: Webhook = read(json!({"id": 3101, "name": "analytics-ingest", "url": "https://x.example/h",
        "events": ["inbox", "outbox"], "status": "enable", "errors": [{"text": "timeout", "created_at": 1_768_469_400}],
        "source": "api", "channels": []}));
    known(&hook.extra, &[]);
    assert!(hook.is_enabled() && hook.errors[0].created_at.is_some());
}
