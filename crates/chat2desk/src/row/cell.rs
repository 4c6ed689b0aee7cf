//! One value of the vendor's. Each reader gives `None` for what it cannot read, `Some(None)` for "none".

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use super::Row;
use crate::payload::parse_time;

/// A whole number above 0, also as digits in quotes; `0`, `"0"` and empty text are none.
pub(crate) fn id(value: &Value) -> Option<Option<u64>> {
    count(value).map(|id| id.filter(|id| *id > 0))
}

/// A whole number, also as digits in quotes or with a zero fraction (`"4.0"`); empty text is none.
pub(crate) fn count(value: &Value) -> Option<Option<u64>> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)).map(Some),
        Value::String(text) if text.trim().is_empty() => Some(None),
        Value::String(text) => {
            text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)).map(Some)
        }
        _ => None,
    }
}

fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and within 0 and 2^53"
    )]
    (number.fract() == 0.0 && (0.0..EXACT).contains(&number)).then_some(number as u64)
}

/// A number, also in quotes; empty text is none.
pub(crate) fn number(value: &Value) -> Option<Option<f64>> {
    match value {
        Value::Number(number) => number.as_f64().map(Some),
        Value::String(text) if text.trim().is_empty() => Some(None),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Some),
        _ => None,
    }
}

/// Text; a number or a flag counts as its digits or word, empty text as none.
pub(crate) fn text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::String(text) => Some((!text.is_empty()).then(|| text.clone())),
        Value::Number(number) => Some(Some(number.to_string())),
        Value::Bool(flag) => Some(Some(flag.to_string())),
        _ => None,
    }
}

/// A flag in any of its forms; empty text is false (chat2desk.md 8.2 rule 7).
pub(crate) fn flag(value: &Value) -> Option<Option<bool>> {
    match value {
        Value::Bool(flag) => Some(Some(*flag)),
        Value::Number(number) => number.as_f64().map(|number| Some(number != 0.0)),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "" | "0" | "false" | "no" => Some(Some(false)),
            "1" | "true" | "yes" => Some(Some(true)),
            _ => None,
        },
        _ => None,
    }
}

/// An instant: any of the five forms; one without a zone counts as UTC.
pub(crate) fn time(value: &Value) -> Option<Option<DateTime<Utc>>> {
    match value {
        Value::String(text) if text.trim().is_empty() => Some(None),
        value => parse_time(&copied(value), &Utc).map(Some),
    }
}

/// A copy in the form that [`crate::payload`] reads.
fn copied<T: From<Value>>(value: &Value) -> T {
    value.clone().into()
}

/// A time of the company's wall clock, which says no zone.
pub(crate) fn wall_time(value: &Value) -> Option<Option<NaiveDateTime>> {
    let text = value.as_str()?.trim();
    if text.is_empty() {
        return Some(None);
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(Some)
}

/// A word of an open set; empty text is none.
pub(crate) fn word<T: for<'a> From<&'a str>>(value: &Value) -> Option<Option<T>> {
    let text = value.as_str()?.trim();
    Some((!text.is_empty()).then(|| T::from(text)))
}

/// Anything.
pub(crate) fn any(value: &Value) -> Option<Option<Value>> {
    Some(Some(value.clone()))
}

/// A map; the vendor writes an empty one as a list.
pub(crate) fn map(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields.clone()),
        Value::Array(items) if items.is_empty() => Some(Map::new()),
        _ => None,
    }
}

/// A list of rows, nulls left out; a map counts as the list of its values. One unreadable row leaves the whole list in
/// `extra`.
pub(crate) fn list<T: Row>(value: &Value) -> Option<Vec<T>> {
    items(value)?.filter(|item| !item.is_null()).map(|item| T::read(item.clone()).ok()).collect()
}

/// A list of ids.
pub(crate) fn ids(value: &Value) -> Option<Vec<u64>> {
    let ids: Option<Vec<_>> = items(value)?.filter(|item| !item.is_null()).map(id).collect();
    Some(ids?.into_iter().flatten().collect())
}

/// A list of texts; a single text is a list of one.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    if let Value::String(text) = value {
        return Some(if text.is_empty() { Vec::new() } else { vec![text.clone()] });
    }
    let texts: Option<Vec<_>> = items(value)?.filter(|item| !item.is_null()).map(text).collect();
    Some(texts?.into_iter().flatten().collect())
}

/// A map of flags, for instance `{"text": "yes", "pdf": "no"}`.
pub(crate) fn flags(value: &Value) -> Option<std::collections::BTreeMap<String, bool>> {
    map(value)?.into_iter().map(|(name, value)| Some((name, flag(&value)??))).collect()
}

fn items(value: &Value) -> Option<Box<dyn Iterator<Item = &Value> + '_>> {
    match value {
        Value::Array(items) => Some(Box::new(items.iter())),
        Value::Object(fields) => Some(Box::new(fields.values())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_counts_differ_in_zero() {
        for (value, as_id, as_count) in [
            (json!(12), Some(Some(12)), Some(Some(12))),
            (json!("12"), Some(Some(12)), Some(Some(12))),
            (json!(0), Some(None), Some(Some(0))),
            (json!("0"), Some(None), Some(Some(0))),
            (json!(""), Some(None), Some(None)),
            (json!("4.0"), Some(Some(4)), Some(Some(4))),
            (json!(u64::MAX), Some(Some(u64::MAX)), Some(Some(u64::MAX))),
            (json!(-1), None, None),
            (json!(1.5), None, None),
            (json!("12a"), None, None),
            (json!([]), None, None),
        ] {
            assert_eq!((id(&value), count(&value)), (as_id, as_count), "{value}");
        }
    }

    #[test]
    fn flags_come_in_all_forms() {
        for value in [json!(true), json!(1), json!("1"), json!("true"), json!("Yes")] {
            assert_eq!(flag(&value), Some(Some(true)), "{value}");
        }
        for value in [json!(false), json!(0), json!("0"), json!("false"), json!("")] {
            assert_eq!(flag(&value), Some(Some(false)), "{value}");
        }
        assert_eq!(flag(&json!("maybe")), None);
    }

    #[test]
    fn the_five_forms_of_time_are_read() {
        let expected = "2026-01-15T09:30:00Z".parse::<DateTime<Utc>>().ok();
        for value in [
            json!("2026-01-15T09:30:00 UTC"),
            json!("2026-01-15T09:30:00Z"),
            json!("2026-01-15T09:30:00.000000Z"),
            json!(1_768_469_400),
            json!("1768469400"),
        ] {
            assert_eq!(time(&value), Some(expected), "{value}");
        }
        assert_eq!((time(&json!("")), time(&json!("soon"))), (Some(None), None));
        let wall = wall_time(&json!("2026-01-15 12:30:00")).unwrap().unwrap();
        assert_eq!(wall.to_string(), "2026-01-15 12:30:00");
        assert_eq!((wall_time(&json!("")), wall_time(&json!("2026-01-15T09:30:00Z"))), (Some(None), None));
    }

    #[test]
    fn lists_take_maps_and_leave_out_nulls() {
        assert_eq!(ids(&json!(["1", null, 2, 0])), Some(vec![1, 2]));
        assert_eq!(ids(&json!({"a": 3})), Some(vec![3]));
        assert_eq!(ids(&json!(["x"])), None);
        assert_eq!(texts(&json!("sms")), Some(vec!["sms".to_owned()]));
        assert_eq!(map(&json!([])), Some(Map::new()));
        assert_eq!(map(&json!([1])), None);
        assert!(!flags(&json!({"text": "yes", "pdf": "no"})).unwrap()["pdf"]);
    }
}
