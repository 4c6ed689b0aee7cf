//! What script commands take and give.

use crate::answer::Answer;
use crate::clients::ClientCard;
use crate::company::ApiInfo;
use crate::dialogs::Dialog;
use crate::messages::{Message, MessageType};
use crate::row::veiled_debug;

/// A message of [`Script::send_message`](super::Script::send_message).
#[derive(Clone, Default, PartialEq)]
pub struct ScriptMessage {
    /// To whom.
    pub client_id: u64,
    /// What.
    pub text: String,
    /// `to_client` by default, `autoreply` or `system`.
    pub kind: Option<MessageType>,
    /// Direct address of a picture or a PDF: sent as a PDF when its path ends in `.pdf`.
    pub file: Option<String>,
    /// By default the channel of the client's last message.
    pub channel_id: Option<u64>,
}

veiled_debug!(ScriptMessage: client_id, text, kind, file, channel_id);

impl ScriptMessage {
    /// A text to a client.
    pub fn new(client_id: u64, text: impl Into<String>) -> Self {
        Self { client_id, text: text.into(), ..Self::default() }
    }
}

/// Which operators are meant by "online".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlineOperators {
    /// All who are online.
    All,
    /// Only those who see the section *New chats*: not in REST.
    WithNewChats,
}

/// Who spoke, by the vendor's numbers 1 to 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// 1
    Client,
    /// 2
    Operator,
    /// 3
    Autoreply,
    /// 4
    System,
}

impl MessageKind {
    /// Whether a message of REST is of this kind. There `to_client` is an operator's when it names one, and automatic when it
    /// does not; a message without a type is of a survey, automatic too (chat2desk.md 2.3, 6.6).
    pub fn is_of(self, message: &Message) -> bool {
        let has_operator = message.operator_id.is_some();
        match self {
            Self::Client => message.kind == Some(MessageType::FromClient),
            Self::Operator => message.kind == Some(MessageType::ToClient) && has_operator,
            Self::Autoreply => match message.kind {
                Some(MessageType::Autoreply) | None => true,
                Some(MessageType::ToClient) => !has_operator,
                Some(_) => false,
            },
            Self::System => message.kind == Some(MessageType::System),
        }
    }
}

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq)]
pub struct Transferred {
    /// The service's answer.
    pub answer: Answer,
    /// There was a comment for the next operator, and REST has no place for it: it was not sent.
    pub is_comment_left_out: bool,
}

/// Messages of new chats.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessages {
    /// Messages that belong to no dialog yet.
    pub messages: Vec<Message>,
    /// Messages of which the service (v1.09) does not tell the dialog: ask for each with
    /// [`Client::message`](crate::Client::message).
    pub undecided: Vec<Message>,
    /// There are more unread messages than the newest 200, which were looked at.
    pub is_cut: bool,
}

/// A dialog whose client waits.
#[derive(Clone, Debug, PartialEq)]
pub struct UnansweredDialog {
    /// The dialog.
    pub dialog: Dialog,
    /// Its client; `None` where the service does not tell whose the dialog is, or does not know the client any more.
    pub client: Option<ClientCard>,
}

/// What REST knows of the company. **The schedule and the work mode (`online`, `offline`) of the script command are not in
/// any REST answer that is published**; if the service adds them to `companies/info`, they are in `info`.
#[derive(Clone, Debug, PartialEq)]
pub struct CompanyInfo {
    /// The company's name.
    pub name: Option<String>,
    /// Access level and quota.
    pub api_info: ApiInfo,
    /// `GET /v1/companies/info`, where this service has it (since 2024-09-17); its fields are not published.
    pub info: Option<Answer>,
}

impl CompanyInfo {
    /// What the script command gives and REST does not.
    pub const NOT_IN_REST: [&'static str; 2] = ["work schedule", "work mode"];
}
