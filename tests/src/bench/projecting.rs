//! Live projection: a whole account stands in the log; a process of its own projects it until nothing is left to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chatledger_tests::DatabaseServer;
use log::{Entry, Log, PostgresLog};
use projection::{Runner, Settings};
use serde_json::{Value, json};
use store::positions;
use tokio_util::sync::CancellationToken;

use crate::capture::PARTITIONS;
use crate::report::{Figure, Report};
use crate::workload::rules;
use crate::{machine, median, unnest};

/// Longer than any run may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// Projects the entries, then writes the same finished rows in another database, so often in turn; then says where the
/// time goes.
pub(crate) async fn measure(
    name: &str,
    entries: &[Entry],
    rounds: usize,
    databases: &DatabaseServer,
    report: &mut Report,
) -> anyhow::Result<()> {
    let batches = entries.len().div_ceil(Settings::default().batch_records);
    let (mut ours, mut baseline, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..rounds {
        let (database, other) = (databases.database().await, databases.database().await);
        let pool = database.pool();
        fill(&PostgresLog::open(pool.clone(), PARTITIONS).await?, entries).await?;
        let told = in_a_process("--child-project", &database.url).await?;
        let written = unnest::measure(&pool, &other.pool(), batches).await?;
        ours.push(told["seconds"].as_f64().context("seconds")?);
        baseline.push(written.seconds);
        last = Some((told, written));
    }
    let (told, written) = last.context("at least one round")?;
    let (seconds, written_in) = (median(ours), median(baseline));
    report.figure(Figure {
        name: format!("projection, {name}"),
        ours: entries.len() as f64 / seconds,
        baseline: entries.len() as f64 / written_in,
        against: format!(
            "UNNEST of the same {} finished rows, one connection, {batches} transactions of {:.0} deliveries = {} rows",
            written.rows,
            entries.len() as f64 / batches as f64,
            written.rows / batches,
        ),
    });
    let fresh = databases.database().await;
    fill(&PostgresLog::open(fresh.pool(), PARTITIONS).await?, entries).await?;
    let parts = in_a_process("--child-breakdown", &fresh.url).await?;
    report.fact(
        &format!("projection, {name}"),
        json!({
            "deliveries": entries.len(),
            "seconds": seconds,
            "facts stored after": told["stored_after"],
            "seconds of the baseline": written_in,
            "rows by table": written.tables,
            "peak resident memory, MiB": told["peak_mib"],
            "processor seconds of the projecting process (Postgres apart)": told["cpu_seconds"],
        }),
    );
    report.fact(
        &format!("where the time goes, {name} (all stored, then all folded, one thing at a time)"),
        parts,
    );
    Ok(())
}

/// Appends, in their order.
async fn fill(log: &dyn Log, entries: &[Entry]) -> anyhow::Result<()> {
    for chunk in entries.chunks(2000) {
        log.append(chunk.to_vec()).await?;
    }
    Ok(())
}

/// Runs this program again for one part; gives what it tells.
async fn in_a_process(part: &str, url: &str) -> anyhow::Result<Value> {
    // The very file that runs, also when a build has put another one in its place meanwhile.
    let output = tokio::process::Command::new("/proc/self/exe")
        .args([part, url])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?
        .wait_with_output()
        .await?;
    anyhow::ensure!(output.status.success(), "{part}: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Projects the log in the database at `url` as `chatledger run project` would.
pub(crate) async fn child(url: &str) -> anyhow::Result<Value> {
    let pool = store::pool(url, store::LIVE, 8)?;
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), PARTITIONS).await?);
    let end: i64 = log.bounds().await?.iter().map(|bounds| bounds.end).sum();
    let runner = Runner::new(log, pool.clone(), rules(), Settings::default(), store::LIVE, "bench");
    let stop = CancellationToken::new();
    let started = Instant::now();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await }
    });
    let mut stored = None;
    while stored.is_none() || !store::folding::marked_kinds(&pool).await?.is_empty() {
        anyhow::ensure!(
            !running.is_finished() && started.elapsed() < PATIENCE,
            "the projection ended or hangs"
        );
        if stored.is_none() {
            let read: i64 = positions::list(&pool).await?.iter().map(|position| position.next).sum();
            stored = (read == end).then(|| started.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    stop.cancel();
    running.await??;
    Ok(
        json!({"seconds": seconds, "stored_after": stored, "peak_mib": machine::peak_mib(), "cpu_seconds": machine::cpu_seconds()}),
    )
}
