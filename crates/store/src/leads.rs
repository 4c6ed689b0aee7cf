//! `leads`: what a CRM gets, read together with what it got last ([`crate::crm_links`]).

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::StoreError;

/// A lead as the tables have it now.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct Lead {
    /// The account.
    pub account_id: String,
    /// The client.
    pub client_id: String,
    /// `<platform>-<account>-<client id>`.
    pub lead_key: String,
    /// What to call the person; may be a number or a messenger's handle.
    pub display_name: String,
    /// E.164.
    pub phone_e164: Option<String>,
    /// E-mail as written.
    pub email: Option<String>,
    /// Messengers.
    pub transports: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Who answered last, else who holds the last request.
    pub operator_id: Option<String>,
    /// That operator's name.
    pub operator_name: Option<String>,
    /// The last score that counts.
    pub last_score: Option<f64>,
    /// The best score of its scale.
    pub last_score_scale: Option<f64>,
    /// When it was given.
    pub last_score_at: Option<DateTime<Utc>>,
    /// First message from the client.
    pub first_message_at: Option<DateTime<Utc>>,
    /// Last message from the client.
    pub last_message_at: Option<DateTime<Utc>>,
    /// The dialog in the operators' application.
    pub dialog_url: Option<String>,
}

/// A lead beside what one CRM accepted of it.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct LinkedLead {
    /// The lead.
    #[sqlx(flatten)]
    pub lead: Lead,
    /// Hash of the rows that it was read from and of the mapping: see [`crate::crm_links`].
    pub seen: i64,
    /// The CRM's id of the record, when it is known.
    pub external_id: Option<String>,
    /// Hash of the content accepted last.
    pub accepted_hash: Option<i64>,
    /// The same without what changes with every message.
    pub accepted_live_hash: Option<i64>,
    /// Hash of the content that was refused for good.
    pub refused_hash: Option<i64>,
    /// The same without what changes with every message.
    pub refused_live_hash: Option<i64>,
    /// The version sent last; 0 before the first.
    pub version: i64,
    /// Whether what changes with every message counts too.
    pub is_whole: bool,
}

/// Which leads of which CRM, and by which mapping.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The CRM's name.
    pub crm: &'a str,
    /// These accounts only; `None`: all.
    pub accounts: Option<&'a [String]>,
    /// The mapping's fingerprint: another mapping makes every lead worth a look.
    pub mapping: i64,
}

/// How many leads there are.
pub async fn count(executor: impl PgExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from leads").fetch_one(executor).await?)
}

/// A page of all leads of a scope by account and client, each with its link, after `after`. Reads only.
pub async fn page(
    executor: impl PgExecutor<'_>,
    scope: Scope<'_>,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<LinkedLead>, StoreError> {
    Ok(sqlx::query_as(include_str!("leads_page.sql"))
        .bind(scope.crm)
        .bind(scope.mapping)
        .bind(scope.accounts)
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .fetch_all(executor)
        .await?)
}

/// Leads by their keys, each with its link; those that are not there any more are left out.
pub async fn by_keys(
    executor: impl PgExecutor<'_>,
    scope: Scope<'_>,
    keys: &[String],
) -> Result<Vec<LinkedLead>, StoreError> {
    Ok(sqlx::query_as(include_str!("leads_by_keys.sql"))
        .bind(scope.crm)
        .bind(scope.mapping)
        .bind(keys)
        .fetch_all(executor)
        .await?)
}

/// Up to `limit` marked leads whose time has come and of which nothing is on its way: those that changed before those
/// that a comparison of all marked (none of these without `with_bulk`), oldest mark first. Other planners are kept off
/// them until the transaction ends; it must be one that reads what is committed by now.
pub async fn due(
    connection: &mut PgConnection,
    scope: Scope<'_>,
    target: &str,
    now: DateTime<Utc>,
    with_bulk: bool,
    limit: i64,
) -> Result<Vec<LinkedLead>, StoreError> {
    let keys: Vec<String> = sqlx::query_scalar(include_str!("leads_due_lock.sql"))
        .bind(scope.crm)
        .bind(target)
        .bind(now)
        .bind(with_bulk)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(include_str!("leads_due.sql"))
        .bind(scope.crm)
        .bind(scope.mapping)
        .bind(target)
        .bind(keys)
        .fetch_all(connection)
        .await?)
}
