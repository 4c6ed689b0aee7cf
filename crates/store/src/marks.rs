//! Marks: what has to be folded, and the locks that keep two folders off the same subject.
//!
//! Marks are only inserted and deleted, never updated: whoever stores facts never waits for whoever folds.

use sqlx::{PgConnection, Row as _};
use xxhash_rust::xxh3::Xxh3;

use crate::StoreError;

/// Advisory lock around migrations.
pub(crate) const MIGRATION_LOCK: i64 = 0x6368_6174_0000_0001;
/// Taken shared by every transaction that writes to a generation; exclusively by the switch of a rebuild (7.4).
pub(crate) const GENERATION_LOCK: i64 = 0x6368_6174_0000_0002;
/// Shared by transactions that store firm messages, exclusive for those that store messages without a channel.
pub(crate) const UNFIRM_LOCK: i64 = 0x6368_6174_0000_0003;

/// Taken by whoever writes calendars.
pub(crate) const CALENDAR_LOCK: i64 = 0x6368_6174_0000_0004;

/// Taken by whoever settles identities.
pub(crate) const SETTLE_LOCK: i64 = 0x6368_6174_0000_0005;

/// Taken by whoever evaluates scores for escalation.
pub(crate) const ESCALATION_LOCK: i64 = 0x6368_6174_0000_0006;

/// Held by the session that rebuilds.
pub(crate) const REBUILD_LOCK: i64 = 0x6368_6174_0000_0010;

/// What a mark is on. `kind` is `identity`, `conversation`, `client`, or the kind of an entity's fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub(crate) account: String,
    pub(crate) kind: &'static str,
    pub(crate) subject: String,
}

/// Inserts marks. Callers pass each one once.
pub(crate) async fn set<'a>(
    connection: &mut PgConnection,
    marks: impl IntoIterator<Item = &'a Mark>,
) -> Result<(), StoreError> {
    let (mut accounts, mut kinds, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
    for mark in marks {
        accounts.push(mark.account.as_str());
        kinds.push(mark.kind);
        subjects.push(mark.subject.as_str());
    }
    if accounts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into marks (account_id, kind, subject) select * from unnest($1::text[], $2::text[], $3::text[])",
    )
    .bind(accounts)
    .bind(kinds)
    .bind(subjects)
    .execute(connection)
    .await?;
    Ok(())
}

/// Subjects that are claimed for this transaction, with the marks that were there before anything was read.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    /// Account and subject, each once, sorted.
    pub(crate) subjects: Vec<(String, String)>,
    mark_ids: Vec<i64>,
}

/// Claims up to `limit` marked subjects of one kind. Subjects that another transaction holds are left to it.
///
/// What is read by a *later statement* of this transaction includes every fact whose mark is claimed.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    kind: &str,
    limit: i64,
) -> Result<Claim, StoreError> {
    let rows = sqlx::query(
        "select mark_id, account_id, subject from marks where kind = $1 order by mark_id limit $2",
    )
    .bind(kind)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut marked: Vec<(String, String, i64)> = Vec::with_capacity(rows.len());
    for row in &rows {
        marked.push((row.try_get("account_id")?, row.try_get("subject")?, row.try_get("mark_id")?));
    }
    if marked.is_empty() {
        return Ok(Claim::default());
    }
    marked.sort();
    let mut subjects: Vec<(String, String)> = marked.iter().map(|(a, s, _)| (a.clone(), s.clone())).collect();
    subjects.dedup();
    let locks: Vec<i64> = subjects.iter().map(|(account, subject)| lock_of(account, kind, subject)).collect();
    let free: Vec<bool> =
        sqlx::query_scalar("select pg_try_advisory_xact_lock(key) from unnest($1::bigint[]) with ordinality as k(key, n) order by n")
            .bind(locks)
            .fetch_all(&mut *connection)
            .await?;
    let mut keep = free.into_iter();
    subjects.retain(|_| keep.next().unwrap_or(false));
    let held = |account: &String, subject: &String| {
        subjects.binary_search_by(|(a, s)| (a, s).cmp(&(account, subject))).is_ok()
    };
    let mark_ids = marked.iter().filter(|(a, s, _)| held(a, s)).map(|(_, _, id)| *id).collect();
    Ok(Claim { subjects, mark_ids })
}

/// Claims one subject, marked or not; waits for whoever has it.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    kind: &str,
    account: &str,
    subject: &str,
) -> Result<Claim, StoreError> {
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(lock_of(account, kind, subject))
        .execute(connection)
        .await?;
    Ok(Claim { subjects: vec![(account.to_owned(), subject.to_owned())], mark_ids: Vec::new() })
}

/// Deletes the marks of a claim; those set since stay.
pub(crate) async fn clear(connection: &mut PgConnection, claim: &Claim) -> Result<(), StoreError> {
    sqlx::query("delete from marks where mark_id = any($1)")
        .bind(&claim.mark_ids)
        .execute(connection)
        .await?;
    Ok(())
}

fn lock_of(account: &str, kind: &str, subject: &str) -> i64 {
    let mut hash = Xxh3::with_seed(0x6368_6174);
    for part in [account, kind, subject] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.digest().cast_signed()
}
