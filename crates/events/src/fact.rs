//! Facts: what deliveries say, in one vocabulary whichever platform and road they came by.
//!
//! Each field is a register: an `Option` that merges by [`crate::Stamp`]. A fact's key is the same whichever road it
//! came by, however often (reference/chat2desk.md 8.3); its filing says which conversation or entity it belongs to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Id;
use crate::delivery::words;

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

registers! {
    /// A message. Key: its id.
    Message {
        /// The client.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The dialog; unknown while the chat is new.
        dialog_id: Id,
        /// The request.
        request_id: Id,
        /// Its sender, or on a client's message the holder.
        operator_id: Id,
        /// The messenger.
        transport: String,
        /// Who it came from.
        origin: Origin,
        /// Its text, sanitised for Postgres.
        text: String,
        /// Attached files, as the platform lists them.
        attachments: serde_json::Value,
        /// Time of the event that brought it: as fine as a webhook is.
        event_at: DateTime<Utc>,
        /// The platform's own time of the message: whole seconds on Chat2Desk.
        created_at: DateTime<Utc>,
        /// It was imported: its time is not known before `created_at` is.
        imported: bool,
        /// It was deleted.
        deleted: bool,
        /// It opened its request.
        opens_request: bool,
        /// It is the choice of a menu item: it asks nothing.
        menu: bool,
    }
}

registers! {
    /// A request was opened. Key: request id.
    RequestOpened {
        /// The request.
        request_id: Id,
        /// The client.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The dialog.
        dialog_id: Id,
        /// Whom it was assigned to at once.
        operator_id: Id,
        /// The messenger.
        transport: String,
        /// What it is for.
        request_kind: RequestKind,
        /// The client wrote first.
        by_client: bool,
        /// When.
        at: DateTime<Utc>,
    }
}

registers! {
    /// A request was closed. Key: request id.
    RequestClosed {
        /// The request.
        request_id: Id,
        /// The client.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The dialog.
        dialog_id: Id,
        /// Who closed it, or held it.
        operator_id: Id,
        /// When.
        at: DateTime<Utc>,
        /// The vendor's own word for why.
        reason: String,
    }
}

registers! {
    /// A dialog was closed. Key: dialog id and second.
    DialogClosed {
        /// The dialog.
        dialog_id: Id,
        /// The client.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The request.
        request_id: Id,
        /// Who held it.
        operator_id: Id,
        /// When.
        at: DateTime<Utc>,
    }
}

registers! {
    /// A dialog went to another operator. Key: dialog id, new operator, second.
    DialogTransferred {
        /// The dialog.
        dialog_id: Id,
        /// The client.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The request.
        request_id: Id,
        /// The new operator.
        operator_id: Id,
        /// When.
        at: DateTime<Utc>,
    }
}

registers! {
    /// A row of the list of dialogs. Key: dialog id.
    DialogRow {
        /// The dialog.
        dialog_id: Id,
        /// The client, from its last message.
        client_id: Id,
        /// The channel, from its last message.
        channel_id: Id,
        /// Its operator, at the time of fetching.
        operator_id: Id,
        /// `open` or `closed`.
        state: String,
        /// When it began.
        began_at: DateTime<Utc>,
        /// When it ended last.
        ended_at: DateTime<Utc>,
        /// Its last request.
        request_id: Id,
    }
}

registers! {
    /// A row of the requests report. Key: request id.
    RequestReport {
        /// The request.
        request_id: Id,
        /// The client.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The messenger.
        transport: String,
        /// What it is for.
        request_kind: RequestKind,
        /// Start, from local time.
        opened_at: DateTime<Utc>,
        /// End, from local time.
        closed_at: DateTime<Utc>,
        /// Its last operator.
        operator_id: Id,
        /// Its first operator.
        first_operator_id: Id,
        /// The vendor's reaction time, seconds.
        reaction_seconds: f64,
        /// The vendor's count of replies.
        replies: f64,
        /// The vendor's mean reply time, seconds.
        average_reply_seconds: f64,
    }
}

registers! {
    /// A row of the rating report. Key: valuation request, request, scale, operator.
    RatingReport {
        /// The survey's own request.
        valuation_request_id: Id,
        /// The rated request.
        request_id: Id,
        /// The scale.
        scale_id: String,
        /// The operator it was given to.
        operator_id: Id,
        /// The score.
        score: f64,
        /// The client's words.
        comment: String,
        /// When, from local time.
        at: DateTime<Utc>,
    }
}

registers! {
    /// A tag was put on a request or a client, or taken off. Key: request or client, tag, on or off, second.
    Tagging {
        /// The tagged request.
        request_id: Id,
        /// The client: the tagged one when there is no request.
        client_id: Id,
        /// The channel.
        channel_id: Id,
        /// The tag.
        tag_id: Id,
        /// Its label then.
        label: String,
        /// Its group then.
        group_name: String,
        /// Put on (true) or taken off (false).
        added: bool,
        /// When.
        at: DateTime<Utc>,
    }
}

registers! {
    /// A client's card. Key: client id.
    ClientCard {
        /// The phone, or what stands in its place.
        phone: String,
        /// The real phone, when known.
        client_phone: String,
        /// E-mail.
        email: String,
        /// The name from the messenger.
        name: String,
        /// The name given by the company.
        assigned_name: String,
        /// Labels of tags.
        tags: Vec<String>,
        /// Free fields.
        custom: serde_json::Value,
    }
}

registers! {
    /// An operator's card. Key: operator id.
    OperatorCard {
        /// Name.
        name: String,
        /// E-mail.
        email: String,
        /// The platform's role.
        role: String,
    }
}

registers! {
    /// A group of operators. Key: group id.
    OperatorGroupCard {
        /// Name.
        name: String,
        /// Its members.
        operator_ids: Vec<Id>,
    }
}

registers! {
    /// A channel. Key: channel id.
    ChannelCard {
        /// Name.
        name: String,
        /// Phone or account.
        phone: String,
        /// The messengers it serves.
        transports: Vec<String>,
    }
}

registers! {
    /// A tag's definition. Key: tag id.
    TagCard {
        /// Label.
        label: String,
        /// Group.
        group_name: String,
    }
}

registers! {
    /// An operator's status changed. Key: operator id and time.
    OperatorStatus {
        /// The operator.
        operator_id: Id,
        /// Online or not.
        online: bool,
        /// The platform's word for the kind of absence.
        status: String,
        /// When.
        at: DateTime<Utc>,
    }
}

registers! {
    /// A messenger told what became of a message. Key: message id and status.
    MessageStatus {
        /// The client.
        client_id: Id,
        /// The status.
        status: String,
        /// When.
        at: DateTime<Utc>,
    }
}

registers! {
    /// An event of a kind that this version does not know. Key: hash of the bytes. Kept and counted.
    UnknownEvent {
        /// The platform's name for it, shortened to 80 characters.
        name: String,
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
            Self::RatingReport(f) => identities(&None, &None, &None, &f.request_id),
            Self::Tagging(f) if f.request_id.is_some() => {
                identities(&f.client_id, &f.channel_id, &None, &f.request_id)
            }
            Self::Tagging(_) | Self::OperatorStatus(_) | Self::MessageStatus(_) | Self::UnknownEvent(_) => {
                return Filing::Kept;
            }
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
