//! Parameters of a call. Unknown ones are never looked at: the service ignores them silently.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::Error;
use crate::chat2desk::model::Id;

const FORM: Error = Error::WrongState("date must have the format dd-mm-yyyy");

/// Query and body parameters by name; a body wins over a query.
#[derive(Clone, Debug, Default)]
pub struct Params(BTreeMap<String, Value>);

impl Params {
    /// From the pairs of a query, and the body when it is a JSON object.
    pub fn new(query: impl IntoIterator<Item = (String, String)>, body: &[u8]) -> Self {
        let mut all: BTreeMap<String, Value> =
            query.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
            all.extend(object);
        }
        Self(all)
    }

    /// The same with one parameter taken away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// The raw value; `Null` counts as given.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Text; a number is text too. Absent, null and empty are `None`.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// An id, from a number or from digits.
    pub fn id(&self, name: &str) -> Option<Id> {
        self.text(name)?.parse().ok()
    }

    /// A flag: `true`, `1` and their texts.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text == "true" || text == "1")
    }

    /// A list of texts or numbers, or one text with commas.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let one = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.0.get(name)? {
            Value::Array(items) => Some(items.iter().map(one).collect()),
            Value::Null => None,
            other => Some(one(other).split(',').map(|item| item.trim().to_owned()).collect()),
        }
    }

    /// More rows are wanted than a page has.
    pub fn asks_too_much(&self) -> bool {
        self.id("limit").is_some_and(|limit| limit > 200)
    }

    /// All that is an object's own: what tickets keep.
    pub fn object(&self) -> serde_json::Map<String, Value> {
        self.0.clone().into_iter().collect()
    }

    /// Rows of a page: default 20, at most 200.
    pub fn limit(&self) -> usize {
        self.text("limit").and_then(|text| text.parse().ok()).unwrap_or(20).clamp(1, 200)
    }

    /// Rows to skip.
    pub fn offset(&self) -> usize {
        self.text("offset").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Start of the local day that `name` gives as `dd-mm-yyyy`.
    ///
    /// # Errors
    /// [`Error::WrongState`] when it has another form.
    pub fn day(&self, name: &str, zone: Tz) -> Result<Option<DateTime<Utc>>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.len() != 10 {
            return Err(FORM);
        }
        let date = NaiveDate::parse_from_str(&text, "%d-%m-%Y").map_err(|_| FORM)?;
        Ok(Some(start_of_day(date, zone)))
    }
}

/// The first instant of a local day.
pub(in crate::chat2desk) fn start_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    // A zone whose clocks jump at midnight has no such instant; the day then starts an hour later.
    let local = zone.from_local_datetime(&midnight).earliest();
    let local =
        local.or_else(|| zone.from_local_datetime(&(midnight + chrono::TimeDelta::hours(1))).earliest());
    local.map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
}
