//! The rows that people read, and how changed ones are written: one statement a table and batch.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

/// A row of a table of schema `chat`.
pub trait TableRow: Serialize + Send + Sync {
    /// The table.
    const TABLE: &'static str;
    /// Inserts rows given as one JSON array, replacing those with the same key.
    const UPSERT: &'static str;
    /// Deletes rows given as arrays of accounts, conversations and keys; a row that has moved to another conversation
    /// stays. Of tables whose rows belong to conversations only.
    const DELETE: &'static str;

    /// The account.
    fn account(&self) -> &str;

    /// Its key within account and table, as text.
    fn key(&self) -> String;

    /// The hash of its content, filled in by [`sealed`].
    fn row_hash(&self) -> i64;

    /// Sets the hash.
    fn set_row_hash(&mut self, hash: i64);

    /// Writes every column of the content as JSON.
    fn write_content(&self, hash: &mut ContentHash) -> serde_json::Result<()>;
}

/// Declares a row with the SQL that writes it. Column names are the field names. Columns that say by which copy of a
/// delivery we know (`told_by`) are not part of the content: they may differ between two readings of one log.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident in $table:literal, key $keysql:literal, conflict on $conflict:literal {
        $($(#[$cdoc:meta])* $col:ident: $ty:ty),+ $(,)?
    } $(told_by { $($(#[$ddoc:meta])* $delivery:ident: $dty:ty),+ $(,)? })?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct $name {
            /// The account.
            pub account_id: String,
            $($(#[$cdoc])* pub $col: $ty,)+
            $($($(#[$ddoc])* pub $delivery: $dty,)+)?
            /// Hash of the content; filled in by [`sealed`].
            pub row_hash: i64,
        }

        impl TableRow for $name {
            const TABLE: &'static str = $table;
            const UPSERT: &'static str = concat!(
                "insert into ", $table, " select * from json_populate_recordset(null::", $table, ", $1::text::json) ",
                "on conflict (account_id, ", $conflict, ") do update set row_hash = excluded.row_hash",
                $(", ", stringify!($col), " = excluded.", stringify!($col)),+
                $($(, ", ", stringify!($delivery), " = excluded.", stringify!($delivery))+)?
            );
            const DELETE: &'static str = concat!(
                "delete from ", $table, " t using unnest($1::text[], $2::text[], $3::text[]) ",
                "as d(account_id, conversation, key) ",
                "where t.account_id = d.account_id and t.conversation = d.conversation and ", $keysql, " = d.key"
            );

            fn account(&self) -> &str { &self.account_id }
            fn key(&self) -> String { Self::key_of(self) }
            fn row_hash(&self) -> i64 { self.row_hash }
            fn set_row_hash(&mut self, hash: i64) { self.row_hash = hash; }

            fn write_content(&self, hash: &mut ContentHash) -> serde_json::Result<()> {
                serde_json::to_writer(&mut *hash, &self.account_id)?;
                $(
                    hash.0.update(b",");
                    serde_json::to_writer(&mut *hash, &self.$col)?;
                )+
                Ok(())
            }
        }
    };
}

/// Hashes what is written to it.
pub struct ContentHash(xxhash_rust::xxh3::Xxh3);

impl std::io::Write for ContentHash {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Fills in the hash of a row's content.
pub fn sealed<R: TableRow>(mut row: R) -> Result<R, StoreError> {
    let mut hash = ContentHash(xxhash_rust::xxh3::Xxh3::new());
    row.write_content(&mut hash).map_err(|error| unwritable::<R>(&error))?;
    row.set_row_hash(hash.0.digest().cast_signed());
    Ok(row)
}

fn unwritable<R: TableRow>(error: &serde_json::Error) -> StoreError {
    StoreError::Refused(format!("row of {}: {error}", R::TABLE))
}

/// Writes rows, replacing those with the same key.
pub async fn upsert<R: TableRow>(connection: &mut PgConnection, rows: &[R]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_string(rows).map_err(|error| unwritable::<R>(&error))?;
    sqlx::query(R::UPSERT).bind(json).execute(connection).await?;
    Ok(())
}

/// A row that a conversation has no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The account.
    pub account: String,
    /// The conversation that does not have it any more; another one may have it by now.
    pub conversation: String,
    /// [`TableRow::key`].
    pub key: String,
}

/// Deletes rows from their conversations.
pub async fn delete<R: TableRow>(connection: &mut PgConnection, gone: &[Gone]) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(R::DELETE)
        .bind(gone.iter().map(|gone| gone.account.as_str()).collect::<Vec<_>>())
        .bind(gone.iter().map(|gone| gone.conversation.as_str()).collect::<Vec<_>>())
        .bind(gone.iter().map(|gone| gone.key.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

row! {
    /// A person who writes through a messenger.
    ClientRow in "clients", key "t.client_id", conflict on "client_id" {
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
    OperatorRow in "operators", key "t.operator_id", conflict on "operator_id" {
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
    OperatorGroupRow in "operator_groups", key "t.group_id", conflict on "group_id" {
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
    ChannelRow in "channels", key "t.channel_id", conflict on "channel_id" {
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
    TagRow in "tags", key "t.tag_id", conflict on "tag_id" {
        /// Tag id.
        tag_id: String,
        /// Label.
        label: Option<String>,
        /// Group.
        group_name: Option<String>,
    }
}

row! {
    /// A message.
    MessageRow in "messages", key "t.message_id", conflict on "message_id" {
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
    } told_by {
        /// The delivery that told it first.
        delivery_id: Uuid,
    }
}

row! {
    /// A dialog.
    DialogRow in "dialogs", key "t.dialog_id", conflict on "dialog_id" {
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
    RequestRow in "requests", key "t.request_key", conflict on "request_key" {
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
    TurnRow in "turns", key "t.request_key || '#' || t.turn_no", conflict on "request_key, turn_no" {
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

impl ClientRow {
    fn key_of(&self) -> String {
        self.client_id.clone()
    }
}

impl OperatorRow {
    fn key_of(&self) -> String {
        self.operator_id.clone()
    }
}

impl OperatorGroupRow {
    fn key_of(&self) -> String {
        self.group_id.clone()
    }
}

impl ChannelRow {
    fn key_of(&self) -> String {
        self.channel_id.clone()
    }
}

impl TagRow {
    fn key_of(&self) -> String {
        self.tag_id.clone()
    }
}

impl MessageRow {
    fn key_of(&self) -> String {
        self.message_id.clone()
    }
}

impl DialogRow {
    fn key_of(&self) -> String {
        self.dialog_id.clone()
    }
}

impl RequestRow {
    fn key_of(&self) -> String {
        self.request_key.clone()
    }
}

impl TurnRow {
    fn key_of(&self) -> String {
        format!("{}#{}", self.request_key, self.turn_no)
    }
}
