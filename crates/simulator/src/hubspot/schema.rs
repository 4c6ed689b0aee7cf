//! Properties of contacts and their groups: which there are, what they take, and which must be unique.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::BadValue;

/// At most so many unique properties of ours.
pub(super) const MOST_UNIQUE: usize = 10;

const LONGEST_TEXT: usize = 65_536;

/// A choice of an enumeration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Choice {
    /// What is shown.
    pub label: String,
    /// What is stored.
    pub value: String,
    /// Place among the others.
    pub display_order: i64,
    /// Not offered to people.
    pub hidden: bool,
}

/// A property, as the API takes and shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Lower snake case.
    pub name: String,
    /// What is shown.
    pub label: String,
    /// `string`, `number`, `enumeration`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// `text`, `select`, ...
    pub field_type: String,
    /// Group.
    pub group_name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Choices of an enumeration.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// No two contacts have the same value; final.
    #[serde(default)]
    pub has_unique_value: bool,
    /// The vendor's own.
    #[serde(default, skip_deserializing)]
    pub hubspot_defined: bool,
    /// Set by the vendor alone.
    #[serde(skip)]
    pub read_only: bool,
}

impl Property {
    /// The item of the properties API.
    pub fn to_json(&self) -> Value {
        let mut shown = json!(self);
        if let Some(object) = shown.as_object_mut() {
            for (name, value) in [
                ("archived", json!(false)),
                ("calculated", json!(false)),
                ("externalOptions", json!(self.name == "hubspot_owner_id")),
                ("hidden", json!(false)),
                ("formField", json!(!self.read_only)),
                ("displayOrder", json!(-1)),
                (
                    "modificationMetadata",
                    json!({
                        "archivable": !self.hubspot_defined, "readOnlyDefinition": self.hubspot_defined,
                        "readOnlyValue": self.read_only,
                    }),
                ),
            ] {
                object.insert(name.into(), value);
            }
        }
        shown
    }
}

/// A group of properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Lower snake case.
    pub name: String,
    /// What is shown.
    pub label: String,
    /// Place among the others.
    #[serde(default)]
    pub display_order: i64,
}

/// All properties and groups of contacts.
#[derive(Debug)]
pub struct Schema {
    /// Properties by name.
    pub properties: BTreeMap<String, Property>,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
}

impl Default for Schema {
    fn default() -> Self {
        let group = Group { name: HOME.into(), label: "Contact information".into(), display_order: 0 };
        let mut properties: Vec<Property> =
            BUILT_IN.iter().map(|(name, kind, field)| built_in(name, kind, field, &[])).collect();
        properties.push(built_in("lifecyclestage", "enumeration", "radio", &STAGES));
        properties.push(built_in("hs_lead_status", "enumeration", "radio", &STATUSES));
        for property in &mut properties {
            property.read_only = READ_ONLY.contains(&property.name.as_str());
        }
        Self {
            properties: properties.into_iter().map(|property| (property.name.clone(), property)).collect(),
            groups: BTreeMap::from([(HOME.to_owned(), group)]),
        }
    }
}

const HOME: &str = "contactinformation";

const READ_ONLY: [&str; 3] = ["hs_object_id", "createdate", "lastmodifieddate"];

const BUILT_IN: [(&str, &str, &str); 14] = [
    ("email", "string", "text"),
    ("firstname", "string", "text"),
    ("lastname", "string", "text"),
    ("phone", "string", "phonenumber"),
    ("mobilephone", "string", "phonenumber"),
    ("company", "string", "text"),
    ("jobtitle", "string", "text"),
    ("website", "string", "text"),
    ("city", "string", "text"),
    ("country", "string", "text"),
    ("hubspot_owner_id", "enumeration", "select"),
    ("hs_object_id", "number", "number"),
    ("createdate", "datetime", "date"),
    ("lastmodifieddate", "datetime", "date"),
];

const STAGES: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

const STATUSES: [&str; 8] = [
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
];

fn built_in(name: &str, kind: &str, field: &str, options: &[&str]) -> Property {
    let choice = |(place, value): (i64, &&str)| Choice {
        label: (*value).to_owned(),
        value: (*value).to_owned(),
        display_order: place,
        hidden: false,
    };
    Property {
        name: name.into(),
        label: name.into(),
        kind: kind.into(),
        field_type: field.into(),
        group_name: HOME.into(),
        description: String::new(),
        options: (0..).zip(options).map(choice).collect(),
        has_unique_value: false,
        hubspot_defined: true,
        read_only: false,
    }
}

impl Schema {
    /// No two contacts in use share a value of this property.
    pub fn is_unique(&self, property: &str) -> bool {
        property == "email" || self.properties.get(property).is_some_and(|property| property.has_unique_value)
    }

    /// Whether this value may be written; an empty one clears and is always good.
    ///
    /// # Errors
    /// [`BadValue`].
    pub fn check(&self, name: &str, value: &str, owner: impl Fn(&str) -> bool) -> Result<(), BadValue> {
        let bad = |code, message: String| Err(BadValue { property: name.into(), code, message });
        let Some(property) = self.properties.get(name) else {
            return bad("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"));
        };
        if property.read_only {
            return bad("READ_ONLY_VALUE", format!("\"{name}\" is a read only property"));
        }
        if value.is_empty() {
            return Ok(());
        }
        if value.chars().count() > LONGEST_TEXT {
            return bad("VALUE_TOO_LONG", format!("{name} is longer than {LONGEST_TEXT} characters"));
        }
        let (good, code) = match property.kind.as_str() {
            "number" => (value.parse::<f64>().is_ok_and(f64::is_finite), "INVALID_NUMBER"),
            "bool" => (matches!(value, "true" | "false"), "INVALID_OPTION"),
            "date" => (is_time(value, true), "INVALID_DATE"),
            "datetime" => (is_time(value, false), "INVALID_DATE"),
            "enumeration" if name == "hubspot_owner_id" => (owner(value), "INVALID_OWNER_ID"),
            "enumeration" => {
                let known = |wanted: &str| property.options.iter().any(|option| option.value == wanted);
                let strange = value.split(';').filter(|part| !part.is_empty()).find(|part| !known(part));
                if let Some(strange) = strange {
                    let message = format!("{strange} was not one of the allowed options");
                    return bad("INVALID_OPTION", message);
                }
                let single = value.split(';').count() == 1 || property.field_type == "checkbox";
                (single, "INVALID_OPTION")
            }
            _ if name == "email" => (is_email(value), "INVALID_EMAIL"),
            _ => (true, ""),
        };
        if good { Ok(()) } else { bad(code, format!("{value} is not a valid {}", property.kind)) }
    }
}

/// Milliseconds since 1970 or ISO 8601; a plain date only where `dates` says so.
fn is_time(value: &str, dates: bool) -> bool {
    value.parse::<i64>().is_ok()
        || DateTime::parse_from_rfc3339(value).is_ok()
        || (dates && value.parse::<NaiveDate>().is_ok())
}

fn is_email(value: &str) -> bool {
    let Some((name, host)) = value.split_once('@') else { return false };
    !name.is_empty() && host.contains('.') && !host.starts_with('.') && !value.contains([' ', ','])
}
