//! A lead's fields as contact properties, and what those that we make are.

use serde_json::Value as Json;

use crate::lead::LeadField;
use crate::mapping::{Choices, Mapping, Ownership};
use crate::value::Value;

/// The group of our properties.
pub(super) const GROUP: &str = "chatledger";
/// What a property that we may make is called.
pub(super) const PREFIX: &str = "chat_";

/// Transports, tags and operators are texts, not enumerations: an option that the CRM does not know refuses the row,
/// and labels come and go.
const DEFAULTS: [(LeadField, &str, Ownership); 13] = [
    (LeadField::Key, "chat_client_key", Ownership::Ours),
    (LeadField::Name, "firstname", Ownership::IfEmpty),
    (LeadField::Phone, "phone", Ownership::IfEmpty),
    (LeadField::Email, "email", Ownership::IfEmpty),
    (LeadField::Transports, "chat_transports", Ownership::Ours),
    (LeadField::Tags, "chat_tags", Ownership::Ours),
    (LeadField::Operator, "chat_operator", Ownership::Ours),
    (LeadField::Score, "chat_score", Ownership::Ours),
    (LeadField::ScoreScale, "chat_score_scale", Ownership::Ours),
    (LeadField::ScoreAt, "chat_score_at", Ownership::Ours),
    (LeadField::FirstMessageAt, "chat_first_message_at", Ownership::Ours),
    (LeadField::LastMessageAt, "chat_last_message_at", Ownership::Ours),
    (LeadField::DialogUrl, "chat_dialog_url", Ownership::Ours),
];

/// The mapping with the configuration's choices.
pub(super) fn mapping(choices: &Choices) -> Result<Mapping, String> {
    let names = choices.fields.values().map(|name| name.trim()).filter(|name| !name.is_empty());
    for name in names {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("fields: {name:?} is no name of a property: a-z, 0-9 and _ only"));
        }
    }
    Mapping::new("hubspot", &DEFAULTS, choices, write)
}

/// Every value is a text; an empty one clears (reference/crms.md 4).
fn write(value: &Value) -> Json {
    Json::String(match value {
        Value::Nothing => String::new(),
        Value::Text(text) => text.clone(),
        // A `;` would end the label.
        Value::List(texts) => texts.iter().map(|text| text.replace(';', ",")).collect::<Vec<_>>().join(";"),
        Value::Number(number) => number.to_string(),
        Value::Time(at) => at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    })
}

/// What a property is made as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) label: &'static str,
    pub(super) type_: &'static str,
    pub(super) field_type: &'static str,
    pub(super) is_unique: bool,
}

/// What the property of a field is made as, when it is not there.
pub(super) const fn kind(field: LeadField) -> Kind {
    let (label, type_, field_type) = match field {
        LeadField::Key => ("Chat client key", "string", "text"),
        LeadField::Name => ("Chat name", "string", "text"),
        LeadField::Phone => ("Chat phone", "string", "text"),
        LeadField::Email => ("Chat e-mail", "string", "text"),
        LeadField::Transports => ("Chat messengers", "string", "text"),
        LeadField::Tags => ("Chat tags", "string", "textarea"),
        LeadField::Operator => ("Chat operator", "string", "text"),
        LeadField::Score => ("Chat score", "number", "number"),
        LeadField::ScoreScale => ("Chat score out of", "number", "number"),
        LeadField::ScoreAt => ("Chat score given", "datetime", "date"),
        LeadField::FirstMessageAt => ("First chat message", "datetime", "date"),
        LeadField::LastMessageAt => ("Last chat message", "datetime", "date"),
        LeadField::DialogUrl => ("Chat dialog", "string", "text"),
    };
    Kind { label, type_, field_type, is_unique: matches!(field, LeadField::Key) }
}

/// Whether a property of type `found` takes the values of a field.
pub(super) fn takes(field: LeadField, found: &str) -> bool {
    let wanted = kind(field).type_;
    found == wanted
        || found == "string"
        || (field == LeadField::Phone && found == "phone_number")
        // Labels may be kept as options, where people care for them.
        || (matches!(field, LeadField::Transports | LeadField::Tags | LeadField::Operator) && found == "enumeration")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn values_are_texts() {
        assert_eq!(write(&Value::Number(5.0)), "5");
        assert_eq!(write(&Value::Number(4.5)), "4.5");
        assert_eq!(write(&Value::Nothing), "");
        assert_eq!(write(&Value::List(vec!["a;b".to_owned(), "c".to_owned()])), "a,b;c");
        let at = "2026-10-01T02:00:00.123456Z".parse().unwrap();
        assert_eq!(write(&Value::Time(at)), "2026-10-01T02:00:00.123Z");
    }

    #[test]
    fn a_name_that_no_property_has_is_refused() {
        for odd in ["First Name", "1st", "ü", "a-b"] {
            let fields = BTreeMap::from([(LeadField::Name, odd.to_owned())]);
            assert!(mapping(&Choices { fields, ..Choices::default() }).is_err(), "{odd}");
        }
        assert_eq!(mapping(&Choices::default()).unwrap().mapped().len(), 13);
    }
}
