//! Who waits now.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::StoreError;

/// The clients of an account who wait for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// Requests with an unanswered question.
    pub requests: i64,
    /// The earliest such question.
    pub since: Option<DateTime<Utc>>,
}

/// Who waits now, surveys left out.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn waiting(executor: impl PgExecutor<'_>, account: &str) -> Result<Waiting, StoreError> {
    Ok(sqlx::query_as(
        "select count(*) as requests, min(waiting_since) as since from requests \
         where account_id = $1 and waiting_since is not null and kind <> 'rating'",
    )
    .bind(account)
    .fetch_one(executor)
    .await?)
}
