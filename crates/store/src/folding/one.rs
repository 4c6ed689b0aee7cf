//! One conversation, folded because somebody asks for it.

use sqlx::{PgConnection, PgExecutor};

use super::{ClaimedConversations, join_generation};
use crate::{StoreError, marks};

/// Account and conversation of everything called `id`: a dialog, a request, or a conversation's own key.
pub async fn conversations_of(
    executor: impl PgExecutor<'_>,
    id: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    Ok(sqlx::query_as(
        "select account_id, conversation from dialogs where dialog_id = $1 \
         union select account_id, conversation from requests where request_key = $1 or conversation = $1 \
         union select account_id, conversation from links where identity in ('dialog:' || $1, 'request:' || $1) \
         order by 1, 2",
    )
    .bind(id)
    .fetch_all(executor)
    .await?)
}

/// Claims one conversation, marked or not: [`super::read_whole`] reads it.
pub async fn claim_conversation(
    connection: &mut PgConnection,
    account: &str,
    conversation: &str,
) -> Result<ClaimedConversations, StoreError> {
    join_generation(connection).await?;
    let claim = marks::hold(connection, "conversation", account, conversation).await?;
    Ok(ClaimedConversations::without_states(claim))
}
