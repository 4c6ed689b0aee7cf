//! Which topic this is.
//!
//! Kafka gives each topic an id, but no safe call of our client shows it, and a request of our own would need TLS and
//! SASL of its own. So the log marks itself: the first record of partition 0 is a marker whose key is unique
//! and which therefore no compaction ever drops. A topic that was deleted and made again has another marker or none;
//! a copy made by a mirror lies in another cluster or under another name, and both are part of [`id`].

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use super::bounds::bounds;
use super::client::{Quiet, REQUEST_TIMEOUT, blocking, unavailable};
use super::settings::KafkaSettings;
use crate::LogError;
use crate::record::FORMAT;

const PREFIX: &str = "log/";

/// The marker's id, when a record's key is that of a marker.
pub(crate) fn marked(key: Option<&[u8]>) -> Option<Uuid> {
    std::str::from_utf8(key?).ok()?.strip_prefix(PREFIX)?.parse().ok()
}

/// The id of the log in the topic; marks an empty topic with `id_if_new` first.
pub(crate) async fn id(
    settings: &KafkaSettings,
    producer: &FutureProducer<Quiet>,
    id_if_new: Uuid,
) -> Result<String, LogError> {
    let marker = match first(settings).await? {
        Some(marker) => marker,
        None => {
            write(settings, producer, id_if_new).await?;
            // Where two processes mark at once, the first one counts.
            first(settings)
                .await?
                .ok_or_else(|| LogError::Unavailable("marker not readable yet".to_owned()))?
        }
    };
    let client = producer.clone();
    let cluster = blocking(move || Ok(client.client().fetch_cluster_id(REQUEST_TIMEOUT))).await?;
    let cluster = cluster.ok_or_else(|| LogError::Unavailable("cluster id not known yet".to_owned()))?;
    Ok(format!("{cluster}/{}/{marker}", settings.topic))
}

/// The marker of the topic; `None` when the topic is empty.
async fn first(settings: &KafkaSettings) -> Result<Option<Uuid>, LogError> {
    let settings = settings.clone();
    blocking(move || {
        let consumer: BaseConsumer<Quiet> =
            settings.consumer().create_with_context(Quiet).map_err(|e| unavailable(&e))?;
        let bounds = bounds(consumer.client(), &settings)?;
        if bounds.iter().all(|partition| partition.end == 0) {
            return Ok(None);
        }
        let topic = &settings.topic;
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, 0, Offset::Beginning).map_err(|e| unavailable(&e))?;
        consumer.assign(&from).map_err(|e| unavailable(&e))?;
        let marker = poll_first(&consumer)?;
        marker.map(Some).ok_or_else(|| {
            LogError::Unfit(format!(
                "topic {topic} holds records but not our marker as the first of partition 0: it is another program's, \
                 or was deleted and made again; name another topic in [log], or give this one back"
            ))
        })
    })
    .await
}

/// The marker that is the first record; `None` when the first record is no marker or there is none.
fn poll_first(consumer: &BaseConsumer<Quiet>) -> Result<Option<Uuid>, LogError> {
    let mut last = "first record not readable in time".to_owned();
    // A topic that was just made may answer "not yet" a few times: librdkafka asks again by itself.
    for _ in 0..10 {
        match consumer.poll(REQUEST_TIMEOUT / 5) {
            Some(Ok(record)) => return Ok(marked(record.key())),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(error)) => last = error.to_string(),
            None => {}
        }
    }
    Err(LogError::Unavailable(last))
}

/// Whether the topic's marker is still that of the log `id`.
pub(crate) async fn verify(settings: &KafkaSettings, id: &str) -> Result<(), LogError> {
    let topic = &settings.topic;
    match first(settings).await? {
        Some(marker) if id.ends_with(&format!("/{marker}")) => Ok(()),
        _ => Err(LogError::Unfit(format!(
            "topic {topic} was deleted and made again: it is another log; restore it, or rebuild from scratch"
        ))),
    }
}

async fn write(settings: &KafkaSettings, producer: &FutureProducer<Quiet>, id: Uuid) -> Result<(), LogError> {
    let key = format!("{PREFIX}{id}");
    let headers = OwnedHeaders::new()
        .insert(Header { key: "format", value: Some(FORMAT) })
        .insert(Header { key: "kind", value: Some("log") });
    let record = FutureRecord::to(&settings.topic).partition(0).key(&key).payload("").headers(headers);
    producer.send(record, REQUEST_TIMEOUT).await.map_err(|(error, _)| unavailable(&error))?;
    Ok(())
}
