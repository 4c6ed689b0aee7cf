//! The page behind a signed link. Whoever has the link sees it: ids and numbers, no names and no words of the client.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use store::escalations::{Escalation, Status};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:24px 16px;background:#f6f7f9;color:#1a1d21}\
main{max-width:30rem;margin:0 auto;background:#fff;border:1px solid #dfe3e8;border-radius:12px;padding:24px}\
h1{font-size:1.25rem;margin:0 0 12px}\
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px;margin:0 0 20px}dt{color:#5c6670}dd{margin:0;overflow-wrap:anywhere}\
label{display:block;margin:0 0 4px}\
input{font:inherit;box-sizing:border-box;width:100%;padding:8px 12px;margin:0 0 16px;border:1px solid #aeb6bf;\
border-radius:8px;background:inherit;color:inherit}\
button{font:inherit;font-weight:600;width:100%;padding:10px 16px;border:0;border-radius:8px;background:#1d5fd1;color:#fff;cursor:pointer}\
button:focus-visible,input:focus-visible{outline:3px solid #1d5fd1;outline-offset:2px}\
p{margin:0 0 12px}p:last-child{margin:0}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e6e9ec}main{background:#1d2125;border-color:#343a40}\
dt{color:#9aa5b1}input{border-color:#59636d}button{background:#4c8dff;color:#0b1220}}";

fn frame(title: &str, inside: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (inside) } }
        }
    };
    page.into_string()
}

/// A page that only says something.
pub(crate) fn message(title: &str, text: &str) -> String {
    frame(title, &html! { p { (text) } })
}

fn facts(escalation: &Escalation) -> Markup {
    let part = |number: Option<f64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    html! {
        dl {
            dt { "Score" } dd { (part(escalation.score)) " of " (part(escalation.scale)) }
            @if let Some(operator) = &escalation.operator_id { dt { "Operator" } dd { (operator) } }
            @if let Some(request) = &escalation.request_key { dt { "Request" } dd { (request) } }
            dt { "Given at" } dd { (escalation.given_at.format("%Y-%m-%d %H:%M:%S UTC")) }
            dt { "Account" } dd { (escalation.account) }
            dt { "Rule" } dd { (escalation.rule) }
            @if let Some(owner) = &escalation.owner { dt { "Owner" } dd { (owner) } }
        }
    }
}

/// What it is about, and a button. `action` is the page's own address.
pub(crate) fn question(escalation: &Escalation, action: &str) -> String {
    if !matches!(escalation.status, Status::Open | Status::Notified | Status::Historic) {
        return done(escalation);
    }
    frame(
        "A low score",
        &html! {
            (facts(escalation))
            form method="post" action=(action) {
                label for="by" { "Your name" }
                input id="by" name="by" maxlength="100" autocomplete="name";
                button type="submit" { "I take care of it" }
            }
        },
    )
}

/// How it stands, when there is nothing to press.
pub(crate) fn done(escalation: &Escalation) -> String {
    let (title, text) = match escalation.status {
        Status::Acknowledged => ("Taken care of", "Nobody else has to."),
        Status::Closed => ("Closed", "The matter is closed already."),
        Status::Withdrawn => ("Withdrawn", "The score does not hold any more. There is nothing to do."),
        Status::Open | Status::Notified | Status::Historic => ("A low score", "Nobody takes care of it yet."),
    };
    frame(title, &html! { (facts(escalation)) p { (text) } })
}
