//! The merged facts of a conversation, sorted into what the fold asks for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use events::DeliveryId;
use events::fact::{
    DialogClosed, DialogRow, DialogTransferred, Fact, RequestClosed, RequestOpened, RequestReport,
};

use super::message::{self, Message};
use crate::AccountRules;
use crate::merge::Merged;

/// A fact with the delivery that told it first.
pub(super) struct Dated<T> {
    pub(super) fact: T,
    pub(super) observed_at: DateTime<Utc>,
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
    pub(super) dialog_closes: Vec<Dated<DialogClosed>>,
    /// In order of time.
    pub(super) transfers: Vec<Dated<DialogTransferred>>,
    pub(super) dialogs: BTreeMap<String, Dated<DialogRow>>,
    /// Requests and dialogs that belong to another conversation.
    foreign: BTreeSet<String>,
}

impl Evidence {
    pub(super) fn gather(
        merged: &BTreeMap<(&'static str, &str), Merged>,
        foreign: &BTreeSet<String>,
        rules: &AccountRules,
    ) -> Self {
        let mut evidence = Self { foreign: foreign.clone(), ..Self::default() };
        for ((_, key), merged) in merged {
            let key = || (*key).to_owned();
            match merged.fact.clone() {
                Fact::Message(_) => evidence.messages.extend(message::date(key(), merged, rules)),
                Fact::RequestOpened(fact) => drop(evidence.opened.insert(key(), dated(fact, merged))),
                Fact::RequestClosed(fact) => drop(evidence.closed.insert(key(), dated(fact, merged))),
                Fact::RequestReport(fact) => drop(evidence.reports.insert(key(), dated(fact, merged))),
                Fact::DialogClosed(fact) => evidence.dialog_closes.push(dated(fact, merged)),
                Fact::DialogTransferred(fact) => evidence.transfers.push(dated(fact, merged)),
                Fact::DialogRow(fact) => drop(evidence.dialogs.insert(key(), dated(fact, merged))),
                // Scores, tags and cards are folded elsewhere.
                _ => {}
            }
        }
        evidence.messages.sort_by(|a, b| a.order().cmp(&b.order()));
        evidence
            .dialog_closes
            .sort_by(|a, b| (a.fact.at, &a.fact.dialog_id).cmp(&(b.fact.at, &b.fact.dialog_id)));
        evidence
            .transfers
            .sort_by(|a, b| (a.fact.at, &a.fact.operator_id).cmp(&(b.fact.at, &b.fact.operator_id)));
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

fn dated<T>(fact: T, merged: &Merged) -> Dated<T> {
    Dated { fact, observed_at: merged.observed_at, delivery: merged.delivery }
}
