//! One run, from taking the target to the manifest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt as _;
use store::PgConnection;
use store::export::{Hold, Object, Selection};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dataset::DATASETS;
use crate::job::{Account, Job, Progress, Summary};
use crate::parquet_file::Form;
use crate::plan::{Wanted, plan};
use crate::target::Target;
use crate::writing::{Counters, Writing};
use crate::{ExportError, layout, manifest};

/// Bytes of rows that go to the writing thread at once, and how many such pieces may wait for it.
const PIECE: usize = 256 << 10;
const PIECES: usize = 8;

/// Brings the target up to date. Whatever ends it early, what was written before is there and whole, and the next run
/// goes on; `manifest.json` is that of the last run that ended well.
///
/// # Errors
/// What to do about it: see [`ExportError`].
pub async fn run(
    job: &Job<'_>,
    now: DateTime<Utc>,
    progress: &(dyn Fn(&Progress) + Send + Sync),
    stop: &CancellationToken,
) -> Result<Summary, ExportError> {
    let name = job.target.name().to_owned();
    let Some(mut hold) = store::export::hold(job.pool, &name).await? else {
        return Err(ExportError::Busy(name));
    };
    let present = on_target(&job.target, Target::list).await?;
    let mut snapshot = store::export::snapshot(job.pool).await?;
    let positions = store::positions::list(&mut snapshot).await?;
    let wanted = wanted(job, &mut snapshot, stop).await?;
    let accounts: HashSet<&str> = job.accounts.iter().map(|account| account.id.as_str()).collect();
    let known = hold.known().await?;
    give_up(job, &mut hold, &known).await?;
    let plan = plan(wanted, &known, &present, &accounts, job.days);
    drop(present);
    let counted = store::export::accounts(&mut snapshot).await?;

    let mut run = Run {
        job,
        now,
        progress,
        stop,
        counters: Arc::new(Counters::default()),
        summary: Summary::before(&plan),
    };
    run.summary.target = name;
    run.summary.accounts_left_out =
        counted.into_iter().filter(|account| !accounts.contains(account.as_str())).collect();
    let paths: Vec<String> = plan.writes.iter().map(|wanted| wanted.path.clone()).collect();
    hold.begin(&paths, now).await?;
    hold = run.write(hold, &mut snapshot, plan.writes).await?;
    // After the writing: a row that moved to another day is for a moment on both, rather than on none.
    run.remove(&mut hold, plan.removals).await?;
    fail::fail_point!("export.objects_done", |_| std::process::abort());
    let manifest = manifest::manifest(&hold.known().await?, &positions, &job.personal)?;
    on_target(&job.target, move |target| {
        let mut upload = target.begin(layout::MANIFEST)?;
        upload.write(&manifest)?;
        upload.finish().map(|_| ())
    })
    .await?;
    hold.release().await?;
    Ok(run.summary)
}

/// Gives up the uploads of a run that was killed.
async fn give_up(job: &Job<'_>, hold: &mut Hold, known: &HashMap<String, Object>) -> Result<(), ExportError> {
    for object in known.values() {
        let Some(upload) = object.upload.clone() else { continue };
        let path = object.path.clone();
        on_target(&job.target, move |target| target.give_up(&path, &upload)).await?;
        hold.uploading(&object.path, None).await?;
    }
    Ok(())
}

/// How every object should be, in the order in which they are written.
async fn wanted(
    job: &Job<'_>,
    snapshot: &mut PgConnection,
    stop: &CancellationToken,
) -> Result<Vec<Wanted>, ExportError> {
    let mut wanted = Vec::new();
    for (place, dataset) in DATASETS.iter().enumerate() {
        for Account { id, zone } in job.accounts {
            let selection = Selection { source: dataset.source, account: id, zone };
            let states = tokio::select! {
                () = stop.cancelled() => return Err(ExportError::Stopped),
                states = store::export::states(snapshot, &selection) => states?,
            };
            wanted.extend(states.iter().map(|state| Wanted::new(place, id, &job.personal, state)));
        }
    }
    Ok(wanted)
}

struct Run<'a> {
    job: &'a Job<'a>,
    now: DateTime<Utc>,
    progress: &'a (dyn Fn(&Progress) + Send + Sync),
    stop: &'a CancellationToken,
    counters: Arc<Counters>,
    summary: Summary,
}

impl Run<'_> {
    async fn write(
        &mut self,
        mut hold: Hold,
        snapshot: &mut PgConnection,
        writes: Vec<Wanted>,
    ) -> Result<Hold, ExportError> {
        let total = Progress {
            dataset: "",
            rows: 0,
            rows_total: writes.iter().map(|wanted| wanted.rows.unsigned_abs()).sum(),
            objects: 0,
            objects_total: writes.len() as u64,
        };
        for part in writes.chunk_by(|a, b| a.dataset == b.dataset && a.account == b.account) {
            let Some(Wanted { dataset: place, account, .. }) = part.first() else { continue };
            let Some(account) = self.job.accounts.iter().find(|known| known.id == *account) else { continue };
            let counted = |counters: &Counters| {
                let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
                [read(&counters.objects), read(&counters.rows), read(&counters.bytes)]
            };
            let before = counted(&self.counters);
            hold = self.write_part(hold, snapshot, *place, account, part, total).await?;
            let after = counted(&self.counters);
            let line = &mut self.summary.datasets[*place];
            line.written += after[0] - before[0];
            line.rows += after[1] - before[1];
            line.bytes += after[2] - before[2];
        }
        Ok(hold)
    }

    /// Writes objects of one dataset and account.
    async fn write_part(
        &self,
        hold: Hold,
        snapshot: &mut PgConnection,
        place: usize,
        account: &Account,
        part: &[Wanted],
        total: Progress,
    ) -> Result<Hold, ExportError> {
        let dataset = &DATASETS[place];
        let writing = Writing {
            target: self.job.target.clone(),
            form: Form::new(dataset, &self.job.personal)?,
            wanted: part.to_vec().into(),
            hold,
            counters: self.counters.clone(),
            now: self.now,
            runtime: Handle::current(),
        };
        let (sender, receiver) = mpsc::channel(PIECES);
        let writing = tokio::task::spawn_blocking(move || writing.run(receiver));
        let days: Vec<NaiveDate> = part.iter().filter_map(|wanted| wanted.day).collect();
        let selection = Selection { source: dataset.source, account: &account.id, zone: &account.zone };
        let show = || {
            let (rows, objects) = (&self.counters.rows, &self.counters.objects);
            (self.progress)(&Progress {
                dataset: dataset.name(),
                rows: rows.load(Ordering::Relaxed),
                objects: objects.load(Ordering::Relaxed),
                ..total
            });
        };
        show();
        let sent = async {
            let columns = dataset.read();
            let mut rows = store::export::rows(snapshot, &selection, &days, &columns).await?;
            let mut piece = Vec::with_capacity(PIECE);
            loop {
                let bytes = tokio::select! {
                    () = self.stop.cancelled() => return Err(ExportError::Stopped),
                    bytes = rows.try_next() => bytes?,
                };
                piece.extend_from_slice(bytes.as_deref().unwrap_or_default());
                if piece.len() >= PIECE || bytes.is_none() {
                    // A writer that has ended says why itself.
                    if sender.send(std::mem::replace(&mut piece, Vec::with_capacity(PIECE))).await.is_err() {
                        return Ok(());
                    }
                    show();
                }
                if bytes.is_none() {
                    return Ok(());
                }
            }
        }
        .await;
        drop(sender);
        let written = writing.await.map_err(|error| ExportError::Refused(format!("writing: {error}")))?;
        sent?;
        written
    }

    async fn remove(&mut self, hold: &mut Hold, removals: Vec<String>) -> Result<(), ExportError> {
        for path in removals {
            if self.stop.is_cancelled() {
                return Err(ExportError::Stopped);
            }
            let removed = path.clone();
            on_target(&self.job.target, move |target| target.remove(&removed)).await?;
            hold.remove(&path).await?;
            let dataset = layout::parse(&path).map(|(dataset, ..)| dataset);
            if let Some(line) = self.summary.datasets.iter_mut().find(|line| Some(line.dataset) == dataset) {
                line.removed += 1;
            }
        }
        Ok(())
    }
}

/// Does something that blocks with the target.
async fn on_target<T: Send + 'static>(
    target: &Arc<Target>,
    work: impl FnOnce(&Target) -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    let target = target.clone();
    let done = tokio::task::spawn_blocking(move || work(&target)).await;
    done.map_err(|error| ExportError::Refused(format!("target: {error}")))?
}
