//! The log in Kafka, where one machine is not enough (design.md 7.3).
//!
//! One compacted topic; keys never repeat, so that nothing is ever dropped but by a tombstone. Readers are assigned
//! their partitions at positions of our own; who reads which is leased in Postgres ([`crate::Leases`]).

mod bounds;
mod client;
mod find;
mod marker;
mod producer;
mod reader;
mod settings;
mod topic;

use std::time::Duration;

use async_trait::async_trait;
use events::DeliveryId;
use rdkafka::producer::Producer;
use uuid::Uuid;

use crate::positions;
use crate::{Bounds, Entry, Log, LogError, Place, Reader, Record};
use client::{blocking, unavailable};
use producer::Appender;
pub use settings::KafkaSettings;

/// How long a readiness probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The log in a Kafka topic.
pub struct KafkaLog {
    settings: KafkaSettings,
    id: String,
    appender: Appender,
}

impl KafkaLog {
    /// Connects; creates the topic when it is missing and marks it as the log `id_if_new`.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when the topic would lose data or is not ours (one line with what to do),
    /// [`LogError::Unavailable`] when no broker answers.
    pub async fn connect(settings: KafkaSettings, id_if_new: Uuid) -> Result<Self, LogError> {
        if settings.brokers.is_empty() || settings.partitions == 0 {
            return Err(LogError::Unfit("[log] needs brokers and at least one partition".to_owned()));
        }
        topic::prepare(&settings).await?;
        let appender = Appender::new(settings.clone())?;
        let id = marker::id(&settings, &appender.producer(), id_if_new).await?;
        Ok(Self { settings, id, appender })
    }

    /// Whether the topic is still the one that was connected to: a topic that was deleted and made again while the
    /// process ran is another log.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when it is another one, [`LogError::Unavailable`] when no broker answers.
    pub async fn verify(&self) -> Result<(), LogError> {
        marker::verify(&self.settings, &self.id).await
    }
}

#[async_trait]
impl Log for KafkaLog {
    fn id(&self) -> &str {
        &self.id
    }

    fn partitions(&self) -> u32 {
        self.settings.partitions
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        self.appender.append(entries).await
    }

    async fn open(&self, positions: &[Place]) -> Result<Box<dyn Reader>, LogError> {
        self.verify().await?;
        positions::check(&self.bounds().await?, positions, &format!("topic {}", self.settings.topic))?;
        Ok(Box::new(reader::KafkaReader::start(&self.settings, positions)?))
    }

    async fn bounds(&self) -> Result<Vec<Bounds>, LogError> {
        let (producer, settings) = (self.appender.producer(), self.settings.clone());
        blocking(move || bounds::bounds(producer.client(), &settings)).await
    }

    async fn find(&self, id: DeliveryId) -> Result<Option<Record>, LogError> {
        let settings = self.settings.clone();
        blocking(move || find::find(&settings, id)).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        let (producer, settings) = (self.appender.producer(), self.settings.clone());
        blocking(move || {
            let metadata = producer.client().fetch_metadata(Some(&settings.topic), PROBE_TIMEOUT);
            let metadata = metadata.map_err(|e| unavailable(&e))?;
            let insync = usize::from(settings.min_insync());
            let topic = metadata.topics().iter().find(|topic| topic.name() == settings.topic);
            let Some(topic) = topic.filter(|topic| topic.error().is_none()) else {
                return Err(LogError::Unavailable(format!("topic {} is not there", settings.topic)));
            };
            match topic.partitions().iter().find(|part| part.leader() < 0 || part.isr().len() < insync) {
                Some(part) => Err(LogError::Unavailable(format!("partition {} lacks brokers", part.id()))),
                None => Ok(()),
            }
        })
        .await
    }
}
