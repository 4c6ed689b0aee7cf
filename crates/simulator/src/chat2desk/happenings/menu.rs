//! The self-service menu: what clients choose and what they get.

use chrono::{DateTime, Utc};

use super::Draft;
use crate::Error;
use crate::chat2desk::model::{Id, Media, MenuItem, MessageKind, SentItem, Thread, World};

impl World {
    /// A menu item.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn menu_item(&self, id: Id) -> Result<&MenuItem, Error> {
        self.holdings.menu.iter().find(|item| item.id == id).ok_or(Error::NotFound { what: "menu item" })
    }

    /// The first item of the channel's menu.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the channel has no menu.
    pub fn root_menu(&self, channel: Id) -> Result<Id, Error> {
        let here = |item: &&MenuItem| item.level == 0 && item.channel.is_none_or(|own| own == channel);
        self.holdings.menu.iter().find(here).map(|item| item.id).ok_or(Error::NotFound { what: "menu item" })
    }

    /// The service sends a menu item, automatically. Returns the message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn send_menu_item(&mut self, at: DateTime<Utc>, thread: Thread, item: Id) -> Result<Id, Error> {
        let at = self.reach(at);
        self.known(thread)?;
        let found = self.menu_item(item)?;
        let (text, media) = (found.text.clone(), Media { photo: found.image.clone(), ..Media::default() });
        let transport = self.transport_of(thread);
        let (request, opened) = self.request_for(at, thread, &transport, false);
        let draft = Draft { media: Some(&media), ..Draft::new(MessageKind::Autoreply, &text) };
        let id = self.send(at, request, &transport, draft, opened);
        self.holdings.sent_items.push(SentItem { item, client: thread.client, at });
        Ok(id)
    }

    /// A client chooses a menu item: writes its command and gets its text; the item's tag is put on the request. Nothing in
    /// the known webhooks marks the client's message (reference 6.6). Returns that message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn choose(&mut self, at: DateTime<Utc>, thread: Thread, item: Id) -> Result<Id, Error> {
        let found = self.menu_item(item)?;
        let (command, tag) = (found.command.clone(), found.tag);
        let transport = self.transport_of(thread);
        let id = self.client_writes(at, thread, &transport, &command, None)?;
        self.send_menu_item(at, thread, item)?;
        let request = self.messages.get(&id).map(|message| message.request);
        if let Some((request, tag)) = request.zip(tag) {
            self.tag_request(at, request, tag)?;
        }
        Ok(id)
    }
}
