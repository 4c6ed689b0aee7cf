//! One JSON object of a delivery on its way to observations: whose, when, by which road.

use chat2desk::payload::{Fields, WrongType, alias, parse_time};
use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use events::delivery::is_plausible;
use events::observation::body_hash;
use events::{Delivery, Fact, Observation, RejectReason, Road, Stamp};

use crate::AccountRules;

/// An event's own time that lies further ahead of its receipt than this is not believed (design.md 7.6).
pub(super) const FUTURE: Duration = Duration::minutes(5);

/// Why a part of a delivery is rejected.
#[derive(Debug)]
pub(super) struct Reject(pub(super) RejectReason, pub(super) String);

impl From<WrongType> for Reject {
    fn from(wrong: WrongType) -> Self {
        Self(RejectReason::WrongType, wrong.to_string())
    }
}

/// No id at all where `what` needs one.
pub(super) fn missing(what: &str) -> Reject {
    Reject(RejectReason::MissingIdentity, format!("no {what}"))
}

/// What is the same for every object of one delivery.
pub(super) struct Source<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) rules: &'a AccountRules,
    /// Hash of the bytes.
    hash: i64,
}

impl<'a> Source<'a> {
    pub(super) fn new(delivery: &'a Delivery, rules: &'a AccountRules) -> Self {
        Self { delivery, rules, hash: body_hash(&delivery.body) }
    }
}

/// What is the same for every fact of one object.
pub(super) struct Telling<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) zone: Tz,
    delivery: &'a Delivery,
    /// Hash of the delivery's bytes.
    hash: i64,
    /// The receipt; of what a script could not send at once, when it would have come.
    received_at: DateTime<Utc>,
    /// Tells tellings apart that have no time of their own.
    apart: i64,
    observed_at: DateTime<Utc>,
    /// The event's own time, when it has one that can be believed.
    pub(super) event_at: Option<DateTime<Utc>>,
}

impl<'a> Telling<'a> {
    /// An object of a webhook, script, macro or tunnel.
    pub(super) fn live(fields: Fields<'a>, source: &Source<'a>) -> Self {
        let (delivery, zone) = (source.delivery, source.rules.zone);
        let event_at = match delivery.road {
            // A script has no time of its own: its receipt stands in, and loses to every other telling.
            Road::Script | Road::Macro | Road::Tunnel => None,
            Road::Webhook | Road::Backfill => {
                time(&fields, alias::EVENT_TIME, zone).or_else(|| time(&fields, alias::CREATED, zone))
            }
        };
        let observed_at =
            event_at.filter(|at| *at <= delivery.received_at + FUTURE).unwrap_or(delivery.received_at);
        Self::new(fields, source, observed_at, event_at)
    }

    fn new(
        fields: Fields<'a>,
        source: &Source<'a>,
        observed_at: DateTime<Utc>,
        event_at: Option<DateTime<Utc>>,
    ) -> Self {
        let (delivery, hash) = (source.delivery, source.hash);
        let (zone, received_at) = (source.rules.zone, delivery.received_at);
        Self { fields, zone, delivery, hash, received_at, apart: hash, observed_at, event_at }
    }

    /// The same, sent by a script that names the call and could not bring it when it would have: a call that was sent twice
    /// is one.
    #[must_use]
    pub(super) fn of_call(mut self, call: &str, received_at: DateTime<Utc>) -> Self {
        self.received_at = received_at;
        self.observed_at = received_at;
        self.apart = body_hash(call.as_bytes());
        self
    }

    /// A row of a list or report: observed when it was fetched, never at a time in the row.
    pub(super) fn fetched(fields: Fields<'a>, source: &Source<'a>) -> Self {
        let (delivery, zone) = (source.delivery, source.rules.zone);
        let observed_at = delivery
            .capture
            .fetched_at
            .filter(|at| is_plausible(*at))
            .or_else(|| time(&fields, &["fetched_at"], zone))
            .unwrap_or(delivery.received_at);
        Self::new(fields, source, observed_at, None)
    }

    /// When the fact happened as far as this telling knows: the event's time, else the receipt.
    pub(super) fn at(&self) -> DateTime<Utc> {
        self.event_at.unwrap_or(self.received_at)
    }

    /// That time as part of a fact key: to the second. Without an own time the bytes, or the
    /// script's name for its call, tell tellings apart.
    pub(super) fn second(&self) -> String {
        match self.event_at {
            Some(at) => at.timestamp().to_string(),
            None => format!("{:016x}", self.apart),
        }
    }

    /// A time in the object: the first alias with one that can be read.
    pub(super) fn time(&self, aliases: &'static [&'static str]) -> Option<DateTime<Utc>> {
        time(&self.fields, aliases, self.zone)
    }

    /// The fact as this delivery tells it.
    pub(super) fn observe(&self, key: impl Into<String>, fact: Fact) -> Observation {
        Observation {
            key: key.into(),
            fact,
            stamp: Stamp { observed_at: self.observed_at, rank: self.delivery.road.rank(), hash: self.hash },
            road: self.delivery.road,
            received_at: self.received_at,
            delivery: self.delivery.id,
        }
    }
}

/// Reads a time; text that is none gives way to the next alias.
fn time(fields: &Fields<'_>, aliases: &'static [&'static str], zone: Tz) -> Option<DateTime<Utc>> {
    fields.find(aliases, |value| parse_time(value, &zone))
}
