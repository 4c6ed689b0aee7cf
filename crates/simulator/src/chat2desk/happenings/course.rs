//! The course of a chat: who holds it, and how it ends.

use chrono::{DateTime, Utc};

use super::Closing;
use crate::Error;
use crate::chat2desk::model::{Dialog, Id, MessageKind, OperatorEvent, Request, RequestKind, Thread, World};
use crate::chat2desk::webhooks::{Event, body};

impl World {
    /// The vendor's rule gives a new chat to an operator; raises `dialog_transferred`.
    ///
    /// # Errors
    /// [`Error::WrongState`] when there is no open chat or somebody has it.
    pub fn assign(&mut self, at: DateTime<Utc>, thread: Thread, operator: Id) -> Result<(), Error> {
        let at = self.reach(at);
        let request = self.open_request(thread).ok_or(Error::WrongState("chat is not open"))?;
        if self.request(request)?.dialog.is_some() {
            return Err(Error::WrongState("message belongs to an open dialog"));
        }
        self.known_operator(operator)?;
        self.take(at, request, operator);
        self.emit(Event::DialogTransferred, Some(thread.channel), at, |w| body::transfer(w, request));
        Ok(())
    }

    /// Moves an open dialog to another operator. To the same one: the event is raised all the same.
    ///
    /// # Errors
    /// [`Error::WrongState`] when no operator has an open dialog there.
    pub fn transfer(&mut self, at: DateTime<Utc>, thread: Thread, operator: Id) -> Result<(), Error> {
        let at = self.reach(at);
        self.known_operator(operator)?;
        let request = self.open_request(thread).ok_or(Error::WrongState("dialog is closed"))?;
        let Some(dialog) = self.request(request)?.dialog else {
            return Err(Error::WrongState("chat is new"));
        };
        self.hold(dialog, request, operator);
        self.holdings.operator_events.push(OperatorEvent { operator, event: "transfer_chat", at });
        self.emit(Event::DialogTransferred, Some(thread.channel), at, |w| body::transfer(w, request));
        Ok(())
    }

    /// Opens a closed dialog again through the API: its operator has a new request, which the company started.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongState`] when it is open.
    pub fn reopen(&mut self, at: DateTime<Utc>, dialog: Id, operator: Option<Id>) -> Result<(), Error> {
        let at = self.reach(at);
        let found = self.dialogs.get(&dialog).ok_or(Error::NotFound { what: "dialog" })?;
        let (thread, operator) = (found.thread, operator.unwrap_or(found.operator));
        self.known_operator(operator)?;
        if found.open {
            return Err(Error::WrongState("dialog already has state open"));
        }
        self.end_survey(at, thread);
        let transport = self.transport_of(thread);
        let (request, _) = self.request_for(at, thread, &transport, false);
        self.take(at, request, operator);
        Ok(())
    }

    /// Closes what is open: the dialog, or a new chat that nobody took (that one has no `close_dialog`).
    ///
    /// # Errors
    /// [`Error::WrongState`] when nothing is open.
    pub fn close(&mut self, at: DateTime<Utc>, thread: Thread, why: Closing) -> Result<(), Error> {
        let at = self.reach(at);
        let id = self.open_request(thread).ok_or(Error::WrongState("dialog already has state closed"))?;
        if why == Closing::Timeout {
            self.system_line(at, thread, "Chat closed. Reason: inactivity timeout")?;
        }
        if let Some(going) = self.going.get_mut(&thread) {
            going.request = None;
        }
        let dialog = self.close_request(at, id);
        if let Some(dialog) = dialog.and_then(|id| self.dialogs.get_mut(&id)) {
            dialog.open = false;
            dialog.end = Some(at);
        }
        if let Some(dialog) = dialog {
            self.emit(Event::CloseDialog, Some(thread.channel), at, |w| {
                body::close_dialog(w, dialog, id, at)
            });
            self.emit_old_close(at, dialog);
        }
        Ok(())
    }

    pub(super) fn close_request(&mut self, at: DateTime<Utc>, id: Id) -> Option<Id> {
        let request = self.requests.get_mut(&id)?;
        request.closed = Some(at);
        let (dialog, channel) = (request.dialog, request.thread.channel);
        self.emit(Event::CloseRequest, Some(channel), at, |w| body::close_request(w, id, at));
        dialog
    }

    pub(super) fn request_for(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        transport: &str,
        by_client: bool,
    ) -> (Id, bool) {
        match self.open_request(thread) {
            Some(request) => (request, false),
            None => (self.open(at, thread, transport, RequestKind::Common, by_client), true),
        }
    }

    pub(super) fn open(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        transport: &str,
        kind: RequestKind,
        by_client: bool,
    ) -> Id {
        let id = self.next.request;
        self.next.request += 1;
        let request = Request {
            id,
            thread,
            transport: transport.into(),
            kind,
            by_client,
            opened: at,
            closed: None,
            dialog: None,
            operator: None,
            first_operator: None,
            tags: Default::default(),
            messages: Vec::new(),
            rates: None,
        };
        self.requests.insert(id, request);
        let going = self.going.entry(thread).or_default();
        if kind == RequestKind::Rating {
            going.survey = Some(id);
        } else {
            going.request = Some(id);
            going.last_common = Some(id);
        }
        self.emit(Event::NewRequest, Some(thread.channel), at, |w| body::new_request(w, id, at));
        id
    }

    /// An operator gets a new chat: the dialog begins or is reopened, and the chat's messages get their ids.
    pub(super) fn take(&mut self, at: DateTime<Utc>, request: Id, operator: Id) {
        let Some(found) = self.requests.get(&request) else { return };
        self.holdings.operator_events.push(OperatorEvent { operator, event: "take_chat", at });
        let (thread, messages) = (found.thread, found.messages.clone());
        let dialog = match self.going.entry(thread).or_default().dialog {
            Some(dialog) => dialog,
            None => {
                let id = self.next.dialog;
                self.next.dialog += 1;
                let fresh = Dialog {
                    id,
                    thread,
                    open: true,
                    begin: at,
                    end: None,
                    operator,
                    last_request: request,
                    last_message: None,
                    messages: 0,
                };
                self.dialogs.insert(id, fresh);
                self.going.entry(thread).or_default().dialog = Some(id);
                id
            }
        };
        self.hold(dialog, request, operator);
        if let Some(dialog) = self.dialogs.get_mut(&dialog) {
            dialog.messages += messages.len() as u64;
            dialog.last_message = messages.last().copied().or(dialog.last_message);
        }
        for id in messages {
            if let Some(message) = self.messages.get_mut(&id) {
                message.dialog = Some(dialog);
                if message.kind == MessageKind::FromClient {
                    message.operator = Some(operator);
                }
            }
        }
    }

    fn hold(&mut self, dialog: Id, request: Id, operator: Id) {
        if let Some(dialog) = self.dialogs.get_mut(&dialog) {
            dialog.open = true;
            dialog.end = None;
            dialog.operator = operator;
            dialog.last_request = request;
        }
        if let Some(request) = self.requests.get_mut(&request) {
            request.dialog = Some(dialog);
            request.operator = Some(operator);
            request.first_operator.get_or_insert(operator);
        }
    }
}
