//! Messages and scores.

use chrono::{DateTime, Utc};

use super::{Id, Thread};

/// Who speaks (reference 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The client.
    FromClient,
    /// An operator, or a script in an operator's name.
    ToClient,
    /// An automatic answer.
    Autoreply,
    /// A note of the system, never sent.
    System,
    /// A note among operators.
    Comment,
    /// The survey: the API shows the type null.
    Survey,
}

impl MessageKind {
    /// The word of `/v1/messages` and of webhooks.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::FromClient => Some("from_client"),
            Self::ToClient => Some("to_client"),
            Self::Autoreply => Some("autoreply"),
            Self::System => Some("system"),
            Self::Comment => Some("comment"),
            Self::Survey => None,
        }
    }
}

/// What a message carries besides its text: addresses of files, and a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Picture.
    pub photo: Option<String>,
    /// Film.
    pub video: Option<String>,
    /// Recording.
    pub audio: Option<String>,
    /// PDF.
    pub pdf: Option<String>,
    /// `lat lng`.
    pub coordinates: Option<String>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Id, one sequence for the whole company.
    pub id: Id,
    /// Who speaks.
    pub kind: MessageKind,
    /// Text.
    pub text: String,
    /// Messenger that carried it.
    pub transport: String,
    /// When it was written, microseconds; the API shows whole seconds.
    pub created: DateTime<Utc>,
    /// Whose and where.
    pub thread: Thread,
    /// Sender, or (client messages) who holds the dialog; filled in when a new chat is taken.
    pub operator: Option<Id>,
    /// Dialog; filled in when a new chat is taken.
    pub dialog: Option<Id>,
    /// Request.
    pub request: Id,
    /// Read by an operator.
    pub read: bool,
    /// Name of an attached file.
    pub attachment: Option<String>,
    /// What else it carries.
    pub media: Media,
    /// Its id in the caller's system.
    pub external_id: Option<String>,
    /// What the messenger told of a message to the client, where it tells.
    pub recipient_status: Option<String>,
    /// Not given to the messenger yet; `delete_outbox` removes it.
    pub unsent: bool,
    /// Imported, not sent through the chat center.
    pub imported: bool,
    /// Not shown by lists before this instant (a row that becomes visible late).
    pub hidden_until: Option<DateTime<Utc>>,
}

/// A given score.
#[derive(Clone, Debug)]
pub struct Rating {
    /// Who is rated.
    pub operator: Id,
    /// When the client answered.
    pub created: DateTime<Utc>,
    /// 1 to 5.
    pub score: u8,
    /// The rated request.
    pub request: Id,
    /// The survey's own request; the rated one where somebody put the tag by hand.
    pub survey: Id,
    /// The score's tag, when it was put on that request.
    pub tag: Option<Id>,
    /// It has a row of the rating report, until it is withdrawn.
    pub reported: bool,
    /// When its tag was taken off.
    pub withdrawn: Option<DateTime<Utc>>,
}

impl Rating {
    /// The rating report shows it.
    pub fn is_listed(&self) -> bool {
        self.reported && self.withdrawn.is_none()
    }
}
