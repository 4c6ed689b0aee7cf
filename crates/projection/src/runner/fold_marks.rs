//! Step 2: claims what is marked, folds it from committed facts, writes the rows that changed.

use std::collections::{BTreeSet, HashMap};

use store::changes::{self, ChangeKind};
use store::folding::{self, Activity, Share, Subject, Work};
use store::tables::{self, ClientRow, LeadRow, TableRow, sealed};
use store::{PgConnection, PgPool, StoreError};

use super::{Round, conversations};
use crate::entities;
use crate::{AccountRules, Rules};

/// What one call of [`fold_marked`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folding {
    /// Identities, conversations, clients and entities.
    pub subjects: usize,
    /// Marks of conversations among those that were claimed.
    pub marks: usize,
    /// Tellings that were read for these conversations.
    pub told: usize,
    /// Of some kind there may be more than one call takes.
    pub is_full: bool,
}

impl Folding {
    /// Of another kind than conversations.
    fn of(subjects: usize, is_full: bool) -> Self {
        Self { subjects, is_full, ..Self::default() }
    }

    fn and(self, other: Self) -> Self {
        Self {
            subjects: self.subjects + other.subjects,
            marks: self.marks + other.marks,
            told: self.told + other.told,
            is_full: self.is_full || other.is_full,
        }
    }
}

/// Settling an identity is light work: so many times the other subjects at once.
const IDENTITIES: i64 = 8;

/// Folds the subjects of the oldest `limit` marks of each kind, each kind in a transaction of its own. Nothing left to do: 0 subjects.
///
/// # Errors
/// As of the store: unavailable or refused. What was not committed stays marked.
pub async fn fold_marked(pool: &PgPool, rules: &Rules, limit: i64) -> Result<Folding, StoreError> {
    fold_round(pool, rules, &Round::new(limit)).await
}

/// The same for as many as a round takes.
pub(crate) async fn fold_round(pool: &PgPool, rules: &Rules, round: &Round) -> Result<Folding, StoreError> {
    fold_share(pool, rules, round, Share::ALL, true).await
}

/// The same for a share of the conversations and clients. The first share has what does not divide as well. Unless
/// `clients_due`, clients wait for a call that finds no conversation: while there is much to do each of them is folded
/// once for many messages.
pub(super) async fn fold_share(
    pool: &PgPool,
    rules: &Rules,
    round: &Round,
    share: Share,
    clients_due: bool,
) -> Result<Folding, StoreError> {
    let limit = round.others();
    let mut folding = Folding::default();
    // One look, in the order of dependence: settling marks conversations, conversations mark clients. What is marked
    // meanwhile is found by the next call.
    let marked = folding::marked_kinds(pool).await?;
    for kind in &marked {
        let of_kind = match kind.as_str() {
            "conversation" => conversations(pool, rules, round.conversations(), share).await?,
            "client" if folding.subjects > 0 && !clients_due => Folding::default(),
            "client" => clients(pool, rules, limit, share).await?,
            // Every loop: who comes second waits for the first, so that no conversation is folded before its facts are filed.
            "identity" => settle(pool, limit).await?,
            _ if share.part > 0 => Folding::default(),
            "operator" => cards(pool, rules, limit, "operator", entities::operator).await?,
            "operator_group" => cards(pool, rules, limit, "operator_group", entities::operator_group).await?,
            "channel" => cards(pool, rules, limit, "channel", entities::channel).await?,
            _ => cards(pool, rules, limit, "tag", entities::tag).await?,
        };
        folding = folding.and(of_kind);
    }
    Ok(folding)
}

/// Files facts that name no channel, and marks the conversations that they belong to.
pub(super) async fn settle(pool: &PgPool, limit: i64) -> Result<Folding, StoreError> {
    let limit = limit * IDENTITIES;
    let mut transaction = store::begin(pool).await?;
    let (settled, is_full) = folding::settle_identities(&mut transaction, limit).await?;
    store::commit(transaction).await?;
    Ok(Folding::of(settled, is_full))
}

async fn conversations(
    pool: &PgPool,
    rules: &Rules,
    limit: i64,
    share: Share,
) -> Result<Folding, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let claimed = folding::claim_conversations(&mut transaction, limit, share).await?;
    if claimed.conversations.is_empty() {
        return Ok(Folding::default());
    }
    check_rules(&mut transaction, rules, claimed.conversations.iter().map(|(account, _)| account)).await?;
    let conversations::Folds { mut changed, states, told } =
        conversations::fold(&mut transaction, &claimed, rules).await?;
    folding::contest(&mut transaction, &changed.fresh_messages).await?;
    changed.write(&mut transaction).await?;
    folding::write_states(&mut transaction, &states).await?;
    if rules.readers().scores {
        changes::note(&mut transaction, ChangeKind::Score, &changed.valuations()).await?;
    }
    fail::fail_point!("projection.rows_written", |_| std::process::abort());
    claimed.finish(&mut transaction, &changed.clients, &changed.told).await?;
    store::commit(transaction).await?;
    fail::fail_point!("projection.rows_committed", |_| std::process::abort());
    let subjects = claimed.conversations.len();
    Ok(Folding { subjects, marks: claimed.marks(), told, is_full: claimed.is_full() })
}

/// Refuses to fold under rules that another process has replaced: each would undo the other's rows. Nobody adopts others
/// before the transaction ends.
pub(super) async fn check_rules<'a>(
    connection: &mut PgConnection,
    rules: &Rules,
    accounts: impl Iterator<Item = &'a String>,
) -> Result<(), StoreError> {
    let accounts: BTreeSet<&str> = accounts.map(String::as_str).collect();
    let ours: Vec<(&str, i64)> =
        accounts.into_iter().map(|account| (account, rules.fingerprint(account))).collect();
    match store::rules::replaced(connection, &ours).await?.first() {
        None => Ok(()),
        Some(account) => Err(StoreError::Refused(format!(
            "account {account}: a process that was started later folds it under another configuration. Give both the same \
             configuration and restart this one"
        ))),
    }
}

async fn clients(pool: &PgPool, rules: &Rules, limit: i64, share: Share) -> Result<Folding, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let work = folding::claim_entities(&mut transaction, "client", limit, share).await?;
    if work.subjects.is_empty() {
        return Ok(Folding::default());
    }
    check_rules(&mut transaction, rules, work.subjects.iter().map(|subject| &subject.account)).await?;
    let ids: Vec<(String, String)> =
        work.subjects.iter().map(|subject| (subject.account.clone(), subject.subject.clone())).collect();
    let mut activities: HashMap<(String, String), Activity> = folding::activities(&mut transaction, &ids)
        .await?
        .into_iter()
        .map(|activity| ((activity.account_id.clone(), activity.client_id.clone()), activity))
        .collect();
    let (mut rows, mut leads) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
    let (mut gone, mut no_leads) = (Vec::new(), Vec::new());
    for (subject, id) in work.subjects.iter().zip(ids) {
        let activity = activities.remove(&id);
        if activity.is_none() && subject.told.is_empty() {
            // No card and no message any more: its only one turned out to be another client's.
            gone.push(id.clone());
            no_leads.push(id);
            continue;
        }
        let activity = activity.unwrap_or_default();
        let account = rules.of(&subject.account);
        let row = sealed(entities::client(subject, account, activity.span()))?;
        match entities::lead(&row, account, activity) {
            Some(lead) => leads.push(sealed(lead)?),
            None => no_leads.push(id),
        }
        rows.push(row);
    }
    folding::delete_clients(&mut transaction, &gone).await?;
    folding::delete_leads(&mut transaction, &no_leads).await?;
    tables::upsert_changed::<ClientRow>(&mut transaction, &rows).await?;
    let changed = tables::upsert_changed::<LeadRow>(&mut transaction, &leads).await?;
    if rules.readers().leads {
        let quiet = work.quiet(&mut transaction, "client").await?;
        let heard: Vec<(String, String)> =
            changed.into_iter().filter(|client| !quiet.contains(client)).collect();
        changes::note(&mut transaction, ChangeKind::Lead, &heard).await?;
    }
    folding::finish(&mut transaction, &work).await?;
    store::commit(transaction).await?;
    Ok(Folding::of(work.subjects.len(), work.is_full()))
}

async fn cards<R: TableRow>(
    pool: &PgPool,
    rules: &Rules,
    limit: i64,
    kind: &'static str,
    fold: fn(&Subject, &AccountRules) -> Option<R>,
) -> Result<Folding, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let work = folding::claim_entities(&mut transaction, kind, limit, Share::ALL).await?;
    if work.subjects.is_empty() {
        return Ok(Folding::default());
    }
    check_rules(&mut transaction, rules, work.subjects.iter().map(|subject| &subject.account)).await?;
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
) -> Result<Folding, StoreError> {
    tables::upsert(&mut transaction, rows).await?;
    folding::finish(&mut transaction, work).await?;
    store::commit(transaction).await?;
    Ok(Folding::of(work.subjects.len(), work.is_full()))
}
