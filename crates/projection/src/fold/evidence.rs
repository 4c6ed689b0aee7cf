//! The merged facts of a conversation, sorted into what the fold asks for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use chrono_tz::Tz;
use events::DeliveryId;
use events::fact::{
    DialogClosed, DialogRow, DialogTransferred, Fact, RatingReport, RequestClosed, RequestOpened,
    RequestReport, Tagging,
};
use store::folding::Told;

use super::message::{self, Message};
use crate::AccountRules;
use crate::merge::Merged;

/// A script tells within this time of what happened, or it is another happening.
pub(super) const ECHO: Duration = Duration::seconds(30);

/// So much later than a script's telling another road may date what it told: an event may be dated by its emission
/// (chat2desk.md 8.1, 26).
pub(super) const EARLY: Duration = Duration::seconds(3);

/// A fact with the delivery that told it first.
pub(super) struct Dated<T> {
    pub(super) fact: T,
    pub(super) observed_at: DateTime<Utc>,
    pub(super) delivery: DeliveryId,
    /// No telling knows its time: its receipt stands in.
    stood_in: bool,
}

/// A row of the rating report.
pub(super) struct Rating {
    pub(super) key: String,
    pub(super) fact: RatingReport,
    /// When the report was fetched last with a score in the row.
    pub(super) listed_at: DateTime<Utc>,
    pub(super) delivery: DeliveryId,
}

/// Everything that is known of one conversation.
#[derive(Default)]
pub(super) struct Evidence {
    /// In order of messages (design.md 7.2).
    pub(super) messages: Vec<Message>,
    pub(super) opened: BTreeMap<String, Dated<RequestOpened>>,
    pub(super) closed: BTreeMap<String, Dated<RequestClosed>>,
    pub(super) reports: BTreeMap<String, Dated<RequestReport>>,
    /// The later reading of reported closes that lie in an hour which a change of the clocks repeated.
    pub(super) repeated_closes: BTreeMap<String, DateTime<Utc>>,
    pub(super) dialog_closes: Vec<Dated<DialogClosed>>,
    /// In order of time.
    pub(super) transfers: Vec<Dated<DialogTransferred>>,
    pub(super) dialogs: BTreeMap<String, Dated<DialogRow>>,
    /// Tags put on requests and taken off, in order of time.
    pub(super) taggings: Vec<Dated<Tagging>>,
    pub(super) ratings: BTreeMap<String, Rating>,
    /// What belongs to another conversation.
    foreign: BTreeSet<String>,
}

impl Evidence {
    pub(super) fn gather(
        told: &[Told],
        merged: &BTreeMap<(&'static str, &str), Merged>,
        foreign: &BTreeSet<String>,
        rules: &AccountRules,
    ) -> Self {
        let mut evidence = Self { foreign: foreign.clone(), ..Self::default() };
        for ((_, key), merged) in merged {
            let key_of = || (*key).to_owned();
            match merged.fact.clone() {
                Fact::Message(_) if foreign.contains(&format!("message:{key}")) => {}
                Fact::Message(_) => evidence.messages.extend(message::date((*key).to_owned(), merged, rules)),
                Fact::RequestOpened(fact) => drop(evidence.opened.insert(key_of(), dated(fact, merged))),
                Fact::RequestClosed(fact) => drop(evidence.closed.insert(key_of(), dated(fact, merged))),
                Fact::RequestReport(fact) => {
                    let later = fact.closed_at.and_then(|closed| later_reading(closed, rules.zone));
                    evidence.repeated_closes.extend(later.map(|later| (key_of(), later)));
                    evidence.reports.insert(key_of(), dated(fact, merged));
                }
                Fact::DialogClosed(fact) => evidence.dialog_closes.push(dated(fact, merged)),
                Fact::DialogTransferred(fact) => evidence.transfers.push(dated(fact, merged)),
                Fact::DialogRow(fact) => drop(evidence.dialogs.insert(key_of(), dated(fact, merged))),
                Fact::Tagging(fact) => evidence.taggings.push(dated(fact, merged)),
                Fact::RatingReport(fact) => {
                    let rating = Rating {
                        key: key_of(),
                        fact,
                        listed_at: merged.observed_at,
                        delivery: merged.delivery,
                    };
                    evidence.ratings.insert(key_of(), rating);
                }
                // Cards are folded elsewhere.
                _ => {}
            }
        }
        for rating in evidence.ratings.values_mut() {
            let listed = told.iter().filter(|told| told.key == rating.key);
            let with_score =
                listed.filter(|told| matches!(&told.fact, Fact::RatingReport(r) if r.score.is_some()));
            rating.listed_at = with_score.map(|told| told.observed_at).max().unwrap_or(rating.listed_at);
        }
        let tagging_order =
            |dated: &Dated<Tagging>| (dated.fact.at, dated.fact.added, dated.fact.label.clone());
        evidence.taggings.sort_by_key(tagging_order);
        evidence.messages.sort_by(|a, b| a.order().cmp(&b.order()));
        evidence
            .dialog_closes
            .sort_by(|a, b| (a.fact.at, &a.fact.dialog_id).cmp(&(b.fact.at, &b.fact.dialog_id)));
        evidence
            .transfers
            .sort_by(|a, b| (a.fact.at, &a.fact.operator_id).cmp(&(b.fact.at, &b.fact.operator_id)));
        yield_to_timed(
            &mut evidence.taggings,
            |f| f.at,
            |f, timed| (&f.request_id, &f.tag_id, f.added) == (&timed.request_id, &timed.tag_id, timed.added),
        );
        yield_to_timed(&mut evidence.dialog_closes, |f| f.at, |f, timed| f.dialog_id == timed.dialog_id);
        yield_to_timed(
            &mut evidence.transfers,
            |f| f.at,
            |f, timed| {
                f.dialog_id == timed.dialog_id
                    && (f.operator_id.is_none() || f.operator_id == timed.operator_id)
            },
        );
        evidence
    }

    /// Whether a request has its row in this conversation.
    pub(super) fn owns_request(&self, id: &str) -> bool {
        !self.foreign.contains(&format!("request:{id}"))
    }

    /// Whether a dialog has its row in this conversation.
    pub(super) fn owns_dialog(&self, id: &str) -> bool {
        !self.foreign.contains(&format!("dialog:{id}"))
    }
}

/// The later instant at which the wall clock showed the same: where there are two, decoding takes the earlier one.
fn later_reading(at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let wall = at.with_timezone(&zone).naive_local();
    zone.from_local_datetime(&wall)
        .latest()
        .map(|later| later.with_timezone(&Utc))
        .filter(|later| *later > at)
}

/// What a script told without a time, and another road with one not long before its receipt, or a moment after it, happened
/// once. `facts` are in order of time.
fn yield_to_timed<T>(
    facts: &mut Vec<Dated<T>>,
    at: impl Fn(&T) -> Option<DateTime<Utc>>,
    is_same: impl Fn(&T, &T) -> bool,
) {
    if !facts.iter().any(|dated| dated.stood_in) {
        return;
    }
    let yields = |place: usize| {
        let (before, own, after) = (&facts[..place], &facts[place], &facts[place + 1..]);
        let (since, until) = (at(&own.fact).map(|at| at - ECHO), at(&own.fact).map(|at| at + EARLY));
        let is_told = |timed: &Dated<T>| !timed.stood_in && is_same(&own.fact, &timed.fact);
        own.stood_in
            && (before.iter().rev().take_while(|timed| at(&timed.fact) >= since).any(is_told)
                || after.iter().take_while(|timed| at(&timed.fact) <= until).any(is_told))
    };
    let mut yielding = (0..facts.len()).map(yields).collect::<Vec<bool>>().into_iter();
    facts.retain(|_| yielding.next() != Some(true));
}

fn dated<T>(fact: T, merged: &Merged) -> Dated<T> {
    Dated { fact, observed_at: merged.observed_at, delivery: merged.delivery, stood_in: merged.stood_in }
}
