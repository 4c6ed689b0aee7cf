//! What HubSpot's answers mean: one table.

use std::time::Duration;

use chrono::{DateTime, Duration as Span, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::adapter::Trouble;

/// Waits of 423 at least (reference/crms.md 4).
const LOCKED: Duration = Duration::from_secs(2);
/// An interval of the limit, when no header says.
const INTERVAL: Duration = Duration::from_secs(10);
/// Bounds of a wait that was asked for in a burst.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15 * 60));

/// The body of an error; every field may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ErrorBody {
    #[serde(deserialize_with = "lenient")]
    pub(super) message: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) category: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) correlation_id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) policy_name: String,
    #[serde(deserialize_with = "details")]
    pub(super) errors: Vec<Detail>,
}

/// One of `errors[]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    #[serde(deserialize_with = "lenient")]
    pub(super) message: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) code: String,
    #[serde(rename = "in", deserialize_with = "lenient")]
    pub(super) property: String,
}

/// A text, or nothing where something else stands.
fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => text,
        _ => String::new(),
    })
}

fn details<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Detail>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

impl ErrorBody {
    /// Whether it tells a code: in `errors[]`, or only in the message, in the vendor's own words or in the JSON that it
    /// ends with. What was sent is quoted there too, as values: these are not looked at.
    fn tells(&self, code: &str) -> bool {
        let own_words = self.message.split(['[', '{']).next().unwrap_or_default();
        let packed: String = self.message.chars().filter(|c| !c.is_whitespace()).collect();
        let has = |field: &str| packed.contains(&format!("\"{field}\":\"{code}\""));
        self.errors.iter().any(|detail| detail.code == code)
            || own_words.contains(code)
            || has("error")
            || has("code")
    }

    /// The words of the refusal: category, codes, properties, texts. May quote what was sent.
    pub(super) fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.category.is_empty() {
            words.push(self.category.clone());
        }
        for Detail { message, code, property } in self.errors.iter().take(5) {
            let place = if property.is_empty() { String::new() } else { format!(" in {property}") };
            let text = if message.is_empty() { String::new() } else { format!(" ({message})") };
            words.push(format!("{code}{place}{text}").trim().to_owned());
        }
        // The vendor writes the details into the message once more, as JSON.
        let said = self.message.split(['[', '{']).next().unwrap_or_default().trim_end_matches([' ', ':']);
        if !said.is_empty() {
            words.push(said.to_owned());
        }
        words.retain(|word| !word.is_empty());
        words.join(": ")
    }
}

/// Why a call gave no rows.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// No answer: it may have been done, or surely not (`is_sent` false).
    NoAnswer { reason: &'static str, is_sent: bool },
    /// An answer that is no success.
    Status { status: u16, retry_after: Option<Duration>, interval: Option<Duration>, body: Box<ErrorBody> },
    /// A success that cannot be read.
    Unreadable { status: u16 },
}

/// What is to be done about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Refused for its content.
    Content,
    /// Too many calls: wait an interval.
    Burst,
    /// Too many calls today.
    Day,
    /// Not done; wait at least so long.
    Busy(Duration),
    /// Nobody knows.
    Unknown,
    /// A person is needed.
    Broken(&'static str),
}

/// When a row of the table holds.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Category(&'static str),
    Policy(&'static str),
    Code(&'static str),
}

/// The table; the first row that fits decides.
const TABLE: [(u16, u16, When, Class); 19] = [
    // A property that is not there refuses every row: that is the setup's fault, not the rows'.
    (400, 400, When::Code("PROPERTY_DOESNT_EXIST"), Class::Broken(PROPERTY)),
    (400, 499, When::Category("MISSING_SCOPES"), Class::Broken(SCOPES)),
    (400, 499, When::Category("INVALID_AUTHENTICATION"), Class::Broken(TOKEN)),
    (429, 429, When::Policy("DAILY"), Class::Day),
    (429, 429, When::Always, Class::Burst),
    (300, 399, When::Always, Class::Broken("it answers with a redirect: check api_url")),
    (401, 401, When::Always, Class::Broken(TOKEN)),
    (402, 402, When::Always, Class::Broken("the account's subscription does not allow it")),
    (403, 403, When::Always, Class::Broken(SCOPES)),
    (404, 404, When::Always, Class::Broken("the address is not found: check api_url and objects_path")),
    (405, 405, When::Always, Class::Broken("the call is not known there: check api_url and objects_path")),
    (408, 408, When::Always, Class::Unknown),
    (423, 423, When::Always, Class::Busy(LOCKED)),
    (425, 425, When::Always, Class::Busy(LOCKED)),
    (477, 477, When::Always, Class::Busy(LOCKED)),
    (500, 599, When::Category("RATE_LIMITS"), Class::Burst),
    (500, 599, When::Always, Class::Unknown),
    (400, 499, When::Always, Class::Content),
    (0, u16::MAX, When::Always, Class::Unknown),
];

const TOKEN: &str = "the token is not accepted: check token_env and that the private app is still there";
const SCOPES: &str = "the token may not do this: give the private app the scopes crm.objects.contacts.read, \
                      crm.objects.contacts.write, crm.schemas.contacts.read and crm.schemas.contacts.write";
const PROPERTY: &str = "a property that leads are written to is not there any more: run `chatledger sync --once`, \
                        which makes ours anew, or correct fields";

impl Failure {
    /// Nothing of that id is there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, body, .. } if body.category == "OBJECT_NOT_FOUND")
    }

    /// The setup is to blame, not what was sent.
    pub(super) fn needs_a_person(&self) -> bool {
        matches!(self, Self::Status { status, body, .. } if matches!(class(*status, body), Class::Broken(_)))
    }

    /// It is there already.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Status { status: 409, .. })
    }

    /// The address is not there, whatever for.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    /// What it means; `now` and `zone` say when the day is over.
    pub(super) fn trouble(&self, now: DateTime<Utc>, zone: Option<Tz>) -> Trouble {
        let (status, retry_after, interval, body) = match self {
            Self::NoAnswer { reason, is_sent: true } => {
                return Trouble::Unknown { wait: None, reason: (*reason).to_owned() };
            }
            Self::NoAnswer { reason, is_sent: false } => {
                return Trouble::Busy { wait: None, reason: (*reason).to_owned(), is_throttled: false };
            }
            Self::Unreadable { status } => {
                let reason = format!("status {status} with an answer that cannot be read");
                return Trouble::Unknown { wait: None, reason };
            }
            Self::Status { status, retry_after, interval, body } => (*status, *retry_after, *interval, body),
        };
        let asked = retry_after.map(|wait| wait.clamp(WAITS.0, WAITS.1));
        let reason = |what: &str| match body.correlation_id.as_str() {
            "" => format!("{what} (status {status})"),
            id => format!("{what} (status {status}, correlation {id})"),
        };
        match class(status, body) {
            Class::Content => Trouble::Refused { error: format!("status {status}: {}", body.words()) },
            Class::Burst => {
                let wait = asked.or(interval).unwrap_or(INTERVAL);
                Trouble::Busy { wait: Some(wait), reason: reason("too many calls"), is_throttled: true }
            }
            Class::Day => {
                let wait = Some(until_midnight(now, zone));
                Trouble::Busy { wait, reason: reason("the calls of the day are used up"), is_throttled: true }
            }
            // An account that is being moved may ask for hours.
            Class::Busy(least) => {
                let wait = Some(retry_after.unwrap_or_default().clamp(least, Duration::from_secs(24 * 3600)));
                Trouble::Busy { wait, reason: reason("busy"), is_throttled: false }
            }
            Class::Unknown => Trouble::Unknown { wait: asked, reason: format!("status {status}") },
            Class::Broken(what) => Trouble::Broken { reason: reason(what) },
        }
    }
}

fn class(status: u16, body: &ErrorBody) -> Class {
    let holds = |when: When| match when {
        When::Always => true,
        When::Category(category) => body.category == category,
        When::Policy(policy) => body.policy_name == policy,
        When::Code(code) => body.tells(code),
    };
    TABLE
        .iter()
        .find(|(from, to, when, _)| (*from..=*to).contains(&status) && holds(*when))
        .map_or(Class::Unknown, |row| row.3)
}

/// Until the account's day is over, and a minute for its clock.
fn until_midnight(now: DateTime<Utc>, zone: Option<Tz>) -> Duration {
    let zone = zone.unwrap_or(Tz::UTC);
    let tomorrow = now.with_timezone(&zone).date_naive() + Span::days(1);
    let midnight = (0..26).find_map(|hour| {
        zone.from_local_datetime(&tomorrow.and_hms_opt(hour, 0, 0)?)
            .earliest()
            .map(|at| at.with_timezone(&Utc))
    });
    let wait = midnight.map_or(Span::hours(1), |at| at - now) + Span::minutes(1);
    wait.to_std().unwrap_or(WAITS.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str, retry_after: Option<u64>) -> Failure {
        Failure::Status {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            interval: None,
            body: Box::new(serde_json::from_str(body).unwrap_or_default()),
        }
    }

    fn meaning(status: u16, body: &str, retry_after: Option<u64>) -> String {
        let now = "2026-10-01T22:00:00Z".parse().unwrap();
        match failure(status, body, retry_after).trouble(now, Some(Tz::America__New_York)) {
            Trouble::Refused { .. } => "refused".to_owned(),
            Trouble::Busy { wait, is_throttled, .. } => {
                format!("{} {}", if is_throttled { "throttled" } else { "busy" }, wait.unwrap().as_secs())
            }
            Trouble::Unknown { wait, .. } => format!("unknown {}", wait.unwrap_or_default().as_secs()),
            Trouble::Broken { reason } => {
                format!("broken: {}", reason.split(['(', ':']).next().unwrap().trim())
            }
            Trouble::Off { .. } => "off".to_owned(),
        }
    }

    #[test]
    fn each_row_of_the_table_means_what_the_reference_says() {
        let scope = "broken: the token may not do this";
        let token = "broken: the token is not accepted";
        for (status, body, retry_after, expected) in [
            (
                400,
                r#"{"category":"VALIDATION_ERROR","errors":[{"code":"INVALID_OPTION","in":"x"}]}"#,
                None,
                "refused",
            ),
            (400, r#"{"message":"Duplicate IDs found in batch input"}"#, None, "refused"),
            (
                400,
                r#"{"errors":[{"code":"PROPERTY_DOESNT_EXIST"}]}"#,
                None,
                "broken: a property that leads are written to is not there any more",
            ),
            (
                400,
                r#"{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"error\": \"PROPERTY_DOESNT_EXIST\"}]"}"#,
                None,
                "broken: a property that leads are written to is not there any more",
            ),
            (
                400,
                r#"{"message":"Property values were not valid: [{\"value\":\"PROPERTY_DOESNT_EXIST\"}]"}"#,
                None,
                "refused",
            ),
            (400, r#"{"category":"MISSING_SCOPES"}"#, None, scope),
            (
                409,
                r#"{"category":"CONFLICT","message":"Contact already exists. Existing ID: 7"}"#,
                None,
                "refused",
            ),
            (413, "", None, "refused"),
            (422, "{}", None, "refused"),
            (401, r#"{"category":"INVALID_AUTHENTICATION"}"#, None, token),
            (401, "<html>", None, token),
            (402, "", None, "broken: the account's subscription does not allow it"),
            (403, r#"{"category":"MISSING_SCOPES"}"#, None, scope),
            (403, "<html>", None, scope),
            (404, "", None, "broken: the address is not found"),
            (405, "", None, "broken: the call is not known there"),
            (302, "", None, "broken: it answers with a redirect"),
            (408, "", None, "unknown 0"),
            (423, "", None, "busy 2"),
            (423, "", Some(30), "busy 30"),
            (425, "", None, "busy 2"),
            (477, "", Some(7200), "busy 7200"),
            (429, r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#, None, "throttled 10"),
            (429, r#"{"policyName":"SECONDLY"}"#, Some(3), "throttled 3"),
            (429, "", Some(0), "throttled 1"),
            (429, "<html>", Some(86_400), "throttled 900"),
            // Until midnight in New York, and a minute: 04:00 UTC.
            (429, r#"{"policyName":"DAILY"}"#, Some(5), "throttled 21660"),
            (500, r#"{"category":"RATE_LIMITS"}"#, None, "throttled 10"),
            (500, "<html>", None, "unknown 0"),
            (502, "", None, "unknown 0"),
            (503, "", Some(20), "unknown 20"),
            (504, "", None, "unknown 0"),
            (521, "", None, "unknown 0"),
            (524, "", None, "unknown 0"),
            (100, "", None, "unknown 0"),
            (999, "", None, "unknown 0"),
        ] {
            assert_eq!(meaning(status, body, retry_after), expected, "{status} {body} {retry_after:?}");
        }
    }

    #[test]
    fn words_name_the_category_the_code_and_the_property() {
        let body = r#"{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"x\":1}]",
            "errors":[{"message":"fax was not one of the allowed options","code":"INVALID_OPTION","in":"chat_transport"}]}"#;
        let words = serde_json::from_str::<ErrorBody>(body).unwrap().words();
        assert_eq!(
            words,
            "VALIDATION_ERROR: INVALID_OPTION in chat_transport (fax was not one of the allowed options): \
             Property values were not valid"
        );
    }

    #[test]
    fn a_body_of_another_shape_is_no_failure_of_its_own() {
        for body in [r#"{"message":7,"errors":"no"}"#, r#"{"errors":[1]}"#, "{}"] {
            assert!(serde_json::from_str::<ErrorBody>(body).is_ok(), "{body}");
        }
    }
}
