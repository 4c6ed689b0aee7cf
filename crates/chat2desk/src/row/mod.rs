//! Typed rows out of the vendor's loose JSON.
//!
//! The vendor has no schema: flags come as `true`, `1` or `"1"`, ids as numbers or digits in quotes, maps as empty
//! lists, times in five forms (chat2desk.md 1.7, 8.1, 8.2). The types of this crate are read by these rules:
//!
//! - Only an id can be missing too much: a row whose own id cannot be read is [`Error::Unreadable`]. Every other field
//!   is optional, and null, empty text and, for ids, `0` are "none".
//! - What is not known, and what is known but cannot be read, stays in `extra` under the vendor's name.
//! - Words of an open set keep a word that this build does not know: `Other("…")`.
//! - `Debug` shows ids, flags, numbers, times and words, never text: it is safe to log.

mod cell;
mod shown;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::payload::mend_surrogates;

pub(crate) use cell::{
    any, count, flag, flags, id, ids, list, map, number, text, texts, time, wall_time, word,
};
pub(crate) use shown::{Shown, Veiled, veiled_debug};

/// Something that one row of a list, or the `data` of an answer, is read as.
pub trait Row: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it is of another kind, or has no id.
    fn read(value: Value) -> Result<Self, Error>;
}

impl Row for Value {
    fn read(value: Value) -> Result<Self, Error> {
        Ok(value)
    }
}

impl Row for String {
    fn read(value: Value) -> Result<Self, Error> {
        text(&value).flatten().ok_or_else(|| Error::Unreadable("no text".into()))
    }
}

/// JSON out of a row's bytes. Lone surrogates, which are legal there but not in text, become U+FFFD.
pub(crate) fn value_of(raw: &RawValue) -> Result<Value, Error> {
    value_of_bytes(raw.get().as_bytes())
}

pub(crate) fn value_of_bytes(bytes: &[u8]) -> Result<Value, Error> {
    let read = serde_json::from_slice(bytes).or_else(|error| {
        let mended = mend_surrogates(bytes).ok_or(error)?;
        serde_json::from_slice(&mended)
    });
    // serde's own text may quote the input; its category and place do not.
    read.map_err(|error: serde_json::Error| {
        Error::Unreadable(format!(
            "{:?} at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}

/// The fields of one object, taken out one by one; what is left is `extra`.
pub(crate) struct Columns(Map<String, Value>);

impl Columns {
    pub(crate) fn of(value: Value, what: &'static str) -> Result<Self, Error> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Error::Unreadable(format!("{what} is no object"))),
        }
    }

    /// The row's own id.
    pub(crate) fn key(&mut self, names: &[&str], what: &'static str) -> Result<u64, Error> {
        self.take(names, id).ok_or_else(|| Error::Unreadable(format!("{what} without an id")))
    }

    /// The first of these names that can be read. Nulls go; what cannot be read stays.
    pub(crate) fn take<T: Default>(&mut self, names: &[&str], read: fn(&Value) -> Option<T>) -> T {
        let mut found = None;
        for name in names {
            let Some(value) = self.0.get(*name) else { continue };
            if value.is_null() {
                self.0.remove(*name);
            } else if found.is_none()
                && let Some(value) = read(value)
            {
                self.0.remove(*name);
                found = Some(value);
            }
        }
        found.unwrap_or_default()
    }

    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// Makes a struct and reads it: `name: Type = reader, "field" | "alias";`. A line that begins with `@` is the row's own
/// id, which must be there.
macro_rules! vendor_row {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( @$key:ident = $($key_alias:literal)|+; )?
            $( $(#[$field_meta:meta])* $field:ident: $type:ty = $read:expr, $($alias:literal)|+; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $(
                /// Its own id.
                pub $key: u64,
            )?
            $( $(#[$field_meta])* pub $field: $type, )*
            /// Every field that has no place above, or could not be read, as it came.
            pub extra: serde_json::Map<String, serde_json::Value>,
        }

        impl $crate::row::Row for $name {
            fn read(value: serde_json::Value) -> Result<Self, $crate::Error> {
                let mut columns = $crate::row::Columns::of(value, stringify!($name))?;
                Ok(Self {
                    $( $key: columns.key(&[$($key_alias),+], stringify!($name))?, )?
                    $( $field: columns.take(&[$($alias),+], $read), )*
                    extra: columns.rest(),
                })
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $( shown.field(stringify!($key), &self.$key); )?
                $( shown.field(stringify!($field), &$crate::row::Veiled(&self.$field)); )*
                shown.field("extra", &$crate::row::Veiled(&self.extra)).finish()
            }
        }

        impl $crate::row::Shown for $name {
            fn show(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self, f)
            }
        }
    };
}

/// Makes an enum of the vendor's words; a word that is not listed is kept as `Other`.
macro_rules! vendor_word {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $alias:literal)*, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
            /// A word that this build does not know.
            Other(String),
        }

        impl $name {
            /// The vendor's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $word, )+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word.trim().to_lowercase().as_str() {
                    $( $word $(| $alias)* => Self::$variant, )+
                    _ => Self::Other(word.trim().to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::row::Shown for $name {
            fn show(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self, f)
            }
        }
    };
}

pub(crate) use {vendor_row, vendor_word};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::messages::{Message, MessageType};

    fn read(value: Value) -> Message {
        Message::read(value).unwrap()
    }

    #[test]
    fn nothing_but_the_id_is_needed() {
        let bare = read(json!({"id": "7"}));
        assert_eq!((bare.id, bare.text, bare.read), (7, None, None));
        assert_eq!(read(json!({"messageID": 8})).id, 8);
        for without in [json!({}), json!({"id": null}), json!({"id": 0}), json!({"id": "x"}), json!([1])] {
            assert!(matches!(Message::read(without), Err(Error::Unreadable(_))));
        }
    }

    #[test]
    fn what_is_unknown_or_unreadable_stays_in_extra_and_null_does_not() {
        let row = read(json!({"id": 1, "text": null, "read": "perhaps", "extra_data": [], "new": {"a": 1},
            "dialog_id": null, "dialogID": "12", "type": "Carrier Pigeon", "ai_tips": null}));
        assert_eq!((row.text, row.read, row.dialog_id), (None, None, Some(12)));
        assert_eq!(row.kind, Some(MessageType::Other("Carrier Pigeon".into())));
        assert_eq!(Value::Object(row.extra), json!({"read": "perhaps", "new": {"a": 1}, "ai_tips": null}));
    }

    #[test]
    fn debug_shows_no_text_and_no_extra_value() {
        let row =
            read(json!({"id": 1, "text": "Anna", "secret": "Berta", "created": "2026-01-15T09:30:00 UTC",
            "type": "System", "attachments": [{"name": "Carla.jpg"}]}));
        let shown = format!("{row:?}");
        for personal in ["Anna", "Berta", "Carla"] {
            assert!(!shown.contains(personal), "{shown}");
        }
        assert!(
            shown.contains("2026-01-15") && shown.contains("System") && shown.contains("secret"),
            "{shown}"
        );
    }

    #[test]
    fn a_lone_surrogate_makes_no_row_unreadable() {
        let raw: Box<RawValue> = serde_json::from_str(r#"{"id":1,"text":"a\ud800b"}"#).unwrap();
        assert_eq!(read(value_of(&raw).unwrap()).text.as_deref(), Some("a\u{fffd}b"));
        let list: Box<RawValue> = serde_json::from_str(r#"["\ud800"]"#).unwrap();
        assert_eq!(value_of(&list).unwrap(), json!(["\u{fffd}"]));
    }
}
