//! Rows that stand for something with a name: an operator, a channel, a day. The first cell is the name.

use super::page::Table;
use super::span::NOTHING;
use super::text::{short, table};

/// The name on a terminal: at most so many characters; names come from strangers and may be nothing at all.
pub(super) fn named(label: &str, most: usize) -> String {
    if label.trim().is_empty() { NOTHING.to_owned() } else { short(label, most) }
}

/// The same on a page, whole.
pub(super) fn named_whole(label: &str) -> String {
    if label.trim().is_empty() { NOTHING.to_owned() } else { label.to_owned() }
}

/// The rows for a terminal.
pub(super) fn terminal<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    if rows.is_empty() { "nothing in this period".to_owned() } else { table(header, 1, rows) }
}

/// The rows on a page: headings with the field that defines each, and cells whose first one the whole name stands in for.
pub(super) fn on_page<'a, const N: usize>(
    columns: [(&str, &'static str); N],
    rows: impl Iterator<Item = (&'a str, [String; N])>,
) -> Table {
    let row = |(label, cells): (&str, [String; N])| {
        let mut cells = cells.to_vec();
        if let Some(first) = cells.first_mut() {
            *first = named_whole(label);
        }
        cells
    };
    Table {
        caption: None,
        columns: columns.map(|(heading, field)| (heading.to_owned(), field)).to_vec(),
        rows: rows.map(row).collect(),
        texts: 1,
    }
}
