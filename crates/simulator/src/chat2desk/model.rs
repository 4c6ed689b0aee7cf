//! The state of one company account: entities, their ids, and how they are looked up.

mod account;
mod entities;
mod holdings;
mod message;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::happenings::Agenda;
use super::webhooks::Webhooks;
use crate::Error;
pub use account::{Account, ApiMode, ErrorForm, Habits};
pub use entities::{Channel, Client, Dialog, Group, Operator, Request, RequestKind, Tag, Thread};
pub use holdings::{
    AccessRight, COUNTRIES, CustomField, Holdings, MenuItem, OperatorEvent, REGIONS, SentItem, TagGroup,
    Template, country_of,
};
pub use message::{Media, Message, MessageKind, Rating};

/// The vendor's ids: integers that grow, one sequence for each kind of object.
pub type Id = i64;

/// What is going on between a client and the company in a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Going {
    pub(super) dialog: Option<Id>,
    pub(super) request: Option<Id>,
    pub(super) survey: Option<Id>,
    pub(super) last_common: Option<Id>,
    /// The last contact that the client was asked about.
    pub(super) surveyed: Option<Id>,
}

/// One company account, whole.
#[derive(Debug)]
pub struct World {
    /// Settings.
    pub account: Account,
    /// Operators by id.
    pub operators: BTreeMap<Id, Operator>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Channels.
    pub channels: Vec<Channel>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Score tags: tag id of the scores 1 to 5.
    pub score_tags: [Id; 5],
    /// Clients by id.
    pub clients: BTreeMap<Id, Client>,
    /// Dialogs by id.
    pub dialogs: BTreeMap<Id, Dialog>,
    /// Requests by id.
    pub requests: BTreeMap<Id, Request>,
    /// Messages by id.
    pub messages: BTreeMap<Id, Message>,
    /// Given scores, oldest first, also those that were taken back.
    pub ratings: Vec<Rating>,
    /// Registered webhooks and what waits to be sent.
    pub webhooks: Webhooks,
    /// Texts, menus, fields, tickets.
    pub holdings: Holdings,
    pub(super) agenda: Agenda,
    pub(super) going: HashMap<Thread, Going>,
    pub(super) next: Next,
    now: DateTime<Utc>,
}

/// The next id of each sequence.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) client: Id,
    pub(super) dialog: Id,
    pub(super) request: Id,
    pub(super) message: Id,
    pub(super) operator: Id,
    pub(super) tag: Id,
    pub(super) tag_group: Id,
    pub(super) ticket: Id,
}

impl World {
    /// An account without people, at the instant `now`.
    pub fn new(account: Account, now: DateTime<Utc>) -> Self {
        Self {
            webhooks: Webhooks::new(&account.token),
            account,
            operators: BTreeMap::new(),
            groups: Vec::new(),
            channels: Vec::new(),
            tags: Vec::new(),
            score_tags: [0; 5],
            clients: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            requests: BTreeMap::new(),
            messages: BTreeMap::new(),
            ratings: Vec::new(),
            holdings: Holdings::default(),
            agenda: Agenda::default(),
            going: HashMap::new(),
            next: Next {
                client: 330_001,
                dialog: 410_001,
                request: 8_800_001,
                message: 900_001,
                operator: 7_101,
                tag: 701,
                tag_group: 70,
                ticket: 5_001,
            },
            now,
        }
    }

    /// The latest instant at which something happened here. Time never goes back in a world.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Moves the present on to `at`; an earlier instant changes nothing. What the service does by itself in between is
    /// done at its time. Returns the present.
    pub fn reach(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        while let Some((due, later)) = self.agenda.take(at) {
            self.now = self.now.max(due);
            self.happens(due, later);
        }
        self.now = self.now.max(at);
        self.now
    }

    /// A client's card.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn client(&self, id: Id) -> Result<&Client, Error> {
        self.clients.get(&id).ok_or(Error::NotFound { what: "client" })
    }

    /// A request.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn request(&self, id: Id) -> Result<&Request, Error> {
        self.requests.get(&id).ok_or(Error::NotFound { what: "request" })
    }

    /// A channel.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn channel(&self, id: Id) -> Result<&Channel, Error> {
        self.channels.iter().find(|channel| channel.id == id).ok_or(Error::NotFound { what: "channel" })
    }

    /// A tag's definition.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn tag(&self, id: Id) -> Result<&Tag, Error> {
        self.tags.iter().find(|tag| tag.id == id).ok_or(Error::NotFound { what: "tag" })
    }

    /// The open request of a thread, if any; a survey does not count.
    pub fn open_request(&self, thread: Thread) -> Option<Id> {
        self.going.get(&thread)?.request
    }

    /// Keeps a message out of every list until `until`: an id that becomes visible after higher ones.
    pub fn hide_message(&mut self, id: Id, until: DateTime<Utc>) {
        if let Some(message) = self.messages.get_mut(&id) {
            message.hidden_until = Some(until);
        }
    }
}
