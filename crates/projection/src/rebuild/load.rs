//! Reads the log and packs what it says: decoding is the same as in the live projection.

use std::collections::BTreeMap;
use std::time::Duration;

use log::{Batch, Limit, Place};
use store::generations::load::Batch as Packing;
use store::generations::state::State;
use store::{StoreError, accounting, generations, positions};

use super::{Control, Rebuild, RebuildError};
use crate::runner::prepare;

/// What a loader has in memory at once: several times this, all in all.
const LIMIT: Limit = Limit { records: 4_000, bytes: 4 << 20 };
const WAIT: Duration = Duration::from_secs(1);

/// Brings every partition to where the bulk ends. `epoch` is that of the loading: under another one nothing is written.
pub(super) async fn run(
    rebuild: &Rebuild,
    state: &State,
    epoch: i64,
    control: &Control,
) -> Result<(), RebuildError> {
    let held = positions::list(&rebuild.next).await?;
    let mut shares: Vec<BTreeMap<u32, (i64, i64)>> = vec![BTreeMap::new(); rebuild.workers];
    let mut left = 0;
    let todo = held.iter().filter_map(|position| {
        let until = *state.until.get(&position.partition)?;
        (position.next < until).then_some((position.partition, (position.next, until)))
    });
    for (turn, (partition, (next, until))) in todo.enumerate() {
        shares[turn % rebuild.workers].insert(partition, (next, until));
        left += until - next;
    }
    control.total(left.unsigned_abs());
    let loaders = shares.into_iter().filter(|share| !share.is_empty());
    let loaders = loaders.map(|share| load(rebuild, state, epoch, control, share));
    futures::future::try_join_all(loaders).await.map(|_| ())
}

async fn load(
    rebuild: &Rebuild,
    state: &State,
    epoch: i64,
    control: &Control,
    mut share: BTreeMap<u32, (i64, i64)>,
) -> Result<(), RebuildError> {
    let mut reader = rebuild.log.open(&unread(&share)).await?;
    let mut packing = Packing::new(state.buckets);
    while share.values().any(|(next, until)| next < until) {
        control.pass().await?;
        let mut batch = reader.next(LIMIT, WAIT).await?;
        cut(&mut batch, &share);
        let rules = rebuild.rules.clone();
        // Decoding is all computing: other loaders read and write meanwhile.
        let decoded = tokio::task::spawn_blocking(move || {
            let prepared = prepare(&batch, &rules)?;
            for (fact, tally) in prepared.facts.iter().zip(&prepared.counted_in) {
                packing.add(fact, tally);
            }
            Ok::<_, StoreError>((packing, prepared, batch))
        });
        let (packed, prepared, batch) =
            decoded.await.map_err(|error| RebuildError::Failed(format!("decoding: {error}")))??;
        packing = packed;
        let places: Vec<(u32, i64)> =
            batch.next.iter().map(|place| (place.partition, place.offset)).collect();
        let records = batch.records.len() as u64;
        drop(batch);
        let moves: Vec<(u32, i64, i64)> = places
            .iter()
            .filter_map(|&(partition, to)| share.get(&partition).map(|&(from, _)| (partition, from, to)))
            .collect();
        let mut transaction = store::begin(&rebuild.next).await?;
        packing.write(&mut transaction).await?;
        accounting::reject(&mut transaction, &prepared.rejects).await?;
        if !prepared.tallies.is_empty() {
            accounting::add(&mut transaction, &prepared.tallies).await?;
        }
        generations::advance_loading(&mut transaction, epoch, &moves).await.map_err(|error| match error {
            StoreError::Fenced { .. } => RebuildError::Failed(
                "another rebuild has taken over what this one was loading; this one ends".to_owned(),
            ),
            other => other.into(),
        })?;
        store::commit(transaction).await?;
        fail::fail_point!("rebuild.batch_loaded", |_| std::process::abort());
        let before = unread(&share).len();
        for (partition, offset) in places {
            if let Some((next, _)) = share.get_mut(&partition) {
                *next = offset;
            }
        }
        control.add(records);
        let left = unread(&share);
        if left.len() < before && !left.is_empty() {
            // What comes in meanwhile behind the end of the bulk is not read again and again.
            reader = rebuild.log.open(&left).await?;
        }
    }
    Ok(())
}

/// The partitions that are not at their end.
fn unread(share: &BTreeMap<u32, (i64, i64)>) -> Vec<Place> {
    let left = share.iter().filter(|(_, (next, until))| next < until);
    left.map(|(&partition, &(offset, _))| Place { partition, offset }).collect()
}

/// Leaves out what lies behind the end of the bulk: it is followed later.
fn cut(batch: &mut Batch, share: &BTreeMap<u32, (i64, i64)>) {
    let until = |partition: u32| share.get(&partition).map_or(0, |(_, until)| *until);
    batch.records.retain(|record| record.place.offset < until(record.place.partition));
    for place in &mut batch.next {
        place.offset = place.offset.min(until(place.partition));
    }
}
