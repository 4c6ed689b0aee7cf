//! The rows of a conversation's dialogs.

use std::collections::BTreeSet;

use store::tables::{DialogRow, RequestRow};

use super::Scope;
use super::evidence::Evidence;

/// One row for each dialog that a fact names and whose row stands here.
pub(super) fn rows(scope: &Scope<'_>, evidence: &Evidence, requests: &[RequestRow]) -> Vec<DialogRow> {
    let ids: BTreeSet<&String> = requests
        .iter()
        .filter_map(|request| request.dialog_id.as_ref())
        .chain(evidence.messages.iter().filter_map(|message| message.registers.dialog_id.as_ref()))
        .chain(evidence.dialog_closes.iter().filter_map(|close| close.fact.dialog_id.as_ref()))
        .chain(evidence.transfers.iter().filter_map(|transfer| transfer.fact.dialog_id.as_ref()))
        .chain(evidence.dialogs.keys())
        .filter(|id| evidence.owns_dialog(id))
        .collect();
    ids.into_iter().map(|id| row(scope, evidence, requests, id)).collect()
}

fn row(scope: &Scope<'_>, evidence: &Evidence, requests: &[RequestRow], id: &str) -> DialogRow {
    let listed = evidence.dialogs.get(id);
    // Surveys neither open nor close a dialog. Requests come by opening.
    let contacts: Vec<&RequestRow> = requests
        .iter()
        .filter(|request| request.dialog_id.as_deref() == Some(id) && request.kind != "rating")
        .collect();
    let last = contacts.last();
    let closed_event = evidence
        .dialog_closes
        .iter()
        .filter(|close| close.fact.dialog_id.as_deref() == Some(id))
        .filter_map(|close| close.fact.at)
        .max();
    let closed_at = match last {
        Some(last) => last.closed_at,
        None => closed_event.or_else(|| listed.and_then(|row| row.fact.ended_at)),
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
            .or_else(|| last.and_then(|last| last.holder_operator_id.clone()))
            .or_else(|| listed.and_then(|row| row.fact.operator_id.clone())),
        opened_at: contacts
            .first()
            .map(|request| request.opened_at)
            .or_else(|| listed.and_then(|row| row.fact.began_at)),
        last_opened_at: last
            .map(|request| request.opened_at)
            .or_else(|| listed.and_then(|row| row.fact.began_at)),
        requests: i32::try_from(contacts.len()).unwrap_or(i32::MAX),
        web_url: scope.rules.web_url.as_ref().map(|web| {
            // The frame with the dialog's content only (reference/chat2desk.md 5).
            format!("{}/chat/all?dialogID={id}&minifiedView=3", web.trim_end_matches('/'))
        }),
        row_hash: 0,
    }
}
