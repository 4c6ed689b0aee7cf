//! Rows of conversations: messages, dialogs, requests, turns.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{ContentHash, CopyRows, TableRow, row};

row! {
    /// A message.
    MessageRow in "messages", key |row| row.message_id.clone(), in sql "t.message_id", conflict on "message_id" {
        /// Message id.
        message_id: String,
        /// Its conversation.
        conversation: String,
        /// The client.
        client_id: String,
        /// The dialog, filled in later for a new chat.
        dialog_id: Option<String>,
        /// The request it counts for.
        request_key: Option<String>,
        /// The channel.
        channel_id: Option<String>,
        /// The messenger.
        transport: Option<String>,
        /// `client`, `operator`, `bot`, `automation`, `system`, `note`, `other`.
        author_kind: String,
        /// Its sender.
        operator_id: Option<String>,
        /// When it was sent, by the rule of design.md 7.6.
        sent_at: DateTime<Utc>,
        /// `ok`, `received`, `future`, `unconfirmed`.
        time_quality: String,
        /// Its text.
        text: Option<String>,
        /// Attached files.
        attachments: Option<serde_json::Value>,
        /// Deleted: kept, not counted.
        is_deleted: bool,
        /// The command of the menu item that it chose; null: it is no such choice, or no script told of it.
        menu_item: Option<String>,
    } told_by {
        /// The delivery that told it first.
        delivery_id: Uuid,
    }
}

row! {
    /// A dialog.
    DialogRow in "dialogs", key |row| row.dialog_id.clone(), in sql "t.dialog_id", conflict on "dialog_id" {
        /// Dialog id.
        dialog_id: String,
        /// Its conversation.
        conversation: String,
        /// The client.
        client_id: Option<String>,
        /// The channel.
        channel_id: Option<String>,
        /// `open` or `closed`.
        state: String,
        /// Its operator.
        operator_id: Option<String>,
        /// Opening of its first request.
        opened_at: Option<DateTime<Utc>>,
        /// Opening of its last request.
        last_opened_at: Option<DateTime<Utc>>,
        /// Close of its last contact; null while open.
        closed_at: Option<DateTime<Utc>>,
        /// Requests linked to it, without ratings.
        requests: i32,
        /// Deep link into the operator application.
        web_url: Option<String>,
    }
}

row! {
    /// A request: one contact.
    RequestRow in "requests", key |row| row.request_key.clone(), in sql "t.request_key", conflict on "request_key" {
        /// The platform's id, or a derived key.
        request_key: String,
        /// Its conversation.
        conversation: String,
        /// The platform's id; null when derived.
        request_id: Option<String>,
        /// `given` or `derived`.
        segmentation: String,
        /// `common`, `rating`, `continuous`, `offline`.
        kind: String,
        /// The client.
        client_id: String,
        /// The dialog.
        dialog_id: Option<String>,
        /// The channel.
        channel_id: Option<String>,
        /// The messenger of its first message.
        transport: Option<String>,
        /// `client` or `company`.
        initiated_by: String,
        /// Opening.
        opened_at: DateTime<Utc>,
        /// Closing.
        closed_at: Option<DateTime<Utc>>,
        /// `operator`, `client`, `timeout`, `automatic`, `superseded`, `unknown`.
        close_reason: Option<String>,
        /// The vendor's own word.
        close_detail: Option<String>,
        /// First message from the client.
        first_client_message_at: Option<DateTime<Utc>>,
        /// First qualifying reply.
        first_reply_at: Option<DateTime<Utc>>,
        /// Sender of the first qualifying reply.
        first_operator_id: Option<String>,
        /// Sender of the last qualifying reply.
        last_operator_id: Option<String>,
        /// Messages from the client.
        client_messages: i32,
        /// Messages from people.
        operator_messages: i32,
        /// Messages from bots.
        bot_messages: i32,
        /// Automatic messages.
        automation_messages: i32,
        /// Changes from one operator to another.
        transfers: i32,
        /// Turns with a qualifying reply.
        turns_answered: i32,
        /// Turns that closing ended.
        turns_unanswered: i32,
        /// Who holds it, or held it last.
        holder_operator_id: Option<String>,
        /// Since when the client waits.
        waiting_since: Option<DateTime<Utc>>,
        /// First client message to first qualifying reply.
        frt_customer_seconds: Option<f64>,
        /// The same within business hours.
        frt_customer_business_seconds: Option<f64>,
        /// From the later of first client message and hand-off to people.
        frt_human_seconds: Option<f64>,
        /// The same within business hours.
        frt_human_business_seconds: Option<f64>,
        /// Mean over its answered turns.
        average_reply_seconds: Option<f64>,
        /// The same within business hours.
        average_reply_business_seconds: Option<f64>,
        /// Wait for the first person who held it.
        queue_wait_seconds: Option<f64>,
        /// First client message to last close.
        resolution_seconds: Option<f64>,
        /// The same within business hours.
        resolution_business_seconds: Option<f64>,
        /// The request before it that is not a rating.
        previous_request_key: Option<String>,
        /// Local day of the first client message, else of the opening.
        local_day: NaiveDate,
        /// Local hour of the same.
        local_hour: i16,
        /// Version of the definitions.
        metric_version: i16,
    } told_by {
        /// The delivery that opened it.
        started_by_delivery: Option<Uuid>,
        /// The delivery that closed it, else its last message's.
        ended_by_delivery: Option<Uuid>,
    }
}

row! {
    /// A turn: client messages with no qualifying reply between, and the reply that ends it.
    TurnRow in "turns", key |row| format!("{}#{}", row.request_key, row.turn_no), in sql "t.request_key || '#' || t.turn_no", conflict on "request_key, turn_no" {
        /// Its request.
        request_key: String,
        /// From 1.
        turn_no: i32,
        /// Its conversation.
        conversation: String,
        /// Its first client message.
        asked_at: DateTime<Utc>,
        /// The reply.
        answered_at: Option<DateTime<Utc>>,
        /// The reply, or the closing that ended it.
        ended_at: Option<DateTime<Utc>>,
        /// Who answered, else who held the request.
        operator_id: Option<String>,
        /// `answered`, `closed_unanswered`, `waiting`.
        state: String,
        /// A bot or an automatic answer came between.
        bot_replied: bool,
        /// Asked to answered.
        reply_seconds: Option<f64>,
        /// The same within business hours.
        reply_business_seconds: Option<f64>,
    }
}
