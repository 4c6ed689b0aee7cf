//! A rebuild makes the tables that the live projection made (design.md 7.4), whatever goes on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use chatledger_tests::{TestDatabase, database};
use events::{Delivery, DeliveryIds, Road};
use log::{Entry, Log, PostgresLog};
use projection::rebuild::{Control, Progress, RebuildError, Switched, TableDiff};
use projection::{Readers, Rebuild, Runner, Settings};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::projection::account::{deliveries, webhook};
use crate::projection::rules;
use crate::tables::{assert_same, rows, settled};

mod fenced;
mod inside;
mod kafka;
mod outside;
mod program;
mod stalled;
mod underway;

const PARTITIONS: u32 = 3;
/// A rebuild here takes seconds.
const LONGEST: Duration = Duration::from_mins(5);

/// A database with a log, and the pool that sees the live tables.
struct Scene {
    database: TestDatabase,
    pool: PgPool,
    log: Arc<dyn Log>,
}

impl Scene {
    async fn new() -> Self {
        let database = database().await;
        let pool = database.pool();
        let log: Arc<dyn Log> = Arc::new(PostgresLog::open(database.pool(), PARTITIONS).await.unwrap());
        Self { database, pool, log }
    }

    /// The same database, read through another log.
    fn through(&self, log: impl Log + 'static) -> Self {
        Self { log: Arc::new(log), database: self.database.clone(), pool: self.pool.clone() }
    }

    /// Keeps everybody from a table until it is rolled back.
    async fn locked(&self, table: &'static str) -> sqlx::Transaction<'static, sqlx::Postgres> {
        let mut holding = self.pool.begin().await.unwrap();
        let lock = sqlx::AssertSqlSafe(format!("lock table {table} in access exclusive mode"));
        sqlx::query(lock).execute(&mut *holding).await.unwrap();
        holding
    }

    /// With a log of chance, some of it told twice, and what cannot be read; all of it projected.
    async fn projected(seed: u64) -> Self {
        let scene = Self::new().await;
        scene.project(seed).await;
        scene
    }

    async fn project(&self, seed: u64) {
        let mut chance = Chance::new(seed);
        let mut all = deliveries(&mut chance);
        all.extend(all.clone().iter().step_by(3).map(|delivery| Delivery {
            id: DeliveryIds::random().next(delivery.received_at),
            received_at: delivery.received_at + chrono::Duration::seconds(10),
            ..delivery.clone()
        }));
        chance.shuffle(&mut all);
        all.extend(unreadable());
        self.append(&all, &mut chance).await;
        let live = self.live("live");
        self.settled().await;
        live.stop().await;
    }

    async fn append(&self, deliveries: &[Delivery], chance: &mut Chance) {
        for chunk in deliveries.chunks(50) {
            let entry = |delivery: &Delivery| Entry {
                delivery: delivery.clone(),
                partition_hash: chance.below(u32::MAX).into(),
            };
            self.log.append(chunk.iter().map(entry).collect()).await.unwrap();
        }
    }

    /// A live projection, as in `up`.
    fn live(&self, owner: &str) -> Live {
        let stop = CancellationToken::new();
        let settings = Settings { batch_records: 40, fold_subjects: 7, ..Settings::default() };
        let rules = rules().read_by(Readers { scores: true, leads: true });
        let runner = Runner::new(self.log.clone(), self.database.pool(), rules, settings, store::LIVE, owner);
        let until = stop.clone();
        Live { stop, running: tokio::spawn(async move { runner.run(until).await.unwrap() }) }
    }

    async fn settled(&self) {
        settled(&self.pool, self.log.as_ref()).await;
    }

    fn rebuild(&self) -> Rebuild {
        let rules = rules().read_by(Readers { scores: true, leads: true });
        let owner = DeliveryIds::random().next(crate::projection::account::at(0)).to_string();
        Rebuild::new(self.log.clone(), self.pool.clone(), rules, &owner, &self.database.folder)
    }

    /// One that has begun, and was stopped before it read anything.
    async fn stopped(&self) -> Control {
        let stopped = CancellationToken::new();
        stopped.cancel();
        let (rebuild, control) = (self.rebuild(), Control::new(stopped));
        assert!(matches!(rebuild.build(false, &control).await, Err(RebuildError::Stopped)));
        rebuild.close().await;
        control
    }

    /// Builds and compares.
    async fn compared(&self, from_scratch: bool) -> Result<Vec<TableDiff>, RebuildError> {
        let (rebuild, control) = (self.rebuild(), Control::new(CancellationToken::new()));
        let work = Box::pin(async {
            rebuild.build(from_scratch, &control).await?;
            rebuild.follow(&control, async || rebuild.diff().await).await
        });
        let diff = timeout(LONGEST, control.beside(&self.pool, &|_: Progress| {}, work)).await.unwrap();
        rebuild.close().await;
        diff
    }

    async fn switched(&self) -> Switched {
        let (rebuild, control) = (self.rebuild(), Control::new(CancellationToken::new()));
        let switching = async {
            rebuild.build(false, &control).await?;
            rebuild.follow(&control, async || Ok(())).await?;
            rebuild.switch(&control).await
        };
        let switched = timeout(LONGEST, Box::pin(switching)).await.unwrap().unwrap();
        rebuild.close().await;
        switched
    }

    /// All that must not differ: the rows, and what became of the deliveries.
    async fn said(&self) -> Vec<String> {
        let mut all = rows(&self.pool).await;
        for statement in [
            "select 'accounting ' || (to_jsonb(t) - 'facts_unchanged')::text from accounting t order by 1",
            "select 'rejects ' || (to_jsonb(t))::text from rejects t order by 1",
            "select 'links ' || (to_jsonb(t))::text from links t order by 1",
            "select 'facts ' || (to_jsonb(t) - 'delivery_id')::text from facts t order by 1",
        ] {
            let found: Vec<String> = sqlx::query_scalar(statement).fetch_all(&self.pool).await.unwrap();
            all.extend(found);
        }
        all
    }

    async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&self.pool).await.unwrap()
    }
}

/// A live projection that runs.
struct Live {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Live {
    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Bodies that are rejected whole or in part.
fn unreadable() -> Vec<Delivery> {
    let mut broken = webhook(5, &serde_json::json!({"hook_type": "inbox"}));
    broken.body = b"{\"hook_type\": \"inb".to_vec().into();
    let mut row = webhook(6, &serde_json::json!({"id": "x"}));
    row.road = Road::Backfill;
    vec![
        broken,
        row,
        webhook(7, &serde_json::json!({"hook_type": "inbox", "message_id": {}, "client": {"id": 3}})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rebuilt_is_what_was_projected() {
    for seed in 1..=8 {
        let scene = Scene::projected(seed).await;
        let live = scene.said().await;
        for table in ["turns", "assignments", "request_tags", "tag_scores", "leads", "rejects", "links"] {
            assert!(live.iter().any(|row| row.starts_with(table)), "seed {seed} makes no {table}");
        }
        let diff = scene.compared(false).await.unwrap();
        let differing: Vec<_> = diff.iter().filter(|one| !one.is_same()).collect();
        assert!(differing.is_empty(), "seed {seed}: {differing:?}");
        assert!(diff.iter().any(|one| one.table == "accounting" && one.next > 0));

        scene.switched().await;
        assert_same(&live, &scene.said().await, &format!("seed {seed}"));
        let unchanged = "select sum(facts_unchanged)::bigint from chat.accounting";
        let before = "select sum(facts_unchanged)::bigint from chat_old.accounting";
        assert_eq!(scene.count(unchanged).await, scene.count(before).await, "copies are counted alike");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_never_projected_is_rebuilt_and_what_is_found_is_news() {
    let scene = Scene::new().await;
    let mut chance = Chance::new(3);
    scene.append(&deliveries(&mut chance), &mut chance).await;
    scene.switched().await;
    let rebuilt = scene.said().await;
    assert!(rebuilt.iter().any(|row| row.starts_with("tag_scores")));
    let news = scene.count("select count(distinct subject) from changes where kind = 'lead'").await;
    assert_eq!(news, scene.count("select count(*) from leads").await);

    // The same deliveries, projected live.
    let other = Scene::new().await;
    let mut chance = Chance::new(3);
    other.append(&deliveries(&mut chance), &mut chance).await;
    let live = other.live("other");
    other.settled().await;
    live.stop().await;
    assert_same(&rows(&scene.pool).await, &rows(&other.pool).await, "live and rebuilt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_told_by_table_account_and_key() {
    let scene = Scene::projected(2).await;
    let key: String = sqlx::query_scalar("select message_id from messages order by 1 limit 1")
        .fetch_one(&scene.pool)
        .await
        .unwrap();
    // Somebody wrote into the tables.
    sqlx::query("update messages set text = 'other', row_hash = 1 where message_id = $1")
        .bind(&key)
        .execute(&scene.pool)
        .await
        .unwrap();
    sqlx::query("delete from operators").execute(&scene.pool).await.unwrap();
    let diff = scene.compared(false).await.unwrap();
    let of = |table: &str| diff.iter().find(|one| one.table == table).unwrap();
    assert_eq!((of("messages").differing, &of("messages").examples), (1, &vec![key]));
    assert_eq!((of("operators").only_next, of("operators").only_live), (1, 0));
    assert!(of("requests").is_same());
}
