//! Dialogs: what an operator leads with a client (chat2desk.md 2.1 commands 17, 18, 19; 2.2).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use std::time::Duration;
//! use chat2desk::Closed;
//!
//! for dialog in client.unanswered_dialogs(Duration::from_secs(600)).await?.items()? {
//!     client.assign_dialog(dialog.id, 7001).await?;
//! }
//! if client.close_dialog(410_001).await? == Closed::Before {
//!     println!("it was closed already");
//! }
//! # Ok(()) }
//! ```

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::given::Order;
use crate::messages::Message;
use crate::page::{Page, one};
use crate::query::{Fields, Query};
use crate::row::{Row, count, id, time, vendor_row, vendor_word, word};

vendor_word! {
    /// State of a dialog.
    pub enum DialogState {
        /// Led by its operator.
        Open = "open",
        /// Over; a client who writes again may open it anew.
        Closed = "closed",
    }
}

vendor_row! {
    /// A dialog.
    pub struct Dialog {
        @id = "id" | "dialog_id" | "dialogID";
        /// Its state.
        state: Option<DialogState> = word, "state";
        /// Since when.
        begin: Option<DateTime<Utc>> = time, "begin";
        /// Until when; none while it is open.
        end: Option<DateTime<Utc>> = time, "end";
        /// Who leads it.
        operator_id: Option<u64> = id, "operator_id" | "operatorID";
        /// Its client, where the answer tells (most do not: see `last_message`).
        client_id: Option<u64> = id, "client_id" | "clientID";
        /// Its newest message (later than the manual).
        last_message: Option<Box<Message>> = message, "last_message";
        /// Its newest request (later than the manual).
        last_request_id: Option<u64> = id, "last_request_id";
        /// How many messages it has (later than the manual).
        messages: Option<u64> = count, "messages";
    }
}

fn message(value: &serde_json::Value) -> Option<Option<Box<Message>>> {
    Message::read(value.clone()).ok().map(|message| Some(Box::new(message)))
}

impl crate::row::Shown for Box<Message> {
    fn show(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// Which dialogs. There is no filter by client: the service ignores one (chat2desk.md 2.6); ask for
/// [`Client::client_dialogs`]. Unknown parameters are ignored as well, so check the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialogFilter {
    /// Led by this operator.
    pub operator_id: Option<u64>,
    /// In this state.
    pub state: Option<DialogState>,
    /// Oldest or newest first (later than the manual).
    pub order: Option<Order>,
    /// Most rows, at most [`LIMIT_MAX`](crate::LIMIT_MAX); the service's default is 20.
    pub limit: Option<u32>,
    /// Rows to pass over.
    pub offset: Option<u64>,
}

/// What to change of a dialog; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialogChanges {
    /// Who leads it.
    pub operator_id: Option<u64>,
    /// Its state.
    pub state: Option<DialogState>,
    /// In whose name the change is made (later than the manual).
    pub initiator_id: Option<u64>,
    /// Assign even where the rules would not (since 2025-07-30). Sent only when true.
    pub force_assign: bool,
}

/// What closing did. Both are successes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It was open, and is closed.
    Now,
    /// It was closed before: the service refused with "already has state".
    Before,
}

impl Client {
    /// One page of the dialogs that pass a filter: `GET /v1/dialogs`.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands of this module.
    pub async fn find_dialogs(&self, filter: &DialogFilter) -> Result<Page<Dialog>, Error> {
        let query = Query::default()
            .and("operator_id", filter.operator_id)
            .and("state", filter.state.as_ref())
            .and("order", filter.order)
            .and("limit", filter.limit)
            .and("offset", filter.offset);
        Ok(Page::read(&self.read("/v1/dialogs", query.pairs()).await?)?.of())
    }

    /// One dialog: `GET /v1/dialogs/<id>`.
    pub async fn dialog(&self, dialog_id: u64) -> Result<Dialog, Error> {
        one(&self.read(&format!("/v1/dialogs/{dialog_id}"), &[]).await?)
    }

    /// Dialogs whose client has waited for an answer longer than `waiting`: `GET /v1/dialogs/unanswered`. The vendor's
    /// parameter is called `limit` and counts seconds, not rows; a part of a second is dropped.
    pub async fn unanswered_dialogs(&self, waiting: Duration) -> Result<Page<Dialog>, Error> {
        let query = Query::default().with("limit", waiting.as_secs());
        Ok(Page::read(&self.read("/v1/dialogs/unanswered", query.pairs()).await?)?.of())
    }

    /// Changes a dialog: `PUT /v1/dialogs/<id>`. The answer is not published.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class; [`Error::is_already_so`] when it is in that state.
    pub async fn update_dialog(&self, dialog_id: u64, changes: &DialogChanges) -> Result<Answer, Error> {
        let body = Fields::default()
            .and("operator_id", changes.operator_id)
            .and("state", changes.state.as_ref().map(DialogState::as_str))
            .and("initiator_id", changes.initiator_id)
            .and("force_assign", changes.force_assign.then_some(true));
        let path = format!("/v1/dialogs/{dialog_id}");
        Answer::parse(&self.change(Change::new(Method::PUT, &path).body(body)).await?)
    }

    /// Gives a dialog to another operator. A chat that is new has no dialog yet: [`Client::assign_message`].
    ///
    /// # Errors
    /// As [`Self::update_dialog`].
    pub async fn assign_dialog(&self, dialog_id: u64, operator_id: u64) -> Result<Answer, Error> {
        let changes = DialogChanges { operator_id: Some(operator_id), ..DialogChanges::default() };
        self.update_dialog(dialog_id, &changes).await
    }

    /// Closes a dialog; one that is closed is a success too.
    ///
    /// # Errors
    /// As [`Self::update_dialog`].
    pub async fn close_dialog(&self, dialog_id: u64) -> Result<Closed, Error> {
        let changes = DialogChanges { state: Some(DialogState::Closed), ..DialogChanges::default() };
        closed(self.update_dialog(dialog_id, &changes).await)
    }
}

/// A refusal because it is closed already is a success.
pub(crate) fn closed(outcome: Result<Answer, Error>) -> Result<Closed, Error> {
    match outcome {
        Ok(_) => Ok(Closed::Now),
        Err(error) if error.is_already_so() => Ok(Closed::Before),
        Err(error) => Err(error),
    }
}
