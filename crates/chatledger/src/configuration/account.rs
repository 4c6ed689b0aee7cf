//! `[[account]]`: one company account at one platform.

use std::path::PathBuf;

use chrono_tz::Tz;
use events::{AccountId, Platform, Policy};
use ingest::backfill::History;
use serde::{Deserialize, Serialize};
use toml::Value;
use url::Url;

use super::calendar::{self, Calendar};
use super::judge::Judge;
use super::secret::Secret;
use super::source::Step;

const HISTORY: &str = "must be \"90d\", \"all\" or \"none\"";

/// `[[account]]` as written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccountSection {
    /// Its name with us: a-z, 0-9 and hyphen. Never changes: it leads every key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `chat2desk`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// `false` keeps it without registration and calls. Default `true`.
    pub active: bool,
    /// The platform's API. Never a constant: there are many regional and private hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The operators' web application, for links to dialogs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_url: Option<String>,
    /// Names the variable with the API token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// Names the file with the API token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Names the variable with the unguessable path segment of the hooks. Without one there are no hooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_secret_env: Option<String>,
    /// Names the file with that segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_secret_file: Option<PathBuf>,
    /// A second segment that is good as well, while rotating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_hook_secret_env: Option<String>,
    /// Names the file with the second segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_hook_secret_file: Option<PathBuf>,
    /// `require`, `if_present` (default) or `ignore` signatures of webhooks.
    pub signature: Policy,
    /// The company's zone: its days and its times without a zone. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Two letters, for telephone numbers without a country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_country: Option<String>,
    /// Operators that are bots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bot_operators: Vec<String>,
    /// Most calls of the API a second. Default 4.
    pub calls_per_second: f64,
    /// What `up` fetches of the past by itself: `90d` (default), `all` or `none`.
    pub history: String,
    /// At most this share of the quota that is left goes to history. Default 0.5.
    pub history_quota_share: f64,
    /// Business hours: one table, or several with `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Value>,
    /// Hours of some operators or groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_calendar: Option<Value>,
    /// Tags that are quality scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub score: Vec<Score>,
}

/// `[[account.score]]`: a tag that is a score.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Score {
    /// The tag's label or id.
    pub tag: String,
    /// The score that it stands for.
    pub score: f64,
    /// The best score. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

impl Score {
    /// The best score where none is named.
    pub(crate) const SCALE: f64 = 5.0;
}

/// One account's settings.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Its name.
    pub id: AccountId,
    /// Its platform.
    pub platform: Platform,
    /// Whether it is to be registered and called.
    pub active: bool,
    /// The platform's API.
    pub api_url: Url,
    /// The operators' application.
    pub web_url: Option<Url>,
    /// The API token. `None` only where signatures are ignored: then hooks and recordings are all there is.
    pub token: Option<Secret>,
    /// Path segments that open its hooks.
    pub hook_secrets: Vec<Secret>,
    /// What is asked of signatures.
    pub signature: Policy,
    /// Its zone.
    pub time_zone: Tz,
    /// Two upper-case letters.
    pub default_country: Option<String>,
    /// Operators that are bots.
    pub bot_operators: Vec<String>,
    /// Most calls a second.
    pub calls_per_second: f64,
    /// What `up` fetches of the past.
    pub history: History,
    /// The share of the quota for it.
    pub history_quota_share: f64,
    /// Business hours by the day from which they hold.
    pub calendars: Vec<Calendar>,
    /// Hours of some operators or groups, in order of precedence.
    pub operator_calendars: Vec<Calendar>,
    /// Tags that are scores.
    pub scores: Vec<Score>,
}

impl Default for AccountSection {
    fn default() -> Self {
        Self {
            id: None,
            platform: None,
            active: true,
            api_url: None,
            web_url: None,
            token_env: None,
            token_file: None,
            hook_secret_env: None,
            hook_secret_file: None,
            second_hook_secret_env: None,
            second_hook_secret_file: None,
            signature: Policy::IfPresent,
            time_zone: None,
            default_country: None,
            bot_operators: Vec::new(),
            calls_per_second: 4.0,
            history: "90d".to_owned(),
            history_quota_share: 0.5,
            calendar: None,
            operator_calendar: None,
            score: Vec::new(),
        }
    }
}

impl AccountSection {
    /// The settings, or notes of what is wrong.
    pub(crate) fn judge(&self, judge: &mut Judge<'_>) -> Option<Account> {
        let id = self.id.clone().ok_or_else(|| "missing; add id = \"acme\"".to_owned());
        let id =
            judge.value("id", id.and_then(|id| id.parse::<AccountId>().map_err(|error| error.to_string())));
        let platform = judge.value(
            "platform",
            self.platform.ok_or_else(|| "missing; add platform = \"chat2desk\"".to_owned()),
        );
        if platform == Some(Platform::Livechat) {
            judge.note("platform", "LiveChat comes with a later version; remove this account");
            return None;
        }
        let (token, hook_secrets) = self.judge_secrets(judge);
        let api_url = judge.url("api_url", self.api_url.as_deref());
        if self.api_url.is_none() {
            judge.note("api_url", "missing; add api_url = \"https://api.chat2desk.com\" or your region's");
        }
        let web_url = judge.url("web_url", self.web_url.as_deref());
        let time_zone = judge.value("time_zone", zone(self.time_zone.as_deref()));
        let default_country = judge.value("default_country", country(self.default_country.as_deref()));
        self.judge_numbers(judge);
        self.judge_scores(judge);
        let history = judge.value("history", self.history.parse().map_err(|_: String| HISTORY.to_owned()));
        let calendars = calendars(judge, "calendar", self.calendar.as_ref(), false);
        let operator_calendars = calendars_of(judge, self.operator_calendar.as_ref());
        Some(Account {
            id: id?,
            platform: platform?,
            active: self.active,
            api_url: api_url?,
            web_url,
            token,
            hook_secrets,
            signature: self.signature,
            time_zone: time_zone?,
            default_country: default_country?,
            bot_operators: self.bot_operators.clone(),
            calls_per_second: self.calls_per_second,
            history: history?,
            history_quota_share: self.history_quota_share,
            calendars,
            operator_calendars,
            scores: self.score.clone(),
        })
    }

    fn judge_secrets(&self, judge: &mut Judge<'_>) -> (Option<Secret>, Vec<Secret>) {
        let token = judge.secret("token", self.token_env.as_deref(), self.token_file.as_ref());
        if self.token_env.is_none() && self.token_file.is_none() && self.signature != Policy::Ignore {
            judge.note(
                "token_env",
                "missing; it fetches history and checks signatures (without one, set signature = \"ignore\")",
            );
        }
        let mut secrets = Vec::new();
        for (key, variable, file) in [
            ("hook_secret", &self.hook_secret_env, &self.hook_secret_file),
            ("second_hook_secret", &self.second_hook_secret_env, &self.second_hook_secret_file),
        ] {
            let Some(secret) = judge.secret(key, variable.as_deref(), file.as_ref()) else { continue };
            let fits = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            if !secret.reveal().chars().all(fits) {
                judge.note(
                    &format!("{key}_env"),
                    "the secret stands in an address: letters, digits and -._~ only",
                );
            }
            secrets.push(secret);
        }
        (token, secrets)
    }

    fn judge_numbers(&self, judge: &mut Judge<'_>) {
        if !(self.calls_per_second > 0.0 && self.calls_per_second <= 100.0) {
            judge.note("calls_per_second", "must be greater than 0 and at most 100; the vendor bears 4");
        }
        if !(0.0..=1.0).contains(&self.history_quota_share) {
            judge.note("history_quota_share", "must be from 0 to 1");
        }
    }

    fn judge_scores(&self, judge: &mut Judge<'_>) {
        for (index, score) in self.score.iter().enumerate() {
            let mut judge = judge.inside([Step::Key("score".to_owned()), Step::Index(index)]);
            if score.tag.is_empty() {
                judge.note("tag", "missing; name the tag's label or id");
            }
            if !score.scale.is_none_or(|scale| scale > 0.0 && scale.is_finite()) {
                judge.note("scale", "must be greater than 0: the best possible score");
            }
            if !(0.0..=score.scale.unwrap_or(Score::SCALE)).contains(&score.score) {
                judge.note("score", "must be from 0 to scale (default 5)");
            }
        }
    }
}

/// A zone of the IANA database.
pub(super) fn zone(text: Option<&str>) -> Result<Tz, String> {
    let text =
        text.ok_or_else(|| "missing; add the company's zone, like time_zone = \"Asia/Almaty\"".to_owned())?;
    text.parse().map_err(|_| {
        let near = super::problem::nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let hint = near.map_or_else(String::new, |zone| format!("; did you mean {zone:?}?"));
        format!("no zone of the IANA database, like \"Asia/Almaty\"{hint}")
    })
}

fn country(text: Option<&str>) -> Result<Option<String>, String> {
    match text {
        None => Ok(None),
        Some(text) if text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic()) => {
            Ok(Some(text.to_uppercase()))
        }
        Some(_) => Err("must be two letters, like \"KZ\"".to_owned()),
    }
}

fn calendars_of(judge: &mut Judge<'_>, value: Option<&Value>) -> Vec<Calendar> {
    calendars(judge, "operator_calendar", value, true)
}

/// Reads one table or a list of tables. Two of the same scope must not begin on one day.
fn calendars(judge: &mut Judge<'_>, key: &str, value: Option<&Value>, is_scoped: bool) -> Vec<Calendar> {
    let tables: Vec<(Vec<Step>, &Value)> = match value {
        None => return Vec::new(),
        Some(Value::Array(tables)) => tables
            .iter()
            .enumerate()
            .map(|(index, table)| (vec![Step::Key(key.to_owned()), Step::Index(index)], table))
            .collect(),
        Some(table) => vec![(vec![Step::Key(key.to_owned())], table)],
    };
    let mut read: Vec<Calendar> = Vec::new();
    for (steps, table) in tables {
        let mut judge = judge.inside(steps);
        let Some(table) = table.as_table() else {
            judge.note("", "must be a table of days: mon-fri = [\"09:00-18:00\"]");
            continue;
        };
        let (calendar, problems) = calendar::read(table, is_scoped);
        for (key, what) in problems {
            judge.note(&key, what);
        }
        let scope =
            |calendar: &Calendar| (calendar.from, calendar.operators.clone(), calendar.groups.clone());
        if read.iter().any(|earlier| scope(earlier) == scope(&calendar)) {
            judge.note(
                "from",
                "another calendar begins on the same day; give each a from = \"2026-01-01\" of its own",
            );
        }
        read.push(calendar);
    }
    // Those of operators keep their order: of several that name one, the first counts.
    if !is_scoped {
        read.sort_by_key(|calendar| calendar.from);
    }
    read
}
