//! Settings of the company account and its quota.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::Id;

/// Access level of the API (reference 1.3); decides the monthly quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiMode {
    /// Every call is refused.
    Disabled,
    /// 1,000 calls a calendar month.
    Demo,
    /// 50,000 calls a calendar month.
    Normal,
    /// No limit.
    Unlimited,
}

impl ApiMode {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Demo => "demo",
            Self::Normal => "normal",
            Self::Unlimited => "unlimited",
        }
    }

    /// Calls a month; `None` is no limit.
    pub fn quota(self) -> Option<u64> {
        match self {
            Self::Disabled => Some(0),
            Self::Demo => Some(1_000),
            Self::Normal => Some(50_000),
            Self::Unlimited => None,
        }
    }
}

/// How an installation behaves where installations, or the manual and today's service, differ. The default is today's.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Habits {
    /// `/v1/messages` honours `offset`, as the manual says; today it does not (reference 1.5).
    pub messages_honour_offset: bool,
    /// A `limit` above 200 is refused; else it is taken for 200.
    pub large_limit_refused: bool,
    /// `start_id` together with dates is answered, as if there were no dates; today it is refused (2.3).
    pub start_id_takes_dates: bool,
    /// What `errors` of a refused parameter looks like (1.6).
    pub errors: ErrorForm,
    /// Names of events that this older installation refuses to register (3.2).
    pub unknown_events: Vec<String>,
    /// The messengers take nothing: what is sent waits, and no `outbox` is told.
    pub stuck: bool,
}

/// The forms of `errors` (reference 1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorForm {
    /// Field to list of texts.
    #[default]
    Map,
    /// One text.
    Text,
    /// Not there.
    Missing,
}

/// Settings of the company account.
#[derive(Clone, Debug)]
pub struct Account {
    /// How the control routes call this account.
    pub slug: String,
    /// The bare token of the `Authorization` header.
    pub token: String,
    /// Company name, as `api_info` tells it.
    pub company: String,
    /// Company id.
    pub company_id: Id,
    /// Access level.
    pub mode: ApiMode,
    /// Calls a month when it is not the level's own number.
    pub quota: Option<u64>,
    /// Calls of the current month.
    pub calls: u64,
    /// Zone of the reports and of date filters; no answer carries it.
    pub zone: Tz,
    /// Hours of work, local, as seconds of the day by weekday (Monday first): for `working_reaction_time`.
    pub hours: [Option<(u32, u32)>; 7],
    /// Clients may be created through the API and written to first.
    pub write_first: bool,
    /// `online` or `offline`.
    pub work_mode: String,
    /// The company's own fields.
    pub custom_fields: BTreeMap<String, Value>,
    /// What this installation does its own way.
    pub habits: Habits,
    month: (i32, u32),
}

impl Account {
    /// An account with unlimited calls and office hours, Monday to Friday 09-18, Saturday 10-15.
    pub fn new(slug: &str, token: &str, company: &str, zone: Tz) -> Self {
        let office = Some((9 * 3600, 18 * 3600));
        Self {
            slug: slug.into(),
            token: token.into(),
            company: company.into(),
            company_id: 55,
            mode: ApiMode::Unlimited,
            quota: None,
            calls: 0,
            zone,
            hours: [office, office, office, office, office, Some((10 * 3600, 15 * 3600)), None],
            write_first: false,
            work_mode: "online".into(),
            custom_fields: BTreeMap::new(),
            habits: Habits::default(),
            month: (0, 0),
        }
    }

    /// The quota in force; `None` is no limit.
    pub fn monthly_quota(&self) -> Option<u64> {
        self.quota.or(self.mode.quota())
    }

    /// Counts one call of the local month of `now`; false when the quota is spent (the call is not counted then).
    pub fn count_call(&mut self, now: DateTime<Utc>) -> bool {
        let local = now.with_timezone(&self.zone);
        if self.month != (local.year(), local.month()) {
            self.month = (local.year(), local.month());
            self.calls = 0;
        }
        if self.monthly_quota().is_some_and(|quota| self.calls >= quota) {
            return false;
        }
        self.calls += 1;
        true
    }
}
