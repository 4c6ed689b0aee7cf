//! Turns: a run of client messages with no qualifying reply between, and the reply that ends it.

use chrono::{DateTime, Utc};

use super::evidence::Evidence;
use super::message::Author;
use super::segment::Segment;

/// How a turn ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Answered { at: DateTime<Utc>, operator: String },
    Closed { at: DateTime<Utc> },
    Waiting,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) asked_at: DateTime<Utc>,
    pub(super) bot_replied: bool,
    pub(super) end: End,
}

/// Real seconds between two instants, never below 0.
pub(super) fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of centuries fit 2^53")]
    let seconds = (to.timestamp_micros() - from.timestamp_micros()) as f64 / 1e6;
    seconds.max(0.0)
}

/// The turns of a request.
pub(super) fn of(evidence: &Evidence, segment: &Segment) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut open = false;
    let close = segment.close.as_ref().map(|close| close.at);
    let mut closed = false;
    for message in segment.messages.iter().map(|at| &evidence.messages[*at]) {
        // Events have whole seconds at times: what was sent within the second of the close came before it.
        if let Some(at) = close
            && !closed
            && message.second > at.timestamp()
        {
            closed = true;
            if open && let Some(turn) = turns.last_mut() {
                turn.end = End::Closed { at: at.max(turn.asked_at) };
                open = false;
            }
        }
        if message.asks() && !open {
            turns.push(Turn { asked_at: message.sent_at, bot_replied: false, end: End::Waiting });
            open = true;
        } else if open && let Some(turn) = turns.last_mut() {
            if message.qualifies() {
                let operator = message.registers.operator_id.clone().unwrap_or_default();
                turn.end = End::Answered { at: message.sent_at, operator };
                open = false;
            } else if message.author == Author::Bot && message.counts() {
                turn.bot_replied = true;
            }
        }
    }
    if open && let (Some(at), Some(turn)) = (close, turns.last_mut()) {
        turn.end = End::Closed { at: at.max(turn.asked_at) };
    }
    turns
}
