//! The clients of a part: what `folding_activities.sql` says of them, from the rows that were just folded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, SubsecRound as _, Utc};
use events::fact::Conversation;
use store::StoreError;
use store::folding::{Activity, Subject};
use store::generations::bucket::Written;
use store::tables::{RequestRow, TagScoreRow, sealed};

use crate::fold::Folded;
use crate::{AccountRules, entities};

/// The clients of one account in one part.
pub(super) struct Clients<'a> {
    account: &'a str,
    /// Texts are compared byte by byte in the database too.
    is_bytewise: bool,
    clients: BTreeMap<String, Client>,
}

#[derive(Default)]
struct Client {
    card: Option<Subject>,
    messages: u64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    transports: BTreeSet<String>,
    request: Option<LastRequest>,
    score: Option<TagScoreRow>,
    urls: HashMap<String, Option<String>>,
    /// The database has to say: something is folded elsewhere, or two things are equal but for a text.
    is_left: bool,
}

/// Of the last request that is no rating.
struct LastRequest {
    opened_at: DateTime<Utc>,
    key: String,
    operator_id: Option<String>,
    dialog_id: Option<String>,
}

impl LastRequest {
    fn of(row: &RequestRow) -> Self {
        Self {
            opened_at: stored(row.opened_at),
            key: row.request_key.clone(),
            operator_id: row.last_operator_id.as_ref().or(row.holder_operator_id.as_ref()).cloned(),
            dialog_id: row.dialog_id.clone(),
        }
    }
}

impl<'a> Clients<'a> {
    pub(super) fn new(account: &'a str, is_bytewise: bool) -> Self {
        Self { account, is_bytewise, clients: BTreeMap::new() }
    }

    /// A client's card.
    pub(super) fn card(&mut self, card: Subject) {
        let client = self.clients.entry(card.subject.clone()).or_default();
        client.card = Some(card);
    }

    /// One of the client's conversations is folded elsewhere.
    pub(super) fn leave(&mut self, conversation: &str) {
        self.of(conversation).is_left = true;
    }

    fn of(&mut self, conversation: &str) -> &mut Client {
        self.clients.entry(Conversation::from_key(conversation).client_id).or_default()
    }

    /// One of the client's conversations.
    pub(super) fn add(&mut self, conversation: &str, folded: &Folded) {
        let is_bytewise = self.is_bytewise;
        let client = self.of(conversation);
        for message in &folded.messages {
            client.messages += 1;
            if message.author_kind == "client" && !message.is_deleted && message.time_quality != "unconfirmed"
            {
                let at = stored(message.sent_at);
                client.first = Some(client.first.map_or(at, |first| first.min(at)));
                client.last = Some(client.last.map_or(at, |last| last.max(at)));
            }
        }
        for transport in folded.requests.iter().filter_map(|request| request.transport.as_ref()) {
            if !client.transports.contains(transport) {
                client.transports.insert(transport.clone());
            }
        }
        for request in folded.requests.iter().filter(|request| request.kind != "rating") {
            let opened_at = stored(request.opened_at);
            match &client.request {
                Some(held) if held.opened_at == opened_at && !is_bytewise => client.is_left = true,
                Some(held) if (held.opened_at, &held.key) >= (opened_at, &request.request_key) => {}
                _ => client.request = Some(LastRequest::of(request)),
            }
        }
        for score in folded.scores.iter().filter(|score| score.withdrawn_at.is_none()) {
            // Latest first; of one survey the smallest scale.
            let beats = |one: &TagScoreRow, other: &TagScoreRow| {
                (stored(one.given_at), &one.valuation_request_key)
                    .cmp(&(stored(other.given_at), &other.valuation_request_key))
                    .then_with(|| other.scale_id.cmp(&one.scale_id))
                    .is_gt()
            };
            match &client.score {
                Some(held) if stored(held.given_at) == stored(score.given_at) && !is_bytewise => {
                    client.is_left = true;
                }
                Some(held) if !beats(score, held) => {}
                _ => client.score = Some(score.clone()),
            }
        }
        for dialog in &folded.dialogs {
            client.urls.insert(dialog.dialog_id.clone(), dialog.web_url.clone());
        }
    }

    /// Writes the rows, and leaves to the ordinary fold whom it cannot tell.
    pub(super) fn finish(self, rules: &AccountRules, written: &mut Written) -> Result<(), StoreError> {
        for (id, client) in self.clients {
            if client.is_left || (client.transports.len() > 1 && !self.is_bytewise) {
                written.leave_client(self.account, &id);
                continue;
            }
            let activity = client.activity(self.account, &id);
            if client.messages == 0 && client.card.is_none() {
                continue;
            }
            let fresh =
                || Subject { account: self.account.to_owned(), subject: id.clone(), ..Subject::default() };
            let card = client.card.unwrap_or_else(fresh);
            let row = sealed(entities::client(&card, rules, activity.span()))?;
            if let Some(lead) = entities::lead(&row, rules, activity) {
                written.row(&sealed(lead)?);
            }
            written.row(&row);
        }
        Ok(())
    }
}

impl Client {
    fn activity(&self, account: &str, id: &str) -> Activity {
        if self.messages == 0 {
            return Activity::default();
        }
        let request = self.request.as_ref();
        let dialog = request.and_then(|last| last.dialog_id.as_ref());
        let score = self.score.as_ref();
        Activity {
            account_id: account.to_owned(),
            client_id: id.to_owned(),
            first: self.first,
            last: self.last,
            transports: self.transports.iter().cloned().collect(),
            operator_id: request.and_then(|last| last.operator_id.clone()),
            dialog_url: dialog.and_then(|dialog| self.urls.get(dialog).cloned().flatten()),
            score: score.map(|row| row.score),
            scale: score.map(|row| row.scale),
            scored_at: score.map(|row| stored(row.given_at)),
        }
    }
}

/// As the database keeps it.
fn stored(at: DateTime<Utc>) -> DateTime<Utc> {
    at.round_subsecs(6)
}
