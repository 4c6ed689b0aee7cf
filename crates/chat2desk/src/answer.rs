//! From status, headers and bytes to success or a class of error. Pure.

use std::time::Duration;

use chrono::DateTime;
use serde_json::{Map, Value};

use crate::error::{Error, Rejection};
use crate::row::{Row, Veiled, flag, id, text, value_of_bytes};

/// An answer, or a row, whose fields the vendor does not publish, or that says little: what came, with tolerant look-ups.
/// `Debug` shows the names of the fields only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// `data`, or the whole answer where it has none.
    pub data: Value,
    /// The other fields of the answer: `status`, `message`, `meta` and what else there is.
    pub envelope: Map<String, Value>,
}

impl Answer {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let mut value = value_of_bytes(body)?;
        if let Value::Object(fields) = &mut value
            && let Some(data) = fields.remove("data")
        {
            return Ok(Self { data, envelope: std::mem::take(fields) });
        }
        Self::read(value)
    }

    /// A field of `data`, else of the envelope.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.data.get(name).or_else(|| self.envelope.get(name)).filter(|value| !value.is_null())
    }

    /// A field that is an id, also as text; 0 is none.
    pub fn id(&self, name: &str) -> Option<u64> {
        self.field(name).and_then(id).flatten()
    }

    /// A field that is text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.field(name).and_then(text).flatten()
    }

    /// A field that is a flag in any form.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.field(name).and_then(flag).flatten()
    }
}

impl Row for Answer {
    fn read(data: Value) -> Result<Self, Error> {
        Ok(Self { data, envelope: Map::new() })
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Answer");
        match &self.data {
            Value::Object(fields) => shown.field("data", &Veiled(fields)),
            data => shown.field("data", &Veiled(data)),
        };
        shown.field("envelope", &Veiled(&self.envelope)).finish()
    }
}

/// Judges an answer by the table of chat2desk.md 1.6. `Ok` means: a success whose body starts like JSON; that of a change
/// may also be empty.
/// `changes` tells whether something was asked to be changed.
pub(crate) fn judge(status: u16, wait: Option<Duration>, body: &[u8], changes: bool) -> Result<(), Error> {
    if (200..300).contains(&status) && !says_error(body) {
        return match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[') => Ok(()),
            Some(b'<') => Err(Error::Unreadable("html instead of json".into())),
            Some(_) => Err(Error::Unreadable("no json".into())),
            None if changes => Ok(()),
            None => Err(Error::Unreadable("empty".into())),
        };
    }
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = texts(&body).to_lowercase();
    if is_quota(&text) {
        return Err(Error::QuotaSpent);
    }
    Err(match status {
        401 | 403 => Error::Unauthorized { status },
        404 => Error::NotFound,
        429 => Error::RateLimited { retry_after: wait },
        408 | 425 | 500..=599 => {
            Error::Retry { what: format!("http {status}"), after: wait, may_have_happened: changes }
        }
        _ if is_token(&text) => Error::Unauthorized { status },
        // The form of the script commands (scripts manual, send_message).
        _ if text.lines().any(begins_with_429) => Error::RateLimited { retry_after: wait },
        _ if is_not_found(&text) => Error::NotFound,
        _ => Error::Rejected(rejection(status, &body, &text)),
    })
}

/// The number by itself, whatever follows it.
fn begins_with_429(line: &str) -> bool {
    line.strip_prefix("429").is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

/// A success status may still carry `"status": "error"`. Only a small body can: a list is not parsed twice.
fn says_error(body: &[u8]) -> bool {
    const SMALL: usize = 16 * 1024;
    body.len() <= SMALL
        && serde_json::from_slice::<Value>(body)
            .is_ok_and(|body| body.get("status").and_then(Value::as_str) == Some("error"))
}

/// What `Retry-After` says: seconds, or a date, which counts from the answer's own `Date`.
pub(crate) fn asked_wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = retry_after.trim().parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let read = |date: &str| DateTime::parse_from_rfc2822(date.trim()).ok();
    (read(retry_after)? - read(date?)?).to_std().ok()
}

/// All texts of an error answer: `message`, `errors` (anything), `error`.
fn texts(body: &Value) -> String {
    let mut out = String::new();
    collect(body, &mut out, 0);
    out
}

fn collect(value: &Value, out: &mut String, depth: u8) {
    match value {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Array(items) if depth < 8 => items.iter().for_each(|item| collect(item, out, depth + 1)),
        Value::Object(fields) if depth < 8 => fields.values().for_each(|item| collect(item, out, depth + 1)),
        _ => {}
    }
}

/// "The number of API requests, or the monthly limit, is exceeded" (chat2desk.md 1.6); not a limit by second or minute.
fn is_quota(text: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let over =
        has(&["exceed", "exhaust", "spent", "limit reached", "over the limit", "превышен", "исчерпан"]);
    let what =
        has(&["api request", "api call", "requests to api", "month", "quota", "месяц", "месяч", "запросов"]);
    over && what
        && !has(&["per second", "per minute", "a second", "a minute", "too many", "в секунду", "в минуту"])
}

fn is_token(text: &str) -> bool {
    text.contains("token is not correct")
        || text.contains("specify the token")
        || text.contains("need to authorize")
}

/// The words for an unknown object stand at the start: "WhatsApp client not found." is a refusal to send.
fn is_not_found(text: &str) -> bool {
    const UNKNOWN: [&str; 6] = [
        "not_found",
        "page not found",
        "request not found",
        "client not found",
        "tag not found",
        "tag does not exist",
    ];
    text.lines().any(|line| UNKNOWN.iter().any(|words| line.trim_start().starts_with(words)))
}

fn rejection(status: u16, body: &Value, text: &str) -> Rejection {
    let errors = body.get("errors").or_else(|| body.get("message")).cloned().unwrap_or(Value::Null);
    let is_name = |name: &str| {
        name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.')
    };
    let fields = errors.as_object().map(|map| map.keys().filter(|name| is_name(name)).cloned().collect());
    let already =
        ["already exist", "already used", "already has state"].iter().any(|words| text.contains(words));
    Rejection { status, fields: fields.unwrap_or_default(), already, errors }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> String {
        match judge(status, None, body.as_bytes(), false) {
            Ok(()) => "ok".into(),
            Err(error) => {
                let shown = format!("{error:?}");
                shown.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
            }
        }
    }

    #[test]
    fn answers_fall_into_the_classes_of_the_reference() {
        for (status, body, expected) in [
            (200, r#"{"data":[],"status":"success"}"#, "ok"),
            (200, " [] ", "ok"),
            (200, "<html>maintenance</html>", "Unreadable"),
            (200, "", "Unreadable"),
            (200, r#"{"status":"error","message":"not_found"}"#, "NotFound"),
            (502, "<html>bad gateway</html>", "Retry"),
            (429, "", "RateLimited"),
            (429, r#"{"status":"error","message":"API requests limit per second exceeded"}"#, "RateLimited"),
            (429, r#"{"status":"error","message":"The number of API requests is exceeded"}"#, "QuotaSpent"),
            (400, r#"{"status":"error","message":"Monthly limit exceeded"}"#, "QuotaSpent"),
            (200, r#"{"status":"error","message":"monthly limit of API requests exceeded"}"#, "QuotaSpent"),
            (403, r#"{"status":"error","message":"token is not correct"}"#, "Unauthorized"),
            (400, r#"{"status":"error","message":"Please specify the token"}"#, "Unauthorized"),
            (404, r#"{"message":"not_found"}"#, "NotFound"),
            (400, r#"{"status":"error","message":"not_found"}"#, "NotFound"),
            (400, r#"{"status":"error","errors":{"url":["bad"]}}"#, "Rejection"),
            (301, "", "Rejection"),
        ] {
            let got = class(status, body).replace("Rejected", "Rejection");
            assert_eq!(got, expected, "{status} {body}");
        }
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        assert_eq!(asked_wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(asked_wait("0.5", None), Some(Duration::from_millis(500)));
        let (now, later) = ("Thu, 15 Jan 2026 09:30:00 GMT", "Thu, 15 Jan 2026 09:31:30 GMT");
        assert_eq!(asked_wait(later, Some(now)), Some(Duration::from_secs(90)));
        for (header, date) in
            [("-3", None), ("soon", Some(now)), (later, None), (now, Some(later)), ("NaN", None)]
        {
            assert_eq!(asked_wait(header, date), None, "{header}");
        }
    }

    #[test]
    fn a_refusal_shows_field_names_and_no_person() {
        let body = r#"{"status":"error","message":"Validation failed",
            "errors":{"client":["This client already exists","{\"id\":330001,\"phone\":\"10005550123\"}"]}}"#;
        let error = judge(400, None, body.as_bytes(), true).unwrap_err();
        assert!(error.is_already_so());
        assert_eq!(error.to_string(), "refused: http 400, fields client");
        assert!(!format!("{error:?}").contains("330001"));
    }

    #[test]
    fn a_persons_text_in_a_list_is_no_quota_message() {
        let body =
            r#"{"data":[{"text":"your monthly limit of API requests is exceeded"}],"status":"success"}"#;
        assert!(judge(200, None, body.as_bytes(), false).is_ok());
    }
}
