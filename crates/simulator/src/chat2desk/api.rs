//! REST as it behaves today (reference 1 and 2): [`answer`] is a function of the world, the call and the instant.
//!
//! `route` is the whole list of commands; each goes to the file of its group.

mod chats;
mod clients;
mod company;
mod dialogs;
mod help;
mod menu;
mod messages;
mod operators;
mod params;
mod refusal;
mod sending;
pub(super) mod show;
mod tags;
mod tickets;
mod webhooks;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::{ApiMode, ErrorForm, Id, World};
use crate::Error;
pub use params::Params;
pub(super) use params::start_of_day;
pub use refusal::Refusal;

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

    /// A success with nothing to tell.
    pub(super) fn done() -> Self {
        Self::data(Value::Null)
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

    /// Cuts the page that `params` ask for out of all matching rows; only its rows are written out.
    pub(super) fn cut<T>(params: &Params, rows: &[T], show: impl Fn(&T) -> Value) -> Self {
        let (limit, offset) = (params.limit(), params.offset());
        let shown = rows.iter().skip(offset).take(limit).map(show).collect();
        Self::page(shown, rows.len(), limit, offset)
    }

    /// The same refusal in another of the forms of reference 1.6. The one that hides a client's id has only one form.
    fn in_form(mut self, form: ErrorForm) -> Self {
        let Some(object) = self.body.as_object_mut() else { return self };
        let fields =
            object.get("errors").and_then(Value::as_object).filter(|fields| !fields.contains_key("client"));
        let Some(fields) = fields else { return self };
        let say =
            |(field, texts): (&String, &Value)| format!("{field} {}", texts[0].as_str().unwrap_or_default());
        let text = fields.iter().map(say).collect::<Vec<_>>().join(", ");
        match form {
            ErrorForm::Map => {}
            ErrorForm::Text => {
                object.insert("errors".into(), text.into());
            }
            ErrorForm::Missing => {
                object.remove("errors");
            }
        }
        self
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { what: "request" } => Self::refused(404, "not_found"),
            Error::NotFound { .. } => Self::refused(404, &error.to_string()),
            Error::WrongState(text) => Self::refused(400, text),
            Error::Invalid { field, text } => Self::invalid(field, text),
            Error::Serve(_) | Error::Client(_) => Self::refused(500, "internal error"),
        }
    }
}

/// Answers one call: authorisation, quota, then the command. May change the world.
pub fn answer(world: &mut World, call: &Call, now: DateTime<Utc>) -> Answer {
    let now = world.reach(now);
    if call.token.as_deref() != Some(world.account.token.as_str()) {
        return Refusal::TokenIncorrect.answer();
    }
    if world.account.mode == ApiMode::Disabled {
        return Refusal::ApiOff.answer();
    }
    if !world.account.count_call(now) {
        return Refusal::QuotaSpent.answer();
    }
    let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let seconds = path == ["v1", "dialogs", "unanswered"];
    if world.account.habits.large_limit_refused && call.params.asks_too_much() && !seconds {
        return Answer::invalid("limit", "must be less than or equal to 200")
            .in_form(world.account.habits.errors);
    }
    let answered = route(world, &call.method, &path, &call.params, now);
    answered.unwrap_or_else(Answer::from).in_form(world.account.habits.errors)
}

fn route(
    world: &mut World,
    method: &str,
    path: &[&str],
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    // The one command without the prefix.
    if (method, path) == ("GET", &["gateway", "delete_outbox"][..]) {
        world.delete_unsent(now);
        return Ok(Answer::done());
    }
    let Some(("v1", path)) = path.split_first().map(|(first, rest)| (*first, rest)) else {
        return Ok(unknown());
    };
    match (method, path) {
        ("GET", ["messages"]) => Ok(messages::list(world, params, now)),
        ("POST", ["messages"]) => sending::send(world, params, now),
        ("POST", ["messages", "inbox"]) => sending::inbox(world, params, now),
        ("GET", ["messages", id]) => messages::one(world, id_of(id, "message")?, now),
        ("POST", ["messages", id, "assign"]) => chats::assign(world, id_of(id, "message")?, params, now),
        ("GET", ["messages", id, "transfer"]) => chats::transfer(world, id_of(id, "message")?, params, now),
        ("GET", ["messages", id, "transfer_to_group"]) => {
            chats::transfer_to_group(world, id_of(id, "message")?, params, now)
        }
        ("GET", ["messages", id, "read"]) => chats::mark(world, id_of(id, "message")?, true),
        ("GET", ["messages", id, "unread"]) => chats::mark(world, id_of(id, "message")?, false),

        ("PUT", ["requests", "close"]) => chats::close(world, params, now),
        ("GET", ["requests", id]) => chats::request(world, id_of(id, "request")?),
        ("GET", ["requests", id, "messages"]) => messages::of_request(world, id_of(id, "request")?, now),

        ("GET", ["dialogs"]) => Ok(dialogs::list(world, params)),
        ("GET", ["dialogs", "unanswered"]) => Ok(dialogs::unanswered(world, params, now)),
        ("GET", ["dialogs", id]) => dialogs::one(world, id_of(id, "dialog")?),
        ("PUT", ["dialogs", id]) => dialogs::edit(world, id_of(id, "dialog")?, params, now),

        ("GET", ["clients"]) => Ok(clients::list(world, params)),
        ("POST", ["clients"]) => clients::create(world, params, now),
        ("GET", ["clients", id]) => clients::one(world, id_of(id, "client")?),
        ("PUT", ["clients", id]) => clients::edit(world, id_of(id, "client")?, params, now),
        ("GET", ["clients", id, "transport"]) => clients::transports(world, id_of(id, "client")?),
        ("GET", ["clients", id, "dialogs"]) => dialogs::of_client(world, id_of(id, "client")?),
        ("GET", ["clients", id, "last_question"]) => menu::last_of_client(world, id_of(id, "client")?),
        ("GET", ["clients", id, "questions"]) => menu::of_client(world, id_of(id, "client")?, params),
        ("GET", ["custom_client_fields"]) => Ok(clients::custom_fields(world, params)),

        ("GET", ["operators"]) => Ok(operators::list(world, params)),
        ("POST", ["operators"]) => operators::create(world, params, now),
        ("PUT", ["operators"]) => operators::edit(world, params.id("id").unwrap_or(0), params, now),
        ("GET", ["operators", "statuses"]) => Ok(operators::statuses()),
        ("PUT", ["operators", "statuses", id]) => {
            operators::set_status(world, id_of(id, "operator")?, params, now)
        }
        ("GET", ["operators", id]) => operators::one(world, id_of(id, "operator")?),
        ("PUT", ["operators", id]) => operators::edit(world, id_of(id, "operator")?, params, now),
        ("GET", ["operators_groups"]) => Ok(operators::groups(world)),
        ("GET", ["access_rights"]) => Ok(operators::access_rights(world, params)),
        ("GET", ["access_rights", id]) => operators::access_right(world, id_of(id, "access right")?),

        ("GET", ["tags"]) => Ok(tags::list(world, params)),
        ("POST", ["tags"]) => tags::create(world, params, now),
        ("POST", ["tags", "assign_to"]) => tags::assign(world, params, now),
        ("GET", ["tags", id]) => tags::one(world, id_of(id, "tag")?),
        ("DELETE", ["tags", id, "delete_from"]) => tags::remove(world, id_of(id, "tag")?, params, now),
        ("POST", ["tag_groups"]) => tags::create_group(world, params),

        ("GET", ["templates"]) => Ok(menu::templates(world, params)),
        ("GET", ["templates", id]) => menu::template(world, id_of(id, "template")?),
        ("GET", ["questions", id, "send"]) => menu::send(world, id_of(id, "menu item")?, params, now),
        ("GET", ["scenarios", "menu_items"]) => Ok(menu::items(world, params)),
        ("POST", ["scenarios", "send_menu_item"]) => menu::send_item(world, params, now),
        ("POST", ["qr-decode"]) => menu::decode_qr(world, params),

        ("GET", ["channels"]) => Ok(company::channels(world, params)),
        ("GET", ["channels", id]) => company::channel(world, id_of(id, "channel")?),
        ("GET", ["channels", id, "clients"]) => clients::of_channel(world, id_of(id, "channel")?),
        ("GET", ["companies", "api_info"]) => Ok(company::api_info(world)),
        ("GET", ["companies", "info"]) => Ok(company::info(world)),
        ("PUT", ["companies"]) => company::edit(world, params),
        ("PUT", ["companies", "switch_mode"]) => company::switch_mode(world, params),
        ("POST", ["companies", "web_hook"]) => webhooks::set_old_messages(world, params),
        ("POST", ["companies", "chat_close_web_hook"]) => webhooks::set_old_closes(world, params),
        ("GET", ["statistics"]) => Ok(super::statistics::report(world, params)),
        ("GET", ["web_analytics_data"]) => Ok(Answer::cut(params, &[] as &[()], |()| Value::Null)),

        ("GET", ["webhooks"]) => Ok(webhooks::list(world)),
        ("POST", ["webhooks"]) => webhooks::put(world, None, params),
        ("GET", ["webhooks", id]) => webhooks::one(world, id_of(id, "webhook")?),
        ("PUT", ["webhooks", id]) => webhooks::put(world, Some(id_of(id, "webhook")?), params),
        ("DELETE", ["webhooks", id]) => webhooks::delete(world, id_of(id, "webhook")?),

        ("GET", ["tickets"]) => Ok(tickets::list(world, params)),
        ("POST", ["tickets"]) => tickets::create(world, params, now),
        ("GET", ["tickets", id]) => tickets::one(world, id_of(id, "ticket")?),
        ("PUT", ["tickets", id]) => tickets::edit(world, id_of(id, "ticket")?, params, now),
        ("DELETE", ["tickets", id]) => tickets::delete(world, id_of(id, "ticket")?, now),

        ("GET", ["regions"]) => Ok(help::regions()),
        ("GET", ["countries"]) => Ok(help::countries()),
        ("GET", ["help", list]) => Ok(help::list(list)),
        _ => Ok(unknown()),
    }
}

pub(super) fn unknown() -> Answer {
    Refusal::PageNotFound.answer()
}

fn id_of(text: &str, what: &'static str) -> Result<Id, Error> {
    text.parse().map_err(|_| Error::NotFound { what })
}

/// A parameter that must be there.
fn required(params: &Params, name: &'static str) -> Result<String, Error> {
    params.text(name).ok_or(Error::Invalid { field: name, text: "can't be blank" })
}
