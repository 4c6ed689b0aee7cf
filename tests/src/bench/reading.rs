//! Raw reading of the log, next to COPY of the same columns and to a plain consumer loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatledger_tests::{DatabaseServer, Kafka};
use futures::TryStreamExt as _;
use log::{Limit, Log, Place, PostgresLog};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sqlx::PgPool;

use crate::capture::{PARTITIONS, kafka_log};
use crate::report::{Figure, Report};
use crate::workload::Workload;
use crate::{Options, median, say};

const TOPIC: &str = "reading";
/// As the projection reads.
const LIMIT: Limit = Limit { records: 1000, bytes: 8 << 20 };

pub(crate) async fn measure(
    workload: &Workload,
    options: &Options,
    databases: &DatabaseServer,
    kafka: &Kafka,
    report: &mut Report,
) -> anyhow::Result<()> {
    let database = databases.database().await;
    let pool = database.pool();
    let postgres: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), PARTITIONS).await?);
    let broker: Arc<dyn Log> = Arc::new(kafka_log(kafka, TOPIC).await?);
    say(&format!("reading: {} records are appended to both logs", options.records));
    fill(postgres.as_ref(), workload, options.records).await?;
    fill(broker.as_ref(), workload, options.records).await?;
    sqlx::raw_sql("vacuum analyze ledger.deliveries").execute(&pool).await?;
    let (mut ours, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        ours.push(read(postgres.as_ref(), options.records).await?);
        copied.push(copy(&pool, options.records).await?);
    }
    report.figure(Figure {
        name: "raw reading, Postgres log".to_owned(),
        ours: median(ours),
        baseline: median(copied),
        against: format!(
            "COPY of the same columns to stdout, binary, bytes thrown away; ours {} records a batch",
            LIMIT.records
        ),
    });
    let (mut ours, mut consumed) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        ours.push(read(broker.as_ref(), options.records).await?);
        let (address, records) = (kafka.address().to_owned(), options.records);
        consumed.push(tokio::task::spawn_blocking(move || consume(&address, records)).await??);
    }
    report.figure(Figure {
        name: "raw reading, Kafka log".to_owned(),
        ours: median(ours),
        baseline: median(consumed),
        against: format!(
            "plain rdkafka consumer loop, default settings; ours {} records a batch",
            LIMIT.records
        ),
    });
    Ok(())
}

pub(crate) async fn fill(log: &dyn Log, workload: &Workload, records: usize) -> anyhow::Result<()> {
    let mut entries = workload.repeated(records).peekable();
    while entries.peek().is_some() {
        log.append(entries.by_ref().take(2000).collect()).await?;
    }
    Ok(())
}

/// Records a second from opening the log at its start to its last record.
async fn read(log: &dyn Log, records: usize) -> anyhow::Result<f64> {
    let places: Vec<Place> = (0..PARTITIONS).map(|partition| Place { partition, offset: 0 }).collect();
    let started = Instant::now();
    let mut reader = log.open(&places).await?;
    let mut seen = 0;
    while seen < records {
        let batch = reader.next(LIMIT, Duration::from_secs(10)).await?;
        anyhow::ensure!(!batch.next.is_empty(), "nothing more after {seen} records");
        seen += batch.records.len();
        anyhow::ensure!(batch.records.iter().all(|record| record.delivery.is_ok()), "an unreadable record");
    }
    Ok(records as f64 / started.elapsed().as_secs_f64())
}

async fn copy(pool: &PgPool, records: usize) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut connection = pool.acquire().await?;
    let statement = "copy (select partition, log_offset, id, format, account_id, platform, road, received_at, capture, body \
                     from ledger.deliveries) to stdout (format binary)";
    let mut stream = connection.copy_out_raw(statement).await?;
    let mut bytes = 0;
    while let Some(chunk) = stream.try_next().await? {
        bytes += chunk.len();
    }
    anyhow::ensure!(bytes > records * 100, "only {bytes} bytes came");
    Ok(records as f64 / started.elapsed().as_secs_f64())
}

fn consume(brokers: &str, records: usize) -> anyhow::Result<f64> {
    let started = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "baseline")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(TOPIC, partition.cast_signed(), Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    // Its first record is the log's own marker.
    for seen in 0..=records {
        match consumer.poll(Duration::from_secs(10)) {
            Some(record) => drop(record?),
            None => anyhow::bail!("nothing more after {seen} records"),
        }
    }
    Ok(records as f64 / started.elapsed().as_secs_f64())
}
