//! Postgres: the pool, the migrations, and all SQL of the tables.
//!
//! Owns: schemas `chat` (what the log says) and `ledger` (what we did), the private cluster. Home of sqlx, beside
//! `log`'s Postgres backend. Functions take an executor or a connection and never open a transaction of their own:
//! callers compose them. Tables of `chat` are named without their schema, so that the same functions fill the next
//! generation (`search_path`); tables of `ledger` are always named with it.
//!
//! Must not know: vendors' field names, Kafka, how rows are computed.
//!
//! To add a table: 1. a migration under `migrations/chat` (never edit one that has landed), 2. a row in [`tables`],
//! 3. a real-database test in `tests/tests/suite`.

pub mod accounting;
pub mod budgets;
pub mod changes;
pub mod cluster;
pub mod completeness;
pub mod copy;
pub mod crm_links;
pub mod crm_runs;
pub mod cursors;
pub mod dashboard;
pub mod effects;
mod error;
pub mod escalations;
pub mod export;
pub mod facts;
pub mod figures;
pub mod folding;
pub mod generations;
pub mod leads;
pub mod level;
mod links;
mod marks;
mod nodelay;
pub mod positions;
pub mod report;
pub mod rules;
pub mod tables;
pub mod trace;

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
pub use sqlx::{PgConnection, PgPool};

/// A transaction; rolled back when dropped.
pub type Transaction = sqlx::Transaction<'static, sqlx::Postgres>;

pub use error::StoreError;

static CHAT: Migrator = sqlx::migrate!("../../migrations/chat");
static LEDGER: Migrator = sqlx::migrate!("../../migrations/ledger");

/// The schema of the live generation.
pub const LIVE: &str = "chat";

/// Opens a pool on `url` whose connections see the generation `schema` (normally [`LIVE`]). Does not connect yet.
///
/// # Errors
/// [`StoreError::Refused`] when `url` cannot be read.
pub fn pool(url: &str, schema: &str, connections: u32) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    // Prepared statements outlive the emptiness of new tables: a plan made then would scan them for ever. And compiling
    // plans costs more than the short statements here take.
    let options = options.application_name("chatledger").options([
        ("search_path", schema),
        ("statement_timeout", "60s"),
        ("client_min_messages", "warning"),
        ("default_transaction_isolation", "read committed"),
        ("jit", "off"),
        ("plan_cache_mode", "force_custom_plan"),
        // Whatever the server's default: cursors, claims and outcomes are durable. What can be made again from the log
        // switches it off for its own transaction (`folding::join_generation`).
        ("synchronous_commit", "on"),
    ]);
    Ok(pool_options(options.get_port())
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options))
}

/// What every pool does with its connections to a server at `port`.
fn pool_options(port: u16) -> PgPoolOptions {
    PgPoolOptions::new().after_connect(move |_, _| {
        nodelay::set(port);
        Box::pin(async { Ok(()) })
    })
}

/// Begins a transaction.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn begin(pool: &PgPool) -> Result<Transaction, StoreError> {
    Ok(pool.begin().await?)
}

/// Begins a transaction that only reads and sees one moment: several reports in it agree with each other.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn snapshot(pool: &PgPool) -> Result<Transaction, StoreError> {
    Ok(pool.begin_with("begin isolation level repeatable read, read only").await?)
}

/// Begins a transaction that sees one moment and may write.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn moment(pool: &PgPool) -> Result<Transaction, StoreError> {
    Ok(pool.begin_with("begin isolation level repeatable read").await?)
}

/// Commits. After an error nothing is known: it may have been committed.
///
/// # Errors
/// [`StoreError::Unavailable`] when the answer was lost.
pub async fn commit(transaction: Transaction) -> Result<(), StoreError> {
    Ok(transaction.commit().await?)
}

/// Brings both schemas up to date. Safe when several processes start at once (sqlx takes a lock).
///
/// # Errors
/// [`StoreError::Unavailable`] when the database is not there; [`StoreError::Refused`] when a migration fails or the
/// database was made by a later version.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    for (schema, migrator) in [("ledger", &LEDGER), (LIVE, &CHAT)] {
        let mut connection = pool.acquire().await?;
        // Two processes that create the schema at once: "if not exists" alone races in Postgres.
        sqlx::query("select pg_advisory_lock($1)")
            .bind(marks::MIGRATION_LOCK)
            .execute(&mut *connection)
            .await?;
        let outcome = migrate_schema(&mut connection, schema, migrator).await;
        sqlx::query("select pg_advisory_unlock($1)")
            .bind(marks::MIGRATION_LOCK)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "select set_config('search_path', $1, false), set_config('statement_timeout', '60s', false)",
        )
        .bind(LIVE)
        .execute(&mut *connection)
        .await?;
        outcome?;
    }
    Ok(())
}

async fn migrate_schema(
    connection: &mut PgConnection,
    schema: &str,
    migrator: &Migrator,
) -> Result<(), StoreError> {
    // A migration may have much to rewrite.
    sqlx::query("set statement_timeout = 0").execute(&mut *connection).await?;
    let create = format!("create schema if not exists {schema}");
    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut *connection).await?;
    sqlx::query("select set_config('search_path', $1, false)").bind(schema).execute(&mut *connection).await?;
    migrator.run(connection).await.map_err(|error| StoreError::Refused(format!("migration: {error}")))
}
