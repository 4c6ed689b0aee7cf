//! Reads the log and packs what it says: decoding is the same as in the live projection.

use std::collections::BTreeMap;
use std::time::Duration;

use log::{Batch, Limit, Place};
use store::generations::load::Batch as Packing;
use store::generations::spill::Spill;
use store::generations::state::State;
use store::{StoreError, accounting, generations, positions};
use tokio_util::sync::CancellationToken;

use super::{Control, Rebuild, RebuildError};
use crate::Rules;
use crate::runner::Prepared;

/// What a loader has in memory at once: several times this, all in all.
const LIMIT: Limit = Limit { records: 4_000, bytes: 4 << 20 };
const WAIT: Duration = Duration::from_secs(1);
/// Deliveries whose places are moved at once: so many are read again after a crash.
const MOST: usize = 64_000;

/// How far a partition is.
struct Share {
    /// What lies before is written.
    next: i64,
    /// What lies before is read.
    read: i64,
    /// Where the bulk ends.
    until: i64,
}

/// Brings every partition to where the bulk ends. `epoch` is that of the loading: under another one nothing is written.
pub(super) async fn run(
    rebuild: &Rebuild,
    state: &State,
    spill: &Spill,
    epoch: i64,
    control: &Control,
) -> Result<(), RebuildError> {
    let held = positions::list(&rebuild.next).await?;
    let todo = held.iter().filter_map(|position| {
        let until = *state.until.get(&position.partition)?;
        (position.next < until).then_some((position.partition, position.next, until))
    });
    let todo: Vec<(u32, i64, i64)> = todo.collect();
    control.total(todo.iter().map(|(_, next, until)| until - next).sum::<i64>().unsigned_abs());
    let shares = shared(todo, rebuild.workers);
    // The first that ends early, and why: the others write what they have read and end too.
    let ended = CancellationToken::new();
    let one = async |share| {
        let packed = Packing::new(state.buckets, spill.writer()?);
        let outcome = load(rebuild, packed, epoch, control, &ended, share).await;
        if outcome.is_err() {
            ended.cancel();
        }
        outcome
    };
    let loaders = shares.into_iter().filter(|share| !share.is_empty()).map(one);
    let outcomes = futures::future::join_all(loaders).await;
    let (stopped, failed): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .filter_map(Result::err)
        .partition(|error| matches!(error, RebuildError::Stopped));
    failed.into_iter().chain(stopped).next().map_or(Ok(()), Err)
}

/// Shares out the partitions (partition, from, to) so that all loaders end at about the same time: the longest first, each to
/// who has least.
fn shared(mut todo: Vec<(u32, i64, i64)>, loaders: usize) -> Vec<BTreeMap<u32, Share>> {
    todo.sort_by_key(|(_, next, until)| next - until);
    let mut shares: Vec<(i64, BTreeMap<u32, Share>)> = (0..loaders).map(|_| (0, BTreeMap::new())).collect();
    for (partition, next, until) in todo {
        if let Some((left, share)) = shares.iter_mut().min_by_key(|(left, _)| *left) {
            *left += until - next;
            share.insert(partition, Share { next, read: next, until });
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

async fn load(
    rebuild: &Rebuild,
    packed: Packing,
    epoch: i64,
    control: &Control,
    ended: &CancellationToken,
    mut share: BTreeMap<u32, Share>,
) -> Result<(), RebuildError> {
    let mut reader = rebuild.log.open(&unread(&share)).await?;
    let mut loaded = Loaded { packed, prepared: Prepared::default(), records: 0 };
    loop {
        // A log that gives no answer keeps nobody from ending.
        let read = async {
            control.pass().await?;
            tokio::select! {
                biased;
                () = control.ended() => control.pass().await.and(Err(RebuildError::Stopped)),
                batch = reader.next(LIMIT, WAIT) => Ok(batch?),
            }
        };
        let read = tokio::select! {
            biased;
            () = ended.cancelled() => Err(RebuildError::Stopped),
            read = read => read,
        };
        let mut batch = match read {
            Ok(batch) => batch,
            Err(why) => {
                if matches!(why, RebuildError::Stopped) {
                    // What is read need not be read again.
                    loaded.packed.spill()?;
                    loaded.write(rebuild, epoch, &mut share).await?;
                }
                return Err(why);
            }
        };
        cut(&mut batch, &share);
        let (records, before) = (batch.records.len(), unread(&share).len());
        for place in &batch.next {
            if let Some(share) = share.get_mut(&place.partition) {
                share.read = place.offset;
            }
        }
        let left = unread(&share);
        let rules = rebuild.rules.clone();
        let is_last = left.is_empty();
        // Decoding is all computing: other loaders read and write meanwhile.
        let decoded = tokio::task::spawn_blocking(move || {
            let is_due = loaded.take(&batch, &rules, is_last)?;
            Ok::<_, StoreError>((loaded, is_due))
        });
        let is_due;
        (loaded, is_due) =
            decoded.await.map_err(|error| RebuildError::Failed(format!("decoding: {error}")))??;
        if is_due {
            loaded.write(rebuild, epoch, &mut share).await?;
            fail::fail_point!("rebuild.batch_loaded", |_| std::process::abort());
        }
        control.add(records as u64);
        if is_last {
            return Ok(());
        }
        if left.len() < before {
            // What comes in meanwhile behind the end of the bulk is not read again and again.
            reader = rebuild.log.open(&left).await?;
        }
    }
}

/// What was read and is not written yet.
struct Loaded {
    packed: Packing,
    prepared: Prepared,
    records: usize,
}

impl Loaded {
    /// Adds a batch; says whether it is time to write. Packed tellings are in the file then.
    fn take(&mut self, batch: &Batch, rules: &Rules, is_last: bool) -> Result<bool, StoreError> {
        self.prepared.take(batch, rules)?;
        self.records += batch.records.len();
        for (fact, tally) in self.prepared.facts.drain(..).zip(self.prepared.counted_in.drain(..)) {
            self.packed.add(&fact, &tally);
        }
        let is_due = is_last || self.records >= MOST || self.packed.is_full();
        if is_due {
            self.packed.spill()?;
        }
        Ok(is_due)
    }

    /// Writes all of it, and moves the positions.
    async fn write(
        &mut self,
        rebuild: &Rebuild,
        epoch: i64,
        share: &mut BTreeMap<u32, Share>,
    ) -> Result<(), RebuildError> {
        let moves: Vec<(u32, i64, i64)> =
            share.iter().map(|(&partition, share)| (partition, share.next, share.read)).collect();
        let prepared = std::mem::take(&mut self.prepared);
        let mut transaction = store::begin(&rebuild.next).await?;
        self.packed.write(&mut transaction).await?;
        accounting::reject(&mut transaction, &prepared.rejects).await?;
        if !prepared.tallies.is_empty() {
            accounting::add(&mut transaction, &prepared.tallies).await?;
        }
        generations::advance_loading(&mut transaction, epoch, &moves).await?;
        store::commit(transaction).await?;
        self.records = 0;
        for share in share.values_mut() {
            share.next = share.read;
        }
        Ok(())
    }
}

/// The partitions that are not at their end.
fn unread(share: &BTreeMap<u32, Share>) -> Vec<Place> {
    let left = share.iter().filter(|(_, share)| share.read < share.until);
    left.map(|(&partition, share)| Place { partition, offset: share.read }).collect()
}

/// Leaves out what lies behind the end of the bulk: it is followed later.
fn cut(batch: &mut Batch, share: &BTreeMap<u32, Share>) {
    let until = |partition: u32| share.get(&partition).map_or(0, |share| share.until);
    batch.records.retain(|record| record.place.offset < until(record.place.partition));
    for place in &mut batch.next {
        place.offset = place.offset.min(until(place.partition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_end_at_about_the_same_time() {
        let todo = vec![(0, 0, 3), (1, 5, 6), (2, 10, 17), (3, 0, 4)];
        let shares = shared(todo, 2);
        let parts = |n: usize| shares[n].keys().copied().collect::<Vec<_>>();
        assert_eq!((parts(0), parts(1)), (vec![1, 2], vec![0, 3]));
        assert_eq!((shares[0][&1].next, shares[0][&1].read, shares[0][&1].until), (5, 5, 6));
        assert!(shared(vec![(0, 0, 1)], 3).iter().filter(|share| share.is_empty()).count() == 2);
    }
}
