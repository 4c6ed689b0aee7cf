//! What only the Kafka backend can get wrong: the topic, tombstones, foreign records, brokers that do not acknowledge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatledger_tests::{kafka_cluster, own_kafka, wait_until};
use log::{KafkaLog, KafkaSettings, Limit, Log, LogError, Place, Record};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, timeout};

use crate::log_backends::{Kafka, fresh_id};
use crate::log_conformance::{ALL, DEADLINE, PARTITIONS, append, delivery, entry, next, read, starts};

/// A topic as the log makes it, for one that is changed in one point.
const FIT: &[(&str, &str)] =
    &[("cleanup.policy", "compact"), ("max.message.bytes", "10485760"), ("min.insync.replicas", "1")];

/// The cleaner of the tests' broker looks every half second, but has all topics to look at.
const CLEANED: Duration = Duration::from_secs(90);

fn client(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.settings.brokers.join(",")).set("group.id", &kafka.settings.group);
    config
}

fn admin(kafka: &Kafka) -> AdminClient<DefaultClientContext> {
    client(kafka).create().unwrap()
}

async fn create(kafka: &Kafka, partitions: u32, change: (&str, &str)) {
    create_with(kafka, partitions, &[change]).await;
}

async fn create_with(kafka: &Kafka, partitions: u32, changes: &[(&str, &str)]) {
    let topic = NewTopic::new(&kafka.settings.topic, partitions.cast_signed(), TopicReplication::Fixed(1));
    let topic = FIT.iter().chain(changes).fold(topic, |topic, (name, value)| topic.set(name, value));
    for result in admin(kafka).create_topics([&topic], &AdminOptions::new()).await.unwrap() {
        result.unwrap();
    }
}

/// Deletes the topic and waits until it is gone.
async fn delete(kafka: &Kafka) {
    let topic = kafka.settings.topic.as_str();
    for result in admin(kafka).delete_topics(&[topic], &AdminOptions::new()).await.unwrap() {
        result.unwrap();
    }
    let consumer: BaseConsumer = client(kafka).create().unwrap();
    wait_until("the topic is gone", DEADLINE, async || {
        let metadata = consumer.fetch_metadata(None, DEADLINE).unwrap();
        !metadata.topics().iter().any(|found| found.name() == topic)
    })
    .await;
}

async fn produce(kafka: &Kafka, key: &str, value: Option<&str>, headers: &[(&str, &str)]) {
    let producer: FutureProducer = client(kafka).create().unwrap();
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
    let record = FutureRecord { payload: value, ..FutureRecord::to(&kafka.settings.topic) };
    producer.send(record.partition(0).key(key).headers(headers), DEADLINE).await.unwrap();
}

fn unfit<T>(result: Result<T, LogError>) -> String {
    let error = result.err();
    assert!(matches!(error, Some(LogError::Unfit(_))), "not unfit: {error:?}");
    error.unwrap().to_string()
}

#[tokio::test]
async fn a_topic_that_would_lose_data_is_refused() {
    for (change, why) in [
        (("cleanup.policy", "delete"), "cleanup.policy=compact"),
        (("cleanup.policy", "compact,delete"), "cleanup.policy=compact"),
        (("max.message.bytes", "1048588"), "max.message.bytes=10485760"),
        (("unclean.leader.election.enable", "true"), "unclean.leader.election.enable=false"),
        (("message.timestamp.type", "LogAppendTime"), "message.timestamp.type=CreateTime"),
        (("min.insync.replicas", "2"), "min.insync.replicas=1"),
    ] {
        let kafka = Kafka::new().await;
        create(&kafka, PARTITIONS, change).await;
        let refused = unfit(kafka.connect().await);
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_topic_with_another_number_of_partitions_is_refused() {
    let kafka = Kafka::new().await;
    create(&kafka, PARTITIONS + 1, FIT[0]).await;
    assert!(unfit(kafka.connect().await).contains("partitions = 4"));
}

#[tokio::test]
async fn one_copy_is_refused_where_three_are_configured() {
    let kafka = Kafka::new().await;
    create(&kafka, PARTITIONS, FIT[0]).await;
    let settings = KafkaSettings { replication: 3, ..kafka.settings.clone() };
    assert!(unfit(KafkaLog::connect(settings, fresh_id().0).await).contains("replication = 1"));
}

#[tokio::test]
async fn more_copies_than_there_are_brokers_are_refused_when_the_topic_is_made() {
    let kafka = Kafka::new().await;
    let settings = KafkaSettings { replication: 3, ..kafka.settings.clone() };
    assert!(unfit(KafkaLog::connect(settings, fresh_id().0).await).contains("replication 3"));
}

#[tokio::test]
async fn a_fit_topic_made_by_hand_is_taken() {
    let kafka = Kafka::new().await;
    create(&kafka, PARTITIONS, FIT[0]).await;
    let log = kafka.connect().await.unwrap();
    append(&log, 3).await;
}

#[tokio::test]
async fn a_topic_of_another_program_is_refused() {
    let kafka = Kafka::new().await;
    create(&kafka, PARTITIONS, FIT[0]).await;
    produce(&kafka, "theirs", Some("x"), &[]).await;
    assert!(unfit(kafka.connect().await).contains("another program's"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_make_the_topic_at_once_agree_on_its_id() {
    let kafka = Kafka::new().await;
    let (a, b, c) = tokio::join!(kafka.connect(), kafka.connect(), kafka.connect());
    let ids = [a.unwrap(), b.unwrap(), c.unwrap()].map(|log| log.id().to_owned());
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_topic_is_noticed() {
    let kafka = Kafka::new().await;
    let old = kafka.connect().await.unwrap();
    append(&old, 30).await;
    let ends: Vec<Place> =
        old.bounds().await.unwrap().iter().map(|b| Place { partition: b.partition, offset: b.end }).collect();
    let mut reader = old.open(&ends).await.unwrap();
    reader.next(ALL, Duration::from_millis(10)).await.unwrap();

    delete(&kafka).await;
    let new = kafka.connect().await.unwrap();
    assert_ne!(new.id(), old.id(), "what is stored with the positions tells them apart");
    assert!(unfit(new.open(&ends).await).contains("recreated"));
    // Also by a process that ran on, at positions that the new topic has.
    assert!(unfit(old.open(&starts()).await).contains("deleted and made again"));
    // Also by a reader that was open all the time.
    let deadline = Instant::now() + DEADLINE;
    let noticed = loop {
        assert!(Instant::now() < deadline, "not noticed");
        match reader.next(ALL, Duration::from_secs(1)).await {
            Ok(batch) => assert!(batch.next.is_empty(), "{batch:?}"),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(&noticed, LogError::Unfit(why) if why.contains("recreated")), "{noticed}");
}

#[tokio::test]
async fn a_tombstone_is_passed_over_and_lag_reaches_zero() {
    let kafka = Kafka::new().await;
    let log = kafka.connect().await.unwrap();
    let erased = delivery("erased");
    log.append(vec![entry(delivery("a"), 0), entry(erased.clone(), 0)]).await.unwrap();
    produce(&kafka, &erased.id.to_string(), None, &[]).await;
    let end = log.bounds().await.unwrap()[0].end;

    let mut reader = log.open(&starts()).await.unwrap();
    let (mut records, mut position) = (0, 0);
    while position < end {
        let batch = next(&mut *reader, Limit { records: 1, ..ALL }).await;
        records += batch.records.len();
        position =
            batch.next.iter().find(|place| place.partition == 0).map_or(position, |place| place.offset);
    }
    assert_eq!(records, 2, "the marker and the tombstone are no records");
    assert_eq!(position, end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cleaner_took_away_is_a_hole_that_lag_passes() {
    let kafka = Kafka::new().await;
    let quick = [
        ("segment.ms", "500"),
        ("max.compaction.lag.ms", "500"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "0"),
    ];
    create_with(&kafka, PARTITIONS, &quick).await;
    let log = kafka.connect().await.unwrap();
    let kept = delivery("kept");
    let erased: Vec<_> = (0..3).map(|n| entry(delivery(format!("erased {n}")), 0)).collect();
    log.append(vec![entry(kept.clone(), 0)]).await.unwrap();
    log.append(erased.clone()).await.unwrap();
    for entry in &erased {
        produce(&kafka, &entry.delivery.id.to_string(), None, &[]).await;
    }
    // The cleaner leaves the newest segment alone: something must follow for it to be closed. It is erased as well.
    wait_until("the bodies are gone", CLEANED, async || {
        let last = delivery("erased too");
        log.append(vec![entry(last.clone(), 0)]).await.unwrap();
        produce(&kafka, &last.id.to_string(), None, &[]).await;
        let (records, _) = read_to_end(&log).await;
        !records
            .iter()
            .any(|record| erased.iter().any(|e| record.delivery.as_ref().unwrap().id == e.delivery.id))
    })
    .await;
    let (records, positions) = read_to_end(&log).await;
    assert!(records.iter().any(|record| record.delivery.as_ref().unwrap() == &kept));
    for bounds in log.bounds().await.unwrap() {
        assert_eq!(positions.get(&bounds.partition).copied().unwrap_or(0), bounds.end);
    }
    // The marker is kept as well: the log is still this one.
    log.verify().await.unwrap();
    assert_eq!(kafka.connect().await.unwrap().id(), log.id());
}

/// From the start until the positions are the ends.
async fn read_to_end(log: &KafkaLog) -> (Vec<Record>, BTreeMap<u32, i64>) {
    let ends = log.bounds().await.unwrap();
    let mut reader = log.open(&starts()).await.unwrap();
    let (mut records, mut positions) = (Vec::new(), BTreeMap::new());
    while ends.iter().any(|ends| positions.get(&ends.partition).copied().unwrap_or(0) < ends.end) {
        let batch = next(&mut *reader, ALL).await;
        records.extend(batch.records);
        positions.extend(batch.next.iter().map(|place| (place.partition, place.offset)));
    }
    (records, positions)
}

#[tokio::test]
async fn a_record_of_a_later_version_is_unreadable_and_the_partition_goes_on() {
    let kafka = Kafka::new().await;
    let log = kafka.connect().await.unwrap();
    let id = delivery("").id;
    produce(&kafka, &id.to_string(), Some("{}"), &[("format", "2")]).await;
    produce(&kafka, "no id", Some("{}"), &[]).await;
    append(&log, 1).await;
    let records = read(&log, 3).await;
    let unreadable = records[0].delivery.as_ref().unwrap_err();
    assert_eq!(unreadable.id, Some(id));
    assert!(unreadable.detail.contains("format 2"));
    assert_eq!(records[1].delivery.as_ref().unwrap_err().id, None);
    assert!(records[2].delivery.is_ok());
}

#[tokio::test]
async fn brokers_that_are_not_there_are_unavailable_in_time() {
    let settings = KafkaSettings::new(vec!["127.0.0.1:1".to_owned()], "t", 1);
    let refused = timeout(DEADLINE, KafkaLog::connect(settings, fresh_id().0)).await.unwrap().err().unwrap();
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_makes_appends_unavailable_until_it_is_back() {
    let broker = own_kafka().await;
    let mut kafka = Kafka::at(broker.address());
    let before = append(&kafka.connect().await.unwrap(), 30).await;
    kafka.settings.append_timeout = Duration::from_secs(2);
    kafka.settings.queue_bytes = 256 * 1024;
    let log = kafka.connect().await.unwrap();
    let mut reader = log.open(&starts()).await.unwrap();
    let mut seen = BTreeSet::new();
    seen.extend(next(&mut *reader, ALL).await.records.into_iter().map(|record| record.delivery.unwrap().id));
    broker.kill(1).await;

    let refused = timeout(DEADLINE, log.append(vec![entry(delivery("x"), 0)])).await.unwrap().unwrap_err();
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused}");
    assert!(matches!(log.ready().await, Err(LogError::Unavailable(_))));
    // What does not fit into the bounded queue is refused at once.
    let flood = (0..20).map(|_| entry(delivery(vec![b'x'; 50_000]), 1)).collect();
    let refused = log.append(flood).await.unwrap_err().to_string();
    assert!(refused.contains("the producer's queue is full"), "{refused}");

    broker.start(1).await;
    let again = delivery("again");
    wait_until("appends pass again", DEADLINE, async || {
        log.append(vec![entry(again.clone(), 0)]).await.is_ok() && log.ready().await.is_ok()
    })
    .await;
    wait_until("the reader that was open goes on and misses nothing", DEADLINE, async || {
        match reader.next(ALL, Duration::from_millis(500)).await {
            Ok(batch) => seen.extend(batch.records.into_iter().map(|record| record.delivery.unwrap().id)),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => unreachable!("{error}"),
        }
        seen.contains(&again.id) && before.is_subset(&seen)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_copies_outlive_one_broker_and_one_left_takes_nothing() {
    let cluster = kafka_cluster().await;
    let mut kafka = Kafka::at(cluster.address());
    kafka.settings.replication = 3;
    let mut sent = append(&kafka.connect().await.unwrap(), 30).await;
    kafka.settings.append_timeout = Duration::from_secs(5);
    let log = kafka.connect().await.unwrap();
    cluster.kill(3).await;
    let more: Vec<_> = (0..30).map(|n| entry(delivery(format!("{n}")), n)).collect();
    wait_until("two brokers go on", DEADLINE, async || log.append(more.clone()).await.is_ok()).await;
    sent.extend(more.iter().map(|entry| entry.delivery.id));

    cluster.kill(2).await;
    wait_until("one broker alone acknowledges nothing", DEADLINE, async || {
        matches!(log.append(vec![entry(delivery("x"), 0)]).await, Err(LogError::Unavailable(_)))
    })
    .await;
    cluster.start(2).await;
    cluster.start(3).await;
    wait_until("ready again", DEADLINE, async || log.ready().await.is_ok()).await;
    let mut reader = log.open(&starts()).await.unwrap();
    wait_until("all that was acknowledged is there", DEADLINE, async || {
        let batch = reader.next(ALL, Duration::from_millis(500)).await.unwrap();
        for record in batch.records {
            sent.remove(&record.delivery.unwrap().id);
        }
        sent.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_positions_show_in_the_group_of_kafkas_own_tools() {
    let mut kafka = Kafka::new().await;
    kafka.settings.group = format!("group-{}", fresh_id());
    let log = kafka.connect().await.unwrap();
    append(&log, 3).await;
    let mut reader = log.open(&starts()).await.unwrap();
    next(&mut *reader, ALL).await;
    reader.committed(&[Place { partition: 1, offset: 1 }]).await;
    let consumer: BaseConsumer = client(&kafka).create().unwrap();
    wait_until("the group has the position", DEADLINE, async || {
        // The commit goes out while the reader is asked.
        reader.next(ALL, Duration::from_millis(50)).await.unwrap();
        let mut partition = TopicPartitionList::new();
        partition.add_partition(&kafka.settings.topic, 1);
        let offsets = consumer.committed_offsets(partition, Duration::from_secs(3));
        offsets.is_ok_and(|offsets| offsets.elements()[0].offset() == Offset::Offset(1))
    })
    .await;
}
