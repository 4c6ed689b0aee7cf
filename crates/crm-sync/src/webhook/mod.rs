//! A receiver of our own making: one signed POST for each message (reference/crms.md 11).
//!
//! Delivery is at least once and ordered for each lead; across leads there is no order. A receiver tells repeats by
//! `webhook-id`, and old content by `version`: it ignores what is not newer. After an unknown outcome the same bytes go
//! out again under the same id.

mod answer;
mod mapping;
mod payload;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use events::Clock;
use outbound::{SigningSecret, Target};
use store::crm_runs::Setup;
use url::Url;

use crate::adapter::{Adapter, Checked, Difference, Held, Message, RowAnswer, Trouble, Writes};
use crate::mapping::{Choices, Mapping, Wanted};

/// How to reach a receiver.
#[derive(Clone)]
pub struct Settings {
    /// Its address.
    pub url: Url,
    /// `whsec_…`; two while rotating. None: not signed.
    pub secrets: Vec<String>,
    /// Sent with each call; never logged.
    pub headers: Vec<(String, String)>,
    /// Whether private addresses may be reached.
    pub allow_private: bool,
    /// Names of fields, where they are not the defaults.
    pub choices: Choices,
    /// Most rows of a message.
    pub batch: usize,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

/// Rows of a message by default.
pub const BATCH: usize = 100;

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// A receiver.
pub(crate) struct Webhook {
    target: Target,
    mapping: Mapping,
    batch: usize,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    calls: AtomicU64,
}

impl Webhook {
    /// Builds the adapter; no call is made.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let mapping = mapping::mapping(&settings.choices)?;
        let secrets: Result<Vec<_>, _> =
            settings.secrets.iter().map(|text| SigningSecret::parse(text)).collect();
        let target = Target::new(outbound::Settings {
            secrets: secrets.map_err(|error| format!("secret_env {error}"))?,
            headers: settings.headers.clone(),
            allow_private: settings.allow_private,
            connect_timeout: Duration::from_secs(5).min(settings.timeout),
            total_timeout: settings.timeout,
            ..outbound::Settings::new(settings.url.clone())
        });
        let target = target.map_err(|error| format!("url {error}"))?;
        let (batch, timeout) = (settings.batch.max(1), settings.timeout);
        Ok(Self { target, mapping, batch, timeout, clock, calls: AtomicU64::new(0) })
    }
}

#[async_trait]
impl Adapter for Webhook {
    fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn writes(&self) -> Writes {
        Writes::Messages
    }

    fn longest(&self) -> Duration {
        self.timeout
    }

    fn rest(&self) -> Duration {
        Duration::ZERO
    }

    fn calls_for(&self, rows: u64) -> u64 {
        rows.div_ceil(self.batch as u64)
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// A receiver cannot be asked; the first message tells.
    async fn check(&self, _: Option<&Setup>, _: bool) -> Result<Checked, Trouble> {
        let setup = Setup { identity: None, fingerprint: self.mapping.fingerprint() };
        Ok(Checked { setup, done: Vec::new() })
    }

    async fn send(&self, message: &Message) -> Result<Vec<RowAnswer>, Trouble> {
        let body = payload::body(message).map_err(|error| Trouble::Refused { error })?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let sent = outbound::Message { id: &message.id, at: self.clock.now(), body: body.into() };
        let answer = self.target.post(&sent).await;
        answer::rows(&answer, message)
    }

    async fn read(&self, _: &[String]) -> Result<Option<HashMap<String, Held>>, Trouble> {
        Ok(None)
    }

    fn differences(&self, wanted: &Wanted, _: Option<&Held>) -> Vec<Difference> {
        let all = wanted.fields.iter().map(|(field, value)| Difference {
            field: field.clone(),
            held: None,
            wanted: value.clone(),
            is_kept: false,
        });
        all.collect()
    }
}
