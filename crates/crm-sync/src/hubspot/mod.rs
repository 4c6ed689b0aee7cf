//! HubSpot contacts, by batch upsert on a unique property of ours (reference/crms.md 4).
//!
//! One message is at most two calls: a batch read of the records by our key, then a batch upsert of what differs. The
//! read is what keeps people's edits: an upsert has no "only if empty", so fields that people own are left out where
//! they are filled. It also answers a lost answer: what was written is seen, and not written again.

mod answer;
mod client;
mod mapping;
mod payload;
mod reading;
mod setup;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use events::Clock;
use store::crm_runs::Setup;
use url::Url;

use crate::adapter::{Accepted, Adapter, Checked, Difference, Held, Message, RowAnswer, Trouble, Writes};
use crate::mapping::{Choices, Mapping, Wanted};
use client::Client;
use reading::Reading;

/// How to reach a HubSpot account.
#[derive(Clone)]
pub struct Settings {
    /// Base of the API; `https://api.hubapi.com`, elsewhere for simulators.
    pub api_url: Url,
    /// Path of the objects: dated paths have the same bodies.
    pub objects_path: String,
    /// The private app's token.
    pub token: String,
    /// Names of fields and their owners, where they are not the defaults.
    pub choices: Choices,
    /// Most rows of a message; the vendor takes 100.
    pub batch: usize,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

/// The vendor's address.
pub const API_URL: &str = "https://api.hubapi.com";
/// The vendor's most rows in a batch.
pub const BATCH: usize = 100;
/// The path of contacts.
pub const OBJECTS_PATH: &str = "/crm/v3/objects/contacts";

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("api_url", &self.api_url.as_str()).finish_non_exhaustive()
    }
}

/// A HubSpot account.
pub(crate) struct HubSpot {
    client: Client,
    mapping: Mapping,
    batch: usize,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    portal: std::sync::OnceLock<setup::Portal>,
}

impl HubSpot {
    /// Builds the adapter; no call is made.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let mapping = mapping::mapping(&settings.choices)?;
        let client = Client::new(settings)?;
        let batch = settings.batch.clamp(1, BATCH);
        let (timeout, portal) = (settings.timeout, std::sync::OnceLock::new());
        Ok(Self { client, mapping, batch, timeout, clock, portal })
    }

    /// What went wrong with a call, as it is seen from here. A limit of the day lasts until the account's midnight.
    fn trouble(&self, failure: &answer::Failure) -> Trouble {
        let zone = self.portal.get().and_then(|portal| portal.zone);
        failure.trouble(self.clock.now(), zone)
    }

    /// The records of these keys, all of them.
    async fn held(&self, keys: &[String]) -> Result<HashMap<String, Held>, Trouble> {
        let reading = self.reading(keys).await?;
        if reading.unread.is_empty() {
            return Ok(reading.held);
        }
        let reason = format!("{} contacts could not be read", reading.unread.len());
        Err(Trouble::Busy { wait: None, reason, is_throttled: false })
    }

    async fn reading(&self, keys: &[String]) -> Result<Reading, Trouble> {
        let call = reading::body(&self.mapping, keys);
        let answered = self.client.post("/batch/read", &call).await;
        match answered.and_then(|body| reading::read(&self.mapping, keys, &body)) {
            Ok(reading) => Ok(reading),
            Err(failure) if failure.is_not_found() => Ok(Reading::default()),
            // Nothing was written: whatever became of the read, the rows are as they were.
            Err(failure) => Err(match self.trouble(&failure) {
                Trouble::Unknown { wait, reason } => Trouble::Busy { wait, reason, is_throttled: false },
                Trouble::Refused { error } => {
                    Trouble::Broken { reason: format!("reading contacts: {error}") }
                }
                other => other,
            }),
        }
    }
}

#[async_trait]
impl Adapter for HubSpot {
    fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn writes(&self) -> Writes {
        Writes::Upserts
    }

    fn longest(&self) -> Duration {
        // A read and a write.
        self.timeout * 2
    }

    fn rest(&self) -> Duration {
        self.client.rest()
    }

    fn calls_for(&self, rows: u64) -> u64 {
        rows.div_ceil(self.batch as u64) * 2
    }

    fn calls(&self) -> u64 {
        self.client.calls()
    }

    async fn check(&self, known: Option<&Setup>, is_look: bool) -> Result<Checked, Trouble> {
        setup::check(self, known, is_look).await
    }

    async fn send(&self, message: &Message) -> Result<Vec<RowAnswer>, Trouble> {
        let keys: Vec<String> = message.rows.iter().map(|row| row.wanted.key.clone()).collect();
        let reading = self.reading(&keys).await?;
        let batch = payload::Batch::new(&self.mapping, message, &reading);
        if batch.is_empty() {
            return Ok(batch.answers(&self.mapping, None, self.portal.get()));
        }
        let answered = self.client.post("/batch/upsert", &batch.body()).await;
        match answered.and_then(|body| payload::answer(&body)) {
            Ok(upserted) => Ok(batch.answers(&self.mapping, Some(&upserted), self.portal.get())),
            Err(failure) => match self.trouble(&failure) {
                // Its words may quote what was sent.
                Trouble::Refused { error } => Err(Trouble::Refused { error: batch.masked(&error) }),
                other => Err(other),
            },
        }
    }

    async fn read(&self, keys: &[String]) -> Result<Option<HashMap<String, Held>>, Trouble> {
        let mut all = HashMap::new();
        for keys in keys.chunks(self.batch) {
            all.extend(self.held(keys).await?);
        }
        Ok(Some(all))
    }

    fn differences(&self, wanted: &Wanted, held: Option<&Held>) -> Vec<Difference> {
        payload::differences(&self.mapping, wanted, held)
    }
}

/// The address of a record, where the answer does not say.
fn record_url(portal: &setup::Portal, id: &str) -> String {
    format!("https://{}/contacts/{}/record/0-1/{id}", portal.domain, portal.id)
}

/// What a record that we have just seen or written is.
fn accepted(id: &str, url: Option<String>, is_new: bool, portal: Option<&setup::Portal>) -> Accepted {
    let url = url.or_else(|| portal.map(|portal| record_url(portal, id)));
    Accepted { external_id: Some(id.to_owned()), url, is_new: Some(is_new) }
}
