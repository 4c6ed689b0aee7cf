//! One request into the log: bounded, judged, appended, acknowledged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use events::delivery::partition_hash;
use events::{Authenticity, Capture, Clock, Delivery, DeliveryIds, Road};
use log::{Entry, Log, LogError};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::accounts::{HookAccount, HookAccounts};
use super::body::{self, Inflated, Refused};
use super::budget::{Budget, Reservation};
use super::health::Probe;
use super::outcome::Outcome;
use crate::platform;

/// What the query of a GET is written as.
const FORM: &str = "application/x-www-form-urlencoded";

/// How much and how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most bytes of requests that are read but not yet in the log.
    pub in_flight_bytes: usize,
    /// Longest time for the sender to bring a body.
    pub read_deadline: Duration,
    /// Longest time for the log to acknowledge.
    pub append_deadline: Duration,
    /// How long a failed append keeps the process not ready when none succeeds meanwhile.
    pub failure_memory: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            in_flight_bytes: 64 << 20,
            read_deadline: Duration::from_secs(10),
            append_deadline: Duration::from_secs(10),
            failure_memory: Duration::from_secs(10),
        }
    }
}

/// Takes requests into a log. Cheap to clone.
#[derive(Clone)]
pub struct Intake(Arc<Inner>);

struct Inner {
    accounts: HookAccounts,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    ids: DeliveryIds,
    bounds: Bounds,
    budget: Budget,
    appends: TaskTracker,
    failed_at: Mutex<Option<Instant>>,
}

/// What came, before its body is read.
pub(super) struct Arrival<'a> {
    pub(super) account: &'a HookAccount,
    pub(super) road: Road,
    /// The script event; for the other roads the query.
    pub(super) event: Option<String>,
    pub(super) parts: &'a Parts,
}

impl Intake {
    /// An intake for these accounts.
    pub fn new(
        accounts: HookAccounts,
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        ids: DeliveryIds,
        bounds: Bounds,
    ) -> Self {
        let budget = Budget::new(bounds.in_flight_bytes);
        let (appends, failed_at) = (TaskTracker::new(), Mutex::new(None));
        Self(Arc::new(Inner { accounts, log, clock, ids, bounds, budget, appends, failed_at }))
    }

    /// Waits for the appends that are under way, those included whose sender has gone. Call it when no more requests
    /// come, and bound it in time: a log that never answers holds it for ever.
    pub async fn drain(&self) {
        self.0.appends.close();
        self.0.appends.wait().await;
    }

    pub(super) fn accounts(&self) -> &HookAccounts {
        &self.0.accounts
    }

    /// Takes one request. The body of a GET is its query.
    pub(super) async fn take(&self, arrival: Arrival<'_>, body: Body) -> Outcome {
        let Some(reservation) = self.0.budget.reserve() else { return Outcome::Unavailable };
        let reading = self.read(&arrival, body, reservation);
        let (entry, reservation) = match timeout(self.0.bounds.read_deadline, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(Refused::TooLarge)) => return Outcome::TooLarge,
            Ok(Err(Refused::Unavailable)) | Err(_) => return Outcome::Unavailable,
        };
        self.append(entry, reservation).await
    }

    async fn read(
        &self,
        arrival: &Arrival<'_>,
        body: Body,
        mut reservation: Reservation,
    ) -> Result<(Entry, Reservation), Refused> {
        let (account, parts) = (arrival.account, arrival.parts);
        let (wire, content_type) = if parts.method == Method::POST {
            let wire = body::read(&parts.headers, body, &mut reservation).await?;
            (wire, text(&parts.headers, header::CONTENT_TYPE))
        } else {
            let query = parts.uri.query().unwrap_or_default();
            (Bytes::copy_from_slice(query.as_bytes()), Some(FORM.to_owned()))
        };
        let vendor = platform::of(account.platform);
        let authenticity = (arrival.road == Road::Webhook).then(|| Authenticity {
            signature: (vendor.verdict)(&account.signing_keys, &parts.headers, &wire),
            policy: account.policy,
        });
        let (inflated, reservation) = inflate(&parts.headers, wire, reservation).await?;
        let received_at = self.0.clock.now();
        let identity = (vendor.identity)(&inflated.bytes);
        let delivery = Delivery {
            id: self.0.ids.next(received_at),
            account: account.id.clone(),
            platform: account.platform,
            road: arrival.road,
            received_at,
            capture: Capture {
                content_type,
                content_encoding: inflated.encoding,
                authenticity,
                event: arrival.event.clone(),
                ..Capture::default()
            },
            body: inflated.bytes,
        };
        let partition_hash = partition_hash(&account.id, identity.as_deref());
        Ok((Entry { delivery, partition_hash }, reservation))
    }

    /// Appends in a task of its own, which holds the memory until the log lets go of it: neither a deadline nor a
    /// sender who hangs up makes room that is not there.
    async fn append(&self, entry: Entry, reservation: Reservation) -> Outcome {
        let log = Arc::clone(&self.0.log);
        let appending = self.0.appends.spawn(async move {
            fail::fail_point!("ingest.before_append", |_| std::process::abort());
            let appended = log.append(vec![entry]).await;
            fail::fail_point!("ingest.appended", |_| std::process::abort());
            drop(reservation);
            appended
        });
        let result = match timeout(self.0.bounds.append_deadline, appending).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LogError::Unavailable("the append broke off".to_owned())),
            Err(_) => Err(LogError::Unavailable("no acknowledgement in time".to_owned())),
        };
        match result {
            Ok(_) => {
                self.remember(None);
                Outcome::Appended
            }
            Err(error @ LogError::TooLarge { .. }) => {
                tracing::warn!(log.error = %error, "delivery refused by the log");
                Outcome::TooLarge
            }
            Err(error) => {
                tracing::warn!(log.error = %error, "append failed; the sender is asked to try again");
                self.remember(Some(Instant::now()));
                Outcome::Unavailable
            }
        }
    }

    fn remember(&self, failed_at: Option<Instant>) {
        *self.0.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = failed_at;
    }

    fn failed_lately(&self) -> bool {
        let failed_at = *self.0.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| at.elapsed() < self.0.bounds.failure_memory)
    }

    #[cfg(test)]
    pub(super) fn free_bytes(&self) -> usize {
        self.0.budget.free()
    }
}

#[async_trait]
impl Probe for Intake {
    fn name(&self) -> &str {
        "log"
    }

    async fn ready(&self) -> Result<(), String> {
        if !self.0.budget.has_room() {
            return Err("more bytes in flight than the bound allows".to_owned());
        }
        if self.failed_lately() {
            return Err("the last append failed".to_owned());
        }
        self.0.log.ready().await.map_err(|error| error.to_string())
    }
}

/// Inflates beside the event loop: 8 MiB take tens of milliseconds.
async fn inflate(
    headers: &HeaderMap,
    wire: Bytes,
    mut reservation: Reservation,
) -> Result<(Inflated, Reservation), Refused> {
    let encoding = text(headers, header::CONTENT_ENCODING);
    if !encoding.as_deref().is_some_and(body::is_gzip) {
        return body::inflate(encoding, wire, &mut reservation).map(|inflated| (inflated, reservation));
    }
    let inflating = tokio::task::spawn_blocking(move || {
        body::inflate(encoding, wire, &mut reservation).map(|inflated| (inflated, reservation))
    });
    inflating.await.map_err(|_| Refused::Unavailable)?
}

/// A header as text; bytes that are none are replaced, an over-long one is cut.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().filter(|c| !c.is_control()).take(200).collect())
}
