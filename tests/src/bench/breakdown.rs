//! Where the time of the projection goes: its two steps one after the other, each part by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use events::fact::Filing;
use events::{AccountId, Fact, Observation};
use log::{Batch, Limit, Log as _, Place, PostgresLog};
use projection::Settings;
use projection::decode::decode;
use projection::fold::fold;
use projection::runner::fold_marked;
use serde_json::{Value, json};
use store::PgPool;
use store::accounting::{self, Tally, TallyKey};
use store::facts::{self, FactRow};
use store::positions::{self, Move};
use store::tables::sealed;

use crate::capture::PARTITIONS;
use crate::machine;
use crate::statements::Statements;
use crate::workload::{ACCOUNT, rules};

/// Statements that are listed.
const LISTED: usize = 18;

/// Seconds by part.
#[derive(Debug, Default)]
struct Parts {
    read: f64,
    decode: f64,
    write_down: f64,
    facts: f64,
    accounting: f64,
    commit: f64,
    fold: f64,
    fold_sql: f64,
}

/// What the batches were like.
#[derive(Debug, Default)]
struct Shape {
    batches: usize,
    deliveries: usize,
    facts: usize,
    messages: usize,
    conversations: usize,
    folded: usize,
}

/// Projects the log at `url` in one task.
pub(crate) async fn child(url: &str) -> anyhow::Result<Value> {
    let statements = Statements::listen()?;
    let pool = store::pool(url, store::LIVE, 8)?;
    let log = PostgresLog::open(pool.clone(), PARTITIONS).await?;
    let mut next = BTreeMap::new();
    let mut transaction = store::begin(&pool).await?;
    for partition in 0..PARTITIONS {
        next.insert(partition, positions::take(&mut transaction, partition, log.id(), 1, 0).await?);
    }
    store::commit(transaction).await?;
    let places: Vec<Place> = next.iter().map(|(&partition, &offset)| Place { partition, offset }).collect();
    let end: i64 = log.bounds().await?.iter().map(|bounds| bounds.end).sum();
    let mut reader = log.open(&places).await?;
    let (settings, rules) = (Settings::default(), rules());
    let limit = Limit { records: settings.batch_records, bytes: settings.batch_bytes };
    let (mut parts, mut shape) = (Parts::default(), Shape::default());
    let started = Instant::now();
    while next.values().sum::<i64>() < end {
        let batch = clocked(&mut parts.read, reader.next(limit, Duration::from_secs(5))).await?;
        anyhow::ensure!(!batch.next.is_empty(), "nothing more");
        store_batch(&pool, &batch, &mut next, &mut parts, &mut shape).await?;
    }
    // As the runner does it while the log holds more: what is stored is folded once for many batches.
    let before = statements.seconds();
    loop {
        let folding = clocked(&mut parts.fold, fold_marked(&pool, &rules, settings.fold_subjects)).await?;
        if folding.subjects == 0 {
            break;
        }
        shape.folded += folding.subjects;
    }
    parts.fold_sql += statements.seconds() - before;
    let total = started.elapsed().as_secs_f64();
    let by_statement = statements.lines(LISTED);
    let pure = pure_fold(&pool).await?;
    let each = |seconds: f64| {
        format!(
            "{seconds:.2} s = {:.0} % = {:.3} ms a delivery",
            seconds * 100.0 / total,
            seconds * 1000.0 / shape.deliveries as f64
        )
    };
    let mean = |of: usize| (of as f64 / shape.batches as f64).round();
    Ok(json!({
        "0 all, in turn": each(total),
        "1 step 1, reading the log": each(parts.read),
        "1 step 1, decode": each(parts.decode),
        "1 step 1, registers to JSON and hash": each(parts.write_down),
        "1 step 1, facts, links and marks (SQL)": each(parts.facts),
        "1 step 1, accounting and positions (SQL)": each(parts.accounting),
        "1 step 1, commit": each(parts.commit),
        "2 step 2, all": each(parts.fold),
        "2 step 2, in statements": each(parts.fold_sql),
        "2 step 2, in Rust (merge, fold, hash, JSON)": each(parts.fold - parts.fold_sql),
        "3 pure fold of all conversations once more": pure,
        "4 batches": format!(
            "{} of {} deliveries; a batch has {} facts, {} of them messages, in {} conversations: {:.1} messages each; {} subjects folded",
            shape.batches, mean(shape.deliveries), mean(shape.facts), mean(shape.messages), mean(shape.conversations),
            shape.messages as f64 / shape.conversations.max(1) as f64, mean(shape.folded),
        ),
        "5 processor seconds of this process (Postgres apart)": machine::cpu_seconds(),
        "6 statements": by_statement,
    }))
}

/// Step 1, as `projection::runner` does it.
async fn store_batch(
    pool: &PgPool,
    batch: &Batch,
    next: &mut BTreeMap<u32, i64>,
    parts: &mut Parts,
    shape: &mut Shape,
) -> anyhow::Result<()> {
    let account: AccountId = ACCOUNT.parse()?;
    let rules = rules();
    let rules = rules.of(ACCOUNT);
    let mut observations: Vec<Observation> = Vec::new();
    let mut tallies: BTreeMap<TallyKey, Tally> = BTreeMap::new();
    let started = Instant::now();
    for record in &batch.records {
        let Ok(delivery) = &record.delivery else { anyhow::bail!("an unreadable record") };
        let decoded = decode(delivery, rules);
        let day = delivery.received_at.with_timezone(&rules.zone).date_naive();
        let key = TallyKey {
            account: account.clone(),
            road: delivery.road,
            day,
            partition: record.place.partition,
        };
        let tally = tallies.entry(key).or_default();
        tally.appended += 1;
        tally.decoded += 1;
        tally.facts += i64::try_from(decoded.observations.len())?;
        observations.extend(decoded.observations);
    }
    parts.decode += started.elapsed().as_secs_f64();
    shape.add(batch, &observations);
    let started = Instant::now();
    let rows = observations.into_iter().map(|observation| FactRow::new(&account, observation));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    parts.write_down += started.elapsed().as_secs_f64();
    let moves: Vec<Move> = batch
        .next
        .iter()
        .filter_map(|place| {
            let from = next.insert(place.partition, place.offset)?;
            Some(Move { partition: place.partition, from, to: place.offset, epoch: 1 })
        })
        .collect();
    let mut transaction = store::begin(pool).await?;
    clocked(&mut parts.facts, facts::insert(&mut transaction, &rows)).await?;
    clocked(&mut parts.accounting, async {
        accounting::add(&mut transaction, &tallies).await?;
        positions::advance(&mut transaction, &moves).await
    })
    .await?;
    clocked(&mut parts.commit, store::commit(transaction)).await?;
    Ok(())
}

impl Shape {
    fn add(&mut self, batch: &Batch, observations: &[Observation]) {
        self.batches += 1;
        self.deliveries += batch.records.len();
        self.facts += observations.len();
        self.messages += observations.iter().filter(|o| matches!(o.fact, Fact::Message(_))).count();
        let conversations: BTreeSet<_> = observations
            .iter()
            .filter_map(|o| match o.fact.filing() {
                Filing::Conversation(ids) => Some((ids.client_id?, ids.channel_id?)),
                _ => None,
            })
            .collect();
        self.conversations += conversations.len();
    }
}

/// Folds every conversation as it is now, without writing: what the pure part alone takes.
async fn pure_fold(pool: &PgPool) -> anyhow::Result<String> {
    let rules = rules();
    let rules = rules.of(ACCOUNT);
    let (mut read, mut folding, mut sealing) = (0.0, 0.0, 0.0);
    let (mut conversations, mut told, mut rows) = (0, 0, 0);
    let mut transaction = store::begin(pool).await?;
    let all: Vec<(String, String)> = sqlx::query_as(
        "select distinct account_id, conversation from facts where conversation is not null order by 1, 2",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let subjects = clocked(&mut read, store::folding::read_whole(&mut transaction, &all)).await?;
    for subject in &subjects {
        let started = Instant::now();
        let folded = fold(black_box(subject), rules);
        folding += started.elapsed().as_secs_f64();
        conversations += 1;
        told += subject.told.len();
        rows += folded.messages.len() + folded.requests.len() + folded.turns.len() + folded.dialogs.len();
        let started = Instant::now();
        for row in folded.messages {
            black_box(sealed(row)?);
        }
        for row in folded.requests {
            black_box(sealed(row)?);
        }
        for row in folded.turns {
            black_box(sealed(row)?);
        }
        for row in folded.dialogs {
            black_box(sealed(row)?);
        }
        sealing += started.elapsed().as_secs_f64();
    }
    Ok(format!(
        "{conversations} conversations, {told} tellings, {rows} rows: read {read:.2} s, fold {folding:.2} s, \
         hash the rows {sealing:.2} s"
    ))
}

/// Awaits and adds the seconds that it took.
async fn clocked<T>(sum: &mut f64, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    *sum += started.elapsed().as_secs_f64();
    done
}
