//! Group commit: what is appended at the same time shares one transaction.
//!
//! While one group is written the next one gathers, so that groups grow with the load and a lone append waits
//! for nothing. The queue is bounded in bytes; what comes on top is refused at once.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::connection::{APPEND_TIMEOUT, GROUP_TIMEOUT, failure, of_values};
use super::insert::{Row, Writer};
use super::wake::WakeHandle;
use crate::record::{self, headers};
use crate::{Entry, LogError, Place};

/// Most KiB that wait or are being written.
const QUEUE_KIB: usize = 64 * 1024;
/// A group is closed when it has this many rows,
const GROUP_ROWS: usize = 2000;
/// or this many bytes.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

type Reply = oneshot::Sender<Result<Vec<Place>, LogError>>;

/// One call of append.
struct Request {
    rows: Vec<Row>,
    bytes: usize,
    reply: Reply,
    /// Gives its bytes back to the queue when the request is answered.
    _room: OwnedSemaphorePermit,
}

/// The sending end; the task ends when it is dropped.
pub(crate) struct Appender {
    partitions: u32,
    queue: mpsc::UnboundedSender<Request>,
    room: Arc<Semaphore>,
}

impl Appender {
    pub(crate) fn start(pool: &PgPool, partitions: u32, wake: WakeHandle) -> Self {
        // Unbounded in number, because the semaphore bounds it in bytes and every request takes some.
        let (queue, requests) = mpsc::unbounded_channel();
        tokio::spawn(write_groups(requests, Writer::new(pool), wake));
        Self { partitions, queue, room: Arc::new(Semaphore::new(QUEUE_KIB)) }
    }

    pub(crate) fn ready(&self) -> Result<(), LogError> {
        if self.room.available_permits() < QUEUE_KIB / 8 {
            return Err(LogError::Unavailable("the append queue is nearly full".to_owned()));
        }
        Ok(())
    }

    pub(crate) async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Place>, LogError> {
        let rows = entries.into_iter().map(|entry| self.row(entry)).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let bytes: usize = rows.iter().map(|row| record::size(row.delivery.body.len())).sum();
        // A batch that is larger than the queue takes it all.
        let kib = u32::try_from(bytes.div_ceil(1024).min(QUEUE_KIB)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib);
        let room = room.map_err(|_| LogError::Unavailable("the append queue is full".to_owned()))?;
        let (reply, answer) = oneshot::channel();
        let stopped = || LogError::Unavailable("the log is being closed".to_owned());
        self.queue.send(Request { rows, bytes, reply, _room: room }).map_err(|_| stopped())?;
        match tokio::time::timeout(APPEND_TIMEOUT, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(stopped())),
            Err(_) => Err(LogError::Unavailable("the database did not commit in time".to_owned())),
        }
    }

    fn row(&self, entry: Entry) -> Result<Row, LogError> {
        let headers = headers(&entry.delivery)?;
        let partition = entry.partition_hash % u64::from(self.partitions.max(1));
        Ok(Row {
            partition: i32::try_from(partition).unwrap_or(0),
            delivery: entry.delivery,
            capture: headers.capture,
        })
    }
}

async fn write_groups(mut requests: mpsc::UnboundedReceiver<Request>, mut writer: Writer, wake: WakeHandle) {
    while let Some(first) = requests.recv().await {
        let mut rows = first.rows.len();
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while rows < GROUP_ROWS && bytes < GROUP_BYTES {
            let Ok(request) = requests.try_recv() else { break };
            rows += request.rows.len();
            bytes += request.bytes;
            group.push(request);
        }
        // Nobody waits for these any more: they were answered "unavailable".
        group.retain(|request| !request.reply.is_closed());
        if !group.is_empty() {
            write(&mut writer, group).await;
            wake.appended();
        }
    }
}

async fn write(writer: &mut Writer, group: Vec<Request>) {
    match write_together(writer, &group).await {
        Ok(places) => answer(group, places),
        Err(Failed::Values) if group.len() > 1 => {
            // One of them cannot be stored: each on its own, so that only that one is refused.
            for request in group {
                let alone = write_together(writer, std::slice::from_ref(&request)).await;
                let _ = request.reply.send(alone.map_err(LogError::from));
            }
        }
        Err(failed) => {
            let error = LogError::from(failed);
            tracing::debug!(log.error = %error, log.callers = group.len(), "append failed");
            for request in group {
                let _ = request.reply.send(Err(told_again(&error)));
            }
        }
    }
}

/// Hands each caller the places of its own rows. A caller that is gone does not mind.
fn answer(group: Vec<Request>, places: Vec<Place>) {
    let mut places = places.into_iter();
    for request in group {
        let own = places.by_ref().take(request.rows.len()).collect();
        let _ = request.reply.send(Ok(own));
    }
}

enum Failed {
    Values,
    Log(LogError),
}

impl From<Failed> for LogError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Values => Self::Unavailable("the database refuses the values of a delivery".to_owned()),
            Failed::Log(error) => error,
        }
    }
}

async fn write_together(writer: &mut Writer, group: &[Request]) -> Result<Vec<Place>, Failed> {
    let rows: Vec<&Row> = group.iter().flat_map(|request| &request.rows).collect();
    match tokio::time::timeout(GROUP_TIMEOUT, writer.write(&rows)).await {
        Ok(Ok(places)) => Ok(places),
        Ok(Err(error)) if of_values(&error) => Err(Failed::Values),
        Ok(Err(error)) => Err(Failed::Log(failure(&error))),
        Err(_) => {
            writer.disconnect();
            Err(Failed::Log(LogError::Unavailable("the database did not commit in time".to_owned())))
        }
    }
}

fn told_again(error: &LogError) -> LogError {
    match error {
        LogError::Unfit(text) => LogError::Unfit(text.clone()),
        other => LogError::Unavailable(match other {
            LogError::Unavailable(text) => text.clone(),
            other => other.to_string(),
        }),
    }
}
