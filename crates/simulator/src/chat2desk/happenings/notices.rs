//! What is told beside the talk: messages that did not arrive, QR codes, barred clients, new tags, tickets.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::Error;
use crate::chat2desk::model::{Id, Media, Tag, TagGroup, Thread, World};
use crate::chat2desk::webhooks::{Event, body};

impl World {
    /// A messenger's API reports that a message to a client failed.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delivery_failed(&mut self, at: DateTime<Utc>, message: Id, why: &str) -> Result<(), Error> {
        let at = self.reach(at);
        let found = self.messages.get_mut(&message).ok_or(Error::NotFound { what: "message" })?;
        found.recipient_status = Some("failed".into());
        let channel = found.thread.channel;
        self.emit(Event::OutboxStatus, Some(channel), at, |w| body::outbox_status(w, message, why, at));
        Ok(())
    }

    /// A client sends a picture in which the service recognises a QR code. Returns the message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn client_shows_qr_code(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        picture: &str,
        content: &str,
    ) -> Result<Id, Error> {
        let transport = self.transport_of(thread);
        let media = Media { photo: Some(picture.into()), ..Media::default() };
        let id = self.client_sends(at, thread, &transport, "", None, &media)?;
        self.holdings.qr_codes.insert(picture.into(), content.into());
        let at = self.now();
        self.emit(Event::NewQrCode, Some(thread.channel), at, |w| body::qr_code(w, id, content, at));
        Ok(id)
    }

    /// An operator bars a client; a second time changes nothing and raises nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn bar(&mut self, at: DateTime<Utc>, client: Id) -> Result<(), Error> {
        let at = self.reach(at);
        let card = self.clients.get_mut(&client).ok_or(Error::NotFound { what: "client" })?;
        let channel = card.reached_by.first().map(|(channel, _)| *channel);
        if !std::mem::replace(&mut card.barred, true) {
            self.emit(Event::ClientAddedToBlacklist, channel, at, |w| body::client(w, client));
        }
        Ok(())
    }

    /// A new tag in a group.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such group, [`Error::Invalid`] when the label is in use there.
    pub fn add_tag(
        &mut self,
        at: DateTime<Utc>,
        group: Id,
        label: &str,
        description: &str,
    ) -> Result<Id, Error> {
        let at = self.reach(at);
        let named = self.holdings.tag_groups.iter().find(|own| own.id == group).map(|own| &own.name);
        let of_tags = || self.tags.iter().find(|tag| tag.group_id == group).map(|tag| &tag.group_name);
        let group_name = named.or_else(of_tags).ok_or(Error::NotFound { what: "tag group" })?.clone();
        if self.tags.iter().any(|tag| tag.group_id == group && tag.label == label) {
            return Err(Error::Invalid { field: "label", text: "has already been taken" });
        }
        let id = self.next.tag;
        self.next.tag += 1;
        let (label, description) = (label.to_owned(), description.to_owned());
        self.tags.push(Tag { id, group_id: group, group_name, label, description });
        self.emit(Event::NewTag, None, at, |w| body::tag(w, id, at));
        Ok(id)
    }

    /// A new group of tags. Returns its id.
    pub fn add_tag_group(&mut self, name: &str) -> Id {
        let id = self.next.tag_group;
        self.next.tag_group += 1;
        self.holdings.tag_groups.push(TagGroup { id, name: name.into() });
        id
    }

    /// A ticket is made. Its fields are in no public source: what the caller gives is kept. Returns its id.
    pub fn add_ticket(&mut self, at: DateTime<Utc>, mut fields: Map<String, Value>) -> Id {
        let at = self.reach(at);
        let id = self.next.ticket;
        self.next.ticket += 1;
        fields.insert("id".into(), id.into());
        self.holdings.tickets.insert(id, fields.clone());
        self.emit(Event::NewTicket, None, at, |_| body::ticket(&fields));
        id
    }

    /// A ticket's fields are changed.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn change_ticket(
        &mut self,
        at: DateTime<Utc>,
        id: Id,
        fields: Map<String, Value>,
    ) -> Result<(), Error> {
        let at = self.reach(at);
        let ticket = self.holdings.tickets.get_mut(&id).ok_or(Error::NotFound { what: "ticket" })?;
        ticket.extend(fields.into_iter().filter(|(name, _)| name != "id"));
        let ticket = ticket.clone();
        self.emit(Event::TicketUpdated, None, at, |_| body::ticket(&ticket));
        Ok(())
    }

    /// A ticket is deleted.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_ticket(&mut self, at: DateTime<Utc>, id: Id) -> Result<(), Error> {
        let at = self.reach(at);
        let ticket = self.holdings.tickets.remove(&id).ok_or(Error::NotFound { what: "ticket" })?;
        self.emit(Event::TicketDeleted, None, at, |_| body::ticket(&ticket));
        Ok(())
    }
}
