//! One contact at a time, the deletes, the merge, and the page that a record's web address leads to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Asked, millis};
use crate::hubspot::errors::{self, BadRow};
use crate::hubspot::{Contact, HubSpot};
use crate::service::{Answer, Call};

/// Calls on single contacts.
pub(super) fn act(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let key = asked.call.param("idProperty");
    match (asked.call.method.as_str(), asked.rest.as_slice()) {
        ("POST", []) => create(hubspot, asked),
        ("POST", ["gdpr-delete"]) => erase(hubspot, asked),
        ("POST", ["merge"]) => merge(hubspot, asked),
        ("GET", [id]) => {
            let id = find(hubspot, id, key).ok_or_else(|| asked.not_found())?.id;
            let names = asked.call.param("properties").unwrap_or("email,firstname,lastname");
            let names: Vec<String> = names.split(',').map(str::to_owned).collect();
            Ok(Answer::json(200, &show(hubspot, id, &names)))
        }
        ("PATCH", [id]) => {
            let id = find(hubspot, id, key).ok_or_else(|| asked.not_found())?.id;
            let properties = properties(asked, &asked.body()?["properties"])?;
            judge(hubspot, Some(id), &properties).map_err(|bad| errors::bad_row(&bad, &asked.correlation))?;
            write(hubspot, Some(id), &properties, asked.now);
            let names: Vec<String> = properties.into_keys().collect();
            Ok(Answer::json(200, &show(hubspot, id, &names)))
        }
        // The vendor says the same of a contact that is not there.
        ("DELETE", [id]) => {
            if let Some(id) = id.parse().ok().filter(|_| key.is_none()) {
                hubspot.contacts.archive(id, asked.now);
            }
            Ok(Answer::empty(204))
        }
        _ => Err(asked.refused(405, "VALIDATION_ERROR", "method not allowed here")),
    }
}

fn create(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let properties = properties(asked, &asked.body()?["properties"])?;
    judge(hubspot, None, &properties).map_err(|bad| errors::bad_row(&bad, &asked.correlation))?;
    let id = write(hubspot, None, &properties, asked.now);
    let names: Vec<String> = properties.into_keys().collect();
    Ok(Answer::json(201, &show(hubspot, id, &names)))
}

/// For ever. An unknown e-mail is blocked from being used again: the trap of reference 4.
fn erase(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let body = asked.body()?;
    let wanted = body["objectId"].as_str().ok_or_else(|| asked.invalid("objectId is required"))?;
    let key = body["idProperty"].as_str();
    match find(hubspot, wanted, key).map(|contact| contact.id).or_else(|| wanted.parse().ok()) {
        Some(id) if hubspot.contacts.erase(id) => Ok(Answer::empty(204)),
        _ if key == Some("email") => {
            hubspot.contacts.block(wanted);
            Ok(Answer::empty(204))
        }
        _ => Err(asked.not_found()),
    }
}

fn merge(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let body = asked.body()?;
    let id = |field: &str| body[field].as_str().and_then(|id| id.parse().ok());
    let (Some(winner), Some(loser)) = (id("primaryObjectId"), id("objectIdToMerge")) else {
        return Err(asked.invalid("primaryObjectId and objectIdToMerge are required"));
    };
    let HubSpot { contacts, schema, .. } = hubspot;
    let merged = contacts.merge(schema, winner, loser, asked.now).ok_or_else(|| asked.not_found())?;
    Ok(Answer::json(200, &show(hubspot, merged, &[])))
}

/// By id, or by the value of a unique property.
pub(super) fn find<'h>(hubspot: &'h HubSpot, wanted: &str, key: Option<&str>) -> Option<&'h Contact> {
    match key {
        Some(key) => hubspot.contacts.having(key, wanted),
        None => wanted.parse().ok().and_then(|id| hubspot.contacts.get(id)),
    }
}

/// The vendor's schema: an object whose values are strings, not numbers and not null.
pub(super) fn properties(asked: &Asked<'_>, value: &Value) -> Result<BTreeMap<String, String>, Answer> {
    let object = value.as_object().ok_or_else(|| asked.invalid("properties is required"))?;
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        other => {
            let why = format!("cannot deserialize value of type `java.lang.String` of {name} from {other}");
            Err(errors::bad_json(&why, &asked.correlation))
        }
    };
    object.iter().map(pair).collect()
}

/// Values first, then what others already have.
pub(super) fn judge(
    hubspot: &HubSpot,
    target: Option<u64>,
    properties: &BTreeMap<String, String>,
) -> Result<(), BadRow> {
    let owner = |id: &str| hubspot.settings.owners.contains(id);
    let check = |(name, value): (&String, &String)| hubspot.schema.check(name, value, owner).err();
    let bad: Vec<_> = properties.iter().filter_map(check).collect();
    if !bad.is_empty() {
        return Err(BadRow::Values(bad));
    }
    hubspot.contacts.judge(&hubspot.schema, target, properties)
}

/// Writes what was judged, and counts it.
pub(super) fn write(
    hubspot: &mut HubSpot,
    target: Option<u64>,
    properties: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> u64 {
    let HubSpot { contacts, schema, tally, .. } = hubspot;
    match target {
        Some(_) => tally.updated += 1,
        None => tally.created += 1,
    }
    contacts.write(schema, target, properties, now)
}

/// A record with those of its properties; what it has not is null.
pub(super) fn show(hubspot: &HubSpot, id: u64, names: &[String]) -> Value {
    let Some(contact) = hubspot.contacts.get(id) else { return Value::Null };
    let mut properties: BTreeMap<&str, Value> =
        names.iter().map(|name| (name.as_str(), json!(contact.properties.get(name)))).collect();
    properties.insert("hs_object_id", contact.id.to_string().into());
    properties.insert("createdate", millis(contact.created).into());
    properties.insert("lastmodifieddate", millis(contact.updated).into());
    json!({
        "id": contact.id.to_string(), "properties": properties, "createdAt": millis(contact.created),
        "updatedAt": millis(contact.updated), "archived": false,
    })
}

/// What a person sees at a record's web address: no token, no JSON. For demonstrations.
pub(super) fn page(hubspot: &HubSpot, call: &Call) -> Option<Answer> {
    let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let ["contacts", _, "record", "0-1", id] = path.as_slice() else { return None };
    let Some(contact) = find(hubspot, id, None) else {
        return Some(Answer::html(404, "<!doctype html><title>Contact</title><p>This contact is not here."));
    };
    let row = |(name, value): (&String, &String)| {
        format!("<tr><th align=left>{}<td>{}", escaped(name), escaped(value))
    };
    let rows: String = contact.properties.iter().map(row).collect();
    let head = "<!doctype html><meta charset=utf-8><meta name=color-scheme content=\"light dark\">";
    Some(Answer::html(
        200,
        &format!("{head}<title>Contact {id}</title><h1>Contact {id}</h1><table cellpadding=4>{rows}</table>"),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
