//! Marks: what has to be folded, and the locks that keep two folders off the same subject.
//!
//! Marks are only inserted and deleted, never updated: whoever stores facts never waits for whoever folds.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::StoreError;

/// Advisory lock around migrations.
pub(crate) const MIGRATION_LOCK: i64 = 0x6368_6174_0000_0001;
/// Taken shared by every transaction that writes to a generation; exclusively by the switch of a rebuild (7.4).
pub(crate) const GENERATION_LOCK: i64 = 0x6368_6174_0000_0002;
/// Shared by transactions that store firm messages, exclusive for those that store messages without a channel.
pub(crate) const UNFIRM_LOCK: i64 = 0x6368_6174_0000_0003;

/// Taken by whoever adopts rules or writes calendars.
pub(crate) const RULES_LOCK: i64 = 0x6368_6174_0000_0004;

/// Taken by whoever settles identities.
pub(crate) const SETTLE_LOCK: i64 = 0x6368_6174_0000_0005;

/// Taken by whoever evaluates scores for escalation.
pub(crate) const ESCALATION_LOCK: i64 = 0x6368_6174_0000_0006;

/// Taken by whoever freezes or restates published figures.
pub(crate) const PUBLISHING_LOCK: i64 = 0x6368_6174_0000_0010;

/// Held by the session that rebuilds.
pub(crate) const REBUILD_LOCK: i64 = 0x6368_6174_0000_0011;

/// What a mark is on. `kind` is `identity`, `conversation`, `client`, or the kind of an entity's fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub(crate) account: String,
    pub(crate) kind: &'static str,
    pub(crate) subject: String,
    /// From when on it has to be folded anew; `None`: from its beginning.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Nothing new was told: what the fold changes is noted for nobody.
    pub(crate) quiet: bool,
}

/// Locks that all subjects of a kind share: as many as a transaction holds at most, whatever it claims. The server's table of
/// locks is small. A multiple of the usual number of shares, so that folders of one process never meet.
const SLOTS: i32 = 256;

/// Which of the marked subjects a folder claims: those whose hash leaves `part` when divided by `of`. Folders of one process
/// share the work by it; locks keep those of several processes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub part: i32,
    /// At least 1.
    pub of: i32,
}

impl Share {
    /// Every subject.
    pub const ALL: Self = Self { part: 0, of: 1 };
}

/// Inserts marks. Callers pass each one once.
pub(crate) async fn set<'a>(
    connection: &mut PgConnection,
    marks: impl IntoIterator<Item = &'a Mark>,
) -> Result<(), StoreError> {
    let (mut accounts, mut kinds, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut since, mut quiet) = (Vec::new(), Vec::new());
    for mark in marks {
        accounts.push(mark.account.as_str());
        kinds.push(mark.kind);
        subjects.push(mark.subject.as_str());
        since.push(mark.since);
        quiet.push(mark.quiet);
    }
    if accounts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into marks (account_id, kind, subject, since, quiet) \
         select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::boolean[])",
    )
    .bind(accounts)
    .bind(kinds)
    .bind(subjects)
    .bind(since)
    .bind(quiet)
    .execute(connection)
    .await?;
    Ok(())
}

/// A claimed subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) account: String,
    pub(crate) subject: String,
    /// The earliest of its marks; `None`: from its beginning.
    pub(crate) since: Option<DateTime<Utc>>,
    /// All of its marks are.
    pub(crate) quiet: bool,
}

/// Subjects that are claimed for this transaction, with the marks that were there before anything was read.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    /// Each once, sorted by account and subject.
    pub(crate) subjects: Vec<Claimed>,
    pub(crate) mark_ids: Vec<i64>,
    /// As many marks as were asked for: there may be more.
    pub(crate) is_full: bool,
}

impl Claim {
    /// A claimed subject.
    pub(crate) fn get(&self, account: &str, subject: &str) -> Option<&Claimed> {
        let place = self.subjects.binary_search_by(|c| (&*c.account, &*c.subject).cmp(&(account, subject)));
        self.subjects.get(place.ok()?)
    }

    /// Accounts and subjects, as arrays for a statement.
    pub(crate) fn columns(&self) -> (Vec<&str>, Vec<&str>) {
        self.subjects.iter().map(|claimed| (claimed.account.as_str(), claimed.subject.as_str())).unzip()
    }
}

/// One mark, as stored. Sorted, the earliest of a subject comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Marked {
    account_id: String,
    subject: String,
    since: Option<DateTime<Utc>>,
    quiet: bool,
    mark_id: i64,
    slot: i32,
}

impl Marked {
    fn of(&self) -> (&String, &String) {
        (&self.account_id, &self.subject)
    }
}

/// So many times the marks that are asked for are looked through for more of the same subjects: each is folded once for all.
const NEAR: i64 = 16;

/// Claims the subjects of the oldest `limit` marks of one kind and share. Subjects that another transaction holds are left to it.
///
/// What is read by a *later statement* of this transaction includes every fact whose mark is claimed.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    kind: &str,
    limit: i64,
    share: Share,
) -> Result<Claim, StoreError> {
    let (mut marked, mut subjects) = marked(connection, kind, limit, share).await?;
    if subjects.is_empty() {
        return Ok(Claim::default());
    }
    let is_full = marked.len() as u64 >= limit.unsigned_abs();
    let slots: BTreeSet<i32> = marked.iter().map(|mark| mark.slot).collect();
    let held: Vec<i32> = sqlx::query_scalar(
        "select slot from unnest($2::integer[]) as s(slot) where pg_try_advisory_xact_lock($1, slot)",
    )
    .bind(lock_of(kind))
    .bind(slots.iter().copied().collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    if held.len() < slots.len() {
        marked.retain(|mark| held.contains(&mark.slot));
        subjects.retain(|c| marked.binary_search_by(|mark| mark.of().cmp(&(&c.account, &c.subject))).is_ok());
    }
    Ok(Claim { subjects, mark_ids: marked.into_iter().map(|mark| mark.mark_id).collect(), is_full })
}

/// The same for a caller that holds a lock of its own on all subjects of the kind.
pub(crate) async fn claim_alone(
    connection: &mut PgConnection,
    kind: &str,
    limit: i64,
) -> Result<Claim, StoreError> {
    let (marked, subjects) = marked(connection, kind, limit, Share::ALL).await?;
    let is_full = marked.len() as u64 >= limit.unsigned_abs();
    Ok(Claim { subjects, mark_ids: marked.into_iter().map(|mark| mark.mark_id).collect(), is_full })
}

/// Account, subject, since, quiet, id, slot.
type MarkRow = (String, String, Option<DateTime<Utc>>, bool, i64, i32);

/// The oldest marks of a kind with the younger ones near by of the same subjects, sorted, and these subjects.
async fn marked(
    connection: &mut PgConnection,
    kind: &str,
    limit: i64,
    share: Share,
) -> Result<(Vec<Marked>, Vec<Claimed>), StoreError> {
    let rows: Vec<MarkRow> = sqlx::query_as(
        "with near as materialized ( \
             select account_id, subject, since, quiet, mark_id, (hashtext(subject) & 2147483647) % $5 as slot from marks \
             where kind = $1 and ($4 = 1 or (hashtext(subject) & 2147483647) % $4 = $3) order by mark_id limit $2 * $6), \
         oldest as (select account_id, subject from near order by mark_id limit $2) \
         select * from near where (account_id, subject) in (select account_id, subject from oldest)",
    )
    .bind(kind)
    .bind(limit)
    .bind(share.part)
    .bind(share.of.max(1))
    .bind(SLOTS)
    .bind(NEAR)
    .fetch_all(connection)
    .await?;
    let mark = |(account_id, subject, since, quiet, mark_id, slot)| Marked {
        account_id,
        subject,
        since,
        quiet,
        mark_id,
        slot,
    };
    let mut marked: Vec<Marked> = rows.into_iter().map(mark).collect();
    // `None` sorts first: from the beginning.
    marked.sort();
    let mut subjects: Vec<Claimed> = Vec::new();
    for mark in &marked {
        match subjects.last_mut().filter(|last| (&last.account, &last.subject) == mark.of()) {
            Some(claimed) => claimed.quiet &= mark.quiet,
            None => subjects.push(Claimed {
                account: mark.account_id.clone(),
                subject: mark.subject.clone(),
                since: mark.since,
                quiet: mark.quiet,
            }),
        }
    }
    Ok((marked, subjects))
}

/// Claims one subject, marked or not; waits for whoever has it.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    kind: &str,
    account: &str,
    subject: &str,
) -> Result<Claim, StoreError> {
    sqlx::query("select pg_advisory_xact_lock($1, (hashtext($2) & 2147483647) % $3)")
        .bind(lock_of(kind))
        .bind(subject)
        .bind(SLOTS)
        .execute(connection)
        .await?;
    let claimed =
        Claimed { account: account.to_owned(), subject: subject.to_owned(), since: None, quiet: false };
    Ok(Claim { subjects: vec![claimed], mark_ids: Vec::new(), is_full: false })
}

/// Of quietly claimed subjects those of which something was told meanwhile: what was read includes it, so what changes is
/// news. To be asked after the facts were read.
pub(crate) async fn heard_since(
    connection: &mut PgConnection,
    kind: &str,
    claim: &Claim,
) -> Result<BTreeSet<(String, String)>, StoreError> {
    let quiet: Vec<&Claimed> = claim.subjects.iter().filter(|claimed| claimed.quiet).collect();
    if quiet.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found: Vec<(String, String)> = sqlx::query_as(
        "select distinct m.account_id, m.subject from marks m \
         join unnest($2::text[], $3::text[]) as q(account_id, subject) using (account_id, subject) \
         where m.kind = $1 and not m.quiet",
    )
    .bind(kind)
    .bind(quiet.iter().map(|claimed| claimed.account.as_str()).collect::<Vec<_>>())
    .bind(quiet.iter().map(|claimed| claimed.subject.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().collect())
}

/// Deletes the marks of a claim; those set since stay.
pub(crate) async fn clear(connection: &mut PgConnection, claim: &Claim) -> Result<(), StoreError> {
    sqlx::query("delete from marks where mark_id = any($1)")
        .bind(&claim.mark_ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// The first half of the locks on a kind's subjects; the second is the subject's slot.
fn lock_of(kind: &str) -> i32 {
    let [a, b, c, d, ..] = xxh3_64_with_seed(kind.as_bytes(), 0x6368_6174).to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}
