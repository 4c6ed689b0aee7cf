//! What the projection is told about an account: the part of the configuration that the tables are a function of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;
use events::Platform;

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
    /// The platform: part of a lead's key.
    pub platform: Platform,
    /// Which tags are scores.
    pub scores: Scores,
}

impl AccountRules {
    /// Grows with every change of what a fold makes of the same facts and rules: what was saved under an older one is not
    /// gone on from.
    const FOLD_VERSION: i64 = 1;

    /// What the rules are made of, by the words of the configuration: calendars as hashes of their open intervals.
    pub fn parts(&self) -> BTreeMap<&'static str, String> {
        let Self { zone, bots, hours, default_country, web_url, platform, scores } = self;
        let mut calendar = xxhash_rust::xxh3::Xxh3::new();
        if let Some(hours) = hours {
            calendar.update(&hours.in_force().start.timestamp_micros().to_le_bytes());
            for (opens, closes, before) in hours.intervals() {
                calendar.update(&opens.timestamp_micros().to_le_bytes());
                calendar.update(&closes.timestamp_micros().to_le_bytes());
                calendar.update(&before.to_le_bytes());
            }
        }
        let calendar = hours.as_ref().map(|_| format!("{:x}", calendar.digest())).unwrap_or_default();
        BTreeMap::from([
            ("time_zone", zone.to_string()),
            ("bot_operators", format!("{bots:?}")),
            ("calendar", calendar),
            ("default_country", default_country.clone().unwrap_or_default()),
            ("web_url", web_url.clone().unwrap_or_default()),
            ("platform", platform.as_str().to_owned()),
            ("score", format!("{scores:?}")),
            ("metric_version", events::METRIC_VERSION.to_string()),
            ("fold_version", Self::FOLD_VERSION.to_string()),
        ])
    }

    /// Tells rules apart under which the same facts may fold to different rows.
    fn fingerprint(&self) -> i64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for (part, words) in self.parts() {
            hash.update(format!("{part}={words}\n").as_bytes());
        }
        hash.digest().cast_signed()
    }
}

/// A tag that is a score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTag {
    /// The tag's id or its label.
    pub tag: String,
    /// The score.
    pub score: f64,
    /// The best possible one, above 0.
    pub scale: f64,
}

/// The tags of an account that are scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(Vec<ScoreTag>);

impl Scores {
    /// The scale where nothing says another one.
    const USUAL: f64 = 5.0;

    /// Tags that are scores.
    pub fn new(tags: Vec<ScoreTag>) -> Self {
        Self(tags)
    }

    /// The score that a tag means: by id first, then by label (letters' case aside).
    pub fn of(&self, tag_id: &str, label: Option<&str>) -> Option<&ScoreTag> {
        let by_label = || {
            let label = label?.trim().to_lowercase();
            self.0.iter().find(|score| score.tag.trim().to_lowercase() == label)
        };
        self.0.iter().find(|score| score.tag == tag_id).or_else(by_label)
    }

    /// The scale of scores that no tag told: the greatest that is configured, else 5.
    pub fn scale(&self) -> f64 {
        self.0.iter().map(|score| score.scale).reduce(f64::max).unwrap_or(Self::USUAL)
    }
}

impl Default for AccountRules {
    /// UTC, no bots, no calendar: what an account in the log that is not configured any more gets.
    fn default() -> Self {
        Self {
            zone: Tz::UTC,
            bots: BTreeSet::new(),
            hours: None,
            default_country: None,
            web_url: None,
            platform: Platform::Chat2desk,
            scores: Scores::default(),
        }
    }
}

/// The rules of all accounts, and who reads what changes.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    accounts: Arc<BTreeMap<String, AccountRules>>,
    fingerprints: Arc<BTreeMap<String, i64>>,
    of_operators: Arc<BTreeMap<String, Vec<OperatorHours>>>,
    unknown: Arc<AccountRules>,
    readers: Readers,
}

/// Business hours of some operators. They are no input of the fold: reports subtract them, for durations that are one
/// operator's, so that who joins a group changes no row.
#[derive(Clone, Debug)]
pub struct OperatorHours {
    /// Operator ids.
    pub operators: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
    /// The hours.
    pub hours: Arc<Hours>,
}

/// Who waits for changes: what has no reader is not noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Escalation reads changed scores.
    pub scores: bool,
    /// CRM sync reads changed leads.
    pub leads: bool,
}

impl Rules {
    /// Rules by account id.
    pub fn new(accounts: BTreeMap<String, AccountRules>) -> Self {
        let fingerprints = accounts.iter().map(|(id, rules)| (id.clone(), rules.fingerprint())).collect();
        Self { accounts: Arc::new(accounts), fingerprints: Arc::new(fingerprints), ..Self::default() }
    }

    /// The same, with readers of changes.
    pub fn read_by(self, readers: Readers) -> Self {
        Self { readers, ..self }
    }

    /// The same, with business hours of operators by account, in order of precedence.
    pub fn with_operator_hours(self, of_operators: BTreeMap<String, Vec<OperatorHours>>) -> Self {
        Self { of_operators: Arc::new(of_operators), ..self }
    }

    /// The business hours of an account's operators.
    pub fn operator_hours(&self, account: &str) -> &[OperatorHours] {
        self.of_operators.get(account).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same, without readers: nothing is noted.
    pub fn unread(&self) -> Self {
        self.clone().read_by(Readers::default())
    }

    /// Who reads changes.
    pub fn readers(&self) -> Readers {
        self.readers
    }

    /// All configured accounts.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &AccountRules)> {
        self.accounts.iter().map(|(account, rules)| (account.as_str(), rules))
    }

    /// Tells the rules of an account from others under which the same facts may fold to different rows.
    pub fn fingerprint(&self, account: &str) -> i64 {
        self.fingerprints.get(account).copied().unwrap_or_else(|| self.unknown.fingerprint())
    }

    /// Tells the rules of all accounts, and the program that decodes, from others.
    pub fn fingerprint_of_all(&self) -> i64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(env!("CARGO_PKG_VERSION").as_bytes());
        for (account, fingerprint) in self.fingerprints.iter() {
            hash.update(account.as_bytes());
            hash.update(&fingerprint.to_le_bytes());
        }
        hash.digest().cast_signed()
    }

    /// The rules of an account; the defaults for one that is not configured (any more).
    pub fn of(&self, account: &str) -> &AccountRules {
        self.accounts.get(account).unwrap_or(&self.unknown)
    }
}
