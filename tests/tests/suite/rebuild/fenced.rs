//! What a rebuild that is not alone, or whose server crashed, does not do: it ends, and the next one begins anew.

use async_trait::async_trait;
use chatledger_tests::wait_until;
use events::DeliveryId;
use log::{Batch, Bounds, Limit, LogError, Place, Reader, Record};
use store::generations::spill::Spill;
use store::generations::state::{self, Phase, State, Wish};
use tokio::sync::watch;

use super::stalled::Doorway;
use super::*;

const SOON: Duration = Duration::from_secs(60);

async fn begun(scene: &Scene) -> State {
    state::get(&scene.pool).await.unwrap().unwrap()
}

async fn run(scene: &Scene, statement: &'static str) {
    sqlx::raw_sql(statement).execute(&scene.pool).await.unwrap();
}

/// Whether somebody waits for a lock of ours.
async fn is_waited_for(scene: &Scene) -> bool {
    let waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                   where not l.granted and d.datname = current_database()";
    scene.count(waiting).await > 0
}

/// What a rebuild says that comes to a table of a phase late: another one did something before.
async fn late(scene: &Scene, phase: Phase, table: &'static str, done: &'static str) -> String {
    scene.stopped().await;
    let holding = scene.locked(table).await;
    let (rebuild, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
    let taking_over = async {
        wait_until("it is about to begin", SOON, async || {
            begun(scene).await.phase == phase && is_waited_for(scene).await
        })
        .await;
        run(scene, done).await;
        holding.rollback().await.unwrap();
    };
    let (late, ()) = tokio::join!(rebuild.build(false, &control), taking_over);
    rebuild.close().await;
    late.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_folds_into_tables_that_another_one_has_begun_anew_ends() {
    let scene = Scene::projected(31).await;
    let said = scene.said().await;
    let begun_anew = "update chat_next.rebuild_intact set build = gen_random_uuid()";
    let late = late(&scene, Phase::Folding, "chat_next.rebuild_buckets", begun_anew).await;
    assert!(late.contains("another rebuild"), "{late}");
    assert_eq!(scene.count("select count(*) from chat_next.facts").await, 0);
    scene.switched().await;
    assert_same(&said, &scene.said().await, "the one that began anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_indexes_of_what_is_another_ones_by_now_ends() {
    let scene = Scene::projected(37).await;
    let said = scene.said().await;
    let another_ones = "update ledger.generations set build = gen_random_uuid()";
    let late = late(&scene, Phase::Indexing, "chat_next.rebuild_indexes", another_ones).await;
    assert!(late.contains("another rebuild"), "{late}");
    assert_eq!(scene.count("select count(*) from chat_next.rebuild_indexes where made").await, 0);
    scene.switched().await;
    assert_same(&said, &scene.said().await, "the one that goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_that_nobody_saw_while_the_log_was_read_ends_the_rebuild() {
    let scene = Scene::projected(32).await;
    let said = scene.said().await;
    // The server loses what says that the helper tables are whole, while nobody asks it anything.
    let door = watch::Sender::new(false);
    let held = scene.through(Doorway::new(&scene.log, &door));
    let (rebuild, control) = (held.rebuild(), Control::new(CancellationToken::new()));
    let crash = async {
        wait_until("it reads", SOON, async || control.progress().total > 0).await;
        run(
            &scene,
            "truncate chat_next.rebuild_intact, chat_next.rebuild_segments, chat_next.rebuild_unfirm",
        )
        .await;
        door.send_replace(true);
    };
    let (built, ()) = tokio::join!(rebuild.build(false, &control), crash);
    let failed = built.unwrap_err().to_string();
    assert!(failed.contains("crashed") && failed.contains("`chatledger rebuild`"), "{failed}");
    rebuild.close().await;
    scene.switched().await;
    assert_same(&said, &scene.said().await, "begun anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_files_its_tables_or_its_columns_it_begins_anew() {
    let scene = Scene::projected(33).await;
    let said = scene.said().await;
    type Damage = fn(&Spill) -> &'static str;
    let damages: [(bool, Damage); 3] = [
        // Another machine, or another folder: before anything was written no segment tells.
        (false, |spill| {
            std::fs::remove_dir_all(spill.folder()).unwrap();
            "select"
        }),
        // Tables of another version of the program.
        (
            false,
            |_| "delete from chat_next._sqlx_migrations where version = (select max(version) from chat_next._sqlx_migrations)",
        ),
        (true, |_| "drop table chat_next.rebuild_segments"),
    ];
    for (from_scratch, damage) in damages {
        scene.stopped().await;
        let left = begun(&scene).await;
        let spill = Spill::new(&scene.database.folder, left.build);
        assert!(spill.is_here());
        run(&scene, damage(&spill)).await;
        let (rebuild, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
        rebuild.build(from_scratch, &control).await.unwrap();
        let built = begun(&scene).await.build;
        assert_ne!(built, left.build);
        rebuild.follow(&control, async || Ok(())).await.unwrap();
        rebuild.switch(&control).await.unwrap();
        rebuild.close().await;
        assert!(!spill.is_here(), "what people wrote is left");
        assert!(!Spill::new(&scene.database.folder, built).is_here(), "what people wrote is left");
        assert_same(&said, &scene.said().await, "begun anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_while_it_looks_at_its_files_holds() {
    let scene = Scene::projected(34).await;
    scene.stopped_after(5).await;
    assert!(scene.count("select count(*) from chat_next.rebuild_segments").await > 0);
    let holding = scene.locked("chat_next.rebuild_segments").await;
    let (rebuild, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
    let building = control.beside(&scene.pool, &|_: Progress| {}, rebuild.build(false, &control));
    let cancelling = async {
        wait_until("it looks", SOON, async || is_waited_for(&scene).await).await;
        assert!(state::want(&scene.pool, Wish::Cancel).await.unwrap());
        wait_until("it has heard", SOON, async || control.is_cancelled()).await;
        holding.rollback().await.unwrap();
    };
    let (built, ()) = tokio::join!(building, cancelling);
    assert!(matches!(built, Err(RebuildError::Cancelled)), "{built:?}");
    rebuild.discard_cancelled(&control).await.unwrap();
    assert!(!store::generations::exists(&scene.pool, "chat_next").await.unwrap());
    rebuild.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_cancelled_drops_nothing_of_the_one_that_began_meanwhile() {
    let scene = Scene::projected(35).await;
    let door = watch::Sender::new(false);
    let held = scene.through(Doorway::new(&scene.log, &door));
    let (rebuild, control) = (held.rebuild(), Control::new(CancellationToken::new()));
    let building = control.beside(&scene.pool, &|_: Progress| {}, rebuild.build(false, &control));
    let beginning = async {
        wait_until("it reads", SOON, async || control.progress().total > 0).await;
        // Its claim is lost; another one begins anew, and stops.
        let (other, stopped) = (scene.rebuild(), CancellationToken::new());
        stopped.cancel();
        let begun = other.build(true, &Control::new(stopped)).await;
        assert!(matches!(begun, Err(RebuildError::Stopped)), "{begun:?}");
        other.close().await;
        door.send_replace(true);
    };
    let (late, ()) = tokio::join!(building, beginning);
    let late = late.unwrap_err();
    assert!(matches!(&late, RebuildError::Failed(why) if why.contains("another rebuild")), "{late:?}");
    let other = begun(&scene).await.build;
    rebuild.discard_cancelled(&control).await.unwrap();
    assert_eq!(begun(&scene).await.build, other);
    assert!(store::generations::exists(&scene.pool, "chat_next").await.unwrap());
    rebuild.close().await;
}

/// A log one of whose partitions fails, while the others give no answer.
struct Broken(Arc<dyn Log>);

struct OnePartition {
    fails: bool,
}

#[async_trait]
impl Reader for OnePartition {
    async fn next(&mut self, _: Limit, _: Duration) -> Result<Batch, LogError> {
        match self.fails {
            true => Err(LogError::Unavailable("the disk is gone".to_owned())),
            false => std::future::pending().await,
        }
    }

    async fn committed(&self, _: &[Place]) {}
}

#[async_trait]
impl Log for Broken {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        self.0.append(entries).await
    }

    async fn open(&self, positions: &[Place]) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(OnePartition { fails: positions.iter().any(|place| place.partition == 0) }))
    }

    async fn bounds(&self) -> Result<Vec<Bounds>, LogError> {
        self.0.bounds().await
    }

    async fn find(&self, id: DeliveryId) -> Result<Option<Record>, LogError> {
        self.0.find(id).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        self.0.ready().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_does_not_wait_for_who_gets_no_answer() {
    let scene = Scene::projected(36).await;
    let broken = scene.through(Broken(scene.log.clone()));
    let (rebuild, control) = (broken.rebuild(), Control::new(CancellationToken::new()));
    let built = timeout(SOON, rebuild.build(false, &control)).await.expect("it ends");
    let why = built.unwrap_err().to_string();
    assert!(why.contains("the disk is gone"), "{why}");
    rebuild.close().await;
}
