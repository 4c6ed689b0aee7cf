//! The rows of a conversation's dialogs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use events::fact::DialogClosed;
use serde::{Deserialize, Serialize};
use store::tables::{DialogRow, RequestRow};

use super::Scope;
use super::evidence::{Dated, Evidence};

/// The last contact of a dialog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LastContact {
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    holder: Option<String>,
}

/// What a dialog's requests and closes add up to; surveys neither open nor close one. Part of the saved state of a fold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Contacts {
    count: i32,
    first_opened_at: Option<DateTime<Utc>>,
    last: Option<LastContact>,
    /// Its last event of closing.
    closed_event: Option<DateTime<Utc>>,
}

/// The dialogs that facts name and whose row stands here.
pub(super) fn named(evidence: &Evidence, requests: &[RequestRow]) -> BTreeSet<String> {
    requests
        .iter()
        .filter_map(|request| request.dialog_id.as_ref())
        .chain(evidence.messages.iter().filter_map(|message| message.registers.dialog_id.as_ref()))
        .chain(evidence.dialog_closes.iter().filter_map(|close| close.fact.dialog_id.as_ref()))
        .chain(evidence.transfers.iter().filter_map(|transfer| transfer.fact.dialog_id.as_ref()))
        .chain(evidence.dialogs.keys())
        .filter(|id| evidence.owns_dialog(id))
        .cloned()
        .collect()
}

/// The contacts of named dialogs, those before the cut with them. Requests come by opening.
pub(super) fn contacts<'a>(
    named: BTreeSet<String>,
    requests: &[RequestRow],
    closes: impl Iterator<Item = &'a Dated<DialogClosed>>,
    before: Option<&BTreeMap<String, Contacts>>,
) -> BTreeMap<String, Contacts> {
    let mut dialogs = before.cloned().unwrap_or_default();
    for id in named {
        dialogs.entry(id).or_default();
    }
    for request in requests.iter().filter(|request| request.kind != "rating") {
        let Some(contacts) = request.dialog_id.as_ref().and_then(|id| dialogs.get_mut(id)) else { continue };
        contacts.count += 1;
        contacts.first_opened_at.get_or_insert(request.opened_at);
        contacts.last = Some(LastContact {
            opened_at: request.opened_at,
            closed_at: request.closed_at,
            holder: request.holder_operator_id.clone(),
        });
    }
    for close in closes {
        let Some(contacts) = close.fact.dialog_id.as_ref().and_then(|id| dialogs.get_mut(id)) else {
            continue;
        };
        contacts.closed_event = contacts.closed_event.max(close.fact.at);
    }
    dialogs
}

/// One row for each dialog.
pub(super) fn rows(
    scope: &Scope<'_>,
    evidence: &Evidence,
    dialogs: &BTreeMap<String, Contacts>,
) -> Vec<DialogRow> {
    dialogs.iter().map(|(id, contacts)| row(scope, evidence, id, contacts)).collect()
}

fn row(scope: &Scope<'_>, evidence: &Evidence, id: &str, contacts: &Contacts) -> DialogRow {
    let listed = evidence.dialogs.get(id);
    let last = contacts.last.as_ref();
    let closed_at = match last {
        Some(last) => last.closed_at,
        None => contacts.closed_event.or_else(|| listed.and_then(|row| row.fact.ended_at)),
    };
    let state = match (last, closed_at, listed.and_then(|row| row.fact.state.clone())) {
        (None, None, Some(state)) => state,
        (_, Some(_), _) => "closed".to_owned(),
        (_, None, _) => "open".to_owned(),
    };
    // A row of the list is newer than the last request's closing, or tells nothing that the request does not.
    let listed_later = listed
        .filter(|row| last.is_none_or(|last| last.closed_at.is_some_and(|closed| row.observed_at > closed)))
        .and_then(|row| row.fact.operator_id.clone());
    DialogRow {
        account_id: scope.account.to_owned(),
        dialog_id: id.to_owned(),
        conversation: scope.conversation.to_owned(),
        client_id: Some(scope.place.client_id.clone()),
        channel_id: scope.channel(),
        closed_at: closed_at.filter(|_| state == "closed"),
        state,
        operator_id: listed_later
            .or_else(|| last.and_then(|last| last.holder.clone()))
            .or_else(|| listed.and_then(|row| row.fact.operator_id.clone())),
        opened_at: contacts.first_opened_at.or_else(|| listed.and_then(|row| row.fact.began_at)),
        last_opened_at: last
            .map(|request| request.opened_at)
            .or_else(|| listed.and_then(|row| row.fact.began_at)),
        requests: contacts.count,
        web_url: scope.rules.web_url.as_ref().map(|web| {
            // The frame with the dialog's content only (reference/chat2desk.md 5).
            format!("{}/chat/all?dialogID={id}&minifiedView=3", web.trim_end_matches('/'))
        }),
        row_hash: 0,
    }
}
