//! What a list is asked by: its end, its report, its days.

use std::fmt;

use chrono::NaiveDate;

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Oldest first, so that new rows stay behind a cursor.
    Asc,
    /// Newest first.
    Desc,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        })
    }
}

/// A report of `/v1/statistics` (chat2desk.md 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Report {
    /// One row a request.
    RequestStats,
    /// One row a given score.
    Rating,
    /// One row an operator, day, channel and transport.
    OperatorStats,
    /// One row an operator's part of a request.
    OperatorReplies,
    /// One row a status or chat event of an operator; may exceed 20 000 rows a day.
    OperatorEvents,
}

impl Report {
    /// The name that the API knows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestStats => "request_stats",
            Self::Rating => "rating",
            Self::OperatorStats => "operator_stats",
            Self::OperatorReplies => "operator_replies",
            Self::OperatorEvents => "operator_events",
        }
    }
}

/// Where messages start: by id, or by local day. The service refuses both in one call, so they are one or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From this message on (inclusive).
    Id(u64),
    /// From this local day of the company on.
    Day(NaiveDate),
    /// Within these local days, both inclusive.
    Days(NaiveDate, NaiveDate),
}

impl Start {
    pub(crate) fn pairs(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Id(id) => vec![("start_id", id.to_string())],
            Self::Day(since) => vec![("start_date", day(since))],
            // `finish_date` behaves as exclusive: ask for the day after (chat2desk.md 2.3).
            Self::Days(since, until) => {
                vec![("start_date", day(since)), ("finish_date", day(until.succ_opt().unwrap_or(until)))]
            }
        }
    }
}

/// `dd-mm-yyyy` exactly, else HTTP 400 (chat2desk.md 2.3).
pub(crate) fn day(date: NaiveDate) -> String {
    date.format("%d-%m-%Y").to_string()
}
