//! A lead's fields in a webhook: by our own names, as JSON has them.

use serde_json::Value as Json;

use crate::lead::LeadField;
use crate::mapping::{Choices, Mapping, Ownership};
use crate::value::Value;

/// The mapping with the configuration's choices. Who owns a field is the receiver's to say.
pub(super) fn mapping(choices: &Choices) -> Result<Mapping, String> {
    if !choices.ownership.is_empty() {
        return Err("ownership: a webhook's receiver decides what it keeps; remove it".to_owned());
    }
    let defaults = LeadField::ALL.map(|field| (field, field.word(), Ownership::Ours));
    Mapping::new("webhook", &defaults, choices, write)
}

fn write(value: &Value) -> Json {
    match value {
        Value::Nothing => Json::Null,
        Value::Text(text) => text.as_str().into(),
        Value::List(texts) => texts.clone().into(),
        // 5, not 5.0.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => (*number as i64).into(),
        Value::Number(number) => (*number).into(),
        Value::Time(at) => at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_json_has() {
        assert_eq!(write(&Value::Number(5.0)), serde_json::json!(5));
        assert_eq!(write(&Value::Number(4.5)), serde_json::json!(4.5));
        assert_eq!(write(&Value::List(vec!["a".to_owned()])), serde_json::json!(["a"]));
        assert_eq!(write(&Value::Nothing), Json::Null);
    }
}
