//! Webhooks: where the service sends events (chat2desk.md 2.1 commands 3, 4; 3.1, 3.2). What it sends is read by
//! [`crate::payload`].
//!
//! The service switches a webhook off after 5 hours without a success: look at [`Client::webhooks`] regularly.
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::WebhookSpec;
//!
//! let spec = WebhookSpec::new("analytics", "https://example.org/hooks/secret", &["inbox", "outbox"]);
//! let webhook = client.register_webhook(&spec).await?;
//! for error in &webhook.errors {
//!     println!("{:?} {:?}", error.created_at, error.text);
//! }
//! # Ok(()) }
//! ```

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::Value;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::page::{Page, made, one};
use crate::query::Fields;
use crate::row::{count, ids, list, text, texts, time, veiled_debug, vendor_row, vendor_word, word};

vendor_word! {
    /// Whether events are sent.
    pub enum WebhookStatus {
        /// They are.
        Enable = "enable",
        /// They are not: switched off by hand, or by the service after 5 hours without a success.
        Disable = "disable",
    }
}

/// What to register. `Debug` leaves the URL out: it may end in a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Free text.
    pub name: String,
    /// Where events go.
    pub url: String,
    /// Event names (chat2desk.md 3.4). Register wider than you read: an event that was not subscribed is lost.
    pub events: Vec<String>,
    /// Only these channels; empty: all.
    pub channels: Vec<u64>,
    /// On or off.
    pub status: WebhookStatus,
    /// Place among the webhooks; seen in one client only.
    pub order: Option<u64>,
}

veiled_debug!(WebhookSpec: name, url, events, channels, status, order);

impl WebhookSpec {
    /// A webhook that is on, for all channels.
    pub fn new(name: impl Into<String>, url: impl Into<String>, events: &[&str]) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
            channels: Vec::new(),
            status: WebhookStatus::Enable,
            order: None,
        }
    }

    fn body(&self) -> Fields {
        Fields::default()
            .with("name", self.name.as_str())
            .with("url", self.url.as_str())
            .with("events", self.events.clone())
            .with("channels", self.channels.clone())
            .with("status", self.status.as_str())
            .and("order", self.order)
    }
}

vendor_row! {
    /// One failed delivery.
    pub struct WebhookError {
        /// The vendor's text.
        text: Option<String> = text, "text";
        /// When.
        created_at: Option<DateTime<Utc>> = time, "created_at";
    }
}

vendor_row! {
    /// A webhook as the service lists it. `Debug` leaves the URL out.
    pub struct Webhook {
        @id = "id";
        /// Free text.
        name: Option<String> = text, "name";
        /// Where events go.
        url: Option<String> = text, "url";
        /// Event names.
        events: Vec<String> = texts, "events";
        /// Only these channels; empty: all.
        channels: Vec<u64> = ids, "channels";
        /// On or off.
        status: Option<WebhookStatus> = word, "status";
        /// Recent failures of delivery: the place to watch for a silent stop.
        errors: Vec<WebhookError> = list, "errors";
        /// Who made it.
        source: Option<String> = text, "source";
        /// Place among the webhooks.
        order: Option<u64> = count, "order";
    }
}

impl Webhook {
    /// Whether the service sends events to it.
    pub fn is_enabled(&self) -> bool {
        self.status == Some(WebhookStatus::Enable)
    }
}

impl Client {
    /// All webhooks of the company (at most five): `GET /v1/webhooks`. Costs a call of the quota.
    ///
    /// # Errors
    /// By class, see [`Error`]. [`Error::NotFound`] where only the old registration exists.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        Page::read(&self.read("/v1/webhooks", &[]).await?)?.of().items()
    }

    /// One webhook: `GET /v1/webhooks/<id>`.
    ///
    /// # Errors
    /// As [`Self::webhooks`].
    pub async fn webhook(&self, webhook_id: u64) -> Result<Webhook, Error> {
        one(&self.read(&format!("/v1/webhooks/{webhook_id}"), &[]).await?)
    }

    /// Makes sure that this webhook is there: changes the one with the same URL, or makes one. Two calls.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn register_webhook(&self, spec: &WebhookSpec) -> Result<Webhook, Error> {
        let webhooks = self.webhooks().await?;
        match webhooks.iter().find(|webhook| webhook.url.as_deref() == Some(spec.url.as_str())) {
            Some(webhook) => self.update_webhook(webhook.id, spec).await,
            None => self.create_webhook(spec).await,
        }
    }

    /// Makes a webhook: `POST /v1/webhooks`. The same URL twice is refused: [`Error::is_already_so`]. Names of events that
    /// the installation does not know are refused under the field `events`.
    ///
    /// # Errors
    /// By class, see [`Error`]; [`Error::NotAllowed`] for a read-only client.
    pub async fn create_webhook(&self, spec: &WebhookSpec) -> Result<Webhook, Error> {
        made(&self.change(Change::new(Method::POST, "/v1/webhooks").body(spec.body())).await?)
    }

    /// Changes a webhook to `spec`: `PUT /v1/webhooks/<id>`.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn update_webhook(&self, webhook_id: u64, spec: &WebhookSpec) -> Result<Webhook, Error> {
        let path = format!("/v1/webhooks/{webhook_id}");
        made(&self.change(Change::new(Method::PUT, &path).body(spec.body())).await?)
    }

    /// Deletes a webhook: `DELETE /v1/webhooks/<id>`; one that is not there counts as deleted.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn delete_webhook(&self, webhook_id: u64) -> Result<(), Error> {
        let path = format!("/v1/webhooks/{webhook_id}");
        match self.change(Change::new(Method::DELETE, &path)).await {
            Ok(body) => Answer::parse(&body).map(drop),
            Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sets the old single webhook, or removes it with `None`: `POST /v1/companies/web_hook`. It sends clients' messages,
    /// messages to clients of external channels, and tags of clients. Which one is set is `hook` of [`Client::api_info`].
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn set_old_web_hook(&self, url: Option<&str>) -> Result<Answer, Error> {
        self.set_old_hook("/v1/companies/web_hook", url).await
    }

    /// Sets the old webhook for closed chats, or removes it with `None`: `POST /v1/companies/chat_close_web_hook`.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn set_old_chat_close_web_hook(&self, url: Option<&str>) -> Result<Answer, Error> {
        self.set_old_hook("/v1/companies/chat_close_web_hook", url).await
    }

    async fn set_old_hook(&self, path: &str, url: Option<&str>) -> Result<Answer, Error> {
        let body = Fields::default().with("url", url.map_or(Value::Null, Value::from));
        Answer::parse(&self.change(Change::new(Method::POST, path).body(body)).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Row, value_of_bytes};

    #[test]
    fn a_webhook_is_read_and_its_address_is_not_shown() {
        let body =
            br#"{"id":"3101","name":null,"url":"https://x.example/hooks/acme/s3cret","events":["inbox"],
            "status":"enable","errors":[{"text":"timeout","created_at":1768469400}],"source":"api"}"#;
        let hook = Webhook::read(value_of_bytes(body).unwrap()).unwrap();
        assert_eq!((hook.id, hook.is_enabled(), hook.errors.len()), (3101, true, 1));
        assert!(!format!("{hook:?}").contains("s3cret"));
        let spec = WebhookSpec::new("a", "https://x.example/hooks/acme/s3cret", &["inbox"]);
        assert!(!format!("{spec:?}").contains("s3cret"));
    }
}
