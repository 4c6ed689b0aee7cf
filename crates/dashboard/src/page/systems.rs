//! Whom we send things to: the CRMs, and every receiver of effects.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use store::dashboard::TargetLine;

use super::{Frame, definition};
use crate::figures::{CrmLine, Crms, Pipeline};
use crate::rows::Kind;
use crate::words;
use crate::written::{NOTHING, grouped, instant, is_web, name, one_line, since, span};

/// Most characters of a reason.
const REASON: usize = 120;

/// The CRMs.
pub(crate) fn crms(frame: &Frame<'_>, crms: &Crms) -> Markup {
    let asked = frame.asked;
    html! {
        section.card #crm aria-labelledby="title-crm" {
            h2 #title-crm { "CRM " span.unit { (grouped(crms.leads)) " leads" } }
            @if crms.crms.is_empty() { p.empty { "No CRM is configured." } } @else {
                table {
                    thead { tr {
                        th scope="col" { "CRM" }
                        th scope="col" { "State" }
                        th.figure scope="col" { "In sync" }
                        th.figure scope="col" { "Waiting" }
                        th.figure scope="col" { "Refused" }
                        th.roomy scope="col" { "Last accepted" }
                    } }
                    tbody { @for line in &crms.crms { (crm(frame, crms.leads, line)) } }
                }
            }
            @if !crms.latest.is_empty() {
                h3 { "Latest records" }
                ul.records {
                    @for record in &crms.latest {
                        li data-key={ (record.crm) "/" (record.lead_key) } {
                            @match record.url.as_deref().filter(|url| is_web(url)) {
                                Some(url) => a href=(url) target="_blank" rel="noopener noreferrer"
                                    title="opens the record" { (name(&record.client)) },
                                None => (name(&record.client)),
                            }
                            " " span.unit { (record.crm) }
                            @if record.status != "ok" { " " span.badge.wants[record.status == "dead"] { (record.status) } }
                            " " span.when { (instant(record.updated_at, asked.now, asked.account.zone)) }
                        }
                    }
                }
            }
            div.foot { (definition("crm", words::CRM)) a.more href=(frame.rows(Kind::Crm, &[])) { "Rows" } }
        }
    }
}

fn crm(frame: &Frame<'_>, leads: i64, line: &CrmLine) -> Markup {
    let (asked, counts) = (frame.asked, &line.counts);
    let linked = counts.in_sync + counts.pending + counts.failed + counts.dead;
    // Leads that were never tried have no record yet.
    let waiting = counts.pending + counts.failed + (leads - linked).max(0);
    let rows =
        |status| frame.rows(Kind::Crm, &[("crm", Some(counts.crm.as_str())), ("status", Some(status))]);
    html! {
        tr data-key=(counts.crm) {
            th scope="row" { (name(&counts.crm)) }
            td {
                @match trouble(&line.target, asked.now, frame) {
                    Some(trouble) => (trouble),
                    None if waiting > 0 => "sending",
                    None if counts.dead > 0 => "in sync, but for the refused",
                    None if counts.in_sync == 0 => "nothing to send",
                    None => span.good { "in sync" },
                }
            }
            td.figure { a href=(rows("ok")) { (grouped(counts.in_sync)) } }
            td.figure { (grouped(waiting)) }
            td.figure.bad[counts.dead > 0] { a href=(rows("dead")) { (grouped(counts.dead)) } }
            td.roomy { @match counts.accepted_at {
                Some(at) => (instant(at, asked.now, asked.account.zone)),
                None => (NOTHING),
            } }
        }
    }
}

/// Paused or broken, and why.
fn trouble(target: &TargetLine, now: DateTime<Utc>, frame: &Frame<'_>) -> Option<Markup> {
    let zone = frame.asked.account.zone;
    let reason = html! { @if let Some(reason) = &target.reason { ": " bdi.reason title=(one_line(reason)) { (one_line(reason).chars().take(REASON).collect::<String>()) } } };
    match (target.broken_since, target.paused_until) {
        (Some(then), _) => {
            Some(html! { span.badge.wants { "broken" } " since " (instant(then, now, zone)) (reason) })
        }
        (None, Some(until)) if until > now => {
            Some(html! { span.badge { "paused" } " until " (instant(until, now, zone)) (reason) })
        }
        _ => None,
    }
}

/// Everything that effects go to.
pub(crate) fn targets(frame: &Frame<'_>, pipeline: &Pipeline) -> Markup {
    let asked = frame.asked;
    html! {
        section.card #effects aria-labelledby="title-effects" {
            h2 #title-effects { "Sent out" }
            @if pipeline.targets.is_empty() { p.empty { "Nothing waits, nothing was given up." } } @else {
                table {
                    thead { tr {
                        th scope="col" { "Receiver" }
                        th scope="col" { "State" }
                        th.figure scope="col" { "Waiting" }
                        th.figure.roomy scope="col" { "Oldest" }
                        th.figure scope="col" { "Dead" }
                    } }
                    tbody {
                        @for target in &pipeline.targets {
                            tr data-key=(target.target) {
                                th scope="row" { (name(&target.target)) }
                                td { @match trouble(target, asked.now, frame) {
                                    Some(trouble) => (trouble),
                                    None => span.good { "fine" },
                                } }
                                td.figure { (grouped(target.waiting)) }
                                td.figure.roomy { (span(target.oldest_at.map(|then| since(then, asked.now)))) }
                                td.figure.bad[target.dead > 0] { (grouped(target.dead)) }
                            }
                        }
                    }
                }
            }
            div.foot { (definition("effects", words::EFFECTS)) }
        }
    }
}
