//! `report accounting --verify`: reads positions, counts and the log itself.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use log::{Bounds, Limit, Place};

use super::accounting::{self, Partition};
use crate::configuration::Backend;
use crate::installation::Installation;

/// Reads of the log while its deliveries are counted.
const LIMIT: Limit = Limit { records: 5_000, bytes: 16 * 1024 * 1024 };
/// A log that has more records gives some within this time.
const WAIT: Duration = Duration::from_secs(30);

/// The log's partitions beside what is said of them.
///
/// Positions and counts first, the ends of the log after: what arrives between is lag, never a difference.
///
/// # Errors
/// When log or database do not answer.
pub(crate) async fn partitions(
    installation: &Installation,
    backend: Backend,
) -> anyhow::Result<Vec<Partition>> {
    let read = store::report::accounting::read_so_far(&installation.pool).await?;
    let bounds = installation.log.bounds().await?;
    let below = |bounds: &Bounds| (bounds.partition, accounting::position(&read, *bounds));
    let counted: HashMap<u32, i64> = match backend {
        // Offsets are dense.
        Backend::Postgres => {
            bounds.iter().map(|ends| (ends.partition, below(ends).1.min(ends.end) - ends.start)).collect()
        }
        Backend::Kafka => count(installation, &bounds, &bounds.iter().map(below).collect()).await?,
    };
    let one = |ends: &Bounds| {
        let in_log = counted.get(&ends.partition).copied().unwrap_or(0);
        accounting::compare(installation.log.id(), *ends, in_log, &read)
    };
    let mut partitions: Vec<Partition> = bounds.iter().map(one).collect();
    partitions.extend(accounting::strangers(&bounds, &read));
    partitions.sort_by_key(|partition| partition.partition);
    Ok(partitions)
}

/// Counts by reading: a Kafka topic has offsets without deliveries. `until` is by partition the first offset that is
/// not counted any more.
async fn count(
    installation: &Installation,
    bounds: &[Bounds],
    until: &HashMap<u32, i64>,
) -> anyhow::Result<HashMap<u32, i64>> {
    let end = |partition: u32| until.get(&partition).copied().unwrap_or(0);
    let mut counted: HashMap<u32, i64> = bounds.iter().map(|ends| (ends.partition, 0)).collect();
    // A position beyond the end is a difference that is told; what is there can be counted all the same.
    let mut left: HashMap<u32, i64> = bounds
        .iter()
        .map(|ends| (ends.partition, end(ends.partition).min(ends.end)))
        .filter(|(partition, end)| {
            bounds.iter().any(|ends| ends.partition == *partition && ends.start < *end)
        })
        .collect();
    let starts: Vec<Place> = bounds
        .iter()
        .filter(|ends| left.contains_key(&ends.partition))
        .map(|ends| Place { partition: ends.partition, offset: ends.start })
        .collect();
    if starts.is_empty() {
        return Ok(counted);
    }
    let mut reader = installation.log.open(&starts).await?;
    while !left.is_empty() {
        let batch = reader.next(LIMIT, WAIT).await?;
        if batch.next.is_empty() {
            bail!(
                "the log gave nothing for {} s while its deliveries were counted; try again",
                WAIT.as_secs()
            );
        }
        for Place { partition, offset } in batch.records.iter().map(|record| record.place) {
            if offset < end(partition) {
                *counted.entry(partition).or_default() += 1;
            }
        }
        for place in batch.next {
            left.retain(|partition, end| *partition != place.partition || *end > place.offset);
        }
    }
    Ok(counted)
}
