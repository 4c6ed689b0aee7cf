//! The little of a row that the backfill reads: whom it is about, and when it was made.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope;

/// The partition identity of a row of `list`: client, else request, else dialog, else none (design.md 6).
pub(crate) fn identity(list: &str, row: &[u8]) -> Option<String> {
    match list {
        "clients" => own_id(row),
        "dialogs" => envelope::identity(row).or_else(|| last_client(row)).or_else(|| own_id(row)),
        _ => envelope::identity(row),
    }
}

fn own_id(row: &[u8]) -> Option<String> {
    let row: &RawValue = serde_json::from_slice(row).ok()?;
    ::chat2desk::row_id(row).map(|id| id.to_string())
}

/// A dialog names its client in its last message only (chat2desk.md 2.2).
fn last_client(row: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Dialog<'a> {
        #[serde(borrow)]
        last_message: Option<&'a RawValue>,
    }
    let dialog: Dialog<'_> = serde_json::from_slice(row).ok()?;
    envelope::identity(dialog.last_message?.get().as_bytes())
}

/// `created` of a message: ISO with the word UTC, RFC 3339, or Unix seconds (chat2desk.md 1.7).
pub(crate) fn created(row: &RawValue) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Dated<'a> {
        #[serde(borrow)]
        created: Option<&'a RawValue>,
    }
    let row: Dated<'_> = serde_json::from_str(row.get()).ok()?;
    let text = row.created?.get().trim_matches('"').trim();
    if let Ok(seconds) = text.parse() {
        return DateTime::from_timestamp(seconds, 0);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let plain = text.strip_suffix("UTC").unwrap_or(text).trim();
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(plain, form).ok())
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_about_its_client_else_its_request_else_its_dialog() {
        for (list, row, wanted) in [
            ("messages", r#"{"id":1,"client_id":5,"request_id":6}"#, Some("5")),
            ("messages", r#"{"id":1,"client_id":null,"request_id":6}"#, Some("6")),
            ("clients", r#"{"id":5}"#, Some("5")),
            ("dialogs", r#"{"id":4,"last_message":{"id":1,"client_id":5}}"#, Some("5")),
            ("dialogs", r#"{"id":4,"last_message":null}"#, Some("4")),
            ("statistics", r#"{"request_id":6,"valuation_request_id":7}"#, Some("6")),
            ("operators", r#"{"id":9}"#, None),
            ("tags", "not json", None),
        ] {
            assert_eq!(identity(list, row.as_bytes()).as_deref(), wanted, "{list} {row}");
        }
    }

    #[test]
    fn a_message_is_dated_in_every_form_that_occurs() {
        let at = |created: &str| {
            let row: Box<RawValue> = serde_json::from_str(&format!(r#"{{"created":{created}}}"#)).unwrap();
            super::created(&row).map(|at| at.timestamp())
        };
        let forms = [
            r#""2026-01-15T09:30:00 UTC""#,
            r#""2026-01-15T09:30:00Z""#,
            "1768469400",
            r#""2026-01-15T12:30:00+03:00""#,
        ];
        for form in forms {
            assert_eq!(at(form), Some(1_768_469_400), "{form}");
        }
        assert_eq!(at("null"), None);
        assert_eq!(at(r#""soon""#), None);
    }
}
