//! Requests: what a client wants, from the first message to the closing (chat2desk.md 2.2, 2.4). All of it is later than the
//! manual, and no command lists them: ids come from messages, from dialogs and from
//! [`Client::request_stats`](crate::Client::request_stats).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::requests::Whose;
//!
//! let mut messages = client.request_messages(8_800_001).await?.items()?;
//! messages.sort_by_key(|message| (message.created, message.id));
//! client.close_request(Whose::Request(8_800_001)).await?;
//! # Ok(()) }
//! ```

use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::dialogs::{Closed, closed};
use crate::error::Error;
use crate::messages::RequestMessage;
use crate::page::{Page, one};
use crate::query::Fields;
use crate::row::{id, vendor_row};

vendor_row! {
    /// A request. Only `dialog_id` is known; the rest of the answer is in `extra`.
    pub struct RequestCard {
        /// Its id, where the answer repeats it.
        id: Option<u64> = id, "id" | "request_id" | "requestID";
        /// Its dialog.
        dialog_id: Option<u64> = id, "dialog_id" | "dialogID";
        /// Its client, where the answer tells.
        client_id: Option<u64> = id, "client_id" | "clientID";
    }
}

/// Which request to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This one.
    Request(u64),
    /// The open one of this client.
    Client(u64),
}

impl Client {
    /// One request: `GET /v1/requests/<id>`.
    ///
    /// # Errors
    /// By class, see [`Error`]; [`Error::NotFound`] for an unknown one. So for all commands of this module.
    pub async fn request(&self, request_id: u64) -> Result<RequestCard, Error> {
        one(&self.read(&format!("/v1/requests/{request_id}"), &[]).await?)
    }

    /// All messages of a request in one answer, a bare array in no order that is promised:
    /// `GET /v1/requests/<id>/messages`.
    pub async fn request_messages(&self, request_id: u64) -> Result<Page<RequestMessage>, Error> {
        Ok(Page::read(&self.read(&format!("/v1/requests/{request_id}/messages"), &[]).await?)?.of())
    }

    /// Closes a request: `PUT /v1/requests/close`. One that is closed is a success too.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class.
    pub async fn close_request(&self, whose: Whose) -> Result<Closed, Error> {
        let body = match whose {
            Whose::Request(id) => Fields::default().with("request_id", id),
            Whose::Client(id) => Fields::default().with("client_id", id),
        };
        let change = Change::new(Method::PUT, "/v1/requests/close").body(body);
        closed(match self.change(change).await {
            Ok(body) => Answer::parse(&body),
            Err(error) => Err(error),
        })
    }
}
