//! What stands beside conversations: clients, operators, channels, tags, and events that nothing folds yet.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::registers;
use crate::Id;

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
        /// Fields that no document names.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
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
        /// Fields that no document names, and words that a known field should not have.
        extra: serde_json::Value,
    }
}

registers! {
    /// An event of a kind that this version does not know. Key: hash of the bytes. Kept and counted.
    UnknownEvent {
        /// The platform's name for it, shortened to 80 characters.
        name: String,
    }
}

registers! {
    /// What a page says of a local day: evidence of completeness. Key: list, day, offset.
    PageCount {
        /// What it lists: `messages`, `requests` or `ratings`.
        list: String,
        /// The local day that was asked for.
        day: chrono::NaiveDate,
        /// Rows of the day before this page.
        offset: u64,
        /// Rows of the day, as the platform counts them.
        total: u64,
        /// Rows that the page brought.
        rows: u64,
        /// Of them rows that the log did not take.
        left_out: u64,
    }
}
