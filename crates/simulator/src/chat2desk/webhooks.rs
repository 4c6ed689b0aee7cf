//! Webhooks: the registry, which events exist, and the queue of deliveries with the vendor's retry rules.
//!
//! [`Outbox`] is pure: it hands out what is due at an instant and is told how each attempt ended. A server sends.

pub mod body;
mod emit;
mod event;
mod outbox;
mod signature;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::Id;
pub use event::{Event, NAMES};
pub use outbox::{Delivery, Ended, Mishaps, Outbox, Tally, Target};
pub use signature::{key, sign};

/// At most so many webhooks a company.
pub const MOST_WEBHOOKS: usize = 5;

/// A registered webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Id.
    pub id: Id,
    /// Free text.
    pub name: String,
    /// Where to.
    pub url: String,
    /// Subscribed names.
    pub events: Vec<String>,
    /// Only these channels; empty is all. Events without a channel always go out.
    pub channels: Vec<Id>,
    /// `enable` or `disable`.
    pub enabled: bool,
    /// Recent delivery errors: text and Unix seconds.
    pub errors: Vec<(String, i64)>,
    pub(super) failing_since: Option<DateTime<Utc>>,
}

impl Webhook {
    /// The item of `/v1/webhooks`.
    pub fn to_json(&self) -> Value {
        let errors: Vec<Value> =
            self.errors.iter().map(|(text, at)| json!({"text": text, "created_at": at})).collect();
        json!({
            "id": self.id, "name": self.name, "url": self.url, "events": self.events, "errors": errors,
            "status": if self.enabled { "enable" } else { "disable" }, "source": "api", "channels": self.channels,
        })
    }

    fn wants(&self, event: Event, channel: Option<Id>) -> bool {
        let here = |channel| self.channels.is_empty() || self.channels.contains(&channel);
        self.enabled && self.events.iter().any(|name| name == event.name()) && channel.is_none_or(here)
    }
}

/// The registrations of an account, and its queue.
#[derive(Debug)]
pub struct Webhooks {
    /// Current registrations.
    pub list: Vec<Webhook>,
    /// URL of the old message hook (reference 3.1).
    pub old_messages: Option<String>,
    /// URL of the old hook for closed chats.
    pub old_closes: Option<String>,
    /// What waits to be sent.
    pub outbox: Outbox,
    /// Events that no webhook had subscribed to, by name: they cannot be had later (reference 3.2).
    pub unheard: BTreeMap<&'static str, u64>,
    key: String,
    next_id: Id,
}

impl Webhooks {
    pub(super) fn new(token: &str) -> Self {
        Self {
            list: Vec::new(),
            old_messages: None,
            old_closes: None,
            outbox: Outbox::default(),
            unheard: BTreeMap::new(),
            key: key(token),
            next_id: 3_101,
        }
    }

    /// Registers without asking the API. Returns the id.
    pub fn register(&mut self, name: &str, url: &str, events: Vec<String>, channels: Vec<Id>) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        let hook = Webhook {
            id,
            name: name.into(),
            url: url.into(),
            events,
            channels,
            enabled: true,
            errors: Vec::new(),
            failing_since: None,
        };
        self.list.push(hook);
        id
    }

    /// Records how an attempt ended, and switches the webhook off after five hours without a success.
    pub fn settle(&mut self, delivery: Delivery, ended: &Ended, now: DateTime<Utc>) {
        if let Target::Webhook(id) = delivery.target
            && let Some(hook) = self.list.iter_mut().find(|hook| hook.id == id)
        {
            match ended {
                Ended::Accepted => hook.failing_since = None,
                Ended::Failed(why) => {
                    hook.errors.push((why.clone(), now.timestamp()));
                    let surplus = hook.errors.len().saturating_sub(20);
                    hook.errors.drain(..surplus);
                    let since = *hook.failing_since.get_or_insert(now);
                    hook.enabled &= now - since < outbox::PATIENCE;
                }
            }
            if !hook.enabled {
                self.outbox.forget(Target::Webhook(id));
                self.outbox.gave_up();
                return;
            }
        }
        self.outbox.settle(delivery, ended, now);
    }
}
