//! What the log says, packed: tellings into files, what settling asks for into helper tables without indexes. The first phase.

use std::collections::HashSet;

use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::spill::{self, Heap, Segment, Writer};
use super::staged::Staged;
use crate::StoreError;
use crate::accounting::TallyKey;
use crate::copy::CopyRows;
use crate::facts::{self, FactRow};

/// Bytes of what is written at once, about.
const SEGMENT: usize = 8 << 20;
/// Links and messages that a loader remembers, so that it tells them once: 16 bytes each.
const REMEMBERED: usize = 500_000;

/// Makes the helper tables, empty.
pub async fn prepare(next: &PgPool) -> Result<(), StoreError> {
    sqlx::raw_sql(include_str!("tables.sql")).execute(next).await?;
    Ok(())
}

/// Says that the helper tables are those of a build, in the transaction that begins it; that waits for the disk.
pub async fn belong(connection: &mut PgConnection, build: Uuid) -> Result<(), StoreError> {
    sqlx::query("set local synchronous_commit = on").execute(&mut *connection).await?;
    sqlx::query("insert into rebuild_intact (build) values ($1)").bind(build).execute(connection).await?;
    Ok(())
}

/// Whether the helper tables are those of a build, as they were left: a crash of the server empties them.
pub async fn is_intact(executor: impl PgExecutor<'_>, build: Uuid) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("select exists (select from rebuild_intact where build = $1)")
        .bind(build)
        .fetch_one(executor)
        .await;
    match found {
        // Undefined table.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
        found => Ok(found?),
    }
}

/// What some batches of deliveries bring.
#[derive(Debug)]
pub struct Batch {
    buckets: u32,
    writer: Writer,
    /// What is in the file and does not count yet.
    spilled: Vec<Segment>,
    heap: Heap,
    /// Packed tellings that name no channel: they wait for [`settle`](super::settle).
    waiting: Vec<u8>,
    unfirm: CopyRows,
    links: CopyRows,
    messages: CopyRows,
    remembered: HashSet<u128>,
}

impl Batch {
    /// An empty one; to be used again and again, because it remembers what was told.
    pub fn new(buckets: u32, writer: Writer) -> Self {
        Self {
            buckets: buckets.max(1),
            writer,
            spilled: Vec::new(),
            heap: Heap::new(buckets.max(1)),
            waiting: Vec::new(),
            unfirm: CopyRows::new(),
            links: CopyRows::new(),
            messages: CopyRows::new(),
            remembered: HashSet::new(),
        }
    }

    /// Adds a telling and the tally that it is counted in.
    pub fn add(&mut self, row: &FactRow, tally: &TallyKey) {
        let filed = facts::file(&row.observation.fact, &row.observation.key);
        let staged = Staged::of(row, &filed, tally);
        if !staged.firm {
            let from = self.waiting.len();
            staged.pack(&mut self.waiting);
            self.unfirm.row(9);
            for text in [staged.account, staged.kind, staged.key] {
                self.unfirm.value(text);
            }
            for text in [staged.client_id, staged.dialog_id, staged.request_id] {
                self.unfirm.value(&text);
            }
            self.unfirm.value(self.writer.name());
            self.unfirm.value(&(self.writer.end() + signed(from)));
            self.unfirm.value(&i32::try_from(self.waiting.len() - from).unwrap_or(i32::MAX));
            return;
        }
        self.pack(&staged);
        let Some(conversation) = staged.conversation else { return };
        for identity in &filed.links {
            if self.is_news(["link", staged.account, identity, conversation]) {
                told(&mut self.links, staged.account, identity, conversation);
            }
        }
        if staged.kind == "message" && self.is_news(["message", staged.account, staged.key, conversation]) {
            told(&mut self.messages, staged.account, staged.key, conversation);
        }
    }

    /// Adds a packed telling of which it is known by now where it belongs.
    pub fn settled(&mut self, packed: &[u8], conversation: Option<&str>) -> Result<(), StoreError> {
        let mut bytes = packed;
        while let Some(staged) = Staged::unpack(&mut bytes)? {
            self.pack(&Staged { conversation, ..staged });
        }
        Ok(())
    }

    /// Whether it is to be written.
    pub fn is_full(&self) -> bool {
        let rows = [&self.unfirm, &self.links, &self.messages];
        self.heap.bytes() + self.waiting.len() + rows.map(CopyRows::bytes).iter().sum::<usize>() > SEGMENT
    }

    fn pack(&mut self, staged: &Staged<'_>) {
        self.heap.add(staged.bucket(self.buckets), |out| staged.pack(out));
    }

    /// Whether it was not told before. What is forgotten in between is told twice, which changes nothing.
    fn is_news(&mut self, parts: [&str; 4]) -> bool {
        let mut hash = Xxh3::new();
        for part in parts {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(hash.digest128())
    }

    /// Writes the packed tellings into the file, where they count once [`Batch::write`] is committed.
    pub fn spill(&mut self) -> Result<(), StoreError> {
        // First: where they stand is known from the end of the file until then.
        self.spilled.extend(self.writer.write_waiting(&mut self.waiting)?);
        self.spilled.extend(self.writer.write(&mut self.heap)?);
        Ok(())
    }

    /// Writes what else was added, and what was written into the file; is empty again.
    pub async fn write(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        for segment in self.spilled.drain(..) {
            spill::note(connection, &segment).await?;
        }
        let mut send = async |rows: &mut CopyRows, statement: &str| {
            std::mem::replace(rows, CopyRows::new()).send(connection, statement).await
        };
        send(
            &mut self.unfirm,
            "copy rebuild_unfirm (account_id, kind, fact_key, client_id, dialog_id, request_id, file, start, bytes) \
             from stdin (format binary)",
        )
        .await?;
        send(
            &mut self.links,
            "copy rebuild_links (account_id, identity, conversation) from stdin (format binary)",
        )
        .await?;
        send(
            &mut self.messages,
            "copy rebuild_messages (account_id, message_id, conversation) from stdin (format binary)",
        )
        .await?;
        Ok(())
    }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn told(rows: &mut CopyRows, account: &str, what: &str, conversation: &str) {
    rows.row(3);
    for text in [account, what, conversation] {
        rows.value(text);
    }
}

/// Moves the positions of the next generation: what lies before is in the helper tables. Nobody works under an epoch yet.
pub async fn advance(
    connection: &mut PgConnection,
    log_id: &str,
    places: &[(u32, i64)],
) -> Result<(), StoreError> {
    let (partitions, next): (Vec<i32>, Vec<i64>) =
        places.iter().map(|(partition, next)| (partition.cast_signed(), *next)).unzip();
    sqlx::query(
        "insert into positions (partition, log_id, next, epoch) select p, $3, n, 0 \
         from unnest($1::integer[], $2::bigint[]) as moved (p, n) \
         on conflict (partition) do update set next = excluded.next, updated_at = now()",
    )
    .bind(partitions)
    .bind(next)
    .bind(log_id)
    .execute(connection)
    .await?;
    Ok(())
}
