//! Finding a delivery by the time in its id.

use std::collections::BTreeMap;

use events::DeliveryId;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::bounds::bounds;
use super::client::{Quiet, REQUEST_TIMEOUT, unavailable};
use super::reader::decode;
use super::settings::KafkaSettings;
use crate::{LogError, Record};

/// How much later a record of another capture may say it is and still stand before the one sought: the waiting of an
/// append and the difference between the clocks of two machines.
const SLACK_MILLIS: i64 = 120_000;

/// Searches all partitions at once; blocks. A record's timestamp is the time in its id, so it
/// never stands before the first record of that time or later; the search ends where all are later by the slack.
pub(crate) fn find(settings: &KafkaSettings, id: DeliveryId) -> Result<Option<Record>, LogError> {
    let consumer: BaseConsumer<Quiet> =
        settings.consumer().create_with_context(Quiet).map_err(|e| unavailable(&e))?;
    let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
    for bounds in bounds(consumer.client(), settings)? {
        ends.insert(i32::try_from(bounds.partition).unwrap_or(i32::MAX), bounds.end);
    }
    let starts = starts(&consumer, settings, id)?;
    ends.retain(|partition, end| starts.get(partition).is_some_and(|start| start < end));
    let mut assignment = TopicPartitionList::new();
    for (partition, start) in starts.iter().filter(|(partition, _)| ends.contains_key(*partition)) {
        let offset = Offset::Offset(*start);
        assignment.add_partition_offset(&settings.topic, *partition, offset).map_err(|e| unavailable(&e))?;
    }
    consumer.assign(&assignment).map_err(|e| unavailable(&e))?;
    let key = id.to_string();
    while !ends.is_empty() {
        let message = match consumer.poll(REQUEST_TIMEOUT) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ends.remove(&partition);
                continue;
            }
            Some(Err(error)) => return Err(unavailable(&error)),
            None => {
                return Err(LogError::Unavailable("the search by time was not answered in time".to_owned()));
            }
        };
        if message.key() == Some(key.as_bytes()) {
            // A tombstone under this key: the delivery was erased.
            return Ok(decode(&message));
        }
        let partition = message.partition();
        let late = message.timestamp().to_millis().is_some_and(|at| at > id.unix_millis() + SLACK_MILLIS);
        let at_end = ends.get(&partition).is_none_or(|end| message.offset() + 1 >= *end);
        if (late || at_end) && ends.remove(&partition).is_some() {
            let mut done = TopicPartitionList::new();
            done.add_partition(&settings.topic, partition);
            consumer.pause(&done).map_err(|e| unavailable(&e))?;
        }
    }
    Ok(None)
}

/// For each partition the first offset whose time is that of the id or later; partitions without one are left out.
fn starts(
    consumer: &BaseConsumer<Quiet>,
    settings: &KafkaSettings,
    id: DeliveryId,
) -> Result<BTreeMap<i32, i64>, LogError> {
    let mut times = TopicPartitionList::new();
    for partition in 0..i32::try_from(settings.partitions).unwrap_or(i32::MAX) {
        let time = Offset::Offset(id.unix_millis());
        times.add_partition_offset(&settings.topic, partition, time).map_err(|e| unavailable(&e))?;
    }
    let found = consumer.offsets_for_times(times, REQUEST_TIMEOUT).map_err(|e| unavailable(&e))?;
    let mut starts = BTreeMap::new();
    for partition in found.elements() {
        partition.error().map_err(|e| unavailable(&e))?;
        if let Offset::Offset(offset) = partition.offset() {
            starts.insert(partition.partition(), offset);
        }
    }
    Ok(starts)
}
