//! Rows to objects, on a thread of its own: while Postgres sorts and sends, this one encodes and compresses.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, NaiveDate, Utc};
use store::export::{Hold, Object, Row, Rows};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;

use crate::ExportError;
use crate::parquet_file::{Form, ParquetFile};
use crate::plan::Wanted;
use crate::target::{Target, Upload};

/// What was done so far; read while it goes on.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) rows: AtomicU64,
    pub(crate) objects: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// Writes the objects of one dataset and account.
pub(crate) struct Writing {
    pub(crate) target: Arc<Target>,
    pub(crate) form: Form,
    /// In the order in which their rows come.
    pub(crate) wanted: VecDeque<Wanted>,
    pub(crate) hold: Hold,
    pub(crate) counters: Arc<Counters>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) runtime: Handle,
}

/// The object whose rows come now.
struct Open<'a> {
    wanted: Wanted,
    file: ParquetFile<'a>,
    upload: Upload<'a>,
}

impl Writing {
    /// Takes the rows as Postgres sends them; gives the hold back. Blocks.
    ///
    /// # Errors
    /// Also when the rows end early: the object that was begun is given up.
    pub(crate) fn run(mut self, mut pieces: Receiver<Vec<u8>>) -> Result<Hold, ExportError> {
        let mut wanted = std::mem::take(&mut self.wanted);
        let (target, form) = (self.target.clone(), &self.form);
        let mut rows = Rows::default();
        let mut open: Option<Open<'_>> = None;
        while let Some(piece) = pieces.blocking_recv() {
            rows.push(&piece);
            while let Some(row) = rows.next_row()? {
                let day = day(&row)?;
                let current = match open.take() {
                    Some(current) if current.wanted.day == day => current,
                    before => {
                        if let Some(before) = before {
                            finish(before, &mut self.hold, &self.runtime, self.now, &self.counters)?;
                        }
                        let next = wanted.pop_front().filter(|wanted| wanted.day == day);
                        let wanted = next.ok_or_else(changed)?;
                        let (file, upload) = (form.begin()?, target.begin(&wanted.path)?);
                        Open { wanted, file, upload }
                    }
                };
                let current = open.insert(current);
                if let Some(bytes) = current.file.push(&row)? {
                    self.counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    current.upload.write(&bytes)?;
                    if let Some(upload) = current.upload.begun() {
                        self.runtime.block_on(self.hold.uploading(&current.wanted.path, Some(&upload)))?;
                    }
                    fail::fail_point!("export.object_begun", |_| std::process::abort());
                }
                self.counters.rows.fetch_add(1, Ordering::Relaxed);
            }
        }
        if !rows.is_whole() {
            return Err(ExportError::Stopped);
        }
        if let Some(last) = open {
            finish(last, &mut self.hold, &self.runtime, self.now, &self.counters)?;
        }
        if wanted.is_empty() { Ok(self.hold) } else { Err(changed()) }
    }
}

fn day(row: &Row<'_>) -> Result<Option<NaiveDate>, ExportError> {
    Ok(row.day(0)?.and_then(NaiveDate::from_epoch_days))
}

/// Counted and read in one snapshot: only a broken database could do this.
fn changed() -> ExportError {
    ExportError::Refused("database: rows are not those that were counted a moment ago".to_owned())
}

fn finish(
    open: Open<'_>,
    hold: &mut Hold,
    runtime: &Handle,
    now: DateTime<Utc>,
    counters: &Counters,
) -> Result<(), ExportError> {
    let Open { wanted, file, mut upload } = open;
    if file.rows() != wanted.rows {
        return Err(changed());
    }
    let rest = file.finish()?;
    counters.bytes.fetch_add(rest.len() as u64, Ordering::Relaxed);
    upload.write(&rest)?;
    let finished = upload.finish()?;
    fail::fail_point!("export.object_visible", |_| std::process::abort());
    let object = Object {
        path: wanted.path,
        fingerprint: wanted.fingerprint,
        rows: wanted.rows,
        bytes: i64::try_from(finished.bytes).unwrap_or(i64::MAX),
        sha256: finished.sha256,
        upload: None,
    };
    runtime.block_on(hold.written(&object, now))?;
    counters.objects.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
