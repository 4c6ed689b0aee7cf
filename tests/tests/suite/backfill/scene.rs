//! An account at the simulator, and our side of it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat2desk::{Client, Pace, Settings, Timer, Token};
use chatledger_tests::TestDatabase;
use chrono::{DateTime, Utc};
use events::{Delivery, DeliveryIds, ManualClock, PagePart};
use ingest::IngestError;
use ingest::backfill::{AccountSettings, Backfill, History, Outcome, Range};
use log::{Limit, Log, Place, PostgresLog};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::server::{Handle, Tenant, WorldClock, serve};
use tokio_util::sync::CancellationToken;

pub(super) const PARTITIONS: u32 = 4;
pub(super) const ALL: Range = Range::Continue(History::All);

pub(super) fn today() -> DateTime<Utc> {
    "2026-01-22T06:00:00Z".parse().unwrap()
}

/// An account at the simulator, and our side of it.
pub(super) struct Scene {
    pub(super) platform: Handle,
    pub(super) database: TestDatabase,
    pub(super) log: Arc<dyn Log>,
    pub(super) clock: ManualClock,
    pub(super) waits: Arc<Waits>,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let account = Account::new("acme", "token-acme", "Tien-Shan Outdoor", chrono_tz::Asia::Almaty);
        let (world, business) = Plan { account, clients: 450, days: 4, seed: 7, until: today() }.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tenant = Tenant::new(world, Some(business));
        let platform = serve(vec![tenant], listener, WorldClock::still(today())).unwrap();
        let database = chatledger_tests::database().await;
        let log: Arc<dyn Log> = Arc::new(PostgresLog::open(database.pool(), PARTITIONS).await.unwrap());
        Self { platform, database, log, clock: ManualClock::at(today()), waits: Arc::default() }
    }

    pub(super) fn client(&self, token: &str) -> Client {
        Client::new(Settings::new(self.platform.url().parse().unwrap(), Token::new(token))).unwrap()
    }

    pub(super) fn backfill(&self) -> Backfill {
        self.backfill_with(self.client("token-acme"), self.log.clone(), None)
    }

    pub(super) fn backfill_with(&self, client: Client, log: Arc<dyn Log>, share: Option<f64>) -> Backfill {
        let mut account = AccountSettings::new("acme".parse().unwrap(), chrono_tz::Asia::Almaty);
        account.quota_share = share;
        let pace = Arc::new(Pace::new(4.0, self.waits.clone()));
        let clock = Arc::new(self.clock.clone());
        Backfill::new(log, self.database.pool(), client, account, clock, DeliveryIds::random()).paced(pace)
    }

    pub(super) async fn run(&self, range: Range) -> Outcome {
        run(&self.backfill(), range).await.unwrap()
    }

    /// Ids of a list at the platform.
    pub(super) fn truth(&self) -> Lists {
        self.platform
            .with("acme", |tenant| {
                let world = &tenant.world;
                let texts = |ids: Vec<i64>| ids.into_iter().map(|id| id.to_string()).collect::<BTreeSet<_>>();
                BTreeMap::from([
                    ("messages", texts(world.messages.keys().copied().collect())),
                    ("clients", texts(world.clients.keys().copied().collect())),
                    ("dialogs", texts(world.dialogs.keys().copied().collect())),
                    ("operators", texts(world.operators.keys().copied().collect())),
                    ("operators_groups", texts(world.groups.iter().map(|group| group.id).collect())),
                    ("channels", texts(world.channels.iter().map(|channel| channel.id).collect())),
                    ("tags", texts(world.tags.iter().map(|tag| tag.id).collect())),
                ])
            })
            .unwrap()
    }

    pub(super) async fn deliveries(&self) -> Vec<Delivery> {
        let bounds = self.log.bounds().await.unwrap();
        let starts: Vec<Place> =
            bounds.iter().map(|bound| Place { partition: bound.partition, offset: bound.start }).collect();
        let expected: i64 = bounds.iter().map(|bound| bound.end - bound.start).sum();
        let mut reader = self.log.open(&starts).await.unwrap();
        let mut all = Vec::new();
        while (all.len() as i64) < expected {
            let limit = Limit { records: 10_000, bytes: 64 << 20 };
            let batch = reader.next(limit, Duration::from_secs(20)).await.unwrap();
            assert!(!batch.records.is_empty(), "{} of {expected}", all.len());
            all.extend(batch.records.into_iter().map(|record| record.delivery.unwrap()));
        }
        all
    }

    /// What the log holds of each list, as ids of rows.
    pub(super) async fn held(&self) -> Lists {
        let mut held: Lists = self.truth().into_keys().map(|list| (list, BTreeSet::new())).collect();
        for delivery in self.deliveries().await {
            if let (Some(list), Some(PagePart::Row(_))) = (delivery.capture.list(), delivery.capture.part)
                && let Some(ids) = held.get_mut(list)
            {
                let row: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
                ids.insert(row["id"].to_string());
            }
        }
        held
    }
}

pub(super) type Lists = BTreeMap<&'static str, BTreeSet<String>>;

pub(super) async fn run(backfill: &Backfill, range: Range) -> Result<Outcome, IngestError> {
    backfill.run(range, &|_| {}, &CancellationToken::new()).await
}

/// A timer that does not wait but counts: its time is the sum of the waits.
#[derive(Default)]
pub(super) struct Waits(pub(super) AtomicU64);

impl Timer for Waits {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.fetch_add(u64::try_from(wait.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}
