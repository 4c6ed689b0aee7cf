//! The merged facts in order, which telling won which field, and what does not count.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use events::Fact;
use serde_json::Value;
use store::folding::Told;
use store::tables::MessageRow;

use super::{Part, Step, Telling};
use crate::merge::Merged;

/// A merged fact that is shown.
struct Shown<'a> {
    at: DateTime<Utc>,
    kind: &'static str,
    key: &'a str,
    what: String,
    request: Option<String>,
}

/// The facts that the requests were made of, by time; several tellings of one with what each won.
pub(super) fn steps(telling: &Telling<'_>, merged: &BTreeMap<(&'static str, &str), Merged>) -> Vec<Step> {
    let rows: BTreeMap<&str, &MessageRow> =
        telling.folded.messages.iter().map(|row| (row.message_id.as_str(), row)).collect();
    let mut facts: Vec<Shown<'_>> = Vec::new();
    for ((kind, key), merged) in merged {
        let Some(request) = concerns(telling, key, &merged.fact, rows.get(key).copied()) else { continue };
        let (at, what) = match &merged.fact {
            Fact::Message(_) => match rows.get(key) {
                Some(row) => (row.sent_at, message(telling, row)),
                None => continue,
            },
            fact => (happened(fact).unwrap_or(merged.observed_at), named(fact)),
        };
        facts.push(Shown { at, kind, key, what, request });
    }
    facts.sort_by(|a, b| (a.at, a.kind, a.key).cmp(&(b.at, b.kind, b.key)));
    let mut tellings: BTreeMap<(&str, &str), Vec<&Told>> = BTreeMap::new();
    for told in &telling.subject.told {
        tellings.entry((told.fact.kind(), told.key.as_str())).or_default().push(told);
    }
    let mut steps = Vec::new();
    for Shown { at, kind, key, what, request } in facts {
        let mut tellings = tellings.remove(&(kind, key)).unwrap_or_default();
        // Falling stamps: the order in which the merge asks them.
        tellings.sort_by_key(|told| std::cmp::Reverse(told.stamp()));
        let delivery = merged.get(&(kind, key)).map(|merged| merged.delivery.0);
        let several =
            if tellings.len() > 1 { format!(", told {} times", tellings.len()) } else { String::new() };
        let step = |what: String| Step::new(Part::Told, request.as_deref(), Some(at), what);
        steps.push(step(format!("{what}{several}")).by(delivery));
        if tellings.len() > 1 {
            for (told, won) in tellings.iter().zip(won(&tellings)) {
                let what = match won.as_slice() {
                    [] => format!("… a {} adds nothing", road(told)),
                    won => format!("… a {} wins {}", road(told), won.join(", ")),
                };
                steps.push(step(what).by(Some(told.delivery.0)));
            }
        }
    }
    steps
}

/// What does not count in a request that is told of, or stands elsewhere.
pub(super) fn left_out(telling: &Telling<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for row in &telling.folded.messages {
        let is_ours = telling.is_told_of(row.request_key.as_deref());
        let is_homeless = telling.is_whole
            && row.request_key.is_none()
            && row.dialog_id.as_deref().is_none_or(|dialog| telling.dialogs.contains(dialog));
        let why = match row {
            row if is_ours && row.is_deleted => "was deleted: kept, not counted",
            row if is_ours && row.time_quality == "unconfirmed" => {
                "was imported and its time is not known yet: not counted"
            }
            row if is_ours && row.time_quality == "future" => {
                "claims a time after its receipt: the receipt's is used"
            }
            row if is_ours && row.time_quality == "received" => {
                "has no time of its own: its receipt's is used"
            }
            _ if is_homeless => "belongs to no request: it lies outside of all, and nobody talks in it",
            _ => continue,
        };
        let what = format!("message {} {why}", row.message_id);
        let step = Step::new(Part::LeftOut, row.request_key.as_deref(), Some(row.sent_at), what);
        steps.push(step.by(Some(row.delivery_id)));
    }
    let mut seen = BTreeSet::new();
    for told in &telling.subject.told {
        let Fact::Message(message) = &told.fact else { continue };
        let is_foreign = telling.subject.foreign.contains(&format!("message:{}", told.key));
        let concerns = telling.is_whole || telling.is_told_of(message.request_id.as_deref());
        if is_foreign && concerns && seen.insert(told.delivery) {
            let what = format!(
                "message {} is told here too, but its latest telling puts it into another conversation",
                told.key
            );
            let at = message.created_at.or(message.event_at);
            let request = message.request_id.as_deref();
            steps.push(Step::new(Part::LeftOut, request, at, what).by(Some(told.delivery.0)));
        }
    }
    steps
}

/// Whether a fact has to do with a request that is told of, and with which one.
fn concerns(
    telling: &Telling<'_>,
    key: &str,
    fact: &Fact,
    row: Option<&MessageRow>,
) -> Option<Option<String>> {
    let by_request =
        |id: Option<&str>| id.filter(|id| telling.keys.contains(id)).map(|id| Some(id.to_owned()));
    let by_dialog = |request: Option<&str>, dialog: Option<&str>| match request {
        Some(_) => by_request(request),
        None => dialog.filter(|id| telling.dialogs.contains(id)).map(|_| None),
    };
    match fact {
        Fact::Message(_) => by_request(row?.request_key.as_deref()),
        Fact::RequestOpened(_) | Fact::RequestClosed(_) | Fact::RequestReport(_) => by_request(Some(key)),
        Fact::DialogClosed(fact) => by_dialog(fact.request_id.as_deref(), fact.dialog_id.as_deref()),
        Fact::DialogTransferred(fact) => by_dialog(fact.request_id.as_deref(), fact.dialog_id.as_deref()),
        Fact::DialogRow(fact) => by_dialog(None, fact.dialog_id.as_deref()),
        Fact::Tagging(fact) => by_request(fact.request_id.as_deref()),
        Fact::RatingReport(fact) => by_request(fact.request_id.as_deref())
            .or_else(|| by_request(fact.valuation_request_id.as_deref())),
        _ => None,
    }
}

/// A message as its row says it.
fn message(telling: &Telling<'_>, row: &MessageRow) -> String {
    let operator = match (&row.operator_id, row.author_kind.as_str()) {
        (Some(operator), "operator" | "bot" | "note") => format!(" {operator}"),
        _ => String::new(),
    };
    let named = telling.evidence.named_request(&row.message_id);
    let is_given = row.request_key.as_deref().is_some_and(|key| !key.starts_with("derived:"));
    let adopted = match (named, is_given) {
        (None, true) => "; names no request, adopted because it lies in the time of this one",
        _ => "",
    };
    let text = match &row.text {
        Some(text) if telling.with_texts => format!(": {text}"),
        _ => String::new(),
    };
    format!("message {} by {}{operator}{adopted}{text}", row.message_id, row.author_kind)
}

/// A fact other than a message.
fn named(fact: &Fact) -> String {
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "unknown".to_owned());
    match fact {
        Fact::RequestOpened(fact) => format!("opening of request {}", id(&fact.request_id)),
        Fact::RequestClosed(fact) => format!("closing of request {}", id(&fact.request_id)),
        Fact::RequestReport(fact) => {
            format!("row of request {} in the vendor's report", id(&fact.request_id))
        }
        Fact::DialogClosed(fact) => format!("closing of dialog {}", id(&fact.dialog_id)),
        Fact::DialogTransferred(fact) => {
            format!("transfer of dialog {} to operator {}", id(&fact.dialog_id), id(&fact.operator_id))
        }
        Fact::DialogRow(fact) => format!("row of dialog {} in the list", id(&fact.dialog_id)),
        Fact::Tagging(fact) => {
            let what = if fact.added == Some(true) { "put on" } else { "taken off" };
            format!("tag {} {what} request {}", id(&fact.tag_id), id(&fact.request_id))
        }
        Fact::RatingReport(fact) => {
            format!("row of the rating of request {} in the report", id(&fact.request_id))
        }
        other => other.kind().to_owned(),
    }
}

/// When a fact other than a message happened.
fn happened(fact: &Fact) -> Option<DateTime<Utc>> {
    match fact {
        Fact::RequestOpened(fact) => fact.at,
        Fact::RequestClosed(fact) => fact.at,
        Fact::RequestReport(fact) => fact.opened_at,
        Fact::DialogClosed(fact) => fact.at,
        Fact::DialogTransferred(fact) => fact.at,
        Fact::Tagging(fact) => fact.at,
        Fact::RatingReport(fact) => fact.at,
        _ => None,
    }
}

/// What each of these tellings, in falling stamps, brings to the merge: the fields that it fills.
fn won(tellings: &[&Told]) -> Vec<Vec<String>> {
    let mut held: Option<Fact> = None;
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for told in tellings {
        match &mut held {
            Some(held) => held.fill(&told.fact),
            none => *none = Some(told.fact.clone()),
        }
        let fields = held.as_ref().map(fields).unwrap_or_default();
        all.push(fields.difference(&known).cloned().collect());
        known = fields;
    }
    all
}

fn fields(fact: &Fact) -> BTreeSet<String> {
    let json = fact.to_json().ok().and_then(|json| serde_json::from_str(&json).ok());
    match json {
        Some(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        _ => BTreeSet::new(),
    }
}

fn road(told: &Told) -> &'static str {
    match told.rank {
        2 => "fetched row",
        1 => "webhook",
        _ => "script",
    }
}
