//! All datasets, and every column that leaves.
//!
//! What is not listed does not leave: `conversation` and `row_hash` are ours, and the ids of deliveries say by which copy
//! a row is known, so that two readings of one log would make different files of the same rows. The tables keep them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use store::export::{Kind, Source};

/// Grows whenever the same rows make other files: a column more, another type, another order. Every object is then
/// written again.
pub const SCHEMA_VERSION: u32 = 2;

/// A dataset: a table as it leaves.
#[derive(Debug)]
pub struct Dataset {
    /// The table, whose name is the dataset's.
    pub source: Source,
    /// Its columns, in this order.
    pub columns: &'static [Column],
}

/// A column as it leaves.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The column of the table; its name leaves unchanged.
    pub read: store::export::Column,
    /// One of few texts: a dictionary.
    pub is_word: bool,
    /// Says something about a person.
    pub is_personal: bool,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { read: store::export::Column { name, kind }, is_word: false, is_personal: false }
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn word(name: &'static str) -> Column {
    Column { is_word: true, ..column(name, Kind::Text) }
}

const fn personal(name: &'static str) -> Column {
    Column { is_personal: true, ..column(name, Kind::Text) }
}

const fn personal_json(name: &'static str) -> Column {
    Column { is_personal: true, ..column(name, Kind::Json) }
}

const fn at(name: &'static str) -> Column {
    column(name, Kind::Instant)
}

const fn number(name: &'static str) -> Column {
    column(name, Kind::Integer)
}

const fn seconds(name: &'static str) -> Column {
    column(name, Kind::Float)
}

/// The list: what a run writes, in this order.
pub static DATASETS: [Dataset; 8] = [
    Dataset { source: Source::Messages, columns: MESSAGES },
    Dataset { source: Source::Requests, columns: REQUESTS },
    Dataset { source: Source::Turns, columns: TURNS },
    Dataset { source: Source::TagScores, columns: TAG_SCORES },
    Dataset { source: Source::Dialogs, columns: DIALOGS },
    Dataset { source: Source::Clients, columns: CLIENTS },
    Dataset { source: Source::Operators, columns: OPERATORS },
    Dataset { source: Source::Leads, columns: LEADS },
];

const MESSAGES: &[Column] = &[
    word("account_id"),
    text("message_id"),
    text("client_id"),
    text("dialog_id"),
    text("request_key"),
    word("channel_id"),
    word("transport"),
    word("author_kind"),
    word("operator_id"),
    at("sent_at"),
    word("time_quality"),
    personal("text"),
    personal_json("attachments"),
    column("is_deleted", Kind::Bool),
    word("menu_item"),
];

const REQUESTS: &[Column] = &[
    word("account_id"),
    text("request_key"),
    text("request_id"),
    word("segmentation"),
    word("kind"),
    text("client_id"),
    text("dialog_id"),
    word("channel_id"),
    word("transport"),
    word("initiated_by"),
    at("opened_at"),
    at("closed_at"),
    word("close_reason"),
    word("close_detail"),
    at("first_client_message_at"),
    at("first_reply_at"),
    word("first_operator_id"),
    word("last_operator_id"),
    number("client_messages"),
    number("operator_messages"),
    number("bot_messages"),
    number("automation_messages"),
    number("transfers"),
    number("turns_answered"),
    number("turns_unanswered"),
    word("holder_operator_id"),
    at("waiting_since"),
    seconds("frt_customer_seconds"),
    seconds("frt_customer_business_seconds"),
    seconds("frt_human_seconds"),
    seconds("frt_human_business_seconds"),
    seconds("average_reply_seconds"),
    seconds("average_reply_business_seconds"),
    seconds("queue_wait_seconds"),
    seconds("resolution_seconds"),
    seconds("resolution_business_seconds"),
    text("previous_request_key"),
    column("local_day", Kind::Day),
    number("local_hour"),
    number("metric_version"),
];

const TURNS: &[Column] = &[
    word("account_id"),
    text("request_key"),
    number("turn_no"),
    at("asked_at"),
    at("answered_at"),
    at("ended_at"),
    word("operator_id"),
    word("state"),
    column("bot_replied", Kind::Bool),
    seconds("reply_seconds"),
    seconds("reply_business_seconds"),
];

const TAG_SCORES: &[Column] = &[
    word("account_id"),
    text("valuation_request_key"),
    word("scale_id"),
    text("client_id"),
    text("request_key"),
    word("source"),
    at("given_at"),
    column("local_day", Kind::Day),
    word("tag_id"),
    word("label"),
    column("score", Kind::Float),
    column("scale", Kind::Float),
    word("sentiment"),
    personal("comment"),
    at("withdrawn_at"),
    word("operator_id"),
    word("link"),
];

const DIALOGS: &[Column] = &[
    word("account_id"),
    text("dialog_id"),
    text("client_id"),
    word("channel_id"),
    word("state"),
    word("operator_id"),
    at("opened_at"),
    at("last_opened_at"),
    at("closed_at"),
    number("requests"),
    text("web_url"),
];

const CLIENTS: &[Column] = &[
    word("account_id"),
    text("client_id"),
    personal("phone"),
    personal("phone_e164"),
    personal("email"),
    personal("name"),
    personal("assigned_name"),
    personal("display_name"),
    column("is_anonymous", Kind::Bool),
    at("first_message_at"),
    at("last_message_at"),
    column("tags", Kind::Texts),
    personal_json("custom"),
];

const OPERATORS: &[Column] = &[
    word("account_id"),
    text("operator_id"),
    personal("name"),
    personal("email"),
    word("role"),
    column("is_bot", Kind::Bool),
    column("deleted", Kind::Bool),
];

const LEADS: &[Column] = &[
    word("account_id"),
    text("client_id"),
    text("lead_key"),
    personal("display_name"),
    personal("phone_e164"),
    personal("email"),
    column("transports", Kind::Texts),
    column("tags", Kind::Texts),
    word("operator_id"),
    column("last_score", Kind::Float),
    column("last_score_scale", Kind::Float),
    at("last_score_at"),
    at("first_message_at"),
    at("last_message_at"),
    text("dialog_url"),
];

impl Dataset {
    /// Its name, also the table's.
    pub fn name(&self) -> &'static str {
        self.source.table()
    }

    /// Its columns as the database is asked for them.
    pub(crate) fn read(&self) -> Vec<store::export::Column> {
        self.columns.iter().map(|column| column.read).collect()
    }

    /// The names of its personal columns.
    pub fn personal(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().filter(|column| column.is_personal).map(|column| column.read.name)
    }

    /// The schema of its files, whatever becomes of personal columns.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        let fields = self.columns.iter().map(|column| Field::new(column.read.name, column.data_type(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

impl Column {
    fn data_type(&self) -> DataType {
        match self.read.kind {
            Kind::Text if self.is_word => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Texts => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
            Kind::Bool => DataType::Boolean,
            Kind::Integer => DataType::Int32,
            Kind::Float => DataType::Float64,
            Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Day => DataType::Date32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_a_dataset_that_has_the_columns_it_is_sorted_by() {
        let names: Vec<_> = DATASETS.iter().map(Dataset::name).collect();
        let expected =
            ["messages", "requests", "turns", "tag_scores", "dialogs", "clients", "operators", "leads"];
        assert_eq!(names, expected);
        for dataset in &DATASETS {
            let has = |name: &&str| dataset.columns.iter().any(|column| column.read.name == *name);
            assert!(dataset.source.order().iter().all(has), "{}", dataset.name());
        }
    }

    #[test]
    fn personal_columns_are_texts_that_can_be_hashed() {
        for column in DATASETS.iter().flat_map(|dataset| dataset.columns).filter(|column| column.is_personal)
        {
            assert!(matches!(column.read.kind, Kind::Text | Kind::Json) && !column.is_word, "{column:?}");
        }
    }
}
