//! Looking fields up by their aliases.

use std::fmt;

use serde_json::{Map, Value};

/// An id or a key field that cannot be read. Names the field, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found}")]
pub struct WrongType {
    /// The field.
    pub field: &'static str,
    /// What stands there instead of an id.
    pub found: &'static str,
}

/// The aliases of reference/chat2desk.md 8.2 rule 4. A dot goes into an object.
pub mod alias {
    /// Message id.
    pub const MESSAGE: &[&str] = &["message_id", "messageID", "message.id"];
    /// Request id.
    pub const REQUEST: &[&str] = &["request_id", "requestID", "request.id"];
    /// Dialog id.
    pub const DIALOG: &[&str] = &["dialog_id", "dialogID", "dialog.id", "message.dialogID"];
    /// Client id.
    pub const CLIENT: &[&str] = &["client_id", "clientID", "client.id"];
    /// Operator id.
    pub const OPERATOR: &[&str] = &["operator_id", "operatorID", "operator.id", "message.operatorID"];
    /// Channel id.
    pub const CHANNEL: &[&str] = &["channel_id", "channelID", "channel.id"];
    /// Tag id.
    pub const TAG: &[&str] = &["tag_id", "tagID", "tag.id"];
    /// Label of a tag.
    pub const LABEL: &[&str] = &["label", "name", "tag.label", "tag.name"];
    /// Time of an event.
    pub const EVENT_TIME: &[&str] = &["event_time"];
    /// The platform's own time of an entity.
    pub const CREATED: &[&str] = &["created", "created_at"];
}

/// One JSON object of the vendor's, with tolerant look-ups.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    top: &'a Map<String, Value>,
    data: Option<&'a Map<String, Value>>,
}

impl fmt::Debug for Fields<'_> {
    /// The names of the fields only: values may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.top.keys()).finish()
    }
}

impl<'a> Fields<'a> {
    /// The fields of an object; `None` for anything else.
    pub fn of(value: &'a Value) -> Option<Self> {
        let top = value.as_object()?;
        Some(Self { top, data: top.get("data").and_then(Value::as_object) })
    }

    /// The first alias that is there with a value that is not null: at top level, then under `data`.
    pub fn value(&self, aliases: &[&str]) -> Option<&'a Value> {
        let find = |map: &'a Map<String, Value>| {
            aliases.iter().find_map(|alias| {
                let mut parts = alias.split('.');
                let mut value = map.get(parts.next()?)?;
                for part in parts {
                    value = value.get(part)?;
                }
                (!value.is_null()).then_some(value)
            })
        };
        find(self.top).or_else(|| self.data.and_then(find))
    }

    /// Whether the field is there at all, null included.
    pub fn has(&self, name: &str) -> bool {
        self.top.contains_key(name) || self.data.is_some_and(|data| data.contains_key(name))
    }

    /// An id: a whole number or digits as text. Null, empty text and 0 mean "none".
    ///
    /// # Errors
    /// [`WrongType`] for anything else.
    pub fn id(&self, aliases: &'static [&'static str]) -> Result<Option<String>, WrongType> {
        let field = aliases.first().copied().unwrap_or_default();
        self.value(aliases).map_or(Ok(None), |value| id(field, value))
    }

    /// An id that is welcome but not needed: unreadable counts as none.
    pub fn id_if_readable(&self, aliases: &'static [&'static str]) -> Option<String> {
        self.id(aliases).ok().flatten()
    }

    /// Text with NUL dropped; numbers as text; null and empty text are none.
    pub fn text(&self, aliases: &[&str]) -> Option<String> {
        let text = match self.value(aliases)? {
            Value::String(text) => text.replace('\0', ""),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A flag: `true`, `1`, `"1"`, `"true"` …; empty text is false, null none.
    pub fn flag(&self, aliases: &[&str]) -> Option<bool> {
        match self.value(aliases)? {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => Some(number.as_f64() != Some(0.0)),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "" | "0" | "false" | "no" => Some(false),
                "1" | "true" | "yes" => Some(true),
                _ => None,
            },
            _ => None,
        }
    }

    /// A number, also one written as text (`"4.0"`); empty text is none.
    pub fn number(&self, aliases: &[&str]) -> Option<f64> {
        match self.value(aliases)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number| number.is_finite())
    }

    /// A nested object.
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        self.value(&[name]).and_then(Fields::of)
    }

    /// The object as JSON.
    pub fn raw(&self) -> &'a Map<String, Value> {
        self.top
    }
}

/// Reads one id.
fn id(field: &'static str, value: &Value) -> Result<Option<String>, WrongType> {
    let wrong = |found| Err(WrongType { field, found });
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(0), _) => Ok(None),
            (Some(id), _) => Ok(Some(id.to_string())),
            (None, Some(_)) => wrong("a negative number"),
            (None, None) => wrong("a fraction"),
        },
        Value::String(text) => {
            let digits = text.trim();
            match digits {
                "" | "0" => Ok(None),
                _ if digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                    // One id, one spelling: "007" is 7.
                    let id = digits.trim_start_matches('0');
                    Ok((!id.is_empty()).then(|| id.to_owned()))
                }
                _ => wrong("text that is no number"),
            }
        }
        Value::Bool(_) => wrong("a flag"),
        Value::Array(_) => wrong("a list"),
        Value::Object(_) => wrong("an object"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id_of(value: &Value) -> Result<Option<String>, WrongType> {
        let object = json!({ "client_id": value });
        Fields::of(&object).unwrap().id(alias::CLIENT)
    }

    #[test]
    fn an_id_is_a_number_in_either_form() {
        assert_eq!(id_of(&json!(330_001)), Ok(Some("330001".to_owned())));
        assert_eq!(id_of(&json!("330001")), Ok(Some("330001".to_owned())));
        assert_eq!(id_of(&json!("007")), Ok(Some("7".to_owned())));
        for none in [json!(null), json!(0), json!("0"), json!(""), json!("00")] {
            assert_eq!(id_of(&none), Ok(None));
        }
        for wrong in [json!(1.5), json!(-1), json!("x"), json!([1]), json!({}), json!(true)] {
            assert!(id_of(&wrong).is_err());
        }
    }

    #[test]
    fn aliases_are_tried_in_order_at_top_level_and_then_under_data() {
        let object = json!({"clientID": 2, "data": {"client_id": 1, "request": {"id": 9}}});
        let fields = Fields::of(&object).unwrap();
        assert_eq!(fields.id(alias::CLIENT), Ok(Some("2".to_owned())));
        assert_eq!(fields.id(alias::REQUEST), Ok(Some("9".to_owned())));
    }

    #[test]
    fn flags_come_in_all_forms() {
        for (value, flag) in
            [(json!(1), Some(true)), (json!("0"), Some(false)), (json!(""), Some(false)), (json!([]), None)]
        {
            let object = json!({ "read": value });
            assert_eq!(Fields::of(&object).unwrap().flag(&["read"]), flag);
        }
    }

    #[test]
    fn text_loses_nul() {
        let object = json!({"text": "a\0b"});
        assert_eq!(Fields::of(&object).unwrap().text(&["text"]).as_deref(), Some("ab"));
    }
}
