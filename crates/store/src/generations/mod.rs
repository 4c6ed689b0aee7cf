//! The next generation of the tables: schema `chat_next`, filled beside the live one and then put in its place
//! (design.md 7.4).
//!
//! Its course: [`create`], [`load`] (what the log says, packed), [`settle`] (links, and what names no channel),
//! [`bucket`] (folded part by part), [`indexes`], then an ordinary projection follows the log; [`diff`] compares,
//! [`switch`] exchanges. [`state`] remembers how far it is, so that each of these may be broken off.
//!
//! Tables of the two generations are told apart by the connection's `search_path`; only what looks at both names their
//! schemas. Helper tables of a rebuild are called `rebuild_…`, live in `chat_next` and are gone before the switch.

pub mod bucket;
pub mod diff;
pub mod indexes;
mod inside;
pub mod load;
mod outside;
pub mod settle;
pub mod spill;
mod staged;
pub mod state;
pub mod switch;

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};

use crate::positions::{Move, advance};
use crate::{CHAT, LIVE, StoreError, marks};

pub use outside::Dependent;
pub use staged::Staged;

/// The schema of the generation that is being made.
pub const NEXT: &str = "chat_next";
/// The schema of the generation before the live one.
pub const OLD: &str = "chat_old";

/// A pool whose connections see the next generation, and whose statements may take long.
pub fn pool_of_next(live: &PgPool, connections: u32) -> PgPool {
    let options = (*live.connect_options()).clone().options([
        ("search_path", NEXT),
        ("statement_timeout", "0"),
        ("synchronous_commit", "off"),
        ("work_mem", "64MB"),
        ("maintenance_work_mem", "128MB"),
        // Some indexes are made at once, each by one process.
        ("max_parallel_maintenance_workers", "0"),
        // Large statements over tables that were just filled: plans are made for what is there.
        ("jit", "off"),
    ]);
    crate::pool_options(options.get_port())
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(options)
}

/// The right to rebuild: one process at a time has it, until it is dropped or its session ends.
#[derive(Debug)]
pub struct Claim(PgConnection);

/// Takes the right to rebuild; `None` while another process has it.
pub async fn claim(pool: &PgPool) -> Result<Option<Claim>, StoreError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    // It says nothing for as long as the rebuild takes. (Servers before 14 know no such limit.)
    sqlx::query("select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout'")
        .execute(&mut connection)
        .await?;
    let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(marks::REBUILD_LOCK)
        .fetch_one(&mut connection)
        .await?;
    Ok(taken.then_some(Claim(connection)))
}

impl Claim {
    /// Gives it back at once.
    pub async fn release(self) -> Result<(), StoreError> {
        Ok(self.0.close().await?)
    }
}

/// Whether a schema is there.
pub async fn exists(pool: &PgPool, schema: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select from pg_namespace where nspname = $1)")
        .bind(schema)
        .fetch_one(pool)
        .await?)
}

/// Makes the tables of the next generation, or brings those of an earlier attempt up to date.
///
/// # Errors
/// As [`crate::migrate`].
pub async fn create(next: &PgPool) -> Result<(), StoreError> {
    let mut connection = next.acquire().await?;
    sqlx::query("select pg_advisory_lock($1)").bind(marks::MIGRATION_LOCK).execute(&mut *connection).await?;
    let outcome = crate::migrate_schema(&mut connection, NEXT, &CHAT).await;
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(marks::MIGRATION_LOCK)
        .execute(&mut *connection)
        .await?;
    outcome
}

/// Whether the tables of the next generation are as this program makes them: what an earlier one has begun, it made otherwise.
pub async fn is_current(next: &PgPool) -> Result<bool, StoreError> {
    let newest = CHAT.iter().map(|migration| migration.version).max();
    let made =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(next).await;
    match made {
        // Undefined table.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
        made => Ok(made.map(|made: Option<i64>| made == newest)?),
    }
}

/// Drops a generation that is not live. What others made on it is never dropped: it is named instead.
///
/// # Errors
/// [`StoreError::Refused`] for the live one, or when something outside depends on it.
pub async fn drop_schema(pool: &PgPool, schema: &'static str) -> Result<(), StoreError> {
    if schema == LIVE {
        return Err(StoreError::Refused("the live generation is not dropped".to_owned()));
    }
    let mut transaction = crate::begin(pool).await?;
    drop_in(&mut transaction, schema).await?;
    crate::commit(transaction).await
}

/// Drops the generation before the live one, because the next one is about to be put in the place of the live one.
///
/// # Errors
/// As of [`drop_schema`]; [`StoreError::Refused`] when there is no next one that follows the log: somebody else has switched to
/// it, and the generation before is what they put aside.
pub async fn make_room(live: &PgPool) -> Result<(), StoreError> {
    let mut transaction = crate::begin(live).await?;
    let phase: Option<String> =
        sqlx::query_scalar("select phase from ledger.generations where generation = $1 for update")
            .bind(NEXT)
            .fetch_optional(&mut *transaction)
            .await?;
    if phase.as_deref() != Some(state::Phase::Following.word()) {
        return Err(state::taken_over());
    }
    drop_in(&mut transaction, OLD).await?;
    crate::commit(transaction).await
}

async fn drop_in(connection: &mut PgConnection, schema: &'static str) -> Result<(), StoreError> {
    let mut dependents = outside::dependents(connection, schema).await?;
    dependents.retain(Dependent::is_outside);
    if !dependents.is_empty() {
        let names: Vec<String> = dependents.iter().map(ToString::to_string).collect();
        return Err(StoreError::Refused(format!(
            "schema {schema} is still used by {}; make them anew on schema chat or drop them, then run \
             `chatledger rebuild --drop-old`",
            names.join(", ")
        )));
    }
    if schema == OLD {
        inside::check(connection, OLD).await?;
    }
    let statement = format!("drop schema if exists {schema} cascade");
    sqlx::query("set local statement_timeout = 0").execute(&mut *connection).await?;
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await?;
    Ok(())
}

/// Refuses while the generation before holds what is not ours: it would be dropped with it.
///
/// # Errors
/// [`StoreError::Refused`] names it and says what to do.
pub async fn check_inside_old(pool: &PgPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    inside::check(&mut connection, OLD).await
}

/// What others made inside of the live generation: it goes to the generation before with the switch. Known when the tables
/// of the next one are made.
pub async fn moves(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    let mut connection = pool.acquire().await?;
    let foreign = inside::foreign(&mut connection, LIVE, NEXT).await?;
    Ok(foreign.iter().map(ToString::to_string).collect())
}

/// Takes the loading of the next generation over: whoever loaded before and was thought dead moves no position any more.
/// Gives the epoch to load under; those of leases are greater.
pub async fn take_loading(next: &PgPool) -> Result<i64, StoreError> {
    // Microseconds since 1970, so that an attempt before this one never had the same.
    Ok(sqlx::query_scalar(
        "with mine as materialized ( \
             select (extract(epoch from clock_timestamp()) * 1000000)::bigint - 4611686018427387904 as epoch), \
              taken as (update positions set epoch = mine.epoch from mine) \
         select epoch from mine",
    )
    .fetch_one(next)
    .await?)
}

/// Moves positions of the loading, in the transaction of what was loaded: (partition, from, to).
///
/// # Errors
/// [`StoreError::Refused`] when another one has [taken the loading over](take_loading).
pub async fn advance_loading(
    connection: &mut PgConnection,
    epoch: i64,
    moves: &[(u32, i64, i64)],
) -> Result<(), StoreError> {
    let one = |&(partition, from, to): &(u32, i64, i64)| Move { partition, from, to, epoch };
    advance(connection, &moves.iter().map(one).collect::<Vec<_>>()).await.map_err(|error| match error {
        StoreError::Fenced { .. } => state::taken_over(),
        other => other,
    })
}

/// Whether texts are compared byte by byte: then order in Rust is order in SQL.
pub async fn is_bytewise(pool: &PgPool) -> Result<bool, StoreError> {
    let collation: String =
        sqlx::query_scalar("select datcollate::text from pg_database where datname = current_database()")
            .fetch_one(pool)
            .await?;
    Ok(["C", "POSIX", "C.UTF-8", "C.utf8"].contains(&&*collation))
}

/// Whether a projection works on the live generation now.
pub async fn is_followed(pool: &PgPool) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select from ledger.lease_owners where scope = $1 and expires_at > now())",
    )
    .bind(LIVE)
    .fetch_one(pool)
    .await?)
}

/// Frees the partitions of the next generation: whoever had them before this claim was killed. Epochs still grow.
pub async fn free_leases(pool: &PgPool, _: &Claim) -> Result<(), StoreError> {
    sqlx::query(
        "with gone as (delete from ledger.lease_owners where scope = $1) \
         update ledger.leases set owner = null, expires_at = now() where scope = $1",
    )
    .bind(NEXT)
    .execute(pool)
    .await?;
    Ok(())
}

/// What others made on a generation.
pub async fn dependents(pool: &PgPool, schema: &'static str) -> Result<Vec<Dependent>, StoreError> {
    let mut connection = pool.acquire().await?;
    outside::dependents(&mut connection, schema).await
}
