//! Values in one form, so that equal things have equal hashes (reference/crms.md 12, "normalise before comparing").

use chrono::{DateTime, Utc};
use unicode_normalization::UnicodeNormalization as _;

/// A value of a lead, before a CRM's own way to write it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not known.
    Nothing,
    /// A text: NFC, trimmed, without control characters, not empty.
    Text(String),
    /// Texts, sorted, each once.
    List(Vec<String>),
    /// A finite number.
    Number(f64),
    /// An instant.
    Time(DateTime<Utc>),
}

impl Value {
    /// A text of at most `most` characters; nothing when nothing of it is left.
    pub(crate) fn text(text: &str, most: usize) -> Self {
        let clean = clean(text);
        let cut: String = clean.chars().take(most).collect();
        match cut.trim() {
            "" => Self::Nothing,
            cut => Self::Text(cut.to_owned()),
        }
    }

    pub(crate) fn list<'a>(texts: impl IntoIterator<Item = &'a String>, most: usize) -> Self {
        let mut clean: Vec<String> = texts
            .into_iter()
            .filter_map(|text| match Self::text(text, most) {
                Self::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        clean.sort();
        clean.dedup();
        if clean.is_empty() { Self::Nothing } else { Self::List(clean) }
    }

    pub(crate) fn number(number: Option<f64>) -> Self {
        number.filter(|number| number.is_finite()).map_or(Self::Nothing, Self::Number)
    }

    pub(crate) fn time(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Self::Nothing, Self::Time)
    }
}

/// One line, NFC, without control characters.
pub(crate) fn clean(text: &str) -> String {
    text.nfc().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_written_alike() {
        assert_eq!(Value::text(" Zoe\u{301}\n", 50), Value::text("Zo\u{e9}", 50));
        assert_eq!(Value::text("a\u{0}b", 50), Value::Text("a b".to_owned()));
        assert_eq!(Value::text(" \u{7} ", 50), Value::Nothing);
        assert_eq!(Value::text("Айгерим", 4), Value::Text("Айге".to_owned()), "cut by characters");
        let tags = ["vip".to_owned(), "b2b ".to_owned(), "vip".to_owned(), " ".to_owned()];
        assert_eq!(Value::list(&tags, 50), Value::List(vec!["b2b".to_owned(), "vip".to_owned()]));
        assert_eq!(Value::number(Some(f64::NAN)), Value::Nothing);
    }
}
