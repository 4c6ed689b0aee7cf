//! Where a fact goes: the conversation that it names, or that a link knows.

use std::collections::BTreeSet;

use events::Fact;
use events::fact::{Conversation, Filing, Identities};
use sqlx::PgConnection;

use super::FactRow;
use crate::StoreError;
use crate::links::{Links, identity};

/// Where a fact goes: what its row says, what it links, what it marks.
pub(crate) struct Filed {
    pub(crate) conversation: Option<String>,
    pub(crate) firm: bool,
    pub(crate) client_id: Option<String>,
    pub(crate) dialog_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(super) marks: Vec<(&'static str, String)>,
    pub(crate) links: Vec<String>,
}

pub(crate) fn file(fact: &Fact, key: &str) -> Filed {
    let mut filed = Filed {
        conversation: None,
        firm: true,
        client_id: None,
        dialog_id: None,
        request_id: None,
        marks: Vec::new(),
        links: Vec::new(),
    };
    match fact.filing() {
        Filing::Kept => {}
        Filing::Entity => filed.marks.push((fact.kind(), key.to_owned())),
        Filing::Conversation(Identities { client_id, channel_id, dialog_id, request_id }) => {
            filed.client_id = client_id.map(str::to_owned);
            filed.dialog_id = dialog_id.map(str::to_owned);
            filed.request_id = request_id.map(str::to_owned);
            let identities: Vec<String> = request_id
                .map(|id| format!("request:{id}"))
                .into_iter()
                .chain(dialog_id.map(|id| format!("dialog:{id}")))
                .collect();
            if let (Some(client), Some(channel)) = (client_id, channel_id) {
                let conversation =
                    Conversation { client_id: client.to_owned(), channel_id: channel.to_owned() }.key();
                filed.marks.push(("conversation", conversation.clone()));
                filed.conversation = Some(conversation);
                filed.links = identities;
            } else {
                filed.firm = false;
                filed.marks.extend(identities.into_iter().map(|identity| ("identity", identity)));
                if matches!(fact, Fact::Message(_)) {
                    filed.marks.push(("identity", format!("message:{key}")));
                }
            }
        }
    }
    filed
}

/// Facts without a channel go at once where links of today say: then settling them, which knows what was committed since,
/// mostly finds nothing to move.
pub(super) async fn file_where_linked(
    connection: &mut PgConnection,
    rows: &[FactRow],
    unique: &[usize],
    filed: &mut [Filed],
) -> Result<(), StoreError> {
    let named = |filed: &Filed| {
        let request = filed.request_id.iter().map(|id| identity("request", id));
        request.chain(filed.dialog_id.iter().map(|id| identity("dialog", id))).collect::<Vec<_>>()
    };
    // A message is filed as one with its other tellings.
    let is_single =
        |at: usize, filed: &Filed| !filed.firm && !matches!(rows[at].observation.fact, Fact::Message(_));
    let wanted: BTreeSet<(&str, String)> = unique
        .iter()
        .zip(filed.iter())
        .filter(|(at, filed)| is_single(**at, filed))
        .flat_map(|(&at, filed)| named(filed).into_iter().map(move |id| (rows[at].account.as_str(), id)))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut links = Links::read(connection, &wanted).await?;
    // Those that this batch brings are not stored yet.
    for (&at, filed) in unique.iter().zip(filed.iter()) {
        let Some(conversation) = &filed.conversation else { continue };
        for identity in &filed.links {
            links.add(rows[at].account.clone(), identity.clone(), conversation.clone());
        }
    }
    for (&at, filed) in unique.iter().zip(filed) {
        if is_single(at, filed) {
            let (request, dialog) = (filed.request_id.as_deref(), filed.dialog_id.as_deref());
            filed.conversation = links.place(&rows[at].account, request, dialog).map(str::to_owned);
            // A fold that reads it from now on has to know that something was told.
            let conversation = filed.conversation.iter().map(|place| ("conversation", place.clone()));
            filed.marks.extend(conversation);
        }
    }
    Ok(())
}
