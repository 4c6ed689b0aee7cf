//! Workers that come, go, die and oversleep: tasks of this process, and processes of their own.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chatledger_tests::random_account::Chance;
use chatledger_tests::{TestDatabase, wait_until};
use events::{Clock as _, DeliveryId, SystemClock};
use log::{Batch, Bounds, Entry, Limit, Log, LogError, Place, PostgresLog, Reader, Record, Unreadable};
use projection::{Runner, Settings};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::operation::rules;

const LEASE: Duration = Duration::from_millis(500);
const MOST: usize = 4;

fn settings(seed: u64) -> Settings {
    Settings {
        batch_records: 3 + (seed % 50) as usize,
        fold_subjects: 3 + (seed % 40).cast_signed(),
        idle: Duration::from_millis(25),
        lease: LEASE,
        ..Settings::default()
    }
}

/// Few connections each: many runs share one server.
pub(super) fn pool(database: &TestDatabase) -> PgPool {
    store::pool(&database.url, store::LIVE, 3).unwrap()
}

/// One worker.
struct Worker {
    owner: String,
    running: Running,
}

enum Running {
    Task { handle: JoinHandle<()>, stop: CancellationToken, door: watch::Sender<bool> },
    Process(Child),
}

/// All workers of a run.
pub(super) struct Workers {
    log: Arc<dyn Log>,
    database: TestDatabase,
    seed: u64,
    /// Whether some are processes.
    processes: bool,
    old_decoder: Arc<AtomicBool>,
    all: Vec<Worker>,
    started: u64,
}

impl Workers {
    pub(super) fn new(log: Arc<dyn Log>, database: TestDatabase, seed: u64, processes: bool) -> Self {
        let old_decoder = Arc::new(AtomicBool::new(false));
        Self { log, database, seed, processes, old_decoder, all: Vec::new(), started: 0 }
    }

    pub(super) fn set_old_decoder(&self, old: bool) {
        self.old_decoder.store(old, Ordering::SeqCst);
    }

    pub(super) fn has_old_decoder(&self) -> bool {
        self.old_decoder.load(Ordering::SeqCst)
    }

    /// One more; a few are enough.
    pub(super) async fn start(&mut self, rules_number: usize) {
        if self.all.len() >= MOST {
            return;
        }
        self.started += 1;
        let owner = format!("worker {} of {}", self.started, self.seed);
        let settings = settings(self.seed + self.started);
        // The old decoder is a door of this process.
        if self.processes && !self.has_old_decoder() && self.started.is_multiple_of(2) {
            let process = process(&self.database, &owner, rules_number, self.log.partitions());
            self.all.push(Worker { owner, running: Running::Process(process) });
            return;
        }
        let (door, open) = watch::channel(true);
        let log = Arc::new(Doorway { log: self.log.clone(), open, old_decoder: self.old_decoder.clone() });
        let pool = pool(&self.database);
        let runner = Runner::new(log, pool.clone(), rules(rules_number), settings, store::LIVE, &owner);
        let stop = CancellationToken::new();
        let handle = tokio::spawn({
            let stop = stop.clone();
            async move {
                runner.run(stop).await.unwrap();
                pool.close().await;
            }
        });
        self.all.push(Worker { owner, running: Running::Task { handle, stop, door } });
    }

    pub(super) async fn at_least_one(&mut self, rules: usize) {
        if self.all.is_empty() {
            self.start(rules).await;
        }
        for worker in &self.all {
            if let Running::Task { handle, .. } = &worker.running {
                assert!(!handle.is_finished(), "{} ended by itself", worker.owner);
            }
        }
    }

    fn any(&mut self, chance: &mut Chance) -> Option<Worker> {
        let place = chance.below(u32::try_from(self.all.len()).unwrap()) as usize;
        (place < self.all.len()).then(|| self.all.swap_remove(place))
    }

    /// Whatever it was at is dropped: a task at its next await, a process anywhere.
    pub(super) async fn crash(&mut self, chance: &mut Chance) {
        match self.any(chance).map(|worker| worker.running) {
            Some(Running::Task { handle, .. }) => {
                handle.abort();
                let ended = handle.await;
                assert!(!ended.is_err_and(|error| error.is_panic()), "a worker failed");
            }
            Some(Running::Process(process)) => kill(process),
            None => {}
        }
    }

    pub(super) async fn hand_over(&mut self, chance: &mut Chance) {
        if let Some(worker) = self.any(chance) {
            end(worker).await;
        }
    }

    pub(super) async fn stop(&mut self) {
        self.none_stalls();
        for worker in std::mem::take(&mut self.all) {
            end(worker).await;
        }
    }

    /// Lets one read and do nothing with what it reads; gives its name.
    pub(super) fn stall(&mut self, chance: &mut Chance) -> String {
        let place = chance.below(u32::try_from(self.all.len()).unwrap()) as usize;
        let worker = &self.all[place];
        match &worker.running {
            Running::Task { door, .. } => drop(door.send_replace(false)),
            Running::Process(process) => signal(process, rustix::process::Signal::STOP),
        }
        worker.owner.clone()
    }

    /// Waits until none of its leases is in force, lets others work, then lets it go on where it was.
    pub(super) async fn wakes_up_too_late(&mut self, owner: String, rules: usize) {
        let pool = pool(&self.database);
        let held = "select count(*) from ledger.leases where owner = $1 and expires_at > now()";
        wait_until("its leases expire", Duration::from_secs(30), async || {
            sqlx::query_scalar::<_, i64>(held).bind(&owner).fetch_one(&pool).await.unwrap() == 0
        })
        .await;
        pool.close().await;
        if self.all.len() < 2 {
            self.start(rules).await;
        }
        // The others get a turn, as far as the machine lets them: no condition is right for all states of a run.
        tokio::task::yield_now().await;
        self.none_stalls();
    }

    pub(super) fn none_stalls(&self) {
        for worker in &self.all {
            match &worker.running {
                Running::Task { door, .. } => drop(door.send_replace(true)),
                Running::Process(process) => signal(process, rustix::process::Signal::CONT),
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in std::mem::take(&mut self.all) {
            match worker.running {
                Running::Task { handle, .. } => handle.abort(),
                Running::Process(process) => kill(process),
            }
        }
    }
}

async fn end(worker: Worker) {
    match worker.running {
        Running::Task { handle, stop, door } => {
            door.send_replace(true);
            stop.cancel();
            handle.await.unwrap();
        }
        Running::Process(process) => kill(process),
    }
}

fn signal(process: &Child, signal: rustix::process::Signal) {
    let pid = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

/// A worker with a process of its own, which is this program again.
fn process(database: &TestDatabase, owner: &str, rules: usize, partitions: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "simulation::workers::works_until_it_is_killed", "--nocapture"])
        .env("SIMULATION_DATABASE", &database.url)
        .env("SIMULATION_OWNER", owner)
        .env("SIMULATION_RULES", rules.to_string())
        .env("SIMULATION_PARTITIONS", partitions.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a worker of the runs above, not a test"]
async fn works_until_it_is_killed() {
    let of = |name: &str| std::env::var(format!("SIMULATION_{name}")).unwrap();
    let database = TestDatabase { url: of("DATABASE"), folder: std::env::temp_dir() };
    let log = PostgresLog::open(pool(&database), of("PARTITIONS").parse().unwrap()).await.unwrap();
    let rules = rules(of("RULES").parse().unwrap());
    let runner = Runner::new(Arc::new(log), pool(&database), rules, settings(3), store::LIVE, &of("OWNER"));
    // Whoever kills the test process with a signal leaves us behind: nobody needs a run after this.
    let end = SystemClock.now() + chrono::Duration::minutes(10);
    let stop = CancellationToken::new();
    let overdue = wait_until("the run is over", Duration::from_secs(600), async || SystemClock.now() > end);
    tokio::select! {
        ended = runner.run(stop) => ended.unwrap(),
        () = overdue => {}
    }
}

/// A log whose readers can be held up after they have read, and that looks to an old decoder as if a later version had
/// written some of it.
struct Doorway {
    log: Arc<dyn Log>,
    open: watch::Receiver<bool>,
    old_decoder: Arc<AtomicBool>,
}

struct Held {
    /// Locked by nobody else: a reader alone cannot be shared.
    reader: tokio::sync::Mutex<Box<dyn Reader>>,
    open: watch::Receiver<bool>,
    old_decoder: bool,
}

/// Of the bytes alone, so that each copy is of the same version.
fn of_a_later_version(record: &Record) -> bool {
    record
        .delivery
        .as_ref()
        .is_ok_and(|d| events::observation::body_hash(&d.body).unsigned_abs().is_multiple_of(9))
}

#[async_trait]
impl Reader for Held {
    async fn next(&mut self, limit: Limit, wait: Duration) -> Result<Batch, LogError> {
        let mut batch = self.reader.get_mut().next(limit, wait).await?;
        // A dropped sender is a worker that ends.
        let _ = self.open.wait_for(|open| *open).await;
        if self.old_decoder {
            for record in batch.records.iter_mut().filter(|record| of_a_later_version(record)) {
                let id = record.delivery.as_ref().ok().map(|delivery| delivery.id);
                record.delivery = Err(Unreadable { id, detail: "format 9".to_owned() });
            }
        }
        Ok(batch)
    }

    async fn committed(&self, positions: &[Place]) {
        let reader = self.reader.lock().await;
        let told = reader.committed(positions);
        told.await;
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
        let old_decoder = self.old_decoder.load(Ordering::SeqCst);
        Ok(Box::new(Held { reader, open: self.open.clone(), old_decoder }))
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
