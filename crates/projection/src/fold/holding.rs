//! Who held a request: explicit transfers, and the operators that messages carry (design.md 7.6).

use chrono::{DateTime, Utc};

use super::evidence::Evidence;
use super::message::Author;
use super::segment::Segment;
use crate::AccountRules;

/// One sign that somebody held the request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sign {
    at: DateTime<Utc>,
    /// By a transfer event (or an assignment at the opening), not by a message.
    explicit: bool,
    operator: String,
}

/// Who held a request, in order of time.
pub(super) struct Holding {
    signs: Vec<Sign>,
    /// By a row of the list of dialogs while the request was open: competes for the last holder only.
    listed: Option<(DateTime<Utc>, String)>,
    /// On a client's message; the platform fills it in later, so it counts only where nothing else is known.
    mentioned: Option<String>,
}

impl Holding {
    pub(super) fn of(evidence: &Evidence, segment: &Segment, dialog_id: Option<&str>) -> Self {
        let mut signs = Vec::new();
        let mut mentioned = None;
        for message in segment.messages.iter().map(|at| &evidence.messages[*at]).filter(|m| m.counts()) {
            let Some(operator) = message.registers.operator_id.clone() else { continue };
            match message.author {
                Author::Operator | Author::Bot => {
                    signs.push(Sign { at: message.sent_at, explicit: false, operator });
                }
                Author::Client => mentioned = Some(operator),
                _ => {}
            }
        }
        let id = segment.request_id.as_deref();
        let assigned = id.and_then(|id| evidence.opened.get(id));
        if let Some((operator, at)) = assigned.and_then(|o| Some((o.fact.operator_id.clone()?, o.fact.at?))) {
            signs.push(Sign { at, explicit: true, operator });
        }
        for transfer in &evidence.transfers {
            let (Some(at), Some(operator)) = (transfer.fact.at, transfer.fact.operator_id.clone()) else {
                continue;
            };
            let named = transfer.fact.request_id.as_deref();
            let within = at.timestamp() >= segment.opened_at.timestamp()
                && segment.close.as_ref().is_none_or(|close| at <= close.at);
            if named.map_or(within && segment.counts_as_contact(), |named| Some(named) == id) {
                signs.push(Sign { at, explicit: true, operator });
            }
        }
        // Explicit ones first within an instant: the operator who takes a chat writes after it.
        signs.sort_by(|a, b| (a.at, !a.explicit, &a.operator).cmp(&(b.at, !b.explicit, &b.operator)));
        let listed = dialog_id
            .and_then(|id| evidence.dialogs.get(id))
            .filter(|row| row.observed_at >= segment.opened_at)
            .filter(|row| segment.close.as_ref().is_none_or(|close| row.observed_at <= close.at))
            .and_then(|row| Some((row.observed_at, row.fact.operator_id.clone()?)));
        Self { signs, listed, mentioned }
    }

    /// Who holds it, or held it last.
    pub(super) fn holder(&self) -> Option<String> {
        let last = self.signs.last();
        match (&self.listed, last) {
            (Some((at, operator)), Some(sign)) if *at > sign.at => Some(operator.clone()),
            (_, Some(sign)) => Some(sign.operator.clone()),
            (Some((_, operator)), None) => Some(operator.clone()),
            (None, None) => self.mentioned.clone(),
        }
    }

    /// Each unbroken holding: who, from when, and whether an event says so.
    pub(super) fn unbroken(&self) -> Vec<(&str, DateTime<Utc>, bool)> {
        let runs = self.signs.chunk_by(|a, b| a.operator == b.operator);
        runs.filter_map(|run| run.first())
            .map(|first| (first.operator.as_str(), first.at, first.explicit))
            .collect()
    }

    /// Changes from one operator to another; the first assignment is none.
    pub(super) fn transfers(&self) -> usize {
        self.signs.windows(2).filter(|pair| pair[0].operator != pair[1].operator).count()
    }

    /// When a bot that held the request first handed it to a person by an explicit transfer, before `reply`.
    pub(super) fn handed_to_people(
        &self,
        rules: &AccountRules,
        reply: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let bot = |sign: &Sign| rules.bots.contains(&sign.operator);
        if !self.signs.first().is_some_and(bot) {
            return None;
        }
        self.signs.iter().find(|sign| sign.explicit && !bot(sign) && sign.at <= reply).map(|sign| sign.at)
    }

    /// Seconds from the client's first message to the first person who held the request; 0 when a bot handed it
    /// over; `None` when a person held it already, or nobody is known to.
    pub(super) fn queue_wait(&self, rules: &AccountRules, asked: DateTime<Utc>) -> Option<f64> {
        let bot = |sign: &Sign| rules.bots.contains(&sign.operator);
        if self.signs.iter().rfind(|sign| sign.at <= asked).is_some_and(|sign| !bot(sign)) {
            return None;
        }
        let person = self.signs.iter().position(|sign| sign.at > asked && !bot(sign))?;
        let handed_over = person.checked_sub(1).is_some_and(|before| bot(&self.signs[before]));
        Some(if handed_over { 0.0 } else { super::turns::seconds(asked, self.signs[person].at) })
    }
}
