//! A story as people and programs read it.

use std::fmt::Write as _;

use projection::explain::{Part, Step};
use serde::Serialize;
use serde_json::Value;

use super::Explained;
use crate::report::text::WIDTH;

/// How a story is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

#[derive(Serialize)]
struct Document<'a> {
    account: &'a str,
    what: &'a str,
    id: &'a str,
    conversation: &'a str,
    requests: Vec<Value>,
    steps: &'a [Step],
}

/// The whole text, ending with a line's end.
///
/// # Errors
/// When a value cannot be written.
pub(crate) fn written(stories: &[Explained], format: Format, with_texts: bool) -> anyhow::Result<String> {
    match format {
        Format::Json => {
            let documents: Vec<Document<'_>> =
                stories.iter().map(document).collect::<serde_json::Result<_>>()?;
            Ok(format!("{}\n", serde_json::to_string_pretty(&documents)?))
        }
        Format::Table => {
            let texts: Vec<String> = stories.iter().map(|story| people(story, with_texts)).collect();
            Ok(texts.join("\n"))
        }
    }
}

fn document(explained: &Explained) -> serde_json::Result<Document<'_>> {
    let rows = explained.story.requests.iter().map(serde_json::to_value);
    Ok(Document {
        account: &explained.account,
        what: &explained.kind,
        id: &explained.id,
        conversation: &explained.conversation,
        requests: rows.collect::<serde_json::Result<_>>()?,
        steps: &explained.story.steps,
    })
}

fn title(part: Part) -> &'static str {
    match part {
        Part::Told => "What was told",
        Part::Cut => "Where it begins and ends",
        Part::Held => "Who held it",
        Part::Turn => "Questions and answers",
        Part::Duration => "How long it took",
        Part::Tag => "Tags",
        Part::Score => "Scores",
        Part::LeftOut => "What does not count, or not as it says",
    }
}

fn people(explained: &Explained, with_texts: bool) -> String {
    let Explained { account, kind, id, conversation, story } = explained;
    let mut text =
        format!("{kind} {id} of {account}, conversation {conversation} (client/channel); times are UTC\n");
    let several = story.requests.len() > 1;
    for part in story.steps.chunk_by(|a, b| a.part == b.part) {
        if let Some(first) = part.first() {
            let _ = writeln!(text, "\n{}\n", title(first.part));
        }
        let mut request = None;
        for step in part {
            if several && request != Some(&step.request_key) {
                request = Some(&step.request_key);
                if let Some(key) = &step.request_key {
                    let _ = writeln!(text, "  request {key}");
                }
            }
            line(&mut text, step);
        }
    }
    text.push_str("\n`chatledger trace DELIVERY` shows the bytes behind a step.");
    text.push_str(if with_texts { "\n" } else { " What people wrote: --texts.\n" });
    text
}

/// Time, what, delivery: `what` in as many lines as it takes.
fn line(text: &mut String, step: &Step) {
    const TIME: usize = 23;
    const ID: usize = 36;
    let at = step.at.map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S%.3f").to_string());
    let delivery = step.delivery_id.map_or_else(String::new, |id| id.to_string());
    let room = WIDTH - TIME - ID - 4;
    for (no, what) in wrapped(&step.what, room).into_iter().enumerate() {
        let (at, delivery) = if no == 0 { (at.as_str(), delivery.as_str()) } else { ("", "") };
        let pad = room.saturating_sub(what.chars().count());
        let row = format!("{at:<TIME$}  {what}{:pad$}  {delivery}", "");
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

/// Words in lines of at most so many characters; a longer word is cut. Control characters are blanks.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut lines = vec![String::new()];
    for word in plain.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let piece: String = rest.drain(..rest.len().min(room)).collect();
            match lines.last_mut() {
                Some(line) if line.is_empty() => line.push_str(&piece),
                Some(line) if line.chars().count() + 1 + piece.chars().count() <= room => {
                    line.push(' ');
                    line.push_str(&piece);
                }
                _ => lines.push(piece),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_takes_as_many_lines_as_it_needs_and_none_is_too_long() {
        let step = Step {
            at: "2026-01-15T09:00:00.250Z".parse().ok(),
            part: Part::Told,
            request_key: None,
            what: format!("message 2 by operator 7001, told 2 times {}", "x".repeat(90)),
            column: None,
            seconds: None,
            delivery_id: Some(uuid::Uuid::from_u128(7)),
        };
        let mut text = String::new();
        line(&mut text, &step);
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.starts_with("2026-01-15 09:00:00.250  message 2 by operator 7001"), "{text}");
        assert!(text.lines().next().unwrap().ends_with("00000000-0000-0000-0000-000000000007"), "{text}");
    }
}
