//! What the control routes take.

use serde::Deserialize;

use crate::chat2desk::happenings::Told;
use crate::chat2desk::model::{ApiMode, Habits, Id};

/// Who does something.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// The client writes.
    #[default]
    Client,
    /// An operator writes.
    Operator,
    /// An automatic answer.
    Autoreply,
    /// A note.
    Comment,
    /// A system line.
    System,
    /// The chat is given to `operator_id` by the rule.
    Assign,
    /// It moves to `operator_id`.
    Transfer,
    /// An operator closes it.
    Close,
    /// It closes by inactivity.
    Timeout,
    /// The survey goes out.
    Survey,
    /// The client gives `score`.
    Score,
    /// The tag of the client's latest score is taken off.
    Withdraw,
    /// `tag_id` is put on the open or last request.
    Tag,
    /// The client chooses the menu item `item_id`.
    Choose,
    /// A message comes past the chat center, from the client if `from_client`, written `seconds_ago`.
    Import,
    /// The client shows a QR code with the content `text`.
    QrCode,
    /// The last message to the client is reported as failed, for the reason `text`.
    Undelivered,
    /// The client is barred.
    Bar,
    /// The client's number is found to have no WhatsApp.
    NoWhatsapp,
    /// `operator_id` gets the state `text`: `online`, `busy`, `break`, `offline`; `logout` is by hand and raises nothing.
    Status,
}

/// One thing that somebody does now. Without `client_id` a new client comes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Say {
    /// What.
    #[serde(rename = "as")]
    pub doing: Doing,
    /// Whose chat.
    pub client_id: Option<Id>,
    /// Where; the first channel when absent.
    pub channel_id: Option<Id>,
    /// By which messenger; the channel's first when absent.
    pub transport: Option<String>,
    /// By or to whom; the first operator when absent.
    pub operator_id: Option<Id>,
    /// Text.
    pub text: String,
    /// 1 to 5.
    pub score: u8,
    /// By which roads the score is told.
    pub told: Told,
    /// Tag.
    pub tag_id: Id,
    /// Menu item.
    pub item_id: Id,
    /// The imported message is the client's.
    pub from_client: bool,
    /// Age of the imported message.
    pub seconds_ago: u32,
}

/// A score on demand.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Rate {
    /// 1 to 5.
    pub score: u8,
    /// Whose chat; absent is any.
    #[serde(default)]
    pub client_id: Option<Id>,
    /// By which roads it is told.
    #[serde(default)]
    pub told: Told,
}

/// A registration.
#[derive(Clone, Debug, Deserialize)]
pub struct Register {
    /// Where to.
    pub url: String,
    /// Names; absent is all.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Channels; empty is all.
    #[serde(default)]
    pub channels: Vec<Id>,
    /// Set the two old hooks instead.
    #[serde(default)]
    pub old: bool,
}

/// Events that nobody subscribes to any more.
#[derive(Clone, Debug, Deserialize)]
pub struct Unsubscribe {
    /// Names.
    pub events: Vec<String>,
}

/// Another channel.
#[derive(Clone, Debug, Deserialize)]
pub struct AddChannel {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
    /// Transports it serves.
    pub transports: Vec<String>,
}

/// Account settings to change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Access level.
    pub mode: Option<ApiMode>,
    /// Calls a month instead of the level's number.
    pub quota: Option<u64>,
    /// Calls of this month.
    pub calls: Option<u64>,
    /// Clients may be created and written to first.
    pub write_first: Option<bool>,
    /// How this installation behaves; what is not named becomes the default again.
    pub habits: Option<Habits>,
}
