//! JSON that is kept as it came: free fields, attachments, and what this version does not know (reference/chat2desk.md
//! 8.2 rule 9).

use chat2desk::payload::{Fields, Json};
use serde_json::{Map, Value};

/// JSON below this many levels is kept as its text: stored within a fact it has to be readable again.
const DEEPEST: u32 = 32;

/// JSON as Postgres and our own reader keep it: no NUL in text, no more than [`DEEPEST`] levels.
pub(super) fn storable(value: &Json<'_>) -> Value {
    within(value, DEEPEST)
}

fn within(value: &Json<'_>, levels: u32) -> Value {
    match value {
        Json::List(_) | Json::Object(_) if levels == 0 => {
            Value::String(value.to_value().to_string().replace("\\u0000", ""))
        }
        Json::Text(text) => Value::String(text.replace('\0', "")),
        Json::List(items) => Value::Array(items.iter().map(|item| within(item, levels - 1)).collect()),
        Json::Object(entries) => {
            let entry = |(key, value): &(std::borrow::Cow<'_, str>, Json<'_>)| {
                (key.replace('\0', ""), within(value, levels - 1))
            };
            Value::Object(entries.iter().map(entry).collect())
        }
        leaf => leaf.to_value(),
    }
}

/// What an object carries beyond what is known: fields that no document names, and the words that a known field should
/// not have. `None` when there is nothing, as in nearly every object.
pub(super) fn extra<'w>(
    fields: &Fields<'_>,
    words: impl IntoIterator<Item = (&'static str, Option<&'w str>)>,
) -> Option<Value> {
    let undocumented = fields.undocumented().map(|(name, value)| (name.replace('\0', ""), storable(value)));
    let words = words.into_iter().filter_map(|(name, word)| Some((name.to_owned(), Value::from(word?))));
    let extra: Map<String, Value> = undocumented.chain(words).collect();
    (!extra.is_empty()).then_some(Value::Object(extra))
}
