//! A message that is sent: `POST /v1/messages`.

use reqwest::Method;
use serde_json::Value;

use super::MessageType;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::page::made;
use crate::query::Fields;
use crate::row::{id, text, veiled_debug, vendor_row, word};

/// A message to send. `Debug` shows no text.
///
/// ```
/// use chat2desk::messages::OutgoingMessage;
/// let message = OutgoingMessage { operator_id: Some(7001), ..OutgoingMessage::to_client(330_001, "Good morning") };
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct OutgoingMessage {
    /// To whom. Needed.
    pub client_id: u64,
    /// What; needed unless there is an attachment or a PDF.
    pub text: Option<String>,
    /// Direct address of a photo.
    pub attachment: Option<String>,
    /// Its file name (later than the manual).
    pub attachment_filename: Option<String>,
    /// Direct address of a PDF.
    pub pdf: Option<String>,
    /// `to_client` by default, `autoreply`, `system` or (later) `comment`; the last two do not reach the client.
    pub kind: Option<MessageType>,
    /// Messenger; by default that of the client's last message.
    pub transport: Option<String>,
    /// Channel; by default that of the client's last message.
    pub channel_id: Option<u64>,
    /// By default the dialog's operator. Another one **moves the dialog to him**; an `autoreply` without one into a dialog
    /// without an operator assigns nobody.
    pub operator_id: Option<u64>,
    /// Whether the dialog is opened; the service's default is yes (later than the manual, so for all below).
    pub open_dialog: Option<bool>,
    /// Whether the text is encrypted.
    pub encrypted: Option<bool>,
    /// Your own id of it.
    pub external_id: Option<String>,
    /// The message that it answers.
    pub reply_message_id: Option<u64>,
    /// Buttons under the message; their shape depends on the messenger and is not published.
    pub inline_buttons: Vec<Value>,
    /// A keyboard, `{"buttons": […]}`.
    pub keyboard: Option<Value>,
    /// An interactive message (WhatsApp).
    pub interactive: Option<Value>,
}

veiled_debug!(OutgoingMessage: client_id, text, kind, transport, channel_id, operator_id, reply_message_id);

impl OutgoingMessage {
    /// A text to a client.
    pub fn to_client(client_id: u64, text: impl Into<String>) -> Self {
        Self { client_id, text: Some(text.into()), ..Self::default() }
    }

    /// An automatic answer: it assigns nobody.
    pub fn autoreply(client_id: u64, text: impl Into<String>) -> Self {
        Self { kind: Some(MessageType::Autoreply), ..Self::to_client(client_id, text) }
    }

    /// A text that only operators see.
    pub fn system(client_id: u64, text: impl Into<String>) -> Self {
        Self { kind: Some(MessageType::System), ..Self::to_client(client_id, text) }
    }

    fn body(&self) -> Fields {
        Fields::default()
            .with("client_id", self.client_id)
            .and("text", self.text.as_deref())
            .and("attachment", self.attachment.as_deref())
            .and("attachment_filename", self.attachment_filename.as_deref())
            .and("pdf", self.pdf.as_deref())
            .and("type", self.kind.as_ref().map(MessageType::as_str))
            .and("transport", self.transport.as_deref())
            .and("channel_id", self.channel_id)
            .and("operator_id", self.operator_id)
            .and("open_dialog", self.open_dialog)
            .and("encrypted", self.encrypted)
            .and("external_id", self.external_id.as_deref())
            .and("reply_message_id", self.reply_message_id)
            .and("inline_buttons", (!self.inline_buttons.is_empty()).then(|| self.inline_buttons.clone()))
            .and("keyboard", self.keyboard.clone())
            .and("interactive", self.interactive.clone())
    }
}

vendor_row! {
    /// What was really used to send.
    pub struct SentMessage {
        /// Id of the message (later than the manual).
        message_id: Option<u64> = id, "message_id" | "id";
        /// The channel.
        channel_id: Option<u64> = id, "channel_id";
        /// The operator.
        operator_id: Option<u64> = id, "operator_id";
        /// The messenger.
        transport: Option<String> = text, "transport";
        /// The type.
        kind: Option<MessageType> = word, "type";
        /// The client.
        client_id: Option<u64> = id, "client_id";
        /// The dialog (later than the manual).
        dialog_id: Option<u64> = id, "dialog_id";
        /// The request (later than the manual).
        request_id: Option<u64> = id, "request_id";
    }
}

impl Client {
    /// Sends a message: `POST /v1/messages`. Coordinates cannot be sent, and a message cannot be deleted afterwards.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client; after [`Error::may_have_happened`] look whether it was sent before
    /// you send it again: the service knows no key that would tell a repeat.
    pub async fn send_message(&self, message: &OutgoingMessage) -> Result<SentMessage, Error> {
        made(&self.change(Change::new(Method::POST, "/v1/messages").body(message.body())).await?)
    }
}
