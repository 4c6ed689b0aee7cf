//! Tags on clients and requests (chat2desk.md 2.1 commands 22, 23, 24; 2.2).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::tags::Assignee;
//!
//! client.assign_tags(&[17, 18], Assignee::Request(8_800_001)).await?;
//! client.remove_tag(17, Assignee::Client(330_001)).await?;
//! # Ok(()) }
//! ```

use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::page::one;
use crate::query::Fields;
use crate::row::{id, text, vendor_row};

vendor_row! {
    /// A tag.
    pub struct Tag {
        @id = "id" | "tag_id" | "tagID";
        /// What operators see.
        label: Option<String> = text, "label" | "name";
        /// What it is for.
        description: Option<String> = text, "description";
        /// Its group.
        group_id: Option<u64> = id, "group_id";
        /// The group's name.
        group_name: Option<String> = text, "group_name";
    }
}

/// What carries a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignee {
    /// A client.
    Client(u64),
    /// A request (later than the manual).
    Request(u64),
}

/// A tag to make (later than the manual).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTag {
    /// Its group.
    pub group_id: u64,
    /// What operators see.
    pub label: String,
    /// What it is for.
    pub description: String,
    /// Six hexadecimal digits.
    pub background: Option<String>,
    /// Six hexadecimal digits.
    pub text_colour: Option<String>,
    /// Place among the tags of its group.
    pub order_show: Option<u64>,
}

/// A group of tags to make (later than the manual).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTagGroup {
    /// Its name.
    pub name: String,
    /// Place among the groups.
    pub order_show: Option<u64>,
    /// 1: shown.
    pub display: Option<u64>,
}

impl Client {
    /// One tag: `GET /v1/tags/<id>`.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn tag(&self, tag_id: u64) -> Result<Tag, Error> {
        one(&self.read(&format!("/v1/tags/{tag_id}"), &[]).await?)
    }

    /// Puts tags on a client or a request: `POST /v1/tags/assign_to`. The answer is not published.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client; [`Error::NotFound`] for an unknown tag, client or request;
    /// [`Error::Rejected`] for a tag of another company; so for all commands of this module that change something.
    pub async fn assign_tags(&self, tag_ids: &[u64], assignee: Assignee) -> Result<Answer, Error> {
        let (kind, id) = match assignee {
            Assignee::Client(id) => ("client", id),
            Assignee::Request(id) => ("request", id),
        };
        let body = Fields::default()
            .with("tag_ids", tag_ids)
            .with("assignee_type", kind)
            // A text in the manual's sample.
            .with("assignee_id", id.to_string());
        Answer::parse(&self.change(Change::new(Method::POST, "/v1/tags/assign_to").body(body)).await?)
    }

    /// Takes a tag off a client or a request: `DELETE /v1/tags/<id>/delete_from`, a DELETE with a body. The tag itself
    /// stays.
    pub async fn remove_tag(&self, tag_id: u64, assignee: Assignee) -> Result<Answer, Error> {
        let body = match assignee {
            Assignee::Client(id) => Fields::default().with("client_id", id),
            Assignee::Request(id) => Fields::default().with("request_id", id),
        };
        let path = format!("/v1/tags/{tag_id}/delete_from");
        Answer::parse(&self.change(Change::new(Method::DELETE, &path).body(body)).await?)
    }

    /// Makes a tag: `POST /v1/tags` (later than the manual; the answer is not published).
    pub async fn create_tag(&self, tag: &NewTag) -> Result<Answer, Error> {
        let body = Fields::default()
            .with("tag_group_id", tag.group_id)
            .with("tag_label", tag.label.as_str())
            .with("tag_description", tag.description.as_str())
            .and("tag_bg_color", tag.background.as_deref())
            .and("tag_text_color", tag.text_colour.as_deref())
            .and("order_show", tag.order_show);
        Answer::parse(&self.change(Change::new(Method::POST, "/v1/tags").body(body)).await?)
    }

    /// Makes a group of tags: `POST /v1/tag_groups` (later than the manual; the answer is not published).
    pub async fn create_tag_group(&self, group: &NewTagGroup) -> Result<Answer, Error> {
        let body = Fields::default()
            .with("tag_group_name", group.name.as_str())
            .and("order_show", group.order_show)
            .and("display", group.display);
        Answer::parse(&self.change(Change::new(Method::POST, "/v1/tag_groups").body(body)).await?)
    }
}
