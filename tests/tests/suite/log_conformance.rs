//! One suite for both backends of the log (design.md 7.3): what the trait promises, each backend keeps.
//! What only one of them can get wrong is in `log_kafka.rs` and `log_postgres.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use events::{
    Authenticity, Capture, Clock, Delivery, DeliveryId, DeliveryIds, PagePart, Platform, Policy, Road,
    Signature, SystemClock,
};
use log::{Batch, Entry, Limit, Log, LogError, Place, Reader, Record};
use tokio::time::{Instant, timeout};

use crate::log_backends::{Backend, Kafka, Postgres};

/// Partitions of every log in this suite.
pub(crate) const PARTITIONS: u32 = 3;
/// No wait in this suite takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// More than any test appends.
pub(crate) const ALL: Limit = Limit { records: 100_000, bytes: 1 << 30 };

macro_rules! both_backends {
    ($($name:ident),+ $(,)?) => {
        mod on_postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&Postgres::new().await).await; })+
        }
        mod on_kafka {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&Kafka::new().await).await; })+
        }
    };
}

both_backends!(
    what_is_appended_is_read_back_byte_for_byte,
    offsets_of_a_partition_grow_in_the_order_of_appends,
    a_reader_that_polls_while_others_append_misses_nothing,
    two_processes_append_to_one_log,
    reading_goes_on_at_stored_positions,
    a_batch_keeps_to_its_limits,
    a_record_larger_than_the_limit_comes_alone,
    a_cancelled_read_takes_nothing,
    a_reader_at_the_end_waits_and_is_woken,
    a_delivery_is_found_by_its_id,
    bounds_tell_where_each_partition_starts_and_ends,
    positions_beyond_the_log_are_refused,
    a_delivery_that_is_too_large_keeps_its_batch_out,
    opening_again_finds_the_same_log,
);

async fn what_is_appended_is_read_back_byte_for_byte(backend: &impl Backend) {
    let log = backend.open().await;
    let at = DateTime::from_timestamp_micros(1_793_000_000_123_456).unwrap();
    let sent: Vec<Delivery> = [
        (Capture::default(), br#"{"text":"\ud83d"}"#.to_vec()),
        // An empty body is a delivery like any other: no tombstone.
        (Capture::default(), Vec::new()),
        (
            Capture { content_encoding: Some("gzip".to_owned()), ..Capture::default() },
            vec![0x1f, 0x8b, 0, 255],
        ),
        (everything(), (0..2 * 1024 * 1024).map(|i: u32| (i * 31 % 251) as u8).collect()),
    ]
    .into_iter()
    .zip(Road::ALL)
    .map(|((capture, body), road)| Delivery { road: *road, received_at: at, capture, ..delivery(body) })
    .collect();
    let entries = sent.iter().zip(0..).map(|(delivery, hash)| entry(delivery.clone(), hash)).collect();
    let places = log.append(entries).await.unwrap();

    let read = read(&*log, sent.len()).await;
    for (delivery, place) in sent.iter().zip(places) {
        let record = read.iter().find(|record| record.place == place).unwrap();
        assert_eq!(record.delivery.as_ref().unwrap(), delivery);
        assert!(record.size >= delivery.body.len());
    }
}

async fn offsets_of_a_partition_grow_in_the_order_of_appends(backend: &impl Backend) {
    let log = backend.open().await;
    let mut places = Vec::new();
    for round in 0..3_u64 {
        let batch = (0..20).map(|n| entry(delivery(format!("{round}-{n}")), n % 5)).collect();
        places.extend(log.append(batch).await.unwrap());
    }
    let mut last = BTreeMap::new();
    for place in &places {
        let before = last.insert(place.partition, place.offset);
        assert!(before.is_none_or(|before| before < place.offset), "{places:?}");
        if backend.dense() && before.is_some() {
            assert_eq!(before, Some(place.offset - 1), "{places:?}");
        }
    }
    assert_eq!(last.len(), PARTITIONS as usize);
    // The hash decides alone.
    assert_eq!(places[0].partition, places[3].partition);
    assert_ne!(places[0].partition, places[1].partition);
}

async fn a_reader_that_polls_while_others_append_misses_nothing(backend: &impl Backend) {
    let log = backend.open().await;
    let appended = appenders(&log, 8, 25);
    let mut reader = log.open(&starts()).await.unwrap();
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    let appended = tokio::spawn(appended);
    let deadline = Instant::now() + DEADLINE;
    while seen.len() < 8 * 25 * 2 {
        assert!(Instant::now() < deadline, "only {} came", seen.len());
        for record in next(&mut *reader, ALL).await.records {
            let before = last.insert(record.place.partition, record.place.offset);
            assert!(before.is_none_or(|before| before < record.place.offset));
            assert!(seen.insert(record.delivery.unwrap().id), "twice");
        }
    }
    assert_eq!(seen, appended.await.unwrap());
}

async fn two_processes_append_to_one_log(backend: &impl Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    assert_eq!(one.id(), other.id());
    let (mut sent, more) = tokio::join!(appenders(&one, 3, 20), appenders(&other, 3, 20));
    sent.extend(more);
    let read: BTreeSet<DeliveryId> =
        read(&*one, sent.len()).await.into_iter().map(|record| record.delivery.unwrap().id).collect();
    assert_eq!(read, sent);
}

async fn reading_goes_on_at_stored_positions(backend: &impl Backend) {
    let log = backend.open().await;
    let first = append(&*log, 30).await;
    let mut positions: BTreeMap<u32, i64> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    let mut seen = Vec::new();
    let mut reader = log.open(&starts()).await.unwrap();
    while seen.len() < 10 {
        let batch = next(&mut *reader, Limit { records: 4, ..ALL }).await;
        seen.extend(batch.records.into_iter().map(|record| record.delivery.unwrap().id));
        positions.extend(batch.next.iter().map(|place| (place.partition, place.offset)));
        reader.committed(&batch.next).await;
    }
    drop(reader);
    drop(log);

    let log = backend.open().await;
    let second = append(&*log, 5).await;
    let stored: Vec<Place> =
        positions.into_iter().map(|(partition, offset)| Place { partition, offset }).collect();
    let mut reader = log.open(&stored).await.unwrap();
    while seen.len() < 35 {
        seen.extend(
            next(&mut *reader, ALL).await.records.into_iter().map(|record| record.delivery.unwrap().id),
        );
    }
    assert_eq!(seen.len(), 35, "nothing twice");
    let all: BTreeSet<DeliveryId> = first.into_iter().chain(second).collect();
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
}

async fn a_batch_keeps_to_its_limits(backend: &impl Backend) {
    let log = backend.open().await;
    append(&*log, 40).await;
    let mut reader = log.open(&starts()).await.unwrap();
    let mut count = 0;
    while count < 40 {
        let limit = Limit { records: 7, bytes: 3000 };
        let batch = next(&mut *reader, limit).await;
        assert!(batch.records.len() <= limit.records);
        let bytes: usize = batch.records.iter().map(|record| record.size).sum();
        assert!(bytes <= limit.bytes, "{bytes}");
        for record in &batch.records {
            let moved = batch.next.iter().find(|place| place.partition == record.place.partition).unwrap();
            assert!(moved.offset > record.place.offset);
        }
        count += batch.records.len();
    }
    assert_eq!(count, 40);
}

async fn a_record_larger_than_the_limit_comes_alone(backend: &impl Backend) {
    let log = backend.open().await;
    let bodies = ["small".to_owned(), "x".repeat(100_000), "small".to_owned()];
    log.append(bodies.iter().map(|body| entry(delivery(body.clone()), 0)).collect()).await.unwrap();
    let mut reader = log.open(&starts()).await.unwrap();
    let mut sizes = Vec::new();
    while sizes.len() < 3 {
        let batch = next(&mut *reader, Limit { records: 10, bytes: 2000 }).await;
        assert!(batch.records.len() <= 1 || batch.records.iter().all(|record| record.size < 2000));
        sizes.extend(batch.records.into_iter().map(|record| record.delivery.unwrap().body.len()));
    }
    assert_eq!(sizes, [5, 100_000, 5]);
}

async fn a_cancelled_read_takes_nothing(backend: &impl Backend) {
    let log = backend.open().await;
    let sent = append(&*log, 50).await;
    let mut reader = log.open(&starts()).await.unwrap();
    let mut seen = BTreeSet::new();
    let deadline = Instant::now() + DEADLINE;
    for patience in (0..).map(|n| Duration::from_micros(50 * (n % 200))) {
        assert!(Instant::now() < deadline, "only {} came", seen.len());
        let limit = Limit { records: 3, ..ALL };
        if let Ok(batch) = timeout(patience, reader.next(limit, DEADLINE)).await {
            for record in batch.unwrap().records {
                assert!(seen.insert(record.delivery.unwrap().id), "twice");
            }
        }
        if seen.len() == sent.len() {
            break;
        }
    }
    assert_eq!(seen, sent);
}

async fn a_reader_at_the_end_waits_and_is_woken(backend: &impl Backend) {
    let log = backend.open().await;
    append(&*log, 3).await;
    let mut reader = at_end(&*log).await;
    let asked = Instant::now();
    let empty = reader.next(ALL, Duration::from_millis(300)).await.unwrap();
    assert!(empty.records.is_empty());
    assert!(asked.elapsed() >= Duration::from_millis(250), "it does not spin: {:?}", asked.elapsed());

    // In another process, as far as the log can tell.
    let other = backend.open().await;
    let (batch, sent) = tokio::join!(reader.next(ALL, DEADLINE), async {
        let sent = append(&*other, 1).await;
        (sent, Instant::now())
    });
    assert!(sent.1.elapsed() < DEADLINE / 2, "woken after {:?}", sent.1.elapsed());
    assert!(sent.0.contains(&batch.unwrap().records[0].delivery.as_ref().unwrap().id));
}

async fn a_delivery_is_found_by_its_id(backend: &impl Backend) {
    let log = backend.open().await;
    append(&*log, 20).await;
    let sought = delivery("sought");
    let place = log.append(vec![entry(sought.clone(), 1)]).await.unwrap()[0];
    append(&*log, 20).await;
    let found = log.find(sought.id).await.unwrap().unwrap();
    assert_eq!(found.place, place);
    assert_eq!(found.delivery.unwrap(), sought);
    let never = DeliveryIds::seeded(7).next(SystemClock.now());
    assert!(log.find(never).await.unwrap().is_none());
    let future = DeliveryIds::seeded(7).next(SystemClock.now() + chrono::Duration::days(30));
    assert!(log.find(future).await.unwrap().is_none());
}

async fn bounds_tell_where_each_partition_starts_and_ends(backend: &impl Backend) {
    let log = backend.open().await;
    let before = log.bounds().await.unwrap();
    assert_eq!(before.iter().map(|bounds| bounds.partition).collect::<Vec<_>>(), [0, 1, 2]);
    log.append((0..4).map(|_| entry(delivery("x"), 1)).collect()).await.unwrap();
    let after = log.bounds().await.unwrap();
    assert_eq!(after[1].end, before[1].end + 4);
    assert_eq!(after[2], before[2]);
    assert!(after.iter().all(|bounds| bounds.start == 0));
    // A reader at lag zero stands at the ends.
    let mut reader = log.open(&starts()).await.unwrap();
    let mut positions = BTreeMap::from([(0, 0), (1, 0), (2, 0)]);
    let ends: BTreeMap<u32, i64> = after.iter().map(|bounds| (bounds.partition, bounds.end)).collect();
    let deadline = Instant::now() + DEADLINE;
    while positions != ends {
        assert!(Instant::now() < deadline, "{positions:?} of {ends:?}");
        let batch = next(&mut *reader, ALL).await;
        positions.extend(batch.next.iter().map(|place| (place.partition, place.offset)));
    }
}

async fn positions_beyond_the_log_are_refused(backend: &impl Backend) {
    let log = backend.open().await;
    append(&*log, 9).await;
    let mut ends: Vec<Place> =
        log.bounds().await.unwrap().iter().map(|b| Place { partition: b.partition, offset: b.end }).collect();
    assert!(log.open(&ends).await.is_ok());
    ends[1].offset += 1;
    let error = log.open(&ends).await.err().unwrap();
    assert!(matches!(&error, LogError::Unfit(why) if why.contains("partition 1")), "{error}");
    let unknown = [Place { partition: PARTITIONS, offset: 0 }];
    assert!(matches!(log.open(&unknown).await.err(), Some(LogError::Unfit(_))));
}

async fn a_delivery_that_is_too_large_keeps_its_batch_out(backend: &impl Backend) {
    let log = backend.open().await;
    let before = log.bounds().await.unwrap();
    let large = delivery(vec![b'x'; 11 * 1024 * 1024]);
    let batch = vec![entry(delivery("small"), 0), entry(large.clone(), 1)];
    let error = log.append(batch).await.unwrap_err();
    assert!(matches!(error, LogError::TooLarge { id, bytes } if id == large.id && bytes > 11 * 1024 * 1024));
    assert_eq!(log.bounds().await.unwrap(), before);
    // What the capture route admits inflated fits.
    log.append(vec![entry(delivery(noise(8 * 1024 * 1024)), 1)]).await.unwrap();
}

async fn opening_again_finds_the_same_log(backend: &impl Backend) {
    let log = backend.open().await;
    log.ready().await.unwrap();
    assert_eq!(log.partitions(), PARTITIONS);
    let id = log.id().to_owned();
    let sent = append(&*log, 2).await;
    drop(log);
    let log = backend.open().await;
    assert_eq!(log.id(), id);
    assert_eq!(read(&*log, 2).await.len(), sent.len());
}

/// Every circumstance, with characters that a careless store refuses.
fn everything() -> Capture {
    Capture {
        content_type: Some("application/json; charset=\"ü\"".to_owned()),
        content_encoding: Some(String::new()),
        authenticity: Some(Authenticity { signature: Signature::Invalid, policy: Policy::IfPresent }),
        page: Some("messages?start_id=900001&limit=200".to_owned()),
        part: Some(PagePart::Row(17)),
        fetched_at: DateTime::from_timestamp_micros(1_793_000_000_000_001),
        event: Some("nul \0 quote ' \" backslash \\ line \n".to_owned()),
    }
}

/// A delivery of now.
pub(crate) fn delivery(body: impl Into<Vec<u8>>) -> Delivery {
    let now = SystemClock.now();
    Delivery {
        id: DeliveryIds::random().next(now),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road: Road::Webhook,
        received_at: now,
        capture: Capture::default(),
        body: body.into().into(),
    }
}

pub(crate) fn entry(delivery: Delivery, partition_hash: u64) -> Entry {
    Entry { delivery, partition_hash }
}

/// Bytes that no compression makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(byte).collect()
}

/// Appends small deliveries in one batch, over all partitions.
pub(crate) async fn append(log: &dyn Log, count: u64) -> BTreeSet<DeliveryId> {
    let batch: Vec<Entry> = (0..count).map(|n| entry(delivery(format!("{{\"n\":{n}}}")), n)).collect();
    let ids = batch.iter().map(|entry| entry.delivery.id).collect();
    log.append(batch).await.unwrap();
    ids
}

/// Many at once, each appending batches of two, one after the other; the ids when all are acknowledged.
fn appenders(
    log: &Arc<dyn Log>,
    tasks: u64,
    batches: u64,
) -> impl Future<Output = BTreeSet<DeliveryId>> + use<> {
    let task = |task: u64| {
        let log = Arc::clone(log);
        tokio::spawn(async move {
            let mut ids = BTreeSet::new();
            for n in 0..batches {
                let batch: Vec<Entry> =
                    (0..2).map(|k| entry(delivery(format!("{task} {n} {k}")), task + n + k)).collect();
                ids.extend(batch.iter().map(|entry| entry.delivery.id));
                log.append(batch).await.unwrap();
            }
            ids
        })
    };
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    async move {
        let mut ids = BTreeSet::new();
        for task in tasks {
            ids.extend(task.await.unwrap());
        }
        ids
    }
}

pub(crate) fn starts() -> Vec<Place> {
    (0..PARTITIONS).map(|partition| Place { partition, offset: 0 }).collect()
}

/// The next batch that brings anything.
pub(crate) async fn next(reader: &mut dyn Reader, limit: Limit) -> Batch {
    let batch = reader.next(limit, DEADLINE).await.unwrap();
    assert!(!batch.next.is_empty(), "nothing came in time");
    batch
}

/// Everything from the start, until `count` have come.
pub(crate) async fn read(log: &dyn Log, count: usize) -> Vec<Record> {
    let mut reader = log.open(&starts()).await.unwrap();
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(next(&mut *reader, ALL).await.records);
    }
    records
}

/// A reader to which nothing is left.
async fn at_end(log: &dyn Log) -> Box<dyn Reader> {
    let ends: Vec<Place> =
        log.bounds().await.unwrap().iter().map(|b| Place { partition: b.partition, offset: b.end }).collect();
    log.open(&ends).await.unwrap()
}
