//! Tickets (since 2024-08-12). The vendor's changelog names the path and the four methods; neither fields nor answers are
//! published, and the place of the id is by analogy.
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::ListQuery;
//!
//! for ticket in client.tickets(&ListQuery::first(200)).await?.iter() {
//!     println!("{:?}", ticket?.id("id"));
//! }
//! # Ok(()) }
//! ```

use reqwest::Method;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::lists::ListQuery;
use crate::page::Page;
use crate::query::Query;

impl Client {
    /// One page of the tickets: `GET /v1/tickets`. Whether it is paged is not published.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn tickets(&self, query: &ListQuery) -> Result<Page<Answer>, Error> {
        let pairs = Query::default().with("limit", query.limit).with("offset", query.offset);
        Ok(Page::read(&self.read("/v1/tickets", pairs.pairs()).await?)?.of())
    }

    /// One ticket: `GET /v1/tickets/<id>`.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn ticket(&self, ticket_id: u64) -> Result<Answer, Error> {
        Answer::parse(&self.read(&format!("/v1/tickets/{ticket_id}"), &[]).await?)
    }

    /// Makes a ticket: `POST /v1/tickets`. See [`Client::ticket_help`] for what the service says about its fields.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class; so for all below.
    pub async fn create_ticket(&self, fields: &Map<String, Value>) -> Result<Answer, Error> {
        let change = Change::new(Method::POST, "/v1/tickets").body(fields.clone());
        Answer::parse(&self.change(change).await?)
    }

    /// Changes a ticket: `PUT /v1/tickets/<id>`.
    pub async fn update_ticket(&self, ticket_id: u64, fields: &Map<String, Value>) -> Result<Answer, Error> {
        let path = format!("/v1/tickets/{ticket_id}");
        Answer::parse(&self.change(Change::new(Method::PUT, &path).body(fields.clone())).await?)
    }

    /// Deletes a ticket: `DELETE /v1/tickets/<id>`.
    pub async fn delete_ticket(&self, ticket_id: u64) -> Result<Answer, Error> {
        let path = format!("/v1/tickets/{ticket_id}");
        Answer::parse(&self.change(Change::new(Method::DELETE, &path)).await?)
    }
}
