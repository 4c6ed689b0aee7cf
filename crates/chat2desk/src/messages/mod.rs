//! Messages: listed, sent, taken in, handed on (chat2desk.md 2.1 commands 1, 2, 5, 6, 7, 21, 33, 38; 2.2, 2.3).
//!
//! Reading all of them is a walk by id: [`Client::walk_messages`](crate::Client::walk_messages).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::messages::{MessageFilter, OutgoingMessage};
//!
//! let filter = MessageFilter { client_id: Some(330_001), ..MessageFilter::default() };
//! for message in client.find_messages(&filter).await?.items()? {
//!     println!("{} {:?}", message.id, message.kind);
//! }
//! let sent = client.send_message(&OutgoingMessage::to_client(330_001, "It left the warehouse.")).await?;
//! println!("sent as {:?} through channel {:?}", sent.message_id, sent.channel_id);
//! # Ok(()) }
//! ```

mod changing;
mod inbox;
mod outgoing;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::Error;
use crate::given::{Order, Start};
use crate::page::{Page, one};
use crate::query::Query;
use crate::row::{count, flag, id, list, map, text, time, vendor_row, vendor_word, word};

pub use changing::{GroupTransfer, MessageTransfer};
pub use inbox::{InboxMessage, Sender};
pub use outgoing::{OutgoingMessage, SentMessage};

vendor_word! {
    /// `type` of a message. The row's may be missing: seen on messages of the rating survey, which are automatic.
    pub enum MessageType {
        /// From the client.
        FromClient = "from_client",
        /// To the client, as a rule from an operator.
        ToClient = "to_client",
        /// An automatic answer.
        Autoreply = "autoreply",
        /// For operators only; in v1.09 the automatic answer.
        System = "system",
        /// An operator's note, for operators only.
        Comment = "comment",
        /// From the chat center through an external channel (v1.09, webhook only).
        FromSystem = "from_system",
    }
}

vendor_row! {
    /// A file of a message.
    pub struct Attachment {
        /// File name.
        name: Option<String> = text, "name";
        /// Absolute address; may be missing.
        link: Option<String> = text, "link";
    }
}

vendor_row! {
    /// A message of `/v1/messages`.
    pub struct Message {
        @id = "id" | "message_id" | "messageID";
        /// What was written; some channels send HTML.
        text: Option<String> = text, "text";
        /// Address of a photo; may be a path without a host: prefix the account's storage base.
        photo: Option<String> = text, "photo";
        /// Address of a video.
        video: Option<String> = text, "video";
        /// Address of a sound.
        audio: Option<String> = text, "audio";
        /// Address of a PDF.
        pdf: Option<String> = text, "pdf";
        /// Latitude and longitude, divided by a blank.
        coordinates: Option<String> = text, "coordinates";
        /// Messenger, an open set: `telegram`, `whatsapp`, `external` …
        transport: Option<String> = text, "transport";
        /// Who speaks.
        kind: Option<MessageType> = word, "type";
        /// Read by an operator; a message to a client always counts as read, Viber Business excepted.
        read: Option<bool> = flag, "read";
        /// When it was made, in whole seconds.
        created: Option<DateTime<Utc>> = time, "created" | "created_at";
        /// Its client.
        client_id: Option<u64> = id, "client_id" | "clientID";
        /// Its dialog; none until an operator starts to talk with the client.
        dialog_id: Option<u64> = id, "dialog_id" | "dialogID";
        /// The operator; none for automatic senders and new chats.
        operator_id: Option<u64> = id, "operator_id" | "operatorID";
        /// Its channel.
        channel_id: Option<u64> = id, "channel_id" | "channelID";
        /// Its request (later than the manual).
        request_id: Option<u64> = id, "request_id" | "requestID";
        /// The messenger's own id.
        remote_id: Option<String> = text, "remote_id";
        /// Id at Viber Business.
        vb_bus_id: Option<String> = text, "vb_bus_id";
        /// Delivery to the client, for instance `delivered`; Viber Business only in v1.09.
        recipient_status: Option<String> = text, "recipient_status";
        /// Status at the gateway.
        status: Option<String> = text, "status";
        /// Its files.
        attachments: Vec<Attachment> = list, "attachments";
        /// Not seen by an operator yet.
        is_new: Option<bool> = flag, "is_new";
        /// Whatever the channel adds.
        extra_data: Map<String, Value> = map, "extra_data";
    }
}

vendor_word! {
    /// `type` of a message of a request. `out` does not tell an operator's answer from an automatic one.
    pub enum RequestMessageType {
        /// From the client.
        In = "in",
        /// To the client.
        Out = "out",
        /// For operators only.
        System = "system",
    }
}

vendor_row! {
    /// A message as `/v1/requests/<id>/messages` writes it (chat2desk.md 2.4).
    pub struct RequestMessage {
        @id = "id" | "message_id" | "messageID";
        /// What was written.
        text: Option<String> = text, "text";
        /// Address of a photo.
        photo: Option<String> = text, "photo";
        /// Address of a video.
        video: Option<String> = text, "video";
        /// Address of a sound.
        audio: Option<String> = text, "audio";
        /// Address of a PDF.
        pdf: Option<String> = text, "pdf";
        /// Latitude and longitude.
        coordinates: Option<String> = text, "coordinates";
        /// Messenger.
        transport: Option<String> = text, "transport";
        /// Direction.
        kind: Option<RequestMessageType> = word, "type";
        /// Read by an operator.
        read: Option<bool> = flag, "read";
        /// When it was made.
        created: Option<DateTime<Utc>> = time, "created";
        /// Its client.
        client_id: Option<u64> = id, "clientID" | "client_id";
        /// The operator.
        operator_id: Option<u64> = id, "operatorID" | "operator_id";
        /// Its channel.
        channel_id: Option<u64> = id, "channelID" | "channel_id";
        /// The company.
        company_id: Option<u64> = count, "companyID" | "company_id";
        /// Its dialog.
        dialog_id: Option<u64> = id, "dialogID" | "dialog_id";
        /// Status at the gateway.
        gateway_status: Option<String> = text, "gateway_status";
        /// Whatever the channel adds; `system_type` on system messages.
        extra_data: Map<String, Value> = map, "extra_data";
    }
}

/// Which messages. Only filters that are known to work are offered: the service ignores a parameter that it does not know
/// and then returns everything (`request_id` is ignored, and so is `offset` here). Check the rows all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// From where on.
    pub start: Option<Start>,
    /// Of this client.
    pub client_id: Option<u64>,
    /// Of this dialog.
    pub dialog_id: Option<u64>,
    /// Of this channel.
    pub channel_id: Option<u64>,
    /// Of this operator (later than the manual).
    pub operator_id: Option<u64>,
    /// Of this messenger.
    pub transport: Option<String>,
    /// Of this type.
    pub kind: Option<MessageType>,
    /// Read by an operator, or not.
    pub read: Option<bool>,
    /// Oldest or newest first (later than the manual). The service's own order is not stated.
    pub order: Option<Order>,
    /// Most rows, at most [`LIMIT_MAX`](crate::LIMIT_MAX); the service's default is 20.
    pub limit: Option<u32>,
}

impl MessageFilter {
    fn query(&self) -> Query {
        let start = self.start.map(Start::pairs).unwrap_or_default();
        let query = start.into_iter().fold(Query::default(), |query, (name, value)| query.with(name, value));
        query
            .and("client_id", self.client_id)
            .and("dialog_id", self.dialog_id)
            .and("channel_id", self.channel_id)
            .and("operator_id", self.operator_id)
            .and("transport", self.transport.as_ref())
            .and("type", self.kind.as_ref())
            .and("read", self.read)
            .and("limit", self.limit)
            .and("order", self.order)
    }
}

impl Client {
    /// One page of the messages that pass a filter: `GET /v1/messages`.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands of this module.
    pub async fn find_messages(&self, filter: &MessageFilter) -> Result<Page<Message>, Error> {
        Ok(Page::read(&self.read("/v1/messages", filter.query().pairs()).await?)?.of())
    }

    /// One message, with its dialog, operator and channel: `GET /v1/messages/<id>`.
    pub async fn message(&self, message_id: u64) -> Result<Message, Error> {
        one(&self.read(&format!("/v1/messages/{message_id}"), &[]).await?)
    }
}
