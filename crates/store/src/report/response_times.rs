//! `report response-times`: how long customers waited for people.

use chrono::{DateTime, NaiveDate, Utc};
use events::AccountId;
use serde::Serialize;
use sqlx::PgExecutor;

use crate::StoreError;

/// What a row of the report stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// One row, key `all`.
    #[default]
    All,
    /// A request counts under its first replier, else its holder, else `''`; a resolution under the last replier; a
    /// turn under who replied, else who held the request.
    Operator,
    /// The channel's id, or `''`.
    Channel,
    /// The transport, or `''`.
    Transport,
    /// The local day of the request's first client message.
    Day,
    /// Its local hour, `0` to `23`.
    Hour,
    /// The tag's id; a request with several that are on counts under each, one without under `''`.
    Tag,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::All, Self::Operator, Self::Channel, Self::Transport, Self::Day, Self::Hour, Self::Tag];

    /// As JSON and SQL call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Operator => "operator",
            Self::Channel => "channel",
            Self::Transport => "transport",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Tag => "tag",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// First local day; open where absent.
    pub from: Option<NaiveDate>,
    /// Last local day, inclusive; open where absent.
    pub to: Option<NaiveDate>,
    /// What a row stands for.
    pub by: By,
    /// Within target is what takes at most so many seconds.
    pub target_seconds: f64,
    /// The end of `to` in the account's zone, or now, whichever is earlier: when waiting is looked at.
    pub as_of: DateTime<Utc>,
}

/// Durations in seconds, and what has none. `None` where there is nothing, never 0.
///
/// A duration counts whenever it ended: a customer who asked on Sunday and was answered on Monday is in Sunday's `n`,
/// else the longest waits would be in no report at all. `waiting` looks at one instant: the same customer was waiting
/// at the end of Sunday, and stands there too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, sqlx::FromRow)]
pub struct Summary {
    /// How many have a duration.
    pub n: i64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Median, by linear interpolation.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// Met / (met + missed). Missed: answered late, closed unanswered after more than the target, or waiting longer than
    /// it; shorter ones that have no answer are in neither.
    pub within_target: Option<f64>,
    /// Closed without an answer.
    pub unanswered: i64,
    /// Without an answer and not closed at [`Query::as_of`].
    pub waiting: i64,
}

/// Requests that are not in response-time figures, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Satisfaction surveys.
    pub rating: i64,
    /// Continuous chats.
    pub continuous: i64,
    /// Messages left while nobody was there.
    pub offline: i64,
    /// Begun by the company.
    pub company: i64,
}

impl std::ops::AddAssign for LeftOut {
    fn add_assign(&mut self, other: Self) {
        self.rating += other.rating;
        self.continuous += other.continuous;
        self.offline += other.offline;
        self.company += other.company;
    }
}

/// One row of the report, serialised as the report's JSON has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// What it stands for.
    pub key: String,
    /// The same, for people.
    pub label: String,
    /// Requests that count.
    pub requests: i64,
    /// Requests that do not.
    pub left_out: i64,
    /// First client message that asks, to the first reply by a person.
    pub first_response: Summary,
    /// The same in business time.
    pub first_response_business: Summary,
    /// From the hand-over to people, where a bot was first. Those that nobody answered count from the question.
    pub first_response_human: Summary,
    /// Each turn: its first message to the reply that ends it.
    pub reply: Summary,
    /// The same in business time.
    pub reply_business: Summary,
    /// First client message to the last close. Closing resolves: nothing is `unanswered`; `waiting` are open ones.
    pub resolution: Summary,
    /// Why requests were left out.
    #[serde(skip)]
    pub left_out_by: LeftOut,
}

impl Row {
    /// The six summaries with their names, in the order of the JSON.
    pub fn summaries(&self) -> [(&'static str, &Summary); 6] {
        [
            ("first_response", &self.first_response),
            ("first_response_business", &self.first_response_business),
            ("first_response_human", &self.first_response_human),
            ("reply", &self.reply),
            ("reply_business", &self.reply_business),
            ("resolution", &self.resolution),
        ]
    }

    fn summary(&mut self, metric: i32) -> &mut Summary {
        match metric {
            1 => &mut self.first_response,
            2 => &mut self.first_response_business,
            3 => &mut self.first_response_human,
            4 => &mut self.reply,
            5 => &mut self.reply_business,
            _ => &mut self.resolution,
        }
    }
}

/// One row and one of its summaries.
#[derive(sqlx::FromRow)]
pub(super) struct Line {
    key: String,
    label: String,
    requests: i64,
    left_out: i64,
    rating: i64,
    continuous: i64,
    offline: i64,
    company: i64,
    metric: i32,
    #[sqlx(flatten)]
    summary: Summary,
}

/// The report. Days and hours come in their order, everything else the busiest first; by [`By::All`] there is always
/// exactly one row.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn response_times(
    executor: impl PgExecutor<'_>,
    query: &Query<'_>,
) -> Result<Vec<Row>, StoreError> {
    let lines: Vec<Line> =
        asked(concat!(include_str!("response_times.sql"), include_str!("summaries.sql")), query)
            .fetch_all(executor)
            .await?;
    Ok(rows(lines))
}

/// A statement with the first six parameters, which are the same whoever's rules it follows.
pub(super) fn asked<'q>(
    statement: &'static str,
    query: &Query<'_>,
) -> sqlx::query::QueryAs<'q, sqlx::Postgres, Line, sqlx::postgres::PgArguments> {
    sqlx::query_as(statement)
        .bind(query.account.as_str().to_owned())
        .bind(query.from)
        .bind(query.to)
        .bind(query.by.as_str())
        .bind(query.target_seconds)
        .bind(query.as_of)
}

/// Lines to rows: six of each key follow one another.
pub(super) fn rows(lines: Vec<Line>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines {
        if rows.last().is_none_or(|row| row.key != line.key) {
            rows.push(begun(&line));
        }
        if let Some(row) = rows.last_mut() {
            *row.summary(line.metric) = line.summary;
        }
    }
    rows
}

fn begun(line: &Line) -> Row {
    let left_out_by = LeftOut {
        rating: line.rating,
        continuous: line.continuous,
        offline: line.offline,
        company: line.company,
    };
    let (key, label) = (line.key.clone(), line.label.clone());
    Row { key, label, requests: line.requests, left_out: line.left_out, left_out_by, ..Row::default() }
}
