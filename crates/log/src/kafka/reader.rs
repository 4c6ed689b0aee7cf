//! Reading some partitions from positions of our own.
//!
//! The offsets that Kafka keeps for a group are written for its own tools and never read. Tombstones and the log's
//! marker are no records and yet move a position. Compaction leaves holes, but none at the end of a partition: the
//! cleaner leaves the newest segment alone, and the last record is always in it. So the lag of a reader reaches zero.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::bounds;
use super::client::{Quiet, blocking, unavailable};
use super::marker::marked;
use super::settings::KafkaSettings;
use crate::positions;
use crate::record::{self, key_id};
use crate::{Batch, Limit, LogError, Place, Reader, Record};

/// How often an idle reader compares its positions with the ends: a topic that was recreated or cut ends earlier.
const COMPARE_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct KafkaReader {
    settings: KafkaSettings,
    consumer: Arc<StreamConsumer<Quiet>>,
    /// The next offset of each partition, behind everything that was returned or skipped.
    next: BTreeMap<u32, i64>,
    /// Partitions whose position moved since the last return.
    moved: BTreeSet<u32>,
    /// Came from Kafka but did not fit into the last batch.
    held: Option<Record>,
    /// An error that came behind records: told by the next call.
    failed: Option<LogError>,
    compare_at: Instant,
}

impl KafkaReader {
    /// Starts at positions that were checked.
    pub(crate) fn start(settings: &KafkaSettings, positions: &[Place]) -> Result<Self, LogError> {
        let consumer: StreamConsumer<Quiet> =
            settings.consumer().create_with_context(Quiet).map_err(|e| unavailable(&e))?;
        let assignment = offsets(&settings.topic, positions).map_err(|e| unavailable(&e))?;
        consumer.assign(&assignment).map_err(|e| unavailable(&e))?;
        Ok(Self {
            settings: settings.clone(),
            consumer: Arc::new(consumer),
            next: positions.iter().map(|place| (place.partition, place.offset)).collect(),
            moved: BTreeSet::new(),
            held: None,
            failed: None,
            compare_at: Instant::now() + COMPARE_EVERY,
        })
    }

    /// The next record; `None` at the deadline, or at once when positions have moved and nothing else is there.
    async fn first(&mut self, deadline: Instant) -> Result<Option<Record>, LogError> {
        loop {
            let until = deadline.min(self.compare_at);
            let consumer = Arc::clone(&self.consumer);
            match tokio::time::timeout_at(until, consumer.recv()).await {
                Ok(event) => {
                    let at_end = matches!(event, Err(KafkaError::PartitionEOF(_)));
                    if let Some(record) = self.take(event)? {
                        return Ok(Some(record));
                    }
                    if at_end && !self.moved.is_empty() {
                        return Ok(None);
                    }
                }
                Err(_) if Instant::now() >= deadline => return Ok(None),
                Err(_) => self.compare().await?,
            }
        }
    }

    /// What an event means: a record, or nothing but a position that moved.
    fn take(&mut self, event: Result<BorrowedMessage<'_>, KafkaError>) -> Result<Option<Record>, LogError> {
        let message = match event {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(_)) => return Ok(None),
            Err(error) => return self.failure(&error).map_or(Ok(None), Err),
        };
        let partition = partition_number(message.partition());
        match decode(&message) {
            Some(record) => Ok(Some(record)),
            None => {
                self.advance(Place { partition, offset: message.offset() + 1 });
                Ok(None)
            }
        }
    }

    fn advance(&mut self, to: Place) {
        self.next.insert(to.partition, to.offset);
        self.moved.insert(to.partition);
    }

    /// What librdkafka only tells is passed over: it goes on by itself.
    fn failure(&self, error: &KafkaError) -> Option<LogError> {
        let topic = &self.settings.topic;
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Some(LogError::Unfit(format!(
                    "topic {topic} does not hold a stored position any more: it was recreated or cut; \
                 restore it, or rebuild from scratch to go on with what is there"
                )))
            }
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed,
            ) => Some(unavailable(error)),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Some(unavailable(error)),
            _ => {
                tracing::debug!(kafka.error = %error, "kafka consumer goes on after an error");
                None
            }
        }
    }

    /// Refuses to wait at a position that the topic has not (any more).
    async fn compare(&mut self) -> Result<(), LogError> {
        self.compare_at = Instant::now() + COMPARE_EVERY;
        let (consumer, settings) = (Arc::clone(&self.consumer), self.settings.clone());
        let ends = blocking(move || bounds::bounds(consumer.client(), &settings)).await?;
        let positions = self.next.iter().map(|(&partition, &offset)| Place { partition, offset });
        positions::check(&ends, &positions.collect::<Vec<_>>(), &format!("topic {}", self.settings.topic))
    }

    fn batch(&mut self, records: Vec<Record>) -> Batch {
        let moved = std::mem::take(&mut self.moved);
        let next = moved.into_iter().filter_map(|partition| {
            self.next.get(&partition).map(|offset| Place { partition, offset: *offset })
        });
        Batch { records, next: next.collect() }
    }
}

#[async_trait]
impl Reader for KafkaReader {
    async fn next(&mut self, limit: Limit, wait: Duration) -> Result<Batch, LogError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let first = match self.held.take() {
            Some(record) => Some(record),
            None => self.first(Instant::now() + wait).await?,
        };
        // From here on nothing waits, so that a cancelled call has taken nothing.
        let Some(first) = first else { return Ok(self.batch(Vec::new())) };
        let consumer = Arc::clone(&self.consumer);
        let mut bytes = 0;
        let mut records = Vec::new();
        let mut found = Some(first);
        loop {
            if let Some(record) = found.take() {
                if !records.is_empty() && bytes + record.size > limit.bytes {
                    self.held = Some(record);
                    break;
                }
                bytes += record.size;
                self.advance(Place { partition: record.place.partition, offset: record.place.offset + 1 });
                records.push(record);
            }
            if records.len() >= limit.records {
                break;
            }
            let Some(event) = consumer.recv().now_or_never() else { break };
            match self.take(event) {
                Ok(record) => found = record,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(self.batch(records))
    }

    async fn committed(&self, positions: &[Place]) {
        let committed = offsets(&self.settings.topic, positions)
            .and_then(|offsets| self.consumer.commit(&offsets, CommitMode::Async));
        if let Err(error) = committed {
            tracing::debug!(kafka.error = %error, "group offsets not written; only kafka's own tools miss them");
        }
    }
}

fn offsets(topic: &str, positions: &[Place]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for place in positions {
        let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
        list.add_partition_offset(topic, partition, Offset::Offset(place.offset))?;
    }
    Ok(list)
}

/// The record of a message; `None` for what is no delivery (any more): a tombstone, the log's marker.
pub(crate) fn decode(message: &BorrowedMessage<'_>) -> Option<Record> {
    let body = message.payload()?;
    if marked(message.key()).is_some() {
        return None;
    }
    let headers = message.headers();
    let header = |name: &str| headers.and_then(|all| all.iter().find(|header| header.key == name)?.value);
    Some(Record {
        place: Place { partition: partition_number(message.partition()), offset: message.offset() },
        size: record::size(body.len()),
        delivery: record::delivery(key_id(message.key()), header, Bytes::copy_from_slice(body)),
    })
}

fn partition_number(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(0)
}
