//! Turns: a run of client messages with no qualifying reply between, and the reply that ends it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::message::{Author, Message};
use crate::AccountRules;

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum End {
    Answered { at: DateTime<Utc>, operator: String },
    Closed { at: DateTime<Utc> },
    Waiting,
}

/// Seconds between two instants, and those within business hours.
pub(super) type Pair = (Option<f64>, Option<f64>);

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Turn {
    /// From 1.
    pub(super) number: i32,
    pub(super) asked_at: DateTime<Utc>,
    /// Second by which the question is ordered.
    asked_second: i64,
    pub(super) bot_replied: bool,
    pub(super) end: End,
}

impl Turn {
    /// From the question to the answer.
    pub(super) fn reply(&self, rules: &AccountRules) -> Pair {
        match &self.end {
            End::Answered { at, .. } => both(rules, self.asked_at, *at),
            _ => (None, None),
        }
    }
}

/// Real seconds between two instants, never below 0.
pub(super) fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of centuries fit 2^53")]
    let seconds = (to.timestamp_micros() - from.timestamp_micros()) as f64 / 1e6;
    seconds.max(0.0)
}

/// Real and business seconds between two instants.
pub(super) fn both(rules: &AccountRules, from: DateTime<Utc>, to: DateTime<Utc>) -> Pair {
    let business = rules.hours.as_ref().and_then(|hours| hours.seconds_between(from, to));
    (Some(seconds(from, to)), business)
}

/// A mean that is taken in one by one, in whole microseconds: exact wherever it is interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Mean {
    micros: i64,
    n: i32,
}

impl Mean {
    fn extend(&mut self, seconds: Option<f64>) {
        if let Some(seconds) = seconds {
            #[expect(clippy::cast_possible_truncation, reason = "microseconds of centuries fit")]
            let micros = (seconds * 1e6).round() as i64;
            self.micros += micros;
            self.n += 1;
        }
    }

    /// Seconds; `None` of nothing.
    pub(super) fn value(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of centuries fit 2^53")]
        let sum = self.micros as f64 / 1e6;
        (self.n > 0).then(|| sum / f64::from(self.n))
    }
}

/// The turns of a request, taken from its messages in their order. Part of the saved state of a fold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Turns {
    /// Those that a reply ended.
    pub(super) answered: i32,
    /// Those that closing ended.
    pub(super) unanswered: i32,
    /// The first turn, when it has ended.
    pub(super) first: Option<Turn>,
    /// The one that waits.
    pub(super) open: Option<Turn>,
    pub(super) reply: Mean,
    pub(super) reply_business: Mean,
    /// Those that ended after the cut.
    #[serde(skip)]
    ended: Vec<Turn>,
}

impl Turns {
    /// How many there are.
    fn number(&self) -> i32 {
        self.answered + self.unanswered + i32::from(self.open.is_some())
    }

    /// Takes the next message in, of a request that closes then.
    pub(super) fn extend(&mut self, message: &Message, close: Option<DateTime<Utc>>, rules: &AccountRules) {
        // Events have whole seconds at times: what was sent within the second of the close came before it.
        if let Some(at) = close
            && message.second > at.timestamp()
            && self.open.as_ref().is_some_and(|turn| turn.asked_second <= at.timestamp())
        {
            self.close(at, rules);
        }
        if message.asks() && self.open.is_none() {
            self.open = Some(Turn {
                number: self.number() + 1,
                asked_at: message.sent_at,
                asked_second: message.second,
                bot_replied: false,
                end: End::Waiting,
            });
        } else if let Some(turn) = &mut self.open {
            if message.qualifies() {
                let operator = message.registers.operator_id.clone().unwrap_or_default();
                self.end(End::Answered { at: message.sent_at, operator }, rules);
            } else if message.author == Author::Bot && message.counts() {
                turn.bot_replied = true;
            }
        }
    }

    fn end(&mut self, end: End, rules: &AccountRules) {
        let Some(mut turn) = self.open.take() else { return };
        turn.end = end;
        match turn.end {
            End::Answered { .. } => self.answered += 1,
            _ => self.unanswered += 1,
        }
        let (reply, business) = turn.reply(rules);
        self.reply.extend(reply);
        self.reply_business.extend(business);
        if turn.number == 1 {
            self.first = Some(turn.clone());
        }
        self.ended.push(turn);
    }

    fn close(&mut self, at: DateTime<Utc>, rules: &AccountRules) {
        if let Some(turn) = &self.open {
            let at = at.max(turn.asked_at);
            self.end(End::Closed { at }, rules);
        }
    }

    /// Ends what still waits when the request is closed.
    pub(super) fn finish(&mut self, close: Option<DateTime<Utc>>, rules: &AccountRules) {
        if let Some(at) = close {
            self.close(at, rules);
        }
    }

    /// Forgets those that have ended: their rows are written.
    pub(super) fn settle(&mut self) {
        self.ended.clear();
    }

    /// The first turn.
    pub(super) fn first(&self) -> Option<&Turn> {
        self.first.as_ref().or(self.open.as_ref().filter(|turn| turn.number == 1))
    }

    /// Those after the cut, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Turn> + Clone {
        self.ended.iter().chain(&self.open)
    }
}
