//! Capture: our routes over each log, next to a bare axum handler that awaits one send, or one INSERT, a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use chatledger_tests::{DatabaseServer, Kafka};
use events::{Clock as _, DeliveryIds, Platform, Policy, SystemClock};
use ingest::capture::{Bounds, HookAccount, HookAccounts, Intake, router};
use log::{KafkaLog, KafkaSettings, Log, PostgresLog};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http::{self, Load};
use crate::report::{Figure, Report};
use crate::workload::{TOKEN, Workload, account};
use crate::{Options, median, say};

/// Requests at one time.
const CONNECTIONS: [usize; 2] = [64, 256];
/// As configured by default.
pub(crate) const PARTITIONS: u32 = 12;
/// Connections of the handler that inserts by itself. Commits that wait at the same time share a flush.
const INSERTERS: u32 = 32;

pub(crate) async fn measure(
    workload: &Workload,
    options: &Options,
    databases: &DatabaseServer,
    kafka: &Kafka,
    report: &mut Report,
) -> anyhow::Result<()> {
    let requests = http::requests(&workload.hooks);
    let database = databases.database().await;
    let log = Arc::new(PostgresLog::open(database.pool(), PARTITIONS).await?);
    let bare = store::pool(&databases.database().await.url, store::LIVE, INSERTERS)?;
    let postgres = [serve(intake(log)).await?, serve(inserting(bare).await?).await?];
    let log = Arc::new(kafka_log(kafka, "capture").await?);
    // The same kind of topic, and a producer that is set up as ours.
    kafka_log(kafka, "bare").await?;
    let brokers = [serve(intake(log)).await?, serve(sending(kafka.address())?).await?];
    let sides = [
        (
            "Postgres log",
            postgres,
            format!("bare axum, one INSERT awaited a request, {INSERTERS} connections"),
        ),
        (
            "Kafka log",
            brokers,
            "bare axum, one send awaited a request, acks=all, same producer settings".to_owned(),
        ),
    ];
    for (name, servers, against) in &sides {
        for connections in CONNECTIONS {
            say(&format!("capture: {name}, {connections} connections"));
            let [ours, baseline] = in_turn(servers, &requests, connections, options).await?;
            report.figure(Figure {
                name: format!("capture, {name}, {connections} at a time"),
                ours: ours.per_second,
                baseline: baseline.per_second,
                against: format!("{against}; p99 {:.1} ms against {:.1} ms", ours.p99_ms, baseline.p99_ms),
            });
        }
    }
    for (_, servers, _) in sides {
        servers.iter().for_each(|(_, server)| server.abort());
    }
    Ok(())
}

/// Both sides, one after the other, as often as asked; the median of each.
async fn in_turn(
    servers: &[(SocketAddr, JoinHandle<()>); 2],
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    options: &Options,
) -> anyhow::Result<[Load; 2]> {
    let mut loads: [Vec<Load>; 2] = Default::default();
    for ((address, _), _) in servers.iter().zip(&loads) {
        http::post(*address, requests, connections, Duration::from_millis(300)).await?;
    }
    for _ in 0..options.rounds {
        for ((address, _), loads) in servers.iter().zip(&mut loads) {
            loads.push(http::post(*address, requests, connections, options.capture).await?);
        }
    }
    Ok(loads.map(|loads| Load {
        per_second: median(loads.iter().map(|load| load.per_second).collect()),
        p99_ms: median(loads.iter().map(|load| load.p99_ms).collect()),
    }))
}

async fn serve(router: Router) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("a server that serves until it is aborted");
    });
    Ok((address, server))
}

/// Capture as `chatledger run ingest` wires it.
fn intake(log: Arc<dyn Log>) -> Router {
    let hooks = HookAccount::new(account(), Platform::Chat2desk, [crate::workload::SECRET]);
    let accounts = HookAccounts::new([hooks.signed(Policy::IfPresent, [TOKEN])]);
    router(Intake::new(accounts, log, Arc::new(SystemClock), DeliveryIds::random(), Bounds::default()))
}

/// A topic that a program of ours made.
pub(crate) async fn kafka_log(kafka: &Kafka, topic: &str) -> anyhow::Result<KafkaLog> {
    let brokers = kafka.address().split(',').map(str::to_owned).collect();
    let mut settings = KafkaSettings::new(brokers, topic, PARTITIONS);
    settings.replication = 1;
    Ok(KafkaLog::connect(settings, DeliveryIds::random().next(SystemClock.now()).0).await?)
}

fn sending(brokers: &str) -> anyhow::Result<Router> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "2")
        .set("compression.type", "zstd")
        .create()?;
    async fn send(State((producer, ids)): State<(FutureProducer, DeliveryIds)>, body: Bytes) -> StatusCode {
        let key = ids.next(SystemClock.now()).to_string();
        let record = FutureRecord::to("bare").key(&key).payload(body.as_ref());
        match producer.send(record, Duration::from_secs(10)).await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
    Ok(Router::new()
        .route("/hooks/{account}/{secret}", post(send))
        .with_state((producer, DeliveryIds::random())))
}

/// A table of the same columns, and one more index than none: by id, as the log has.
async fn inserting(pool: PgPool) -> anyhow::Result<Router> {
    sqlx::raw_sql(
        "create table bare (log_offset bigint generated always as identity primary key, id uuid not null, \
         account_id text not null, platform text not null, road text not null, received_at timestamptz not null, \
         capture json not null, body bytea not null); create index bare_id on bare (id)",
    )
    .execute(&pool)
    .await?;
    async fn insert(State((pool, ids)): State<(PgPool, DeliveryIds)>, body: Bytes) -> StatusCode {
        let now = SystemClock.now();
        let inserted = sqlx::query(
            "insert into bare (id, account_id, platform, road, received_at, capture, body) \
             values ($1, 'bench', 'chat2desk', 'webhook', $2, '{\"content_type\":\"application/json\"}', $3)",
        )
        .bind(ids.next(now).0)
        .bind(now)
        .bind(body.as_ref())
        .execute(&pool)
        .await;
        if inserted.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
    Ok(Router::new()
        .route("/hooks/{account}/{secret}", post(insert))
        .with_state((pool, DeliveryIds::random())))
}
