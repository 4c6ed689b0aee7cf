//! Storing batches side by side: each lane has partitions of its own, so that positions move apart, and stores one part at a
//! time while the log is read on.

use std::sync::Arc;

use log::{Batch, Place};
use store::PgPool;
use store::positions::Move;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Trouble, prepare, store_facts};
use crate::Rules;

/// A lane and what it is to store.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) lane: usize,
    pub(super) batch: Batch,
}

/// Parts a batch by partitions when it is more than one transaction's worth; a smaller one goes to the first lane whole.
pub(super) fn split(batch: Batch, records: usize, lanes: usize) -> Vec<Part> {
    if lanes < 2 || batch.records.len() <= records {
        return vec![Part { lane: 0, batch }];
    }
    let lane_of = |partition: u32| partition as usize % lanes;
    let mut parts: Vec<Part> = (0..lanes).map(|lane| Part { lane, batch: Batch::default() }).collect();
    for place in batch.next {
        parts[lane_of(place.partition)].batch.next.push(place);
    }
    for record in batch.records {
        parts[lane_of(record.place.partition)].batch.records.push(record);
    }
    parts.retain(|part| !part.batch.next.is_empty());
    parts
}

/// The lanes of a runner. What is being stored ends with it, stored or not.
pub(super) struct Lanes {
    pool: PgPool,
    rules: Rules,
    /// Rung after each commit.
    marked: Vec<Arc<Notify>>,
    /// At most one task in each.
    storing: Vec<JoinSet<Result<Vec<Place>, Trouble>>>,
}

impl Lanes {
    pub(super) fn new(pool: PgPool, rules: Rules, marked: Vec<Arc<Notify>>, lanes: usize) -> Self {
        let storing = std::iter::repeat_with(JoinSet::new).take(lanes.max(1)).collect();
        Self { pool, rules, marked, storing }
    }

    pub(super) fn count(&self) -> usize {
        self.storing.len()
    }

    /// Waits until the lane has stored what it was given; returns where its partitions stand now.
    pub(super) async fn wait(&mut self, lane: usize) -> Result<Vec<Place>, Trouble> {
        match self.storing[lane].join_next().await {
            None => Ok(Vec::new()),
            Some(Ok(stored)) => stored,
            Some(Err(error)) => Err(Trouble::Stop(format!("storing a batch died: {error}"))),
        }
    }

    /// The same for all lanes. After an error others may be stored or not: the stored positions say which.
    pub(super) async fn wait_for_all(&mut self) -> Result<Vec<Place>, Trouble> {
        let mut outcome = Ok(Vec::new());
        for lane in 0..self.count() {
            outcome = match (outcome, self.wait(lane).await) {
                (Ok(places), Ok(more)) => Ok([places, more].concat()),
                (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
            };
        }
        outcome
    }

    /// Decodes and commits a part in its lane, which is free.
    pub(super) fn store(&mut self, part: Part, moves: &[Move]) {
        let (pool, rules, marked) = (self.pool.clone(), self.rules.clone(), self.marked.clone());
        let Part { lane, batch } = part;
        let of_part = |moved: &&Move| batch.next.iter().any(|place| place.partition == moved.partition);
        let moves: Vec<Move> = moves.iter().filter(of_part).copied().collect();
        self.storing[lane].spawn(async move {
            let prepared = prepare(&batch, &rules).map_err(Trouble::from)?;
            drop(batch);
            store_facts::commit(&pool, &prepared, &moves).await?;
            marked.iter().for_each(|marked| marked.notify_one());
            Ok(moves.iter().map(|moved| Place { partition: moved.partition, offset: moved.to }).collect())
        });
    }
}

#[cfg(test)]
mod tests {
    use log::{Place, Record, Unreadable};

    use super::*;

    fn record(partition: u32, offset: i64) -> Record {
        let detail = String::new();
        Record { place: Place { partition, offset }, delivery: Err(Unreadable { id: None, detail }), size: 1 }
    }

    #[test]
    fn each_partition_goes_whole_and_in_order_to_its_lane() {
        let sizes = [(0, 5), (1, 9), (2, 0), (3, 4), (4, 6)];
        let of = |(partition, records): (u32, i64)| (0..records).map(move |offset| record(partition, offset));
        let batch = || Batch {
            records: sizes.into_iter().flat_map(of).collect(),
            next: sizes.map(|(partition, offset)| Place { partition, offset }).to_vec(),
        };
        let parts = split(batch(), 10, 2);
        assert_eq!(parts.iter().map(|part| part.batch.records.len()).collect::<Vec<_>>(), [11, 13]);
        let mut seen = Vec::new();
        for part in &parts {
            seen.extend(part.batch.next.iter().map(|place| (place.partition, place.offset)));
            for place in &part.batch.next {
                let offsets: Vec<i64> = part
                    .batch
                    .records
                    .iter()
                    .filter(|record| record.place.partition == place.partition)
                    .map(|record| record.place.offset)
                    .collect();
                assert_eq!(offsets, (0..place.offset).collect::<Vec<_>>());
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, sizes);
        assert_eq!(split(batch(), 24, 2).len(), 1, "one transaction is enough");
        assert_eq!(split(batch(), 10, 1).len(), 1);
    }
}
