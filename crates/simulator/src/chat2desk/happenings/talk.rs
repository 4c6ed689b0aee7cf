//! What clients say, what is imported, and how a message is kept.

use chrono::{DateTime, Utc};

use super::Draft;
use crate::Error;
use crate::chat2desk::model::{Client, Id, Media, Message, MessageKind, Thread, World};
use crate::chat2desk::webhooks::{Event, body};

impl World {
    /// A client card without messages. The webhook `new_client` goes out with the first message.
    pub fn add_client(&mut self, phone: &str, name: Option<&str>) -> Id {
        let id = self.next.client;
        self.next.client += 1;
        let client = Client { id, phone: phone.into(), name: name.map(str::to_owned), ..Client::default() };
        self.clients.insert(id, client);
        id
    }

    /// A client writes. Opens a request when none is open (a pending survey ends then). Returns the message.
    ///
    /// # Errors
    /// [`Error::NotFound`] when client or channel are unknown.
    pub fn client_writes(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        transport: &str,
        text: &str,
        attachment: Option<&str>,
    ) -> Result<Id, Error> {
        self.client_sends(at, thread, transport, text, attachment, &Media::default())
    }

    /// The same with files and places.
    ///
    /// # Errors
    /// As [`World::client_writes`].
    pub fn client_sends(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        transport: &str,
        text: &str,
        attachment: Option<&str>,
        media: &Media,
    ) -> Result<Id, Error> {
        let at = self.reach(at);
        self.known(thread)?;
        self.end_survey(at, thread);
        let new_client = self.client(thread.client)?.first_message.is_none();
        let (request, opened) = self.request_for(at, thread, transport, true);
        if new_client {
            self.emit(Event::NewClient, Some(thread.channel), at, |w| body::client(w, thread.client));
        }
        let draft = Draft { attachment, media: Some(media), ..Draft::new(MessageKind::FromClient, text) };
        let id = self.put(at, request, transport, draft);
        self.emit(Event::Inbox, Some(thread.channel), at, |w| body::message(w, id, opened, new_client));
        self.emit_old_message(at, id);
        Ok(id)
    }

    /// A message that came past the chat center; `written` is its real time, `at` that of the import. Returns it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn import(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        from_client: bool,
        written: DateTime<Utc>,
        text: &str,
    ) -> Result<Id, Error> {
        let at = self.reach(at);
        self.known(thread)?;
        let transport = self.transport_of(thread);
        let last = self.going.get(&thread).and_then(|going| going.request.or(going.last_common));
        let request = match last {
            Some(request) => request,
            None => self.request_for(at, thread, &transport, from_client).0,
        };
        let kind = if from_client { MessageKind::FromClient } else { MessageKind::ToClient };
        let id = self.put(at, request, &transport, Draft::new(kind, text));
        if let Some(message) = self.messages.get_mut(&id) {
            message.imported = true;
            message.created = written.min(at);
        }
        self.emit(Event::ImportedMessage, Some(thread.channel), at, |w| body::imported(w, id, at));
        Ok(id)
    }

    pub(super) fn put(&mut self, at: DateTime<Utc>, request: Id, transport: &str, draft: Draft<'_>) -> Id {
        let id = self.next.message;
        self.next.message += 1;
        let Some(found) = self.requests.get_mut(&request) else { return id };
        found.messages.push(id);
        let by_client = draft.kind == MessageKind::FromClient;
        let holder = if by_client && found.dialog.is_some() { found.operator } else { None };
        let message = Message {
            id,
            kind: draft.kind,
            text: draft.text.into(),
            transport: transport.into(),
            created: at,
            thread: found.thread,
            operator: draft.operator.or(holder),
            dialog: found.dialog,
            request,
            read: !by_client,
            attachment: draft.attachment.map(str::to_owned),
            media: draft.media.cloned().unwrap_or_default(),
            external_id: None,
            recipient_status: None,
            unsent: false,
            imported: false,
            hidden_until: None,
        };
        if by_client && let Some(client) = self.clients.get_mut(&message.thread.client) {
            client.first_message.get_or_insert(at);
            client.last_message = Some(at);
            client.reached_by.insert((message.thread.channel, transport.into()));
        }
        if let Some(dialog) = message.dialog.and_then(|id| self.dialogs.get_mut(&id)) {
            dialog.messages += 1;
            dialog.last_message = Some(id);
        }
        self.messages.insert(id, message);
        id
    }
}
