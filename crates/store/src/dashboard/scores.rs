//! Scores, and what became of the low ones.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgExecutor;

use crate::StoreError;

/// Whose days are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DaysOf {
    /// The rated request's: as `report scores` counts.
    #[default]
    Request,
    /// The giving's: what is new.
    Giving,
}

/// Which scores.
#[derive(Clone, Debug)]
pub struct Scores<'a> {
    /// The account.
    pub account: &'a str,
    /// First local day; open where absent.
    pub from: Option<NaiveDate>,
    /// Last local day, inclusive; open where absent.
    pub to: Option<NaiveDate>,
    /// Whose days these are.
    pub days_of: DaysOf,
    /// `good`, `neutral`, `bad`; all where absent.
    pub sentiment: Option<&'a str>,
    /// Rows at most.
    pub limit: i64,
}

/// A score and its latest escalation.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct ScoreLine {
    /// The survey, or the request that carries the score.
    pub valuation_request_key: String,
    /// Which scale; empty where there is one.
    pub scale_id: String,
    /// The rated request.
    pub request_key: Option<String>,
    /// When it was given.
    pub given_at: DateTime<Utc>,
    /// The client's id.
    pub client_id: String,
    /// The client's name.
    pub client: String,
    /// Who is answerable.
    pub operator: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The score.
    pub score: f64,
    /// Of how many.
    pub scale: f64,
    /// `good`, `neutral`, `bad`.
    pub sentiment: String,
    /// The tag's label.
    pub label: Option<String>,
    /// The dialog in the operator application.
    pub web_url: Option<String>,
    /// Key of the latest escalation; absent where none was opened.
    pub escalation_key: Option<String>,
    /// Its rule.
    pub rule: Option<String>,
    /// `open`, `notified`, `acknowledged`, `closed`, `withdrawn`, `historic`.
    pub escalation: Option<String>,
    /// Who takes care of it.
    pub owner: Option<String>,
    /// The delivery that told the score first.
    pub delivery_id: uuid::Uuid,
    /// How many there are in all, the limit left aside. The same in every row.
    #[serde(skip)]
    pub total: i64,
}

/// The scores, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn scores(executor: impl PgExecutor<'_>, asked: &Scores<'_>) -> Result<Vec<ScoreLine>, StoreError> {
    Ok(sqlx::query_as(include_str!("scores.sql"))
        .bind(asked.account)
        .bind(asked.from)
        .bind(asked.to)
        .bind(asked.sentiment)
        .bind(asked.limit)
        .bind(asked.days_of == DaysOf::Giving)
        .fetch_all(executor)
        .await?)
}
