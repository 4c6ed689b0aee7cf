//! A log that does not answer at the wrong moment, and a rebuild that was thought dead.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use events::DeliveryId;
use log::{Batch, Bounds, Limit, LogError, Place, Reader, Record};
use store::generations::spill::Spill;
use store::generations::state::{self, Phase};
use tokio::sync::watch;

use super::*;

/// How a reader stands still.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standstill {
    /// It reads nothing, again and again, as Kafka does.
    Empty,
    /// It gives no answer.
    Silent,
}

/// A log that is read in small pieces through a door.
pub(super) struct Doorway {
    log: Arc<dyn Log>,
    open: watch::Receiver<bool>,
    closed_is: Standstill,
    /// Batches that were read.
    reads: Arc<AtomicUsize>,
    /// Cancelled when so many were read.
    after: Option<(usize, CancellationToken)>,
}

impl Doorway {
    pub(super) fn new(log: &Arc<dyn Log>, open: &watch::Sender<bool>) -> Self {
        let (log, open) = (log.clone(), open.subscribe());
        Self { log, open, closed_is: Standstill::Silent, reads: Arc::default(), after: None }
    }
}

struct Through {
    /// Locked by nobody else: a reader alone cannot be shared.
    reader: tokio::sync::Mutex<Box<dyn Reader>>,
    open: watch::Receiver<bool>,
    closed_is: Standstill,
    reads: Arc<AtomicUsize>,
    after: Option<(usize, CancellationToken)>,
}

#[async_trait]
impl Reader for Through {
    async fn next(&mut self, limit: Limit, wait: Duration) -> Result<Batch, LogError> {
        let batch = self.reader.get_mut().next(Limit { records: 10, ..limit }, wait).await?;
        let reads = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some((_, stop)) = self.after.as_ref().filter(|(after, _)| *after <= reads) {
            stop.cancel();
        }
        if !*self.open.borrow() && self.closed_is == Standstill::Empty {
            let _ = timeout(wait, self.open.wait_for(|open| *open)).await;
            return Ok(Batch::default());
        }
        // A dropped sender is the end of the test.
        let _ = self.open.wait_for(|open| *open).await;
        Ok(batch)
    }

    async fn committed(&self, positions: &[Place]) {
        self.reader.lock().await.committed(positions).await;
    }
}

#[async_trait]
impl Log for Doorway {
    fn id(&self) -> &str {
        self.log.id()
    }

    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        self.log.append(entries).await
    }

    async fn open(&self, positions: &[Place]) -> Result<Box<dyn Reader>, LogError> {
        let reader = tokio::sync::Mutex::new(self.log.open(positions).await?);
        let (open, closed_is, reads) = (self.open.clone(), self.closed_is, self.reads.clone());
        Ok(Box::new(Through { reader, open, closed_is, reads, after: self.after.clone() }))
    }

    async fn bounds(&self) -> Result<Vec<Bounds>, LogError> {
        self.log.bounds().await
    }

    async fn find(&self, id: DeliveryId) -> Result<Option<Record>, LogError> {
        self.log.find(id).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        self.log.ready().await
    }
}

impl Scene {
    /// One that has begun anew, and was stopped when it had read so many batches.
    pub(super) async fn stopped_after(&self, batches: usize) {
        let (open, stop) = (watch::Sender::new(true), CancellationToken::new());
        let after = Some((batches, stop.clone()));
        let stopped = self.through(Doorway { after, ..Doorway::new(&self.log, &open) });
        let (rebuild, control) = (stopped.rebuild(), Control::new(stop));
        assert!(matches!(rebuild.build(true, &control).await, Err(RebuildError::Stopped)));
        rebuild.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_whose_last_deliveries_do_not_come_is_given_up_and_the_live_tables_go_on() {
    for closed_is in [Standstill::Empty, Standstill::Silent] {
        let scene = Scene::projected(15).await;
        let door = watch::Sender::new(true);
        let away = scene.through(Doorway { closed_is, ..Doorway::new(&scene.log, &door) });
        let (rebuild, control) = (away.rebuild(), Control::new(CancellationToken::new()));
        rebuild.build(false, &control).await.unwrap();
        rebuild.follow(&control, async || Ok(())).await.unwrap();
        // The live tables are further, and the log goes away.
        let live = scene.live("live");
        let mut chance = Chance::new(79);
        scene.append(&deliveries(&mut chance), &mut chance).await;
        scene.settled().await;
        door.send_replace(false);
        let switching = timeout(Duration::from_secs(60), rebuild.switch(&control));
        let refused = switching.await.expect("it is given up").unwrap_err().to_string();
        let is_told = refused.contains("given up") && refused.contains("`chatledger rebuild`");
        // Where the machine stands still for as long as we hold others up, the server ends the transaction first.
        assert!(is_told || refused.starts_with("database"), "{refused}");
        rebuild.close().await;

        scene.append(&deliveries(&mut chance), &mut chance).await;
        scene.settled().await;
        live.stop().await;
        assert_eq!(state::get(&scene.pool).await.unwrap().unwrap().phase, Phase::Following);
        let said = scene.said().await;
        scene.switched().await;
        assert_same(&said, &scene.said().await, "resumed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_thought_dead_loads_nothing_beside_the_one_that_goes_on() {
    let scene = Scene::projected(16).await;
    let said = scene.said().await;
    let door = watch::Sender::new(false);
    let doorway = Doorway::new(&scene.log, &door);
    let reads = doorway.reads.clone();
    let held = scene.through(doorway);
    let thought_dead = held.rebuild();
    let control = Control::new(CancellationToken::new());
    let late = async {
        let late = thought_dead.build(false, &control).await;
        thought_dead.close().await;
        late
    };
    let goes_on = async {
        chatledger_tests::wait_until("it has read", Duration::from_secs(60), async || {
            reads.load(Ordering::SeqCst) > 0
        })
        .await;
        // Another one takes over, loads a part and is stopped.
        let (open, stop) = (watch::Sender::new(true), CancellationToken::new());
        let after = Some((5, stop.clone()));
        let other = scene.through(Doorway { after, ..Doorway::new(&scene.log, &open) });
        let (rebuild, control) = (other.rebuild(), Control::new(stop));
        assert!(matches!(rebuild.build(false, &control).await, Err(RebuildError::Stopped)));
        rebuild.close().await;
        door.send_replace(true);
    };
    let (late, ()) = tokio::join!(late, goes_on);
    let late = late.unwrap_err().to_string();
    assert!(late.contains("another rebuild"), "{late}");
    scene.switched().await;
    assert_same(&said, &scene.said().await, "the one that went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_rebuild_has_in_files_is_read_on_and_made_anew_where_it_is_damaged() {
    let scene = Scene::projected(18).await;
    let said = scene.said().await;
    // Whether it is made anew, and what happens to a file.
    type Damage = fn(&Path);
    let damages: [(bool, Damage); 3] = [
        (false, |_| ()),
        (true, |file| std::fs::remove_file(file).unwrap()),
        (true, |file| {
            let length = std::fs::metadata(file).unwrap().len();
            // What a crash of the machine leaves of what was not on the disk yet.
            std::fs::write(file, vec![0; usize::try_from(length).unwrap()]).unwrap();
        }),
    ];
    for (is_anew, damage) in damages {
        scene.stopped_after(5).await;
        let begun = state::get(&scene.pool).await.unwrap().unwrap();
        assert_eq!(begun.phase, Phase::Loading);
        let written: String = sqlx::query_scalar("select file from chat_next.rebuild_segments limit 1")
            .fetch_one(&scene.pool)
            .await
            .unwrap();
        let spill = Spill::new(&scene.database.folder, begun.build);
        let folder = spill.folder();
        damage(&folder.join(written));

        let (rebuild, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
        rebuild.build(false, &control).await.unwrap();
        let made = state::get(&scene.pool).await.unwrap().unwrap();
        assert_eq!(made.started_at > begun.started_at, is_anew);
        assert!(!folder.exists(), "what people wrote is left in {}", folder.display());
        rebuild.follow(&control, async || Ok(())).await.unwrap();
        rebuild.switch(&control).await.unwrap();
        rebuild.close().await;
        assert_same(&said, &scene.said().await, "of files");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_thought_dead_leaves_what_the_one_that_switched_put_aside() {
    let scene = Scene::projected(19).await;
    let said = scene.said().await;
    let (thought_dead, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
    thought_dead.build(false, &control).await.unwrap();
    thought_dead.follow(&control, async || Ok(())).await.unwrap();
    scene.switched().await;
    let late = thought_dead.switch(&control).await.unwrap_err().to_string();
    assert!(late.contains("another rebuild"), "{late}");
    thought_dead.close().await;
    assert!(store::generations::exists(&scene.pool, "chat_old").await.unwrap());
    assert_same(&said, &scene.said().await, "the live tables");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_is_left_once() {
    let scene = Scene::projected(20).await;
    scene.stopped().await;
    let begun = state::get(&scene.pool).await.unwrap().unwrap();
    let next = store::generations::pool_of_next(&scene.pool, 1);
    let mut connection = next.acquire().await.unwrap();
    let mut enter =
        async || state::enter(&mut connection, begun.build, Phase::Loading, Phase::Settling).await;
    enter().await.unwrap();
    let late = enter().await.unwrap_err().to_string();
    assert!(late.contains("another rebuild"), "{late}");
    assert_eq!(state::get(&scene.pool).await.unwrap().unwrap().phase, Phase::Settling);
}
