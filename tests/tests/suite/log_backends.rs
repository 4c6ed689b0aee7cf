//! How the log's tests get a fresh log of either backend.

use std::sync::Arc;

use events::{Clock, DeliveryId, DeliveryIds, SystemClock};
use log::{KafkaLog, KafkaSettings, Log, LogError, PostgresLog};
use sqlx::PgPool;

use crate::log_conformance::PARTITIONS;

/// One log; every call of `open` is another process that uses it.
pub(crate) trait Backend {
    fn dense(&self) -> bool;

    async fn open(&self) -> Arc<dyn Log>;
}

/// A database of its own.
pub(crate) struct Postgres {
    pub(crate) database: chatledger_tests::TestDatabase,
}

impl Postgres {
    pub(crate) async fn new() -> Self {
        Self { database: chatledger_tests::database().await }
    }

    pub(crate) fn pool(&self) -> PgPool {
        self.database.pool()
    }
}

impl Backend for Postgres {
    fn dense(&self) -> bool {
        true
    }

    async fn open(&self) -> Arc<dyn Log> {
        Arc::new(PostgresLog::open(self.pool(), PARTITIONS).await.unwrap())
    }
}

/// A topic of its own on the broker that all tests share.
pub(crate) struct Kafka {
    pub(crate) settings: KafkaSettings,
}

impl Kafka {
    pub(crate) async fn new() -> Self {
        Self::at(&chatledger_tests::kafka().await)
    }

    pub(crate) fn at(brokers: &str) -> Self {
        let brokers = brokers.split(',').map(str::to_owned).collect();
        let settings = KafkaSettings::new(brokers, format!("log-{}", fresh_id()), PARTITIONS);
        Self { settings: KafkaSettings { replication: 1, ..settings } }
    }

    pub(crate) async fn connect(&self) -> Result<KafkaLog, LogError> {
        KafkaLog::connect(self.settings.clone(), fresh_id().0).await
    }
}

impl Backend for Kafka {
    fn dense(&self) -> bool {
        false
    }

    async fn open(&self) -> Arc<dyn Log> {
        Arc::new(self.connect().await.unwrap())
    }
}

/// For names that must not be there already.
pub(crate) fn fresh_id() -> DeliveryId {
    DeliveryIds::random().next(SystemClock.now())
}
