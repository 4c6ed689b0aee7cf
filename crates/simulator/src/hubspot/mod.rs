//! HubSpot, as `reference/crms.md` 4 describes it: contacts, their properties, and the limits of a private app.
//!
//! [`HubSpot`] is one account ("portal"): plain state that answers calls ([`crate::service::Service`]) and does no I/O.
//! `api` reads and writes it as the vendor would, [`errors`] has the bodies of its refusals, `limits` its quotas, and
//! [`control`] is the face for tests and demonstrations. Serve it with [`crate::server::host()`].
//!
//! What the vendor leaves open is a switch in [`Settings`], so that a sync worker can be tried against either answer.
//! Not modelled: OAuth, the search (it lags behind writes, and nothing may depend on it), objects other than contacts.
//!
//! To add a call: its route and scope in `api`, the deed in the module of its objects, a test of its refusals.

mod api;
mod contacts;
pub mod control;
pub mod errors;
mod limits;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::service::{Answer, Call, Service};
pub use contacts::{Contact, Contacts};
use limits::Limits;
pub use schema::{Choice, Group, Property, Schema};

/// The scopes that a private app for leads needs.
pub const SCOPES: [&str; 4] = [
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
];

/// Settings of the account and of the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The bearer token of the private app.
    pub token: String,
    /// What the app may do.
    pub scopes: BTreeSet<String>,
    /// Id of the account, as in the address of a record.
    pub portal_id: u64,
    /// Versions in the path that are served: `v3` as in `/crm/v3/objects/contacts`, `2026-03` as in
    /// `/crm/objects/2026-03/contacts`.
    pub versions: Vec<String>,
    /// Bad rows of an upsert are told in a 207 and the others are written, if every row carries a trace id. Without
    /// it one bad row refuses the whole batch: both were seen.
    pub partial: bool,
    /// Calls in ten seconds.
    pub ten_secondly: u32,
    /// Calls in a day, by UTC.
    pub daily: u32,
    /// Users that may own a record.
    pub owners: BTreeSet<String>,
    /// Start of a record's web address, told as `url` in the answers of an upsert; without it there is no `url`.
    pub app_url: Option<String>,
}

/// Counts of what was asked and done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Calls that were let in, by method and route (`POST batch/upsert`).
    pub calls: BTreeMap<String, u64>,
    /// Rows in upserts that could be read.
    pub rows: u64,
    /// Contacts made.
    pub created: u64,
    /// Contacts changed, also to what they were.
    pub updated: u64,
    /// Rows of upserts that were refused, alone or as the reason to refuse a batch.
    pub refused_rows: u64,
    /// Batches refused whole.
    pub refused_batches: u64,
    /// 429, by the limits or by a fault.
    pub throttled: u64,
    /// Calls that a fault kept from being done.
    pub struck: u64,
}

/// One account.
#[derive(Debug)]
pub struct HubSpot {
    /// Settings.
    pub settings: Settings,
    /// Contacts.
    pub contacts: Contacts,
    /// Properties and their groups.
    pub schema: Schema,
    /// Counts so far.
    pub tally: Tally,
    limits: Limits,
    answers: u64,
}

impl HubSpot {
    /// An empty account whose app has this token, all [`SCOPES`], the limits of a Professional edition, and answers
    /// bad rows by refusing the batch. The limits go by the clock of [`crate::server::host()`]: under one that stands
    /// still, ten seconds never pass.
    pub fn new(token: &str) -> Self {
        let settings = Settings {
            token: token.into(),
            scopes: SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            portal_id: 24_700_001,
            versions: ["v3", "2026-03", "2026-09"].map(str::to_owned).into(),
            partial: false,
            ten_secondly: 190,
            daily: 650_000,
            owners: BTreeSet::new(),
            app_url: None,
        };
        Self {
            settings,
            contacts: Contacts::default(),
            schema: Schema::default(),
            tally: Tally::default(),
            limits: Limits::default(),
            answers: 0,
        }
    }

    /// The web address of a record.
    pub fn record_url(&self, id: u64) -> Option<String> {
        let app = self.settings.app_url.as_deref()?;
        Some(format!("{app}/contacts/{}/record/0-1/{id}", self.settings.portal_id))
    }

    /// A user edits a contact on the screen: nothing is checked. False when there is no such contact.
    pub fn edit(&mut self, id: u64, properties: &BTreeMap<String, String>, now: DateTime<Utc>) -> bool {
        let known = self.contacts.get(id).is_some();
        if known {
            self.contacts.write(&self.schema, Some(id), properties, now);
        }
        known
    }

    /// Another id for each answer, as `correlationId` shows it.
    fn correlation(&mut self) -> String {
        self.answers += 1;
        format!("7d5f1a0c-0000-4000-8000-{:012x}", self.answers)
    }
}

impl Service for HubSpot {
    fn answer(&mut self, call: &Call, now: DateTime<Utc>) -> Answer {
        api::answer(self, call, now)
    }

    fn too_many(&mut self, policy: Option<&str>, now: DateTime<Utc>) -> Answer {
        self.tally.throttled += 1;
        let correlation = self.correlation();
        let answer = errors::too_many(policy.unwrap_or(limits::TEN_SECONDLY), &correlation);
        self.limits.tell(&self.settings, now, answer)
    }

    fn struck(&mut self, _: &Call, _: DateTime<Utc>) {
        self.tally.struck += 1;
    }

    fn command(&mut self, call: &Call, now: DateTime<Utc>) -> Result<Option<Value>, String> {
        control::command(self, call, now)
    }
}

#[cfg(test)]
mod tests;
