//! What every CRM can do, and what its answers mean to us.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use store::crm_runs::Setup;

use crate::mapping::{Mapping, Wanted};

/// One CRM account.
///
/// Contract: [`Adapter::send`] may be called again with the same rows after an outcome that nobody knows, and must then
/// change nothing twice. It makes a bounded number of calls, each bounded in time. It matches answers to rows by the
/// lead's key or an id of its own, never by position. Its texts hold no secret and no personal data.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// How leads become its fields.
    fn mapping(&self) -> &Mapping;

    /// Most rows of one message.
    fn batch(&self) -> usize;

    /// What a repeated message is to it.
    fn writes(&self) -> Writes;

    /// Longest time that [`Adapter::send`] takes.
    fn longest(&self) -> Duration;

    /// How long the last answers ask to rest before the next message.
    fn rest(&self) -> Duration;

    /// Calls that so many rows cost, when nothing goes wrong.
    fn calls_for(&self, rows: u64) -> u64;

    /// Calls made so far by this process.
    fn calls(&self) -> u64;

    /// Checks that it can be written, and makes what is missing (fields, once). What was found good before (`known`) is
    /// not tried again. With `is_look`: changes nothing and says what it would do.
    ///
    /// # Errors
    /// What stands in the way.
    async fn check(&self, known: Option<&Setup>, is_look: bool) -> Result<Checked, Trouble>;

    /// Sends rows once; the answer has one entry for each, in their order.
    ///
    /// # Errors
    /// What became of the message as a whole, when it was not answered row by row.
    async fn send(&self, message: &Message) -> Result<Vec<RowAnswer>, Trouble>;

    /// Reads records by the keys of their leads, those that are there; `None`: it cannot be read.
    ///
    /// # Errors
    /// What stands in the way.
    async fn read(&self, keys: &[String]) -> Result<Option<HashMap<String, Held>>, Trouble>;

    /// What writing `wanted` would change in the record (`None`: there is none), and what people's edits keep.
    fn differences(&self, wanted: &Wanted, held: Option<&Held>) -> Vec<Difference>;
}

/// What a repeated message is to a CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Each row is an upsert: after an unknown outcome rows may go out in other company.
    Upserts,
    /// The message is known by its id: after an unknown outcome the very same bytes go out again.
    Messages,
}

/// A setup that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What to remember.
    pub setup: Setup,
    /// What was done, or would be done, to get there.
    pub done: Vec<String>,
}

/// What is sent at once.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id; the same after an unknown outcome.
    pub id: String,
    /// At least one; each lead once, in the order of their effects' keys.
    pub rows: Vec<Row>,
}

/// One lead of a message.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is wanted.
    pub wanted: Wanted,
    /// Grows with each content of the lead.
    pub version: i64,
    /// The CRM's id of its record, where it is known.
    pub external_id: Option<String>,
    /// When this content was planned.
    pub intended_at: DateTime<Utc>,
    /// Where the record with `external_id` is gone, another one may be made. Not again within a day: somebody there, or
    /// something, takes it away each time (reference/crms.md 12).
    pub may_recreate: bool,
}

/// A record as the CRM has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// Its id.
    pub external_id: String,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Values of the fields that were asked for.
    pub fields: BTreeMap<String, String>,
}

/// A record that has what we want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Its id, where the CRM says.
    pub external_id: Option<String>,
    /// Its address for people.
    pub url: Option<String>,
    /// Whether this content made it; `None` when the CRM does not say.
    pub is_new: Option<bool>,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowAnswer {
    /// The CRM has it.
    Accepted(Accepted),
    /// Refused for good.
    Refused {
        /// Why.
        error: String,
    },
    /// Refused for now, by its own fault (busy, locked).
    Later {
        /// Why.
        error: String,
    },
    /// Not done, and nobody's fault: the CRM asks for fewer calls.
    Busy,
    /// The answer does not say.
    Unknown,
}

/// What became of a message that was not answered row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Refused for its content: the rows are tried in smaller company until the bad one stands alone.
    Refused {
        /// Why.
        error: String,
    },
    /// Surely not done, and nobody's fault: throttled, busy, not reached.
    Busy {
        /// How long the CRM asks to wait.
        wait: Option<Duration>,
        /// Why.
        reason: String,
        /// It asked for fewer calls.
        is_throttled: bool,
    },
    /// Nobody knows whether it was done.
    Unknown {
        /// How long the CRM asks to wait.
        wait: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Not done until a person mends something.
    Broken {
        /// Why, and what to do.
        reason: String,
    },
    /// The receiver wants nothing any more.
    Off {
        /// Why.
        reason: String,
    },
}

impl Trouble {
    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused { error } => error,
            Self::Busy { reason, .. }
            | Self::Unknown { reason, .. }
            | Self::Broken { reason }
            | Self::Off { reason } => reason,
        }
    }
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Difference {
    /// The CRM's name of it.
    pub field: String,
    /// What it has.
    pub held: Option<String>,
    /// What we have.
    pub wanted: Value,
    /// It is left as it is: people own it, and it is filled.
    pub is_kept: bool,
}
