//! How deliveries flow: what waits, by which road they come, what could not be read, how far the past was.

use maud::{Markup, html};

use super::{Frame, definition};
use crate::figures::{Pipeline, QuotaLine};
use crate::rows::Kind;
use crate::words;
use crate::written::{NOTHING, grouped, instant, name, since, span};

/// The whole card.
pub(crate) fn pipeline(frame: &Frame<'_>, pipeline: &Pipeline) -> Markup {
    let asked = frame.asked;
    let read = pipeline.last_read_at.map(|then| since(then, asked.now));
    html! {
        section.card #pipeline aria-labelledby="title-pipeline" {
            h2 #title-pipeline { "Pipeline" }
            dl.values {
                @if let Some(unread) = pipeline.unread { div { dt { "not read yet" } dd { (grouped(unread)) } } }
                div { dt { "to be folded" } dd { (grouped(pipeline.marks)) } }
                div { dt { "last read" } dd { @match read {
                    Some(_) => { (span(read)) " ago" }
                    None => (NOTHING),
                } } }
                div { dt { "rejected" } dd {
                    @let sum = pipeline.rejects.iter().map(|reject| reject.rejects).sum();
                    a href=(frame.rows(Kind::Rejects, &[])) { (grouped(sum)) }
                } }
                @if let Some(quota) = &pipeline.quota { div { dt { "calls this month" } dd { (calls(quota)) } } }
            }
            div.three {
                div { h3 { "Deliveries by road" } (roads(pipeline)) }
                div { h3 { "Rejects by reason" } (rejects(frame, pipeline)) }
                div { h3 { "History read" } (cursors(frame, pipeline)) }
            }
            div.foot { (definition("pipeline", words::PIPELINE)) }
        }
    }
}

fn calls(quota: &QuotaLine) -> Markup {
    html! {
        (grouped(quota.used))
        @if let Some(limit) = quota.call_limit { span.unit { " of " (grouped(limit)) } }
        @if let Some(left) = quota.calls_left { span.unit { ", " (grouped(left)) " left" } }
    }
}

fn roads(pipeline: &Pipeline) -> Markup {
    html! {
        @if pipeline.roads.is_empty() { p.empty { "Nothing has come yet." } } @else {
            table {
                thead { tr {
                    th scope="col" { "Road" }
                    th.figure scope="col" { "Today" }
                    th.figure scope="col" { "All" }
                    th.figure scope="col" { "Last" }
                } }
                tbody {
                    @for road in &pipeline.roads {
                        tr data-key=(road.road) {
                            th scope="row" { (road.road) }
                            td.figure { (grouped(road.today)) }
                            td.figure {
                                (grouped(road.appended))
                                @if road.unaccounted != 0 {
                                    " " span.badge.wants { (grouped(road.unaccounted)) " without a fate" }
                                }
                            }
                            td.figure { time datetime=(road.last_day) { (road.last_day.format("%-d %b")) } }
                        }
                    }
                }
            }
        }
    }
}

fn rejects(frame: &Frame<'_>, pipeline: &Pipeline) -> Markup {
    let asked = frame.asked;
    html! {
        @if pipeline.rejects.is_empty() { p.empty { "Everything could be read." } } @else {
            table {
                thead { tr {
                    th scope="col" { "Reason" }
                    th.figure scope="col" { "Rejects" }
                    th.figure scope="col" { "Last" }
                } }
                tbody {
                    @for reject in &pipeline.rejects {
                        tr data-key=(reject.reason) {
                            th scope="row" {
                                a href=(frame.rows(Kind::Rejects, &[("reason", Some(reject.reason.as_str()))])) {
                                    (reject.reason.replace('_', " "))
                                }
                            }
                            td.figure { (grouped(reject.rejects)) }
                            td.figure { (instant(reject.last_at, asked.now, asked.account.zone)) }
                        }
                    }
                }
            }
        }
    }
}

fn cursors(frame: &Frame<'_>, pipeline: &Pipeline) -> Markup {
    let asked = frame.asked;
    html! {
        @if pipeline.cursors.is_empty() { p.empty { "No history was fetched." } } @else {
            table {
                thead { tr { th scope="col" { "List" } th.figure scope="col" { "Last page" } } }
                tbody {
                    @for cursor in &pipeline.cursors {
                        tr data-key=(cursor.walk) {
                            th scope="row" { (name(&cursor.walk)) }
                            td.figure { (instant(cursor.updated_at, asked.now, asked.account.zone)) }
                        }
                    }
                }
            }
        }
    }
}
