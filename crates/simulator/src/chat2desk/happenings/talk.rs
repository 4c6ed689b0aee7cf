//! Who says what: messages, notes and imports.

use chrono::{DateTime, Utc};

use super::Draft;
use crate::Error;
use crate::chat2desk::model::{Client, Id, Message, MessageKind, Thread, World};
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
        let at = self.reach(at);
        self.known(thread)?;
        self.end_survey(at, thread);
        let new_client = self.client(thread.client)?.first_message.is_none();
        let (request, opened) = self.request_for(at, thread, transport, true);
        if new_client {
            self.emit(Event::NewClient, Some(thread.channel), at, |w| body::client(w, thread.client));
        }
        let draft = Draft { kind: MessageKind::FromClient, text, operator: None, attachment };
        let id = self.put(at, request, transport, draft);
        self.emit(Event::Inbox, Some(thread.channel), at, |w| body::message(w, id, opened, new_client));
        self.emit_old_message(at, id);
        Ok(id)
    }

    /// An operator writes to the client: takes a new chat, takes over another's dialog, or opens a request that
    /// the company started. Returns the message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn operator_writes(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        operator: Id,
        text: &str,
    ) -> Result<Id, Error> {
        let at = self.reach(at);
        self.known(thread)?;
        self.known_operator(operator)?;
        self.end_survey(at, thread);
        let transport = self.transport_of(thread);
        let (request, opened) = self.request_for(at, thread, &transport, false);
        match self.request(request)?.dialog {
            None => self.take(at, request, operator),
            Some(_) if self.request(request)?.operator != Some(operator) => {
                self.transfer(at, thread, operator)?;
            }
            Some(_) => {}
        }
        for id in self.request(request)?.messages.clone() {
            if let Some(message) = self.messages.get_mut(&id) {
                message.read = true;
            }
        }
        let draft = Draft { kind: MessageKind::ToClient, text, operator: Some(operator), attachment: None };
        Ok(self.send(at, request, &transport, draft, opened))
    }

    /// The company answers by itself; nobody is assigned. Returns the message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn autoreply(&mut self, at: DateTime<Utc>, thread: Thread, text: &str) -> Result<Id, Error> {
        let at = self.reach(at);
        self.known(thread)?;
        let transport = self.transport_of(thread);
        let (request, opened) = self.request_for(at, thread, &transport, false);
        let draft = Draft { kind: MessageKind::Autoreply, text, operator: None, attachment: None };
        Ok(self.send(at, request, &transport, draft, opened))
    }

    /// A note among operators. Returns the message.
    ///
    /// # Errors
    /// [`Error::WrongState`] when nothing is open there.
    pub fn comment(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        operator: Id,
        text: &str,
    ) -> Result<Id, Error> {
        self.note(
            at,
            thread,
            Draft { kind: MessageKind::Comment, text, operator: Some(operator), attachment: None },
        )
    }

    /// A line of the system, shown to operators only. Returns the message.
    ///
    /// # Errors
    /// [`Error::WrongState`] when nothing is open there.
    pub fn system_line(&mut self, at: DateTime<Utc>, thread: Thread, text: &str) -> Result<Id, Error> {
        self.note(at, thread, Draft { kind: MessageKind::System, text, operator: None, attachment: None })
    }

    fn note(&mut self, at: DateTime<Utc>, thread: Thread, draft: Draft<'_>) -> Result<Id, Error> {
        let at = self.reach(at);
        let request = self.open_request(thread).ok_or(Error::WrongState("chat is not open"))?;
        let transport = self.transport_of(thread);
        let event = if draft.kind == MessageKind::Comment { Event::Comment } else { Event::SystemMessage };
        let id = self.put(at, request, &transport, draft);
        self.emit(event, Some(thread.channel), at, |w| body::note(w, id));
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
        let id = self.put(at, request, &transport, Draft { kind, text, operator: None, attachment: None });
        if let Some(message) = self.messages.get_mut(&id) {
            message.imported = true;
            message.created = written.min(at);
        }
        self.emit(Event::ImportedMessage, Some(thread.channel), at, |w| body::imported(w, id, at));
        Ok(id)
    }

    pub(super) fn send(
        &mut self,
        at: DateTime<Utc>,
        request: Id,
        transport: &str,
        draft: Draft<'_>,
        opened: bool,
    ) -> Id {
        let id = self.put(at, request, transport, draft);
        let channel = self.messages.get(&id).map(|message| message.thread.channel);
        self.emit(Event::Outbox, channel, at, |w| body::message(w, id, opened, false));
        self.emit_old_message(at, id);
        id
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
