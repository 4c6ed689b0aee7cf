//! What a row of a table of commands is.

use std::future::Future;
use std::pin::Pin;

use chat2desk::{Client, Error};
use serde_json::{Value, json};

pub(crate) type Outcome = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// One call: what it must put on the wire, and how it is made.
pub(crate) struct Command {
    /// Number of the command in the manual's table (chat2desk.md 2.1); 0: later than the manual.
    pub(crate) number: u8,
    /// Whether it changes something: then a read-only client refuses it.
    pub(crate) changes: bool,
    /// Method, path and query.
    pub(crate) line: &'static str,
    pub(crate) body: Value,
    /// What the server answers.
    pub(crate) answer: Value,
    pub(crate) call: fn(Client) -> Outcome,
}

/// The answer that most commands can make something of.
pub(crate) fn plain() -> Value {
    json!({"data": {"id": 1}, "status": "success"})
}

/// `read!(17, "GET /v1/dialogs/3", |c| c.dialog(3))`, with the answer behind it where the plain one does not do.
macro_rules! read {
    ($number:expr, $line:expr, |$client:ident| $call:expr) => {
        read!($number, $line, |$client| $call, $crate::table::plain())
    };
    ($number:expr, $line:expr, |$client:ident| $call:expr, $answer:expr) => {
        $crate::table::Command {
            number: $number,
            changes: false,
            line: $line,
            body: serde_json::Value::Null,
            answer: $answer,
            call: |$client| Box::pin(async move { $call.await.map(drop) }),
        }
    };
}

/// The same for a command that changes something: line, body, call.
macro_rules! change {
    ($number:expr, $line:expr, $body:expr, |$client:ident| $call:expr) => {
        $crate::table::Command {
            number: $number,
            changes: true,
            line: $line,
            body: $body,
            answer: $crate::table::plain(),
            call: |$client| Box::pin(async move { $call.await.map(drop) }),
        }
    };
}

pub(crate) use {change, read};
