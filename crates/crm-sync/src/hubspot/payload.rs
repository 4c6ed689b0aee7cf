//! The bodies of batch read and batch upsert, and what their answers say of each row.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{ErrorBody, Failure};
use super::setup::Portal;
use crate::adapter::{Difference, Held, Message, Row, RowAnswer};
use crate::lead::{LeadField, stand_in};
use crate::mapping::{Mapping, Ownership, Wanted};
use crate::masking::masked;

/// The property that holds our key.
pub(super) fn key_property(mapping: &Mapping) -> &str {
    mapping.property(LeadField::Key).unwrap_or_default()
}

/// The body of a batch read by our key.
pub(super) fn read(mapping: &Mapping, keys: &[String]) -> Value {
    let properties: Vec<&str> = mapping.mapped().iter().map(|mapped| mapped.property.as_str()).collect();
    let inputs: Vec<Value> = keys.iter().map(|key| json!({"id": key})).collect();
    json!({"idProperty": key_property(mapping), "properties": properties, "inputs": inputs})
}

/// One of `results[]`, of a read as of an upsert.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    id: Value,
    properties: BTreeMap<String, Value>,
    created_at: Option<DateTime<Utc>>,
    url: Option<String>,
    new: Option<bool>,
    object_write_trace_id: Option<String>,
}

/// One of `errors[]` of a 207.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BadRow {
    #[serde(flatten)]
    body: ErrorBody,
    context: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    results: Vec<Record>,
    errors: Vec<Value>,
}

impl Record {
    fn id(&self) -> Option<String> {
        match &self.id {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    fn text(&self, property: &str) -> Option<String> {
        match self.properties.get(property)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }
}

fn parse(body: &Value) -> Result<Answer, Failure> {
    let is_answer = body.get("results").is_some_and(Value::is_array);
    let parsed = is_answer.then(|| Answer::deserialize(body).ok()).flatten();
    parsed.ok_or(Failure::Unreadable { status: 200 })
}

/// The records of a batch read, by our key.
pub(super) fn held(mapping: &Mapping, body: &Value) -> Result<HashMap<String, Held>, Failure> {
    let mut all = HashMap::new();
    for record in parse(body)?.results {
        let (Some(id), Some(key)) = (record.id(), record.text(key_property(mapping))) else { continue };
        let fields =
            record.properties.keys().filter_map(|name| Some((name.clone(), record.text(name)?))).collect();
        all.insert(key, Held { external_id: id, created_at: record.created_at, fields });
    }
    Ok(all)
}

/// What an upsert said.
#[derive(Debug, Default)]
pub(super) struct Upserted {
    records: Vec<Record>,
    bad: Vec<BadRow>,
}

/// Reads the answer of an upsert.
pub(super) fn upserted(body: &Value) -> Result<Upserted, Failure> {
    let answer = parse(body)?;
    let bad = answer.errors.iter().map(|error| BadRow::deserialize(error).unwrap_or_default()).collect();
    Ok(Upserted { records: answer.results, bad })
}

/// The rows of a message that have something to write, beside the records as they are.
pub(super) struct Batch<'a> {
    rows: Vec<Planned<'a>>,
    key_property: &'a str,
}

struct Planned<'a> {
    row: &'a Row,
    held: Option<&'a Held>,
    trace: String,
    /// Empty: the record has all that we want.
    properties: BTreeMap<String, String>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(mapping: &'a Mapping, message: &'a Message, held: &'a HashMap<String, Held>) -> Self {
        let rows = message.rows.iter().enumerate().map(|(index, row)| {
            let held = held.get(&row.wanted.key);
            let mut properties = to_write(mapping, &row.wanted, held);
            if held.is_none() || !properties.is_empty() {
                properties.insert(key_property(mapping).to_owned(), row.wanted.key.clone());
            }
            Planned { row, held, trace: format!("{}-{index}", message.id), properties }
        });
        Self { rows: rows.collect(), key_property: key_property(mapping) }
    }

    /// Nothing has to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.iter().all(|planned| planned.properties.is_empty())
    }

    /// The body of the upsert.
    pub(super) fn body(&self) -> Value {
        let written = self.rows.iter().filter(|planned| !planned.properties.is_empty());
        let inputs: Vec<Value> = written
            .map(|planned| {
                json!({"id": planned.row.wanted.key, "idProperty": self.key_property,
                    "objectWriteTraceId": planned.trace, "properties": planned.properties})
            })
            .collect();
        json!({"inputs": inputs})
    }

    /// The vendor's words without what was sent.
    pub(super) fn masked(&self, words: &str) -> String {
        masked(words, self.rows.iter().flat_map(|planned| personal(&planned.row.wanted)))
    }

    /// What became of each row. A row is found by its trace id, else by its key: never by position.
    pub(super) fn answers(
        &self,
        mapping: &Mapping,
        upserted: Option<&Upserted>,
        portal: Option<&Portal>,
    ) -> Vec<RowAnswer> {
        self.rows.iter().map(|planned| self.answer(mapping, planned, upserted, portal)).collect()
    }

    fn answer(
        &self,
        mapping: &Mapping,
        planned: &Planned<'_>,
        upserted: Option<&Upserted>,
        portal: Option<&Portal>,
    ) -> RowAnswer {
        let key = &planned.row.wanted.key;
        if planned.properties.is_empty() {
            return planned.held.map_or(RowAnswer::Unknown, |held| {
                // Made after it was intended, and nobody else knows the key: an answer of ours was lost.
                let is_new = planned.row.external_id.is_none()
                    && held.created_at.is_some_and(|at| at >= planned.row.intended_at);
                RowAnswer::Accepted(super::accepted(&held.external_id, None, is_new, portal))
            });
        }
        let Some(upserted) = upserted else { return RowAnswer::Unknown };
        let is_it = |record: &&Record| match record.object_write_trace_id.as_deref() {
            Some(trace) => trace == planned.trace,
            None => record.text(key_property(mapping)).as_deref() == Some(key),
        };
        if let Some(record) = upserted.records.iter().find(is_it) {
            let Some(id) = record.id() else { return RowAnswer::Unknown };
            let is_new = record.new.unwrap_or(planned.held.is_none());
            return RowAnswer::Accepted(super::accepted(&id, record.url.clone(), is_new, portal));
        }
        match upserted.bad.iter().find(|bad| bad.names(&planned.trace) || bad.names(key)) {
            Some(bad) => bad.answer(&planned.row.wanted),
            None => RowAnswer::Unknown,
        }
    }
}

impl BadRow {
    /// Whether its context names a trace id or a key.
    fn names(&self, id: &str) -> bool {
        self.context.values().any(|value| match value {
            Value::Array(ids) => ids.iter().any(|one| one == id),
            one => one == id,
        })
    }

    fn answer(&self, wanted: &Wanted) -> RowAnswer {
        let error = masked(&self.body.words(), personal(wanted));
        // Locked or throttled rows are there again later; everything else stays as it is.
        match self.body.category.as_str() {
            "RATE_LIMITS" | "OBJECT_LOCKED" | "LOCKED" => RowAnswer::Later { error },
            _ => RowAnswer::Refused { error },
        }
    }
}

/// All that was sent of a person; our own key stays readable.
fn personal(wanted: &Wanted) -> impl Iterator<Item = &str> {
    wanted.fields.values().filter_map(Value::as_str).filter(|text| *text != wanted.key)
}

/// The properties to write: what differs, without what people own and have filled.
fn to_write(mapping: &Mapping, wanted: &Wanted, held: Option<&Held>) -> BTreeMap<String, String> {
    let different = differences(mapping, wanted, held).into_iter().filter(|difference| !difference.is_kept);
    different
        .filter_map(|difference| Some((difference.field, difference.wanted.as_str()?.to_owned())))
        .collect()
}

/// What differs between what we want and what is there.
pub(super) fn differences(mapping: &Mapping, wanted: &Wanted, held: Option<&Held>) -> Vec<Difference> {
    let mut all = Vec::new();
    for (property, value) in &wanted.fields {
        // What was planned by another mapping has no place any more.
        let Some(mapped) = mapping.by_property(property) else { continue };
        let text = value.as_str().unwrap_or_default();
        let there = held.and_then(|held| held.fields.get(property)).filter(|there| !there.trim().is_empty());
        if there.map_or(text.is_empty(), |there| is_same(mapped.field, there, text)) {
            continue;
        }
        let is_kept = match (mapped.ownership, held) {
            (Ownership::Ours, _) | (_, None) => false,
            (Ownership::OnCreate, Some(_)) => true,
            (Ownership::IfEmpty, Some(_)) => {
                there.is_some_and(|there| !is_generated(mapped.field, wanted, there))
            }
        };
        all.push(Difference {
            field: property.clone(),
            held: there.cloned(),
            wanted: value.clone(),
            is_kept,
        });
    }
    all
}

/// A name that we made up ourselves is as good as none.
fn is_generated(field: LeadField, wanted: &Wanted, there: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_phone = |text: &str| text.starts_with('+') && digits(text).len() > 6;
    field == LeadField::Name
        && (there == stand_in(&wanted.key)
            || (is_phone(there) && there.chars().all(|c| c == '+' || c.is_ascii_digit())))
}

/// Whether two values say the same: numbers and instants have several spellings.
fn is_same(field: LeadField, there: &str, ours: &str) -> bool {
    if there.trim() == ours {
        return true;
    }
    match field {
        LeadField::Score | LeadField::ScoreScale => {
            matches!((there.parse::<f64>(), ours.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
        }
        LeadField::ScoreAt | LeadField::FirstMessageAt | LeadField::LastMessageAt => {
            let millis = |text: &str| match text.parse::<i64>() {
                Ok(millis) => Some(millis),
                Err(_) => text.parse::<DateTime<Utc>>().ok().map(|at| at.timestamp_millis()),
            };
            millis(there).is_some() && millis(there) == millis(ours)
        }
        LeadField::Email => there.trim().to_lowercase() == ours,
        _ => false,
    }
}
