//! What is told to whom: the body of a webhook (design.md 4), and what a mail says.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use store::escalations::{Escalation, Scored};

/// What happened to an escalation. For one receiver they are told in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// It was opened.
    Opened,
    /// Somebody takes care.
    Acknowledged,
    /// It was closed.
    Closed,
    /// Its cause has gone.
    Withdrawn,
}

impl Event {
    /// Its word in keys and bodies.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Its place in the order: `ledger.effects.version`.
    pub const fn version(self) -> i64 {
        match self {
            Self::Opened => 1,
            Self::Acknowledged => 2,
            Self::Closed => 3,
            Self::Withdrawn => 4,
        }
    }
}

/// Everything that is said of an escalation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) event: Event,
    pub(crate) escalation: &'a Escalation,
    /// The score as it is now; gone when the row is.
    pub(crate) scored: Option<&'a Scored>,
    /// Who acknowledged or closed it.
    pub(crate) by: Option<&'a str>,
    /// Why it was closed or withdrawn.
    pub(crate) reason: Option<&'a str>,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    escalation_key: &'a str,
    account: &'a str,
    rule: &'a str,
    episode: i32,
    request_key: Option<&'a str>,
    valuation_request_key: &'a str,
    score: Option<f64>,
    scale: Option<f64>,
    label: Option<&'a str>,
    comment: Option<&'a str>,
    operator: Option<Person<'a>>,
    client: Option<Person<'a>>,
    dialog_url: Option<&'a str>,
    given_at: String,
    opened_at: String,
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Person<'a> {
    id: &'a str,
    name: Option<&'a str>,
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The body of a webhook, final but for the link (see [`with_link`]).
pub(crate) fn webhook(telling: &Telling<'_>) -> serde_json::Result<Vec<u8>> {
    let Telling { event, escalation, scored, by, reason, at } = *telling;
    let operator_name = scored.and_then(|scored| scored.operator_name.as_deref());
    let client_name = scored.and_then(|scored| scored.client_name.as_deref());
    serde_json::to_vec(&Body {
        r#type: format!("escalation.{}", event.word()),
        timestamp: time(at),
        data: Data {
            escalation_key: &escalation.key,
            account: &escalation.account,
            rule: &escalation.rule,
            episode: escalation.episode,
            request_key: escalation.request_key.as_deref(),
            valuation_request_key: &escalation.cause,
            score: escalation.score,
            scale: escalation.scale,
            label: escalation.label.as_deref(),
            comment: scored.and_then(|scored| scored.comment.as_deref()),
            operator: escalation.operator_id.as_deref().map(|id| Person { id, name: operator_name }),
            client: escalation.client_id.as_deref().map(|id| Person { id, name: client_name }),
            dialog_url: scored.and_then(|scored| scored.dialog_url.as_deref()),
            given_at: time(escalation.given_at),
            opened_at: time(escalation.opened_at),
            due_at: escalation.due_at.map(time),
            by,
            reason,
        },
    })
}

/// The same body with the link in it, as the last key of `data`. Spliced into the bytes: whatever version of the
/// program sends them again, they stay the same.
pub(crate) fn with_link(body: &[u8], link: Option<&str>) -> Bytes {
    let Some((link, open)) = link.zip(body.strip_suffix(b"}}")) else { return Bytes::copy_from_slice(body) };
    let mut whole = open.to_vec();
    // An address is printable ASCII without quotes: it needs no escapes.
    whole.extend_from_slice(format!(",\"ack_url\":\"{link}\"}}}}").as_bytes());
    whole.into()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use serde_json::{Value, json};
    use store::escalations::Status;

    use super::*;

    fn escalation() -> Escalation {
        let at = Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap();
        Escalation {
            account: "acme".to_owned(),
            key: "acme/low-score/880/1".to_owned(),
            rule: "low-score".to_owned(),
            episode: 1,
            cause: "880".to_owned(),
            request_key: Some("870".to_owned()),
            client_id: Some("5".to_owned()),
            operator_id: None,
            score: Some(1.0),
            scale: Some(5.0),
            label: Some("score \"1\"}}".to_owned()),
            given_at: at,
            delivery_id: None,
            status: Status::Open,
            owner: None,
            close_reason: None,
            due_at: None,
            opened_at: at,
            updated_at: at,
            timeline: json!([]),
        }
    }

    #[test]
    fn a_body_is_that_of_the_contract_and_takes_the_link_last() {
        let escalation = escalation();
        let telling = Telling {
            event: Event::Opened,
            escalation: &escalation,
            scored: None,
            by: None,
            reason: None,
            at: escalation.opened_at,
        };
        let body = webhook(&telling).unwrap();
        assert_eq!(with_link(&body, None), body);
        let linked: Value = serde_json::from_slice(&with_link(&body, Some("https://x.org/ack/s/k"))).unwrap();
        assert_eq!(linked["type"], "escalation.opened");
        assert_eq!(linked["timestamp"], "2026-10-01T08:00:00.000Z");
        assert_eq!(linked["data"]["ack_url"], "https://x.org/ack/s/k");
        assert_eq!(linked["data"]["label"], "score \"1\"}}");
        assert_eq!(linked["data"]["client"], json!({"id": "5", "name": null}));
        assert_eq!(linked["data"]["operator"], Value::Null);
        let keys =
            ["escalation_key", "account", "rule", "request_key", "score", "scale", "label", "dialog_url"];
        assert!(keys.iter().all(|key| linked["data"].get(key).is_some()), "{linked}");
        assert!(linked["data"].get("by").is_none() && linked["data"].get("reason").is_none());
    }
}
