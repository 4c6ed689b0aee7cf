//! People, channels, dialogs, requests and labels.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::Id;

/// A person or a bot with an operator account.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Id.
    pub id: Id,
    /// Sign-in name.
    pub email: String,
    /// Names as the list shows them.
    pub first_name: String,
    /// See `first_name`.
    pub last_name: String,
    /// `operator`, `supervisor`, `admin`, ...
    pub role: String,
    /// Signed in.
    pub online: bool,
    /// `busy`, `break`, ...; keeps its value after a logout.
    pub offline_type: Option<String>,
    /// Time of the last visit.
    pub last_visit: DateTime<Utc>,
    /// Number, if given.
    pub phone: Option<String>,
    /// Id in somebody else's system.
    pub external_id: Option<String>,
    /// Known to the truth only: nothing in the vendor's data marks a bot.
    pub bot: bool,
}

impl Operator {
    /// First and last name.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// Operators who share new chats.
#[derive(Clone, Debug)]
pub struct Group {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
    /// Members.
    pub operators: Vec<Id>,
}

/// An account in a messenger; it may serve several transports.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
    /// Number or handle.
    pub phone: String,
    /// Transports it serves.
    pub transports: Vec<String>,
}

/// A tag definition.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Id.
    pub id: Id,
    /// Group.
    pub group_id: Id,
    /// Group name.
    pub group_name: String,
    /// Label, may be edited.
    pub label: String,
    /// Free text.
    pub description: String,
}

/// One messenger identity.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Id.
    pub id: Id,
    /// Phone or pseudo-phone (`[tg] …`, `[chat] …`).
    pub phone: String,
    /// The real number, when known.
    pub client_phone: Option<String>,
    /// Name by the messenger; may be the word `unknown`.
    pub name: Option<String>,
    /// Name given by the company.
    pub assigned_name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// Three more free texts.
    pub extra_comments: [Option<String>; 3],
    /// Values of the fields that the company defined, by the field's id.
    pub custom_fields: BTreeMap<Id, String>,
    /// Ids in other systems by the system's name; the empty name is the system that was not named.
    pub external_ids: BTreeMap<String, String>,
    /// Country, found by the number.
    pub country: Option<Id>,
    /// Barred by an operator.
    pub barred: bool,
    /// The number has no WhatsApp: only the system answers there.
    pub unreachable: bool,
    /// Created through the API: nothing is sent before this instant.
    pub quiet_until: Option<DateTime<Utc>>,
    /// Tags on the client.
    pub tags: BTreeSet<Id>,
    /// Channel and transport pairs by which the client can be reached.
    pub reached_by: BTreeSet<(Id, String)>,
    /// First message of the client.
    pub first_message: Option<DateTime<Utc>>,
    /// Last message of the client.
    pub last_message: Option<DateTime<Utc>>,
}

/// The thread of a client in a channel, from the moment an operator takes it; reopened, never replaced.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Id.
    pub id: Id,
    /// Whose and where.
    pub thread: Thread,
    /// Open or closed.
    pub open: bool,
    /// When an operator first took it.
    pub begin: DateTime<Utc>,
    /// Last close, while closed.
    pub end: Option<DateTime<Utc>>,
    /// Its operator; stays after the close.
    pub operator: Id,
    /// Newest request.
    pub last_request: Id,
    /// Newest message.
    pub last_message: Option<Id>,
    /// Messages so far.
    pub messages: u64,
}

/// A client in a channel: what a dialog is about, before there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thread {
    /// The client.
    pub client: Id,
    /// The channel.
    pub channel: Id,
}

/// Kind of request (reference 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A contact.
    Common,
    /// The survey's own request.
    Rating,
}

impl RequestKind {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Rating => "rating",
        }
    }
}

/// A piece of a dialog.
#[derive(Clone, Debug)]
pub struct Request {
    /// Id.
    pub id: Id,
    /// Whose and where.
    pub thread: Thread,
    /// Transport of its first message.
    pub transport: String,
    /// Kind.
    pub kind: RequestKind,
    /// The client wrote first.
    pub by_client: bool,
    /// Start.
    pub opened: DateTime<Utc>,
    /// End; `None` while open.
    pub closed: Option<DateTime<Utc>>,
    /// Dialog, once somebody took it.
    pub dialog: Option<Id>,
    /// Operator now or last.
    pub operator: Option<Id>,
    /// First operator.
    pub first_operator: Option<Id>,
    /// Tags on it now.
    pub tags: BTreeSet<Id>,
    /// Its messages, in order of id.
    pub messages: Vec<Id>,
    /// For a survey: the request that is rated.
    pub rates: Option<Id>,
}
