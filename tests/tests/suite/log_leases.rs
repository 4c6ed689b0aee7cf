//! Partition leases: never two owners, epochs that only grow, even shares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use log::{Lease, Leases};
use tokio::time::Instant;

use crate::log_backends::Postgres;
use crate::log_conformance::DEADLINE;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

fn worker(postgres: &Postgres, owner: &str, ttl: Duration) -> Leases {
    Leases::new(postgres.pool(), "chat", owner, ttl)
}

fn partitions(leases: &[Lease]) -> Vec<u32> {
    leases.iter().map(|lease| lease.partition).collect()
}

#[tokio::test]
async fn a_lone_worker_gets_all_and_nobody_else_any() {
    let postgres = Postgres::new().await;
    let (a, b) = (worker(&postgres, "a", LONG), worker(&postgres, "b", LONG));
    let held = a.acquire(4).await.unwrap();
    assert_eq!(partitions(&held), [0, 1, 2, 3]);
    assert!(b.acquire(4).await.unwrap().is_empty());
    assert!(a.acquire(4).await.unwrap().is_empty(), "nothing new");
    assert_eq!(a.renew(&held).await.unwrap(), held);
}

#[tokio::test]
async fn workers_share_evenly_as_they_come_and_go() {
    let postgres = Postgres::new().await;
    let workers = ["a", "b", "c"].map(|owner| worker(&postgres, owner, LONG));
    let mut held: BTreeMap<usize, Vec<Lease>> = BTreeMap::new();
    // The round that the crate's documentation asks for; everybody twice is enough to settle.
    for _ in 0..2 {
        for (number, worker) in workers.iter().enumerate() {
            let own = held.entry(number).or_default();
            *own = worker.renew(own).await.unwrap();
            let share = worker.share(12).await.unwrap() as usize;
            let surplus = own.split_off(share.min(own.len()));
            worker.release(&surplus).await.unwrap();
            own.extend(worker.acquire(12).await.unwrap());
        }
    }
    // The first worker gave up what the others then took.
    let more = workers[2].acquire(12).await.unwrap();
    held.entry(2).or_default().extend(more);
    let sizes: Vec<usize> = held.values().map(Vec::len).collect();
    assert_eq!(sizes, [4, 4, 4]);
    let all: BTreeSet<u32> = held.values().flatten().map(|lease| lease.partition).collect();
    assert_eq!(all.len(), 12, "no partition twice");

    workers[0].leave().await.unwrap();
    assert_eq!(workers[1].share(12).await.unwrap(), 6);
    assert_eq!(workers[1].acquire(12).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_expired_lease_goes_to_another_with_a_higher_epoch() {
    let postgres = Postgres::new().await;
    let (a, b) = (worker(&postgres, "a", SHORT), worker(&postgres, "b", LONG));
    let old = a.acquire(1).await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    let new = loop {
        assert!(Instant::now() < deadline, "never expires");
        let new = b.acquire(1).await.unwrap();
        if !new.is_empty() {
            break new;
        }
    };
    assert_eq!(new[0].partition, old[0].partition);
    assert!(new[0].epoch > old[0].epoch);
    assert!(a.renew(&old).await.unwrap().is_empty(), "the old owner learns that it lost");
    a.release(&old).await.unwrap();
    assert_eq!(
        b.renew(&new).await.unwrap(),
        new,
        "what the old owner gives back late is not taken from the new one"
    );
}

#[tokio::test]
async fn a_released_lease_is_free_at_once() {
    let postgres = Postgres::new().await;
    let (a, b) = (worker(&postgres, "a", LONG), worker(&postgres, "b", LONG));
    let held = a.acquire(2).await.unwrap();
    a.release(&held[..1]).await.unwrap();
    let taken = b.acquire(2).await.unwrap();
    assert_eq!(partitions(&taken), [held[0].partition]);
    assert_eq!(taken[0].epoch, held[0].epoch + 1);
    assert_eq!(a.renew(&held).await.unwrap(), held[1..]);
}

#[tokio::test]
async fn scopes_do_not_know_each_other() {
    let postgres = Postgres::new().await;
    let next = Leases::new(postgres.pool(), "chat_next", "a", LONG);
    assert_eq!(worker(&postgres, "a", LONG).acquire(2).await.unwrap().len(), 2);
    assert_eq!(next.acquire(2).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_never_hold_the_same_epoch_of_a_partition() {
    let postgres = Postgres::new().await;
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let leases = worker(&postgres, &format!("w{number}"), Duration::from_millis(5));
            tokio::spawn(async move {
                let mut all = Vec::new();
                for _ in 0..30 {
                    let held = leases.acquire(4).await.unwrap();
                    if number % 2 == 0 {
                        leases.release(&held).await.unwrap();
                    }
                    all.extend(held);
                }
                all
            })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for task in tasks {
        for lease in task.await.unwrap() {
            assert!(lease.epoch > 0 && seen.insert(lease), "{lease:?} was given twice");
        }
    }
    assert!(seen.len() > 4, "leases changed hands");
}
