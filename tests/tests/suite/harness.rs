//! The harness itself: services that are real, apart, and gone afterwards.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use chatledger_tests::{database, kafka, kafka_cluster, own_database_server, own_kafka, wait_until};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const DEADLINE: Duration = Duration::from_secs(60);

async fn answers(url: &str) -> bool {
    let answered = async {
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await?;
        sqlx::query("select 1").execute(&mut connection).await
    };
    answered.await.is_ok()
}

async fn brokers(address: &str) -> usize {
    let address = address.to_owned();
    let ask = move || {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", address).set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let consumer: BaseConsumer = settings.create().unwrap();
        consumer.fetch_metadata(None, Duration::from_secs(3)).map_or(0, |metadata| metadata.brokers().len())
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

async fn one_broker(address: &str) {
    wait_until("one broker answers", DEADLINE, async || brokers(address).await == 1).await;
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own_with_both_schemas() {
    let (one, two) = tokio::join!(database(), database());
    assert_ne!(one.url, two.url);
    let tables = "select count(*) from pg_tables where schemaname = 'ledger' and tablename = 'deliveries'";
    for database in [&one, &two] {
        let found: i64 = sqlx::query_scalar(tables).fetch_one(&database.pool()).await.unwrap();
        assert_eq!(found, 1, "the migrations ran");
    }
    sqlx::query("create table only_here ()").execute(&one.pool()).await.unwrap();
    let stray = "select count(*) from pg_tables where tablename = 'only_here'";
    let found: i64 = sqlx::query_scalar(stray).fetch_one(&two.pool()).await.unwrap();
    assert_eq!(found, 0, "databases are apart");
}

#[tokio::test]
async fn a_database_server_of_ones_own_can_be_stopped_killed_and_crashed() {
    let mut server = own_database_server().await;
    let database = server.database().await;
    assert!(answers(&database.url).await);
    server.stop().await;
    assert!(!answers(&database.url).await);
    server.start().await;
    assert!(answers(&database.url).await);
    server.kill().await;
    assert!(!answers(&database.url).await);
    server.start().await;
    let pid = server.pid();
    server.crash();
    wait_until("the server comes back by itself", DEADLINE, async || {
        server.pid().is_some() && server.pid() != pid && answers(&database.url).await
    })
    .await;
}

#[tokio::test]
async fn a_broker_of_ones_own_can_be_stopped_and_killed() {
    one_broker(&kafka().await).await;
    let own = own_kafka().await;
    assert_ne!(own.address(), kafka().await);
    own.kill(1).await;
    assert_eq!(brokers(own.address()).await, 0);
    own.start(1).await;
    one_broker(own.address()).await;
    own.stop(1).await;
    assert_eq!(brokers(own.address()).await, 0);
}

#[tokio::test]
async fn three_brokers_are_one_cluster_and_outlive_one_of_them() {
    let cluster = kafka_cluster().await;
    wait_until("all three are in the metadata", DEADLINE, async || brokers(cluster.address()).await == 3)
        .await;
    cluster.kill(3).await;
    wait_until("the others go on", DEADLINE, async || brokers(cluster.address()).await >= 2).await;
    cluster.start(3).await;
    wait_until("it is back", DEADLINE, async || brokers(cluster.address()).await == 3).await;
}

#[tokio::test]
#[ignore = "the killed process of the test below, not a test"]
async fn holds_a_database_until_it_is_killed() {
    let server = own_database_server().await;
    println!("holding={},{}", server.pid().unwrap(), server.data_dir().display());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_test_process_leaves_no_server_and_no_folder() {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "harness::holds_a_database_until_it_is_killed", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let said = lines.find_map(|line| Some(line.unwrap().split_once("holding=")?.1.to_owned())).unwrap();
    let (pid, data) = said.split_once(',').unwrap();
    let (server, data) = (format!("/proc/{pid}"), std::path::Path::new(data));
    assert!(std::path::Path::new(&server).exists() && data.exists());
    process.kill().unwrap();
    process.wait().unwrap();
    wait_until("the server has ended", DEADLINE, async || !std::path::Path::new(&server).exists()).await;
    wait_until("its folder is gone", DEADLINE, async || !data.parent().unwrap().exists()).await;
}
