//! REST as it behaves today (reference 1 and 2): [`answer`] is a function of the world, the call and the instant.

mod company;
mod lists;
mod messages;
mod params;
pub(super) mod show;
mod writes;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::{ApiMode, Id, World};
use crate::Error;
pub use params::Params;
pub(super) use params::start_of_day;

/// A call as it came.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The value of `Authorization`.
    pub token: Option<String>,
    /// Query and body, merged: the service reads its parameters from either.
    pub params: Params,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Value,
}

impl Answer {
    /// The envelope of a success.
    pub(super) fn data(data: impl Into<Value>) -> Self {
        let data: Value = data.into();
        Self { status: 200, body: json!({"data": data, "status": "success"}) }
    }

    /// A success without the envelope.
    pub(super) fn bare(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// A refusal with a text.
    pub(super) fn refused(status: u16, message: &str) -> Self {
        Self { status, body: json!({"status": "error", "message": message}) }
    }

    /// A refusal that names a field.
    pub(super) fn invalid(field: &str, message: &str) -> Self {
        let body = json!({"status": "error", "message": "Validation failed", "errors": {field: [message]}});
        Self { status: 400, body }
    }

    /// A page of a list: `total` rows match, `limit` and `offset` as they were understood.
    pub(super) fn page(rows: Vec<Value>, total: usize, limit: usize, offset: usize) -> Self {
        let meta = json!({"total": total, "limit": limit, "offset": offset});
        Self { status: 200, body: json!({"data": Value::Array(rows), "meta": meta, "status": "success"}) }
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { what: "request" } => Self::refused(404, "not_found"),
            Error::NotFound { .. } => Self::refused(404, &error.to_string()),
            Error::WrongState(text) => Self::refused(400, text),
            Error::Serve(_) | Error::Client(_) => Self::refused(500, "internal error"),
        }
    }
}

/// Answers one call: authorisation, quota, then the command. May change the world.
pub fn answer(world: &mut World, call: &Call, now: DateTime<Utc>) -> Answer {
    let now = world.reach(now);
    if call.token.as_deref() != Some(world.account.token.as_str()) {
        return Answer::refused(403, "token is not correct");
    }
    if world.account.mode == ApiMode::Disabled {
        return Answer::refused(403, "API is disabled for this company");
    }
    if !world.account.count_call(now) {
        return spent();
    }
    let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let Some(("v1", path)) = path.split_first().map(|(first, rest)| (*first, rest)) else {
        return unknown();
    };
    let params = &call.params;
    match (call.method.as_str(), path) {
        ("GET", _) => read(world, path, params, now),
        _ => writes::write(world, &call.method, path, params, now),
    }
    .unwrap_or_else(Answer::from)
}

/// The text of a spent quota.
pub(super) fn spent() -> Answer {
    Answer::refused(403, "The number of API requests has exceeded the monthly limit")
}

pub(super) fn unknown() -> Answer {
    Answer::refused(404, "Page not found")
}

fn read(world: &mut World, path: &[&str], params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    Ok(match path {
        ["messages"] => messages::list(world, params, now),
        ["messages", id] => messages::one(world, id_of(id, "message")?, now)?,
        ["messages", id, command] => {
            writes::message_command(world, id_of(id, "message")?, command, params, now)?
        }
        ["requests", id] => lists::request(world, id_of(id, "request")?)?,
        ["requests", id, "messages"] => messages::of_request(world, id_of(id, "request")?, now)?,
        ["clients"] => lists::clients(world, params),
        ["clients", id] => Answer::data(show::client(world, world.client(id_of(id, "client")?)?)),
        ["clients", id, rest] => lists::of_client(world, id_of(id, "client")?, rest)?,
        ["dialogs"] => lists::dialogs(world, params),
        ["dialogs", "unanswered"] => lists::unanswered(world, params, now),
        ["dialogs", id] => lists::dialog(world, id_of(id, "dialog")?)?,
        ["operators"] => lists::operators(world, params),
        ["operators", "statuses"] => Answer::bare(lists::statuses()),
        ["operators", id] => lists::operator(world, id_of(id, "operator")?)?,
        ["operators_groups"] => lists::groups(world),
        ["tags"] => lists::tags(world, params),
        ["tags", id] => Answer::data(show::tag(world.tag(id_of(id, "tag")?)?)),
        ["channels"] => lists::channels(world, params),
        ["channels", id] => lists::channel(world, id_of(id, "channel")?)?,
        ["channels", id, "clients"] => lists::clients_of_channel(world, id_of(id, "channel")?),
        ["statistics"] => super::statistics::report(world, params),
        ["webhooks", ..] | ["companies", ..] | ["help", ..] => company::read(world, path),
        ["templates"] | ["regions"] | ["countries"] | ["custom_client_fields"] | ["access_rights"] => {
            Answer::page(Vec::new(), 0, 20, 0)
        }
        _ => unknown(),
    })
}

fn id_of(text: &str, what: &'static str) -> Result<Id, Error> {
    text.parse().map_err(|_| Error::NotFound { what })
}
