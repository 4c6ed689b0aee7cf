//! Merged facts, to be found by what a row says of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use events::Fact;
use uuid::Uuid;

use crate::merge::Merged;

/// The merged facts of a conversation.
pub(super) struct Evidence<'a> {
    merged: &'a BTreeMap<(&'static str, &'a str), Merged>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(merged: &'a BTreeMap<(&'static str, &'a str), Merged>) -> Self {
        Self { merged }
    }

    fn one(&self, kind: &'static str, key: &'a str) -> Option<&'a Merged> {
        self.merged.get(&(kind, key))
    }

    /// The request that a message itself names.
    pub(super) fn named_request(&self, message: &'a str) -> Option<&'a str> {
        match &self.one("message", message)?.fact {
            Fact::Message(message) => message.request_id.as_deref(),
            _ => None,
        }
    }

    /// What says that a request was opened at this instant, and the delivery.
    pub(super) fn opening(&self, request: &'a str, at: DateTime<Utc>) -> Option<(&'static str, Uuid)> {
        let opened = self
            .one("request_opened", request)
            .filter(|merged| matches!(&merged.fact, Fact::RequestOpened(fact) if fact.at == Some(at)));
        if let Some(opened) = opened {
            return Some(("its opening event", opened.delivery.0));
        }
        None
    }

    /// The vendor's report of a request, when it gives this instant as its opening.
    pub(super) fn reported_opening(
        &self,
        request: &'a str,
        at: DateTime<Utc>,
    ) -> Option<(&'static str, Uuid)> {
        let report = self.one("request_report", request)?;
        let says = matches!(&report.fact, Fact::RequestReport(fact) if fact.opened_at == Some(at));
        Some((if says { "the vendor's report" } else { "when the report was seen" }, report.delivery.0))
    }

    /// What says that a request was closed at this instant, best evidence first (design.md 7.6).
    pub(super) fn closing(
        &self,
        request: &'a str,
        dialog: Option<&str>,
        at: DateTime<Utc>,
    ) -> Option<(&'static str, Uuid)> {
        let closed = self
            .one("request_closed", request)
            .filter(|merged| matches!(&merged.fact, Fact::RequestClosed(fact) if fact.at == Some(at)));
        if let Some(closed) = closed {
            return Some(("its closing event", closed.delivery.0));
        }
        let of_dialog = self.merged.values().find(|merged| match &merged.fact {
            Fact::DialogClosed(fact) => fact.at == Some(at),
            _ => false,
        });
        if let Some(closed) = of_dialog {
            return Some(("the closing event of the dialog", closed.delivery.0));
        }
        let listed = self.merged.values().find(|merged| match &merged.fact {
            Fact::DialogRow(fact) => {
                fact.ended_at == Some(at) && (dialog.is_none() || fact.dialog_id.as_deref() == dialog)
            }
            _ => false,
        });
        if let Some(row) = listed {
            return Some(("the list of dialogs", row.delivery.0));
        }
        let report = self.one("request_report", request)?;
        let says = matches!(&report.fact, Fact::RequestReport(fact) if fact.closed_at == Some(at));
        says.then_some(("the vendor's report", report.delivery.0))
    }

    /// The event that gave a request to an operator at this instant.
    pub(super) fn transfer(&self, operator: &str, at: DateTime<Utc>) -> Option<(&'static str, Uuid)> {
        self.merged.values().find_map(|merged| match &merged.fact {
            Fact::DialogTransferred(fact)
                if fact.at == Some(at) && fact.operator_id.as_deref() == Some(operator) =>
            {
                Some(("a transfer", merged.delivery.0))
            }
            Fact::RequestOpened(fact)
                if fact.at == Some(at) && fact.operator_id.as_deref() == Some(operator) =>
            {
                Some(("the assignment at its opening", merged.delivery.0))
            }
            _ => None,
        })
    }

    /// The row of the list of dialogs that names this operator.
    pub(super) fn listed_holder(
        &self,
        dialog: Option<&str>,
        operator: &str,
    ) -> Option<(DateTime<Utc>, Uuid)> {
        self.merged.values().find_map(|merged| match &merged.fact {
            Fact::DialogRow(fact)
                if fact.operator_id.as_deref() == Some(operator)
                    && (dialog.is_none() || fact.dialog_id.as_deref() == dialog) =>
            {
                Some((merged.observed_at, merged.delivery.0))
            }
            _ => None,
        })
    }

    /// The taking off of a tag.
    pub(super) fn untagging(&self, request: &str, tag: &str, at: DateTime<Utc>) -> Option<Uuid> {
        self.merged.values().find_map(|merged| match &merged.fact {
            Fact::Tagging(fact)
                if fact.added != Some(true)
                    && fact.at == Some(at)
                    && fact.tag_id.as_deref() == Some(tag)
                    && fact.request_id.as_deref() == Some(request) =>
            {
                Some(merged.delivery.0)
            }
            _ => None,
        })
    }
}
