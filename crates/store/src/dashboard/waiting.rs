//! Who waits now, one by one.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgExecutor;

use crate::StoreError;

/// A client who waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct WaitingLine {
    /// The request.
    pub request_key: String,
    /// The client's id.
    pub client_id: String,
    /// The client's name.
    pub client: String,
    /// Who holds the request.
    pub operator: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The messenger.
    pub transport: Option<String>,
    /// Since when.
    pub waiting_since: DateTime<Utc>,
    /// Nobody has answered this request yet.
    pub is_first: bool,
    /// The dialog in the operator application.
    pub web_url: Option<String>,
}

/// Those of [`crate::report::waiting`], who waits longest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn waiting(
    executor: impl PgExecutor<'_>,
    account: &str,
    limit: i64,
) -> Result<Vec<WaitingLine>, StoreError> {
    Ok(sqlx::query_as(
        "select r.request_key, r.client_id, left(coalesce(nullif(c.display_name, ''), r.client_id), 200) as client, \
                left(coalesce(o.name, nullif(r.holder_operator_id, '')), 200) as operator, \
                left(coalesce(h.name, r.channel_id), 200) as channel, r.transport, r.waiting_since, \
                r.first_reply_at is null as is_first, d.web_url \
         from requests r \
         left join clients c on c.account_id = r.account_id and c.client_id = r.client_id \
         left join operators o on o.account_id = r.account_id and o.operator_id = r.holder_operator_id \
         left join channels h on h.account_id = r.account_id and h.channel_id = r.channel_id \
         left join dialogs d on d.account_id = r.account_id and d.dialog_id = r.dialog_id \
         where r.account_id = $1 and r.waiting_since is not null and r.kind <> 'rating' \
         order by r.waiting_since, r.request_key limit $2",
    )
    .bind(account)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}
