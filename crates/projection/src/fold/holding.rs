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
    /// Transfers to nobody in person (to a group), in order of time.
    releases: Vec<DateTime<Utc>>,
    /// By a row of the list of dialogs while the request was open: competes for the last holder only.
    listed: Option<(DateTime<Utc>, String)>,
    /// On a client's message; the platform fills it in later, so it counts only where nothing else is known.
    mentioned: Option<String>,
}

impl Holding {
    pub(super) fn of(evidence: &Evidence, segment: &Segment, dialog_id: Option<&str>) -> Self {
        let (mut signs, mut releases) = (Vec::new(), Vec::new());
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
            let Some(at) = transfer.fact.at else { continue };
            let named = transfer.fact.request_id.as_deref();
            let within = at.timestamp() >= segment.opened_at.timestamp()
                && segment.close.as_ref().is_none_or(|close| at <= close.at);
            if named.map_or(within && segment.counts_as_contact(), |named| Some(named) == id) {
                match transfer.fact.operator_id.clone() {
                    Some(operator) => signs.push(Sign { at, explicit: true, operator }),
                    None => releases.push(at),
                }
            }
        }
        // Explicit ones first within an instant: the operator who takes a chat writes after it.
        signs.sort_by(|a, b| (a.at, !a.explicit, &a.operator).cmp(&(b.at, !b.explicit, &b.operator)));
        let listed = dialog_id
            .and_then(|id| evidence.dialogs.get(id))
            .filter(|row| row.observed_at >= segment.opened_at)
            .filter(|row| segment.close.as_ref().is_none_or(|close| row.observed_at <= close.at))
            .and_then(|row| Some((row.observed_at, row.fact.operator_id.clone()?)));
        Self { signs, releases, listed, mentioned }
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

    /// When a bot that held the request first handed it to a person or a group by an explicit transfer, before `reply`.
    pub(super) fn handed_to_people(
        &self,
        rules: &AccountRules,
        reply: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let bot = |sign: &Sign| rules.bots.contains(&sign.operator);
        if !self.signs.first().is_some_and(bot) {
            return None;
        }
        let first = self.signs.first().map(|sign| sign.at);
        let to_person = self.signs.iter().filter(|sign| sign.explicit && !bot(sign)).map(|sign| sign.at);
        let to_group = self.releases.iter().copied().filter(|at| Some(*at) >= first);
        to_person.chain(to_group).filter(|at| *at <= reply).min()
    }

    /// Seconds from the later of the client's first message and the release to the first person who held the request; a
    /// direct hand-over by a bot is a release: 0. `None` when a person held it already, or nobody is known to.
    pub(super) fn queue_wait(&self, rules: &AccountRules, asked: DateTime<Utc>) -> Option<f64> {
        let bot = |sign: &Sign| rules.bots.contains(&sign.operator);
        let released = |from: DateTime<Utc>, to: DateTime<Utc>| {
            self.releases.iter().rfind(|at| from <= **at && **at <= to).copied()
        };
        let before = self.signs.iter().rfind(|sign| sign.at <= asked);
        if before.is_some_and(|sign| !bot(sign) && released(sign.at, asked).is_none()) {
            return None;
        }
        let person = self.signs.iter().position(|sign| sign.at > asked && !bot(sign))?;
        let (taken, giver) = (self.signs[person].at, person.checked_sub(1).map(|giver| &self.signs[giver]));
        let waits_since = match (released(giver.map_or(asked, |giver| giver.at), taken), giver) {
            (Some(released), _) => released.max(asked),
            (None, Some(giver)) if bot(giver) => taken,
            (None, _) => asked,
        };
        Some(super::turns::seconds(waits_since, taken))
    }
}
