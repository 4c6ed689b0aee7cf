//! `report menu`: what clients chose in menus, and what came of it.

use chrono::{DateTime, NaiveDate, Utc};
use events::AccountId;
use serde::Serialize;
use sqlx::PgExecutor;

use super::{By, Summary};
use crate::StoreError;

/// What a row of the report stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MenuBy {
    /// The menu item, by its command.
    #[default]
    Item,
    /// As in the other reports: where the contact counts.
    Contact(By),
}

impl MenuBy {
    /// As JSON and SQL call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Contact(by) => by.as_str(),
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct MenuQuery<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// First local day of the contact; open where absent.
    pub from: Option<NaiveDate>,
    /// Last local day, inclusive; open where absent.
    pub to: Option<NaiveDate>,
    /// What a row stands for.
    pub by: MenuBy,
    /// Within target is what takes at most so many seconds.
    pub target_seconds: f64,
    /// The end of `to` in the account's zone, or now, whichever is earlier: when waiting is looked at.
    pub as_of: DateTime<Utc>,
}

/// One row of the report, serialised as the report's JSON has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, sqlx::FromRow)]
pub struct MenuRow {
    /// What it stands for.
    pub key: String,
    /// The same, for people.
    pub label: String,
    /// Choices.
    pub chosen: i64,
    /// Clients who chose.
    pub clients: i64,
    /// Contacts in which one was made.
    pub requests: i64,
    /// Contacts that have no response times: they are in no other figure.
    pub left_out: i64,
    /// Contacts in which the client then asked a person.
    pub asked: i64,
    /// Asked / requests; from 0 to 1.
    pub asked_share: Option<f64>,
    /// From that question to the first reply by a person.
    #[sqlx(flatten)]
    pub first_response: Summary,
}

/// The report. Days and hours come in their order, everything else the most chosen first; by [`By::All`] there is always
/// exactly one row.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn menu(executor: impl PgExecutor<'_>, query: &MenuQuery<'_>) -> Result<Vec<MenuRow>, StoreError> {
    Ok(sqlx::query_as(include_str!("menu.sql"))
        .bind(query.account.as_str())
        .bind(query.from)
        .bind(query.to)
        .bind(query.by.as_str())
        .bind(query.target_seconds)
        .bind(query.as_of)
        .fetch_all(executor)
        .await?)
}
