//! Many contacts at once: upsert, read, archive; at most a hundred.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Asked, millis, record};
use crate::hubspot::contacts::Contacts;
use crate::hubspot::errors::{self, BadRow};
use crate::hubspot::{Contact, HubSpot};
use crate::service::Answer;

const MOST: usize = 100;

/// One input of an upsert.
struct Row {
    id: String,
    key: String,
    trace: Option<String>,
    properties: BTreeMap<String, String>,
}

impl Row {
    fn target<'h>(&self, hubspot: &'h HubSpot) -> Option<&'h Contact> {
        match self.key.as_str() {
            "hs_object_id" => self.id.parse().ok().and_then(|id| hubspot.contacts.get(id)),
            key => hubspot.contacts.having(key, &self.id),
        }
    }
}

fn inputs(asked: &Asked<'_>, body: &Value) -> Result<Vec<Value>, Answer> {
    let inputs = body["inputs"].as_array().cloned().unwrap_or_default();
    match inputs.len() {
        0 => Err(asked.invalid("inputs must not be empty")),
        1..=MOST => Ok(inputs),
        count => Err(asked.invalid(&format!("inputs has {count} elements; at most {MOST} are allowed"))),
    }
}

fn text(asked: &Asked<'_>, input: &Value, field: &str) -> Result<Option<String>, Answer> {
    match &input[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(errors::bad_json(&format!("{field} must be a string"), &asked.correlation)),
    }
}

/// A row as the vendor's schema wants it: every value a string.
fn row(hubspot: &HubSpot, asked: &Asked<'_>, input: &Value) -> Result<Row, Answer> {
    let missing = |field: &str| asked.invalid(&format!("{field} is required"));
    let id = text(asked, input, "id")?.ok_or_else(|| missing("id"))?;
    let key = text(asked, input, "idProperty")?.unwrap_or_else(|| "hs_object_id".into());
    if key != "hs_object_id" && !hubspot.schema.is_unique(&key) {
        return Err(asked.invalid(&format!("{key} is not a unique property")));
    }
    let mut properties = record::properties(asked, &input["properties"])?;
    if key != "hs_object_id" {
        properties.entry(key.clone()).or_insert_with(|| id.clone());
    }
    Ok(Row { id, key, trace: text(asked, input, "objectWriteTraceId")?, properties })
}

/// `batch/upsert`: nothing is written when the batch is refused.
pub(super) fn upsert(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let body = asked.body()?;
    let inputs = inputs(asked, &body)?;
    let rows: Vec<Row> =
        inputs.iter().map(|input| row(hubspot, asked, input)).collect::<Result<_, Answer>>()?;
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> =
        rows.iter().filter(|row| !seen.insert((&row.key, &row.id))).map(|row| row.id.as_str()).collect();
    if !twice.is_empty() {
        hubspot.tally.refused_batches += 1;
        return Err(
            asked.invalid(&format!("Duplicate IDs found in batch input: {twice:?}. IDs must be unique"))
        );
    }
    hubspot.tally.rows += rows.len() as u64;
    let verdicts = judge(hubspot, &rows);
    let bad = verdicts.iter().filter_map(|verdict| verdict.as_ref().err());
    hubspot.tally.refused_rows += bad.clone().count() as u64;
    let traced = rows.iter().all(|row| row.trace.is_some());
    if let Some(first) = bad.clone().next().filter(|_| !(hubspot.settings.partial && traced)) {
        hubspot.tally.refused_batches += 1;
        return Err(errors::bad_row(first, &asked.correlation));
    }
    let mut results = Vec::new();
    let mut refused = Vec::new();
    for (row, verdict) in rows.iter().zip(&verdicts) {
        match verdict {
            Ok(()) => results.push(write(hubspot, asked, row)),
            Err(bad) => refused.push(json!({
                "status": "error", "category": bad.category(), "message": bad.message(),
                "context": {"objectWriteTraceId": [row.trace]}, "errors": bad.details(), "links": {},
            })),
        }
    }
    // The vendor promises no order.
    results.reverse();
    Ok(told(asked, &results, &refused))
}

/// What each row would do to the contacts as they are and to the rows before it.
fn judge(hubspot: &HubSpot, rows: &[Row]) -> Vec<Result<(), BadRow>> {
    let mut claimed = BTreeSet::new();
    let mut one = |row: &Row| {
        let target = row.target(hubspot).map(|contact| contact.id);
        if row.key == "hs_object_id" && target.is_none() {
            let message = format!("no contact has the id {}", row.id);
            let bad = errors::BadValue { property: "hs_object_id".into(), code: "OBJECT_NOT_FOUND", message };
            return Err(BadRow::Values(vec![bad]));
        }
        record::judge(hubspot, target, &row.properties)?;
        let claims: Vec<_> = Contacts::claims(&hubspot.schema, &row.properties).collect();
        if claims.iter().any(|claim| claimed.contains(claim)) {
            return Err(BadRow::ConflictInBatch);
        }
        claimed.extend(claims);
        Ok(())
    };
    rows.iter().map(&mut one).collect()
}

fn write(hubspot: &mut HubSpot, asked: &Asked<'_>, row: &Row) -> Value {
    let target = row.target(hubspot).map(|contact| contact.id);
    let id = record::write(hubspot, target, &row.properties, asked.now);
    let names: Vec<String> = row.properties.keys().cloned().collect();
    let mut shown = record::show(hubspot, id, &names);
    if let Some(object) = shown.as_object_mut() {
        object.insert("new".into(), target.is_none().into());
        if let Some(trace) = &row.trace {
            object.insert("objectWriteTraceId".into(), trace.as_str().into());
        }
        if let Some(url) = hubspot.record_url(id) {
            object.insert("url".into(), url.into());
        }
    }
    shown
}

/// `batch/read`: those that are there, and one error that lists the others.
pub(super) fn read(hubspot: &HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let body = asked.body()?;
    let key = text(asked, &body, "idProperty")?;
    if let Some(key) = key.as_deref().filter(|key| !hubspot.schema.is_unique(key)) {
        return Err(asked.invalid(&format!("{key} is not a unique property")));
    }
    let names: Vec<String> = body["properties"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let mut results = Vec::new();
    let mut missing = Vec::new();
    for input in inputs(asked, &body)? {
        let id = text(asked, &input, "id")?.ok_or_else(|| asked.invalid("id is required"))?;
        match record::find(hubspot, &id, key.as_deref()) {
            Some(contact) => results.push(record::show(hubspot, contact.id, &names)),
            None => missing.push(id),
        }
    }
    results.reverse();
    let errors = match missing.is_empty() {
        true => Vec::new(),
        false => vec![json!({
            "status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": missing}, "links": {},
            "message": "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.",
        })],
    };
    Ok(told(asked, &results, &errors))
}

/// `batch/archive`: those that are not there are passed over.
pub(super) fn archive(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let body = asked.body()?;
    for input in inputs(asked, &body)? {
        let id = text(asked, &input, "id")?.and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| asked.invalid("id must be the id of a contact"))?;
        hubspot.contacts.archive(id, asked.now);
    }
    Ok(Answer::empty(204))
}

fn told(asked: &Asked<'_>, results: &[Value], errors: &[Value]) -> Answer {
    let at = millis(asked.now);
    let mut body = json!({"status": "COMPLETE", "startedAt": at, "completedAt": at, "results": results});
    if errors.is_empty() {
        return Answer::json(200, &body);
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Answer::json(207, &body)
}
