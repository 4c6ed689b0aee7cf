//! First and next offset of each partition.

use rdkafka::client::{Client, ClientContext};

use super::client::{REQUEST_TIMEOUT, unavailable};
use super::settings::KafkaSettings;
use crate::{Bounds, LogError};

/// Asks the brokers; blocks.
pub(crate) fn bounds<C: ClientContext>(
    client: &Client<C>,
    settings: &KafkaSettings,
) -> Result<Vec<Bounds>, LogError> {
    (0..settings.partitions)
        .map(|partition| {
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            let (start, end) = client
                .fetch_watermarks(&settings.topic, number, REQUEST_TIMEOUT)
                .map_err(|e| unavailable(&e))?;
            Ok(Bounds { partition, start, end })
        })
        .collect()
}
