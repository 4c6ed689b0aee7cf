//! Who held a request: explicit transfers, and the operators that messages carry (design.md 7.6).

use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::message::{Author, Message};
use super::segment::Segment;
use super::turns::{End, Turn, seconds};
use crate::AccountRules;

/// One sign that somebody held the request, or that it was released.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sign {
    at: DateTime<Utc>,
    /// By a transfer event (or an assignment at the opening), not by a message.
    explicit: bool,
    /// `None`: a transfer to nobody in person (to a group).
    operator: Option<String>,
}

/// Who held it at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    at: DateTime<Utc>,
    by_bot: bool,
}

/// The first person after the client's first message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    at: DateTime<Utc>,
    /// The last sign before.
    giver: Option<Held>,
    /// The last release until then.
    released: Option<DateTime<Utc>>,
}

/// An unbroken holding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    /// From 1.
    pub(super) number: i32,
    pub(super) operator: String,
    pub(super) from_at: DateTime<Utc>,
    /// An event says so.
    pub(super) explicit: bool,
    /// The next one's start.
    pub(super) to_at: Option<DateTime<Utc>>,
    /// The operator's first qualifying reply within it, when one is known.
    pub(super) reply: Option<Answer>,
}

/// A reply, and what it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) at: DateTime<Utc>,
    /// When its turn was asked; `None` when it answers no turn.
    pub(super) asked_at: Option<DateTime<Utc>>,
}

/// Who held a request, taken from its signs in order of time. Part of the saved state of a fold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Holding {
    /// The holding that lasts.
    pub(super) run: Option<Run>,
    /// The last sign of an operator.
    last: Option<Held>,
    /// The last release.
    released: Option<DateTime<Utc>>,
    /// A bot held it first.
    bot_first: bool,
    /// The first explicit hand-over to a person or a group.
    handed: Option<DateTime<Utc>>,
    /// The last sign and the last release until the client's first message.
    at_asking: (Option<Held>, Option<DateTime<Utc>>),
    taken: Option<Taken>,
    /// Holdings that ended after the cut.
    #[serde(skip)]
    ended: Vec<Run>,
}

impl Holding {
    /// Takes in the signs of a request within a span of time.
    pub(super) fn extend(
        &mut self,
        evidence: &Evidence,
        segment: &Segment,
        messages: &[&Message],
        first_client: Option<DateTime<Utc>>,
        within: &Range<DateTime<Utc>>,
        rules: &AccountRules,
    ) {
        let mut signs = signs(evidence, segment, messages);
        signs.retain(|sign| within.contains(&sign.at));
        // Within an instant releases first, then explicit ones: the operator who takes a chat writes after it.
        signs.sort_by(|a, b| {
            (a.at, a.operator.is_some(), !a.explicit, &a.operator).cmp(&(
                b.at,
                b.operator.is_some(),
                !b.explicit,
                &b.operator,
            ))
        });
        for sign in signs {
            self.push(sign, first_client, rules);
        }
    }

    fn push(&mut self, sign: Sign, first_client: Option<DateTime<Utc>>, rules: &AccountRules) {
        let Sign { at, explicit, operator } = sign;
        let before_asking = first_client.is_none_or(|asked| at <= asked);
        let Some(operator) = operator else {
            self.released = Some(at);
            if before_asking {
                self.at_asking.1 = Some(at);
            }
            if self.last.is_some() {
                self.handed.get_or_insert(at);
            }
            return;
        };
        let held = Held { at, by_bot: rules.bots.contains(&operator) };
        if self.last.is_none() {
            self.bot_first = held.by_bot;
        }
        let released_now = self.last.is_none() && self.released == Some(at);
        if (explicit && !held.by_bot) || released_now {
            self.handed.get_or_insert(at);
        }
        if before_asking {
            self.at_asking.0 = Some(held);
        } else if !held.by_bot {
            self.taken.get_or_insert(Taken { at, giver: self.last, released: self.released });
        }
        self.last = Some(held);
        if self.run.as_ref().is_some_and(|run| run.operator == operator) {
            return;
        }
        let number = self.run.as_ref().map_or(1, |run| run.number + 1);
        let run = Run { number, operator, from_at: at, explicit, to_at: None, reply: None };
        if let Some(mut before) = self.run.replace(run) {
            before.to_at = Some(at);
            self.ended.push(before);
        }
    }

    /// Finds the first replies within the holdings, among messages and turns after the cut.
    pub(super) fn answer<'a>(
        &mut self,
        messages: &[&Message],
        turns: &(impl Iterator<Item = &'a Turn> + Clone),
    ) {
        for run in self.ended.iter_mut().chain(&mut self.run).filter(|run| run.reply.is_none()) {
            let within = |m: &&&Message| {
                m.qualifies()
                    && m.registers.operator_id.as_ref() == Some(&run.operator)
                    && m.sent_at >= run.from_at
                    && run.to_at.is_none_or(|to| m.sent_at < to)
            };
            run.reply = messages.iter().find(within).map(|reply| {
                let answered = |turn: &&Turn| {
                    matches!(&turn.end, End::Answered { at, operator } if *at == reply.sent_at && *operator == run.operator)
                };
                Answer { at: reply.sent_at, asked_at: turns.clone().find(answered).map(|turn| turn.asked_at) }
            });
        }
    }

    /// Forgets those that have ended: their rows are written.
    pub(super) fn settle(&mut self) {
        self.ended.clear();
    }

    /// The holdings after the cut, in order, with the one that lasted across it.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.ended.iter().chain(&self.run)
    }

    /// Who holds it, or held it last. `listed`: the operator in the list of dialogs while the request was open, and
    /// when it was fetched.
    pub(super) fn holder(&self, listed: Option<(DateTime<Utc>, String)>) -> Option<String> {
        match (listed, &self.run, self.last) {
            (Some((at, operator)), Some(_), Some(last)) if at > last.at => Some(operator),
            (_, Some(run), _) => Some(run.operator.clone()),
            (listed, None, _) => listed.map(|(_, operator)| operator),
        }
    }

    /// Changes from one operator to another; the first assignment is none.
    pub(super) fn transfers(&self) -> i32 {
        self.run.as_ref().map_or(0, |run| run.number - 1)
    }

    /// When a bot that held the request first handed it to a person or a group by an explicit transfer, before `reply`.
    pub(super) fn handed_to_people(&self, reply: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.handed.filter(|at| self.bot_first && *at <= reply)
    }

    /// Seconds from the later of the client's first message and the release to the first person who held the request; a
    /// direct hand-over by a bot is a release: 0. `None` when a person held it already, or nobody is known to.
    pub(super) fn queue_wait(&self, asked: DateTime<Utc>) -> Option<f64> {
        let (before, released) = self.at_asking;
        if before.is_some_and(|held| !held.by_bot && released.is_none_or(|released| released < held.at)) {
            return None;
        }
        let taken = self.taken?;
        let since = taken.giver.map_or(asked, |giver| giver.at);
        let waits_since = match (taken.released.filter(|released| *released >= since), taken.giver) {
            (Some(released), _) => released.max(asked),
            (None, Some(giver)) if giver.by_bot => taken.at,
            (None, _) => asked,
        };
        Some(seconds(waits_since, taken.at))
    }
}

/// The signs of a request, in no order.
fn signs(evidence: &Evidence, segment: &Segment, messages: &[&Message]) -> Vec<Sign> {
    let sent = messages.iter().filter(|m| m.counts() && matches!(m.author, Author::Operator | Author::Bot));
    let mut signs: Vec<Sign> = sent
        .filter_map(|message| {
            let operator = message.registers.operator_id.clone()?;
            Some(Sign { at: message.sent_at, explicit: false, operator: Some(operator) })
        })
        .collect();
    let id = segment.request_id.as_deref();
    let assigned = id.and_then(|id| evidence.opened.get(id));
    if let Some((operator, at)) = assigned.and_then(|o| Some((o.fact.operator_id.clone()?, o.fact.at?))) {
        signs.push(Sign { at, explicit: true, operator: Some(operator) });
    }
    for transfer in &evidence.transfers {
        let Some(at) = transfer.fact.at else { continue };
        let named = transfer.fact.request_id.as_deref();
        let within = at.timestamp() >= segment.opened_at.timestamp()
            && segment.close.as_ref().is_none_or(|close| at <= close.at);
        if named.map_or(within && segment.counts_as_contact(), |named| Some(named) == id) {
            signs.push(Sign { at, explicit: true, operator: transfer.fact.operator_id.clone() });
        }
    }
    signs
}
