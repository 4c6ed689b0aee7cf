//! The page: a frame with the account and the period, and what stands in it.

mod chart;
mod headline;
mod people;
mod pipeline;
mod systems;
mod tables;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use crate::asked::{Asked, PERIODS, Parameters};
use crate::figures::Figures;
use crate::rows::{Kind, Table, shown};
use crate::written::{address, grouped};
use crate::{DashboardError, Settings, assets};

/// What every part of the page knows.
pub(crate) struct Frame<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) asked: &'a Asked<'a>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(settings: &'a Settings, asked: &'a Asked<'a>) -> Self {
        Self { settings, asked }
    }

    /// The address of rows of the period.
    pub(crate) fn rows(&self, kind: Kind, more: &[(&str, Option<&str>)]) -> String {
        self.rows_of(self.asked, kind, more)
    }

    /// The address of rows of other days.
    fn rows_of(&self, asked: &Asked<'_>, kind: Kind, more: &[(&str, Option<&str>)]) -> String {
        let (from, to) = (asked.from.to_string(), asked.to.to_string());
        let mut parameters = vec![("account", Some(asked.account.id.as_str()))];
        if matches!(kind, Kind::Requests | Kind::Scores) {
            parameters.extend([("from", Some(from.as_str())), ("to", Some(to.as_str()))]);
        }
        parameters.extend_from_slice(more);
        address(&format!("/rows/{}", kind.as_str()), &parameters)
    }

    /// The page over so many days.
    fn over(&self, days: u64) -> String {
        let days = (days > 1).then(|| days.to_string());
        address("/", &[("account", Some(self.asked.account.id.as_str())), ("days", days.as_deref())])
    }

    /// `today`, `the last 7 days`.
    pub(crate) fn period(&self) -> String {
        let asked = self.asked;
        match asked.length() {
            1 if asked.to == asked.today => "today".to_owned(),
            1 => asked.to.to_string(),
            days if asked.to == asked.today => format!("the last {days} days"),
            _ => format!("{} to {}", asked.from, asked.to),
        }
    }
}

/// What a figure means, folded away.
pub(crate) fn definition(key: &str, text: &str) -> Markup {
    html! { details.definition data-key={ "definition-" (key) } { summary { "Definition" } p { (text) } } }
}

/// The page.
pub(crate) fn dashboard(frame: &Frame<'_>, figures: &Figures) -> Response {
    let waiting = figures.waiting.requests;
    let title = match waiting {
        0 => frame.asked.account.name.clone(),
        _ => format!("({waiting}) {}", frame.asked.account.name),
    };
    let content = html! {
        (headline::tiles(frame, figures))
        div.pair {
            (people::waiting(frame, figures))
            (people::low_scores(frame, figures))
        }
        div.pair {
            (chart::hours(frame, &figures.hours))
            (chart::days(frame, &figures.days))
        }
        div.pair {
            (tables::operators(frame, &figures.operators))
            (tables::channels(frame, &figures.channels))
        }
        (tables::durations(frame, &figures.all))
        div.pair {
            (systems::crms(frame, &figures.crms))
            (systems::targets(frame, &figures.pipeline))
        }
        (pipeline::pipeline(frame, &figures.pipeline))
    };
    page(StatusCode::OK, &title, &header(frame, true), &content)
}

/// Rows behind a figure.
pub(crate) fn rows(frame: &Frame<'_>, kind: Kind, asked_for: &Parameters, table: &Table) -> Response {
    let (now, zone) = (frame.asked.now, frame.asked.account.zone);
    let file = |format: &'static str| {
        let given = [
            ("by", &asked_for.by),
            ("key", &asked_for.key),
            ("which", &asked_for.which),
            ("sentiment", &asked_for.sentiment),
            ("of", &asked_for.of),
            ("crm", &asked_for.crm),
            ("status", &asked_for.status),
            ("reason", &asked_for.reason),
        ];
        let mut more: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        more.push(("format", Some(format)));
        frame.rows(kind, &more)
    };
    let of_days = matches!(kind, Kind::Requests | Kind::Scores);
    let chosen: Vec<String> = [
        of_days.then(|| frame.period()),
        asked_for.which.clone().filter(|_| kind == Kind::Requests).map(|which| which.replace('_', " ")),
        asked_for.by.clone().zip(asked_for.key.clone()).map(|(by, key)| format!("{by} {key}")),
        asked_for.sentiment.clone(),
        asked_for.crm.clone(),
        asked_for.status.clone(),
        asked_for.reason.clone(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (here, filled) = (table.rows.len(), table.filled());
    let content = html! {
        section.card {
            p.back { a href=(frame.over(1)) { "← Dashboard" } }
            h1 { (kind.title()) }
            @if !chosen.is_empty() { p.about { bdi { (chosen.join(" · ")) } } }
            p.about #total {
                (grouped(table.total)) @if table.total == 1 { " row" } @else { " rows" }
                @if i64::try_from(here).is_ok_and(|here| here < table.total) {
                    ", the first " (grouped(i64::try_from(here).unwrap_or(i64::MAX))) " shown"
                }
                " · " a href=(file("csv")) download { "CSV" } " · " a href=(file("json")) { "JSON" }
            }
            p.about { (kind.about()) }
            @if here == 0 { p.empty { "There are none." } } @else {
                div.scroll tabindex="0" role="region" aria-label=(kind.title()) {
                    table.rows {
                        thead { tr { @for (_, column, is_figure) in &filled {
                            th.figure[*is_figure] scope="col" { (column.replace('_', " ")) }
                        } } }
                        tbody { @for row in &table.rows { tr {
                            @for (at, _, is_figure) in &filled {
                                @if let Some(cell) = row.get(*at) { (shown(cell, *is_figure, now, zone)) }
                            }
                        } } }
                    }
                }
            }
        }
    };
    page(StatusCode::OK, kind.title(), &header(frame, false), &content)
}

/// What stands in place of the page.
pub(crate) fn failed(error: &DashboardError) -> Response {
    let mut said = error.to_string();
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let header = html! { a.brand href="/" { "Chatledger" } };
    let content = html! {
        section.card.failed #failed {
            h1 { (said) "." }
            p { (error.advice()) }
            p { a href="/" { "Dashboard" } }
        }
    };
    page(error.status(), &said, &header, &content)
}

fn header(frame: &Frame<'_>, is_live: bool) -> Markup {
    let asked = frame.asked;
    let local = asked.now.with_timezone(&asked.account.zone);
    html! {
        a.brand href=(frame.over(1)) { "Chatledger" }
        @if frame.settings.accounts.len() > 1 {
            form.account action="/" method="get" {
                label for="account" { "Account" }
                select #account name="account" {
                    @for account in &frame.settings.accounts {
                        option value=(account.id) selected[account.id == asked.account.id] { (account.name) }
                    }
                }
                button { "Show" }
            }
        } @else { span.account { bdi { (asked.account.name) } } }
        @if is_live {
            nav.periods aria-label="Period" {
                @for days in PERIODS {
                    @let current = asked.length() == i64::try_from(days).unwrap_or(i64::MAX);
                    a href=(frame.over(days)) aria-current=[current.then_some("page")] {
                        @if days == 1 { "Today" } @else { (days) " days" }
                    }
                }
            }
        }
        p.moment #moment {
            span.dot aria-hidden="true" {}
            time datetime=(asked.now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)) {
                span.day { (local.format("%a %-d %b ")) } (local.format("%H:%M:%S"))
            }
            " " span.zone { (asked.account.zone.name().replace('_', " ")) }
        }
    }
}

fn page(status: StatusCode, title: &str, header: &Markup, content: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Chatledger" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
                noscript { meta http-equiv="refresh" content="30"; }
            }
            body {
                a.skip href="#content" { "Skip to the figures" }
                header { (header) }
                p #trouble role="status" hidden {}
                main #content tabindex="-1" { (content) }
                footer {
                    p { "Metric version " (events::METRIC_VERSION) ". Times are those of the account's zone; \
                         s, m, h and d are seconds, minutes, hours and days." }
                }
            }
        }
    };
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], document.into_string()).into_response()
}
