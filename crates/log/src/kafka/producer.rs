//! Appending: all or an error, within the deadline, with bounded memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::DeliveryId;
use futures::future::join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};

use super::client::{Quiet, unavailable};
use super::settings::KafkaSettings;
use crate::record::{self, FORMAT, Headers};
use crate::{Entry, LogError, Place};

/// The one producer of a log; replaced when librdkafka gives it up.
pub(crate) struct Appender {
    settings: KafkaSettings,
    producer: Mutex<Arc<FutureProducer<Quiet>>>,
}

impl Appender {
    pub(crate) fn new(settings: KafkaSettings) -> Result<Self, LogError> {
        let producer = Mutex::new(Arc::new(create(&settings)?));
        Ok(Self { settings, producer })
    }

    /// The producer in use; also answers questions about the cluster.
    pub(crate) fn producer(&self) -> Arc<FutureProducer<Quiet>> {
        Arc::clone(&self.producer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        // Everything is checked before anything is sent.
        let headers =
            entries.iter().map(|entry| record::headers(&entry.delivery)).collect::<Result<Vec<_>, _>>()?;
        let producer = self.producer();
        let mut reports = Vec::with_capacity(entries.len());
        for (entry, headers) in entries.iter().zip(&headers) {
            reports.push(self.send(&producer, entry, headers)?);
        }
        // librdkafka answers within `message.timeout.ms`; the margin is for a process that is short of time.
        let patience = self.settings.append_timeout() + Duration::from_secs(2);
        let reports = tokio::time::timeout(patience, join_all(reports))
            .await
            .map_err(|_| LogError::Unavailable("no acknowledgement in time".to_owned()))?;
        let places = reports.into_iter().zip(&entries).map(|(report, entry)| match report {
            Ok(Ok(at)) => {
                Ok(Place { partition: u32::try_from(at.partition).unwrap_or(0), offset: at.offset })
            }
            Ok(Err((error, _))) => Err(refused(&error, entry)),
            Err(_) => Err(LogError::Unavailable("the producer was closed".to_owned())),
        });
        let places = places.collect::<Result<Vec<_>, _>>();
        if places.is_err() {
            self.replace_when_given_up(&producer);
        }
        places
    }

    fn send(
        &self,
        producer: &FutureProducer<Quiet>,
        entry: &Entry,
        headers: &Headers,
    ) -> Result<DeliveryFuture, LogError> {
        let key = entry.delivery.id.to_string();
        let partition = entry.partition_hash % u64::from(self.settings.partitions.max(1));
        let record = FutureRecord::to(&self.settings.topic)
            .partition(i32::try_from(partition).unwrap_or(0))
            .key(&key)
            // An empty body is an empty value, never a null one: that would be a tombstone.
            .payload(entry.delivery.body.as_ref())
            .timestamp(timestamp(entry.delivery.id))
            .headers(kafka_headers(headers));
        producer.send_result(record).map_err(|(error, _)| {
            self.replace_when_given_up(producer);
            refused(&error, entry)
        })
    }

    /// After a fatal error librdkafka sends nothing any more; a new producer starts with a new identity.
    fn replace_when_given_up(&self, used: &FutureProducer<Quiet>) {
        let Some((code, _)) = used.client().fatal_error() else { return };
        let mut current = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if current.client().fatal_error().is_none() {
            return;
        }
        match create(&self.settings) {
            Ok(new) => {
                tracing::warn!(kafka.error = %code, "kafka producer replaced after a fatal error");
                *current = Arc::new(new);
            }
            Err(error) => tracing::error!(kafka.error = %error, "kafka producer cannot be replaced"),
        }
    }
}

fn create(settings: &KafkaSettings) -> Result<FutureProducer<Quiet>, LogError> {
    let created = settings.producer().create_with_context(Quiet);
    created.map_err(|e| LogError::Unfit(format!("kafka settings: {e}")))
}

/// The time in the id. 0 would mean "now" to librdkafka, which is as good for an id without a time.
fn timestamp(id: DeliveryId) -> i64 {
    id.unix_millis()
}

fn kafka_headers(headers: &Headers) -> OwnedHeaders {
    let pairs = [
        ("format", FORMAT),
        ("account", &headers.account),
        ("platform", &headers.platform),
        ("road", &headers.road),
        ("received_at", &headers.received_at),
        ("capture", &headers.capture),
    ];
    let empty = OwnedHeaders::new_with_capacity(pairs.len());
    pairs.into_iter().fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}

fn refused(error: &KafkaError, entry: &Entry) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => {
            LogError::TooLarge { id: entry.delivery.id, bytes: record::size(entry.delivery.body.len()) }
        }
        Some(RDKafkaErrorCode::QueueFull) => LogError::Unavailable("the producer's queue is full".to_owned()),
        _ => unavailable(error),
    }
}
