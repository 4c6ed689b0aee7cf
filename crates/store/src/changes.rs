//! `changes`: what a fold changed and somebody waits for: scores for escalation, leads for CRM sync.
//!
//! Rows are only inserted (by the fold, in the transaction of the rows) and deleted (by the reader, exactly those that
//! it has read, in the transaction of what it made of them). So a crash on either side loses nothing, and nothing that
//! changes meanwhile is missed.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{StoreError, marks};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A row of `tag_scores`; the subject is its `valuation_request_key`.
    Score,
    /// A row of `leads`; the subject is its `client_id`.
    Lead,
}

impl ChangeKind {
    /// The word in the column `kind`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Lead => "lead",
        }
    }
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The account.
    pub account: String,
    /// Which one: see [`ChangeKind`].
    pub subject: String,
    /// When it was projected first among the changes that are read.
    pub changed_at: DateTime<Utc>,
}

/// Changes that were read, each subject once, and what to [`clear`] when they are dealt with.
#[derive(Debug, Default)]
pub struct Changes {
    /// By account and subject.
    pub subjects: Vec<Change>,
    ids: Vec<i64>,
}

/// Notes changes. Call it in the transaction that writes the rows.
pub async fn note(
    connection: &mut PgConnection,
    kind: ChangeKind,
    subjects: &[(String, String)],
) -> Result<(), StoreError> {
    if subjects.is_empty() {
        return Ok(());
    }
    let (accounts, ids): (Vec<&str>, Vec<&str>) =
        subjects.iter().map(|(a, s)| (a.as_str(), s.as_str())).unzip();
    sqlx::query(
        "insert into changes (kind, account_id, subject) select $1, * from unnest($2::text[], $3::text[])",
    )
    .bind(kind.word())
    .bind(accounts)
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes everything that is there: of a generation that was filled before anything was ever projected.
pub async fn note_all(connection: &mut PgConnection, kind: ChangeKind) -> Result<(), StoreError> {
    let statement = match kind {
        ChangeKind::Score => {
            "insert into changes (kind, account_id, subject) \
             select distinct $1, account_id, valuation_request_key from tag_scores"
        }
        ChangeKind::Lead => {
            "insert into changes (kind, account_id, subject) select $1, account_id, client_id from leads"
        }
    };
    sqlx::query(statement).bind(kind.word()).execute(connection).await?;
    Ok(())
}

/// Reads up to `limit` changes, oldest first, and keeps other readers off them until the transaction ends.
///
/// What is read by a *later statement* of this transaction includes every row whose change is read here.
pub async fn read(
    connection: &mut PgConnection,
    kind: ChangeKind,
    limit: i64,
) -> Result<Changes, StoreError> {
    // It deletes from a generation: the switch of a rebuild must not come between.
    sqlx::query("select pg_advisory_xact_lock_shared($1)")
        .bind(marks::GENERATION_LOCK)
        .execute(&mut *connection)
        .await?;
    let rows: Vec<(i64, String, String, DateTime<Utc>)> = sqlx::query_as(
        "select change_id, account_id, subject, changed_at from changes where kind = $1 \
         order by change_id limit $2 for update skip locked",
    )
    .bind(kind.word())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let mut changes = Changes { subjects: Vec::new(), ids: rows.iter().map(|row| row.0).collect() };
    changes.subjects = rows
        .into_iter()
        .map(|(_, account, subject, changed_at)| Change { account, subject, changed_at })
        .collect();
    changes.subjects.sort();
    changes.subjects.dedup_by(|next, kept| (&next.account, &next.subject) == (&kept.account, &kept.subject));
    Ok(changes)
}

/// Deletes the changes that were read; those noted since stay.
pub async fn clear(connection: &mut PgConnection, changes: &Changes) -> Result<(), StoreError> {
    sqlx::query("delete from changes where change_id = any($1)")
        .bind(&changes.ids)
        .execute(connection)
        .await?;
    Ok(())
}
