//! The rows of a batch of conversations that differ from those that are there.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use store::folding::{self, Subject};
use store::tables::{
    self, AssignmentRow, DialogRow, Gone, MessageRow, RequestRow, RequestTagRow, TableRow, TagScoreRow,
    TurnRow, sealed,
};
use store::{PgConnection, StoreError};

use super::RowChange;
use crate::fold::Folded;

/// What to write and what to delete.
#[derive(Default)]
pub(super) struct ChangedRows {
    messages: Vec<MessageRow>,
    dialogs: Vec<DialogRow>,
    requests: Vec<RequestRow>,
    turns: Vec<TurnRow>,
    assignments: Vec<AssignmentRow>,
    tags: Vec<RequestTagRow>,
    scores: Vec<TagScoreRow>,
    gone: HashMap<&'static str, Vec<Gone>>,
    /// Table, account and key of changed rows that are there already.
    known: HashSet<(&'static str, String, String)>,
    /// Clients whose rows depend on what changed.
    pub(super) clients: BTreeSet<(String, String)>,
    /// Those among them of whose conversations something new was told.
    pub(super) told: BTreeSet<(String, String)>,
    /// Conversations that fold for changed rules only.
    quiet: BTreeSet<(String, String)>,
    /// Messages (account, id) that their conversation has for the first time.
    pub(super) fresh_messages: BTreeSet<(String, String)>,
}

/// All tables whose rows belong to conversations.
const TABLES: [&str; 7] = [
    MessageRow::TABLE,
    DialogRow::TABLE,
    RequestRow::TABLE,
    TurnRow::TABLE,
    AssignmentRow::TABLE,
    RequestTagRow::TABLE,
    TagScoreRow::TABLE,
];

impl ChangedRows {
    /// Keeps what differs from the rows that are there.
    /// `quiet`: the rules changed, nothing was told.
    pub(super) fn add(&mut self, subject: &Subject, folded: Folded, quiet: bool) -> Result<(), StoreError> {
        let mut kept = HashSet::new();
        let known = &mut self.known;
        let first_message = self.messages.len();
        let mut changed = false;
        changed |= differing(&mut self.messages, folded.messages, subject, &mut kept, known)?;
        changed |= differing(&mut self.dialogs, folded.dialogs, subject, &mut kept, known)?;
        changed |= differing(&mut self.requests, folded.requests, subject, &mut kept, known)?;
        changed |= differing(&mut self.scores, folded.scores, subject, &mut kept, known)?;
        differing(&mut self.turns, folded.turns, subject, &mut kept, known)?;
        differing(&mut self.assignments, folded.assignments, subject, &mut kept, known)?;
        differing(&mut self.tags, folded.tags, subject, &mut kept, known)?;
        for message in &self.messages[first_message..] {
            let (account, id) = (subject.account.clone(), message.message_id.clone());
            // Of this conversation: another one of the batch may have it.
            if !subject.rows.contains_key(&(MessageRow::TABLE.to_owned(), id.clone())) {
                self.fresh_messages.insert((account, id));
            }
        }
        for (table, key) in subject.rows.keys().filter(|row| !kept.contains(*row)) {
            let Some(table) = TABLES.into_iter().find(|known| known == table) else { continue };
            changed = true;
            self.gone.entry(table).or_default().push(Gone {
                account: subject.account.clone(),
                conversation: subject.subject.clone(),
                key: key.clone(),
            });
        }
        if changed {
            let client = events::fact::Conversation::from_key(&subject.subject).client_id;
            let client = (subject.account.clone(), client);
            if !quiet {
                self.told.insert(client.clone());
            }
            self.clients.insert(client);
        }
        if quiet {
            self.quiet.insert((subject.account.clone(), subject.subject.clone()));
        }
        Ok(())
    }

    /// Keeps one row of each key. Two conversations of a batch have the same row only while a fact of it moves from
    /// one to the other; both are marked again then. The greater conversation wins: the one that names a channel.
    pub(super) fn one_of_each(&mut self) {
        one_of_each(&mut self.messages, |row| &row.conversation);
        one_of_each(&mut self.dialogs, |row| &row.conversation);
        one_of_each(&mut self.requests, |row| &row.conversation);
        one_of_each(&mut self.turns, |row| &row.conversation);
        one_of_each(&mut self.assignments, |row| &row.conversation);
        one_of_each(&mut self.tags, |row| &row.conversation);
        one_of_each(&mut self.scores, |row| &row.conversation);
    }

    /// What is written and deleted, for a person to read.
    pub(super) fn written(&self, subject: &Subject) -> Vec<RowChange> {
        fn of<'a, R: TableRow>(rows: &'a [R], subject: &'a Subject) -> impl Iterator<Item = RowChange> + 'a {
            rows.iter().map(|row| {
                let key = (R::TABLE.to_owned(), row.key());
                let what = if subject.rows.contains_key(&key) { "changed" } else { "new" };
                RowChange { table: R::TABLE, key: key.1, what }
            })
        }
        let mut told: Vec<RowChange> = of(&self.messages, subject)
            .chain(of(&self.dialogs, subject))
            .chain(of(&self.requests, subject))
            .chain(of(&self.turns, subject))
            .chain(of(&self.assignments, subject))
            .chain(of(&self.tags, subject))
            .chain(of(&self.scores, subject))
            .collect();
        let gone = self.gone.iter().flat_map(|(table, gone)| {
            gone.iter().map(|gone| RowChange { table, key: gone.key.clone(), what: "gone" })
        });
        told.extend(gone);
        told
    }

    /// Account and valuation request of every score that changed or went, and that somebody has to hear of.
    pub(super) fn valuations(&self) -> Vec<(String, String)> {
        let heard = |account: &String, conversation: &String| {
            !self.quiet.contains(&(account.clone(), conversation.clone()))
        };
        let changed = self
            .scores
            .iter()
            .filter(|row| heard(&row.account_id, &row.conversation))
            .map(|row| (row.account_id.clone(), row.valuation_request_key.clone()));
        let gone = self.gone.get(TagScoreRow::TABLE).into_iter().flatten();
        let gone = gone.filter(|gone| heard(&gone.account, &gone.conversation)).map(|gone| {
            let valuation = gone.key.rsplit_once('#').map_or(gone.key.as_str(), |(valuation, _)| valuation);
            (gone.account.clone(), valuation.to_owned())
        });
        changed.chain(gone).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Deletes first: a row that moved to another conversation of the batch is written again.
    pub(super) async fn write(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.delete::<TagScoreRow>(connection).await?;
        self.delete::<RequestTagRow>(connection).await?;
        self.delete::<AssignmentRow>(connection).await?;
        self.delete::<TurnRow>(connection).await?;
        self.delete::<RequestRow>(connection).await?;
        self.delete::<DialogRow>(connection).await?;
        self.delete::<MessageRow>(connection).await?;
        let known = &self.known;
        put(connection, &mut self.dialogs, known).await?;
        put(connection, &mut self.requests, known).await?;
        put(connection, &mut self.turns, known).await?;
        put(connection, &mut self.assignments, known).await?;
        put(connection, &mut self.tags, known).await?;
        put(connection, &mut self.scores, known).await?;
        put(connection, &mut self.messages, known).await
    }

    async fn delete<R: TableRow>(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let gone = self.gone.get(R::TABLE).map(Vec::as_slice).unwrap_or_default();
        tables::delete::<R>(connection, gone).await?;
        folding::mark_owners(connection, R::TABLE, gone).await
    }
}

/// Most rows are new, and those go the quick way; one that moved here from another conversation is found there.
async fn put<R: TableRow>(
    connection: &mut PgConnection,
    rows: &mut [R],
    known: &HashSet<(&'static str, String, String)>,
) -> Result<(), StoreError> {
    if known.is_empty() {
        return tables::insert(connection, rows).await;
    }
    let is_known = |row: &R| known.contains(&(R::TABLE, row.account().to_owned(), row.key()));
    // Stable: within both parts they stay in the order of keys.
    rows.sort_by_cached_key(is_known);
    let (new, known) = rows.split_at(rows.partition_point(|row| !is_known(row)));
    tables::insert(connection, new).await?;
    tables::upsert(connection, known).await
}

/// Sorts rows by account and key (writers lock rows in this order) and drops all but the greatest conversation's.
fn one_of_each<R: TableRow>(rows: &mut Vec<R>, conversation: fn(&R) -> &String) {
    rows.sort_by_cached_key(|row| (row.account().to_owned(), row.key(), Reverse(conversation(row).clone())));
    rows.dedup_by(|next, kept| next.account() == kept.account() && next.key() == kept.key());
}

/// Adds those rows whose hash is not the one that is stored; notes all keys that are to stay. Whether any was added.
fn differing<R: TableRow>(
    changed: &mut Vec<R>,
    rows: Vec<R>,
    subject: &Subject,
    kept: &mut HashSet<(String, String)>,
    known: &mut HashSet<(&'static str, String, String)>,
) -> Result<bool, StoreError> {
    let before = changed.len();
    for row in rows {
        let row = sealed(row)?;
        if subject.rows.is_empty() {
            changed.push(row);
            continue;
        }
        let key = (R::TABLE.to_owned(), row.key());
        let there = subject.rows.get(&key);
        if there.is_some_and(|hash| *hash != row.row_hash()) {
            known.insert((R::TABLE, subject.account.clone(), key.1.clone()));
        }
        if there != Some(&row.row_hash()) {
            changed.push(row);
        }
        kept.insert(key);
    }
    Ok(changed.len() > before)
}
