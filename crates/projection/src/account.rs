//! What the projection is told about an account: the part of the configuration that the tables are a function of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;

use crate::Hours;

/// The rules of one account.
#[derive(Clone, Debug)]
pub struct AccountRules {
    /// Zone of local times, days and hours.
    pub zone: Tz,
    /// Operators who are bots: nothing in the data marks them (reference/chat2desk.md 6.6).
    pub bots: BTreeSet<String>,
    /// Business hours; without them business durations are null.
    pub hours: Option<Arc<Hours>>,
    /// ISO 3166 code for phones without a country.
    pub default_country: Option<String>,
    /// Web application of the operators, for deep links; without it there are none.
    pub web_url: Option<String>,
}

impl Default for AccountRules {
    /// UTC, no bots, no calendar: what an account in the log that is not configured any more gets.
    fn default() -> Self {
        Self { zone: Tz::UTC, bots: BTreeSet::new(), hours: None, default_country: None, web_url: None }
    }
}

/// The rules of all accounts.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<BTreeMap<String, AccountRules>>, Arc<AccountRules>);

impl Rules {
    /// Rules by account id.
    pub fn new(accounts: BTreeMap<String, AccountRules>) -> Self {
        Self(Arc::new(accounts), Arc::default())
    }

    /// All configured accounts.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &AccountRules)> {
        self.0.iter().map(|(account, rules)| (account.as_str(), rules))
    }

    /// The rules of an account; the defaults for one that is not configured (any more).
    pub fn of(&self, account: &str) -> &AccountRules {
        self.0.get(account).unwrap_or(&self.1)
    }
}
