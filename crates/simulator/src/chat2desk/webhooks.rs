//! Webhooks: the registry, which events exist, and the queue of deliveries with the vendor's retry rules.
//!
//! [`Outbox`] is pure: it hands out what is due at an instant and is told how each attempt ended. A server sends.

pub mod body;
mod outbox;
mod signature;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::{Id, World};
pub use outbox::{Delivery, Ended, Mishaps, Outbox, Tally, Target};
pub use signature::{key, sign};

/// At most so many webhooks a company.
pub const MOST_WEBHOOKS: usize = 5;

/// The events of reference 3.4 that this model raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the vendor's own names")]
pub enum Event {
    Inbox,
    Outbox,
    ImportedMessage,
    Comment,
    SystemMessage,
    NewClient,
    ClientUpdated,
    NewRequest,
    CloseRequest,
    CloseDialog,
    DialogTransferred,
    AddTagToClient,
    DeleteTagFromClient,
    AddTagToRequest,
    DeleteTagFromRequest,
    OperatorStatusChanged,
}

impl Event {
    /// The name to register.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::ImportedMessage => "imported_message",
            Self::Comment => "comment",
            Self::SystemMessage => "system_message",
            Self::NewClient => "new_client",
            Self::ClientUpdated => "client_updated",
            Self::NewRequest => "new_request",
            Self::CloseRequest => "close_request",
            Self::CloseDialog => "close_dialog",
            Self::DialogTransferred => "dialog_transferred",
            Self::AddTagToClient => "add_tag_to_client",
            Self::DeleteTagFromClient => "delete_tag_from_client",
            Self::AddTagToRequest => "add_tag_to_request",
            Self::DeleteTagFromRequest => "delete_tag_from_request",
            Self::OperatorStatusChanged => "operator_status_changed",
        }
    }

    /// The value of `hook_type`; one event says another word than its registered name.
    pub fn hook_type(self) -> &'static str {
        match self {
            Self::OperatorStatusChanged => "operator_status_updated",
            other => other.name(),
        }
    }
}

/// All names that a registration may carry (reference 3.4), also those that nothing here raises.
pub const NAMES: [&str; 23] = [
    "inbox",
    "outbox",
    "outbox_status",
    "imported_message",
    "comment",
    "system_message",
    "new_client",
    "client_updated",
    "client_added_to_blacklist",
    "new_request",
    "close_request",
    "close_dialog",
    "dialog_transferred",
    "add_tag_to_client",
    "delete_tag_from_client",
    "add_tag_to_request",
    "delete_tag_from_request",
    "new_tag",
    "new_qr_code",
    "operator_status_changed",
    "new_ticket",
    "ticket_updated",
    "ticket_deleted",
];

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

impl World {
    /// Queues an event for each webhook that wants it; the body is made only when one does.
    pub(super) fn emit(
        &mut self,
        event: Event,
        channel: Option<Id>,
        at: DateTime<Utc>,
        body: impl FnOnce(&Self) -> Value,
    ) {
        if !self.webhooks.list.iter().any(|hook| hook.wants(event, channel)) {
            return;
        }
        let mut body = body(self);
        if let Some(object) = body.as_object_mut() {
            object.insert("hook_type".into(), event.hook_type().into());
            object.entry("event_time").or_insert_with(|| body::micros(at).into());
        }
        let body = body.to_string();
        let Webhooks { list, outbox, key, .. } = &mut self.webhooks;
        for hook in list.iter().filter(|hook| hook.wants(event, channel)) {
            outbox.push(Target::Webhook(hook.id), &hook.url, body.clone(), key, at);
        }
    }

    /// The old hook: no `hook_type`, no request id. Ordinary channels send client messages only; what the company
    /// writes goes out on an external channel only. Client tags belong to this hook too, but no source shows their
    /// body, so none is sent.
    pub(super) fn emit_old_message(&mut self, at: DateTime<Utc>, message: Id) {
        let Some(url) = self.webhooks.old_messages.clone() else { return };
        if let Some(body) = body::old_message(self, message) {
            let Webhooks { outbox, key, .. } = &mut self.webhooks;
            outbox.push(Target::OldMessages, &url, body.to_string(), key, at);
        }
    }

    /// The old hook for closed chats; its payload is in no public source, these fields are derived.
    pub(super) fn emit_old_close(&mut self, at: DateTime<Utc>, dialog: Id) {
        let Some(url) = self.webhooks.old_closes.clone() else { return };
        if let Some(body) = body::old_close(self, dialog) {
            let Webhooks { outbox, key, .. } = &mut self.webhooks;
            outbox.push(Target::OldCloses, &url, body.to_string(), key, at);
        }
    }
}
