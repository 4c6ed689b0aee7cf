//! Export: a process of its own writes the messages of sixty days to a folder, next to Postgres' own COPY of the same
//! ordered query and to DuckDB, which scans the table itself and writes Parquet.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use chatledger_tests::{DatabaseServer, TestDatabase, tools};
use chrono::NaiveDate;
use events::{Clock as _, SystemClock};
use export::{Account, Job, Personal, Target};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::report::{Figure, Report};
use crate::{machine, median, say};

const ACCOUNT: &str = "bench";
const ZONE: &str = "Asia/Almaty";
const DAYS: i64 = 60;
/// Messages in one statement.
const CHUNK: i64 = 100_000;

/// DuckDB with its Postgres scanner: sorts and writes what we write, as one file.
const DUCKDB: &str = "
import glob, json, resource, sys, time
import duckdb
extension, url, out, zone = sys.argv[1:]
db = duckdb.connect()
db.execute(f\"load '{extension}'\")
db.execute(f\"attach '{url}' as pg (type postgres, read_only)\")
db.execute(\"set memory_limit = '2GB'; set enable_progress_bar = false\")
started = time.time()
db.execute(f\"\"\"copy (
    select account_id, message_id, client_id, dialog_id, request_key, channel_id, transport, author_kind, operator_id,
           sent_at, time_quality, text, attachments::varchar as attachments, is_deleted, menu_item
    from pg.chat.messages where account_id = 'bench' order by sent_at, message_id
) to '{out}' (format parquet, compression zstd, row_group_size 122880)\"\"\")
print(json.dumps({'seconds': time.time() - started,
                  'peak_mib': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
";

/// Fills a table once, then measures the three in turn, so often; the median counts.
pub(crate) async fn measure(
    messages: i64,
    rounds: usize,
    databases: &DatabaseServer,
    report: &mut Report,
) -> anyhow::Result<()> {
    let database = databases.database().await;
    let pool = database.pool();
    say(&format!("export: {messages} messages are made"));
    fill(&pool, messages).await?;
    let folder = tempfile::tempdir()?;
    let (mut ours, mut copy, mut duckdb) = (Vec::new(), Vec::new(), Vec::new());
    let (mut told, mut again, mut scanned) = (Value::Null, Value::Null, Value::Null);
    for round in 0..rounds {
        let out = folder.path().join(round.to_string());
        let name = out.to_str().context("a path that is text")?;
        told = in_a_process(&database.url, name).await?;
        ours.push(told["seconds"].as_f64().context("seconds")?);
        again = in_a_process(&database.url, name).await?;
        copy.push(copied(&pool).await?);
        scanned = duckdb_scan(&database, &out.with_extension("parquet")).await?;
        duckdb.push(scanned["seconds"].as_f64().context("seconds")?);
    }
    let (ours, copy, duckdb) = (median(ours), median(copy), median(duckdb));
    let rate = |seconds: f64| messages as f64 / seconds;
    let mut figure = |name: &str, baseline, against: &str| {
        let (name, against) = (name.to_owned(), against.to_owned());
        report.figure(Figure { name, ours: rate(ours), baseline: rate(baseline), against });
    };
    figure(
        "export, rows to Parquet",
        copy,
        "COPY (the same ordered query) TO STDOUT (FORMAT binary), read and thrown away",
    );
    figure(
        "export, rows to Parquet (2)",
        duckdb,
        "DuckDB 1.5.5: its Postgres scan, sorted by the same, into one zstd Parquet file",
    );
    report.fact(
        "export",
        json!({
            "messages": messages,
            "days, so files": DAYS,
            "seconds": ours,
            "bytes written": told["bytes"],
            "peak resident memory, MiB": told["peak_mib"],
            "processor seconds of the exporting process (Postgres apart)": told["cpu_seconds"],
            "seconds of the next run, with nothing changed": again["seconds"],
            "peak resident memory of DuckDB, MiB": scanned["peak_mib"],
        }),
    );
    Ok(())
}

async fn fill(pool: &PgPool, messages: i64) -> anyhow::Result<()> {
    let mut from = 0;
    while from < messages {
        sqlx::query(
            "insert into messages (account_id, message_id, conversation, client_id, dialog_id, request_key, channel_id, \
                 transport, author_kind, operator_id, sent_at, time_quality, text, is_deleted, delivery_id, row_hash) \
             select $1, (900000000 + i)::text, 'c' || i % 40000, (i % 40000)::text, (i % 40000)::text, (i / 8)::text, \
                 (i % 5)::text, (array['telegram', 'whatsapp', 'viber'])[1 + i % 3], (array['client', 'operator'])[1 + i % 2], \
                 case i % 2 when 1 then (7000 + i % 30)::text end, \
                 timestamptz '2026-08-01 00:00+05' + ((i * 7919) % $2) * ($3 * interval '1 day') / $2, 'ok', \
                 'Здравствуйте! Заказ ' || i || ', когда его привезут? ' || substr(md5(i::text), 1, 16), false, \
                 gen_random_uuid(), hashint8extended(i, 1) \
             from generate_series($4::bigint, $5::bigint) i",
        )
        .bind(ACCOUNT)
        .bind(messages)
        .bind(DAYS as f64)
        .bind(from)
        .bind((from + CHUNK).min(messages) - 1)
        .execute(pool)
        .await?;
        from += CHUNK;
    }
    sqlx::query("analyze messages").execute(pool).await?;
    Ok(())
}

/// How long Postgres takes to sort and send the rows, when nobody does anything with them.
async fn copied(pool: &PgPool) -> anyhow::Result<f64> {
    let mut snapshot = store::export::snapshot(pool).await?;
    let dataset = &export::dataset::DATASETS[0];
    let selection = store::export::Selection { source: dataset.source, account: ACCOUNT, zone: ZONE };
    let first = NaiveDate::from_ymd_opt(2026, 8, 1).context("a day")?;
    let days: Vec<NaiveDate> = first.iter_days().take(usize::try_from(DAYS)? + 1).collect();
    let columns: Vec<_> = dataset.columns.iter().map(|column| column.read).collect();
    let started = Instant::now();
    let mut rows = store::export::rows(&mut snapshot, &selection, &days, &columns).await?;
    let mut bytes = 0;
    while let Some(piece) = rows.try_next().await? {
        bytes += piece.len();
    }
    anyhow::ensure!(bytes > 1000, "rows were read");
    Ok(started.elapsed().as_secs_f64())
}

async fn duckdb_scan(database: &TestDatabase, out: &Path) -> anyhow::Result<Value> {
    let scanner = tools().join("scanner");
    let extension: PathBuf =
        std::fs::read_to_string(scanner.join("extension")).context("run scripts/setup test")?.trim().into();
    let output = tokio::process::Command::new(scanner.join("bin/python"))
        .args(["-c", DUCKDB])
        .args([extension.as_os_str(), database.url.as_ref(), out.as_os_str(), ZONE.as_ref()])
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "duckdb ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn in_a_process(url: &str, out: &str) -> anyhow::Result<Value> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .args(["--child-export", url, out])
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "the exporting process ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Exports as `chatledger export` does, and says how it was.
pub(crate) async fn child(url: &str, out: &str) -> anyhow::Result<Value> {
    let pool = store::pool(url, store::LIVE, 4)?;
    let target = Arc::new(Target::open(out, tokio::runtime::Handle::current())?);
    let accounts = [Account { id: ACCOUNT.to_owned(), zone: ZONE.to_owned() }];
    let job =
        Job { pool: &pool, target, accounts: &accounts, personal: Personal::Keep, days: Default::default() };
    let started = Instant::now();
    let summary = export::run(&job, SystemClock.now(), &|_| {}, &CancellationToken::new()).await?;
    let seconds = started.elapsed().as_secs_f64();
    let bytes: u64 = summary.datasets.iter().map(|dataset| dataset.bytes).sum();
    Ok(json!({
        "seconds": seconds,
        "bytes": bytes,
        "peak_mib": machine::peak_mib(),
        "cpu_seconds": machine::cpu_seconds(),
    }))
}
