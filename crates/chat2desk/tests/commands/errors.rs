//! The table of chat2desk.md 1.6, for every command.

use std::time::Duration;

use chat2desk::clients::{CreatedClient, NewClient};
use chat2desk::requests::Whose;
use chat2desk::{Closed, Error};
use serde_json::json;

use crate::server::{Reply, Server};
use crate::{documented, later};

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    Retry,
    SlowDown,
    StopForTheMonth,
    Alert,
    NoSuchObject,
    Refused,
}

fn class(error: &Error) -> Option<Class> {
    Some(match error {
        Error::Retry { .. } | Error::Unreadable(_) => Class::Retry,
        Error::RateLimited { .. } => Class::SlowDown,
        Error::QuotaSpent => Class::StopForTheMonth,
        Error::Unauthorized { .. } => Class::Alert,
        Error::NotFound => Class::NoSuchObject,
        Error::Rejected(_) => Class::Refused,
        _ => return None,
    })
}

fn table() -> Vec<(Class, Reply)> {
    let http = |status, body: &str| Reply::Http(status, "", body.to_owned());
    vec![
        (Class::Retry, http(500, "")),
        (Class::Retry, http(502, "<html>bad gateway</html>")),
        (Class::Retry, http(503, r#"{"status":"error","message":"maintenance"}"#)),
        (Class::Retry, http(200, "<html>maintenance</html>")),
        (Class::Retry, http(200, r#"{"data":[{"id":1},{"i"#)),
        (Class::Retry, Reply::Cut(r#"{"data":[{"id":1},"#.to_owned())),
        (Class::SlowDown, http(429, "")),
        (Class::SlowDown, Reply::Http(429, "retry-after: 7\r\n", "{}".to_owned())),
        (Class::SlowDown, http(400, r#"{"status":"error","message":"429 Too many requests"}"#)),
        (Class::StopForTheMonth, http(400, r#"{"status":"error","message":"Monthly limit exceeded"}"#)),
        (
            Class::StopForTheMonth,
            http(403, r#"{"status":"error","message":"The number of API requests is exceeded"}"#),
        ),
        (Class::Alert, http(403, r#"{"status":"error","message":"token is not correct"}"#)),
        (Class::Alert, http(401, "")),
        (Class::Alert, http(400, r#"{"status":"error","message":"Please specify the token"}"#)),
        (Class::NoSuchObject, http(404, "")),
        (Class::NoSuchObject, http(400, r#"{"status":"error","message":"not_found"}"#)),
        (Class::NoSuchObject, http(200, r#"{"status":"error","message":"Page not found"}"#)),
        (Class::NoSuchObject, http(400, r#"{"status":"error","errors":["tag does not exist"]}"#)),
        (
            Class::Refused,
            http(400, r#"{"status":"error","message":"Validation failed","errors":{"x":["bad"]}}"#),
        ),
        (Class::Refused, http(400, r#"{"status":"error","errors":"plain text"}"#)),
        (Class::Refused, http(422, r#"{"status":"error","message":"tag does not belong to the company"}"#)),
        (Class::Refused, http(400, r#"{"status":"error","message":"WhatsApp client not found."}"#)),
    ]
}

#[tokio::test]
async fn every_command_fails_with_the_class_of_the_table() {
    let server = Server::start().await;
    let writer = server.writer();
    for (expected, reply) in table() {
        for command in documented::commands().into_iter().chain(later::commands()) {
            server.book.reply(reply.clone());
            let outcome = (command.call)(writer.clone()).await;
            let is_gone_already =
                expected == Class::NoSuchObject && command.line.starts_with("DELETE /v1/webhooks/");
            if is_gone_already {
                assert!(outcome.is_ok());
                continue;
            }
            let error = outcome.err().unwrap_or_else(|| panic!("{} succeeded with {reply:?}", command.line));
            assert_eq!(class(&error), Some(expected), "{} {reply:?}: {error}", command.line);
            let lost = expected == Class::Retry && !command.changes && matches!(error, Error::Retry { .. });
            assert!(!(lost && error.may_have_happened()), "{}: a read changes nothing", command.line);
        }
    }
}

#[tokio::test]
async fn a_change_that_was_lost_may_have_happened() {
    let server = Server::start().await;
    for (reply, expected) in [
        (Reply::Http(502, "", String::new()), true),
        (Reply::Cut("{".into()), true),
        (Reply::Http(200, "", "<html>".into()), true),
        (Reply::Http(400, "", "{}".into()), false),
        (Reply::Http(429, "", String::new()), false),
    ] {
        server.book.reply(reply.clone());
        let error = server.writer().assign_dialog(1, 2).await.unwrap_err();
        assert_eq!(error.may_have_happened(), expected, "{reply:?}");
    }
    let gone = chat2desk::Settings::new("http://127.0.0.1:9".parse().unwrap(), chat2desk::Token::new("t"));
    let nobody = chat2desk::Client::new(gone.read_write()).unwrap();
    let error = nobody.assign_dialog(1, 2).await.unwrap_err();
    assert!(matches!(error, Error::Retry { .. }) && !error.may_have_happened(), "no connection came about");
}

#[tokio::test]
async fn retry_after_is_told_to_the_caller() {
    let server = Server::start().await;
    server.book.reply(Reply::Http(429, "retry-after: 7\r\n", String::new()));
    let error = server.reader().api_info().await.unwrap_err();
    assert_eq!(error.asked_to_wait(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn what_is_so_already_is_a_success_that_says_so() {
    let server = Server::start().await;
    let refused = |body: serde_json::Value| server.book.reply(Reply::Http(400, "", body.to_string()));
    refused(json!({"status": "error", "errors": {"state": ["dialog already has state closed"]}}));
    assert_eq!(server.writer().close_dialog(3).await.unwrap(), Closed::Before);
    refused(json!({"status": "error", "message": "Request already has state closed"}));
    assert_eq!(server.writer().close_request(Whose::Request(5)).await.unwrap(), Closed::Before);
    assert_eq!(server.writer().close_dialog(3).await.unwrap(), Closed::Now);
    refused(json!({"status": "error", "message": "Validation failed",
        "errors": {"client": ["This client already exists", "{\"id\":330001,\"phone\":\"10005550123\"}"]}}));
    let created = server.writer().create_client(&NewClient::new("10005550123", "whatsapp")).await.unwrap();
    assert_eq!(created, CreatedClient::Existing { client_id: Some(330_001) });
    refused(json!({"status": "error", "errors": {"url": ["This url is already used"]}}));
    let spec = chat2desk::WebhookSpec::new("a", "https://x.example/h", &["inbox"]);
    assert!(server.writer().create_webhook(&spec).await.unwrap_err().is_already_so());
}

#[tokio::test]
async fn an_error_shows_neither_the_token_nor_a_person() {
    let server = Server::start().await;
    let body =
        json!({"status": "error", "message": "Anna Smith is unknown", "errors": {"phone": ["10005550123"]}});
    for status in [400, 403, 404, 500] {
        server.book.reply(Reply::Http(status, "", body.to_string()));
        let error = server.writer().create_client(&NewClient::new("10005550123", "sms")).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        for secret in ["Anna", "10005550123", "example-api-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_change_whose_answer_says_nothing_was_made() {
    let server = Server::start().await;
    for body in ["", "{}", r#"{"data":null,"status":"success"}"#, r#"{"data":[]}"#] {
        server.book.reply(Reply::Http(200, "", body.to_owned()));
        let message = chat2desk::messages::OutgoingMessage::to_client(7, "Hi");
        assert_eq!(server.writer().send_message(&message).await.unwrap().message_id, None, "{body}");
        server.book.reply(Reply::Http(200, "", body.to_owned()));
        assert_eq!(server.writer().close_dialog(3).await.unwrap(), Closed::Now, "{body}");
        server.book.reply(Reply::Http(200, "", body.to_owned()));
        let error = server.writer().create_client(&NewClient::new("1", "sms")).await.unwrap_err();
        assert!(matches!(error, Error::Unreadable(_)) && error.may_have_happened(), "{body}: no id");
    }
}
