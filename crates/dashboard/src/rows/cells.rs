//! How a cell looks on the page.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use super::Cell;
use crate::written::{NOTHING, instant, is_web, name, plain, span};

/// A table cell; figures on the right.
pub(crate) fn shown(cell: &Cell, is_figure: bool, now: DateTime<Utc>, zone: Tz) -> Markup {
    html! {
        @match cell {
            Cell::Nothing => { td.nothing.figure[is_figure] { (NOTHING) } }
            Cell::Text(text) => { td { (name(text)) } }
            Cell::Number(number) => { td.figure { (plain(*number)) } }
            Cell::Seconds(seconds) => { td.figure { (span(Some(*seconds))) } }
            Cell::Time(time) => { td { (instant(*time, now, zone)) } }
            Cell::Link(url) if is_web(url) => {
                td { a href=(url) target="_blank" rel="noopener noreferrer" { "open" } }
            }
            Cell::Link(url) => { td { (name(url)) } }
        }
    }
}
