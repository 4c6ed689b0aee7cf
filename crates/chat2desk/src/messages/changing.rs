//! What is done with a message that is there. Most of it is a GET in the vendor's API, and a change all the same: refused
//! for a read-only client, and never to be put behind a cache or a prefetcher.

use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::query::{Fields, Query};

/// To whom the chat of a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTransfer {
    /// A message of the chat.
    pub message_id: u64,
    /// The operator.
    pub operator_id: u64,
    /// Assign even where the rules would not (since 2025-07-30). Sent only when true.
    pub force_assign: bool,
}

/// To which group the chat of a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTransfer {
    /// A message of the chat.
    pub message_id: u64,
    /// The group, which chooses the operator by its own rule.
    pub group_id: u64,
    /// Assign even where the rules would not (since 2025-07-30). Sent only when true.
    pub force_assign: bool,
}

impl Client {
    /// Gives a **new** chat to an operator, who then leads the dialog: `POST /v1/messages/<id>/assign`. Refused for a
    /// message of an open dialog: use [`Client::assign_dialog`].
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class; so for all commands here.
    pub async fn assign_message(&self, message_id: u64, operator_id: u64) -> Result<Answer, Error> {
        let path = format!("/v1/messages/{message_id}/assign");
        let body = Fields::default().with("operator_id", operator_id);
        Answer::parse(&self.change(Change::new(Method::POST, &path).body(body)).await?)
    }

    /// Hands the chat of a message to an operator (later than the manual): a GET that changes state,
    /// `GET /v1/messages/<id>/transfer`.
    pub async fn transfer_message(&self, transfer: MessageTransfer) -> Result<Answer, Error> {
        let query = Query::default()
            .with("operator_id", transfer.operator_id)
            .and("force_assign", transfer.force_assign.then_some(true));
        self.change_by_get(&format!("/v1/messages/{}/transfer", transfer.message_id), query).await
    }

    /// Hands the chat of a message to a group: a GET that changes state, `GET /v1/messages/<id>/transfer_to_group`. The
    /// answer tells the operator that was chosen; the names of its fields are not published.
    pub async fn transfer_message_to_group(&self, transfer: GroupTransfer) -> Result<Answer, Error> {
        let query = Query::default()
            .with("group_id", transfer.group_id)
            .and("force_assign", transfer.force_assign.then_some(true));
        self.change_by_get(&format!("/v1/messages/{}/transfer_to_group", transfer.message_id), query).await
    }

    /// Marks a message as read by the operator: a GET that changes state, `GET /v1/messages/<id>/read`. An answer marks
    /// the whole dialog by itself.
    pub async fn mark_message_read(&self, message_id: u64) -> Result<Answer, Error> {
        self.change_by_get(&format!("/v1/messages/{message_id}/read"), Query::default()).await
    }

    /// Marks a message as not read: a GET that changes state, `GET /v1/messages/<id>/unread`.
    pub async fn mark_message_unread(&self, message_id: u64) -> Result<Answer, Error> {
        self.change_by_get(&format!("/v1/messages/{message_id}/unread"), Query::default()).await
    }

    /// **Destroys**: deletes every message of the company that waits to be sent, whoever wrote it. Nothing brings them
    /// back. `GET /gateway/delete_outbox`, without `/v1`.
    pub async fn delete_all_unsent_messages_of_the_company(&self) -> Result<Answer, Error> {
        self.change_by_get("/gateway/delete_outbox", Query::default()).await
    }

    pub(crate) async fn change_by_get(&self, path: &str, query: Query) -> Result<Answer, Error> {
        Answer::parse(&self.change(Change::new(Method::GET, path).query(query)).await?)
    }
}
