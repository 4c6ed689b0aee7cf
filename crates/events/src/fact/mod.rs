//! Facts: what deliveries say, in one vocabulary whichever platform and road they came by.
//!
//! Each field is a register: an `Option` that merges by [`crate::Stamp`]. A fact's key is the same whichever road it
//! came by, however often (reference/chat2desk.md 8.3); its filing says which conversation or entity it belongs to.

mod cards;
mod talk;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Id;
use crate::delivery::words;

pub use cards::{
    ChannelCard, ClientCard, MessageStatus, OperatorCard, OperatorGroupCard, OperatorStatus, PageCount,
    TagCard, UnknownEvent,
};
pub use talk::{
    DialogClosed, DialogRow, DialogTransferred, Message, RatingReport, RequestClosed, RequestOpened,
    RequestReport, Tagging,
};

/// Declares a fact: a struct of registers, and how the values of an older observation fill its gaps.
macro_rules! registers {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$fdoc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>),+
        }

        impl $name {
            /// Takes from `older` what is not known here: called in order of falling stamps, this is the merge.
            pub fn fill(&mut self, older: &Self) {
                $(if self.$field.is_none() { self.$field.clone_from(&older.$field); })+
            }
        }
    };
}
use registers;

words! {
    /// Who a message came from, as far as the platform says; who counts as a person is decided by the projection.
    Origin {
        /// From the client.
        Client = "client",
        /// From the company to the client: by an operator when there is one, else automatic.
        Company = "company",
        /// An automatic answer.
        Automatic = "automatic",
        /// A system line, never sent to the client.
        System = "system",
        /// An internal note.
        Note = "note",
        /// A type that is not known.
        Other = "other",
    }
}

words! {
    /// What a request is for.
    RequestKind {
        /// A customer's contact.
        Common = "common",
        /// The survey after a contact.
        Rating = "rating",
        /// A LiveChat thread that never ends.
        Continuous = "continuous",
        /// A form that was left while nobody was there.
        Offline = "offline",
    }
}

/// Declares [`Fact`]: the closed list of kinds with their words.
macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// What a delivery says. The kind is written as one word in the column `kind` of `chat.facts`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Fact { $($(#[$doc])* $variant($variant)),+ }

        impl Fact {
            /// The word for the kind.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word),+ }
            }

            /// The registers as JSON, unknown ones left out: what is stored, and what makes two tellings the same.
            pub fn to_json(&self) -> serde_json::Result<String> {
                match self { $(Self::$variant(fact) => serde_json::to_string(fact)),+ }
            }

            /// Back from the stored form; `None` for a kind that this build does not know.
            pub fn from_json(kind: &str, json: &str) -> serde_json::Result<Option<Self>> {
                Ok(Some(match kind { $($word => Self::$variant(serde_json::from_str(json)?),)+ _ => return Ok(None) }))
            }

            /// Fills gaps from an older observation of the same fact; of another kind: nothing.
            pub fn fill(&mut self, older: &Self) {
                match (self, older) { $((Self::$variant(a), Self::$variant(b)) => a.fill(b),)+ _ => {} }
            }
        }
    };
}

facts! {
    /// A message.
    Message = "message",
    /// A request was opened.
    RequestOpened = "request_opened",
    /// A request was closed.
    RequestClosed = "request_closed",
    /// A dialog was closed.
    DialogClosed = "dialog_closed",
    /// A dialog was transferred.
    DialogTransferred = "dialog_transferred",
    /// A row of the list of dialogs.
    DialogRow = "dialog_row",
    /// A row of the requests report.
    RequestReport = "request_report",
    /// A row of the rating report.
    RatingReport = "rating_report",
    /// A tag put on or taken off.
    Tagging = "tagging",
    /// A client's card.
    ClientCard = "client",
    /// An operator's card.
    OperatorCard = "operator",
    /// A group of operators.
    OperatorGroupCard = "operator_group",
    /// A channel.
    ChannelCard = "channel",
    /// A tag.
    TagCard = "tag",
    /// An operator's status.
    OperatorStatus = "operator_status",
    /// What became of a message.
    MessageStatus = "message_status",
    /// What a page says of itself.
    PageCount = "page",
    /// An unknown event.
    UnknownEvent = "unknown",
}

/// The unit of folding on Chat2Desk: the messages of one client in one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conversation {
    /// The client.
    pub client_id: Id,
    /// The channel; empty where no source names one.
    pub channel_id: Id,
}

impl Conversation {
    /// The form that is stored: `client/channel`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.client_id, self.channel_id)
    }

    /// Back from the stored form.
    pub fn from_key(key: &str) -> Self {
        let (client, channel) = key.split_once('/').unwrap_or((key, ""));
        Self { client_id: client.to_owned(), channel_id: channel.to_owned() }
    }
}

/// The ids that a fact carries: they say where it belongs, at once or through links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identities<'a> {
    /// The client.
    pub client_id: Option<&'a str>,
    /// The channel.
    pub channel_id: Option<&'a str>,
    /// The dialog.
    pub dialog_id: Option<&'a str>,
    /// The request.
    pub request_id: Option<&'a str>,
}

/// What a fact is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filing<'a> {
    /// A conversation, by these identities.
    Conversation(Identities<'a>),
    /// The entity that its key names (an operator, a channel, a client's card …).
    Entity,
    /// Nothing yet reads it: kept and counted.
    Kept,
}

impl Fact {
    /// The earliest instant that a telling of this fact speaks of, where it has a place in its conversation's time; a
    /// telling without a time of its own stands at its receipt. `None`: it has none (a row of the list of dialogs says how
    /// things are), or belongs to no conversation.
    pub fn happened_at(&self, received_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let own = match self {
            // Whichever of its times is believed in the end, it is not before this.
            Self::Message(f) => f.event_at.into_iter().chain(f.created_at).chain([received_at]).min(),
            Self::RequestOpened(f) => f.at,
            Self::RequestClosed(f) => f.at,
            Self::DialogClosed(f) => f.at,
            Self::DialogTransferred(f) => f.at,
            Self::RequestReport(f) => f.opened_at.or(f.closed_at),
            Self::RatingReport(f) => f.at,
            Self::Tagging(f) => f.at,
            _ => return None,
        };
        Some(own.unwrap_or(received_at))
    }

    /// Lets the receipt stand in for the time of something that happened at a time which no telling knows (a script's
    /// does not); says whether it had to.
    pub fn stand_in(&mut self, received_at: DateTime<Utc>) -> bool {
        let at = match self {
            Self::RequestOpened(f) => &mut f.at,
            Self::RequestClosed(f) => &mut f.at,
            Self::DialogClosed(f) => &mut f.at,
            Self::DialogTransferred(f) => &mut f.at,
            Self::Tagging(f) => &mut f.at,
            _ => return false,
        };
        let is_unknown = at.is_none();
        at.get_or_insert(received_at);
        is_unknown
    }

    /// The request that it names: of a rating the survey's own.
    pub fn request_id(&self) -> Option<&str> {
        match self.filing() {
            Filing::Conversation(ids) => ids.request_id,
            _ => None,
        }
    }

    /// What this fact is filed under.
    pub fn filing(&self) -> Filing<'_> {
        let ids = match self {
            Self::Message(f) => identities(&f.client_id, &f.channel_id, &f.dialog_id, &f.request_id),
            Self::RequestOpened(f) => identities(&f.client_id, &f.channel_id, &f.dialog_id, &f.request_id),
            Self::RequestClosed(f) => identities(&f.client_id, &f.channel_id, &f.dialog_id, &f.request_id),
            Self::DialogClosed(f) => identities(&f.client_id, &f.channel_id, &f.dialog_id, &f.request_id),
            Self::DialogTransferred(f) => {
                identities(&f.client_id, &f.channel_id, &f.dialog_id, &f.request_id)
            }
            Self::DialogRow(f) => identities(&f.client_id, &f.channel_id, &f.dialog_id, &f.request_id),
            Self::RequestReport(f) => identities(&f.client_id, &f.channel_id, &None, &f.request_id),
            // With the survey's own request, where the tag of the score is; the store falls back on the rated one.
            Self::RatingReport(f) if f.valuation_request_id.is_some() => {
                identities(&None, &None, &None, &f.valuation_request_id)
            }
            Self::RatingReport(f) => identities(&None, &None, &None, &f.request_id),
            // Where its request is, whatever channel the platform put beside it: so it is told of one conversation only.
            Self::Tagging(f) if f.request_id.is_some() => {
                identities(&f.client_id, &None, &None, &f.request_id)
            }
            Self::Tagging(_)
            | Self::OperatorStatus(_)
            | Self::MessageStatus(_)
            | Self::PageCount(_)
            | Self::UnknownEvent(_) => return Filing::Kept,
            Self::ClientCard(_)
            | Self::OperatorCard(_)
            | Self::OperatorGroupCard(_)
            | Self::ChannelCard(_)
            | Self::TagCard(_) => return Filing::Entity,
        };
        Filing::Conversation(ids)
    }
}

fn identities<'a>(
    client: &'a Option<Id>,
    channel: &'a Option<Id>,
    dialog: &'a Option<Id>,
    request: &'a Option<Id>,
) -> Identities<'a> {
    Identities {
        client_id: client.as_deref(),
        channel_id: channel.as_deref(),
        dialog_id: dialog.as_deref(),
        request_id: request.as_deref(),
    }
}
