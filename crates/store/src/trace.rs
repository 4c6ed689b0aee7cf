//! From a row back to the deliveries that told it, and on to what was done because of it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::StoreError;

/// What can be traced by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traced {
    /// A row of `messages`, by message id.
    Message,
    /// A row of `requests`, by request key.
    Request,
    /// Rows of `tag_scores`, by valuation request.
    Score,
    /// A row of `leads`, by client id.
    Lead,
    /// A row of `ledger.escalations`, by escalation key.
    Escalation,
}

impl Traced {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Message, Self::Request, Self::Score, Self::Lead, Self::Escalation];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Request => "request",
            Self::Score => "score",
            Self::Lead => "lead",
            Self::Escalation => "escalation",
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Message => "select to_jsonb(t) from messages t where account_id = $1 and message_id = $2",
            Self::Request => "select to_jsonb(t) from requests t where account_id = $1 and request_key = $2",
            Self::Score => {
                "select to_jsonb(t) from tag_scores t where account_id = $1 and valuation_request_key = $2 order by scale_id"
            }
            Self::Lead => "select to_jsonb(t) from leads t where account_id = $1 and client_id = $2",
            Self::Escalation => {
                "select to_jsonb(t) from ledger.escalations t where account_id = $1 and escalation_key = $2"
            }
        }
    }
}

/// The rows under a key, every column of them.
pub async fn rows(
    executor: impl PgExecutor<'_>,
    what: Traced,
    account: &str,
    key: &str,
) -> Result<Vec<Value>, StoreError> {
    Ok(sqlx::query_scalar(what.sql()).bind(account).bind(key).fetch_all(executor).await?)
}

/// One telling of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Telling {
    /// The kind of fact.
    pub kind: String,
    /// Its key.
    pub fact_key: String,
    /// The conversation that it was filed under; none while nobody knows it, or where there is none.
    pub conversation: Option<String>,
    /// When it was observed.
    pub observed_at: DateTime<Utc>,
    /// When it was received first.
    pub received_at: DateTime<Utc>,
    /// The delivery that told it first.
    pub delivery_id: Uuid,
}

/// All tellings of one fact, by receipt.
pub async fn tellings(
    executor: impl PgExecutor<'_>,
    account: &str,
    kind: &str,
    key: &str,
) -> Result<Vec<Telling>, StoreError> {
    Ok(sqlx::query_as(
        "select kind, fact_key, conversation, observed_at, received_at, delivery_id from facts \
         where account_id = $1 and kind = $2 and fact_key = $3 order by received_at, delivery_id",
    )
    .bind(account)
    .bind(kind)
    .bind(key)
    .fetch_all(executor)
    .await?)
}

/// The tellings that made a request: its opening, closing, report, tags, ratings and messages. By receipt.
pub async fn request_tellings(
    executor: impl PgExecutor<'_>,
    account: &str,
    request: &str,
) -> Result<Vec<Telling>, StoreError> {
    Ok(sqlx::query_as(include_str!("trace_request.sql"))
        .bind(account)
        .bind(request)
        .fetch_all(executor)
        .await?)
}

/// The tellings that made a lead: the client's card, and the first and the last message. By receipt.
pub async fn lead_tellings(
    executor: impl PgExecutor<'_>,
    account: &str,
    client: &str,
) -> Result<Vec<Telling>, StoreError> {
    Ok(sqlx::query_as(include_str!("trace_lead.sql")).bind(account).bind(client).fetch_all(executor).await?)
}

/// Something that was done, or is to be done, to the outside world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Done {
    /// The effect.
    pub effect_key: String,
    /// The receiver.
    pub target: String,
    /// What it is about.
    pub subject: String,
    /// `pending`, `in_flight`, `done`, `dead`.
    pub status: String,
    /// The message that carried it.
    pub message_id: Option<String>,
    /// Failures of its own.
    pub attempts: i32,
    /// When it was intended.
    pub intended_at: DateTime<Utc>,
    /// When its outcome became final.
    pub settled_at: Option<DateTime<Utc>>,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// What was done about escalations and leads (by escalation key and lead key), by time.
pub async fn effects(
    executor: impl PgExecutor<'_>,
    account: &str,
    subjects: &[String],
) -> Result<Vec<Done>, StoreError> {
    Ok(sqlx::query_as(
        "select effect_key, target, subject, status, message_id, attempts, intended_at, settled_at, last_error \
         from ledger.effects where account_id = $1 and subject = any($2) order by intended_at, effect_key",
    )
    .bind(account)
    .bind(subjects)
    .fetch_all(executor)
    .await?)
}

/// The keys of the escalations that a valuation request caused.
pub async fn escalations_of(
    executor: impl PgExecutor<'_>,
    account: &str,
    valuations: &[String],
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select escalation_key from ledger.escalations where account_id = $1 and cause = any($2) order by opened_at",
    )
    .bind(account)
    .bind(valuations)
    .fetch_all(executor)
    .await?)
}

/// The valuation requests whose scores rate a request, and those of its own.
pub async fn valuations_of(
    executor: impl PgExecutor<'_>,
    account: &str,
    request: &str,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select distinct valuation_request_key from tag_scores \
         where account_id = $1 and (request_key = $2 or valuation_request_key = $2) order by 1",
    )
    .bind(account)
    .bind(request)
    .fetch_all(executor)
    .await?)
}

/// The records in CRMs of a lead: rows of `ledger.crm_links`.
pub async fn crm_links_of(
    executor: impl PgExecutor<'_>,
    account: &str,
    lead_key: &str,
) -> Result<Vec<Value>, StoreError> {
    Ok(sqlx::query_scalar(
        "select to_jsonb(t) from ledger.crm_links t where account_id = $1 and lead_key = $2 order by crm",
    )
    .bind(account)
    .bind(lead_key)
    .fetch_all(executor)
    .await?)
}

/// The client of a lead key, if there is such a lead.
pub async fn client_of_lead(
    executor: impl PgExecutor<'_>,
    account: &str,
    lead_key: &str,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select client_id from leads where account_id = $1 and lead_key = $2 order by 1 limit 1",
    )
    .bind(account)
    .bind(lead_key)
    .fetch_optional(executor)
    .await?)
}

/// The conversations where a request or dialog of this id has its row: (`request` or `dialog`, conversation).
pub async fn conversations_of(
    executor: impl PgExecutor<'_>,
    account: &str,
    id: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    Ok(sqlx::query_as(
        "select 'dialog', conversation from dialogs where account_id = $1 and dialog_id = $2 \
         union all \
         select 'request', conversation from requests where account_id = $1 and request_key = $2 \
         order by 1",
    )
    .bind(account)
    .bind(id)
    .fetch_all(executor)
    .await?)
}
