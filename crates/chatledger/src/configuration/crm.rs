//! `[[crm]]`: where leads go.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use crm_sync::{Choices, Crm, Kind, LeadField, Ownership, Schedule, hubspot, webhook};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::judge::Judge;
use super::source::Step;

/// When nothing else is said: at two every night.
const NIGHTLY: &str = "0 2 * * *";
/// Longest wait for one answer, in seconds.
const TIMEOUT: u64 = 15;

/// Which CRM.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CrmKind {
    /// HubSpot contacts.
    Hubspot,
    /// A signed webhook.
    Webhook,
    /// With a later version.
    Salesforce,
    /// With a later version.
    Pipedrive,
    /// With a later version.
    Kommo,
    /// With a later version.
    Bitrix24,
    /// With a later version.
    Zoho,
    /// With a later version.
    Espocrm,
}

/// `[[crm]]` as written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CrmSection {
    /// Its name with us: a-z, 0-9 and hyphen. Never changes: another name begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `hubspot` or `webhook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<CrmKind>,
    /// Changes go out within seconds; times of messages wait for the night. Default `true`.
    pub live: bool,
    /// When everything that differs goes out: five fields of cron, or `none`. Default `0 2 * * *`.
    pub schedule: String,
    /// The zone of the schedule. Default `UTC`.
    pub time_zone: String,
    /// Leads of these accounts only. Default: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
    /// Most leads of a message, at most 100 for HubSpot. Default 100.
    pub batch: u32,
    /// Longest wait for one answer, in seconds. Default 15.
    pub timeout_seconds: u64,
    /// Our field to their field; an empty text leaves it out. Default: see `chatledger sync --help`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Who decides about a field: `ours`, `if_empty` or `on_create`. HubSpot: name, phone and email are `if_empty`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ownership: BTreeMap<String, Ownership>,
    /// HubSpot: names the variable with the private app's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// HubSpot: names the file with that token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// HubSpot: the API. Default `https://api.hubapi.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// HubSpot: the path of contacts. Default `/crm/v3/objects/contacts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects_path: Option<String>,
    /// Webhook: where it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Webhook: names the variable with the secret that signs it, `whsec_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// Webhook: names the file with that secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Webhook: a second secret that signs as well, while rotating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_secret_env: Option<String>,
    /// Webhook: names the file with the second secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_secret_file: Option<PathBuf>,
    /// Webhook: names the variable with further headers, one `Name: value` a line (an API key).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_env: Option<String>,
    /// Webhook: names the file with further headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_file: Option<PathBuf>,
    /// Webhook: whether loopback and private addresses may be reached, also by plain http. Default `false`.
    pub allow_private: bool,
}

impl Default for CrmSection {
    fn default() -> Self {
        Self {
            name: None,
            kind: None,
            live: true,
            schedule: NIGHTLY.to_owned(),
            time_zone: "UTC".to_owned(),
            accounts: None,
            batch: 100,
            timeout_seconds: TIMEOUT,
            fields: BTreeMap::new(),
            ownership: BTreeMap::new(),
            token_env: None,
            token_file: None,
            api_url: None,
            objects_path: None,
            url: None,
            secret_env: None,
            secret_file: None,
            second_secret_env: None,
            second_secret_file: None,
            headers_env: None,
            headers_file: None,
            allow_private: false,
        }
    }
}

/// The CRMs, or notes of what is wrong. `accounts` are the ids of those that are configured.
pub(super) fn judge_all(sections: &[CrmSection], accounts: &[&str], judge: &mut Judge<'_>) -> Vec<Crm> {
    let mut crms: Vec<Crm> = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let mut judge = judge.inside([Step::Key("crm".to_owned()), Step::Index(index)]);
        let Some(crm) = section.judge(accounts, &mut judge) else { continue };
        if crms.iter().any(|earlier| earlier.name == crm.name) {
            judge.note("name", "another crm has this name; give each its own");
        }
        crms.push(crm);
    }
    crms
}

impl CrmSection {
    fn judge(&self, accounts: &[&str], judge: &mut Judge<'_>) -> Option<Crm> {
        let name = judge.value("name", name(self.name.as_deref()));
        let schedule = self.judge_schedule(judge);
        let choices = self.judge_choices(judge);
        if let Some(unknown) = self.accounts.iter().flatten().find(|id| !accounts.contains(&id.as_str())) {
            judge.note("accounts", format!("no account {unknown:?} is configured"));
        }
        if !(1..=1000).contains(&self.batch) {
            judge.note("batch", "must be from 1 to 1000");
        }
        if !(1..=120).contains(&self.timeout_seconds) {
            judge.note("timeout_seconds", "must be from 1 to 120");
        }
        let missing = "missing; add kind = \"hubspot\" or \"webhook\"".to_owned();
        let kind = match judge.value("kind", self.kind.ok_or(missing))? {
            CrmKind::Hubspot => Kind::Hubspot(self.judge_hubspot(choices?, judge)?),
            CrmKind::Webhook => Kind::Webhook(self.judge_webhook(choices?, judge)?),
            _ => {
                judge.note("kind", "comes with a later version; there are hubspot and webhook");
                return None;
            }
        };
        let crm =
            Crm { name: name?, kind, accounts: self.accounts.clone(), live: self.live, schedule: schedule? };
        judge.value("", crm.fits())?;
        Some(crm)
    }

    fn judge_schedule(&self, judge: &mut Judge<'_>) -> Option<Option<Schedule>> {
        let zone = judge.value("time_zone", super::account::zone(Some(&self.time_zone)))?;
        if self.schedule == "none" {
            return Some(None);
        }
        let parse = |zone: Tz| Schedule::parse(&self.schedule, zone);
        judge.value("schedule", parse(zone)).map(Some)
    }

    fn judge_choices(&self, judge: &mut Judge<'_>) -> Option<Choices> {
        let known = || LeadField::ALL.map(LeadField::word).join(", ");
        let mut choices = Choices::default();
        for (word, property) in &self.fields {
            let Some(field) = LeadField::from_word(word) else {
                judge.note("fields", format!("there is no field {word:?} of a lead; known are {}", known()));
                return None;
            };
            choices.fields.insert(field, property.clone());
        }
        for (word, ownership) in &self.ownership {
            let Some(field) = LeadField::from_word(word) else {
                judge.note(
                    "ownership",
                    format!("there is no field {word:?} of a lead; known are {}", known()),
                );
                return None;
            };
            choices.ownership.insert(field, *ownership);
        }
        Some(choices)
    }

    fn judge_hubspot(&self, choices: Choices, judge: &mut Judge<'_>) -> Option<hubspot::Settings> {
        self.judge_others(&["url", "secret", "second_secret", "headers"], judge);
        let token = judge.secret("token", self.token_env.as_deref(), self.token_file.as_ref());
        if self.token_env.is_none() && self.token_file.is_none() {
            judge.note("token_env", "missing; name the variable with the private app's token");
        }
        let api_url = judge.url("api_url", Some(self.api_url.as_deref().unwrap_or(hubspot::API_URL)));
        if api_url.as_ref().is_some_and(|url| url.scheme() == "http" && !is_loopback(url)) {
            judge.note("api_url", "must begin with https://: the token would be sent in the open");
        }
        let objects_path = self.objects_path.as_deref().unwrap_or(hubspot::OBJECTS_PATH);
        if !objects_path.starts_with('/') {
            judge.note("objects_path", "must be a path like \"/crm/v3/objects/contacts\"");
        }
        Some(hubspot::Settings {
            api_url: api_url?,
            objects_path: objects_path.to_owned(),
            token: token?.reveal().to_owned(),
            choices,
            batch: usize::try_from(self.batch).unwrap_or(hubspot::BATCH).min(hubspot::BATCH),
            timeout: Duration::from_secs(self.timeout_seconds),
        })
    }

    fn judge_webhook(&self, choices: Choices, judge: &mut Judge<'_>) -> Option<webhook::Settings> {
        self.judge_others(&["token", "api_url", "objects_path"], judge);
        let url = judge.url("url", self.url.as_deref());
        if self.url.is_none() {
            judge.note("url", "missing; add the receiver's address");
        }
        let mut secrets = Vec::new();
        for (key, variable, file) in [
            ("secret", &self.secret_env, &self.secret_file),
            ("second_secret", &self.second_secret_env, &self.second_secret_file),
        ] {
            let secret = judge.secret(key, variable.as_deref(), file.as_ref());
            secrets.extend(secret.map(|secret| secret.reveal().to_owned()));
        }
        if self.secret_env.is_none() && self.secret_file.is_none() {
            judge.note(
                "secret_env",
                "missing; name the variable with a secret like whsec_…, which signs what is sent",
            );
        }
        let headers = judge.secret("headers", self.headers_env.as_deref(), self.headers_file.as_ref());
        let headers = headers.map_or(Ok(Vec::new()), |headers| headers_of(headers.reveal()));
        let headers = judge.value("headers_env", headers)?;
        Some(webhook::Settings {
            url: url?,
            secrets,
            headers,
            allow_private: self.allow_private,
            choices,
            batch: usize::try_from(self.batch).unwrap_or(webhook::BATCH),
            timeout: Duration::from_secs(self.timeout_seconds),
        })
    }

    /// Notes keys that belong to another kind: who writes them expects something of them.
    fn judge_others(&self, keys: &[&str], judge: &mut Judge<'_>) {
        let written = [
            ("url", "url", self.url.is_some()),
            ("secret", "secret_env", self.secret_env.is_some()),
            ("secret", "secret_file", self.secret_file.is_some()),
            ("second_secret", "second_secret_env", self.second_secret_env.is_some()),
            ("second_secret", "second_secret_file", self.second_secret_file.is_some()),
            ("headers", "headers_env", self.headers_env.is_some()),
            ("headers", "headers_file", self.headers_file.is_some()),
            ("token", "token_env", self.token_env.is_some()),
            ("token", "token_file", self.token_file.is_some()),
            ("api_url", "api_url", self.api_url.is_some()),
            ("objects_path", "objects_path", self.objects_path.is_some()),
        ];
        for (_, key, _) in written.into_iter().filter(|(of, _, is_there)| *is_there && keys.contains(of)) {
            judge.note(key, "is for another kind of crm; remove it");
        }
    }
}

/// A name that stands in keys.
fn name(written: Option<&str>) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match written {
        None => Err("missing; add name = \"sales\"".to_owned()),
        Some(name) if (1..=63).contains(&name.len()) && name.chars().all(fits) => Ok(name.to_owned()),
        Some(_) => Err("must be 1 to 63 characters of a-z, 0-9 and hyphen".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// `Name: value`, one a line.
fn headers_of(text: &str) -> Result<Vec<(String, String)>, String> {
    let read = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| read(line).ok_or_else(|| "the secret must have one \"Name: value\" a line".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Configuration;

    fn problems(text: &str) -> Vec<String> {
        match load(text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.lines().map(str::to_owned).collect(),
        }
    }

    fn load(text: &str) -> Result<Configuration, String> {
        let environment = [
            ("HUBSPOT_TOKEN", "pat-na1-canary"),
            ("LEADS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("BAD_SECRET", "whsec_x"),
            ("LEADS_HEADERS", "X-Api-Key: canary-key\n"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Configuration::parse("c.toml", text, &environment).map_err(|problems| problems.to_string())
    }

    const HUBSPOT: &str = "[[crm]]\nname = \"sales\"\nkind = \"hubspot\"\ntoken_env = \"HUBSPOT_TOKEN\"\nschedule = \"0 2 * * *\"\n\
         time_zone = \"Asia/Almaty\"\n";
    const WEBHOOK: &str = "[[crm]]\nname = \"warehouse\"\nkind = \"webhook\"\nurl = \"https://leads.example.org/in\"\n\
                           secret_env = \"LEADS_SECRET\"\nheaders_env = \"LEADS_HEADERS\"\nbatch = 50\n";

    #[test]
    fn both_kinds_are_understood_and_show_no_secret() {
        let configuration = load(&format!("{HUBSPOT}{WEBHOOK}")).unwrap();
        let names: Vec<_> = configuration.crms.iter().map(|crm| crm.name.as_str()).collect();
        assert_eq!(names, ["sales", "warehouse"]);
        assert!(configuration.crms.iter().all(|crm| crm.live && crm.schedule.is_some()));
        for shown in [format!("{configuration:?}"), configuration.print().unwrap()] {
            for secret in ["pat-na1-canary", "MfKQ9r8GKY", "canary-key"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }

    #[test]
    fn a_list_entry_is_set_by_the_environment_under_its_name() {
        let environment = [
            ("CHATLEDGER__CRM__SALES__KIND", "hubspot"),
            ("CHATLEDGER__CRM__SALES__TOKEN_ENV", "T"),
            ("CHATLEDGER__CRM__SALES__LIVE", "false"),
            ("T", "token"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let configuration = Configuration::parse("c.toml", "", &environment).unwrap();
        assert_eq!(configuration.crms[0].name, "sales");
        assert!(!configuration.crms[0].live);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        for (from, to, expected) in [
            ("name = \"sales\"\n", "", "c.toml:1: crm.0.name: missing; add name = \"sales\""),
            (
                "\"sales\"",
                "\"Sales Team\"",
                "c.toml:2: crm.Sales Team.name: must be 1 to 63 characters of a-z, 0-9 and hyphen",
            ),
            (
                "\"hubspot\"",
                "\"salesforce\"",
                "c.toml:3: crm.sales.kind: comes with a later version; there are hubspot and webhook",
            ),
            (
                "token_env = \"HUBSPOT_TOKEN\"",
                "url = \"https://x.org\"\ntoken_env = \"HUBSPOT_TOKEN\"",
                "c.toml:4: crm.sales.url: is for another kind of crm; remove it",
            ),
            (
                "\"HUBSPOT_TOKEN\"",
                "\"NOPE\"",
                "c.toml:4: crm.sales.token_env: the environment variable NOPE is not set; set it, or name another",
            ),
            (
                "\"0 2 * * *\"",
                "\"2 o'clock\"",
                "c.toml:5: crm.sales.schedule: must have five fields, like \"0 2 * * *\" for two o'clock every night",
            ),
            (
                "time_zone",
                "api_url = \"http://api.hubapi.com\"\ntime_zone",
                "c.toml:6: crm.sales.api_url: must begin with https://: the token would be sent in the open",
            ),
            (
                "time_zone",
                "accounts = [\"acme\"]\ntime_zone",
                "c.toml:6: crm.sales.accounts: no account \"acme\" is configured",
            ),
            (
                "time_zone",
                "fields = { surname = \"x\" }\ntime_zone",
                "c.toml:6: crm.sales.fields: there is no field \"surname\" of a lead; known are key, name",
            ),
            (
                "time_zone",
                "fields = { phone = \"firstname\" }\ntime_zone",
                "c.toml:1: crm.sales: fields: name and phone both go to \"firstname\"",
            ),
            ("time_zone", "batch = 0\ntime_zone", "c.toml:6: crm.sales.batch: must be from 1 to 1000"),
        ] {
            assert!(HUBSPOT.contains(from), "{from}");
            let found = problems(&HUBSPOT.replacen(from, to, 1));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with(expected) || found[0].contains("both go to"),
                "{found:?}\n{expected}"
            );
        }
        let twice = problems(&format!("{HUBSPOT}{HUBSPOT}"));
        assert_eq!(twice, ["c.toml:8: crm.sales.name: another crm has this name; give each its own"]);
        let bad = problems(&WEBHOOK.replace("\"LEADS_SECRET\"", "\"BAD_SECRET\""));
        assert!(bad[0].contains("must be whsec_") && !bad[0].contains("whsec_x"), "{bad:?}");
        let private = problems(&WEBHOOK.replace("https://leads.example.org", "https://127.0.0.1"));
        assert!(private[0].contains("allow_private"), "{private:?}");
        let loopback = HUBSPOT.replace("time_zone", "api_url = \"http://127.0.0.1:9\"\ntime_zone");
        assert_eq!(problems(&loopback), Vec::<String>::new(), "a simulator");
    }
}
