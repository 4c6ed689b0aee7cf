//! The body of a batch upsert, and what its answer says of each row.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{ErrorBody, Failure};
use super::reading::Reading;
use super::setup::Portal;
use crate::adapter::{Difference, Held, Message, Row, RowAnswer};
use crate::lead::{LeadField, is_made_up};
use crate::mapping::{Mapping, Ownership, Wanted};
use crate::masking::masked;

/// A record of ours was gone twice within a day.
const LOOP: &str =
    "its record is gone again although it was made anew within a day: look who deletes or merges it there";

/// The property that holds our key.
pub(super) fn key_property(mapping: &Mapping) -> &str {
    mapping.property(LeadField::Key).unwrap_or_default()
}

/// One of `results[]`, of a read as of an upsert.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record {
    id: Value,
    pub(super) properties: BTreeMap<String, Value>,
    pub(super) created_at: Option<DateTime<Utc>>,
    url: Option<String>,
    new: Option<bool>,
    object_write_trace_id: Option<String>,
}

/// One of `errors[]` of a 207.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BadRow {
    #[serde(flatten)]
    pub(super) body: ErrorBody,
    context: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    status: Value,
    results: Vec<Record>,
    errors: Vec<Value>,
}

/// The answer of a batch.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// It says of itself that it is not done with all.
    pub(super) is_partial: bool,
    pub(super) records: Vec<Record>,
    pub(super) bad: Vec<BadRow>,
}

impl Record {
    pub(super) fn id(&self) -> Option<String> {
        match &self.id {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    pub(super) fn text(&self, property: &str) -> Option<String> {
        match self.properties.get(property)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }
}

/// Reads the answer of a batch. What is told of one row and is the setup's fault is a failure of the whole: the rows
/// are not to blame, and the next ones would fail alike.
pub(super) fn answer(body: &Value) -> Result<Answer, Failure> {
    let is_answer = body.get("results").is_some_and(Value::is_array);
    let said = is_answer.then(|| Said::deserialize(body).ok()).flatten();
    let said = said.ok_or(Failure::Unreadable { status: 200 })?;
    let bad: Vec<BadRow> =
        said.errors.iter().map(|error| BadRow::deserialize(error).unwrap_or_default()).collect();
    if let Some(failure) = bad.iter().map(BadRow::failure).find(Failure::needs_a_person) {
        return Err(failure);
    }
    let is_partial = said.status.as_str().is_some_and(|status| status != "COMPLETE");
    Ok(Answer { is_partial, records: said.results, bad })
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
    /// It is not sent, and why.
    left_out: Option<RowAnswer>,
    /// Empty: the record has all that we want, or it is left out.
    properties: BTreeMap<String, String>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(mapping: &'a Mapping, message: &'a Message, reading: &'a Reading) -> Self {
        let rows = message.rows.iter().enumerate().map(|(index, row)| {
            let trace = format!("{}-{index}", message.id);
            let held = reading.held.get(&row.wanted.key);
            let is_loop = held.is_none() && row.external_id.is_some() && !row.may_recreate;
            let unread = reading.unread.get(&row.wanted.key).cloned();
            let left_out = unread.or_else(|| is_loop.then(|| RowAnswer::Refused { error: LOOP.to_owned() }));
            if left_out.is_some() {
                return Planned { row, held, trace, left_out, properties: BTreeMap::new() };
            }
            let mut properties = to_write(mapping, &row.wanted, held);
            if held.is_none() || !properties.is_empty() {
                properties.insert(key_property(mapping).to_owned(), row.wanted.key.clone());
            }
            Planned { row, held, trace, left_out, properties }
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
        upserted: Option<&Answer>,
        portal: Option<&Portal>,
    ) -> Vec<RowAnswer> {
        self.rows.iter().map(|planned| self.answer(mapping, planned, upserted, portal)).collect()
    }

    fn answer(
        &self,
        mapping: &Mapping,
        planned: &Planned<'_>,
        upserted: Option<&Answer>,
        portal: Option<&Portal>,
    ) -> RowAnswer {
        let key = &planned.row.wanted.key;
        if let Some(left_out) = &planned.left_out {
            return left_out.clone();
        }
        if planned.properties.is_empty() {
            return planned.held.map_or(RowAnswer::Unknown, |held| {
                // Another one than we know, made after it was intended, and nobody else knows the key: an answer of ours
                // was lost.
                let is_new = planned.row.external_id.as_ref() != Some(&held.external_id)
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
    pub(super) fn names(&self, id: &str) -> bool {
        self.context.values().any(|value| match value {
            Value::Array(ids) => ids.iter().any(|one| one == id),
            one => one == id,
        })
    }

    /// As if it had been told of the whole call.
    fn failure(&self) -> Failure {
        Failure::Status { status: 400, retry_after: None, interval: None, body: Box::new(self.body.clone()) }
    }

    fn answer(&self, wanted: &Wanted) -> RowAnswer {
        let error = masked(&self.body.words(), personal(wanted));
        // Throttled or locked rows are there again later; everything else stays as it is.
        match self.body.category.as_str() {
            "RATE_LIMITS" => RowAnswer::Busy,
            "OBJECT_LOCKED" | "LOCKED" => RowAnswer::Later { error },
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
                there.is_some_and(|there| mapped.field != LeadField::Name || !is_made_up(&wanted.key, there))
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::mapping::Choices;

    const KEYS: [&str; 3] = ["acme-1", "acme-2", "acme-3"];

    fn mapping() -> Mapping {
        super::super::mapping::mapping(&Choices::default()).unwrap()
    }

    fn message() -> Message {
        let row = |key: &str| Row {
            wanted: Wanted {
                key: key.to_owned(),
                changed_at: "2026-01-15T09:30:00Z".parse().unwrap(),
                hash: 1,
                live_hash: 1,
                seen: 1,
                fields: BTreeMap::from([("firstname".to_owned(), "Ann Kowalski".into())]),
            },
            version: 1,
            external_id: Some("7".to_owned()),
            intended_at: "2026-01-15T09:30:00Z".parse().unwrap(),
            may_recreate: key != "acme-3",
        };
        Message { id: "m".to_owned(), rows: KEYS.map(row).into() }
    }

    /// A 207 in which the second row is refused so.
    fn said(error: &Value) -> Value {
        let mut error = error.clone();
        error["context"] = json!({"objectWriteTraceId": ["m-1"]});
        json!({"status": "COMPLETE", "numErrors": 1, "errors": [error], "results": [
            {"id": "901", "new": true, "objectWriteTraceId": "m-0", "properties": {}}]})
    }

    fn answers(error: &Value) -> Result<Vec<RowAnswer>, Failure> {
        let (mapping, message, reading) = (mapping(), message(), Reading::default());
        let batch = Batch::new(&mapping, &message, &reading);
        Ok(batch.answers(&mapping, Some(&answer(&said(error))?), None))
    }

    #[test]
    fn a_row_left_out_by_the_limit_is_not_to_blame() {
        let answers = answers(&json!({"category": "RATE_LIMITS", "message": "later"})).unwrap();
        assert!(matches!(answers[0], RowAnswer::Accepted(_)));
        assert_eq!(answers[1], RowAnswer::Busy);
    }

    #[test]
    fn a_missing_property_told_of_one_row_is_the_setups_fault() {
        let property = "Property values were not valid: [{\"isValid\":false,\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"chat_tags\"}]";
        for error in [
            json!({"category": "VALIDATION_ERROR", "errors": [{"code": "PROPERTY_DOESNT_EXIST"}]}),
            json!({"category": "VALIDATION_ERROR", "message": property}),
            json!({"category": "MISSING_SCOPES"}),
        ] {
            let failure = answers(&error).unwrap_err();
            assert!(failure.needs_a_person(), "{error}");
        }
        let refused =
            answers(&json!({"category": "VALIDATION_ERROR", "errors": [{"code": "INVALID_OPTION"}]}));
        assert!(matches!(refused.unwrap()[1], RowAnswer::Refused { .. }));
    }

    #[test]
    fn a_record_that_is_gone_again_within_a_day_is_not_made_a_third_time() {
        let (mapping, message, reading) = (mapping(), message(), Reading::default());
        let batch = Batch::new(&mapping, &message, &reading);
        assert_eq!(batch.body()["inputs"].as_array().unwrap().len(), 2);
        let answers = batch.answers(&mapping, None, None);
        assert_eq!(answers[2], RowAnswer::Refused { error: LOOP.to_owned() });
        let held = Held { external_id: "8".to_owned(), ..Held::default() };
        let there = Reading { held: HashMap::from([("acme-3".to_owned(), held)]), ..Reading::default() };
        let batch = Batch::new(&mapping, &message, &there);
        assert_eq!(batch.body()["inputs"].as_array().unwrap().len(), 3, "what is there is written");
    }

    #[test]
    fn a_row_whose_record_could_not_be_read_is_not_written() {
        let (mapping, message) = (mapping(), message());
        let unread = HashMap::from([("acme-1".to_owned(), RowAnswer::Busy)]);
        let reading = Reading { unread, ..Reading::default() };
        let batch = Batch::new(&mapping, &message, &reading);
        assert_eq!(batch.body()["inputs"][0]["id"], "acme-2");
        assert_eq!(batch.answers(&mapping, None, None)[0], RowAnswer::Busy);
    }
}
