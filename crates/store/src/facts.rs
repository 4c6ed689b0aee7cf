//! Step 1: facts, links and marks, in the transaction that also moves the position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use events::{AccountId, Fact, Observation};
use sqlx::PgConnection;
use xxhash_rust::xxh3::xxh3_64;

use crate::StoreError;
use crate::links::identity;
use crate::marks::{self, Mark};

mod filing;
mod tellings;

use filing::file_where_linked;
pub(crate) use filing::{Filed, file};
pub(crate) use tellings::COPY;
use tellings::{Telling, Touched};

/// An observation ready to be stored: its content hashed, its filing decided.
#[derive(Clone, Debug)]
pub struct FactRow {
    pub(crate) account: String,
    pub(crate) observation: Observation,
    pub(crate) registers: String,
    pub(crate) content_hash: i64,
}

impl FactRow {
    /// Prepares an observation.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a register cannot be written as JSON (no decoder makes such a value).
    pub fn new(account: &AccountId, observation: Observation) -> Result<Self, StoreError> {
        let registers = observation
            .fact
            .to_json()
            .map_err(|error| StoreError::Refused(format!("fact {}: {error}", observation.fact.kind())))?;
        let content_hash = xxh3_64(registers.as_bytes()).cast_signed();
        Ok(Self { account: account.as_str().to_owned(), observation, registers, content_hash })
    }

    pub(crate) fn happened_at(&self) -> Option<DateTime<Utc>> {
        self.observation.fact.happened_at(self.observation.received_at)
    }

    fn identity(&self) -> (&str, &'static str, &str, i64) {
        (&self.account, self.observation.fact.kind(), &self.observation.key, self.content_hash)
    }
}

/// Stores observations: new ones as rows, known ones by raising their stamp. Links requests and dialogs to
/// conversations, marks what must be folded. Order, repetition and split of the input cannot matter.
///
/// Returns for each observation whether it told something that was not known.
pub async fn insert(connection: &mut PgConnection, rows: &[FactRow]) -> Result<Vec<bool>, StoreError> {
    crate::folding::join_generation(connection).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (unique, earliest) = strongest(rows);
    let mut filed: Vec<Filed> =
        unique.iter().map(|&at| file(&rows[at].observation.fact, &rows[at].observation.key)).collect();
    file_where_linked(connection, rows, &unique, &mut filed).await?;
    lock_for_messages(connection, rows, &unique, &filed).await?;

    let tellings: Vec<Telling<'_>> = (0..unique.len())
        .filter_map(|at| {
            Some(Telling { row: &rows[unique[at]], earliest: &rows[earliest[at]], filed: filed.get(at)? })
        })
        .collect();
    let mut stored = tellings::stored(connection, &tellings).await?;
    let mut news = News { new: vec![false; rows.len()], ..News::default() };
    let touched = tellings::write_new(connection, &tellings, &mut stored).await?;
    news.add(rows, &unique, &filed, touched);
    news.link(connection).await?;
    for (telling, stored) in tellings.iter().zip(&stored) {
        // A telling without a channel is filed with its sibling that names one: that has come now.
        if stored.has_unfirm_sibling && telling.filed.firm {
            let identity = identity("message", &telling.row.observation.key);
            news.mark(&telling.row.account, "identity", identity, None);
        }
    }
    for (account, conversation) in contested(connection, &tellings).await? {
        news.mark(&account, "conversation", conversation, None);
    }
    let touched = tellings::raise_known(connection, &tellings, &stored).await?;
    news.add(rows, &unique, &filed, touched);
    news.link(connection).await?;
    marks::set(connection, &news.marks()).await?;
    Ok(news.new)
}

/// What a batch brought.
#[derive(Default)]
struct News {
    /// For each observation whether it told something.
    new: Vec<bool>,
    /// One for each subject: from the earliest time on; `None` (from the beginning) is the least.
    marked: BTreeMap<(String, &'static str, String), Option<DateTime<Utc>>>,
    /// Account, identity, conversation: those that are not stored yet.
    links: BTreeSet<(String, String, String)>,
}

impl News {
    /// Takes the rows that were written.
    fn add(&mut self, rows: &[FactRow], unique: &[usize], filed: &[Filed], touched: Vec<Touched>) {
        for Touched { place, fresh, since } in touched {
            let (Some(&at), Some(filed)) = (unique.get(place), filed.get(place)) else { continue };
            let account = &rows[at].account;
            self.new[at] = fresh;
            for (kind, subject) in &filed.marks {
                self.mark(account, kind, subject.clone(), since);
            }
            for identity in &filed.links {
                if let Some(conversation) = &filed.conversation {
                    self.links.insert((account.clone(), identity.clone(), conversation.clone()));
                }
            }
        }
    }

    fn mark(&mut self, account: &str, kind: &'static str, subject: String, since: Option<DateTime<Utc>>) {
        let held = self.marked.entry((account.to_owned(), kind, subject)).or_insert(since);
        *held = since.min(*held);
    }

    /// Stores the links; each new one marks its identity, so that facts which wait for it are filed.
    async fn link(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        for (account, identity) in link(connection, &std::mem::take(&mut self.links)).await? {
            self.mark(&account, "identity", identity, None);
        }
        Ok(())
    }

    fn marks(&mut self) -> Vec<Mark> {
        let mark = |((account, kind, subject), since)| Mark { account, kind, subject, since, quiet: false };
        std::mem::take(&mut self.marked).into_iter().map(mark).collect()
    }
}

/// Of the same telling twice in one batch one row is sent, because Postgres cannot touch a row twice in one statement: the
/// place of its strongest stamp, and that of its earliest receipt, which may be another copy's. Sorted by key, so that
/// two writers lock rows in the same order.
fn strongest(rows: &[FactRow]) -> (Vec<usize>, Vec<usize>) {
    let receipt = |at: usize| (rows[at].observation.received_at, rows[at].observation.delivery);
    let mut best: HashMap<_, (usize, usize)> = HashMap::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let (strongest, earliest) = best.entry(row.identity()).or_insert((at, at));
        if row.observation.stamp > rows[*strongest].observation.stamp {
            *strongest = at;
        }
        if receipt(at) < receipt(*earliest) {
            *earliest = at;
        }
    }
    let mut unique: Vec<(usize, usize)> = best.into_values().collect();
    unique.sort_by(|a, b| rows[a.0].identity().cmp(&rows[b.0].identity()));
    unique.into_iter().unzip()
}

/// A message without a channel is filed with its sibling that names one. Both at once in two transactions would miss
/// each other, so the rare kind keeps the common kind out.
async fn lock_for_messages(
    connection: &mut PgConnection,
    rows: &[FactRow],
    unique: &[usize],
    filed: &[Filed],
) -> Result<(), StoreError> {
    let messages =
        || unique.iter().zip(filed).filter(|(at, _)| matches!(rows[**at].observation.fact, Fact::Message(_)));
    let statement = if messages().any(|(_, filed)| !filed.firm) {
        "select pg_advisory_xact_lock($1)"
    } else if messages().next().is_some() {
        "select pg_advisory_xact_lock_shared($1)"
    } else {
        return Ok(());
    };
    sqlx::query(statement).bind(marks::UNFIRM_LOCK).execute(connection).await?;
    Ok(())
}

/// Stores links; returns account and identity of the new ones.
async fn link(
    connection: &mut PgConnection,
    links: &BTreeSet<(String, String, String)>,
) -> Result<Vec<(String, String)>, StoreError> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(
        "insert into links (account_id, identity, conversation) \
         select * from unnest($1::text[], $2::text[], $3::text[]) \
         on conflict do nothing returning account_id, identity",
    )
    .bind(links.iter().map(|(account, _, _)| account.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|(_, identity, _)| identity.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|(_, _, conversation)| conversation.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?)
}

/// A message told of several conversations is merged of all its tellings, wherever it stands now: all of these (account,
/// conversation) have to fold again. Few accounts have any.
async fn contested(
    connection: &mut PgConnection,
    tellings: &[Telling<'_>],
) -> Result<Vec<(String, String)>, StoreError> {
    let messages: Vec<&FactRow> = tellings
        .iter()
        .map(|telling| telling.row)
        .filter(|row| matches!(row.observation.fact, Fact::Message(_)))
        .collect();
    let accounts: BTreeSet<&str> = messages.iter().map(|row| row.account.as_str()).collect();
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let having: BTreeSet<String> = sqlx::query_scalar(
        "select a from unnest($1::text[]) as a \
         where exists (select from links l where l.account_id = a and l.identity like 'message:%' offset 0)",
    )
    .bind(accounts.into_iter().collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?
    .into_iter()
    .collect();
    let (accounts, identities): (Vec<&str>, Vec<String>) = messages
        .into_iter()
        .filter(|row| having.contains(&row.account))
        .map(|row| (row.account.as_str(), identity("message", &row.observation.key)))
        .unzip();
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(
        "select l.account_id, l.conversation from unnest($1::text[], $2::text[]) as m(account_id, identity) \
         cross join lateral (select * from links l \
                             where l.account_id = m.account_id and l.identity = m.identity offset 0) l",
    )
    .bind(accounts)
    .bind(identities)
    .fetch_all(connection)
    .await?)
}
