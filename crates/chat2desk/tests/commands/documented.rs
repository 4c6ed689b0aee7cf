//! Every command of the v1.09 manual (chat2desk.md 2.1) is there, and sends what the manual says.

use std::time::Duration;

use chat2desk::channels::ChannelFilter;
use chat2desk::clients::{ClientChanges, ClientFilter, Edit, NewClient, Span};
use chat2desk::dialogs::{DialogFilter, DialogState};
use chat2desk::messages::{GroupTransfer, InboxMessage, MessageFilter, MessageType, OutgoingMessage, Sender};
use chat2desk::operators::OperatorFilter;
use chat2desk::tags::Assignee;
use chat2desk::{ListQuery, Order, Start};
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::server::Server;
use crate::table::{Command, change, read};

/// Number, method and path as the manual has them; `*` is an id.
const MANUAL: &[(u8, &str, &str)] = &[
    (1, "GET", "/v1/messages"),
    (2, "GET", "/v1/messages/*"),
    (3, "POST", "/v1/companies/web_hook"),
    (4, "POST", "/v1/companies/chat_close_web_hook"),
    (5, "POST", "/v1/messages"),
    (6, "POST", "/v1/messages/inbox"),
    (7, "POST", "/v1/messages/*/assign"),
    (8, "GET", "/v1/companies/api_info"),
    (9, "GET", "/v1/clients"),
    (10, "GET", "/v1/clients/*"),
    (11, "GET", "/v1/clients/*/transport"),
    (12, "GET", "/v1/clients/*/last_question"),
    (13, "GET", "/v1/clients/*/dialogs"),
    (14, "POST", "/v1/clients"),
    (15, "PUT", "/v1/clients/*"),
    (16, "GET", "/v1/operators"),
    (17, "GET", "/v1/dialogs"),
    (17, "GET", "/v1/dialogs/*"),
    (18, "GET", "/v1/dialogs/unanswered"),
    (19, "PUT", "/v1/dialogs/*"),
    (20, "GET", "/v1/operators_groups"),
    (21, "GET", "/v1/messages/*/transfer_to_group"),
    (22, "GET", "/v1/tags"),
    (22, "GET", "/v1/tags/*"),
    (23, "POST", "/v1/tags/assign_to"),
    (24, "DELETE", "/v1/tags/*/delete_from"),
    (25, "GET", "/v1/templates"),
    (25, "GET", "/v1/templates/*"),
    (26, "POST", "/v1/qr-decode"),
    (27, "GET", "/v1/help/roles"),
    (28, "GET", "/v1/help/dialog_states"),
    (29, "GET", "/v1/channels"),
    (30, "GET", "/v1/regions"),
    (31, "GET", "/v1/countries"),
    (32, "GET", "/v1/help/transports"),
    (33, "GET", "/v1/messages/*/read"),
    (33, "GET", "/v1/messages/*/unread"),
    (34, "GET", "/v1/help/api_modes"),
    (35, "GET", "/v1/channels/*/clients"),
    (36, "GET", "/v1/questions/*/send"),
    (37, "GET", "/v1/clients/*/questions"),
    (38, "GET", "/gateway/delete_outbox"),
];

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).unwrap()
}

fn strings(words: &[&str]) -> Value {
    json!({"data": words, "status": "success"})
}

pub(crate) fn commands() -> Vec<Command> {
    let mut commands = reads();
    commands.extend(changes());
    commands
}

fn reads() -> Vec<Command> {
    vec![
        read!(1, "GET /v1/messages?client_id=100&transport=telegram&type=from_client&read=false", |c| c
            .find_messages(&MessageFilter {
                transport: Some("telegram".into()),
                kind: Some(MessageType::FromClient),
                read: Some(false),
                client_id: Some(100),
                ..MessageFilter::default()
            })),
        read!(
            1,
            "GET /v1/messages?start_date=15-01-2026&finish_date=17-01-2026&dialog_id=2&channel_id=3&operator_id=4&limit=20&order=desc",
            |c| c.find_messages(&MessageFilter {
                start: Some(Start::Days(day(15), day(16))),
                dialog_id: Some(2),
                channel_id: Some(3),
                operator_id: Some(4),
                limit: Some(20),
                order: Some(Order::Desc),
                ..MessageFilter::default()
            })
        ),
        read!(2, "GET /v1/messages/614", |c| c.message(614)),
        read!(8, "GET /v1/companies/api_info", |c| c.api_info()),
        read!(9, "GET /v1/clients?phone=10005550123&tags=1,2,5&limit=30&offset=50", |c| c.find_clients(
            &ClientFilter {
                phone: Some("10005550123".into()),
                tags: vec![1, 2, 5],
                limit: Some(30),
                offset: Some(50),
                ..ClientFilter::default()
            }
        )),
        read!(9, "GET /v1/clients?limit=200&offset=0&order=asc", |c| c.clients(&ListQuery::first(200))),
        read!(10, "GET /v1/clients/1607", |c| c.client(1607)),
        read!(11, "GET /v1/clients/1607/transport", |c| c.client_transports(1607)),
        read!(12, "GET /v1/clients/1607/last_question", |c| c.client_last_question(1607)),
        read!(13, "GET /v1/clients/1607/dialogs", |c| c.client_dialogs(1607)),
        read!(16, "GET /v1/operators?phone=1&email=a@example.org&online=true&limit=20&offset=0", |c| c
            .find_operators(&OperatorFilter {
                phone: Some("1".into()),
                email: Some("a@example.org".into()),
                online: Some(true),
                limit: Some(20),
                offset: Some(0),
                ..OperatorFilter::default()
            })),
        read!(16, "GET /v1/operators?limit=200&offset=0", |c| c.operators(&ListQuery::first(200))),
        read!(17, "GET /v1/dialogs?operator_id=2&state=open&limit=20&offset=40", |c| c.find_dialogs(
            &DialogFilter {
                operator_id: Some(2),
                state: Some(DialogState::Open),
                limit: Some(20),
                offset: Some(40),
                ..DialogFilter::default()
            }
        )),
        read!(17, "GET /v1/dialogs?limit=200&offset=0&order=asc", |c| c.dialogs(&ListQuery::first(200))),
        read!(17, "GET /v1/dialogs/3", |c| c.dialog(3)),
        read!(18, "GET /v1/dialogs/unanswered?limit=600", |c| c
            .unanswered_dialogs(Duration::from_millis(600_900))),
        read!(20, "GET /v1/operators_groups?limit=200&offset=0", |c| c
            .operators_groups(&ListQuery::first(200))),
        read!(22, "GET /v1/tags?limit=200&offset=0", |c| c.tags(&ListQuery::first(200))),
        read!(22, "GET /v1/tags/17", |c| c.tag(17)),
        read!(25, "GET /v1/templates?limit=200&offset=0", |c| c.templates(&ListQuery::first(200))),
        read!(25, "GET /v1/templates/5", |c| c.template(5)),
        read!(27, "GET /v1/help/roles", |c| c.roles(), strings(&["operator", "supervisor", "new role"])),
        read!(28, "GET /v1/help/dialog_states", |c| c.dialog_states(), strings(&["open", "closed"])),
        read!(29, "GET /v1/channels?phone=172502619555&limit=200", |c| c
            .find_channels(&ChannelFilter { phone: Some("172502619555".into()), limit: Some(200) })),
        read!(29, "GET /v1/channels?limit=200&offset=0", |c| c.channels(&ListQuery::first(200))),
        read!(30, "GET /v1/regions", |c| c.regions()),
        read!(31, "GET /v1/countries", |c| c.countries()),
        read!(
            32,
            "GET /v1/help/transports",
            |c| c.transports(),
            json!({"data": {"whatsapp": {"from_client": {"text": "yes", "pdf": "no"}, "to_client": []}, "sms": []}})
        ),
        read!(34, "GET /v1/help/api_modes", |c| c.api_modes()),
        read!(35, "GET /v1/channels/12/clients?limit=200&offset=0", |c| c
            .channel_clients(12, &ListQuery::first(200))),
        read!(37, "GET /v1/clients/7/questions?start_date=10-01-2026&finish_date=12-01-2026", |c| c
            .client_questions(7, Span { since: Some(day(10)), until: Some(day(12)) })),
        read!(37, "GET /v1/clients/7/questions", |c| c.client_questions(7, Span::default())),
    ]
}

fn changes() -> Vec<Command> {
    vec![
        change!(3, "POST /v1/companies/web_hook", json!({"url": "https://yoursite.example/"}), |c| c
            .set_old_web_hook(Some("https://yoursite.example/"))),
        change!(3, "POST /v1/companies/web_hook", json!({"url": null}), |c| c.set_old_web_hook(None)),
        change!(4, "POST /v1/companies/chat_close_web_hook", json!({"url": null}), |c| c
            .set_old_chat_close_web_hook(None)),
        change!(
            5,
            "POST /v1/messages",
            json!({"client_id": 7, "text": "Hi there!", "attachment": "https://x.example/a.jpg",
                "type": "to_client", "transport": "viber", "channel_id": 1, "operator_id": 3}),
            |c| c.send_message(&OutgoingMessage {
                attachment: Some("https://x.example/a.jpg".into()),
                kind: Some(MessageType::ToClient),
                transport: Some("viber".into()),
                channel_id: Some(1),
                operator_id: Some(3),
                ..OutgoingMessage::to_client(7, "Hi there!")
            })
        ),
        change!(
            6,
            "POST /v1/messages/inbox",
            json!({"channel_id": "1", "body": "This is message text", "location": "55.0 37.0",
                "from_client": {"id": "123abc", "nickname": "API_boy"}}),
            |c| c.post_inbox_message(&InboxMessage {
                nickname: Some("API_boy".into()),
                location: Some("55.0 37.0".into()),
                ..InboxMessage::new(1, Sender::Id("123abc".into()), "This is message text")
            })
        ),
        change!(
            6,
            "POST /v1/messages/inbox",
            json!({"channel_id": "1", "body": "Hi", "from_client": {"phone": "79110001122"}}),
            |c| c.post_inbox_message(&InboxMessage::new(1, Sender::Phone("79110001122".into()), "Hi"))
        ),
        change!(7, "POST /v1/messages/614/assign", json!({"operator_id": 3}), |c| c.assign_message(614, 3)),
        change!(14, "POST /v1/clients?phone=79310001122&transport=whatsapp&channel_id=1", Value::Null, |c| c
            .create_client(&NewClient { channel_id: Some(1), ..NewClient::new("79310001122", "whatsapp") })),
        change!(
            15,
            "PUT /v1/clients/7",
            json!({"nickname": "Peter", "comment": "This is comment", "extra_comment_1": "a",
                "extra_comment_2": "b", "extra_comment_3": "c"}),
            |c| c.update_client(
                7,
                &ClientChanges {
                    nickname: Edit::Set("Peter".into()),
                    comment: Some("This is comment".into()),
                    extra_comment_1: Some("a".into()),
                    extra_comment_2: Some("b".into()),
                    extra_comment_3: Some("c".into()),
                    ..ClientChanges::default()
                }
            )
        ),
        change!(15, "PUT /v1/clients/7", json!({"nickname": null}), |c| c
            .update_client(7, &ClientChanges { nickname: Edit::Remove, ..ClientChanges::default() })),
        change!(19, "PUT /v1/dialogs/3", json!({"operator_id": 1}), |c| c.assign_dialog(3, 1)),
        change!(19, "PUT /v1/dialogs/3", json!({"state": "closed"}), |c| c.close_dialog(3)),
        change!(21, "GET /v1/messages/614/transfer_to_group?group_id=60", Value::Null, |c| c
            .transfer_message_to_group(GroupTransfer { message_id: 614, group_id: 60, force_assign: false })),
        change!(
            23,
            "POST /v1/tags/assign_to",
            json!({"tag_ids": [1, 2], "assignee_type": "client", "assignee_id": "1020"}),
            |c| c.assign_tags(&[1, 2], Assignee::Client(1020))
        ),
        change!(24, "DELETE /v1/tags/17/delete_from", json!({"client_id": 1020}), |c| c
            .remove_tag(17, Assignee::Client(1020))),
        change!(26, "POST /v1/qr-decode", json!({"image_path": "https://x.example/qr.jpg"}), |c| c
            .decode_qr("https://x.example/qr.jpg")),
        change!(33, "GET /v1/messages/614/read", Value::Null, |c| c.mark_message_read(614)),
        change!(33, "GET /v1/messages/614/unread", Value::Null, |c| c.mark_message_unread(614)),
        change!(36, "GET /v1/questions/4322/send?client_id=7", Value::Null, |c| c.send_question(4322, 7)),
        change!(38, "GET /gateway/delete_outbox", Value::Null, |c| c
            .delete_all_unsent_messages_of_the_company()),
    ]
}

fn fits(pattern: &str, line: &str) -> bool {
    let path = line.split('?').next().unwrap();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let is_id = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    pattern.split('/').count() == path.split('/').count()
        && wanted.all(|wanted| {
            given.next().is_some_and(|given| wanted == given || (wanted == "*" && is_id(given)))
        })
}

#[test]
fn every_command_of_the_manual_has_a_row_here() {
    let commands = commands();
    for (number, method, path) in MANUAL {
        let pattern = format!("{method} {path}");
        let found = commands.iter().any(|command| command.number == *number && fits(&pattern, command.line));
        assert!(found, "{number} {pattern}");
    }
    let mut numbers: Vec<_> = MANUAL.iter().map(|(number, ..)| *number).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=38).collect::<Vec<_>>());
    for command in &commands {
        let known = |(number, method, path): &(u8, &str, &str)| {
            *number == command.number && fits(&format!("{method} {path}"), command.line)
        };
        assert!(MANUAL.iter().any(known), "{} {}", command.number, command.line);
    }
}

#[tokio::test]
async fn every_command_of_the_manual_sends_what_the_manual_says() {
    let server = Server::start().await;
    let writer = server.writer();
    for command in commands() {
        server.book.answer(&command.answer);
        (command.call)(writer.clone()).await.unwrap_or_else(|error| panic!("{}: {error}", command.line));
        let seen = server.book.take();
        assert_eq!(seen.len(), 1, "{}", command.line);
        assert_eq!((seen[0].line.as_str(), &seen[0].body), (command.line, &command.body));
        assert_eq!(seen[0].authorization.as_deref(), Some("example-api-token"), "bare, without Bearer");
    }
}
