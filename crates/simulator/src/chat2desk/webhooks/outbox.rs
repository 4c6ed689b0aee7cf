//! The queue of deliveries: due times, repeats, mishaps. Pure; an instant goes in, deliveries come out.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::signature::sign;
use crate::chat2desk::model::Id;

/// After each failed attempt the next one waits so long; then the delivery is given up.
pub(super) const RETRIES: [TimeDelta; 3] =
    [TimeDelta::seconds(10), TimeDelta::minutes(5), TimeDelta::hours(2)];

/// So long without a success switches a webhook off.
pub(super) const PATIENCE: TimeDelta = TimeDelta::hours(5);

/// Which registration a delivery belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A registered webhook.
    Webhook(Id),
    /// The old message hook.
    OldMessages,
    /// The old hook for closed chats.
    OldCloses,
}

/// One event on its way to one address. A repeat has the same body, timestamp and signature.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Registration.
    pub target: Target,
    /// Where to.
    pub url: String,
    /// JSON text.
    pub body: String,
    /// `X-Timestamp`: Unix seconds of the event.
    pub timestamp: i64,
    /// `X-Signature`.
    pub signature: String,
    /// Attempts made before this one.
    pub attempts: usize,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Any 2xx.
    Accepted,
    /// Anything else, as the registration's error list shows it.
    Failed(String),
}

/// Bad luck, as shares from 0 to 1 of the deliveries.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Mishaps {
    /// Sent twice.
    pub duplicate: f64,
    /// Overtaken by others: up to two seconds late.
    pub reorder: f64,
    /// Up to ten minutes late.
    pub delay: f64,
    /// Never sent.
    pub drop: f64,
}

/// Counts of what became of deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Events made, one for each address.
    pub queued: u64,
    /// Answered with 2xx; a duplicate counts again.
    pub accepted: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Given up after the last repeat or because the webhook went off.
    pub given_up: u64,
    /// Dropped or doubled on purpose.
    pub dropped: u64,
    /// See `dropped`.
    pub duplicated: u64,
}

/// The queue.
#[derive(Debug)]
pub struct Outbox {
    /// Bad luck to come.
    pub mishaps: Mishaps,
    /// Counts so far.
    pub tally: Tally,
    waiting: BTreeMap<(DateTime<Utc>, u64), Delivery>,
    sequence: u64,
    sending: usize,
    luck: ChaCha8Rng,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            mishaps: Mishaps::default(),
            tally: Tally::default(),
            waiting: BTreeMap::new(),
            sequence: 0,
            sending: 0,
            luck: ChaCha8Rng::seed_from_u64(1),
        }
    }
}

impl Outbox {
    pub(super) fn push(&mut self, target: Target, url: &str, body: String, key: &str, at: DateTime<Utc>) {
        self.tally.queued += 1;
        let timestamp = at.timestamp();
        let signature = sign(key, body.as_bytes(), timestamp);
        let delivery = Delivery { target, url: url.into(), body, timestamp, signature, attempts: 0 };
        let Mishaps { duplicate, reorder, delay, drop } = self.mishaps;
        if self.happens(drop) {
            self.tally.dropped += 1;
            return;
        }
        let mut due = at;
        if self.happens(delay) {
            due += TimeDelta::milliseconds(self.luck.random_range(1_000..600_000));
        } else if self.happens(reorder) {
            due += TimeDelta::milliseconds(self.luck.random_range(1..2_000));
        }
        if self.happens(duplicate) {
            self.tally.duplicated += 1;
            let again = due + TimeDelta::milliseconds(self.luck.random_range(0..3_000));
            self.put(again, delivery.clone());
        }
        self.put(due, delivery);
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.luck.random_bool(share.min(1.0))
    }

    fn put(&mut self, due: DateTime<Utc>, delivery: Delivery) {
        self.sequence += 1;
        self.waiting.insert((due, self.sequence), delivery);
    }

    /// Takes at most `most` deliveries that are due at `now`; each must come back through `settle`.
    pub fn take_due(&mut self, now: DateTime<Utc>, most: usize) -> Vec<Delivery> {
        let mut due = Vec::new();
        while due.len() < most
            && let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= now
        {
            due.push(entry.remove());
        }
        self.sending += due.len();
        due
    }

    /// How an attempt ended; a failed one waits for its repeat or is given up. Use
    /// [`super::Webhooks::settle`] where registrations count.
    pub(super) fn settle(&mut self, mut delivery: Delivery, ended: &Ended, now: DateTime<Utc>) {
        self.sending = self.sending.saturating_sub(1);
        match ended {
            Ended::Accepted => self.tally.accepted += 1,
            Ended::Failed(_) => {
                self.tally.failed_attempts += 1;
                match RETRIES.get(delivery.attempts) {
                    Some(wait) => {
                        delivery.attempts += 1;
                        self.put(now + *wait, delivery);
                    }
                    None => self.tally.given_up += 1,
                }
            }
        }
    }

    pub(super) fn gave_up(&mut self) {
        self.sending = self.sending.saturating_sub(1);
        self.tally.failed_attempts += 1;
        self.tally.given_up += 1;
    }

    pub(super) fn forget(&mut self, target: Target) {
        let before = self.waiting.len();
        self.waiting.retain(|_, delivery| delivery.target != target);
        self.tally.given_up += (before - self.waiting.len()) as u64;
    }

    /// When the next delivery is due.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Deliveries that wait or are being sent.
    pub fn pending(&self) -> usize {
        self.waiting.len() + self.sending
    }

    /// Deliveries that are being sent.
    pub fn sending(&self) -> usize {
        self.sending
    }
}
