//! The datasets, and how SQL sees them.

/// A dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// By the local day of `sent_at`.
    Messages,
    /// By the local day of the first client message, else of the opening.
    Requests,
    /// By the day of their request.
    Turns,
    /// By the local day of `given_at`.
    TagScores,
    /// Whole.
    Dialogs,
    /// Whole.
    Clients,
    /// Whole.
    Operators,
    /// Whole.
    Leads,
}

/// What a column holds, as it comes out of [`super::Rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A document, as its text.
    Json,
    /// A list of texts.
    Texts,
    /// True or false.
    Bool,
    /// A whole number of 32 bits.
    Integer,
    /// A number.
    Float,
    /// An instant, microseconds since 1970 UTC.
    Instant,
    /// A day, counted from 1970-01-01.
    Day,
}

/// A column to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The table's name of it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

impl Column {
    pub(super) fn expression(self) -> String {
        let cast = match self.kind {
            Kind::Json | Kind::Text => "::text",
            Kind::Integer => "::integer",
            Kind::Float => "::double precision",
            Kind::Texts | Kind::Bool | Kind::Instant | Kind::Day => "",
        };
        format!("t.{}{cast}", self.name)
    }
}

impl Source {
    /// The table of schema `chat`.
    pub fn table(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Requests => "requests",
            Self::Turns => "turns",
            Self::TagScores => "tag_scores",
            Self::Dialogs => "dialogs",
            Self::Clients => "clients",
            Self::Operators => "operators",
            Self::Leads => "leads",
        }
    }

    /// True when its objects are of one local day each.
    pub fn is_by_day(self) -> bool {
        matches!(self, Self::Messages | Self::Requests | Self::Turns | Self::TagScores)
    }

    /// The columns by which rows are sorted within an object: time, then key.
    pub fn order(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["sent_at", "message_id"],
            Self::Requests => &["opened_at", "request_key"],
            Self::Turns => &["asked_at", "request_key", "turn_no"],
            Self::TagScores => &["given_at", "valuation_request_key", "scale_id"],
            Self::Dialogs => &["opened_at", "dialog_id"],
            Self::Clients | Self::Leads => &["first_message_at", "client_id"],
            Self::Operators => &["operator_id"],
        }
    }

    /// The same as SQL. Keys are compared byte for byte, whatever language the database speaks.
    pub(super) fn order_by(self) -> &'static str {
        match self {
            Self::Messages => "t.sent_at, t.message_id collate \"C\"",
            Self::Requests => "t.opened_at, t.request_key collate \"C\"",
            Self::Turns => "t.asked_at, t.request_key collate \"C\", t.turn_no",
            Self::TagScores => "t.given_at, t.valuation_request_key collate \"C\", t.scale_id collate \"C\"",
            Self::Dialogs => "t.opened_at, t.dialog_id collate \"C\"",
            Self::Clients | Self::Leads => "t.first_message_at, t.client_id collate \"C\"",
            Self::Operators => "t.operator_id collate \"C\"",
        }
    }

    /// Tables and the local day as `d.day`; null where there are no days. A turn whose request is gone would still
    /// have a day.
    pub(super) fn from(self) -> &'static str {
        match self {
            Self::Messages => {
                "messages t cross join lateral \
                 (select (t.sent_at at time zone (select current_setting('export.zone')))::date as day) d"
            }
            Self::Requests => "requests t cross join lateral (select t.local_day as day) d",
            Self::Turns => {
                "turns t left join requests r using (account_id, request_key) cross join lateral \
                 (select coalesce(r.local_day, (t.asked_at at time zone (select current_setting('export.zone')))::date) as day) d"
            }
            Self::TagScores => "tag_scores t cross join lateral (select t.local_day as day) d",
            Self::Dialogs => "dialogs t cross join (select null::date as day) d",
            Self::Clients => "clients t cross join (select null::date as day) d",
            Self::Operators => "operators t cross join (select null::date as day) d",
            Self::Leads => "leads t cross join (select null::date as day) d",
        }
    }
}
