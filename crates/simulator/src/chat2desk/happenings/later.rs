//! What the service does by itself some time after a call.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::Draft;
use crate::chat2desk::model::{Id, MessageKind, World};
use crate::chat2desk::webhooks::{Event, body};

/// So long after a message to a number without WhatsApp the system says so (reference 5).
pub(super) const SEARCH: TimeDelta = TimeDelta::seconds(20);

/// A client of WhatsApp who was created through the API gets nothing earlier than so long after (reference 2.1, 14).
pub(in crate::chat2desk) const SETTLING: TimeDelta = TimeDelta::minutes(7);

/// What is to come.
#[derive(Clone, Copy, Debug)]
pub(in crate::chat2desk) enum Later {
    /// A message that waited is given to the messenger.
    Sent {
        /// Message.
        message: Id,
    },
    /// The number has no WhatsApp.
    Unreachable {
        /// Request in which it was written to.
        request: Id,
    },
}

/// What is to come, by time.
#[derive(Debug, Default)]
pub(in crate::chat2desk) struct Agenda {
    queue: BTreeMap<(DateTime<Utc>, u64), Later>,
    sequence: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, due: DateTime<Utc>, later: Later) {
        self.sequence += 1;
        self.queue.insert((due, self.sequence), later);
    }

    /// The first thing that is due at `now`.
    pub(in crate::chat2desk) fn take(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Later)> {
        let entry = self.queue.first_entry()?;
        let due = entry.key().0;
        (due <= now).then(|| (due, entry.remove()))
    }
}

impl World {
    pub(in crate::chat2desk) fn happens(&mut self, at: DateTime<Utc>, later: Later) {
        match later {
            Later::Sent { message: id } => {
                // A message that was deleted meanwhile is not sent, one that is stuck waits on.
                let stuck = self.account.habits.stuck;
                let Some(message) = self.messages.get_mut(&id).filter(|message| message.unsent && !stuck)
                else {
                    return;
                };
                message.unsent = false;
                let (channel, request) = (message.thread.channel, message.request);
                let first = self.requests.get(&request).and_then(|request| request.messages.first());
                let opened = first == Some(&id);
                self.emit(Event::Outbox, Some(channel), at, |w| body::message(w, id, opened, false));
                self.emit_old_message(at, id);
            }
            Later::Unreachable { request } => {
                let Some(found) = self.requests.get(&request) else { return };
                let (channel, transport) = (found.thread.channel, found.transport.clone());
                let draft = Draft::new(MessageKind::System, "WhatsApp client not found.");
                let id = self.put(at, request, &transport, draft);
                self.emit(Event::SystemMessage, Some(channel), at, |w| body::note(w, id));
            }
        }
    }

    /// The messengers take messages again: what waited goes out now.
    pub fn unstick(&mut self, at: DateTime<Utc>) {
        let at = self.reach(at);
        self.account.habits.stuck = false;
        let waiting: Vec<Id> =
            self.messages.values().filter(|message| message.unsent).map(|message| message.id).collect();
        for message in waiting {
            self.agenda.put(at, Later::Sent { message });
        }
        self.reach(at);
    }

    /// Deletes what was not given to a messenger yet. Returns how many messages that were.
    pub fn delete_unsent(&mut self, at: DateTime<Utc>) -> usize {
        self.reach(at);
        let gone: Vec<_> = self.messages.extract_if(.., |_, message| message.unsent).collect();
        for (id, message) in &gone {
            let left = self.requests.get_mut(&message.request).and_then(|request| {
                request.messages.retain(|kept| kept != id);
                request.messages.last().copied()
            });
            if let Some(dialog) = message.dialog.and_then(|dialog| self.dialogs.get_mut(&dialog)) {
                dialog.messages = dialog.messages.saturating_sub(1);
                if dialog.last_message == Some(*id) {
                    dialog.last_message = left;
                }
            }
        }
        gone.len()
    }
}
