//! Who waits, and who was not content: the lists that somebody acts on.

use maud::{Markup, html};
use store::dashboard::ScoreLine;

use super::{Frame, definition};
use crate::figures::{DAYS, Figures};
use crate::rows::Kind;
use crate::words;
use crate::written::{NOTHING, grouped, instant, linked, name, plain, since, span};

/// Who waits now, the longest first.
pub(crate) fn waiting(frame: &Frame<'_>, figures: &Figures) -> Markup {
    let asked = frame.asked;
    let shown = i64::try_from(figures.people.len()).unwrap_or(i64::MAX);
    html! {
        section.card #waiting aria-labelledby="title-people" {
            h2 #title-people { "Waiting now" }
            @if figures.people.is_empty() { p.empty { "Nobody waits." } } @else {
                table {
                    thead { tr {
                        th.figure scope="col" { "Waits" }
                        th scope="col" { "Client" }
                        th scope="col" { "Held by" }
                        th.roomy scope="col" { "Channel" }
                        th.roomy scope="col" { "Since" }
                    } }
                    tbody {
                        @for line in &figures.people {
                            @let waited = since(line.waiting_since, asked.now);
                            @let is_late = waited > asked.target_seconds;
                            tr data-key=(line.request_key) {
                                td.figure.bad[is_late] {
                                    (span(Some(waited)))
                                    @if is_late { span.visually-hidden { ", over the target" } }
                                }
                                td { (linked(&line.client, line.web_url.as_deref())) }
                                td { @match &line.operator { Some(operator) => (name(operator)), None => span.nothing { "nobody" } } }
                                td.roomy { (name(line.channel.as_deref().or(line.transport.as_deref()).unwrap_or(NOTHING))) }
                                td.roomy { (instant(line.waiting_since, asked.now, asked.account.zone)) }
                            }
                        }
                    }
                }
            }
            div.foot {
                (definition("people", words::WAITING))
                @if figures.waiting.requests > shown { span { "and " (grouped(figures.waiting.requests - shown)) " more" } }
                a.more href=(frame.rows(Kind::Waiting, &[])) { "Rows" }
            }
        }
    }
}

/// Low scores of the last days, newest first.
pub(crate) fn low_scores(frame: &Frame<'_>, figures: &Figures) -> Markup {
    let asked = frame.asked;
    let last = asked.last_days(DAYS);
    let total = figures.low.first().map_or(0, |line| line.total);
    let shown = i64::try_from(figures.low.len()).unwrap_or(i64::MAX);
    html! {
        section.card #low-scores aria-labelledby="title-low" {
            h2 #title-low { "Low scores " span.unit { "last " (DAYS) " days" } }
            @if figures.low.is_empty() { p.empty { "None." } } @else {
                table {
                    thead { tr {
                        th.figure scope="col" { "Score" }
                        th scope="col" { "Client" }
                        th.roomy scope="col" { "Answerable" }
                        th.roomy scope="col" { "Given" }
                        th scope="col" { "Escalation" }
                    } }
                    tbody {
                        @for line in &figures.low {
                            tr data-key={ (line.valuation_request_key) "/" (line.scale_id) } {
                                td.figure { (plain(line.score)) span.unit { " of " (plain(line.scale)) } }
                                td { (linked(&line.client, line.web_url.as_deref())) }
                                td.roomy { (name(line.operator.as_deref().unwrap_or(NOTHING))) }
                                td.roomy { (instant(line.given_at, asked.now, asked.account.zone)) }
                                td { (escalation(line)) }
                            }
                        }
                    }
                }
            }
            div.foot {
                (definition("low", words::LOW))
                @if total > shown { span { "and " (grouped(total - shown)) " more" } }
                a.more href=(frame.rows_of(&last, Kind::Scores, &[("sentiment", Some("bad")), ("of", Some("given"))])) { "Rows" }
            }
        }
    }
}

fn escalation(line: &ScoreLine) -> Markup {
    let Some(state) = line.escalation.as_deref() else { return html! { span.nothing { "none" } } };
    // Those that nobody has taken stand out.
    let class = match state {
        "open" | "notified" => "badge wants",
        "acknowledged" => "badge taken",
        _ => "badge",
    };
    html! {
        span class=(class) title=[line.rule.as_deref()] { (state) }
        @if let Some(owner) = &line.owner { " " (name(owner)) }
    }
}
