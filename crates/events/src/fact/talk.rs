//! What happens in a conversation: messages, requests, dialogs, tags, and what lists and reports say of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Origin, RequestKind, registers};
use crate::Id;

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
        /// Which menu item: its command. Only scripts tell it.
        menu_item: String,
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
    }
}
