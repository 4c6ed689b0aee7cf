//! The report as tables: by operator, by channel, and all its durations.

use maud::{Markup, html};
use store::report::{By, Row};

use super::{Frame, definition};
use crate::figures::PEOPLE;
use crate::rows::Kind;
use crate::words;
use crate::written::{grouped, name, percent, span};

/// By operator.
pub(crate) fn operators(frame: &Frame<'_>, rows: &[Row]) -> Markup {
    groups(frame, rows, By::Operator, "By operator", words::OPERATORS)
}

/// By channel.
pub(crate) fn channels(frame: &Frame<'_>, rows: &[Row]) -> Markup {
    groups(frame, rows, By::Channel, "By channel", words::CHANNELS)
}

fn groups(frame: &Frame<'_>, rows: &[Row], by: By, title: &str, about: &str) -> Markup {
    let key = by.as_str();
    let (first, rest) = rows.split_at(rows.len().min(PEOPLE));
    html! {
        section.card id={ "by-" (key) } aria-labelledby={ "title-" (key) } {
            h2 id={ "title-" (key) } { (title) " " span.unit { (frame.period()) } }
            @if rows.is_empty() { p.empty { "No requests." } } @else { (table(frame, first, by)) }
            @if !rest.is_empty() {
                details data-key={ "rest-" (key) } { summary { (rest.len()) " more" } (table(frame, rest, by)) }
            }
            div.foot { (definition(key, about)) }
        }
    }
}

/// Rows of the report, each leading to its requests.
pub(crate) fn table(frame: &Frame<'_>, rows: &[Row], by: By) -> Markup {
    let head = match by {
        By::Operator => "Operator",
        By::Channel => "Channel",
        By::Hour => "Hour",
        By::Day => "Day",
        By::Transport => "Messenger",
        By::Tag => "Tag",
        By::All => "",
    };
    html! {
        table {
            thead { tr {
                th scope="col" { (head) }
                th.figure scope="col" { "Requests" }
                th.figure scope="col" { "Median" }
                th.figure scope="col" { "90 %" }
                th.figure scope="col" { "In target" }
                th.figure.roomy scope="col" { "Unanswered" }
                th.figure.roomy scope="col" { "Waiting" }
            } }
            tbody {
                @for row in rows {
                    @let first = &row.first_response;
                    tr data-key=(row.key) {
                        th scope="row" { a href=(rows_of(frame, by, row)) { (name(&row.label)) } }
                        td.figure { (grouped(row.requests)) }
                        td.figure { (span(first.p50)) }
                        td.figure { (span(first.p90)) }
                        td.figure { (percent(first.within_target)) }
                        td.figure.roomy { (grouped(first.unanswered)) }
                        td.figure.roomy { (grouped(first.waiting)) }
                    }
                }
            }
        }
    }
}

/// Where the requests of a row are.
pub(crate) fn rows_of(frame: &Frame<'_>, by: By, row: &Row) -> String {
    match by {
        // Its own day, whatever the period.
        By::Day => {
            let day = Some(row.key.as_str());
            let account = Some(frame.asked.account.id.as_str());
            crate::written::address("/rows/requests", &[("account", account), ("from", day), ("to", day)])
        }
        _ => frame.rows(Kind::Requests, &[("by", Some(by.as_str())), ("key", Some(&row.key))]),
    }
}

/// The six summaries of the period.
pub(crate) fn durations(frame: &Frame<'_>, all: &Row) -> Markup {
    let named = |summary: &str| match summary {
        "first_response" => "First response",
        "first_response_business" => "First response, business hours",
        "first_response_human" => "First response, after a bot's hand-over",
        "reply" => "Reply",
        "reply_business" => "Reply, business hours",
        _ => "Resolution",
    };
    html! {
        section.card #durations aria-labelledby="title-durations" {
            h2 #title-durations { "Response times " span.unit { (frame.period()) } }
            table {
                thead { tr {
                    th scope="col" { "Duration" }
                    th.figure scope="col" { "n" }
                    th.figure scope="col" { "Median" }
                    th.figure scope="col" { "90 %" }
                    th.figure.roomy scope="col" { "95 %" }
                    th.figure.roomy scope="col" { "Mean" }
                    th.figure.roomy scope="col" { "Longest" }
                    th.figure scope="col" { "In target" }
                    th.figure.roomy scope="col" { "Unanswered" }
                    th.figure.roomy scope="col" { "Waiting" }
                } }
                tbody {
                    @for (key, summary) in all.summaries() {
                        tr data-key=(key) {
                            th scope="row" { (named(key)) }
                            td.figure { (grouped(summary.n)) }
                            td.figure { (span(summary.p50)) }
                            td.figure { (span(summary.p90)) }
                            td.figure.roomy { (span(summary.p95)) }
                            td.figure.roomy { (span(summary.mean)) }
                            td.figure.roomy { (span(summary.max)) }
                            // The target is for answers.
                            td.figure { (percent(summary.within_target.filter(|_| key != "resolution"))) }
                            td.figure.roomy { (grouped(summary.unanswered)) }
                            td.figure.roomy { (grouped(summary.waiting)) }
                        }
                    }
                }
            }
            div.foot {
                (definition("durations", words::DURATIONS))
                a.more href=(frame.rows(Kind::Requests, &[])) { "Rows" }
            }
        }
    }
}
