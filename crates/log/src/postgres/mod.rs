//! The log in Postgres, where one machine is enough (design.md 7.3).
//!
//! Offsets come from the partition's head row in the append's own transaction: they are dense, in commit order, and
//! a reader never skips what a slower transaction commits later. Tables: `ledger.log_identity`, `ledger.log_heads`
//! and `ledger.deliveries` (migrations/ledger/0001_log.sql).

mod append;
pub(crate) mod connection;
mod identity;
mod insert;
mod reader;
mod rows;
mod wake;

use std::time::Duration;

use async_trait::async_trait;
use events::DeliveryId;
use sqlx::PgPool;

use crate::positions;
use crate::{Bounds, Entry, Log, LogError, Place, Reader, Record};
use append::Appender;
use connection::failure;
use wake::Wake;

/// How long a readiness probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The log in schema `ledger` of a database.
pub struct PostgresLog {
    pool: PgPool,
    id: String,
    partitions: u32,
    appender: Appender,
    wake: Wake,
}

impl PostgresLog {
    /// Opens the log, and makes it when it is new. Several may do so at once. Must be called in a tokio runtime: the
    /// log has a task for its appends and two for waking readers, which end with it.
    ///
    /// Beside the pool it uses up to three connections of its own.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when the log was made with another number of partitions or the schema is not migrated.
    pub async fn open(pool: PgPool, partitions: u32) -> Result<Self, LogError> {
        let id = identity::ensure(&pool, partitions).await?;
        let wake = Wake::new(&pool);
        let appender = Appender::start(&pool, partitions, wake.handle());
        Ok(Self { pool, id, partitions, appender, wake })
    }
}

#[async_trait]
impl Log for PostgresLog {
    fn id(&self) -> &str {
        &self.id
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        self.appender.append(entries).await
    }

    async fn open(&self, positions: &[Place]) -> Result<Box<dyn Reader>, LogError> {
        positions::check(&self.bounds().await?, positions, "the log in schema ledger")?;
        Ok(Box::new(reader::PostgresReader::new(self.pool.clone(), positions, self.wake.subscribe())))
    }

    async fn bounds(&self) -> Result<Vec<Bounds>, LogError> {
        let heads: Vec<(i32, i64)> =
            sqlx::query_as("select partition, next from ledger.log_heads order by partition")
                .fetch_all(&self.pool)
                .await
                .map_err(|e| failure(&e))?;
        let bounds =
            |(partition, end): (i32, i64)| Bounds { partition: partition.cast_unsigned(), start: 0, end };
        Ok(heads.into_iter().map(bounds).collect())
    }

    async fn find(&self, id: DeliveryId) -> Result<Option<Record>, LogError> {
        reader::find(&self.pool, id).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        self.appender.ready()?;
        let standby = sqlx::query_scalar::<_, bool>("select pg_is_in_recovery()").fetch_one(&self.pool);
        let standby = tokio::time::timeout(PROBE_TIMEOUT, standby)
            .await
            .map_err(|_| LogError::Unavailable("the database did not answer in time".to_owned()))?
            .map_err(|e| failure(&e))?;
        if standby {
            return Err(LogError::Unavailable("the database is a standby and takes no writes".to_owned()));
        }
        Ok(())
    }
}
