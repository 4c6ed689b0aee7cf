//! From what happened to what is queued.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Event, Target, Webhooks, body};
use crate::chat2desk::model::{Id, World};

impl World {
    /// Queues an event for each webhook that wants it; the body is made only when one does.
    pub(in crate::chat2desk) fn emit(
        &mut self,
        event: Event,
        channel: Option<Id>,
        at: DateTime<Utc>,
        body: impl FnOnce(&Self) -> Value,
    ) {
        if !self.webhooks.list.iter().any(|hook| hook.wants(event, channel)) {
            *self.webhooks.unheard.entry(event.name()).or_default() += 1;
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

    fn emit_old(&mut self, target: Target, at: DateTime<Utc>, body: impl FnOnce(&Self) -> Option<Value>) {
        let url = match target {
            Target::OldCloses => self.webhooks.old_closes.clone(),
            _ => self.webhooks.old_messages.clone(),
        };
        let Some(url) = url else { return };
        if let Some(body) = body(self) {
            let Webhooks { outbox, key, .. } = &mut self.webhooks;
            outbox.push(target, &url, body.to_string(), key, at);
        }
    }

    /// The old hook: no `hook_type`, no request id. Ordinary channels send client messages only; what the company
    /// writes goes out on an external channel only.
    pub(in crate::chat2desk) fn emit_old_message(&mut self, at: DateTime<Utc>, message: Id) {
        self.emit_old(Target::OldMessages, at, |world| body::old_message(world, message));
    }

    /// The old hook tells of client tags as well; no source shows the body, these fields are derived.
    pub(in crate::chat2desk) fn emit_old_tag(&mut self, at: DateTime<Utc>, client: Id, tag: Id) {
        self.emit_old(Target::OldMessages, at, |world| body::old_tag(world, client, tag));
    }

    /// The old hook for closed chats; its payload is in no public source, these fields are derived.
    pub(in crate::chat2desk) fn emit_old_close(&mut self, at: DateTime<Utc>, dialog: Id) {
        self.emit_old(Target::OldCloses, at, |world| body::old_close(world, dialog));
    }
}
