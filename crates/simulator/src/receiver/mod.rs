//! A receiver of webhooks that people would write for themselves: for leads (`reference/crms.md` 11) and for escalations.
//!
//! [`Receiver`] keeps every request that reached it, in order, with what became of it; checks signatures when it has a
//! secret ([`signature`]); applies `lead.upserted` to a small set of leads by their versions; and answers each item by
//! script ([`Script`]). A repeat of a `webhook-id` is counted, compared byte for byte, and answered like the first one,
//! without being applied again: what a careful receiver does. Any path is taken, so one receiver serves several
//! targets. Serve it with [`crate::server::host()`]; [`control`] is the face for tests.

pub mod control;
mod leads;
pub mod signature;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::service::{Answer, Call, RetryAfter, Service};
pub use leads::{Lead, Leads};
use signature::Verdict;

/// What the receiver says, whatever it gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// Status for what is taken; not 2xx: nothing is applied.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<RetryAfter>,
    /// Answers `{"results": […]}` even when nothing is wrong with an item; otherwise a body comes only with an error.
    pub results: bool,
    /// Answers for single keys.
    pub items: BTreeMap<String, ItemScript>,
    /// Signatures older or younger than so many seconds are refused; null is any age, for clocks that stand still.
    pub tolerance_seconds: Option<u32>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            status: 200,
            retry_after: None,
            results: false,
            items: BTreeMap::new(),
            tolerance_seconds: None,
        }
    }
}

/// What is said of one key, instead of taking it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemScript {
    /// `retry` of the result.
    #[serde(default)]
    pub retry: bool,
    /// `message` of the result.
    #[serde(default)]
    pub message: String,
    /// How often; absent is always.
    #[serde(default)]
    pub times: Option<u32>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Taken and applied; the answer may still have been lost.
    Taken,
    /// A repeat of what was taken: answered, not applied again.
    Repeated,
    /// Not taken: a bad signature, a scripted status, or a repeat with other bytes (409).
    Refused,
    /// A fault struck before anything was done.
    Struck,
}

/// A request that reached the receiver.
#[derive(Clone, Debug)]
pub struct Received {
    /// From 1, in order of arrival.
    pub number: usize,
    /// When, by the receiver's clock.
    pub at: DateTime<Utc>,
    /// Path, method, headers and bytes.
    pub call: Call,
    /// `webhook-id`.
    pub id: Option<String>,
    /// What its signature is worth.
    pub signature: Verdict,
    /// What became of it.
    pub fate: Fate,
}

impl Received {
    /// The body; null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.call.body).unwrap_or(Value::Null)
    }
}

/// Deliveries of one `webhook-id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Requests with this id, also those that a fault struck.
    pub requests: u32,
    /// Times that it was applied: never more than once.
    pub taken: u32,
    /// Every request had the same bytes.
    pub same_bytes: bool,
}

/// The receiver.
#[derive(Debug, Default)]
pub struct Receiver {
    /// Secrets that are good, as `whsec_…`; none: signatures are not checked.
    pub secrets: Vec<String>,
    /// What it says.
    pub script: Script,
    /// What it was told of leads.
    pub leads: Leads,
    received: Vec<Received>,
    answers: BTreeMap<String, (Vec<u8>, Answer)>,
}

impl Receiver {
    /// Takes everything, signed or not.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes only what is signed with this secret (`whsec_…`).
    pub fn with_secret(secret: &str) -> Self {
        Self { secrets: vec![secret.to_owned()], ..Self::default() }
    }

    /// Every request, in order of arrival.
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// Requests that were applied, in order: each delivery once.
    pub fn taken(&self) -> impl Iterator<Item = &Received> {
        self.received.iter().filter(|one| one.fate == Fate::Taken)
    }

    /// The deliveries of each `webhook-id`.
    pub fn deliveries(&self) -> BTreeMap<String, Deliveries> {
        let mut all: BTreeMap<String, (Deliveries, &[u8])> = BTreeMap::new();
        for one in &self.received {
            let Some(id) = &one.id else { continue };
            let fresh = (Deliveries { requests: 0, taken: 0, same_bytes: true }, one.call.body.as_slice());
            let (deliveries, first) = all.entry(id.clone()).or_insert(fresh);
            deliveries.requests += 1;
            deliveries.taken += u32::from(one.fate == Fate::Taken);
            deliveries.same_bytes &= *first == one.call.body.as_slice();
        }
        all.into_iter().map(|(id, (deliveries, _))| (id, deliveries)).collect()
    }

    /// Forgets requests; leads and what was taken stay.
    pub fn forget(&mut self) {
        self.received.clear();
    }

    fn keep(&mut self, call: &Call, now: DateTime<Utc>, signature: Verdict, fate: Fate) {
        let number = self.received.last().map_or(0, |last| last.number) + 1;
        let id = call.header("webhook-id").map(str::to_owned);
        self.received.push(Received { number, at: now, call: call.clone(), id, signature, fate });
    }

    fn verify(&self, call: &Call, now: DateTime<Utc>) -> Verdict {
        let tolerance = self.script.tolerance_seconds.map(|seconds| TimeDelta::seconds(seconds.into()));
        signature::verify(&self.secrets, call, tolerance.map(|tolerance| (now, tolerance)))
    }

    fn judge(&mut self, call: &Call, verdict: Verdict) -> (Fate, Answer) {
        if !verdict.is_good() {
            return (Fate::Refused, Answer::json(401, &json!({"error": "signature"})));
        }
        let id = call.header("webhook-id").map(str::to_owned);
        if let Some((bytes, answer)) = id.as_ref().and_then(|id| self.answers.get(id)) {
            return match *bytes == call.body {
                true => (Fate::Repeated, answer.clone()),
                false => (Fate::Refused, Answer::json(409, &json!({"error": "same id, other bytes"}))),
            };
        }
        let status = self.script.status;
        if !(200..300).contains(&status) {
            return (Fate::Refused, Answer::empty(status).retry_after(self.script.retry_after.as_ref()));
        }
        let (answer, again) = self.take(call);
        let answer = answer.retry_after(self.script.retry_after.as_ref());
        // What has to be tried again may come under the same id.
        if let Some(id) = id.filter(|_| !again) {
            self.answers.insert(id, (call.body.clone(), answer.clone()));
        }
        (Fate::Taken, answer)
    }

    /// Applies the items; says also whether one of them has to be tried again.
    fn take(&mut self, call: &Call) -> (Answer, bool) {
        let status = self.script.status;
        let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
        let mut results = Vec::new();
        let (mut wrong, mut again) = (false, false);
        for item in body["items"].as_array().into_iter().flatten() {
            let key = item["key"].as_str().unwrap_or_default();
            let script = self.script.items.get_mut(key).filter(|script| script.times != Some(0));
            match script {
                Some(script) => {
                    script.times = script.times.map(|times| times - 1);
                    wrong = true;
                    again |= script.retry;
                    results.push(json!({
                        "key": key, "status": "error", "retry": script.retry, "message": script.message,
                    }));
                }
                None => {
                    self.leads.apply(item);
                    results.push(json!({"key": key, "status": "ok"}));
                }
            }
        }
        let told = (wrong || self.script.results) && !results.is_empty();
        let answer = match told {
            true => Answer::json(status, &json!({"results": results})),
            false => Answer::empty(status),
        };
        (answer, again)
    }
}

impl Service for Receiver {
    fn answer(&mut self, call: &Call, now: DateTime<Utc>) -> Answer {
        let signature = self.verify(call, now);
        let (fate, answer) = self.judge(call, signature);
        self.keep(call, now, signature, fate);
        answer
    }

    fn too_many(&mut self, _: Option<&str>, _: DateTime<Utc>) -> Answer {
        Answer::json(429, &json!({"error": "too many requests"}))
    }

    fn struck(&mut self, call: &Call, now: DateTime<Utc>) {
        let signature = self.verify(call, now);
        self.keep(call, now, signature, Fate::Struck);
    }

    fn command(&mut self, call: &Call, now: DateTime<Utc>) -> Result<Option<Value>, String> {
        control::command(self, call, now)
    }
}

#[cfg(test)]
mod tests;
