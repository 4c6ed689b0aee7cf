//! `[[escalation]]`: what is told to whom.

use std::time::Duration;

use escalation::{Condition, Rule};
use serde::{Deserialize, Serialize};
use toml::Value;

use super::judge::Judge;
use super::notifier::name;
use super::source::Step;

/// `[[escalation]]` as written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EscalationSection {
    /// Its name: a-z, 0-9 and hyphen. It stands in the key of each escalation: under another name it escalates anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it looks for.
    pub when: When,
    /// Names of notifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// For these accounts only. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
    /// A score that was older when it was first seen is listed and told to nobody. Default `24h`.
    pub historic_after: String,
    /// When somebody should have acknowledged it, from its opening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

/// What a rule looks for: one of these.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct When {
    /// A score of at most so much, in the units of its own scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_at_most: Option<f64>,
    /// With a later version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_longer_than: Option<Value>,
    /// With a later version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_response_over: Option<Value>,
    /// With a later version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Value>,
}

impl Default for EscalationSection {
    fn default() -> Self {
        Self {
            name: None,
            when: When::default(),
            notify: Vec::new(),
            accounts: None,
            historic_after: "24h".to_owned(),
            due: None,
        }
    }
}

/// The rules, or notes of what is wrong. `notifiers` and `accounts` are the names that there are.
pub(super) fn judge_all(
    sections: &[EscalationSection],
    notifiers: &[&str],
    accounts: &[&str],
    judge: &mut Judge<'_>,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let mut judge = judge.inside([Step::Key("escalation".to_owned()), Step::Index(index)]);
        let Some(rule) = section.judge(notifiers, accounts, &mut judge) else { continue };
        if rules.iter().any(|earlier| earlier.name == rule.name) {
            judge.note("name", "another rule has this name; give each its own");
        }
        rules.push(rule);
    }
    rules
}

impl EscalationSection {
    fn judge(&self, notifiers: &[&str], accounts: &[&str], judge: &mut Judge<'_>) -> Option<Rule> {
        let name = judge.value("name", name(self.name.as_deref()));
        let when = self.when.judge(&mut judge.inside([Step::Key("when".to_owned())]));
        if self.notify.is_empty() {
            judge.note("notify", "names nobody; add notify = [\"…\"] with the name of a [[notifier]]");
        }
        if let Some(unknown) = self.notify.iter().find(|name| !notifiers.contains(&name.as_str())) {
            judge.note("notify", absent("notifier", unknown, notifiers));
        }
        if let Some(unknown) = self.accounts.iter().flatten().find(|id| !accounts.contains(&id.as_str())) {
            judge.note("accounts", absent("account", unknown, accounts));
        }
        if self.accounts.as_ref().is_some_and(Vec::is_empty) {
            judge.note("accounts", "names none; leave it out for all");
        }
        let historic_after = judge.value("historic_after", duration(&self.historic_after));
        let due = self.due.as_deref().map(duration).transpose();
        let due = judge.value("due", due);
        let mut notify = self.notify.clone();
        notify.sort();
        notify.dedup();
        Some(Rule {
            name: name?,
            when: when?,
            accounts: self.accounts.clone(),
            notify,
            historic_after: historic_after?,
            due: due?,
        })
    }
}

fn absent(noun: &str, written: &str, known: &[&str]) -> String {
    let hint = super::problem::nearest(written, known.iter().copied())
        .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    format!("there is no {noun} {written:?}{hint}")
}

impl When {
    fn judge(&self, judge: &mut Judge<'_>) -> Option<Condition> {
        for (key, is_written) in [
            ("waiting_longer_than", self.waiting_longer_than.is_some()),
            ("first_response_over", self.first_response_over.is_some()),
            ("aggregate", self.aggregate.is_some()),
        ] {
            if is_written {
                judge.note(key, "comes with a later version; there is score_at_most");
                return None;
            }
        }
        match self.score_at_most {
            None => {
                judge.note("", "missing; add when = { score_at_most = 2 }");
                None
            }
            Some(score) if score.is_finite() && score >= 0.0 => Some(Condition::ScoreAtMost(score)),
            Some(_) => {
                judge.note("score_at_most", "must be a score, 0 or greater");
                None
            }
        }
    }
}

/// `90s`, `15m`, `24h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a number and a unit, like \"15m\", \"24h\" or \"7d\"".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).ok_or_else(wrong)?.parse::<u32>().map_err(|_| wrong())?;
    if number == 0 {
        return Err("must be longer than nothing".to_owned());
    }
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Configuration;
    use super::duration;

    const GOOD: &str = r#"
[[account]]
id = "acme"
platform = "chat2desk"
api_url = "https://api.chat2desk.com"
signature = "ignore"
time_zone = "Asia/Almaty"
[[escalation]]
name = "low-score"
when = { score_at_most = 2 }
notify = ["ops", "supervisors"]
accounts = ["acme"]
historic_after = "12h"
due = "15m"
[[notifier]]
name = "ops"
kind = "webhook"
url = "https://ops.example.org/hook"
secret_env = "OPS_SECRET"
[[notifier]]
name = "supervisors"
kind = "email"
to = ["boss@example.org"]
smtp_url_env = "SMTP_URL"
"#;

    const SECRETS: [(&str, &str); 3] = [
        ("OPS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("SMTP_URL", "smtp://alerts:pa55word@mail.example.org:587"),
        ("SHORT", "whsec_c2hvcnQ="),
    ];

    fn load(text: &str) -> Result<Configuration, String> {
        let environment: Vec<(String, String)> =
            SECRETS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Configuration::parse("test", text, &environment).map_err(|problems| problems.to_string())
    }

    #[test]
    fn rules_and_notifiers_are_understood_and_shown_without_secrets() {
        let configuration = load(GOOD).unwrap();
        let rule = &configuration.escalations[0];
        assert_eq!(
            (rule.historic_after, rule.due),
            (Duration::from_secs(43_200), Some(Duration::from_secs(900)))
        );
        assert!(rule.is_for("acme") && !rule.is_for("other"));
        let built: Vec<_> =
            configuration.notifiers.iter().map(|notifier| notifier.build().unwrap().name).collect();
        assert_eq!(built, ["ops", "supervisors"]);
        let shown = format!("{} {configuration:?}", configuration.print().unwrap());
        assert!(!shown.contains("MfKQ") && !shown.contains("pa55word"), "{shown}");
        assert_eq!(load(&configuration.print().unwrap()).unwrap().escalations, configuration.escalations);
    }

    #[test]
    fn what_is_wrong_says_what_to_do() {
        for (from, to, wanted) in [
            (
                "score_at_most = 2",
                "waiting_longer_than = \"5m\"",
                "waiting_longer_than: comes with a later version",
            ),
            ("score_at_most = 2", "score_at_most = -1", "score_at_most: must be a score"),
            ("when = { score_at_most = 2 }\n", "", "escalation.low-score.when: missing"),
            ("score_at_most = 2", "score_at_mots = 2", "did you mean \"score_at_most\"?"),
            (
                "notify = [\"ops\"",
                "notify = [\"opps\"",
                "there is no notifier \"opps\"; did you mean \"ops\"?",
            ),
            ("[\"ops\", \"supervisors\"]", "[]", "escalation.low-score.notify: names nobody"),
            ("accounts = [\"acme\"]", "accounts = [\"akme\"]", "there is no account \"akme\""),
            ("\"12h\"", "\"12 hours\"", "historic_after: must be a number and a unit"),
            ("\"15m\"", "\"0m\"", "due: must be longer than nothing"),
            ("name = \"low-score\"", "name = \"Low score\"", "name: must be 1 to 63 characters"),
            ("kind = \"webhook\"", "kind = \"slack\"", "notifier.ops.kind: comes with a later version"),
            ("kind = \"webhook\"\n", "", "notifier.ops.kind: missing"),
            (
                "https://ops.example.org/hook",
                "http://ops.example.org/hook",
                "notifier.ops.url: must begin with https",
            ),
            ("https://ops.example.org/hook", "https://127.1/hook", "notifier.ops.url: is a private"),
            ("\"OPS_SECRET\"", "\"SHORT\"", "notifier.ops.secret_env: the secret must be whsec_"),
            ("secret_env = \"OPS_SECRET\"", "secret = \"whsec_x\"", "secrets are not written here"),
            ("secret_env = \"OPS_SECRET\"", "secret_env = \"NOT_SET\"", "NOT_SET is not set"),
            (
                "to = [\"boss@example.org\"]",
                "to = [\"boss\"]",
                "one of the addresses in to is no mail address",
            ),
            ("to = [\"boss@example.org\"]\n", "", "notifier.supervisors.to: names nobody"),
            ("\"SMTP_URL\"", "\"OPS_SECRET\"", "smtp address"),
            ("smtp_url_env", "url = \"https://x.org\"\nsmtp_url_env", "url: is not used by kind \"email\""),
            ("name = \"supervisors\"", "name = \"ops\"", "another notifier has this name"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let found = load(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert!(found.contains(wanted), "{to:?} gave:\n{found}\nwanted: {wanted}");
            assert!(!found.contains("pa55word") && !found.contains("MfKQ"), "{found}");
        }
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "h", "1", "1.5h", "-1h", "1w", "ü", "99999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
