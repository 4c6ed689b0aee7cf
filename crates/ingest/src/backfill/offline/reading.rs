//! One recorded file, from its bytes into the log, in batches.

use std::path::Path;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use events::{Capture, Road};
use log::{Entry, LogError};
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use super::recording::{Item, Kind, Marks, item_of};
use super::{Offline, at, unreadable};
use crate::backfill::pages::{Press, RawPage};
use crate::backfill::run::Watcher;
use crate::backfill::{Progress, WalkSummary};
use crate::chat2desk::envelope;
use crate::error::IngestError;

/// Rows that are appended at once.
const BATCH: usize = 200;
/// Bytes that are gathered before an append.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The largest file that is read as one JSON value.
const JSON_MOST: u64 = 512 * 1024 * 1024;

/// One file being read.
pub(super) struct Reading<'a> {
    offline: &'a Offline<'a>,
    file: &'a Path,
    kind: Kind,
    /// When rows without a time of their own were fetched.
    read_at: DateTime<Utc>,
    /// Rows that wait to be appended: all of one list, fetched at one instant.
    rows: Vec<Box<RawValue>>,
    rows_of: Option<(String, DateTime<Utc>)>,
    hooks: Vec<(Bytes, Option<DateTime<Utc>>)>,
    bytes: usize,
    pub(super) done: WalkSummary,
}

impl<'a> Reading<'a> {
    pub(super) fn new(offline: &'a Offline<'a>, file: &'a Path, kind: Kind) -> Self {
        let walk = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let done = WalkSummary { walk, ..WalkSummary::default() };
        let (rows, hooks) = (Vec::new(), Vec::new());
        let read_at = offline.clock.now();
        Self { offline, file, kind, read_at, rows, rows_of: None, hooks, bytes: 0, done }
    }

    /// `false` when it was told to stop.
    pub(super) async fn all(
        &mut self,
        watcher: Watcher<'_>,
        stop: &CancellationToken,
    ) -> Result<bool, IngestError> {
        if self.file.extension().is_some_and(|extension| extension == "json") {
            self.whole().await?;
            self.flush().await?;
            self.tell(watcher);
            return Ok(!stop.is_cancelled());
        }
        let file = tokio::fs::File::open(self.file).await.map_err(|error| unreadable(self.file, &error))?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            let read =
                lines.read_until(b'\n', &mut line).await.map_err(|error| unreadable(self.file, &error))?;
            if read == 0 {
                break;
            }
            number += 1;
            let text = line.trim_ascii();
            if !text.is_empty() {
                self.value(text, Some(number)).await?;
            }
            if self.rows.len() + self.hooks.len() >= BATCH || self.bytes >= BATCH_BYTES {
                self.flush().await?;
                self.tell(watcher);
                if stop.is_cancelled() {
                    return Ok(false);
                }
            }
        }
        self.flush().await?;
        self.tell(watcher);
        Ok(true)
    }

    async fn whole(&mut self) -> Result<(), IngestError> {
        let meta = tokio::fs::metadata(self.file).await.map_err(|error| unreadable(self.file, &error))?;
        if meta.len() > JSON_MOST {
            return Err(at(self.file, None, "larger than 512 MiB: write it as .jsonl, one row a line"));
        }
        let text = tokio::fs::read(self.file).await.map_err(|error| unreadable(self.file, &error))?;
        if self.kind == Kind::Webhooks && text.trim_ascii().starts_with(b"[") {
            // An array of bodies, each a delivery of its own.
            let bodies: Vec<Box<RawValue>> =
                serde_json::from_slice(&text).map_err(|_| at(self.file, None, "not a json array"))?;
            for body in bodies {
                self.value(body.get().as_bytes(), None).await?;
            }
            return Ok(());
        }
        self.value(text.trim_ascii(), None).await
    }

    async fn value(&mut self, bytes: &[u8], line: Option<u64>) -> Result<(), IngestError> {
        let text = std::str::from_utf8(bytes).ok();
        let marks = text.and_then(Marks::of);
        let kind = match (&self.kind, &marks) {
            (Kind::ByLine, Some(marks)) if marks.list.is_some() => marks.list(),
            (Kind::ByLine, Some(marks)) => marks.hook_type.map(|_| Kind::Webhooks),
            (Kind::ByLine, None) => None,
            (kind, _) => Some(kind.clone()),
        };
        match kind {
            Some(Kind::Webhooks) => {
                let body = marks.as_ref().filter(|marks| marks.received_at.is_some() || marks.list.is_some());
                let body = body.and_then(|marks| marks.body).map_or(bytes, |body| body.get().as_bytes());
                self.bytes += body.len();
                let received_at = marks.as_ref().and_then(|marks| Marks::time(marks.received_at));
                self.hooks.push((Bytes::copy_from_slice(body), received_at));
                Ok(())
            }
            Some(Kind::Rows(asked)) => self.rows(asked, text, bytes, line).await,
            Some(Kind::ByLine) | None => {
                let what = "tells no list: name the file after its list, or give each line a \"list\" or a \"hook_type\"";
                Err(at(self.file, line, what))
            }
        }
    }

    async fn rows(
        &mut self,
        asked: String,
        text: Option<&str>,
        bytes: &[u8],
        line: Option<u64>,
    ) -> Result<(), IngestError> {
        let asked = format!("{asked}offline={}", self.done.walk);
        match text.and_then(item_of) {
            Some(Item::Page(rows, envelope, fetched_at)) => {
                self.flush().await?;
                self.append(asked, fetched_at.unwrap_or(self.read_at), &rows, Some(&envelope)).await
            }
            Some(Item::Row(row, fetched_at)) => {
                let fetched_at = fetched_at.unwrap_or(self.read_at);
                let rows_of = Some((asked, fetched_at));
                if self.rows_of != rows_of {
                    self.flush().await?;
                }
                self.rows_of = rows_of;
                self.bytes += row.get().len();
                self.rows.push(row);
                Ok(())
            }
            None => {
                tracing::warn!(
                    backfill.file = self.done.walk,
                    backfill.line = line,
                    "no json, appended as it is"
                );
                self.flush().await?;
                self.append_bytes(&asked, bytes).await
            }
        }
    }

    /// Appends what waits.
    async fn flush(&mut self) -> Result<(), IngestError> {
        self.bytes = 0;
        if let Some((asked, fetched_at)) = self.rows_of.take() {
            let rows = std::mem::take(&mut self.rows);
            self.append(asked, fetched_at, &rows, None).await?;
        }
        let hooks = std::mem::take(&mut self.hooks);
        if !hooks.is_empty() {
            let entries = |offline: &Offline<'_>| {
                let hook = |(body, received_at): &(Bytes, Option<DateTime<Utc>>)| {
                    let identity = envelope::identity(body);
                    let capture =
                        Capture { content_type: Some("application/json".into()), ..Capture::default() };
                    offline.entry(Road::Webhook, *received_at, capture, body.clone(), identity.as_deref())
                };
                hooks.iter().map(hook).collect::<Vec<_>>()
            };
            self.done.rows += hooks.len() as u64;
            self.put(entries(self.offline)).await?;
        }
        Ok(())
    }

    async fn append(
        &mut self,
        asked: String,
        fetched_at: DateTime<Utc>,
        rows: &[Box<RawValue>],
        envelope: Option<&RawValue>,
    ) -> Result<(), IngestError> {
        let Offline { log, account, clock, ids } = *self.offline;
        let page = RawPage { asked, fetched_at, rows, envelope };
        self.done.left_out += Press { account, clock, ids }.append(log, &page).await?;
        self.done.pages += u64::from(envelope.is_some());
        self.done.rows += rows.len() as u64;
        Ok(())
    }

    async fn append_bytes(&mut self, asked: &str, bytes: &[u8]) -> Result<(), IngestError> {
        let now = self.offline.clock.now();
        let part = Some(events::PagePart::Row(0));
        let capture =
            Capture { page: Some(asked.to_owned()), part, fetched_at: Some(now), ..Capture::default() };
        let entry = self.offline.entry(Road::Backfill, None, capture, Bytes::copy_from_slice(bytes), None);
        self.done.rows += 1;
        self.put(vec![entry]).await
    }

    async fn put(&self, entries: Vec<Entry>) -> Result<(), IngestError> {
        match self.offline.log.append(entries).await {
            Ok(_) => Ok(()),
            Err(error @ LogError::TooLarge { .. }) => Err(at(self.file, None, &error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&self, watcher: Watcher<'_>) {
        let walk = self.done.walk.clone();
        watcher(Progress { walk, rows: self.done.rows, total: None, calls: 0, waiting: None });
    }
}
