//! Random operations against the real system: random accounts over a real log, real workers and real tables, a clock of
//! its own, and the promises of design.md 3 as invariants ([`invariants`]).
//!
//! A run ends when everything is appended, read and folded. It fails when a row differs from those of a fresh projection
//! of the same deliveries in order, when a delivery has no fate or two, when a position and its facts are apart, or when
//! a mark waits for ever. It does not fail because a worker was slow, died, or wrote a row that another one then put
//! right. Random: what is told, in which order and how often, to which partition, who works when and how each ends.
//!
//! `CHATLEDGER_SEED` is the first seed, `CHATLEDGER_SIMULATIONS` how many runs; a failure prints its own. `make soak` runs
//! fresh seeds for an hour. A seed that failed once becomes a case in [`FOUND`] before its bug is mended. (Seeds fix what
//! is told and done, not how the workers' tasks interleave: run a case some times.)

pub(crate) mod accounts;
mod invariants;
mod operation;
mod workers;

use std::sync::Arc;

use chatledger_tests::random_account::Chance;
use chatledger_tests::{TestDatabase, database, kafka};
use events::{Delivery, DeliveryIds};
use futures::StreamExt as _;
use log::{Entry, KafkaLog, KafkaSettings, Log, PostgresLog};
use sqlx::PgPool;

use operation::Operation;
use workers::Workers;

use crate::log_backends::fresh_id;
use crate::tables::settled_in;

/// Accounts of a run: their deliveries are mixed in one log.
const ACCOUNTS: [&str; 9] = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"];

/// Operations of a run, before the rest is delivered.
const OPERATIONS: u32 = 20;

/// Seeds that found a bug once, each with what it found.
const FOUND: [(u64, &str); 0] = [];

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().unwrap())
}

/// The system and what has happened to it so far.
struct Simulation {
    seed: u64,
    chance: Chance,
    pool: PgPool,
    log: Arc<dyn Log>,
    workers: Workers,
    /// What is still to come, in order.
    coming: Vec<Delivery>,
    /// What is in the log, in the order of its appending.
    appended: Vec<Delivery>,
    ids: DeliveryIds,
    clock: events::ManualClock,
    /// Our clock, less the platform's.
    skew: chrono::Duration,
    /// Which of [`accounts::rules`] are in force.
    rules: usize,
    done: Vec<Operation>,
    database: TestDatabase,
}

impl Simulation {
    async fn new(seed: u64, on_kafka: bool) -> Self {
        let mut chance = Chance::new(seed);
        let database = database().await;
        let pool = workers::pool(&database);
        let partitions = 1 + chance.below(4);
        let log: Arc<dyn Log> = if on_kafka {
            let topic = format!("simulation-{}", fresh_id());
            let settings = KafkaSettings::new(vec![kafka().await], topic, partitions);
            let settings = KafkaSettings { replication: 1, ..settings };
            Arc::new(KafkaLog::connect(settings, fresh_id().0).await.unwrap())
        } else {
            Arc::new(PostgresLog::open(pool.clone(), partitions).await.unwrap())
        };
        let workers = Workers::new(log.clone(), database.clone(), seed, !on_kafka && chance.one_in(4));
        // Some installations begin with a decoder that cannot read everything.
        workers.set_old_decoder(chance.one_in(3));
        Self {
            coming: accounts::mixed(&mut chance),
            appended: Vec::new(),
            ids: DeliveryIds::seeded(seed),
            clock: events::ManualClock::at("2026-10-24T20:00:00Z".parse().unwrap()),
            skew: chrono::Duration::zero(),
            rules: 0,
            done: Vec::new(),
            seed,
            chance,
            pool,
            log,
            workers,
            database,
        }
    }

    /// Appends deliveries as they reach us now, each to any partition.
    async fn append(&mut self, deliveries: Vec<Delivery>) {
        let entry = |delivery: &Delivery| {
            let partition_hash = self.chance.any();
            Entry { delivery: delivery.clone(), partition_hash }
        };
        let entries: Vec<Entry> = deliveries.iter().map(entry).collect();
        self.log.append(entries).await.unwrap();
        self.appended.extend(deliveries);
    }

    /// Works until nothing is left to do, then looks at everything.
    async fn settle(&mut self) {
        self.workers.at_least_one(self.rules).await;
        self.workers.none_stalls();
        invariants::adopted(&self.pool, &accounts::rules(self.rules), &self.context()).await;
        settled_in(&self.pool, self.log.as_ref(), &self.context()).await;
        invariants::accounted(&self.pool, self.log.as_ref(), self.appended.len(), &self.context()).await;
    }

    fn context(&self) -> String {
        format!("seed {} after {:?}", self.seed, self.done)
    }
}

/// One run: random operations, then the rest of what is told, then the comparison.
async fn run(seed: u64, on_kafka: bool) {
    let mut simulation = Simulation::new(seed, on_kafka).await;
    for _ in 0..OPERATIONS {
        let operation = Operation::any(&mut simulation.chance);
        simulation.done.push(operation);
        operation.act(&mut simulation).await;
        invariants::facts_and_positions_are_together(
            &simulation.pool,
            simulation.log.as_ref(),
            &simulation.context(),
        )
        .await;
    }
    let rest = std::mem::take(&mut simulation.coming);
    simulation.append(rest).await;
    simulation.settle().await;
    if simulation.workers.has_old_decoder() {
        Operation::Upgrade.act(&mut simulation).await;
        simulation.settle().await;
    }
    simulation.workers.stop().await;
    let context = simulation.context();
    let fresh = fresh(&simulation.appended, simulation.rules, &context).await;
    let (pool, fresh) = (workers::pool(&simulation.database), workers::pool(&fresh));
    invariants::same_tables(&fresh, &pool, &context).await;
    for pool in [pool, fresh, simulation.pool] {
        pool.close().await;
    }
}

/// A fresh projection of the same deliveries, in order, by one worker.
async fn fresh(deliveries: &[Delivery], rules: usize, context: &str) -> TestDatabase {
    let database = database().await;
    let pool = workers::pool(&database);
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), 1).await.unwrap());
    for chunk in deliveries.chunks(200) {
        let entries = chunk.iter().map(|delivery| Entry { delivery: delivery.clone(), partition_hash: 0 });
        log.append(entries.collect()).await.unwrap();
    }
    let mut workers = Workers::new(log.clone(), database.clone(), 0, false);
    workers.start(rules).await;
    settled_in(&pool, log.as_ref(), context).await;
    invariants::accounted(&pool, log.as_ref(), deliveries.len(), context).await;
    workers.stop().await;
    pool.close().await;
    database
}

/// Runs some seeds, a few at a time: most of a run is waiting for leases to expire.
async fn runs(seeds: Vec<u64>, on_kafka: bool) {
    let runs = seeds.into_iter().map(|seed| run(seed, on_kafka));
    futures::stream::iter(runs).buffer_unordered(3).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_leave_the_tables_of_a_fresh_projection() {
    let first = number("CHATLEDGER_SEED", 1);
    let fresh = first..first + number("CHATLEDGER_SIMULATIONS", 11);
    runs(FOUND.iter().map(|(seed, _)| *seed).chain(fresh).collect(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_on_kafka_leave_the_tables_of_a_fresh_projection() {
    let first = number("CHATLEDGER_SEED", 1);
    runs((first..first + number("CHATLEDGER_SIMULATIONS", 10).div_ceil(5)).collect(), true).await;
}
