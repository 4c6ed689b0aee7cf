//! Looking fields up by their aliases.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use super::json::Json;
use super::names::{self, Name};

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

/// One JSON object of the vendor's, with tolerant look-ups: at top level, then under `data`.
#[derive(Clone)]
pub struct Fields<'a> {
    entries: &'a [(Cow<'a, str>, Json<'a>)],
    /// For each documented name, where it stands: from 1, the last one counts; 0 where it does not.
    places: [u8; names::COUNT],
    /// More fields than places can tell: then they are searched.
    is_wide: bool,
    data: Option<&'a Json<'a>>,
    has_undocumented: bool,
}

impl fmt::Debug for Fields<'_> {
    /// The names of the fields only: values may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.iter().map(|(name, _)| name)).finish()
    }
}

impl<'a> Fields<'a> {
    /// The fields of an object; `None` for anything else.
    pub fn of(value: &'a Json<'a>) -> Option<Self> {
        let Json::Object(entries) = value else { return None };
        let is_wide = entries.len() >= usize::from(u8::MAX);
        let places = [0; names::COUNT];
        let mut fields = Self { entries, places, is_wide, data: None, has_undocumented: is_wide };
        if !is_wide {
            for ((name, _), place) in entries.iter().zip(1..=u8::MAX) {
                match names::number(name) {
                    Some(number) => fields.places[number] = place,
                    None => fields.has_undocumented = true,
                }
            }
        }
        fields.data = fields.top("data").filter(|data| matches!(data, Json::Object(_)));
        Some(fields)
    }

    /// A field at top level, null included.
    fn top(&self, name: &str) -> Option<&'a Json<'a>> {
        match names::number(name) {
            Some(number) if !self.is_wide => self.numbered(number),
            _ => self.entries.iter().rfind(|(other, _)| other == name).map(|(_, value)| value),
        }
    }

    fn numbered(&self, number: usize) -> Option<&'a Json<'a>> {
        let place = usize::from(self.places[number]).checked_sub(1)?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// What stands at top level under an alias.
    fn aliased(&self, alias: &str) -> Option<&'a Json<'a>> {
        match names::named(alias) {
            Name::Field(number) if !self.is_wide => self.numbered(number),
            Name::Within(number, name) if !self.is_wide => self.numbered(number)?.get(name),
            _ => match alias.split_once('.') {
                Some((head, path)) => follow(self.top(head)?, path),
                None => self.top(alias),
            },
        }
    }

    /// Asks what stands under the aliases and is not null, in their order, until something is made of it: at top level,
    /// then under `data`.
    pub fn find<T>(&self, aliases: &[&str], mut read: impl FnMut(&'a Json<'a>) -> Option<T>) -> Option<T> {
        for alias in aliases {
            if let Some(value) = self.aliased(alias)
                && !value.is_null()
                && let Some(found) = read(value)
            {
                return Some(found);
            }
        }
        let data = self.data?;
        let values = aliases.iter().filter_map(|alias| follow(data, alias));
        values.filter(|value| !value.is_null()).find_map(read)
    }

    /// The first alias that is there with a value that is not null.
    pub fn value(&self, aliases: &[&str]) -> Option<&'a Json<'a>> {
        self.find(aliases, Some)
    }

    /// Whether the field is there at all, null included.
    pub fn has(&self, name: &str) -> bool {
        self.top(name).is_some() || self.data.is_some_and(|data| data.get(name).is_some())
    }

    /// An id: a whole number or digits as text. Null, empty text and 0 mean "none": then the next alias counts.
    ///
    /// # Errors
    /// [`WrongType`] for anything else.
    pub fn id(&self, aliases: &'static [&'static str]) -> Result<Option<String>, WrongType> {
        let field = aliases.first().copied().unwrap_or_default();
        self.find(aliases, |value| id(field, value).transpose()).transpose()
    }

    /// An id that is welcome but not needed: unreadable counts as none.
    pub fn id_if_readable(&self, aliases: &'static [&'static str]) -> Option<String> {
        self.id(aliases).ok().flatten()
    }

    /// Text with NUL dropped; numbers as text; null and empty text are none.
    pub fn text(&self, aliases: &[&str]) -> Option<String> {
        self.word(aliases).map(Cow::into_owned)
    }

    /// The same as [`Fields::text`], borrowed where it can be.
    pub fn word(&self, aliases: &[&str]) -> Option<Cow<'a, str>> {
        self.find(aliases, |value| match value {
            Json::Text(text) => storable(text),
            Json::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        })
    }

    /// A flag: `true`, `1`, `"1"`, `"true"` …; empty text is false, null none.
    pub fn flag(&self, aliases: &[&str]) -> Option<bool> {
        match self.value(aliases)? {
            Json::Bool(flag) => Some(*flag),
            Json::Number(number) => Some(number.as_f64() != Some(0.0)),
            Json::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "" | "0" | "false" | "no" => Some(false),
                "1" | "true" | "yes" => Some(true),
                _ => None,
            },
            _ => None,
        }
    }

    /// A number, also one written as text (`"4.0"`); empty text is none.
    pub fn number(&self, aliases: &[&str]) -> Option<f64> {
        let number = |value: &Json<'_>| match value {
            Json::Number(number) => number.as_f64(),
            Json::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        self.find(aliases, |value| number(value).filter(|number| number.is_finite()))
    }

    /// A nested object.
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        let object = |value: &'a Json<'a>| Fields::of(value);
        self.top(name).and_then(object).or_else(|| self.data?.get(name).and_then(object))
    }

    /// The fields at top level whose names no document knows, nulls left out.
    pub fn undocumented(&self) -> impl Iterator<Item = (&'a str, &'a Json<'a>)> {
        let entries = if self.has_undocumented { self.entries } else { &[] };
        let unknown = |(name, value): &'a (Cow<'a, str>, Json<'a>)| {
            (names::number(name).is_none() && !value.is_null()).then_some((&**name, value))
        };
        entries.iter().filter_map(unknown)
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A copy of the whole object, in the order of its names.
    pub fn to_map(&self) -> Map<String, Value> {
        self.entries.iter().map(|(name, value)| (name.to_string(), value.to_value())).collect()
    }
}

/// The value at the end of a path of names with dots between them.
fn follow<'a>(value: &'a Json<'a>, path: &str) -> Option<&'a Json<'a>> {
    path.split('.').try_fold(value, Json::get)
}

/// Text as Postgres takes it; `None` when nothing is left of it.
fn storable<'a>(text: &'a str) -> Option<Cow<'a, str>> {
    let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) };
    (!text.is_empty()).then_some(text)
}

/// Reads one id.
fn id(field: &'static str, value: &Json<'_>) -> Result<Option<String>, WrongType> {
    let wrong = |found| Err(WrongType { field, found });
    match value {
        Json::Null => Ok(None),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(0), _) => Ok(None),
            (Some(id), _) => Ok(Some(id.to_string())),
            (None, Some(_)) => wrong("a negative number"),
            (None, None) => wrong("a fraction"),
        },
        Json::Text(text) => {
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
        Json::Bool(_) => wrong("a flag"),
        Json::List(_) => wrong("a list"),
        Json::Object(_) => wrong("an object"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Leaks: a test's bodies are few and small.
    fn fields(value: Value) -> Fields<'static> {
        Fields::of(Box::leak(Box::new(Json::from(value)))).unwrap()
    }

    fn id_of(value: &Value) -> Result<Option<String>, WrongType> {
        fields(json!({ "client_id": value })).id(alias::CLIENT)
    }

    #[test]
    fn an_id_is_a_number_in_either_form() {
        assert_eq!(id_of(&json!(330_001)), Ok(Some("330001".to_owned())));
        assert_eq!(id_of(&json!("330001")), Ok(Some("330001".to_owned())));
        assert_eq!(id_of(&json!("007")), Ok(Some("7".to_owned())));
        assert_eq!(id_of(&json!(u64::MAX)), Ok(Some("18446744073709551615".to_owned())));
        for none in [json!(null), json!(0), json!("0"), json!(""), json!("00"), json!(" ")] {
            assert_eq!(id_of(&none), Ok(None));
        }
        for wrong in [json!(1.5), json!(-1), json!("x"), json!([1]), json!({}), json!(true)] {
            assert!(id_of(&wrong).is_err());
        }
    }

    #[test]
    fn aliases_are_tried_in_order_at_top_level_and_then_under_data() {
        let fields = fields(json!({"clientID": 2, "data": {"client_id": 1, "request": {"id": 9}}}));
        assert_eq!(fields.id(alias::CLIENT), Ok(Some("2".to_owned())));
        assert_eq!(fields.id(alias::REQUEST), Ok(Some("9".to_owned())));
        assert!(fields.has("client_id") && !fields.has("dialog_id"));
    }

    #[test]
    fn what_means_none_gives_way_to_the_next_alias() {
        for none in [json!(0), json!("0"), json!(""), json!(null)] {
            let fields = fields(json!({"client_id": none, "client": {"id": 5}, "label": none, "name": "n"}));
            assert_eq!(fields.id(alias::CLIENT), Ok(Some("5".to_owned())));
        }
        let fields = fields(json!({"label": "", "name": "n", "reaction_time": "", "replies": "4.0"}));
        assert_eq!(fields.text(alias::LABEL).as_deref(), Some("n"));
        assert_eq!(fields.number(&["reaction_time", "replies"]), Some(4.0));
    }

    #[test]
    fn flags_come_in_all_forms() {
        for (value, flag) in [
            (json!(1), Some(true)),
            (json!(true), Some(true)),
            (json!("1"), Some(true)),
            (json!("True"), Some(true)),
            (json!(0), Some(false)),
            (json!("0"), Some(false)),
            (json!(""), Some(false)),
            (json!(false), Some(false)),
            (json!(null), None),
            (json!([]), None),
        ] {
            assert_eq!(fields(json!({ "read": value })).flag(&["read"]), flag);
        }
    }

    #[test]
    fn text_loses_nul() {
        assert_eq!(fields(json!({"text": "a\0b"})).text(&["text"]).as_deref(), Some("ab"));
        assert_eq!(fields(json!({"text": "\0"})).text(&["text"]), None);
    }

    #[test]
    fn an_object_of_thousands_of_fields_is_read_as_any_other() {
        let mut wide = Map::new();
        for number in 0..5000 {
            wide.insert(format!("z{number}"), json!(number));
        }
        wide.insert("client".to_owned(), json!({"id": 5}));
        wide.insert("dialog_id".to_owned(), json!(6));
        let fields = fields(Value::Object(wide));
        assert_eq!(fields.id(alias::CLIENT), Ok(Some("5".to_owned())));
        assert_eq!(fields.id(alias::DIALOG), Ok(Some("6".to_owned())));
        assert_eq!(fields.undocumented().count(), 5000);
    }

    #[test]
    fn what_no_document_names_is_told_apart() {
        let fields = fields(json!({"text": "t", "mood": "good", "is_new": 1, "later": null}));
        let names: Vec<&str> = fields.undocumented().map(|(name, _)| name).collect();
        assert_eq!(names, ["mood"]);
        assert_eq!(fields.text(&["mood"]).as_deref(), Some("good"));
    }
}
