//! The requests behind a figure of the response-time report.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::StoreError;
use crate::report::Query;

/// Which of the requests: each is what a figure of [`crate::report::Row`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// `requests`.
    #[default]
    Requests,
    /// `left_out`.
    LeftOut,
    /// `first_response.n`.
    Answered,
    /// Those that missed the target: what `within_target` lacks.
    Late,
    /// `first_response.unanswered`.
    Unanswered,
    /// `first_response.waiting`.
    Waiting,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Requests, Self::LeftOut, Self::Answered, Self::Late, Self::Unanswered, Self::Waiting];

    /// As addresses and SQL call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::LeftOut => "left_out",
            Self::Answered => "answered",
            Self::Late => "late",
            Self::Unanswered => "unanswered",
            Self::Waiting => "waiting",
        }
    }
}

/// What is asked: the rows behind one cell of the report.
#[derive(Clone, Debug)]
pub struct Requests<'a> {
    /// The report.
    pub of: Query<'a>,
    /// The key of one of its rows; absent: all rows.
    pub key: Option<&'a str>,
    /// Which figure.
    pub which: Which,
    /// Rows at most.
    pub limit: i64,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct RequestLine {
    /// The request.
    pub request_key: String,
    /// Its first client message, else its opening.
    pub began_at: DateTime<Utc>,
    /// Its close.
    pub closed_at: Option<DateTime<Utc>>,
    /// The client's id.
    pub client_id: String,
    /// The client's name.
    pub client: String,
    /// The first replier, else the holder.
    pub operator: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The messenger.
    pub transport: Option<String>,
    /// Why it is in no response-time figure.
    pub left_out: Option<String>,
    /// What became of its first question: `answered`, `closed_unanswered`, `waiting`.
    pub first_state: Option<String>,
    /// First response.
    pub frt_customer_seconds: Option<f64>,
    /// The same in business time.
    pub frt_customer_business_seconds: Option<f64>,
    /// First client message to close.
    pub resolution_seconds: Option<f64>,
    /// Why it closed.
    pub close_reason: Option<String>,
    /// The dialog in the operator application.
    pub web_url: Option<String>,
    /// The delivery that opened it.
    pub started_by_delivery: Option<Uuid>,
    /// The delivery that closed it, else its last message's.
    pub ended_by_delivery: Option<Uuid>,
    /// How many there are in all, the limit left aside. The same in every row.
    #[serde(skip)]
    pub total: i64,
}

/// The requests, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn requests(
    executor: impl PgExecutor<'_>,
    asked: &Requests<'_>,
) -> Result<Vec<RequestLine>, StoreError> {
    Ok(sqlx::query_as(include_str!("requests.sql"))
        .bind(asked.of.account.as_str())
        .bind(asked.of.from)
        .bind(asked.of.to)
        .bind(asked.of.by.as_str())
        .bind(asked.key)
        .bind(asked.which.as_str())
        .bind(asked.of.target_seconds)
        .bind(asked.of.as_of)
        .bind(asked.limit)
        .fetch_all(executor)
        .await?)
}
