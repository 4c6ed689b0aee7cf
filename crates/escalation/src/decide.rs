//! From scores, rules and what is there already to what is to be done. Pure: the same input decides the same, and what
//! was done already decides nothing.

use chrono::{DateTime, Utc};
use store::escalations::{Escalation, Scored, Status};

use crate::rule::{Condition, Rule};

/// What is to be done about one valuation under one rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<'a> {
    /// Write it and tell.
    Open(Episode<'a>),
    /// Write it and tell nobody: it was too old when it was first seen.
    List(Episode<'a>),
    /// Its cause has gone.
    Withdraw {
        /// Which one.
        escalation: &'a Escalation,
        /// `taken back` or `raised`.
        why: &'static str,
    },
    /// It stands; what is known of its cause may have changed.
    Keep {
        /// Which one.
        escalation: &'a Escalation,
        /// The score now.
        scored: &'a Scored,
    },
}

/// A new escalation.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode<'a> {
    /// The score that causes it.
    pub scored: &'a Scored,
    /// From 1.
    pub number: i32,
}

impl Episode<'_> {
    /// Made of account, rule and the vendor's id of the cause, so that a replay finds it.
    pub fn key(&self, rule: &Rule) -> String {
        format!("{}/{}/{}/{}", self.scored.account, rule.name, self.scored.valuation, self.number)
    }
}

/// Decides about one valuation: `scores` are all of its scales, `latest` the latest episode under this rule, `seen_at`
/// when the change that is looked at was projected. `None`: nothing is to be done.
pub fn decide<'a>(
    rule: &Rule,
    scores: &'a [Scored],
    latest: Option<&'a Escalation>,
    seen_at: DateTime<Utc>,
) -> Option<Decision<'a>> {
    match (worst(rule, scores), latest) {
        (None, None) => None,
        (None, Some(escalation)) if escalation.is_over() => None,
        // Facts only grow: a score that is gone is on its way to another conversation, and changes again there.
        (None, Some(_)) if scores.is_empty() => None,
        (None, Some(escalation)) => {
            let is_taken_back = scores.iter().all(|scored| scored.withdrawn_at.is_some());
            Some(Decision::Withdraw { escalation, why: if is_taken_back { "taken back" } else { "raised" } })
        }
        (Some(scored), Some(escalation)) if !escalation.is_over() => {
            // A closed one is as somebody left it.
            (escalation.status != Status::Closed).then_some(Decision::Keep { escalation, scored })
        }
        (Some(scored), latest) => {
            let episode =
                Episode { scored, number: latest.map_or(1, |latest| latest.episode.saturating_add(1)) };
            let is_old = seen_at - scored.given_at > rule.historic_after();
            Some(if is_old { Decision::List(episode) } else { Decision::Open(episode) })
        }
    }
}

/// The score that meets the rule; of several scales the lowest part of its scale.
fn worst<'a>(rule: &Rule, scores: &'a [Scored]) -> Option<&'a Scored> {
    let Condition::ScoreAtMost(limit) = rule.when;
    let part = |scored: &Scored| scored.score / scored.scale.max(f64::MIN_POSITIVE);
    scores
        .iter()
        .filter(|scored| scored.withdrawn_at.is_none() && scored.score <= limit)
        .min_by(|a, b| part(a).total_cmp(&part(b)).then_with(|| a.scale_id.cmp(&b.scale_id)))
}

#[cfg(test)]
mod tests;
