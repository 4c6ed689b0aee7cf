//! The tiles at the top.

use maud::{Markup, html};
use store::report::LeftOut;

use super::{Frame, definition};
use crate::figures::Figures;
use crate::rows::Kind;
use crate::words;
use crate::written::{NOTHING, grouped, percent, since, span};

/// A figure with what it means and where it comes from.
struct Tile<'a> {
    key: &'a str,
    title: Markup,
    figure: String,
    about: Markup,
    is_bad: bool,
    definition: &'a str,
    rows: String,
}

impl Tile<'_> {
    fn shown(&self) -> Markup {
        html! {
            section.tile id={ "tile-" (self.key) } aria-labelledby={ "title-" (self.key) } {
                h2 id={ "title-" (self.key) } { (self.title) }
                p.value.bad[self.is_bad] { (self.figure) }
                p.about { (self.about) }
                div.foot { (definition(self.key, self.definition)) a.more href=(self.rows) { "Rows" } }
            }
        }
    }
}

/// All of them.
pub(crate) fn tiles(frame: &Frame<'_>, figures: &Figures) -> Markup {
    let (asked, first) = (frame.asked, &figures.all.first_response);
    let requests = |which: &'static str| frame.rows(Kind::Requests, &[("which", Some(which))]);
    let waited = figures.waiting.since.map(|then| since(then, asked.now));
    let business = figures.all.first_response_business;
    let tiles = [
        Tile {
            key: "waiting",
            title: html! { "Waiting now" },
            figure: grouped(figures.waiting.requests),
            about: match waited {
                Some(_) => html! { "longest " (span(waited)) },
                None => html! { "nobody waits" },
            },
            is_bad: waited.is_some_and(|waited| waited > asked.target_seconds),
            definition: words::WAITING,
            rows: frame.rows(Kind::Waiting, &[]),
        },
        Tile {
            key: "median",
            title: html! { "First response, median" },
            figure: span(first.p50),
            about: html! { "mean " (span(first.mean)) @if business.n > 0 { ", in business hours " (span(business.p50)) } },
            is_bad: false,
            definition: words::MEDIAN,
            rows: requests("answered"),
        },
        Tile {
            key: "ninetieth",
            title: html! { "First response, 90 %" },
            figure: span(first.p90),
            about: html! { "longest " (span(first.max)) @if business.n > 0 { ", in business hours " (span(business.p90)) } },
            is_bad: false,
            definition: words::NINETIETH,
            rows: requests("answered"),
        },
        Tile {
            key: "within",
            title: html! { "Within " (span(Some(asked.target_seconds))) },
            figure: percent(first.within_target),
            about: html! { "of first responses" },
            is_bad: false,
            definition: words::WITHIN,
            rows: requests("late"),
        },
        Tile {
            key: "requests",
            title: html! { "Requests" },
            figure: grouped(figures.all.requests),
            about: left_out(frame, figures.all.left_out, figures.all.left_out_by),
            is_bad: false,
            definition: words::REQUESTS,
            rows: requests("requests"),
        },
        satisfaction(frame, figures),
    ];
    html! {
        h1.visually-hidden { "Figures of " (frame.period()) ", " bdi { (asked.account.name) } }
        div.tiles {
            @for tile in &tiles { (tile.shown()) }
            (answers(frame, figures))
        }
    }
}

fn satisfaction<'a>(frame: &Frame<'_>, figures: &Figures) -> Tile<'a> {
    let scores = &figures.scores;
    Tile {
        key: "satisfaction",
        title: html! { abbr title="customer satisfaction" { "CSAT" } },
        figure: percent(scores.csat),
        about: match scores.rated {
            0 => html! { "no scores" },
            _ => html! {
                "n = " (grouped(scores.rated)) ", 95 %: " (percent(scores.low)) " to " (percent(scores.high))
                @if scores.response_rate.is_some() { ", rated by " (percent(scores.response_rate)) }
            },
        },
        is_bad: false,
        definition: words::SATISFACTION,
        rows: frame.rows(Kind::Scores, &[]),
    }
}

fn left_out(frame: &Frame<'_>, sum: i64, by: LeftOut) -> Markup {
    if sum == 0 {
        return html! { "none left out" };
    }
    let kinds = [
        (by.rating, "surveys"),
        (by.company, "by the company"),
        (by.continuous, "continuous"),
        (by.offline, "offline"),
    ];
    let named: Vec<String> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{} {kind}", grouped(count)))
        .collect();
    let rows = frame.rows(Kind::Requests, &[("which", Some("left_out"))]);
    html! { "left out: " a href=(rows) { (named.join(", ")) } }
}

/// What became of the first question, in three figures that are links to their rows.
fn answers(frame: &Frame<'_>, figures: &Figures) -> Markup {
    let first = &figures.all.first_response;
    html! {
        section.tile.wide #tile-answers aria-labelledby="title-answers" {
            h2 #title-answers { "First questions" }
            dl.values {
                @for (which, label, count) in [
                    ("answered", "answered", first.n),
                    ("unanswered", "closed unanswered", first.unanswered),
                    ("waiting", "waiting", first.waiting),
                ] {
                    div {
                        dt { (label) }
                        dd { a href=(frame.rows(Kind::Requests, &[("which", Some(which))])) {
                            @if count < 0 { (NOTHING) } @else { (grouped(count)) }
                        } }
                    }
                }
            }
            div.foot { (definition("answers", words::ANSWERS)) }
        }
    }
}
