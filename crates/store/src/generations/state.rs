//! How far a rebuild is, and what somebody at another terminal wants of it: `ledger.generations`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgExecutor, PgPool};

use super::NEXT;
use crate::StoreError;

/// Declares an enum that is one word in the table.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            fn read(word: &str) -> Result<Self, StoreError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(StoreError::Refused(format!("ledger.generations: {other} is of a later version"))),
                }
            }
        }
    };
}

words! {
    /// What is being done. In this order.
    Phase {
        /// Reading the log, packing what it says.
        Loading = "loading",
        /// Filing what names no channel.
        Settling = "settling",
        /// Writing the rows, part by part.
        Folding = "folding",
        /// Making the indexes.
        Indexing = "indexing",
        /// An ordinary projection goes after the log.
        Following = "following",
    }
}

words! {
    /// What is wanted of the process that rebuilds.
    Wish {
        /// To go on.
        Go = "go",
        /// To wait.
        Pause = "pause",
        /// To end and to drop what it made.
        Cancel = "cancel",
    }
}

/// A rebuild that is under way, or was left.
#[derive(Clone, Debug)]
pub struct State {
    /// What is being done.
    pub phase: Phase,
    /// What is wanted.
    pub wish: Wish,
    /// The log that is read.
    pub log_id: String,
    /// Fingerprint of the configuration and the program that make it: others begin anew.
    pub rules: i64,
    /// Where the part ends that is filled at full speed.
    pub until: BTreeMap<u32, i64>,
    /// The live generation has never projected anything.
    pub is_first: bool,
    /// Parts that are folded one by one.
    pub buckets: u32,
    /// Done in this phase.
    pub done: i64,
    /// To be done in this phase.
    pub total: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

type Row = (String, String, String, i64, Json<BTreeMap<u32, i64>>, bool, i32, i64, i64, DateTime<Utc>);

/// The rebuild that is under way, or was left.
pub async fn get(executor: impl PgExecutor<'_>) -> Result<Option<State>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "select phase, wish, log_id, rules, until, is_first, buckets, done, total, started_at \
         from ledger.generations where generation = $1",
    )
    .bind(NEXT)
    .fetch_optional(executor)
    .await?;
    let Some((phase, wish, log_id, rules, Json(until), is_first, buckets, done, total, started_at)) = row
    else {
        return Ok(None);
    };
    let (phase, wish) = (Phase::read(&phase)?, Wish::read(&wish)?);
    let buckets = buckets.unsigned_abs();
    Ok(Some(State { phase, wish, log_id, rules, until, is_first, buckets, done, total, started_at }))
}

/// Begins one.
pub async fn begin(
    executor: impl PgExecutor<'_>,
    log_id: &str,
    rules: i64,
    until: &BTreeMap<u32, i64>,
    is_first: bool,
    buckets: u32,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.generations (generation, phase, log_id, rules, until, is_first, buckets) \
         values ($1, 'loading', $2, $3, $4, $5, $6)",
    )
    .bind(NEXT)
    .bind(log_id)
    .bind(rules)
    .bind(Json(until))
    .bind(is_first)
    .bind(buckets.cast_signed())
    .execute(executor)
    .await?;
    Ok(())
}

/// Goes from one phase to another.
///
/// # Errors
/// [`StoreError::Refused`] when it is not in the phase any more: somebody who was thought dead comes too late.
pub async fn enter(executor: impl PgExecutor<'_>, from: Phase, to: Phase) -> Result<(), StoreError> {
    let moved = sqlx::query(
        "update ledger.generations set phase = $3, done = 0, total = 0, updated_at = now() where generation = $1 and phase = $2",
    )
    .bind(NEXT)
    .bind(from.word())
    .bind(to.word())
    .execute(executor)
    .await?;
    match moved.rows_affected() {
        0 => Err(taken_over()),
        _ => Ok(()),
    }
}

/// Says that somebody else has gone on with the next generation.
pub(super) fn taken_over() -> StoreError {
    StoreError::Refused("another rebuild has taken over what this one was making; this one ends".to_owned())
}

/// Notes how far the phase is; returns what is wanted. Without a row, [`Wish::Cancel`]: somebody took it away.
pub async fn note(pool: &PgPool, done: i64, total: i64) -> Result<Wish, StoreError> {
    let wish: Option<String> = sqlx::query_scalar(
        "update ledger.generations set done = $2, total = $3, updated_at = now() where generation = $1 returning wish",
    )
    .bind(NEXT)
    .bind(done)
    .bind(total)
    .fetch_optional(pool)
    .await?;
    wish.map_or(Ok(Wish::Cancel), |wish| Wish::read(&wish))
}

/// Says what is wanted; whether there is a rebuild at all.
pub async fn want(pool: &PgPool, wish: Wish) -> Result<bool, StoreError> {
    let done =
        sqlx::query("update ledger.generations set wish = $2, updated_at = now() where generation = $1")
            .bind(NEXT)
            .bind(wish.word())
            .execute(pool)
            .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets it: it was switched to, or given up.
pub async fn forget(executor: impl PgExecutor<'_>) -> Result<(), StoreError> {
    sqlx::query("delete from ledger.generations where generation = $1").bind(NEXT).execute(executor).await?;
    Ok(())
}
