//! Recorded pages and bodies instead of the API: `backfill --offline DIR`.
//!
//! Files of one folder, read in the order of their names; other names than these are an error before anything is read:
//!
//! | form | content |
//! |---|---|
//! | `*.jsonl` | one JSON value a line: a row, or a whole page `{"data":[…],"meta":…}` |
//! | `*.json` | one page as the platform answers it, or an array of rows, or one row |
//!
//! The list is what the file's name starts with, up to the first `-` or `.`: `messages`, `clients`, `dialogs`, `operators`,
//! `operators_groups`, `channels`, `tags`, `webhooks`; statistics name their report and, for a page, their day:
//! `statistics-request_stats-2026-01-15.json`, or short `request_stats-2026-01-15.jsonl`, `rating.jsonl`.
//! In a file of any other name, each line says it itself: `{"list":"messages", "row":{…}}` or `{"list":"messages",
//! "data":[…]}`; a line with `hook_type` is a webhook body.
//!
//! `fetched_at` (RFC 3339) in a row, page or wrapper is when it was fetched; without it, now. Webhook bodies are
//! appended as the bytes of their line, by the road `webhook`; `{"received_at":…,"body":{…}}` gives the time of receipt. A
//! line of a known list that is no JSON is appended as it is: it becomes a reject, not a gap.

mod reading;
mod recording;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use events::delivery::partition_hash;
use events::{AccountId, Capture, Clock, Delivery, DeliveryIds, Platform, Road};
use log::{Entry, Log};
use tokio_util::sync::CancellationToken;

use self::reading::Reading;
use self::recording::{Kind, kind_of};
use super::run::Watcher;
use super::{Outcome, Summary};
use crate::error::IngestError;

/// Reads recordings into the log. It has no cursor: what is read twice is merged by the projection.
pub struct Offline<'a> {
    /// Where to.
    pub log: &'a dyn Log,
    /// Whose recordings they are.
    pub account: &'a AccountId,
    /// The time of reading.
    pub clock: &'a dyn Clock,
    /// Ids for the deliveries.
    pub ids: &'a DeliveryIds,
}

impl Offline<'_> {
    /// Appends every recording below `dir` (not its folders). `stop` ends it between two appends.
    ///
    /// # Errors
    /// [`IngestError::Recording`] names file and line; before anything is appended where a name tells no list.
    pub async fn run(
        &self,
        dir: &Path,
        watcher: Watcher<'_>,
        stop: &CancellationToken,
    ) -> Result<Outcome, IngestError> {
        let files = files_of(dir).await?;
        let mut summary = Summary::default();
        for (file, kind) in files {
            let mut reading = Reading::new(self, &file, kind);
            let ended = reading.all(watcher, stop).await;
            summary.rows += reading.done.rows;
            summary.walks.push(reading.done);
            if !ended? {
                return Ok(Outcome::Stopped(summary));
            }
        }
        Ok(Outcome::Done(summary))
    }
}

async fn files_of(dir: &Path) -> Result<Vec<(PathBuf, Kind)>, IngestError> {
    let mut entries = tokio::fs::read_dir(dir).await.map_err(|error| unreadable(dir, &error))?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(|error| unreadable(dir, &error))? {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || path.is_dir() {
            continue;
        }
        let kind = match name.rsplit_once('.') {
            Some((stem, "jsonl")) => kind_of(stem).or(Some(Kind::ByLine)),
            Some((stem, "json")) => kind_of(stem).or(Some(Kind::ByLine)),
            _ => None,
        };
        let what = "not a recording: name it after its list, for instance messages.jsonl or clients.json";
        files.push((path.clone(), kind.ok_or_else(|| at(&path, None, what))?));
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    if files.is_empty() {
        return Err(at(dir, None, "no recordings (*.jsonl, *.json) in this folder"));
    }
    Ok(files)
}

impl Offline<'_> {
    fn entry(
        &self,
        road: Road,
        received_at: Option<DateTime<Utc>>,
        capture: Capture,
        body: Bytes,
        identity: Option<&str>,
    ) -> Entry {
        let now = self.clock.now();
        let delivery = Delivery {
            id: self.ids.next(now),
            account: self.account.clone(),
            platform: Platform::Chat2desk,
            road,
            received_at: received_at.unwrap_or(now),
            capture,
            body,
        };
        Entry { delivery, partition_hash: partition_hash(self.account, identity) }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> IngestError {
    at(path, None, &error.to_string())
}

fn at(path: &Path, line: Option<u64>, what: &str) -> IngestError {
    IngestError::Recording { file: path.display().to_string(), line, what: what.to_owned() }
}
