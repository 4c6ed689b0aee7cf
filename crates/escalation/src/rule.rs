//! What is escalated, and to whom.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;

/// A rule, as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name: part of each key.
    pub name: String,
    /// What it looks for.
    pub when: Condition,
    /// The accounts that it is for; `None`: all.
    pub accounts: Option<Vec<String>>,
    /// Names of notifiers.
    pub notify: Vec<String>,
    /// A score that was older when it was first projected is listed and told to nobody.
    pub historic_after: Duration,
    /// When somebody should have acknowledged it, from its opening.
    pub due: Option<Duration>,
}

/// What a rule looks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// A score of at most so much, in the units of the score's own scale.
    ScoreAtMost(f64),
}

impl Rule {
    /// Whether it is for this account.
    pub fn is_for(&self, account: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|one| one == account))
    }

    pub(crate) fn historic_after(&self) -> TimeDelta {
        TimeDelta::from_std(self.historic_after).unwrap_or(TimeDelta::MAX)
    }
}

/// All rules, and the zones in which times are told to people.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// In the order of the configuration.
    pub rules: Vec<Rule>,
    /// Zones of the accounts.
    pub zones: BTreeMap<String, Tz>,
}

impl Rules {
    pub(crate) fn zone(&self, account: &str) -> Tz {
        self.zones.get(account).copied().unwrap_or(Tz::UTC)
    }
}
