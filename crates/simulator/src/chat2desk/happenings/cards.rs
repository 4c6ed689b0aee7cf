//! Cards and labels: tags and client cards.

use chrono::{DateTime, Utc};

use crate::Error;
use crate::chat2desk::model::{Client, Id, World};
use crate::chat2desk::webhooks::{Event, body};

impl World {
    /// Puts a tag on a request; a second time changes nothing and raises nothing. A score's tag gives the score.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn tag_request(&mut self, at: DateTime<Utc>, request: Id, tag: Id) -> Result<(), Error> {
        let at = self.reach(at);
        self.tag(tag)?;
        let found = self.requests.get_mut(&request).ok_or(Error::NotFound { what: "request" })?;
        let channel = found.thread.channel;
        if found.tags.insert(tag) {
            self.score_tag_put(at, request, tag);
            self.emit(Event::AddTagToRequest, Some(channel), at, |w| body::request_tag(w, request, tag, at));
        }
        Ok(())
    }

    /// Takes a tag off a request; a score's tag withdraws the score.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when the tag is not on it.
    pub fn untag_request(&mut self, at: DateTime<Utc>, request: Id, tag: Id) -> Result<(), Error> {
        let at = self.reach(at);
        let found = self.requests.get_mut(&request).ok_or(Error::NotFound { what: "request" })?;
        let channel = found.thread.channel;
        if !found.tags.remove(&tag) {
            return Err(Error::NotFound { what: "tag" });
        }
        self.score_tag_removed(at, request, tag);
        self.emit(Event::DeleteTagFromRequest, Some(channel), at, |w| body::request_tag(w, request, tag, at));
        Ok(())
    }

    /// Puts a tag on a client (`on`), or takes it off. No change raises nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn tag_client(&mut self, at: DateTime<Utc>, client: Id, tag: Id, on: bool) -> Result<(), Error> {
        let at = self.reach(at);
        self.tag(tag)?;
        let card = self.clients.get_mut(&client).ok_or(Error::NotFound { what: "client" })?;
        let channel = card.reached_by.first().map(|(channel, _)| *channel);
        let changed = if on { card.tags.insert(tag) } else { card.tags.remove(&tag) };
        let event = if on { Event::AddTagToClient } else { Event::DeleteTagFromClient };
        if changed {
            self.emit(event, channel, at, |w| body::client_tag(w, client, tag, channel.filter(|_| on), at));
            self.emit_old_tag(at, client, tag);
        }
        Ok(())
    }

    /// Somebody edits the client card and presses Ok.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn edit_client(
        &mut self,
        at: DateTime<Utc>,
        client: Id,
        edit: impl FnOnce(&mut Client),
    ) -> Result<(), Error> {
        let at = self.reach(at);
        edit(self.clients.get_mut(&client).ok_or(Error::NotFound { what: "client" })?);
        let channel = self.client(client)?.reached_by.first().map(|(channel, _)| *channel);
        self.emit(Event::ClientUpdated, channel, at, |w| body::client(w, client));
        Ok(())
    }
}
