//! What a recorded file, line or value is. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use events::delivery::is_plausible;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a file or line is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows of this list: its name and query, as in [`events::Capture::page`].
    Rows(String),
    Webhooks,
    /// Each line says it.
    ByLine,
}

/// What one JSON value is.
#[derive(Debug)]
pub(super) enum Item {
    Row(Box<RawValue>, Option<DateTime<Utc>>),
    Page(Vec<Box<RawValue>>, Box<RawValue>, Option<DateTime<Utc>>),
}

#[derive(Deserialize)]
pub(super) struct Marks<'a> {
    #[serde(borrow)]
    pub(super) list: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) hook_type: Option<&'a RawValue>,
    #[serde(borrow)]
    fetched_at: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) received_at: Option<&'a RawValue>,
    #[serde(borrow)]
    row: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) body: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<'a> Marks<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn list(&self) -> Option<Kind> {
        kind_of(self.list?.get().trim_matches('"'))
    }

    pub(super) fn time(raw: Option<&RawValue>) -> Option<DateTime<Utc>> {
        let text = raw?.get().trim_matches('"');
        DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()).filter(|at| is_plausible(*at))
    }
}

const LISTS: [&str; 7] =
    ["messages", "clients", "dialogs", "operators", "operators_groups", "channels", "tags"];

/// From the name of a list, or of a file without its extension.
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    let name = name.strip_prefix("statistics-").or_else(|| name.strip_prefix("statistics/")).unwrap_or(name);
    let end = name.find(['-', '.']).unwrap_or(name.len());
    let (list, rest) = name.split_at(end);
    match list {
        "webhooks" => Some(Kind::Webhooks),
        "request_stats" | "rating" => {
            let day = rest.trim_start_matches('-').get(..10).filter(|day| day.parse::<NaiveDate>().is_ok());
            let date = day.map(|day| format!("&date={day}")).unwrap_or_default();
            Some(Kind::Rows(format!("statistics?report={list}{date}&")))
        }
        list if LISTS.contains(&list) => Some(Kind::Rows(format!("{list}?"))),
        _ => None,
    }
}

/// From one JSON value of a known list.
pub(super) fn item_of(text: &str) -> Option<Item> {
    let Some(marks) = Marks::of(text) else {
        // An array of rows, or a value that is no object.
        let page = text.starts_with('[').then(|| ::chat2desk::Page::read(text.as_bytes()).ok()).flatten();
        return match page {
            Some(page) => Some(Item::Page(page.rows, page.envelope, None)),
            None => RawValue::from_string(text.to_owned()).ok().map(|row| Item::Row(row, None)),
        };
    };
    let fetched_at = Marks::time(marks.fetched_at);
    if marks.data.is_some_and(|data| data.get().starts_with('[')) {
        let page = ::chat2desk::Page::read(text.as_bytes()).ok()?;
        return Some(Item::Page(page.rows, page.envelope, fetched_at));
    }
    let row = if marks.list.is_some() { marks.row } else { None };
    RawValue::from_string(row.map_or(text, RawValue::get).to_owned())
        .ok()
        .map(|row| Item::Row(row, fetched_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_list() {
        let rows = |text: &str| Some(Kind::Rows(text.into()));
        assert_eq!(kind_of("messages"), rows("messages?"));
        assert_eq!(kind_of("operators_groups-2"), rows("operators_groups?"));
        assert_eq!(
            kind_of("statistics-request_stats-2026-01-15"),
            rows("statistics?report=request_stats&date=2026-01-15&")
        );
        assert_eq!(kind_of("rating"), rows("statistics?report=rating&"));
        assert_eq!(kind_of("webhooks-monday"), Some(Kind::Webhooks));
        assert_eq!(kind_of("everything"), None);
        assert_eq!(kind_of("statistics-operator_stats"), None);
    }

    #[test]
    fn a_value_is_a_row_a_page_or_a_wrapped_row() {
        let row = |text: &str| match item_of(text) {
            Some(Item::Row(row, at)) => (row.get().to_owned(), at.map(|at| at.timestamp())),
            other => panic!("{other:?}"),
        };
        assert_eq!(row(r#"{"id": 1}"#), (r#"{"id": 1}"#.into(), None));
        let wrapped = r#"{"list":"messages","fetched_at":"2026-01-15T09:30:00Z","row":{"id": 1}}"#;
        assert_eq!(row(wrapped), (r#"{"id": 1}"#.into(), Some(1_768_469_400)));
        for page in [r#"{"data":[{"id":1},{"id":2}],"meta":{"total":2}}"#, r#"[{"id":1},{"id":2}]"#] {
            assert!(matches!(item_of(page), Some(Item::Page(rows, _, None)) if rows.len() == 2), "{page}");
        }
        assert!(item_of("not json").is_none());
    }
}
