//! What every command works on: the database, the log, the clock.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use events::{Clock, DeliveryIds, SystemClock};
use log::kafka::{KafkaLog, KafkaSettings};
use log::postgres::PostgresLog;
use log::{Log, LogError};
use store::PgPool;
use store::cluster::{Cluster, Options};

use crate::configuration::{Backend, Configuration};

/// Connections of the log's own pool: appends never wait for the projection's.
const LOG_CONNECTIONS: u32 = 8;

/// The tables and the clock, for who reads no log; to be closed at the end.
pub(crate) struct Tables {
    /// The tables.
    pub(crate) pool: PgPool,
    /// The machine's clock.
    pub(crate) clock: Arc<dyn Clock>,
    cluster: Option<Cluster>,
    url: String,
}

impl Tables {
    /// Starts or finds the database, and brings its schemas up to date.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) async fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let (cluster, url) = match &configuration.database_url {
            Some(url) => (None, url.reveal().to_owned()),
            None => {
                let cluster = Cluster::start(&configuration.data_dir, Options::default()).await?;
                let url = cluster.url();
                (Some(cluster), url)
            }
        };
        let pool = store::pool(&url, store::LIVE, configuration.connections)?;
        store::migrate(&pool)
            .await
            .context("the database of [database] cannot be used; check its url and that it runs")?;
        Ok(Self { pool, clock: Arc::new(SystemClock), cluster, url })
    }

    /// Closes what is open; the last process to leave a private database stops it.
    ///
    /// # Errors
    /// When the private database cannot be left in order; the next start adopts it.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// Opened from a configuration; to be closed at the end.
pub(crate) struct Installation {
    /// The tables.
    pub(crate) pool: PgPool,
    /// The log.
    pub(crate) log: Arc<dyn Log>,
    /// The machine's clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes delivery ids.
    pub(crate) ids: DeliveryIds,
    log_pool: PgPool,
    cluster: Option<Cluster>,
}

impl Installation {
    /// Starts or finds the database, brings its schemas up to date, opens the log.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) async fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let Tables { pool, clock, cluster, url } = Tables::open(configuration).await?;
        let log_pool = store::pool(&url, store::LIVE, LOG_CONNECTIONS)?;
        let ids = DeliveryIds::random();
        let settings = &configuration.log;
        let log: Arc<dyn Log> = match settings.backend {
            Backend::Postgres => Arc::new(PostgresLog::open(log_pool.clone(), settings.partitions).await?),
            Backend::Kafka => {
                let lag = Duration::from_secs(u64::from(settings.max_compaction_lag_days) * 24 * 3600);
                let kafka = KafkaSettings {
                    replication: settings.replication,
                    max_compaction_lag: lag,
                    ..KafkaSettings::new(
                        settings.brokers.clone(),
                        settings.topic.clone(),
                        settings.partitions,
                    )
                };
                let id_if_new = ids.next(clock.now()).0;
                let connected = KafkaLog::connect(kafka, id_if_new).await;
                Arc::new(connected.map_err(|error| unusable(error, &settings.brokers))?)
            }
        };
        Ok(Self { pool, log, clock, ids, log_pool, cluster })
    }

    /// A name that no other worker of any process has.
    pub(crate) fn owner(&self) -> String {
        self.ids.next(self.clock.now()).to_string()
    }

    /// Closes what is open; the last process to leave a private database stops it.
    ///
    /// # Errors
    /// When the private database cannot be left in order; the next start adopts it.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        drop(self.log);
        self.log_pool.close().await;
        self.pool.close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// Says what to do about a log that cannot be opened: its own text names what does not fit, but not where it is.
fn unusable(error: LogError, brokers: &[String]) -> anyhow::Error {
    let step = match error {
        LogError::Unavailable(_) => {
            format!(
                "the log of [log] cannot be used; check brokers ({}) and that they run",
                brokers.join(", ")
            )
        }
        _ => "the log of [log] cannot be used".to_owned(),
    };
    anyhow::Error::new(error).context(step)
}
