//! Templates: prepared answers of the operators (chat2desk.md 2.1 command 25). The list is
//! [`Client::templates`](crate::Client::templates).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! let template = client.template(5).await?;
//! println!("{:?}", template.command);
//! # Ok(()) }
//! ```

use chrono::{DateTime, Utc};

use crate::client::Client;
use crate::error::Error;
use crate::page::one;
use crate::row::{text, time, vendor_row};

vendor_row! {
    /// A template; its fields are not in the manual.
    pub struct Template {
        @id = "id";
        /// Quick command.
        command: Option<String> = text, "command";
        /// What is sent.
        text: Option<String> = text, "text";
        /// Its name.
        name: Option<String> = text, "name";
        /// When it was made.
        created: Option<DateTime<Utc>> = time, "created";
    }
}

impl Client {
    /// One template: `GET /v1/templates/<id>`.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn template(&self, template_id: u64) -> Result<Template, Error> {
        one(&self.read(&format!("/v1/templates/{template_id}"), &[]).await?)
    }
}
