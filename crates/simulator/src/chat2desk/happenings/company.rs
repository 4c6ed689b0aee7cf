//! What the company says: operators, automatic answers, notes, and what the API sends in somebody's name.

use chrono::{DateTime, Utc};

use super::Draft;
use super::later::{Later, SEARCH};
use crate::Error;
use crate::chat2desk::model::{Id, Media, MessageKind, Thread, World};
use crate::chat2desk::webhooks::{Event, body};

/// A message of the company as `POST /v1/messages` describes it.
#[derive(Clone, Copy, Debug)]
pub(in crate::chat2desk) struct Outgoing<'a> {
    /// Whom to, and where.
    pub(in crate::chat2desk) thread: Thread,
    /// To the client, automatic, a note of the system or among operators.
    pub(in crate::chat2desk) kind: MessageKind,
    /// In whose name; `None` is the dialog's operator.
    pub(in crate::chat2desk) operator: Option<Id>,
    /// Messenger; `None` is the client's last.
    pub(in crate::chat2desk) transport: Option<&'a str>,
    /// Text.
    pub(in crate::chat2desk) text: &'a str,
    /// Name of an attached file.
    pub(in crate::chat2desk) attachment: Option<&'a str>,
    /// Files and places.
    pub(in crate::chat2desk) media: &'a Media,
    /// The sender takes the chat.
    pub(in crate::chat2desk) open_dialog: bool,
}

impl World {
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
        self.company_sends(
            at,
            Outgoing {
                thread,
                kind: MessageKind::ToClient,
                operator: Some(operator),
                transport: None,
                text,
                attachment: None,
                media: &Media::default(),
                open_dialog: true,
            },
        )
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
        Ok(self.send(at, request, &transport, Draft::new(MessageKind::Autoreply, text), opened))
    }

    /// A message of the company. One to the client without an operator goes out in the name of the dialog's; an
    /// automatic one moves nobody unless an operator is named or the dialog had one. Returns the message.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongState`] when a note is written where nothing is open.
    pub(in crate::chat2desk) fn company_sends(
        &mut self,
        at: DateTime<Utc>,
        message: Outgoing<'_>,
    ) -> Result<Id, Error> {
        let at = self.reach(at);
        let Outgoing { thread, kind, text, attachment, media, .. } = message;
        self.known(thread)?;
        if let Some(operator) = message.operator {
            self.known_operator(operator)?;
        }
        let dialog = self.going.get(&thread).and_then(|going| self.dialogs.get(&going.dialog?));
        let holder = message.operator.or(dialog.map(|dialog| dialog.operator));
        let draft = Draft { kind, text, operator: message.operator, attachment, media: Some(media) };
        match kind {
            MessageKind::Comment => return self.note(at, thread, Draft { operator: holder, ..draft }),
            MessageKind::System => return self.note(at, thread, draft),
            _ => {}
        }
        if kind == MessageKind::ToClient {
            self.end_survey(at, thread);
        }
        let transport = message.transport.map_or_else(|| self.transport_of(thread), str::to_owned);
        let (request, opened) = self.request_for(at, thread, &transport, false);
        if let Some(operator) = holder.filter(|_| message.open_dialog) {
            let found = self.request(request)?;
            match (found.dialog, found.operator) {
                (None, _) => self.take(at, request, operator),
                (Some(_), held) if held != Some(operator) => self.transfer(at, thread, operator)?,
                _ => {}
            }
        }
        if kind == MessageKind::ToClient && holder.is_some() {
            self.read_all(request);
        }
        let named = if kind == MessageKind::ToClient { holder } else { message.operator };
        Ok(self.send(at, request, &transport, Draft { operator: named, ..draft }, opened))
    }

    /// Answering a message marks the whole chat as read.
    fn read_all(&mut self, request: Id) {
        for id in self.requests.get(&request).into_iter().flat_map(|request| &request.messages) {
            if let Some(message) = self.messages.get_mut(id) {
                message.read = true;
            }
        }
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
        let draft = Draft { operator: Some(operator), ..Draft::new(MessageKind::Comment, text) };
        self.note(at, thread, draft)
    }

    /// A line of the system, shown to operators only. Returns the message.
    ///
    /// # Errors
    /// [`Error::WrongState`] when nothing is open there.
    pub fn system_line(&mut self, at: DateTime<Utc>, thread: Thread, text: &str) -> Result<Id, Error> {
        self.note(at, thread, Draft::new(MessageKind::System, text))
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

    /// Keeps a message and gives it to the messenger, now or when it can.
    pub(super) fn send(
        &mut self,
        at: DateTime<Utc>,
        request: Id,
        transport: &str,
        draft: Draft<'_>,
        opened: bool,
    ) -> Id {
        let id = self.put(at, request, transport, draft);
        let Some(thread) = self.messages.get(&id).map(|message| message.thread) else { return id };
        let client = self.clients.get(&thread.client);
        let quiet = client.and_then(|client| client.quiet_until).filter(|until| *until > at);
        let unreachable = client.is_some_and(|client| client.unreachable) && is_whatsapp(transport);
        let waits = quiet.is_some() || self.account.habits.stuck;
        if let Some(message) = self.messages.get_mut(&id) {
            message.unsent = waits;
            // Only Viber tells what became of a message (reference 2.1).
            message.recipient_status = transport.starts_with("viber").then(|| "delivered".into());
        }
        if let Some(until) = quiet {
            self.agenda.put(until, Later::Sent { message: id });
        }
        if unreachable {
            self.agenda.put(quiet.unwrap_or(at) + SEARCH, Later::Unreachable { request });
        }
        if !waits {
            self.emit(Event::Outbox, Some(thread.channel), at, |w| body::message(w, id, opened, false));
            self.emit_old_message(at, id);
        }
        id
    }
}

fn is_whatsapp(transport: &str) -> bool {
    transport == "whatsapp" || transport.starts_with("wa_")
}
