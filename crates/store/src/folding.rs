//! Step 2: claims what is marked, files facts that name no channel, hands committed facts to the fold, and writes
//! the rows that changed.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use events::{DeliveryId, Fact};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row as _};
use uuid::Uuid;

use crate::StoreError;
pub use crate::marks::Share;
use crate::marks::{self, Claim};

mod clients;
mod contests;
mod conversations;
mod one;
mod settling;

pub use clients::{Activity, activities, delete_clients, delete_leads};
pub use contests::contest;
pub use conversations::{
    ClaimedConversations, OpenEnd, SavedState, StateChange, claim_conversations, read_open_ends, read_whole,
    write_states,
};
pub use one::{claim_conversation, conversations_of};
pub use settling::settle_identities;

/// One telling of a fact, as stored: what the fold merges.
#[derive(Clone, Debug)]
pub struct Told {
    /// Kind-wide key of the fact.
    pub key: String,
    /// What was told.
    pub fact: Fact,
    /// When it was observed: first part of the stamp.
    pub observed_at: DateTime<Utc>,
    /// Rank of the road: second part.
    pub rank: i16,
    /// Hash of the bytes: third part.
    pub hash: i64,
    /// Hash of the registers: sets two tellings by the same bytes apart.
    pub content_hash: i64,
    /// The earliest receipt among its copies.
    pub received_at: DateTime<Utc>,
    /// The delivery that told it first.
    pub delivery: DeliveryId,
}

impl Told {
    /// Orders tellings of one fact: the greatest wins each field.
    pub fn stamp(&self) -> (DateTime<Utc>, i16, i64, i64) {
        (self.observed_at, self.rank, self.hash, self.content_hash)
    }
}

/// A claimed subject (a conversation, a client, an entity) with the committed facts of it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The account.
    pub account: String,
    /// The conversation's key, or the entity's id.
    pub subject: String,
    /// All tellings, in no particular order.
    pub told: Vec<Told>,
    /// What facts here name but what belongs to another conversation: requests and dialogs (`request:<id>`,
    /// `dialog:<id>`) that firm facts link to another one with a smaller key, messages (`message:<id>`) that a later
    /// telling put elsewhere.
    pub foreign: BTreeSet<String>,
    /// Hashes of the rows that are there, by table and key.
    pub rows: HashMap<(String, String), i64>,
}

/// What one fold transaction works on. Locks are held until the transaction ends.
#[derive(Debug, Default)]
pub struct Work {
    /// The subjects.
    pub subjects: Vec<Subject>,
    claim: Claim,
}

impl Work {
    /// Whether there may be more than was claimed.
    pub fn is_full(&self) -> bool {
        self.claim.is_full
    }

    /// The subjects that fold only because the rules changed: nobody is told of what changes. Asked after they were read.
    pub async fn quiet(
        &self,
        connection: &mut PgConnection,
        kind: &str,
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        quiet(connection, kind, &self.claim).await
    }
}

async fn quiet(
    connection: &mut PgConnection,
    kind: &str,
    claim: &Claim,
) -> Result<BTreeSet<(String, String)>, StoreError> {
    let heard = marks::heard_since(connection, kind, claim).await?;
    let quiet = claim.subjects.iter().filter(|claimed| claimed.quiet);
    Ok(quiet
        .map(|c| (c.account.clone(), c.subject.clone()))
        .filter(|subject| !heard.contains(subject))
        .collect())
}

/// Joins the current generation: what every transaction does first that writes to it.
///
/// Takes the lock that the switch of a rebuild takes exclusively, and does not wait for the disk at commit: after a
/// crash of the server the last transactions may be undone, but facts, marks and positions all together, and what is
/// undone is read from the log again. (The log itself, cursors and effects do wait.)
pub async fn join_generation(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock_shared($1), set_config('synchronous_commit', 'off', true)")
        .bind(marks::GENERATION_LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

/// The kinds of which something is marked: one look before a transaction for each.
pub async fn marked_kinds(executor: impl sqlx::PgExecutor<'_>) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select kind from unnest($1::text[]) with ordinality as k(kind, n) \
         where exists (select from marks m where m.kind = k.kind) order by n",
    )
    .bind(["identity", "conversation", "client", "operator", "operator_group", "channel", "tag"].as_slice())
    .fetch_all(executor)
    .await?)
}

/// Claims marked entities of one kind of fact (`operator`, `channel`, `client` …) and reads their facts.
pub async fn claim_entities(
    connection: &mut PgConnection,
    kind: &str,
    limit: i64,
    share: Share,
) -> Result<Work, StoreError> {
    join_generation(connection).await?;
    let claim = marks::claim(connection, kind, limit, share).await?;
    let sql = "select s.place, kind, f.fact_key, observed_at, rank, hash, content_hash, received_at, \
                      delivery_id, registers \
               from unnest($1::text[], $2::text[]) with ordinality as s(account_id, fact_key, place) \
               cross join lateral (select * from facts f where f.account_id = s.account_id and f.kind = $3 \
                                   and f.fact_key = s.fact_key offset 0) f";
    if claim.subjects.is_empty() {
        return Ok(Work::default());
    }
    let (accounts, ids) = claim.columns();
    let told: Vec<ToldRow> =
        sqlx::query_as(sql).bind(accounts).bind(ids).bind(kind).fetch_all(&mut *connection).await?;
    let mut subjects = Subjects::of(claim.subjects.iter().map(|c| (c.account.as_str(), c.subject.as_str())));
    subjects.gather(told)?;
    Ok(Work { subjects: subjects.0, claim })
}

/// Requests and dialogs that facts of a conversation name, but that belong to another one.
async fn foreign(
    connection: &mut PgConnection,
    subjects: &[Subject],
) -> Result<Vec<(String, String, String)>, StoreError> {
    let mut named: BTreeSet<(&str, &str, &str, &str)> = BTreeSet::new();
    for subject in subjects {
        for told in &subject.told {
            let events::fact::Filing::Conversation(ids) = told.fact.filing() else { continue };
            let ids = [("request", ids.request_id), ("dialog", ids.dialog_id)];
            named.extend(
                ids.into_iter()
                    .filter_map(|(kind, id)| Some((&*subject.account, &*subject.subject, kind, id?))),
            );
        }
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(include_str!("folding_foreign.sql"))
        .bind(named.iter().map(|named| named.0).collect::<Vec<_>>())
        .bind(named.iter().map(|named| named.1).collect::<Vec<_>>())
        .bind(named.iter().map(|named| named.2).collect::<Vec<_>>())
        .bind(named.iter().map(|named| named.3).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?)
}

/// A fact as it is read, with the place of its subject from 1.
struct ToldRow {
    place: i64,
    kind: String,
    fact_key: String,
    observed_at: DateTime<Utc>,
    rank: i16,
    hash: i64,
    content_hash: i64,
    received_at: DateTime<Utc>,
    delivery_id: Uuid,
    registers: String,
}

impl FromRow<'_, PgRow> for ToldRow {
    /// By the order of columns: many thousand rows are read at once.
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            place: row.try_get(0)?,
            kind: row.try_get(1)?,
            fact_key: row.try_get(2)?,
            observed_at: row.try_get(3)?,
            rank: row.try_get(4)?,
            hash: row.try_get(5)?,
            content_hash: row.try_get(6)?,
            received_at: row.try_get(7)?,
            delivery_id: row.try_get(8)?,
            registers: row.try_get(9)?,
        })
    }
}

/// Subjects by account and id, each once.
struct Subjects(Vec<Subject>);

impl Subjects {
    /// Without facts yet. They come sorted.
    fn of<'a>(ids: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let subject = |(account, subject): (&str, &str)| Subject {
            account: account.to_owned(),
            subject: subject.to_owned(),
            ..Subject::default()
        };
        Self(ids.map(subject).collect())
    }

    fn get(&mut self, account: &str, subject: &str) -> Option<&mut Subject> {
        let at = self.0.binary_search_by(|s| (&*s.account, &*s.subject).cmp(&(account, subject))).ok()?;
        self.0.get_mut(at)
    }

    fn gather(&mut self, told: Vec<ToldRow>) -> Result<(), StoreError> {
        for row in told {
            let place = usize::try_from(row.place - 1).ok();
            let Some(subject) = place.and_then(|place| self.0.get_mut(place)) else { continue };
            let fact = Fact::from_json(&row.kind, &row.registers)
                // Its own words could quote a person's.
                .map_err(|error| {
                    StoreError::Refused(format!(
                        "stored fact of kind {}: column {}",
                        row.kind,
                        error.column()
                    ))
                })?;
            // A kind of a later version: its build folds it.
            let Some(fact) = fact else { continue };
            subject.told.push(Told {
                key: row.fact_key,
                fact,
                observed_at: row.observed_at,
                rank: row.rank,
                hash: row.hash,
                content_hash: row.content_hash,
                received_at: row.received_at,
                delivery: DeliveryId(row.delivery_id),
            });
        }
        Ok(())
    }

    fn set_foreign(&mut self, foreign: impl Iterator<Item = (String, String, String)>) {
        for (account, conversation, identity) in foreign {
            if let Some(subject) = self.get(&account, &conversation) {
                subject.foreign.insert(identity);
            }
        }
    }

    fn set_rows(&mut self, hashes: Vec<RowHash>) {
        for (account, conversation, table, key, hash) in hashes {
            if let Some(subject) = self.get(&account, &conversation) {
                subject.rows.insert((table, key), hash);
            }
        }
    }
}

/// Account, conversation, table, key, hash of the content.
type RowHash = (String, String, String, String, i64);

/// Ends the work on entities: clears the marks that were claimed.
pub async fn finish(connection: &mut PgConnection, work: &Work) -> Result<(), StoreError> {
    marks::clear(connection, &work.claim).await
}

/// Marks the conversations that may own rows which another conversation has just given up.
///
/// While a fact moves from one conversation to another, two folders may write the same row one after the other, and
/// the later may be the one that has lost it. When that one folds again the row goes with it; so the owner, as facts
/// and links say by then, writes it once more.
pub async fn mark_owners(
    connection: &mut PgConnection,
    table: &str,
    gone: &[crate::tables::Gone],
) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("folding_owners.sql"))
        .bind(gone.iter().map(|gone| gone.account.as_str()).collect::<Vec<_>>())
        .bind(gone.iter().map(|gone| gone.conversation.as_str()).collect::<Vec<_>>())
        .bind(gone.iter().map(|gone| gone.key.as_str()).collect::<Vec<_>>())
        .bind(table)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many marks wait, and how many deliveries' worth of work that is at most: what "derived rows trail" means.
pub async fn waiting(executor: impl sqlx::PgExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from marks").fetch_one(executor).await?)
}

/// Whether something waits to be folded again only because the rules changed: whole conversations, however long.
pub async fn folds_again(executor: impl sqlx::PgExecutor<'_>) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select from marks where quiet)").fetch_one(executor).await?)
}

/// The facts of one conversation as a fold of all of it reads them, to look at: nothing is claimed, nothing marked.
pub async fn peek(
    connection: &mut PgConnection,
    account: &str,
    conversation: &str,
) -> Result<Subject, StoreError> {
    let one = [(account.to_owned(), conversation.to_owned())];
    Ok(read_whole(connection, &one).await?.into_iter().next().unwrap_or_default())
}
