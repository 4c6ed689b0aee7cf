//! Step 1: facts, links and marks, in the transaction that also moves the position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use events::{AccountId, Fact, Observation};
use sqlx::PgConnection;
use xxhash_rust::xxh3::xxh3_64;

use crate::StoreError;
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
    let touched = tellings::write(connection, &tellings).await?;
    let mut new = vec![false; rows.len()];
    let mut wanted = Wanted::default();
    let mut links: BTreeSet<(String, String, String)> = BTreeSet::new();
    for Touched { place, fresh, since } in touched {
        let (Some(&at), Some(filed)) = (unique.get(place), filed.get(place)) else { continue };
        let account = &rows[at].account;
        new[at] = fresh;
        for (kind, subject) in &filed.marks {
            wanted.add(Mark {
                account: account.clone(),
                kind,
                subject: subject.clone(),
                since,
                quiet: false,
            });
        }
        for identity in &filed.links {
            if let Some(conversation) = &filed.conversation {
                links.insert((account.clone(), identity.clone(), conversation.clone()));
            }
        }
    }
    for mark in link(connection, &links).await? {
        wanted.add(mark);
    }
    for mark in siblings(connection, rows, &unique, &filed).await? {
        wanted.add(mark);
    }
    marks::set(connection, &wanted.marks()).await?;
    Ok(new)
}

/// The marks of a batch: one for each subject, since the earliest.
#[derive(Default)]
struct Wanted(BTreeMap<(String, &'static str, String), Option<DateTime<Utc>>>);

impl Wanted {
    fn add(&mut self, mark: Mark) {
        // `None` (from the beginning) is the least.
        let since = mark.since;
        let held = self.0.entry((mark.account, mark.kind, mark.subject)).or_insert(since);
        *held = since.min(*held);
    }

    fn marks(self) -> Vec<Mark> {
        let mark = |((account, kind, subject), since)| Mark { account, kind, subject, since, quiet: false };
        self.0.into_iter().map(mark).collect()
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

/// Stores links; each new one marks its identity, so that facts which wait for it are filed.
async fn link(
    connection: &mut PgConnection,
    links: &BTreeSet<(String, String, String)>,
) -> Result<Vec<Mark>, StoreError> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let new: Vec<(String, String)> = sqlx::query_as(
        "insert into links (account_id, identity, conversation) \
         select * from unnest($1::text[], $2::text[], $3::text[]) \
         on conflict do nothing returning account_id, identity",
    )
    .bind(links.iter().map(|(account, _, _)| account.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|(_, identity, _)| identity.as_str()).collect::<Vec<_>>())
    .bind(links.iter().map(|(_, _, conversation)| conversation.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(new
        .into_iter()
        .map(|(account, subject)| Mark { account, kind: "identity", subject, since: None, quiet: false })
        .collect())
}

/// Messages that other conversations have to do with: a sibling without a channel is stored, which must be filed anew
/// (its identity is marked), or the message is told of two conversations (both are marked).
async fn siblings(
    connection: &mut PgConnection,
    rows: &[FactRow],
    unique: &[usize],
    filed: &[Filed],
) -> Result<Vec<Mark>, StoreError> {
    let messages: Vec<(&FactRow, bool)> = unique
        .iter()
        .zip(filed)
        .filter(|(at, _)| matches!(rows[**at].observation.fact, Fact::Message(_)))
        .map(|(at, filed)| (&rows[*at], filed.firm))
        .collect();
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<(String, String, String)> = sqlx::query_as(include_str!("facts_siblings.sql"))
        .bind(messages.iter().map(|(row, _)| row.account.as_str()).collect::<Vec<_>>())
        .bind(messages.iter().map(|(row, _)| row.observation.key.as_str()).collect::<Vec<_>>())
        .bind(messages.iter().map(|(_, firm)| *firm).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(found
        .into_iter()
        .map(|(account, kind, subject)| {
            let kind = if kind == "identity" { "identity" } else { "conversation" };
            Mark { account, kind, subject, since: None, quiet: false }
        })
        .collect())
}
