//! `report workload`: how much there was to do, and who did it.

use chrono::{DateTime, Utc};
use events::AccountId;
use serde::Serialize;
use sqlx::PgExecutor;

use super::By;
use crate::StoreError;

/// What is asked.
#[derive(Clone, Debug)]
pub struct WorkloadQuery<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The start of the first local day; open where absent.
    pub since: Option<DateTime<Utc>>,
    /// The end of the last local day, or now, whichever is earlier: what happened then or later is not counted.
    pub until: DateTime<Utc>,
    /// What a row stands for.
    pub by: By,
    /// The account's zone, by its IANA name: days and hours are local.
    pub zone: &'a str,
}

/// One row of the report, serialised as the report's JSON has it. Surveys are in none of its figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, sqlx::FromRow)]
pub struct WorkloadRow {
    /// What it stands for.
    pub key: String,
    /// The same, for people.
    pub label: String,
    /// Contacts that began, whoever began them.
    pub opened: i64,
    /// Contacts that were closed.
    pub closed: i64,
    /// Contacts that were open at [`WorkloadQuery::until`]; by day at its end, by hour at that hour's end on the last day.
    pub open_at_end: i64,
    /// Messages of clients.
    pub client_messages: i64,
    /// Messages of people to clients.
    pub operator_messages: i64,
    /// Messages of bots.
    pub bot_messages: i64,
    /// Automatic messages.
    pub automation_messages: i64,
    /// Clients who wrote, or to whom a person wrote.
    pub people: i64,
    /// People who wrote to clients.
    pub operators: i64,
    /// Local hours in which each of them wrote, added up.
    pub operator_hours: i64,
    /// Clients to whom an operator wrote within an hour, on average over those hours.
    pub people_per_operator_hour: Option<f64>,
}

/// The report. Days and hours come in their order, everything else the busiest first; by [`By::All`] there is always
/// exactly one row.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn workload(
    executor: impl PgExecutor<'_>,
    query: &WorkloadQuery<'_>,
) -> Result<Vec<WorkloadRow>, StoreError> {
    Ok(sqlx::query_as(include_str!("workload.sql"))
        .bind(query.account.as_str())
        .bind(query.since)
        .bind(query.until)
        .bind(query.by.as_str())
        .bind(query.zone)
        .fetch_all(executor)
        .await?)
}
