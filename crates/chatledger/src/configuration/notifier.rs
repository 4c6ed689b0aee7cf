//! `[[notifier]]`: somebody who is told.

use std::path::PathBuf;

use escalation::{EmailSettings, EscalationError};
use outbound::{OutboundError, SigningSecret};
use serde::{Deserialize, Serialize};
use url::Url;

use super::judge::Judge;
use super::secret::Secret;
use super::source::Step;

/// How somebody is told.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NotifierKind {
    /// Mails over SMTP.
    Email,
    /// A signed webhook.
    Webhook,
    /// With a later version.
    Slack,
    /// With a later version.
    Telegram,
    /// With a later version.
    Chat2desk,
}

/// `[[notifier]]` as written.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NotifierSection {
    /// Its name, for rules: a-z, 0-9 and hyphen. It is part of what keeps a message from going out twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `webhook` or `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<NotifierKind>,
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
    /// Webhook: whether loopback and private addresses may be reached, also by plain http. Default `false`.
    pub allow_private: bool,
    /// E-mail: who gets one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// E-mail: who sends it. Default `chatledger@` the domain of the first receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// E-mail: names the variable with `smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_url_env: Option<String>,
    /// E-mail: names the file with that address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_url_file: Option<PathBuf>,
    /// E-mail: a PEM file with the root certificates of a private mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_root_certificate_file: Option<PathBuf>,
}

/// One notifier's settings.
#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    /// Its name.
    pub name: String,
    channel: Channel,
}

#[derive(Clone, Debug)]
enum Channel {
    Webhook { url: Url, secrets: Vec<Secret>, allow_private: bool },
    Email { smtp_url: Secret, to: Vec<String>, from: Option<String>, root_certificate: Option<Vec<u8>> },
}

/// Why a notifier cannot be made of its settings.
enum Unfit {
    Webhook(OutboundError),
    Email(String),
}

impl Notifier {
    /// The notifier itself.
    ///
    /// # Errors
    /// What is wrong; judged at the start, so it can only be the machine's (its root certificates).
    pub(crate) fn build(&self) -> anyhow::Result<escalation::Notifier> {
        self.made().map_err(|unfit| match unfit {
            Unfit::Webhook(error) => anyhow::anyhow!("notifier {}: {error}", self.name),
            Unfit::Email(what) => anyhow::anyhow!("notifier {}: {what}", self.name),
        })
    }

    fn made(&self) -> Result<escalation::Notifier, Unfit> {
        let channel = match &self.channel {
            Channel::Webhook { url, secrets, allow_private } => {
                let secrets = secrets.iter().map(|secret| SigningSecret::parse(secret.reveal()));
                let mut settings = outbound::Settings::new(url.clone());
                settings.secrets = secrets.collect::<Result<_, _>>().map_err(Unfit::Webhook)?;
                settings.allow_private = *allow_private;
                escalation::Channel::Webhook(outbound::Target::new(settings).map_err(Unfit::Webhook)?)
            }
            Channel::Email { smtp_url, to, from, root_certificate } => {
                let url = Url::parse(smtp_url.reveal()).map_err(|_| {
                    Unfit::Email("the smtp address is none: smtp://user:password@host:587".to_owned())
                })?;
                let settings = EmailSettings {
                    url,
                    to: to.clone(),
                    from: from.clone(),
                    root_certificate: root_certificate.clone(),
                };
                let email = escalation::Email::new(&settings);
                let email = email.map_err(|error: EscalationError| Unfit::Email(error.to_string()))?;
                escalation::Channel::Email(Box::new(email))
            }
        };
        Ok(escalation::Notifier { name: self.name.clone(), channel })
    }
}

/// The notifiers, or notes of what is wrong.
pub(super) fn judge_all(sections: &[NotifierSection], judge: &mut Judge<'_>) -> Vec<Notifier> {
    let mut notifiers: Vec<Notifier> = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let mut judge = judge.inside([Step::Key("notifier".to_owned()), Step::Index(index)]);
        let Some(notifier) = section.judge(&mut judge) else { continue };
        if notifiers.iter().any(|earlier| earlier.name == notifier.name) {
            judge.note("name", "another notifier has this name; give each its own");
        }
        notifiers.push(notifier);
    }
    notifiers
}

/// A name that stands in keys and addresses.
pub(super) fn name(written: Option<&str>) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match written {
        None => Err("missing; add name = \"…\"".to_owned()),
        Some(name) if (1..=63).contains(&name.len()) && name.chars().all(fits) => Ok(name.to_owned()),
        Some(_) => Err("must be 1 to 63 characters of a-z, 0-9 and hyphen".to_owned()),
    }
}

impl NotifierSection {
    fn judge(&self, judge: &mut Judge<'_>) -> Option<Notifier> {
        let name = judge.value("name", name(self.name.as_deref()));
        let channel = match self.kind {
            None => {
                judge.note("kind", "missing; add kind = \"webhook\" or \"email\"");
                None
            }
            Some(NotifierKind::Webhook) => self.judge_webhook(judge),
            Some(NotifierKind::Email) => self.judge_email(judge),
            Some(NotifierKind::Slack | NotifierKind::Telegram | NotifierKind::Chat2desk) => {
                judge.note("kind", "comes with a later version; there are webhook and email");
                None
            }
        };
        let notifier = Notifier { name: name?, channel: channel? };
        // What only the one who sends knows is found here, not at night.
        match notifier.made() {
            Ok(_) => {}
            Err(Unfit::Webhook(OutboundError::Secret)) => {
                judge.note("secret_env", format!("the secret {}", OutboundError::Secret));
            }
            Err(Unfit::Webhook(error)) => judge.note("url", error.to_string()),
            Err(Unfit::Email(what)) => judge.note("", what),
        }
        Some(notifier)
    }

    fn judge_webhook(&self, judge: &mut Judge<'_>) -> Option<Channel> {
        self.refuse(
            judge,
            "webhook",
            &[
                ("to", !self.to.is_empty()),
                ("from", self.from.is_some()),
                ("smtp_url_env", self.smtp_url_env.is_some()),
                ("smtp_url_file", self.smtp_url_file.is_some()),
                ("smtp_root_certificate_file", self.smtp_root_certificate_file.is_some()),
            ],
        );
        if self.url.is_none() {
            judge.note("url", "missing; add url = \"https://ops.example.org/hook\"");
        }
        if self.secret_env.is_none() && self.secret_file.is_none() {
            judge.note("secret_env", "missing; it names the variable with the secret that signs, whsec_…");
        }
        let url = judge.url("url", self.url.as_deref());
        let mut secrets = Vec::new();
        secrets.extend(judge.secret("secret", self.secret_env.as_deref(), self.secret_file.as_ref()));
        let second = self.second_secret_env.as_deref();
        secrets.extend(judge.secret("second_secret", second, self.second_secret_file.as_ref()));
        Some(Channel::Webhook { url: url?, secrets, allow_private: self.allow_private })
    }

    fn judge_email(&self, judge: &mut Judge<'_>) -> Option<Channel> {
        self.refuse(
            judge,
            "email",
            &[
                ("url", self.url.is_some()),
                ("secret_env", self.secret_env.is_some()),
                ("secret_file", self.secret_file.is_some()),
                ("second_secret_env", self.second_secret_env.is_some()),
                ("second_secret_file", self.second_secret_file.is_some()),
                ("allow_private", self.allow_private),
            ],
        );
        if self.to.is_empty() {
            judge.note("to", "names nobody; add to = [\"supervisors@example.org\"]");
        }
        if self.smtp_url_env.is_none() && self.smtp_url_file.is_none() {
            judge.note("smtp_url_env", "missing; it names the variable with smtp://user:password@host:587");
        }
        let smtp_url = judge.secret("smtp_url", self.smtp_url_env.as_deref(), self.smtp_url_file.as_ref());
        let root_certificate = self.smtp_root_certificate_file.as_ref().and_then(|file| {
            let read = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"));
            judge.value("smtp_root_certificate_file", read)
        });
        if self.to.is_empty() {
            return None;
        }
        Some(Channel::Email {
            smtp_url: smtp_url?,
            to: self.to.clone(),
            from: self.from.clone(),
            root_certificate,
        })
    }

    /// Keys of another kind: somebody meant something by them.
    fn refuse(&self, judge: &mut Judge<'_>, kind: &str, keys: &[(&str, bool)]) {
        for (key, _) in keys.iter().filter(|(_, is_written)| *is_written) {
            judge.note(key, format!("is not used by kind \"{kind}\"; remove it"));
        }
    }
}
