//! Script events: what the handlers of a script at the vendor forward (reference/chat2desk.md 4.1).
//!
//! A script's input has no time, so its facts have none: the receipt stands in, and any other road's time wins. The input
//! of all handlers but one is not documented: ids are looked for by the tolerant names of 8.2. A handler that runs before
//! something happens is no evidence that it happened; it is kept and counted.

use chat2desk::payload::{Fields, Json};
use chrono::{DateTime, Duration, Utc};
use events::delivery::is_plausible;
use events::fact::UnknownEvent;
use events::{Fact, Observation};
use serde_json::{Map, Value};

use super::message::is_choice;
use super::telling::{Reject, Source, Telling};
use super::webhook;

type Read = Result<Vec<Observation>, Reject>;

/// A script gives up long before.
const LONGEST_HELD: Duration = Duration::days(1);
/// As far as the time of a webhook is believed too (design.md 7.6): it is the same clock.
const CLOCKS_AGREE: Duration = Duration::minutes(5);

/// What the call of a handler is evidence of.
enum Evidence {
    /// The same as this webhook.
    Same(&'static str),
    /// A message of a client, if it carries one.
    PerhapsMessage,
    /// The client's card as it is now.
    Card,
    /// Nothing that happened, as far as is known.
    Kept,
}

/// The 14 handlers, without their ending. Handlers of the company's own and unknown ones are none of them.
fn evidence(handler: &str) -> Option<Evidence> {
    Some(match handler {
        "new_message" => Evidence::Same("inbox"),
        "after_closing_dialog" => Evidence::Same("close_dialog"),
        "dialog_transfer" => Evidence::Same("dialog_transferred"),
        "new_request" => Evidence::Same("new_request"),
        "add_tag_to_request" => Evidence::Same("add_tag_to_request"),
        "delete_tag_from_request" => Evidence::Same("delete_tag_from_request"),
        "client_updated" => Evidence::Card,
        "chat_bot_not_triggered" => Evidence::PerhapsMessage,
        // It has not happened yet: another handler or the customer's own may still stop it.
        "before_sending_message" | "before_closing_dialog" => Evidence::Kept,
        "auto_checking" | "qr_code_result" | "manually" | "request_phone" => Evidence::Kept,
        _ => return None,
    })
}

/// Reads what a script forwarded: the input as it is, or in the envelope of `chatledger accounts script`.
pub(super) fn read<'a>(fields: Fields<'a>, source: &Source<'a>) -> Read {
    let Some(event) = source.delivery.capture.event.as_deref() else {
        return webhook::read(&Telling::live(fields, source));
    };
    let forwarded = fields.to_map();
    let call = Call::of(&forwarded);
    let nothing = Map::new();
    let input = match &call {
        Some(call) => call.input.as_object().unwrap_or(&nothing),
        None => &forwarded,
    };
    let object = match (evidence(handler(event)), input.get("hook_type")) {
        (Some(Evidence::Same(hook_type)), _) => labelled(input.clone(), hook_type),
        (Some(Evidence::Card), _) => labelled(card(input), "client_updated"),
        (Some(Evidence::PerhapsMessage), _) if names_message(input) => labelled(input.clone(), "inbox"),
        // A script of the company's own that forwards in the form of webhooks.
        (None, Some(Value::String(_))) => Value::Object(input.clone()),
        _ => Value::Null,
    };
    let object = Json::from(object);
    // What is kept has no fields that anybody reads.
    let telling = Telling::live(Fields::of(&object).unwrap_or(fields), source);
    let telling = match &call {
        Some(call) => telling.of_call(call.name, call.due(source.delivery.received_at)),
        None => telling,
    };
    let dropped = call.as_ref().filter(|call| call.dropped > 0).map(|call| {
        let name = Some(format!("script_dropped_{}", call.dropped));
        telling.observe(format!("{}:dropped", telling.second()), Fact::UnknownEvent(UnknownEvent { name }))
    });
    if object.is_null() {
        return Ok([kept(&telling, event)].into_iter().chain(dropped).collect());
    }
    let mut observations = webhook::read(&telling)?;
    for observation in &mut observations {
        match &mut observation.fact {
            Fact::Message(message) => message.menu_item = menu_item(&telling.fields),
            Fact::RequestOpened(fact) => fact.at = None,
            Fact::RequestClosed(fact) => fact.at = None,
            Fact::DialogClosed(fact) => fact.at = telling.time(&["end"]),
            Fact::DialogTransferred(fact) => fact.at = None,
            Fact::Tagging(fact) => fact.at = None,
            _ => {}
        }
    }
    observations.extend(dropped);
    Ok(observations)
}

/// The envelope that the printed handler class puts around the input.
struct Call<'a> {
    /// One for each time that the vendor called the handler, however often it was sent.
    name: &'a str,
    /// When the handler was called and when this was sent, by the vendor's clock.
    clock: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// How many events the script had to give up before this one: kept and counted as an event of its own.
    dropped: u64,
    input: &'a Value,
}

impl<'a> Call<'a> {
    fn of(top: &'a Map<String, Value>) -> Option<Self> {
        let (name, input) = (top.get("call")?.as_str()?, top.get("data")?);
        // A script of the company's own may have fields of these names.
        let is_ours = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_ours || !top.contains_key("called_at") {
            return None;
        }
        let clock = instant(top.get("called_at")).zip(instant(top.get("sent_at")));
        let dropped = top.get("dropped").and_then(Value::as_u64).unwrap_or_default();
        Some(Self { name, clock, dropped, input })
    }

    /// When it would have come had nothing held it back. By the vendor's clock where that agrees with ours, because it keeps
    /// the order of calls that follow one another closely; else by how long it was held.
    fn due(&self, received_at: DateTime<Utc>) -> DateTime<Utc> {
        let Some((called_at, sent_at)) = self.clock else { return received_at };
        let held = sent_at - called_at;
        if held < Duration::zero() || held > LONGEST_HELD {
            received_at
        } else if (received_at - sent_at).abs() <= CLOCKS_AGREE {
            called_at.min(received_at)
        } else {
            received_at - held
        }
    }
}

/// Unix seconds with a fraction.
fn instant(value: Option<&Value>) -> Option<DateTime<Utc>> {
    let seconds = value?.as_f64().filter(|seconds| (0.0..1e11).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let micros = (seconds * 1e6).round() as i64;
    DateTime::from_timestamp_micros(micros).filter(|at| is_plausible(*at))
}

/// `new_request_handler`, `new_request_handlers` (the manual has one of each) and `new_request` are one.
fn handler(event: &str) -> &str {
    let event = event.trim();
    event.strip_suffix("_handlers").or_else(|| event.strip_suffix("_handler")).unwrap_or(event)
}

/// The object as the webhook of this name.
fn labelled(mut object: Map<String, Value>, hook_type: &str) -> Value {
    object.insert("hook_type".to_owned(), Value::from(hook_type));
    Value::Object(object)
}

/// The client's fields: in an object of their own, as in the input that is documented, or at the top.
fn card(input: &Map<String, Value>) -> Map<String, Value> {
    match input.get("client") {
        Some(Value::Object(client)) if client.contains_key("id") => client.clone(),
        _ => input.clone(),
    }
}

fn names_message(input: &Map<String, Value>) -> bool {
    input.contains_key("message_id")
        || input.contains_key("messageID")
        || input.get("message").is_some_and(Value::is_object)
}

/// The command of the menu item that the client chose.
fn menu_item(fields: &Fields<'_>) -> Option<String> {
    const IS_MENU: &[&str] = &["is_menu", "message.is_menu"];
    let item = match fields.value(IS_MENU).filter(|value| is_choice(value))? {
        // It says that it is one, not which.
        Json::Bool(_) | Json::List(_) => return None,
        Json::Object(_) => {
            fields.text(&["is_menu.id", "is_menu.command", "message.is_menu.id", "message.is_menu.command"])
        }
        _ => fields.text(IS_MENU),
    }?;
    let item = item.trim().chars().take(200).collect::<String>();
    (!item.is_empty()).then_some(item)
}

/// Kept and counted: it says that something was, or may be, and which handler said so.
fn kept(telling: &Telling<'_>, event: &str) -> Observation {
    let name = event.chars().filter(|c| c.is_alphanumeric() || "_.-".contains(*c)).take(80).collect();
    telling.observe(telling.second(), Fact::UnknownEvent(UnknownEvent { name: Some(name) }))
}

#[cfg(test)]
mod tests;
