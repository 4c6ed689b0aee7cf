//! The registration of webhooks: `/v1/webhooks` (chat2desk.md 3.2).

use std::fmt;

use reqwest::Method;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::page::{Page, number};

/// What to register. `Debug` leaves the URL out: ours ends in a secret.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct WebhookSpec {
    /// Free text.
    pub name: String,
    /// Where events go.
    pub url: String,
    /// Event names (chat2desk.md 3.4).
    pub events: Vec<String>,
    /// Only these channels; empty: all.
    pub channels: Vec<u64>,
    /// `enable` or `disable`.
    pub status: String,
}

impl fmt::Debug for WebhookSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSpec")
            .field("name", &self.name)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A webhook as the service lists it. `Debug` leaves the URL out.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Webhook {
    /// Its id.
    #[serde(deserialize_with = "id")]
    pub id: u64,
    /// Free text.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Where events go.
    #[serde(default)]
    pub url: Option<String>,
    /// Event names.
    #[serde(default, deserialize_with = "or_default")]
    pub events: Vec<String>,
    /// `enable` or `disable`: the service disables one after 5 hours without a success.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// Recent failures of delivery: the place to watch for a silent stop.
    #[serde(default, deserialize_with = "or_default")]
    pub errors: Vec<WebhookError>,
}

impl Webhook {
    /// Whether the service sends events to it.
    pub fn is_enabled(&self) -> bool {
        self.status == "enable"
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Webhook");
        shown.field("id", &self.id).field("name", &self.name).field("status", &self.status);
        shown.field("events", &self.events).field("errors", &self.errors).finish_non_exhaustive()
    }
}

/// One failed delivery.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookError {
    /// The vendor's text.
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
    /// Unix seconds.
    #[serde(default)]
    pub created_at: Option<i64>,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
    number(&raw).ok_or_else(|| serde::de::Error::custom("id is no number"))
}

impl Client {
    /// All webhooks of the company (at most five). Costs a call of the quota.
    ///
    /// # Errors
    /// By class, see [`Error`]. [`Error::NotFound`] where only the old registration exists.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let page = Page::read(&self.read("/v1/webhooks", &[]).await?)?;
        page.rows.iter().map(|row| webhook(row.get())).collect()
    }

    /// Registers a webhook. The same URL twice is refused: [`Error::is_already_so`].
    ///
    /// # Errors
    /// By class, see [`Error`]; [`Error::NotAllowed`] for a read-only client.
    pub async fn create_webhook(&self, spec: &WebhookSpec) -> Result<Webhook, Error> {
        self.put_webhook(Method::POST, "/v1/webhooks", spec).await
    }

    /// Changes a webhook to `spec`.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn update_webhook(&self, id: u64, spec: &WebhookSpec) -> Result<Webhook, Error> {
        self.put_webhook(Method::PUT, &format!("/v1/webhooks/{id}"), spec).await
    }

    /// Deletes a webhook; one that is not there counts as deleted.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn delete_webhook(&self, id: u64) -> Result<(), Error> {
        match self.write(Method::DELETE, &format!("/v1/webhooks/{id}"), None).await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn put_webhook(&self, method: Method, path: &str, spec: &WebhookSpec) -> Result<Webhook, Error> {
        let unreadable = |_| Error::Unreadable("webhook".into());
        let body: Value = serde_json::to_value(spec).map_err(unreadable)?;
        let page = Page::read(&self.write(method, path, Some(&body)).await?)?;
        let row = page.rows.first().ok_or_else(|| Error::Unreadable("no webhook".into()))?;
        webhook(row.get())
    }
}

fn webhook(row: &str) -> Result<Webhook, Error> {
    serde_json::from_str(row).map_err(|_| Error::Unreadable("webhook".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_read_and_its_address_is_not_shown() {
        let hook = webhook(
            r#"{"id":"3101","name":null,"url":"https://x.example/hooks/acme/s3cret","events":["inbox"],
                "status":"enable","errors":[{"text":"timeout","created_at":1768469400}],"source":"api"}"#,
        )
        .unwrap();
        assert_eq!((hook.id, hook.is_enabled(), hook.errors.len()), (3101, true, 1));
        assert!(!format!("{hook:?}").contains("s3cret"));
    }
}
