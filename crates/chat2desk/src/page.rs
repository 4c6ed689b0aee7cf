//! One page of a list, kept byte for byte.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::Error;
use crate::row::{Row, value_of, value_of_bytes};

/// What a paged answer says about itself (chat2desk.md 1.5). Absent or unreadable numbers are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Meta {
    /// Rows of the whole list.
    pub total: Option<u64>,
    /// Rows a page, as the service applied it.
    pub limit: Option<u64>,
    /// Rows before this page.
    pub offset: Option<u64>,
}

/// One page: its rows as they came, and the rest of the answer. `T` is what a row can be read as; reading is done only
/// on demand, so storing raw rows costs nothing more.
pub struct Page<T = Value> {
    /// `meta`, when there was one.
    pub meta: Option<Meta>,
    /// The rows, byte for byte, in the order of the answer.
    pub rows: Vec<Box<RawValue>>,
    /// The answer without its rows: its other fields as they came, and `rows`, their number.
    /// For instance `{"meta":{"total":2,"limit":200,"offset":0},"rows":2,"status":"success"}`.
    pub envelope: Box<RawValue>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Page<T> {
    fn clone(&self) -> Self {
        self.as_kind()
    }
}

impl<T> std::fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("rows", &self.rows.len())
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

impl<T: Row> Page<T> {
    /// The rows, read.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when one of them is not readable: [`Self::iter`] tells which.
    pub fn items(&self) -> Result<Vec<T>, Error> {
        self.iter().collect()
    }

    /// The rows one by one: an unreadable one keeps none of the others.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, Error>> {
        self.rows.iter().map(|row| T::read(value_of(row)?))
    }
}

impl<T> Page<T> {
    /// The same page with rows of another kind.
    pub fn of<U>(self) -> Page<U> {
        Page { meta: self.meta, rows: self.rows, envelope: self.envelope, kind: PhantomData }
    }

    fn as_kind<U>(&self) -> Page<U> {
        let (rows, envelope) = (self.rows.clone(), self.envelope.clone());
        Page { meta: self.meta, rows, envelope, kind: PhantomData }
    }

    /// `meta.total`, when the answer had one.
    pub fn total(&self) -> Option<u64> {
        self.meta.and_then(|meta| meta.total)
    }

    /// How many rows a full page has: what was asked for, or less where the service applied less.
    pub fn full(&self, asked: u32) -> usize {
        let applied = self.meta.and_then(|meta| meta.limit).filter(|limit| *limit > 0);
        usize::try_from(applied.unwrap_or(u64::MAX).min(u64::from(asked))).unwrap_or(usize::MAX)
    }
}

/// The one object of an answer: `data`, its only item, or the answer itself where there is no `data`.
pub(crate) fn one<T: Row>(body: &[u8]) -> Result<T, Error> {
    match only(value_of_bytes(body)?) {
        Some(data) => T::read(data),
        None => Err(Error::NotFound),
    }
}

/// The same of a change that succeeded: an answer that says nothing is no error unless an id is needed.
pub(crate) fn made<T: Row>(body: &[u8]) -> Result<T, Error> {
    let is_empty = body.iter().all(u8::is_ascii_whitespace);
    let data = if is_empty { None } else { only(value_of_bytes(body)?) };
    T::read(data.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}

fn only(answer: Value) -> Option<Value> {
    let data = match answer {
        Value::Object(mut fields) => match fields.remove("data") {
            Some(data) => data,
            None => Value::Object(fields),
        },
        other => other,
    };
    match data {
        Value::Array(mut items) if items.len() == 1 => Some(items.remove(0)),
        Value::Array(items) if items.is_empty() => None,
        Value::Null => None,
        data => Some(data),
    }
}

impl Page {
    /// Reads an answer: `{"data": […], "meta": …}` or a bare array. One object in `data` counts as one row.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything else, JSON that was cut short included.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        let unreadable = |error: serde_json::Error| Error::Unreadable(place(&error));
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            let rows: Vec<Box<RawValue>> = serde_json::from_slice(body).map_err(unreadable)?;
            return Self::assemble(rows, BTreeMap::new());
        }
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).map_err(unreadable)?;
        let Some(data) = fields.remove("data") else {
            return Err(Error::Unreadable("no data".into()));
        };
        let rows = match data.get().as_bytes().first() {
            Some(b'[') => serde_json::from_str(data.get()).map_err(unreadable)?,
            Some(b'{') => vec![data],
            _ if data.get() == "null" => Vec::new(),
            _ => return Err(Error::Unreadable("data is no list".into())),
        };
        Self::assemble(rows, fields)
    }

    fn assemble(
        rows: Vec<Box<RawValue>>,
        mut fields: BTreeMap<String, Box<RawValue>>,
    ) -> Result<Self, Error> {
        let unreadable = |error: serde_json::Error| Error::Unreadable(place(&error));
        let meta = fields.get("meta").and_then(|meta| read_meta(meta));
        fields.insert("rows".into(), to_raw_value(&rows.len()).map_err(unreadable)?);
        let envelope = to_raw_value(&fields).map_err(unreadable)?;
        Ok(Self { meta, rows, envelope, kind: PhantomData })
    }
}

/// Where JSON went wrong, without any of its content.
fn place(error: &serde_json::Error) -> String {
    let kind = if error.is_eof() { "json cut short" } else { "no json" };
    format!("{kind} at line {} column {}", error.line(), error.column())
}

fn read_meta(raw: &RawValue) -> Option<Meta> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Loose<'a> {
        #[serde(borrow)]
        total: Option<&'a RawValue>,
        #[serde(borrow)]
        limit: Option<&'a RawValue>,
        #[serde(borrow)]
        offset: Option<&'a RawValue>,
    }
    let loose: Loose<'_> = serde_json::from_str(raw.get()).ok()?;
    let read = |raw: Option<&RawValue>| raw.and_then(number);
    Some(Meta { total: read(loose.total), limit: read(loose.limit), offset: read(loose.offset) })
}

/// A whole number, also as digits in quotes (chat2desk.md 8.1 item 4).
pub(crate) fn number(raw: &RawValue) -> Option<u64> {
    raw.get().trim().trim_matches('"').trim().parse().ok()
}

/// The `id` of a row, when it has one that is a positive number.
pub fn row_id(row: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let row: Identified<'_> = serde_json::from_str(row.get()).ok()?;
    row.id.and_then(number).filter(|id| *id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_byte_for_byte() {
        let body = br#"{"data": [ {"id": 1,  "text":"\ud800 \u0000 <b>"} , {"id":"2","n":1.50e0}],
            "meta":{"total":"2","limit":200,"offset":0},"status":"success"}"#;
        let page = Page::read(body).unwrap();
        assert_eq!(page.rows[0].get(), r#"{"id": 1,  "text":"\ud800 \u0000 <b>"}"#);
        assert_eq!(page.rows[1].get(), r#"{"id":"2","n":1.50e0}"#);
        assert_eq!(page.rows.iter().map(|row| row_id(row)).collect::<Vec<_>>(), [Some(1), Some(2)]);
        assert_eq!(page.meta, Some(Meta { total: Some(2), limit: Some(200), offset: Some(0) }));
        let envelope = r#"{"meta":{"total":"2","limit":200,"offset":0},"rows":2,"status":"success"}"#;
        assert_eq!(page.envelope.get(), envelope);
    }

    #[test]
    fn an_empty_page_and_a_bare_array_are_pages() {
        let empty = Page::read(br#"{"data":[],"meta":{"total":0}}"#).unwrap();
        assert_eq!((empty.rows.len(), empty.total()), (0, Some(0)));
        assert_eq!(empty.envelope.get(), r#"{"meta":{"total":0},"rows":0}"#);
        assert_eq!(Page::read(b"[1,2]").unwrap().rows.len(), 2);
        assert_eq!(Page::read(br#"{"data":null}"#).unwrap().rows.len(), 0);
    }

    #[test]
    fn anything_else_is_unreadable_and_says_nothing_of_its_content() {
        for body in [r#"{"data":[{"id":1},{"id":"#, r#"{"status":"success"}"#, r#"{"data":"Anna"}"#, "secret"]
        {
            let error = Page::read(body.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Unreadable(_)), "{body}");
            assert!(!error.to_string().contains("Anna") && !error.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_page_is_full_at_the_limit_that_the_service_applied() {
        let page = Page::read(br#"{"data":[],"meta":{"total":9,"limit":50}}"#).unwrap();
        assert_eq!(page.full(200), 50);
        assert_eq!(Page::read(b"[]").unwrap().full(200), 200);
    }
}
