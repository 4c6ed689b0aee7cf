//! A mail: what it says (made with the decision and kept until it is sent), and its bytes (made when it is sent).

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, MultiPartKind, SinglePart};
use maud::{DOCTYPE, PreEscaped, html};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::event::{Event, Telling};

/// What a mail says. Kept in `ledger.effects.body` until it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    /// Without the link.
    pub(crate) text: String,
    /// The inside of the body, without the link.
    pub(crate) html: String,
    /// The effect of the mail that opened the matter, for the thread; `None` in that mail itself.
    pub(crate) thread: Option<String>,
    pub(crate) can_acknowledge: bool,
}

/// The effect's id for receivers: the same however often it is sent, and nothing in it tells what it is about.
pub(crate) fn message_id(effect_key: &str) -> String {
    let hash = Sha256::digest(effect_key.as_bytes());
    format!("msg_{}", hex::encode(hash.get(..16).unwrap_or_default()))
}

impl Mail {
    /// What a mail to `to` says. `thread` is the effect of the mail that told this address of the opening.
    pub(crate) fn new(telling: &Telling<'_>, zone: Tz, to: &str, thread: Option<String>) -> Self {
        let facts = facts(telling, zone);
        let headline = headline(telling);
        let url = telling.scored.and_then(|scored| scored.dialog_url.as_deref()).filter(|url| is_web(url));
        let mut text = format!("{headline}\n\n");
        for (label, value) in &facts {
            text.push_str(&format!("{label}: {value}\n"));
        }
        if let Some(url) = url {
            text.push_str(&format!("\nOpen the chat: {url}\n"));
        }
        let html = html! {
            h1 style="font-size:18px;margin:0 0 12px" { (headline) }
            table style="border-collapse:collapse" {
                @for (label, value) in &facts {
                    tr {
                        td style="padding:2px 16px 2px 0;color:#6b7280;vertical-align:top" { (label) }
                        td style="padding:2px 0;white-space:pre-line" { (value) }
                    }
                }
            }
            @if let Some(url) = url { p style="margin:16px 0 0" { a href=(url) { "Open the chat" } } }
        };
        Self {
            to: to.to_owned(),
            subject: subject(telling),
            text,
            html: html.into_string(),
            thread,
            can_acknowledge: telling.event == Event::Opened,
        }
    }

    /// The bytes on the wire: the same each time for the same effect, link and sender.
    ///
    /// # Errors
    /// When a header cannot be written.
    pub(crate) fn bytes(
        &self,
        from: &Mailbox,
        to: Mailbox,
        effect_key: &str,
        intended_at: DateTime<Utc>,
        link: Option<&str>,
    ) -> Result<Vec<u8>, lettre::error::Error> {
        let link = link.filter(|_| self.can_acknowledge);
        let id = message_id(effect_key);
        let text = match link {
            Some(link) => format!("{}\nTake care of it: {link}\n", self.text),
            None => self.text.clone(),
        };
        let html = html! {
            (DOCTYPE)
            html {
                body style="font:15px/1.5 sans-serif" {
                    (PreEscaped(&self.html))
                    @if let Some(link) = link { p style="margin:8px 0 0" { a href=(link) { "Take care of it" } } }
                }
            }
        };
        let domain = from.email.domain();
        let on = |effect: &str| format!("<{}@{domain}>", message_id(effect));
        let mut builder = Message::builder()
            .message_id(Some(on(effect_key)))
            .date(intended_at.into())
            .from(from.clone())
            .to(to)
            .subject(self.subject.as_str());
        if let Some(thread) = self.thread.as_deref().map(on) {
            builder = builder.in_reply_to(thread.clone()).references(thread);
        }
        let parts = MultiPart::builder().kind(MultiPartKind::Alternative).boundary(&id);
        let parts = parts
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html.into_string()));
        let mut message = builder.multipart(parts)?;
        // No answer from machines: RFC 3834, and what Exchange reads instead.
        for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
            let name = HeaderName::new_from_ascii_str(name);
            message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        Ok(message.formatted())
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn score(telling: &Telling<'_>) -> String {
    let part = |number: Option<f64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    format!("{} of {}", part(telling.escalation.score), part(telling.escalation.scale))
}

/// Whose score it is, as a supervisor knows him: by name, else by id.
fn operator(telling: &Telling<'_>) -> Option<String> {
    let name = telling.scored.and_then(|scored| scored.operator_name.clone());
    name.or_else(|| telling.escalation.operator_id.clone()).map(|name| line(&name))
}

/// The client stands in the mail, not here: subjects are shown on locked screens.
fn subject(telling: &Telling<'_>) -> String {
    let whose = operator(telling).map_or_else(String::new, |operator| format!(" for {operator}"));
    let what = format!("{}{whose}", score(telling));
    match telling.event {
        Event::Opened => format!("Low score: {what}"),
        Event::Acknowledged => format!("Taken care of: score {what}"),
        Event::Closed => format!("Closed: score {what}"),
        Event::Withdrawn => format!("Withdrawn: score {what}"),
    }
}

fn headline(telling: &Telling<'_>) -> String {
    let score = score(telling);
    match telling.event {
        Event::Opened => format!("A client gave a score of {score}."),
        Event::Acknowledged => format!("Somebody takes care of the score of {score}."),
        Event::Closed => format!("The matter of the score of {score} is closed."),
        Event::Withdrawn => format!("The score of {score} does not hold any more."),
    }
}

fn facts(telling: &Telling<'_>, zone: Tz) -> Vec<(&'static str, String)> {
    let Telling { escalation, scored, by, reason, .. } = *telling;
    let client =
        scored.and_then(|scored| scored.client_name.clone()).or_else(|| escalation.client_id.clone());
    let given = escalation.given_at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string();
    let facts = [
        ("Operator", operator(telling)),
        ("Client", client.map(|client| line(&client))),
        ("Label", escalation.label.as_deref().map(line)),
        ("Comment", scored.and_then(|scored| scored.comment.clone())),
        ("Given at", Some(given)),
        ("Request", escalation.request_key.clone()),
        ("Account", Some(escalation.account.clone())),
        ("Rule", Some(escalation.rule.clone())),
        ("By", by.map(line)),
        ("Reason", reason.map(str::to_owned)),
    ];
    facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

/// On one line: what a stranger wrote must not look like a line of ours, or like a header.
fn line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests;
