//! Leads and the records that stand for them in each CRM.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgExecutor;

use crate::StoreError;

/// How many leads of an account stand where in one CRM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct CrmCounts {
    /// The CRM's name in the configuration.
    pub crm: String,
    /// Accepted as they are now, as far as was tried.
    pub in_sync: i64,
    /// To be sent.
    pub pending: i64,
    /// Refused for now; tried again.
    pub failed: i64,
    /// Refused for good.
    pub dead: i64,
    /// When the last one was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
}

/// By CRM; one that has no record of the account is not there.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn crm_counts(executor: impl PgExecutor<'_>, account: &str) -> Result<Vec<CrmCounts>, StoreError> {
    Ok(sqlx::query_as(
        "select crm, count(*) filter (where status = 'ok') as in_sync, \
                count(*) filter (where status = 'pending') as pending, \
                count(*) filter (where status = 'failed') as failed, \
                count(*) filter (where status = 'dead') as dead, max(accepted_at) as accepted_at \
         from ledger.crm_links where account_id = $1 group by crm order by crm",
    )
    .bind(account)
    .fetch_all(executor)
    .await?)
}

/// How many leads the account has.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn leads(executor: impl PgExecutor<'_>, account: &str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from leads where account_id = $1")
        .bind(account)
        .fetch_one(executor)
        .await?)
}

/// A lead in a CRM.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct CrmRecord {
    /// The CRM.
    pub crm: String,
    /// Our key.
    pub lead_key: String,
    /// The client's name.
    pub client: String,
    /// The CRM's id.
    pub external_id: Option<String>,
    /// Its address in the CRM, as the CRM gave it.
    pub url: Option<String>,
    /// `pending`, `ok`, `failed`, `dead`.
    pub status: String,
    /// Failures of its own.
    pub attempts: i32,
    /// When it was accepted last.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it is tried again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What the CRM said.
    pub last_error: Option<String>,
    /// When anything here changed.
    pub updated_at: DateTime<Utc>,
    /// How many there are in all, the limit left aside. The same in every row.
    #[serde(skip)]
    pub total: i64,
}

/// The records that changed last, whatever their CRM; their `total` is 0: nobody counted.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn latest_crm_records(
    executor: impl PgExecutor<'_>,
    account: &str,
    limit: i64,
) -> Result<Vec<CrmRecord>, StoreError> {
    Ok(sqlx::query_as(
        "select k.crm, k.lead_key, left(coalesce(nullif(l.display_name, ''), k.client_id), 200) as client, \
                k.external_id, k.url, k.status, k.attempts, k.accepted_at, k.next_attempt_at, \
                left(k.last_error, 500) as last_error, k.updated_at, 0::bigint as total \
         from (select * from ledger.crm_links where account_id = $1 order by updated_at desc limit $2) k \
         left join leads l on l.account_id = k.account_id and l.client_id = k.client_id \
         order by k.updated_at desc, k.crm, k.lead_key",
    )
    .bind(account)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}

/// Records of one CRM or all, of one status or all; what changed last first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn crm_records(
    executor: impl PgExecutor<'_>,
    account: &str,
    crm: Option<&str>,
    status: Option<&str>,
    limit: i64,
) -> Result<Vec<CrmRecord>, StoreError> {
    Ok(sqlx::query_as(
        "select k.crm, k.lead_key, left(coalesce(nullif(l.display_name, ''), k.client_id), 200) as client, \
                k.external_id, k.url, k.status, k.attempts, k.accepted_at, k.next_attempt_at, \
                left(k.last_error, 500) as last_error, k.updated_at, k.total \
         from (select *, count(*) over () as total from ledger.crm_links \
               where account_id = $1 and ($2::text is null or crm = $2) and ($3::text is null or status = $3) \
               order by updated_at desc, crm, lead_key limit $4) k \
         left join leads l on l.account_id = k.account_id and l.client_id = k.client_id \
         order by k.updated_at desc, k.crm, k.lead_key",
    )
    .bind(account)
    .bind(crm)
    .bind(status)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}
