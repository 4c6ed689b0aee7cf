//! How far a rebuild is, and what somebody at another terminal wants of it: `ledger.generations`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::{NEXT, load};
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
    /// Names this build: a rebuild that begins anew has another one.
    pub build: Uuid,
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

type Row = (Uuid, String, String, String, i64, Json<BTreeMap<u32, i64>>, bool, i32, i64, i64, DateTime<Utc>);

/// The rebuild that is under way, or was left.
pub async fn get(executor: impl PgExecutor<'_>) -> Result<Option<State>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "select build, phase, wish, log_id, rules, until, is_first, buckets, done, total, started_at \
         from ledger.generations where generation = $1",
    )
    .bind(NEXT)
    .fetch_optional(executor)
    .await?;
    let Some((build, phase, wish, log_id, rules, Json(until), is_first, buckets, done, total, started_at)) =
        row
    else {
        return Ok(None);
    };
    let (phase, wish) = (Phase::read(&phase)?, Wish::read(&wish)?);
    let buckets = buckets.unsigned_abs();
    Ok(Some(State { build, phase, wish, log_id, rules, until, is_first, buckets, done, total, started_at }))
}

/// Begins one; gives what names it.
pub async fn begin(
    executor: impl PgExecutor<'_>,
    log_id: &str,
    rules: i64,
    until: &BTreeMap<u32, i64>,
    is_first: bool,
    buckets: u32,
) -> Result<Uuid, StoreError> {
    Ok(sqlx::query_scalar(
        "with begun as (insert into ledger.generations (generation, phase, log_id, rules, until, is_first, buckets) \
                        values ($1, 'loading', $2, $3, $4, $5, $6) returning build) \
         insert into ledger.builds (build) select build from begun returning build",
    )
    .bind(NEXT)
    .bind(log_id)
    .bind(rules)
    .bind(Json(until))
    .bind(is_first)
    .bind(buckets.cast_signed())
    .fetch_one(executor)
    .await?)
}

/// Goes from one phase of a build to another. The connection sees the next generation.
///
/// # Errors
/// [`StoreError::Refused`] when the build is not in the phase any more: somebody who was thought dead comes too late; and when
/// the server has lost its helper tables in a crash, however well it goes again.
pub async fn enter(
    connection: &mut PgConnection,
    build: Uuid,
    from: Phase,
    to: Phase,
) -> Result<(), StoreError> {
    if from < Phase::Indexing && !load::is_intact(&mut *connection, build).await? {
        return Err(StoreError::Refused(
            "helper tables of the rebuild are gone: the database server has crashed, or another rebuild has begun anew; \
             run `chatledger rebuild` again"
                .to_owned(),
        ));
    }
    let moved = sqlx::query(
        "update ledger.generations set phase = $4, done = 0, total = 0, updated_at = now() \
         where generation = $1 and build = $2 and phase = $3",
    )
    .bind(NEXT)
    .bind(build)
    .bind(from.word())
    .bind(to.word())
    .execute(connection)
    .await?;
    match moved.rows_affected() {
        0 => Err(taken_over()),
        _ => Ok(()),
    }
}

/// Keeps a build what it is until the transaction ends: who wants to begin anew waits.
///
/// # Errors
/// [`StoreError::Refused`] when another one has begun.
pub(super) async fn hold(executor: impl PgExecutor<'_>, build: Uuid) -> Result<(), StoreError> {
    // Progress and wishes are still written.
    let held: Option<i32> =
        sqlx::query_scalar("select 1 from ledger.generations where build = $1 for key share")
            .bind(build)
            .fetch_optional(executor)
            .await?;
    held.map(|_| ()).ok_or_else(taken_over)
}

/// Says that somebody else has gone on with the next generation.
pub fn taken_over() -> StoreError {
    StoreError::Refused("another rebuild has taken over what this one was making; this one ends".to_owned())
}

/// Notes how far the phase of a build is; returns what is wanted of it. `None`: it is there no more.
pub async fn note(pool: &PgPool, build: Uuid, done: i64, total: i64) -> Result<Option<Wish>, StoreError> {
    let wish: Option<String> = sqlx::query_scalar(
        "update ledger.generations set done = $3, total = $4, updated_at = now() \
         where generation = $1 and build = $2 returning wish",
    )
    .bind(NEXT)
    .bind(build)
    .bind(done)
    .bind(total)
    .fetch_optional(pool)
    .await?;
    wish.map(|wish| Wish::read(&wish)).transpose()
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

/// All builds of this database, ever, but for another one than `ours` that is being made: each may have left files somewhere.
pub async fn builds(executor: impl PgExecutor<'_>, ours: Option<Uuid>) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar(
        "select build from ledger.builds b \
         where build = $1 or not exists (select from ledger.generations g where g.build = b.build)",
    )
    .bind(ours)
    .fetch_all(executor)
    .await?)
}
