//! `ledger.pending_causes`: what somebody changed on purpose, until its effect on published figures was looked at.
//!
//! Noted in the transaction of the change, so that no crash loses it.

use sqlx::PgExecutor;

use crate::StoreError;

/// Why rows change, where it is known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The configuration changed.
    Configuration,
    /// A rebuild has switched.
    Rebuild,
    /// A person was erased.
    Erased,
}

impl Cause {
    /// As `ledger.restatements` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Rebuild => "rebuild",
            Self::Erased => "erased",
        }
    }
}

/// A change whose effect was not looked at yet.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Pending {
    /// Which; later ones are greater.
    pub cause_id: i64,
    /// Whose figures it concerns.
    pub account_id: String,
    /// The word for it.
    pub cause: String,
    /// What changed, in words.
    pub detail: Option<String>,
}

/// Notes that an account's rows change for this cause; `detail` says what changed, in words.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn note(
    executor: impl PgExecutor<'_>,
    account: &str,
    cause: Cause,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("insert into ledger.pending_causes (account_id, cause, detail) values ($1, $2, $3)")
        .bind(account)
        .bind(cause.as_str())
        .bind(detail)
        .execute(executor)
        .await?;
    Ok(())
}

/// What waits to be looked at, in the order in which it was noted.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn pending(executor: impl PgExecutor<'_>) -> Result<Vec<Pending>, StoreError> {
    let sql = "select cause_id, account_id, cause, detail from ledger.pending_causes order by cause_id";
    Ok(sqlx::query_as(sql).fetch_all(executor).await?)
}

/// Whether of an account exactly these are pending, in order: nothing was noted since, and nobody has settled them.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn is_pending(
    executor: impl PgExecutor<'_>,
    account: &str,
    known: &[i64],
) -> Result<bool, StoreError> {
    let sql = "select coalesce(array_agg(cause_id order by cause_id), '{}') = $2 \
               from ledger.pending_causes where account_id = $1";
    Ok(sqlx::query_scalar(sql).bind(account).bind(known).fetch_one(executor).await?)
}

/// Forgets what every published day was looked at under.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn settled(executor: impl PgExecutor<'_>, known: &[i64]) -> Result<(), StoreError> {
    sqlx::query("delete from ledger.pending_causes where cause_id = any($1)")
        .bind(known)
        .execute(executor)
        .await?;
    Ok(())
}
