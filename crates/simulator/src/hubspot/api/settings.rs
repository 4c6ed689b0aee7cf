//! Properties, their groups, and the account's details.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Asked;
use crate::hubspot::schema::MOST_UNIQUE;
use crate::hubspot::{Choice, Group, HubSpot, Property, errors};
use crate::service::Answer;

/// `GET /account-info/v3/details`.
pub(super) fn account(hubspot: &HubSpot) -> Answer {
    let body = json!({
        "portalId": hubspot.settings.portal_id, "accountType": "STANDARD", "timeZone": "UTC",
        "companyCurrency": "USD", "additionalCurrencies": [], "utcOffset": "+00:00", "utcOffsetMilliseconds": 0,
        "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
    });
    Answer::json(200, &body)
}

/// Calls below `properties/contacts`.
pub(super) fn properties(hubspot: &mut HubSpot, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let schema = &mut hubspot.schema;
    match (asked.call.method.as_str(), asked.rest.as_slice()) {
        ("GET", []) => {
            let all: Vec<Value> = schema.properties.values().map(Property::to_json).collect();
            Ok(Answer::json(200, &json!({"results": all})))
        }
        ("POST", []) => {
            let wanted: Property = parsed(asked)?;
            new_property(hubspot, asked, &wanted)?;
            let shown = Answer::json(201, &wanted.to_json());
            hubspot.schema.properties.insert(wanted.name.clone(), wanted);
            Ok(shown)
        }
        ("GET", ["groups"]) => {
            let all: Vec<Value> = schema.groups.values().map(show_group).collect();
            Ok(Answer::json(200, &json!({"results": all})))
        }
        ("POST", ["groups"]) => {
            let wanted: Group = parsed(asked)?;
            if schema.groups.contains_key(&wanted.name) {
                return Err(exists(asked, "property group", &wanted.name));
            }
            named(asked, &wanted.name)?;
            let shown = Answer::json(201, &show_group(&wanted));
            schema.groups.insert(wanted.name.clone(), wanted);
            Ok(shown)
        }
        ("GET", ["groups", name]) => {
            let group = schema.groups.get(*name).ok_or_else(|| asked.not_found())?;
            Ok(Answer::json(200, &show_group(group)))
        }
        ("GET", [name]) => {
            let property = schema.properties.get(*name).ok_or_else(|| asked.not_found())?;
            Ok(Answer::json(200, &property.to_json()))
        }
        ("PATCH", [name]) => change(hubspot, asked, name),
        ("DELETE", [name]) => {
            match schema.properties.get(*name) {
                None => {}
                Some(property) if property.hubspot_defined => {
                    return Err(asked.invalid(&format!("{name} is defined by HubSpot")));
                }
                Some(_) => {
                    schema.properties.remove(*name);
                }
            }
            Ok(Answer::empty(204))
        }
        _ => Err(asked.refused(405, "VALIDATION_ERROR", "method not allowed here")),
    }
}

fn parsed<T: DeserializeOwned>(asked: &Asked<'_>) -> Result<T, Answer> {
    asked.call.json().map_err(|why| errors::bad_json(&why, &asked.correlation))
}

fn show_group(group: &Group) -> Value {
    json!({
        "name": group.name, "label": group.label, "displayOrder": group.display_order, "archived": false,
    })
}

fn exists(asked: &Asked<'_>, what: &str, name: &str) -> Answer {
    asked.refused(409, "CONFLICT", &format!("A {what} named '{name}' already exists."))
}

fn named(asked: &Asked<'_>, name: &str) -> Result<(), Answer> {
    let good = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    match name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(good) {
        true => Ok(()),
        false => {
            Err(asked.invalid("a name has lower case letters, digits and underscores, and a letter first"))
        }
    }
}

fn new_property(hubspot: &HubSpot, asked: &Asked<'_>, wanted: &Property) -> Result<(), Answer> {
    let schema = &hubspot.schema;
    if schema.properties.contains_key(&wanted.name) {
        return Err(exists(asked, "property", &wanted.name));
    }
    named(asked, &wanted.name)?;
    if !schema.groups.contains_key(&wanted.group_name) {
        return Err(asked.invalid(&format!("property group '{}' does not exist", wanted.group_name)));
    }
    let fields: &[&str] = match wanted.kind.as_str() {
        "string" => &["text", "textarea", "html", "phonenumber", "file"],
        "number" => &["number"],
        "bool" => &["booleancheckbox"],
        "date" | "datetime" => &["date"],
        "enumeration" => &["select", "radio", "checkbox", "booleancheckbox"],
        "phone_number" => &["phonenumber"],
        other => return Err(asked.invalid(&format!("{other} is not a type"))),
    };
    if !fields.contains(&wanted.field_type.as_str()) {
        let message = format!("fieldType {} does not fit the type {}", wanted.field_type, wanted.kind);
        return Err(asked.invalid(&message));
    }
    let unique = schema.properties.values().filter(|property| property.has_unique_value).count();
    if wanted.has_unique_value && !matches!(wanted.kind.as_str(), "string" | "number") {
        return Err(asked.invalid("only texts and numbers can be unique"));
    }
    if wanted.has_unique_value && unique >= MOST_UNIQUE {
        return Err(asked.invalid(&format!("at most {MOST_UNIQUE} properties can be unique")));
    }
    Ok(())
}

/// Label, group, description and options may change; name, uniqueness and, here, the type may not.
fn change(hubspot: &mut HubSpot, asked: &Asked<'_>, name: &str) -> Result<Answer, Answer> {
    let wanted = asked.body()?;
    let group = wanted["groupName"].as_str();
    if group.is_some_and(|group| !hubspot.schema.groups.contains_key(group)) {
        return Err(asked.invalid("no such property group"));
    }
    let property = hubspot.schema.properties.get_mut(name).ok_or_else(|| asked.not_found())?;
    let unique = wanted["hasUniqueValue"].as_bool().is_some_and(|unique| unique != property.has_unique_value);
    if unique || wanted["type"].as_str().is_some_and(|kind| kind != property.kind) {
        return Err(asked.invalid("hasUniqueValue and type cannot be changed"));
    }
    if let Some(options) = wanted.get("options") {
        let options = serde_json::from_value::<Vec<Choice>>(options.clone());
        property.options = options.map_err(|why| errors::bad_json(&why.to_string(), &asked.correlation))?;
    }
    if let Some(label) = wanted["label"].as_str() {
        property.label = label.into();
    }
    if let Some(group) = group {
        property.group_name = group.into();
    }
    if let Some(description) = wanted["description"].as_str() {
        property.description = description.into();
    }
    Ok(Answer::json(200, &property.to_json()))
}
