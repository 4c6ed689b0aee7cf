//! Step 2: claims what is marked, folds it from committed facts, writes the rows that changed.

use std::collections::{BTreeSet, HashMap, HashSet};

use store::folding::{self, Subject, Work};
use store::tables::{self, DialogRow, Gone, MessageRow, RequestRow, TableRow, TurnRow, sealed};
use store::{PgConnection, PgPool, StoreError};

use crate::entities;
use crate::fold::fold;
use crate::{AccountRules, Rules};

/// What one call of [`fold_marked`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folding {
    /// Identities, conversations, clients and entities.
    pub subjects: usize,
}

/// Folds up to `limit` subjects of each kind, each kind in a transaction of its own. Nothing left to do: 0 subjects.
///
/// # Errors
/// As of the store: unavailable or refused. What was not committed stays marked.
pub async fn fold_marked(pool: &PgPool, rules: &Rules, limit: i64) -> Result<Folding, StoreError> {
    let mut subjects = 0;
    // One look, in the order of dependence: settling marks conversations, conversations mark clients. What is marked
    // meanwhile is found by the next call.
    let marked = folding::marked_kinds(pool).await?;
    for kind in &marked {
        subjects += match kind.as_str() {
            "identity" => settle(pool, limit).await?,
            "conversation" => conversations(pool, rules, limit).await?,
            "client" => clients(pool, rules, limit).await?,
            "operator" => cards(pool, rules, limit, "operator", entities::operator).await?,
            "operator_group" => cards(pool, rules, limit, "operator_group", entities::operator_group).await?,
            "channel" => cards(pool, rules, limit, "channel", entities::channel).await?,
            _ => cards(pool, rules, limit, "tag", entities::tag).await?,
        };
    }
    Ok(Folding { subjects })
}

async fn settle(pool: &PgPool, limit: i64) -> Result<usize, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let settled = folding::settle_identities(&mut transaction, limit).await?;
    store::commit(transaction).await?;
    Ok(settled)
}

async fn conversations(pool: &PgPool, rules: &Rules, limit: i64) -> Result<usize, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let work = folding::claim_conversations(&mut transaction, limit).await?;
    if work.subjects.is_empty() {
        return Ok(0);
    }
    let mut changes = Changes::default();
    for subject in &work.subjects {
        changes.add(subject, rules.of(&subject.account))?;
    }
    changes.settle();
    changes.write(&mut transaction).await?;
    fail::fail_point!("projection.rows_written", |_| std::process::abort());
    folding::finish(&mut transaction, &work, &changes.clients).await?;
    store::commit(transaction).await?;
    fail::fail_point!("projection.rows_committed", |_| std::process::abort());
    Ok(work.subjects.len())
}

/// The rows of a batch of conversations that differ from those that are there.
#[derive(Default)]
struct Changes {
    messages: Vec<MessageRow>,
    dialogs: Vec<DialogRow>,
    requests: Vec<RequestRow>,
    turns: Vec<TurnRow>,
    gone: HashMap<&'static str, Vec<Gone>>,
    clients: BTreeSet<(String, String)>,
}

impl Changes {
    fn add(&mut self, subject: &Subject, rules: &AccountRules) -> Result<(), StoreError> {
        let folded = fold(subject, rules);
        let mut kept = HashSet::new();
        let before = self.messages.len();
        differing(&mut self.messages, folded.messages, subject, &mut kept)?;
        differing(&mut self.dialogs, folded.dialogs, subject, &mut kept)?;
        differing(&mut self.requests, folded.requests, subject, &mut kept)?;
        differing(&mut self.turns, folded.turns, subject, &mut kept)?;
        let mut fewer_messages = false;
        for (table, key) in subject.rows.keys().filter(|row| !kept.contains(*row)) {
            let table = [MessageRow::TABLE, DialogRow::TABLE, RequestRow::TABLE, TurnRow::TABLE]
                .into_iter()
                .find(|known| known == table);
            let Some(table) = table else { continue };
            fewer_messages |= table == MessageRow::TABLE;
            self.gone.entry(table).or_default().push(Gone {
                account: subject.account.clone(),
                conversation: subject.subject.clone(),
                key: key.clone(),
            });
        }
        if self.messages.len() > before || fewer_messages {
            let client = events::fact::Conversation::from_key(&subject.subject).client_id;
            self.clients.insert((subject.account.clone(), client));
        }
        Ok(())
    }

    /// Keeps one row of each key. Two conversations of a batch have the same row only while a fact of it moves from
    /// one to the other; both are marked again then. The greater conversation wins: the one that names a channel.
    fn settle(&mut self) {
        one_of_each(&mut self.messages, |row| &row.conversation);
        one_of_each(&mut self.dialogs, |row| &row.conversation);
        one_of_each(&mut self.requests, |row| &row.conversation);
        one_of_each(&mut self.turns, |row| &row.conversation);
    }

    /// Deletes first: a row that moved to another conversation of the batch is written again.
    async fn write(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let gone = |table| self.gone.get(table).map(Vec::as_slice).unwrap_or_default();
        tables::delete::<TurnRow>(connection, gone(TurnRow::TABLE)).await?;
        tables::delete::<RequestRow>(connection, gone(RequestRow::TABLE)).await?;
        tables::delete::<DialogRow>(connection, gone(DialogRow::TABLE)).await?;
        tables::delete::<MessageRow>(connection, gone(MessageRow::TABLE)).await?;
        for (table, gone) in &self.gone {
            folding::mark_owners(connection, table, gone).await?;
        }
        tables::upsert(connection, &self.dialogs).await?;
        tables::upsert(connection, &self.requests).await?;
        tables::upsert(connection, &self.turns).await?;
        tables::upsert(connection, &self.messages).await
    }
}

/// Sorts rows by account and key (writers lock rows in this order) and drops all but the greatest conversation's.
fn one_of_each<R: TableRow>(rows: &mut Vec<R>, conversation: fn(&R) -> &String) {
    rows.sort_by(|a, b| {
        let key = |row: &R| (row.account().to_owned(), row.key());
        key(a).cmp(&key(b)).then_with(|| conversation(b).cmp(conversation(a)))
    });
    rows.dedup_by(|next, kept| next.account() == kept.account() && next.key() == kept.key());
}

/// Adds those rows whose hash is not the one that is stored; notes all keys that are to stay.
fn differing<R: TableRow>(
    changed: &mut Vec<R>,
    rows: Vec<R>,
    subject: &Subject,
    kept: &mut HashSet<(String, String)>,
) -> Result<(), StoreError> {
    for row in rows {
        let row = sealed(row)?;
        let key = (R::TABLE.to_owned(), row.key());
        if subject.rows.get(&key) != Some(&row.row_hash()) {
            changed.push(row);
        }
        kept.insert(key);
    }
    Ok(())
}

async fn clients(pool: &PgPool, rules: &Rules, limit: i64) -> Result<usize, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let work = folding::claim_entities(&mut transaction, "client", limit).await?;
    if work.subjects.is_empty() {
        return Ok(0);
    }
    let ids: Vec<(String, String)> =
        work.subjects.iter().map(|subject| (subject.account.clone(), subject.subject.clone())).collect();
    let spans: HashMap<(String, String), _> = folding::message_spans(&mut transaction, &ids)
        .await?
        .into_iter()
        .map(|span| ((span.account_id, span.client_id), span.first.zip(span.last)))
        .collect();
    let mut rows = Vec::with_capacity(work.subjects.len());
    let mut gone = Vec::new();
    for subject in &work.subjects {
        let id = (subject.account.clone(), subject.subject.clone());
        match spans.get(&id) {
            // No card and no message any more: its only one turned out to be another client's.
            None if subject.told.is_empty() => gone.push(id),
            span => {
                let span = span.copied().flatten();
                rows.push(sealed(entities::client(subject, rules.of(&subject.account), span))?);
            }
        }
    }
    folding::delete_clients(&mut transaction, &gone).await?;
    finish(transaction, &work, &rows).await
}

async fn cards<R: TableRow>(
    pool: &PgPool,
    rules: &Rules,
    limit: i64,
    kind: &'static str,
    fold: fn(&Subject, &AccountRules) -> Option<R>,
) -> Result<usize, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let work = folding::claim_entities(&mut transaction, kind, limit).await?;
    if work.subjects.is_empty() {
        return Ok(0);
    }
    let mut rows = Vec::with_capacity(work.subjects.len());
    for subject in &work.subjects {
        if let Some(row) = fold(subject, rules.of(&subject.account)) {
            rows.push(sealed(row)?);
        }
    }
    finish(transaction, &work, &rows).await
}

async fn finish<R: TableRow>(
    mut transaction: store::Transaction,
    work: &Work,
    rows: &[R],
) -> Result<usize, StoreError> {
    tables::upsert(&mut transaction, rows).await?;
    folding::finish(&mut transaction, work, &BTreeSet::new()).await?;
    store::commit(transaction).await?;
    Ok(work.subjects.len())
}
