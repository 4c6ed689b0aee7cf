//! Rows of clients, operators, groups, channels and tags.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{ContentHash, CopyRows, TableRow, row};

row! {
    /// A person who writes through a messenger.
    ClientRow in "clients", key |row| row.client_id.clone(), in sql "t.client_id", conflict on "client_id" {
        /// Client id.
        client_id: String,
        /// The phone as the platform has it; not always one.
        phone: Option<String>,
        /// E.164, where it can be parsed.
        phone_e164: Option<String>,
        /// E-mail.
        email: Option<String>,
        /// The messenger's name.
        name: Option<String>,
        /// The company's name for the client.
        assigned_name: Option<String>,
        /// What to show.
        display_name: String,
        /// A widget visitor without phone, e-mail or assigned name.
        is_anonymous: bool,
        /// First message from the client.
        first_message_at: Option<DateTime<Utc>>,
        /// Last message from the client.
        last_message_at: Option<DateTime<Utc>>,
        /// Labels of tags.
        tags: Vec<String>,
        /// Free fields.
        custom: serde_json::Value,
    }
}

row! {
    /// An operator.
    OperatorRow in "operators", key |row| row.operator_id.clone(), in sql "t.operator_id", conflict on "operator_id" {
        /// Operator id.
        operator_id: String,
        /// Name.
        name: Option<String>,
        /// E-mail.
        email: Option<String>,
        /// The platform's role.
        role: Option<String>,
        /// By configuration.
        is_bot: bool,
        /// By its role.
        deleted: bool,
    }
}

row! {
    /// A group of operators.
    OperatorGroupRow in "operator_groups", key |row| row.group_id.clone(), in sql "t.group_id", conflict on "group_id" {
        /// Group id.
        group_id: String,
        /// Name.
        name: Option<String>,
        /// Members.
        operator_ids: Vec<String>,
    }
}

row! {
    /// A channel.
    ChannelRow in "channels", key |row| row.channel_id.clone(), in sql "t.channel_id", conflict on "channel_id" {
        /// Channel id.
        channel_id: String,
        /// Name.
        name: Option<String>,
        /// Phone or account.
        phone: Option<String>,
        /// Messengers that it serves.
        transports: Vec<String>,
    }
}

row! {
    /// A tag's definition.
    TagRow in "tags", key |row| row.tag_id.clone(), in sql "t.tag_id", conflict on "tag_id" {
        /// Tag id.
        tag_id: String,
        /// Label.
        label: Option<String>,
        /// Group.
        group_name: Option<String>,
    }
}
