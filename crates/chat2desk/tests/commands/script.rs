//! The 20 commands of the scripts manual and the depreciated one, by their names (chat2desk.md 4.2).

use std::sync::Arc;
use std::time::Duration;

use chat2desk::messages::MessageType;
use chat2desk::script::{MessageKind, OnlineOperators, ScriptMessage};
use chat2desk::{Client, Error, WallClock};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::server::Server;
use crate::table::Outcome;

/// Every command of the manual, in its order.
const MANUAL: [&str; 21] = [
    "send_message",
    "send_question",
    "get_client_info",
    "get_operators",
    "get_client_dialogs",
    "get_online_operators",
    "get_questions",
    "get_last_question",
    "get_unanswered_dialogs",
    "get_new_messages",
    "transfer_dialog",
    "transfer_message",
    "transfer_message_to_group",
    "get_operators_groups",
    "get_operator_group_ids",
    "get_company_info",
    "get_last_message_id",
    "send_template",
    "get_menu_items",
    "send_menu_item",
    "moderate_message",
];

struct Row {
    command: &'static str,
    /// Answers of the server, in order; the plain one after them.
    answers: Vec<Value>,
    lines: &'static [&'static str],
    call: fn(Client) -> Outcome,
}

macro_rules! row {
    ($command:expr, $answers:expr, $lines:expr, |$c2d:ident| $call:expr) => {
        Row {
            command: $command,
            answers: $answers,
            lines: &$lines,
            call: |client| {
                Box::pin(async move {
                    let $c2d = client.script();
                    $call.await.map(drop)
                })
            },
        }
    };
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 15).unwrap()
}

fn rows() -> Vec<Row> {
    let groups = || json!({"data": [{"id": 60, "operator_ids": [7001]}], "meta": {"total": 1}});
    let operators = || json!({"data": [{"id": 7001, "online": 1}], "meta": {"total": 1}});
    vec![
        row!("send_message", vec![], ["POST /v1/messages"], |c2d| c2d
            .send_message(&ScriptMessage::new(7, "Hi"))),
        row!("send_question", vec![], ["GET /v1/questions/5/send?client_id=7"], |c2d| c2d
            .send_question(7, 5)),
        row!("get_client_info", vec![], ["GET /v1/clients/7"], |c2d| c2d.get_client_info(7)),
        row!("get_operators", vec![operators()], ["GET /v1/operators?limit=200&offset=0"], |c2d| c2d
            .get_operators()),
        row!("get_client_dialogs", vec![], ["GET /v1/clients/7/dialogs"], |c2d| c2d.get_client_dialogs(7)),
        row!(
            "get_online_operators",
            vec![operators()],
            ["GET /v1/operators?online=true&limit=200&offset=0"],
            |c2d| c2d.get_online_operators(OnlineOperators::All)
        ),
        row!(
            "get_questions",
            vec![],
            ["GET /v1/clients/7/questions?start_date=15-01-2026&finish_date=15-01-2026"],
            |c2d| c2d.get_questions(7, day(), day())
        ),
        row!("get_last_question", vec![], ["GET /v1/clients/7/last_question"], |c2d| c2d
            .get_last_question(7)),
        row!(
            "get_unanswered_dialogs",
            vec![
                json!({"data": [{"id": 3, "last_message": {"id": 9, "client_id": 7}}, {"id": 4}]}),
                json!({"data": {"id": 7}}),
                json!({"data": [{"id": 10, "dialog_id": 4, "client_id": 8}]}),
                json!({"data": {"id": 8}}),
            ],
            [
                "GET /v1/dialogs/unanswered?limit=600",
                "GET /v1/clients/7",
                "GET /v1/messages?dialog_id=4&limit=1",
                "GET /v1/clients/8",
            ],
            |c2d| c2d.get_unanswered_dialogs(Duration::from_secs(600))
        ),
        row!(
            "get_new_messages",
            vec![],
            ["GET /v1/messages?type=from_client&read=false&limit=200&order=desc"],
            |c2d| c2d.get_new_messages()
        ),
        row!("transfer_dialog", vec![], ["PUT /v1/dialogs/3"], |c2d| c2d.transfer_dialog(
            3,
            7001,
            Some("Take this chat please")
        )),
        row!("transfer_message", vec![], ["POST /v1/messages/614/assign"], |c2d| c2d
            .transfer_message(614, 7001, None)),
        row!(
            "transfer_message_to_group",
            vec![],
            ["GET /v1/messages/614/transfer_to_group?group_id=60"],
            |c2d| c2d.transfer_message_to_group(614, 60)
        ),
        row!(
            "get_operators_groups",
            vec![groups()],
            ["GET /v1/operators_groups?limit=200&offset=0"],
            |c2d| { c2d.get_operators_groups() }
        ),
        row!(
            "get_operator_group_ids",
            vec![groups()],
            ["GET /v1/operators_groups?limit=200&offset=0"],
            |c2d| { c2d.get_operator_group_ids(7001) }
        ),
        row!("get_company_info", vec![], ["GET /v1/companies/api_info", "GET /v1/companies/info"], |c2d| c2d
            .get_company_info()),
        row!(
            "get_last_message_id",
            vec![json!({"data": [{"id": 9, "dialog_id": 3}], "meta": {"total": 1}})],
            ["GET /v1/messages?start_id=1&dialog_id=3&limit=200&order=asc"],
            |c2d| c2d.get_last_message_id(3, MessageKind::Client, Duration::from_secs(60))
        ),
        row!(
            "send_template",
            vec![json!({"data": [{"id": 1, "command": "abc", "text": "Hello"}], "meta": {"total": 1}})],
            ["GET /v1/templates?limit=200&offset=0", "POST /v1/messages"],
            |c2d| c2d.send_template("abc", 7)
        ),
        row!("get_menu_items", vec![], ["GET /v1/scenarios/menu_items?channel_id=12&level=0"], |c2d| c2d
            .get_menu_items(Some(12), Some(1))),
        row!("send_menu_item", vec![], ["POST /v1/scenarios/send_menu_item"], |c2d| c2d
            .send_menu_item(7, None)),
        row!("moderate_message", vec![], [], |c2d| async {
            match c2d.moderate_message().await {
                Err(Error::NotInRest { command: "moderate_message", .. }) => Ok(()),
                other => other.map(drop),
            }
        }),
    ]
}

#[tokio::test]
async fn every_command_of_the_scripts_manual_is_composed_from_rest() {
    let server = Server::start().await;
    let (writer, rows) = (server.writer(), rows());
    assert_eq!(rows.iter().map(|row| row.command).collect::<Vec<_>>(), MANUAL);
    for row in rows {
        for answer in &row.answers {
            server.book.answer(answer);
        }
        (row.call)(writer.clone()).await.unwrap_or_else(|error| panic!("{}: {error}", row.command));
        assert_eq!(server.book.lines(), row.lines, "{}", row.command);
    }
}

#[tokio::test]
async fn what_rest_cannot_do_is_said() {
    let server = Server::start().await;
    let client = server.writer();
    let c2d = client.script();
    let refused = c2d.get_online_operators(OnlineOperators::WithNewChats).await.unwrap_err();
    assert!(matches!(refused, Error::NotInRest { command: "get_online_operators", .. }));
    assert!(matches!(c2d.get_menu_items(None, Some(0)).await, Err(Error::NotInRest { .. })));
    assert_eq!(server.book.lines(), Vec::<String>::new());
    assert!(c2d.transfer_message(1, 2, Some("please")).await.unwrap().is_comment_left_out);
    assert!(!c2d.transfer_dialog(1, 2, None).await.unwrap().is_comment_left_out);
    let error = c2d.send_template("none", 7).await.unwrap_err();
    assert!(matches!(error, Error::NotFound));
}

#[tokio::test]
async fn a_pdf_is_sent_as_one_and_a_type_is_kept() {
    let server = Server::start().await;
    let client = server.writer();
    let pdf = ScriptMessage { file: Some("https://x.example/a.pdf".into()), ..ScriptMessage::new(7, "") };
    client.script().send_message(&pdf).await.unwrap();
    let auto = ScriptMessage {
        kind: Some(MessageType::Autoreply),
        file: Some("https://x.example/a.png".into()),
        channel_id: Some(12),
        ..ScriptMessage::new(7, "see")
    };
    client.script().send_message(&auto).await.unwrap();
    let bodies: Vec<_> = server.book.take().into_iter().map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        [
            json!({"client_id": 7, "pdf": "https://x.example/a.pdf"}),
            json!({"client_id": 7, "text": "see", "type": "autoreply", "channel_id": 12,
                "attachment": "https://x.example/a.png"}),
        ]
    );
}

#[tokio::test]
async fn no_more_than_15_messages_leave_in_a_second_whoever_sends_them() {
    let server = Server::start().await;
    let waits = Arc::new(crate::network::Waits::default());
    let mut settings = server.settings().read_write();
    settings.timer = waits.clone();
    let client = Client::new(settings).unwrap();
    for clone in [client.clone(), client.clone(), client] {
        for _ in 0..10 {
            clone.script().send_message(&ScriptMessage::new(7, "Hi")).await.unwrap();
        }
    }
    let waited = waits.waited().as_secs_f64();
    assert!((29.0 / 15.0 - 0.001..2.0).contains(&waited), "{waited}");
}

#[derive(Debug)]
struct At(DateTime<Utc>);

impl WallClock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

#[tokio::test]
async fn the_last_message_is_of_the_dialog_the_kind_and_the_span() {
    let server = Server::start().await;
    let now: DateTime<Utc> = "2026-01-15T10:00:00Z".parse().unwrap();
    let row = |id: u64, dialog: u64, kind: &str, minutes: i64| {
        json!({"id": id, "dialog_id": dialog, "type": kind, "operator_id": (id == 2).then_some(7001),
            "created": (now - TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%S UTC").to_string()})
    };
    let answer = json!({"data": [row(1, 3, "from_client", 50), row(2, 3, "to_client", 40), row(3, 3, "autoreply", 30),
        row(4, 3, "system", 20), row(5, 4, "from_client", 1), row(6, 3, "to_client", 10)], "meta": {"total": 6}});
    let mut settings = server.settings();
    settings.clock = Arc::new(At(now));
    let client = Client::new(settings).unwrap();
    for (kind, minutes, expected) in [
        (MessageKind::Client, 60, Some(1)),
        (MessageKind::Client, 45, None),
        (MessageKind::Operator, 60, Some(2)),
        // What the company wrote and no operator did is automatic, whatever its type.
        (MessageKind::Autoreply, 60, Some(6)),
        (MessageKind::System, 60, Some(4)),
    ] {
        server.book.answer(&answer);
        let span = Duration::from_secs(minutes * 60);
        let last = client.script().get_last_message_id(3, kind, span).await.unwrap();
        assert_eq!(last, expected, "{kind:?} {minutes}");
    }
}

#[tokio::test]
async fn new_messages_are_those_without_a_dialog_and_the_undecided_are_told() {
    let server = Server::start().await;
    server.book.answer(&json!({"data": [
        {"id": 1, "type": "from_client", "read": 0, "dialog_id": null},
        {"id": 2, "type": "from_client", "read": 0, "dialog_id": 3},
        {"id": 3, "type": "from_client", "read": 0},
        {"id": 4, "type": "from_client", "read": 1, "dialog_id": null},
        {"id": 5, "type": "to_client", "read": 0, "dialog_id": null},
    ], "meta": {"total": 9, "limit": 5, "offset": 0}}));
    let new = server.reader().script().get_new_messages().await.unwrap();
    let ids = |messages: &[chat2desk::messages::Message]| messages.iter().map(|m| m.id).collect::<Vec<_>>();
    assert_eq!((ids(&new.messages), ids(&new.undecided), new.is_cut), (vec![1], vec![3], true));
}

#[tokio::test]
async fn operators_who_are_gone_are_not_online_even_where_the_filter_is_ignored() {
    let server = Server::start().await;
    server.book.answer(
        &json!({"data": [{"id": 1, "online": "1", "role": "operator"}, {"id": 2, "online": 0},
        {"id": 3, "online": true, "role": "deleted"}, {"id": 4, "online": 1, "role": "disabled"}],
        "meta": {"total": 4}}),
    );
    let online = server.reader().script().get_online_operators(OnlineOperators::All).await.unwrap();
    assert_eq!(online.iter().map(|operator| operator.id).collect::<Vec<_>>(), [1]);
}
