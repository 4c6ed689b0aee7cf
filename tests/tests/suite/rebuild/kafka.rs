//! The same with the log in Kafka, where a position also moves past what is no delivery: the log's marker, tombstones.

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::underway::switch_under_a_stream;
use super::*;
use crate::log_backends::{Kafka, fresh_id};
use crate::log_conformance::DEADLINE;

async fn on(kafka: &Kafka) -> Scene {
    Scene::new().await.through(kafka.connect().await.unwrap())
}

/// Ends each partition with a tombstone, as an erasure does.
async fn entomb(kafka: &Kafka) {
    let mut client = ClientConfig::new();
    let producer: FutureProducer =
        client.set("bootstrap.servers", kafka.settings.brokers.join(",")).create().unwrap();
    for partition in 0..kafka.settings.partitions {
        let key = fresh_id().to_string();
        let tombstone: FutureRecord<'_, str, [u8]> = FutureRecord::to(&kafka.settings.topic).key(&key);
        producer.send(tombstone.partition(partition.cast_signed()), DEADLINE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rebuilt_from_kafka_is_what_was_projected() {
    let kafka = Kafka::new().await;
    let scene = on(&kafka).await;
    scene.project(4).await;
    entomb(&kafka).await;
    let live = scene.live("live");
    scene.settled().await;
    live.stop().await;
    let said = scene.said().await;
    let differing: Vec<_> =
        scene.compared(false).await.unwrap().into_iter().filter(|one| !one.is_same()).collect();
    assert!(differing.is_empty(), "{differing:?}");
    scene.switched().await;
    assert_same(&said, &scene.said().await, "rebuilt from kafka");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_under_a_stream_of_deliveries_to_kafka_loses_and_doubles_nothing() {
    let scene = on(&Kafka::new().await).await;
    scene.project(5).await;
    switch_under_a_stream(&scene, 5).await;
}
