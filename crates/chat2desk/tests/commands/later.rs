//! The commands that are later than the manual (chat2desk.md 2.2), as far as their shape is known.

use chat2desk::clients::{ClientChanges, ClientFilter};
use chat2desk::company::WebAnalyticsQuery;
use chat2desk::dialogs::{DialogChanges, DialogFilter, DialogState};
use chat2desk::menu::MenuFilter;
use chat2desk::messages::{GroupTransfer, MessageTransfer, MessageType, OutgoingMessage};
use chat2desk::operators::OperatorFilter;
use chat2desk::requests::Whose;
use chat2desk::tags::{Assignee, NewTag, NewTagGroup};
use chat2desk::{ListQuery, MessagesQuery, Order, Report, Start, WebhookSpec};
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::server::Server;
use crate::table::{Command, change, read};

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 15).unwrap()
}

fn fields() -> Map<String, Value> {
    Map::from_iter([("2".to_owned(), json!("x"))])
}

pub(crate) fn commands() -> Vec<Command> {
    let mut commands = reads();
    commands.extend(changes());
    commands
}

fn reads() -> Vec<Command> {
    vec![
        read!(0, "GET /v1/webhooks", |c| c.webhooks()),
        read!(0, "GET /v1/webhooks/3101", |c| c.webhook(3101)),
        read!(0, "GET /v1/requests/8800001", |c| c.request(8_800_001)),
        read!(0, "GET /v1/requests/8800001/messages", |c| c.request_messages(8_800_001), json!([{"id": 1}])),
        read!(0, "GET /v1/statistics?report=request_stats&date=2026-01-15&limit=200&offset=0", |c| c
            .request_stats(day(), &ListQuery::first(200))),
        read!(0, "GET /v1/statistics?report=rating&date=2026-01-15&limit=200&offset=0", |c| c
            .ratings(day(), &ListQuery::first(200))),
        read!(0, "GET /v1/statistics?report=operator_stats&date=2026-01-15&limit=200&offset=0", |c| c
            .operator_stats(day(), &ListQuery::first(200))),
        read!(0, "GET /v1/statistics?report=operator_replies&date=2026-01-15&limit=200&offset=0", |c| c
            .operator_replies(day(), &ListQuery::first(200))),
        read!(0, "GET /v1/statistics?report=operator_events&date=2026-01-15&limit=200&offset=200", |c| c
            .operator_events(day(), &ListQuery { offset: 200, limit: 200 })),
        read!(0, "GET /v1/statistics?report=rating&date=2026-01-15&limit=1&offset=0", |c| c.statistics(
            Report::Rating,
            day(),
            &ListQuery::first(1)
        )),
        read!(0, "GET /v1/messages?start_id=900001&limit=200&order=asc", |c| c
            .messages(&MessagesQuery { start: Start::Id(900_001), limit: 200 })),
        read!(0, "GET /v1/dialogs?order=desc", |c| c
            .find_dialogs(&DialogFilter { order: Some(Order::Desc), ..DialogFilter::default() })),
        read!(0, "GET /v1/clients?created_after=2026-01-15&order=asc", |c| c.find_clients(&ClientFilter {
            created_after: Some("2026-01-15".into()),
            order: Some(Order::Asc),
            ..ClientFilter::default()
        })),
        read!(0, "GET /v1/custom_client_fields", |c| c.custom_client_fields()),
        read!(0, "GET /v1/channels/12", |c| c.channel(12)),
        read!(0, "GET /v1/operators/7001", |c| c.operator(7001)),
        read!(0, "GET /v1/operators?status_id=4", |c| c
            .find_operators(&OperatorFilter { status_id: Some(4), ..OperatorFilter::default() })),
        read!(
            0,
            "GET /v1/operators/statuses",
            |c| c.operator_statuses(),
            json!([{"id": 1, "name": {"en": "Busy"}}])
        ),
        read!(0, "GET /v1/access_rights", |c| c.access_rights()),
        read!(0, "GET /v1/access_rights/2", |c| c.access_right(2)),
        read!(0, "GET /v1/help/message_types", |c| c.message_types()),
        read!(0, "GET /v1/scenarios/menu_items?channel_id=12&level=0", |c| c
            .menu_items(&MenuFilter { channel_id: Some(12), level: Some(0) })),
        read!(0, "GET /v1/companies/info", |c| c.company_info()),
        read!(
            0,
            "GET /v1/web_analytics_data?date_from=2026-01-15&date_to=2026-01-15&order=asc&client_id=7&limit=20&offset=0",
            |c| c.web_analytics_data(&WebAnalyticsQuery {
                since: Some(day()),
                until: Some(day()),
                client_id: Some(7),
                order: Some(Order::Asc),
                limit: Some(20),
                offset: Some(0),
            })
        ),
        read!(0, "GET /v1/tickets?limit=20&offset=0", |c| c.tickets(&ListQuery::first(20))),
        read!(0, "GET /v1/tickets/9", |c| c.ticket(9)),
        read!(0, "GET /v1/help/tickets", |c| c.ticket_help()),
    ]
}

fn changes() -> Vec<Command> {
    vec![
        change!(
            0,
            "POST /v1/webhooks",
            json!({"name": "a", "url": "https://x.example/h", "events": ["inbox"], "channels": [], "status": "enable"}),
            |c| c.create_webhook(&WebhookSpec::new("a", "https://x.example/h", &["inbox"]))
        ),
        change!(
            0,
            "PUT /v1/webhooks/3101",
            json!({"name": "a", "url": "https://x.example/h", "events": [], "channels": [12], "status": "enable",
                "order": 2}),
            |c| c.update_webhook(
                3101,
                &WebhookSpec {
                    channels: vec![12],
                    order: Some(2),
                    ..WebhookSpec::new("a", "https://x.example/h", &[])
                }
            )
        ),
        change!(0, "DELETE /v1/webhooks/3101", Value::Null, |c| c.delete_webhook(3101)),
        change!(0, "PUT /v1/requests/close", json!({"request_id": 5}), |c| c
            .close_request(Whose::Request(5))),
        change!(0, "PUT /v1/requests/close", json!({"client_id": 7}), |c| c.close_request(Whose::Client(7))),
        change!(
            0,
            "POST /v1/messages",
            json!({"client_id": 7, "text": "a note", "type": "comment", "open_dialog": false, "encrypted": false,
                "external_id": "x1", "attachment": "https://x.example/1", "attachment_filename": "a.jpg",
                "reply_message_id": 9, "inline_buttons": [{"text": "Yes"}], "keyboard": {"buttons": []},
                "interactive": {"type": "list"}}),
            |c| c.send_message(&OutgoingMessage {
                kind: Some(MessageType::Comment),
                open_dialog: Some(false),
                encrypted: Some(false),
                external_id: Some("x1".into()),
                attachment: Some("https://x.example/1".into()),
                attachment_filename: Some("a.jpg".into()),
                reply_message_id: Some(9),
                inline_buttons: vec![json!({"text": "Yes"})],
                keyboard: Some(json!({"buttons": []})),
                interactive: Some(json!({"type": "list"})),
                ..OutgoingMessage::to_client(7, "a note")
            })
        ),
        change!(0, "GET /v1/messages/614/transfer?operator_id=3&force_assign=true", Value::Null, |c| c
            .transfer_message(MessageTransfer { message_id: 614, operator_id: 3, force_assign: true })),
        change!(
            0,
            "GET /v1/messages/614/transfer_to_group?group_id=60&force_assign=true",
            Value::Null,
            |c| c.transfer_message_to_group(GroupTransfer {
                message_id: 614,
                group_id: 60,
                force_assign: true
            })
        ),
        change!(
            0,
            "PUT /v1/dialogs/3",
            json!({"operator_id": 1, "state": "open", "initiator_id": 2, "force_assign": true}),
            |c| c.update_dialog(
                3,
                &DialogChanges {
                    operator_id: Some(1),
                    state: Some(DialogState::Open),
                    initiator_id: Some(2),
                    force_assign: true,
                }
            )
        ),
        change!(
            0,
            "PUT /v1/clients/7",
            json!({"custom_fields": {"2": "x"}, "external_id": "crm-1", "external_service": "crm"}),
            |c| c.update_client(
                7,
                &ClientChanges {
                    custom_fields: fields(),
                    external_id: Some("crm-1".into()),
                    external_service: Some("crm".into()),
                    ..ClientChanges::default()
                }
            )
        ),
        change!(0, "POST /v1/operators", json!({"2": "x"}), |c| c.create_operator(&fields())),
        change!(0, "PUT /v1/operators/7001", json!({"2": "x"}), |c| c.update_operator(7001, &fields())),
        change!(0, "PUT /v1/operators/statuses/7001", json!({"status_id": 4}), |c| c
            .set_operator_status(7001, 4)),
        change!(
            0,
            "POST /v1/tag_groups",
            json!({"tag_group_name": "g", "order_show": 1, "display": 1}),
            |c| c.create_tag_group(&NewTagGroup { name: "g".into(), order_show: Some(1), display: Some(1) })
        ),
        change!(
            0,
            "POST /v1/tags",
            json!({"tag_group_id": 1, "tag_label": "l", "tag_description": "d", "tag_bg_color": "000000",
                "tag_text_color": "ffffff"}),
            |c| c.create_tag(&NewTag {
                group_id: 1,
                label: "l".into(),
                description: "d".into(),
                background: Some("000000".into()),
                text_colour: Some("ffffff".into()),
                order_show: None,
            })
        ),
        change!(
            0,
            "POST /v1/tags/assign_to",
            json!({"tag_ids": [1], "assignee_type": "request", "assignee_id": "8800001"}),
            |c| c.assign_tags(&[1], Assignee::Request(8_800_001))
        ),
        change!(0, "DELETE /v1/tags/17/delete_from", json!({"request_id": 8_800_001}), |c| c
            .remove_tag(17, Assignee::Request(8_800_001))),
        change!(0, "POST /v1/scenarios/send_menu_item", json!({"client_id": 7, "menu_item_id": 5}), |c| c
            .send_menu_item(7, Some(5))),
        change!(0, "POST /v1/scenarios/send_menu_item", json!({"client_id": 7}), |c| c
            .send_menu_item(7, None)),
        change!(0, "PUT /v1/companies", json!({"custom_fields": {"2": "x"}}), |c| c
            .update_company(&fields())),
        change!(0, "PUT /v1/companies/switch_mode", json!({"mode": "offline"}), |c| c
            .switch_company_mode("offline")),
        change!(0, "POST /v1/tickets", json!({"2": "x"}), |c| c.create_ticket(&fields())),
        change!(0, "PUT /v1/tickets/9", json!({"2": "x"}), |c| c.update_ticket(9, &fields())),
        change!(0, "DELETE /v1/tickets/9", Value::Null, |c| c.delete_ticket(9)),
    ]
}

#[tokio::test]
async fn every_later_command_sends_what_other_clients_were_seen_to_send() {
    let server = Server::start().await;
    let writer = server.writer();
    for command in commands() {
        server.book.answer(&command.answer);
        (command.call)(writer.clone()).await.unwrap_or_else(|error| panic!("{}: {error}", command.line));
        let seen = server.book.take();
        assert_eq!(seen.len(), 1, "{}", command.line);
        assert_eq!((seen[0].line.as_str(), &seen[0].body), (command.line, &command.body));
    }
}

#[tokio::test]
async fn a_webhook_is_registered_once_however_often() {
    let server = Server::start().await;
    let spec = WebhookSpec::new("a", "https://x.example/h", &["inbox"]);
    server.book.answer(&json!({"data": []}));
    server.writer().register_webhook(&spec).await.unwrap();
    assert_eq!(server.book.lines(), ["GET /v1/webhooks", "POST /v1/webhooks"]);
    server.book.answer(&json!({"data": [{"id": 3100, "url": "https://x.example/other"},
        {"id": 3101, "url": "https://x.example/h"}]}));
    server.writer().register_webhook(&spec).await.unwrap();
    assert_eq!(server.book.lines(), ["GET /v1/webhooks", "PUT /v1/webhooks/3101"]);
}
