//! One part of the next generation at a time: its tellings out of the files, its facts and rows into the tables.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use events::{AccountId, Road};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::spill::Reader;
use super::staged::Staged;
use super::state;
use crate::StoreError;
use crate::accounting::{self, Tally, TallyKey};
use crate::copy::{CopyRows, Micros};
use crate::facts;
use crate::marks::{self, Mark};
use crate::tables::TableRow;

/// Conversations that share something with another one: hashes, so a few others may be among them.
#[derive(Debug, Default)]
pub struct Odd(HashSet<u64>);

impl Odd {
    /// Whether it has to be folded by the ordinary way.
    pub fn contains(&self, account: &str, conversation: &str) -> bool {
        self.0.contains(&hash(account, conversation))
    }
}

fn hash(account: &str, conversation: &str) -> u64 {
    let mut hash = Xxh3::new();
    for part in [account, conversation] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.digest()
}

/// Reads the odd ones.
pub async fn odd(next: &PgPool) -> Result<Odd, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select account_id, conversation from rebuild_odd").fetch_all(next).await?;
    Ok(Odd(rows.iter().map(|(account, conversation)| hash(account, conversation)).collect()))
}

/// The buckets that are done.
pub async fn folded(executor: impl PgExecutor<'_>) -> Result<BTreeSet<u32>, StoreError> {
    let buckets: Vec<i32> =
        sqlx::query_scalar("select bucket from rebuild_buckets").fetch_all(executor).await?;
    Ok(buckets.into_iter().map(i32::cast_unsigned).collect())
}

/// The packed tellings of one bucket.
#[derive(Debug, Default)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// Reads one bucket.
    pub fn read(reader: &Reader, bucket: u32) -> Result<Self, StoreError> {
        reader.read(bucket).map(Self)
    }
}

/// The different tellings of a bucket, by account, conversation, kind and key, and the copies that told nothing new.
#[derive(Debug, Default)]
pub struct Tellings<'a> {
    /// Each once: the greatest stamp, the earliest receipt with its delivery.
    pub told: Vec<Staged<'a>>,
    unchanged: BTreeMap<(&'a str, &'a str, i32, u32), i64>,
}

impl Packed {
    /// Unpacks, sorts and merges copies: what `facts_upsert.sql` does one by one.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a file was tampered with.
    pub fn tellings(&self) -> Result<Tellings<'_>, StoreError> {
        let mut all: Vec<Staged<'_>> = Vec::new();
        let mut bytes = self.0.as_slice();
        while let Some(staged) = Staged::unpack(&mut bytes)? {
            all.push(staged);
        }
        // Copies have one conversation: it follows from the registers. The earliest comes first.
        all.sort_unstable_by(|a, b| {
            (a.account, a.conversation, a.kind, a.key, a.content_hash, a.received_at, a.delivery).cmp(&(
                b.account,
                b.conversation,
                b.kind,
                b.key,
                b.content_hash,
                b.received_at,
                b.delivery,
            ))
        });
        let mut tellings = Tellings { told: Vec::with_capacity(all.len()), unchanged: BTreeMap::new() };
        for staged in all {
            match tellings.told.last_mut() {
                Some(held) if held.identity() == staged.identity() => {
                    if (staged.observed_at, staged.rank, staged.hash)
                        > (held.observed_at, held.rank, held.hash)
                    {
                        (held.observed_at, held.rank, held.hash) =
                            (staged.observed_at, staged.rank, staged.hash);
                    }
                    let tally = (staged.account, staged.road, staged.day, staged.partition);
                    *tellings.unchanged.entry(tally).or_default() += 1;
                }
                _ => tellings.told.push(staged),
            }
        }
        Ok(tellings)
    }
}

impl Tellings<'_> {
    fn tallies(&self) -> BTreeMap<TallyKey, Tally> {
        let tally =
            |(&(account, road, day, partition), &facts_unchanged): (&(&str, &str, i32, u32), &i64)| {
                let account: AccountId = account.parse().ok()?;
                let road: Road = road.parse().ok()?;
                let day = chrono::NaiveDate::default() + chrono::TimeDelta::days(day.into());
                Some((
                    TallyKey { account, road, day, partition },
                    Tally { facts_unchanged, ..Tally::default() },
                ))
            };
        self.unchanged.iter().filter_map(tally).collect()
    }
}

/// Rows on their way into one table.
#[derive(Debug)]
struct Table {
    copy: &'static str,
    rows: CopyRows,
}

/// What a bucket writes.
#[derive(Debug, Default)]
pub struct Written {
    tables: BTreeMap<&'static str, Table>,
    marks: Vec<Mark>,
}

impl Written {
    /// Adds a row that is sealed.
    pub fn row<R: TableRow>(&mut self, row: &R) {
        let fresh = || Table { copy: R::COPY, rows: CopyRows::new() };
        row.copy_to(&mut self.tables.entry(R::TABLE).or_insert_with(fresh).rows);
    }

    /// Leaves a conversation to the ordinary fold.
    pub fn leave_conversation(&mut self, account: &str, conversation: &str) {
        self.marks.push(Mark {
            account: account.to_owned(),
            kind: "conversation",
            subject: conversation.to_owned(),
            since: None,
            // The live generation has told it.
            quiet: true,
        });
    }

    /// Leaves a client to the ordinary fold.
    pub fn leave_client(&mut self, account: &str, client: &str) {
        self.marks.push(Mark {
            account: account.to_owned(),
            kind: "client",
            subject: client.to_owned(),
            since: None,
            quiet: true,
        });
    }
}

/// A bucket that only has to be sent.
#[derive(Debug)]
pub struct Ready {
    facts: CopyRows,
    written: Written,
    tallies: BTreeMap<TallyKey, Tally>,
}

impl Ready {
    /// Of the tellings and what was folded of them.
    pub fn new(tellings: &Tellings<'_>, written: Written) -> Self {
        Self { facts: facts(tellings), written, tallies: tellings.tallies() }
    }
}

/// Writes a bucket's facts and rows, and that it is done: in one transaction of the caller.
///
/// # Errors
/// [`StoreError::Refused`] when the helper tables are not those of the build any more.
pub async fn write(
    connection: &mut PgConnection,
    build: Uuid,
    bucket: u32,
    ready: Ready,
) -> Result<(), StoreError> {
    let Ready { facts, written, tallies } = ready;
    facts.send(connection, facts::COPY).await?;
    for Table { copy, rows } in written.tables.into_values() {
        rows.send(connection, copy).await?;
    }
    marks::set(connection, &written.marks).await?;
    if !tallies.is_empty() {
        accounting::add(connection, &tallies).await?;
    }
    let done =
        sqlx::query("insert into rebuild_buckets (bucket) select $1 from rebuild_intact where build = $2")
            .bind(bucket.cast_signed())
            .bind(build)
            .execute(connection)
            .await?;
    match done.rows_affected() {
        0 => Err(state::taken_over()),
        _ => Ok(()),
    }
}

fn facts(tellings: &Tellings<'_>) -> CopyRows {
    let mut rows = CopyRows::new();
    for told in &tellings.told {
        rows.row(16);
        for text in [told.account, told.kind, told.key] {
            rows.value(text);
        }
        rows.value(&told.content_hash);
        rows.value(&Micros(told.observed_at));
        rows.value(&told.rank);
        rows.value(&told.hash);
        rows.value(&Micros(told.received_at));
        rows.value(&told.delivery);
        rows.value(&told.conversation);
        rows.value(&told.firm);
        for text in [told.client_id, told.dialog_id, told.request_id] {
            rows.value(&text);
        }
        rows.value(told.registers);
        rows.value(&Micros(told.happened_at));
    }
    rows
}
