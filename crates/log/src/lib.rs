//! The append-only log of deliveries: one trait, two backends (Kafka; Postgres where one machine is enough).
//!
//! **Partition**: one of a fixed number of sequences. **Offset**: a place in a partition, growing. **Position**: the
//! *next* offset to read in a partition; it is stored by the reader in the transaction of the facts that
//! it covers, never here, never before. A reader that starts at a stored position misses nothing and sees nothing
//! that the position already covers.
//!
//! Owns: the record format, both backends, partition leases. Home of rdkafka.
//! Must not know: what is in a body, what a projection is.
//!
//! To add a backend: 1. a folder beside `kafka` and `postgres`, 2. `impl Log`, 3. run the conformance suite
//! (`tests/tests/suite/log_conformance.rs`) against it.

pub mod kafka;
pub mod leases;
mod positions;
pub mod postgres;
pub mod record;

use std::time::Duration;

use async_trait::async_trait;
use events::{Delivery, DeliveryId};

pub use kafka::{KafkaLog, KafkaSettings};
pub use leases::{Lease, Leases};
pub use postgres::PostgresLog;

/// A delivery on its way into the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What reached us.
    pub delivery: Delivery,
    /// [`events::delivery::partition_hash`]: the partition is this modulo their number.
    pub partition_hash: u64,
}

/// Where a delivery lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The partition, from 0.
    pub partition: u32,
    /// The offset in it.
    pub offset: i64,
}

/// A record as it is read.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it lies.
    pub place: Place,
    /// Bytes that it takes in memory, roughly: for bounds.
    pub size: usize,
    /// The delivery, or why the record cannot be read (a later version wrote it): a reject `unknown_format`.
    pub delivery: Result<Delivery, Unreadable>,
}

/// A record whose format this build does not know. Its id is kept, so that it can be counted and re-driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The delivery's id, when the key could be read.
    pub id: Option<DeliveryId>,
    /// What is wrong, without content.
    pub detail: String,
}

/// What one call of [`Reader::next`] brought. Positions may move without records: past erased ones and holes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In offset order within each partition.
    pub records: Vec<Record>,
    /// For each partition that moved: the next offset to read after these records. Not always the last offset plus
    /// one: a compacted topic has holes.
    pub next: Vec<Place>,
}

/// The ends of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The partition.
    pub partition: u32,
    /// The first offset that can still be read.
    pub start: i64,
    /// The offset that the next append gets.
    pub end: i64,
}

/// How much one call may bring. At least one record is brought even when it alone is larger than `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Most records.
    pub records: usize,
    /// Most bytes, by [`Record::size`].
    pub bytes: usize,
}

/// What the caller does differently.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Try again later: unreachable, slow, overloaded. An append that ended so may still be in the log.
    #[error("log unavailable: {0}")]
    Unavailable(String),
    /// This delivery can never be appended (larger than the log takes). The others of the batch are not affected:
    /// nothing of the batch was appended.
    #[error("delivery {id} too large for the log: {bytes} bytes")]
    TooLarge {
        /// Which.
        id: DeliveryId,
        /// Its size as a record.
        bytes: usize,
    },
    /// Stop: going on would lose data (a recreated or unfit topic, a start beyond a position). Says what to do.
    #[error("{0}")]
    Unfit(String),
    /// A lease that this worker thought it held is not its own any more.
    #[error("lease of partition {partition} lost to epoch {epoch}")]
    LeaseLost {
        /// The partition.
        partition: u32,
        /// The epoch in force.
        epoch: i64,
    },
}

/// An append-only log of deliveries in partitions.
///
/// Durability: [`Log::append`] returns `Ok` only when every delivery of the batch would survive the loss of the
/// process and (as far as the backend is replicated) of a node.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Which log this is: a topic id, or the id of the Postgres log. Stored with the positions; when it differs, the
    /// positions are of another log.
    fn id(&self) -> &str;

    /// How many partitions; fixed for the life of a log.
    fn partitions(&self) -> u32;

    /// Appends all or says why not; places are in the order of the entries. After an error some may be in the log.
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError>;

    /// Opens a reader at these positions (one for each partition that is to be read).
    ///
    /// # Errors
    /// [`LogError::Unfit`] when a position lies before the first readable offset or beyond the end.
    async fn open(&self, positions: &[Place]) -> Result<Box<dyn Reader>, LogError>;

    /// Start and end of each partition; lag is `end` minus the stored position.
    async fn bounds(&self) -> Result<Vec<Bounds>, LogError>;

    /// The record of a delivery, found by the time in its id.
    async fn find(&self, id: DeliveryId) -> Result<Option<Record>, LogError>;

    /// Whether appends would be answered now; cheap enough for a readiness probe.
    async fn ready(&self) -> Result<(), LogError>;
}

/// A sequential reader of some partitions. Dropping it frees what it holds.
#[async_trait]
pub trait Reader: Send {
    /// The next records, as soon as there is at least one; an empty batch when `wait` has passed without.
    /// Cancel-safe: records that were not returned come again.
    async fn next(&mut self, limit: Limit, wait: Duration) -> Result<Batch, LogError>;

    /// Tells the backend's own tools how far the projection has committed (Kafka: a group offset, never read back).
    async fn committed(&self, positions: &[Place]);
}
