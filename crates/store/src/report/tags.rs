//! `report tags`: the tags of requests, put on and taken off.

use chrono::NaiveDate;
use events::AccountId;
use serde::Serialize;
use sqlx::PgExecutor;

use super::By;
use crate::StoreError;

/// What is asked.
#[derive(Clone, Debug)]
pub struct TagsQuery<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// First local day of the request; open where absent.
    pub from: Option<NaiveDate>,
    /// Last local day, inclusive; open where absent.
    pub to: Option<NaiveDate>,
    /// What a row stands for.
    pub by: By,
}

/// One row of the report, serialised as the report's JSON has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, sqlx::FromRow)]
pub struct TagsRow {
    /// What it stands for.
    pub key: String,
    /// The same, for people.
    pub label: String,
    /// How often a tag was put on a request.
    pub put: i64,
    /// How often one was taken off again.
    pub removed: i64,
    /// Requests that a tag was put on.
    pub requests: i64,
    /// Their clients.
    pub clients: i64,
}

/// The report. Days and hours come in their order, everything else the most often put first; by [`By::All`] there is
/// always exactly one row.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn tags(executor: impl PgExecutor<'_>, query: &TagsQuery<'_>) -> Result<Vec<TagsRow>, StoreError> {
    Ok(sqlx::query_as(include_str!("tags.sql"))
        .bind(query.account.as_str())
        .bind(query.from)
        .bind(query.to)
        .bind(query.by.as_str())
        .fetch_all(executor)
        .await?)
}
