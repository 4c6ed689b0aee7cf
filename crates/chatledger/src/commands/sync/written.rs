//! What was done, as people read it.

use chrono::{DateTime, Utc};
use crm_sync::{Mismatch, Preview, Sample, State, Summary, Verification};
use serde_json::{Value, json};

use super::Done;
use crate::report::text::{grouped, short, table, wrapped};

/// Characters of a value in a diff.
const VALUE: usize = 48;

/// All CRMs, one after the other.
pub(super) fn table_of(done: &[Done]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let summaries: Vec<&Summary> = done.iter().filter_map(|one| one.summary.as_ref()).collect();
    if !summaries.is_empty() {
        parts.push(summary_table(&summaries));
    }
    let states: Vec<&State> = done.iter().filter_map(|one| one.state.as_ref()).collect();
    if !states.is_empty() {
        parts.push(state_table(&states));
    }
    parts.extend(done.iter().filter_map(|one| one.preview.as_ref()).map(preview));
    parts.extend(done.iter().filter_map(|one| one.verification.as_ref()).map(verification));
    parts.iter().map(|part| format!("{part}\n")).collect::<Vec<_>>().join("\n")
}

fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

fn leads(number: u64) -> String {
    if number == 1 { "1 lead".to_owned() } else { format!("{} leads", count(number)) }
}

fn summary_table(summaries: &[&Summary]) -> String {
    let header = ["crm", "leads", "created", "updated", "unchanged", "dead", "waiting", "calls"];
    let row = |s: &&Summary| {
        let [leads, created, updated, unchanged, dead, waiting, calls] =
            [s.leads, s.created, s.updated, s.unchanged, s.dead, s.waiting, s.calls].map(count);
        [short(&s.crm, 24), leads, created, updated, unchanged, dead, waiting, calls]
    };
    let mut text = table(header, 1, summaries.iter().map(row).collect());
    for summary in summaries.iter().filter(|summary| summary.dead > 0) {
        text.push_str(&format!("\n\n{} refuses {}:", summary.crm, leads(summary.dead)));
        for letter in &summary.dead_letters {
            text.push_str(&format!("\n  {}  {}", letter.lead_key, short(&letter.error, 200)));
        }
        if summary.dead > summary.dead_letters.len() as u64 {
            text.push_str("\n  …");
        }
        text.push_str("\nThey are sent again when they or the mapping change, or with --once --retry-dead.");
    }
    text
}

fn state_table(states: &[&State]) -> String {
    let header = ["crm", "state", "next run", "in sync", "waiting", "refused", "calls today"];
    let row = |state: &&State| {
        let waiting = state.target.waiting + state.links.marked;
        [
            short(&state.crm, 24),
            word(state).to_owned(),
            state.next_run.map_or_else(|| "-".to_owned(), when),
            grouped(state.links.ok),
            grouped(waiting),
            grouped(state.links.dead),
            grouped(state.target.calls),
        ]
    };
    let mut text = table(header, 3, states.iter().map(row).collect());
    for state in states {
        if let (Some(reason), Some(until)) = (&state.target.reason, state.target.paused_until) {
            text.push_str(&format!(
                "\n\n{}",
                wrapped(&format!("{}: {reason}; until {}", state.crm, when(until)))
            ));
        }
    }
    text
}

/// How it is doing, in a word.
fn word(state: &State) -> &'static str {
    match (state.target.broken_since, state.target.paused_until) {
        (Some(_), _) => "broken",
        (None, Some(_)) => "paused",
        (None, None) if state.links.ok + state.links.dead == 0 => "not used yet",
        (None, None) => "well",
    }
}

fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// For programs.
pub(super) fn state_json(state: &State) -> Value {
    let State { crm, target, links, last_run, next_run } = state;
    json!({
        "crm": crm, "state": word(state), "reason": target.reason, "paused_until": target.paused_until,
        "broken_since": target.broken_since, "calls_today": target.calls, "waiting": target.waiting,
        "oldest": target.oldest, "marked": links.marked, "ok": links.ok, "pending": links.pending,
        "failed": links.failed, "dead": links.dead, "last_run": last_run, "next_run": next_run,
    })
}

fn preview(preview: &Preview) -> String {
    let Preview { crm, creates, updates, unchanged, dead, rejected, calls, .. } = preview;
    let mut text = format!(
        "{crm}: {}: {} to create, {} to update, {} unchanged, {} refused before, {} that cannot be sent\n\
         about {} calls; nothing was changed",
        leads(preview.leads),
        count(*creates),
        count(*updates),
        count(*unchanged),
        count(*dead),
        count(*rejected),
        count(*calls),
    );
    for step in &preview.setup {
        text.push_str(&format!("\nfirst: {step}"));
    }
    for (key, reason) in &preview.rejections {
        text.push_str(&format!("\n! {}: {reason}", short(key, VALUE)));
    }
    if !preview.sample.is_empty() {
        text.push_str(&format!("\n\n{} of {}:", preview.sample.len(), leads(creates + updates)));
    }
    for sample in &preview.sample {
        text.push_str(&sample_text(sample, preview.is_read));
    }
    text
}

fn sample_text(sample: &Sample, is_read: bool) -> String {
    let sign = if sample.is_update { '~' } else { '+' };
    let mut text = format!("\n{sign} {}", sample.lead_key);
    let widest =
        sample.differences.iter().map(|difference| difference.field.chars().count()).max().unwrap_or(0);
    for difference in &sample.differences {
        let (field, wanted) = (&difference.field, value(&difference.wanted));
        let held = difference.held.as_deref().map(|held| short(held, VALUE));
        let change = match (held, difference.is_kept) {
            (Some(held), true) => format!("{held}   (kept, people own it; ours is {wanted})"),
            (None, true) => format!("(left empty, people own it; ours is {wanted})"),
            (Some(held), false) => format!("{held} → {wanted}"),
            (None, false) => wanted,
        };
        text.push_str(&format!("\n    {field:widest$}  {change}"));
    }
    if sample.differences.is_empty() && is_read {
        text.push_str("\n    the record has it all already");
    }
    text
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "(cleared)".to_owned(),
        Value::String(text) if text.is_empty() => "(cleared)".to_owned(),
        Value::String(text) => short(text, VALUE),
        other => short(&other.to_string(), VALUE),
    }
}

fn verification(found: &Verification) -> String {
    if !found.is_readable {
        return format!("{}: records of a webhook cannot be read back", found.crm);
    }
    let changed = match found.changed {
        0 => String::new(),
        changed => format!(", {changed} more changed since and wait"),
    };
    let mut text =
        format!("{}: {} of {} records are as they should be{changed}", found.crm, found.good, found.read);
    for Mismatch { lead_key, is_missing, differences } in &found.mismatches {
        text.push_str(&format!("\n! {lead_key}"));
        if *is_missing {
            text.push_str(": there is no such record any more");
        }
        for difference in differences {
            let held =
                difference.held.as_deref().map_or_else(|| "nothing".to_owned(), |held| short(held, VALUE));
            text.push_str(&format!(
                "\n    {}  {held}, ours is {}",
                difference.field,
                value(&difference.wanted)
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crm_sync::Difference;

    use super::*;

    #[test]
    fn a_dry_run_reads_as_a_diff() {
        let difference = |field: &str, held: Option<&str>, wanted: &str, is_kept| Difference {
            field: field.to_owned(),
            held: held.map(str::to_owned),
            wanted: wanted.into(),
            is_kept,
        };
        let sample = Sample {
            lead_key: "chat2desk-acme-1".to_owned(),
            is_update: true,
            differences: vec![
                difference("chat_tags", Some("b2b"), "vip", false),
                difference("firstname", Some("Anna"), "Ann", true),
                difference("chat_score", Some("1"), "", false),
            ],
        };
        let shown = preview(&Preview {
            crm: "sales".to_owned(),
            leads: 2000,
            creates: 1999,
            updates: 1,
            calls: 40,
            is_read: true,
            setup: vec!["would create property chat_score".to_owned()],
            sample: vec![sample],
            ..Preview::default()
        });
        assert_eq!(
            shown,
            "sales: 2,000 leads: 1,999 to create, 1 to update, 0 unchanged, 0 refused before, 0 that cannot be sent\n\
             about 40 calls; nothing was changed\n\
             first: would create property chat_score\n\n\
             1 of 2,000 leads:\n\
             ~ chat2desk-acme-1\n    chat_tags   b2b → vip\n    firstname   Anna   (kept, people own it; ours is Ann)\n    \
             chat_score  1 → (cleared)"
        );
    }

    #[test]
    fn a_summary_names_what_is_refused() {
        let summary = Summary {
            crm: "sales".to_owned(),
            leads: 100,
            created: 99,
            dead: 1,
            calls: 20,
            dead_letters: vec![crm_sync::DeadLetter {
                lead_key: "chat2desk-acme-7".to_owned(),
                error: "status 400: VALIDATION_ERROR".to_owned(),
            }],
            ..Summary::default()
        };
        let shown = table_of(&[Done { summary: Some(summary), ..Done::default() }]);
        assert!(shown.contains("chat2desk-acme-7  status 400: VALIDATION_ERROR"), "{shown}");
        assert!(shown.lines().next().unwrap().starts_with("crm"), "{shown}");
    }
}
