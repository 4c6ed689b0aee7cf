//! Who is told: one task for each, so that one that is dead delays no other.
//!
//! To add a kind: 1. a file like [`webhook`] that sends one effect and says what came of it ([`Sent`]), 2. its variant
//! and its arms here, 3. its section in the program's `configuration/notifier.rs`, 4. a row in the crate's text about
//! what a receiver may see twice.

mod email;
mod sender;
mod stage;
mod webhook;

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use store::effects::{Claimed, NewEffect};

pub use email::{Email, EmailSettings};
pub(crate) use sender::Sender;

use crate::EscalationError;
use crate::event::{self, Event, Telling};
use crate::mail::Mail;

/// What the targets of notifiers begin with.
pub const TARGETS: &str = "notifier/";

/// A notifier.
#[derive(Debug)]
pub struct Notifier {
    /// Its name: part of each key.
    pub name: String,
    /// How it is told.
    pub channel: Channel,
}

/// How somebody is told.
#[derive(Debug)]
pub enum Channel {
    /// A signed webhook.
    Webhook(outbound::Target),
    /// Mails, one for each address.
    Email(Box<Email>),
}

/// What making effects needs to know of a notifier; no connection, no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The notifier.
    pub notifier: String,
    /// How it is written to.
    pub kind: Kind,
}

/// How a notifier is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One webhook.
    Webhook,
    /// One mail for each.
    Email {
        /// Who gets one.
        to: Vec<String>,
    },
}

impl Notifier {
    /// What making effects needs to know of it.
    pub fn address(&self) -> Address {
        let kind = match &self.channel {
            Channel::Webhook(_) => Kind::Webhook,
            Channel::Email(email) => Kind::Email { to: email.to() },
        };
        Address { notifier: self.name.clone(), kind }
    }

    /// How long a call may last: what it claimed is its own for longer.
    fn longest(&self) -> Duration {
        match &self.channel {
            Channel::Webhook(_) => webhook::LONGEST,
            Channel::Email(_) => email::LONGEST,
        }
    }

    /// Does one effect once.
    async fn send(&self, effect: &Claimed, link: Option<&str>, now: DateTime<Utc>) -> Sent {
        match &self.channel {
            Channel::Webhook(target) => webhook::send(target, effect, link, now).await,
            Channel::Email(email) => email.send(effect, link).await,
        }
    }

    /// Nothing is to be sent for now.
    async fn rest(&self) {
        if let Channel::Email(email) = &self.channel {
            email.rest().await;
        }
    }
}

impl Address {
    /// `ledger.effects.target`.
    pub fn target(&self) -> String {
        format!("{TARGETS}{}", self.notifier)
    }

    /// The effects that tell this notifier. Their keys are made of the escalation's; an address of a mail stands in them
    /// as a hash.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn effects(&self, telling: &Telling<'_>, zone: Tz) -> Result<Vec<NewEffect>, EscalationError> {
        let escalation = telling.escalation;
        let effect = |key: String, body: Vec<u8>| NewEffect {
            key,
            account: escalation.account.clone(),
            target: self.target(),
            subject: escalation.key.clone(),
            version: telling.event.version(),
            body,
            due_at: telling.at,
        };
        let key = |event: Event| format!("{}/{}/{}", escalation.key, event.word(), self.notifier);
        match &self.kind {
            Kind::Webhook => Ok(vec![effect(key(telling.event), event::webhook(telling)?)]),
            Kind::Email { to } => to
                .iter()
                .map(|to| {
                    let key = format!("{}/{}", key(telling.event), crate::mail::message_id(to));
                    let thread = (telling.event != Event::Opened).then(|| opening_of(&key, telling));
                    let mail = Mail::new(telling, zone, to, thread);
                    Ok(effect(key, serde_json::to_vec(&mail)?))
                })
                .collect(),
        }
    }
}

/// The key of the effect that told the same receiver of the opening.
pub(crate) fn opening_of(effect_key: &str, telling: &Telling<'_>) -> String {
    let prefix = format!("{}/", telling.escalation.key);
    let receiver =
        effect_key.strip_prefix(&prefix).and_then(|rest| rest.split_once('/')).map(|(_, receiver)| receiver);
    format!("{prefix}{}/{}", Event::Opened.word(), receiver.unwrap_or_default())
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The receiver has it.
    Accepted,
    /// The receiver takes nothing now; surely not processed. The whole target waits.
    Later {
        /// What the receiver asks for.
        wait: Option<Duration>,
        /// Somebody has to mend something.
        is_broken: bool,
        /// Why; a word and a number, nothing of the receiver's own text.
        reason: String,
    },
    /// Surely not processed, by a fault of this effect alone; it may pass.
    Retry {
        /// Why.
        reason: String,
    },
    /// Nobody knows.
    Unknown {
        /// What the receiver asks for.
        wait: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Refused for good.
    Refused {
        /// Why.
        reason: String,
    },
}
