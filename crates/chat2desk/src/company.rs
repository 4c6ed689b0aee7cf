//! The company account: access level and quota, settings, web analytics (chat2desk.md 1.3, 2.1 command 8, 2.2).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! let info = client.api_info().await?;
//! println!("level {}, {:?} calls left this month", info.mode, info.calls_left());
//! # Ok(()) }
//! ```

use chrono::NaiveDate;
use reqwest::Method;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::given::Order;
use crate::page::{Page, one};
use crate::query::{Fields, Query};
use crate::row::{Row, Veiled, count, text, vendor_word, word};

pub(crate) const API_INFO: &str = "/v1/companies/api_info";

vendor_word! {
    /// The access level, `mode` of `api_info`.
    pub enum ApiMode {
        /// The API is off.
        Disabled = "disabled",
        /// 1 000 requests a calendar month.
        Demo = "demo",
        /// 50 000 requests a calendar month.
        Normal = "normal",
        /// No monthly limit.
        Unlimited = "unlimited",
    }
}

impl ApiMode {
    /// Requests a month; `None` without a limit, or where it is not known.
    pub fn monthly_limit(&self) -> Option<u64> {
        match self {
            Self::Disabled => Some(0),
            Self::Demo => Some(1_000),
            Self::Normal => Some(50_000),
            Self::Unlimited | Self::Other(_) => None,
        }
    }
}

/// The account's access as the service tells it. `Debug` shows no text of it: hooks may end in a secret, and `extra` may
/// hold the administrator's e-mail.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiInfo {
    /// The access level; an empty word where the answer has none.
    pub mode: ApiMode,
    /// Calls of this month, by all integrations of the company.
    pub requests_this_month: Option<u64>,
    /// What is left of the month, where the service says so (later answers).
    pub api_calls: Option<u64>,
    /// How many channels there are.
    pub channels: Option<u64>,
    /// The company's name.
    pub company_name: Option<String>,
    /// Version of the API.
    pub current_version: Option<u64>,
    /// The old single webhook (chat2desk.md 3.1).
    pub hook: Option<String>,
    /// The old webhook for closed chats.
    pub chat_close_web_hook: Option<String>,
    /// Every other field, as it came.
    pub extra: Map<String, Value>,
}

impl Default for ApiInfo {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            mode: ApiMode::Other(String::new()),
            requests_this_month: None,
            api_calls: None,
            channels: None,
            company_name: None,
            current_version: None,
            hook: None,
            chat_close_web_hook: None,
            extra: Map::new(),
        }
    }
}

impl std::fmt::Debug for ApiInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiInfo")
            .field("mode", &self.mode)
            .field("requests_this_month", &self.requests_this_month)
            .field("api_calls", &self.api_calls)
            .field("channels", &self.channels)
            .field("extra", &Veiled(&self.extra))
            .finish_non_exhaustive()
    }
}

impl ApiInfo {
    /// Calls left this month: the service's own word, else limit minus used; `None` without a limit.
    pub fn calls_left(&self) -> Option<u64> {
        let limit = self.mode.monthly_limit();
        if self.mode == ApiMode::Unlimited {
            return None;
        }
        self.api_calls.or_else(|| Some(limit?.saturating_sub(self.requests_this_month?)))
    }
}

impl Row for ApiInfo {
    fn read(value: Value) -> Result<Self, Error> {
        let mut columns = crate::row::Columns::of(value, "api_info")?;
        let mode: Option<ApiMode> = columns.take(&["mode"], word);
        Ok(Self {
            mode: mode.unwrap_or_else(|| ApiMode::Other(String::new())),
            requests_this_month: columns.take(&["requests_this_month"], count),
            api_calls: columns.take(&["api_calls"], count),
            channels: columns.take(&["channels"], count),
            company_name: columns.take(&["company_name"], text),
            current_version: columns.take(&["current_version"], count),
            hook: columns.take(&["hook"], text),
            chat_close_web_hook: columns.take(&["chat_close_web_hook"], text),
            extra: columns.rest(),
        })
    }
}

/// Which part of the web analytics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebAnalyticsQuery {
    /// From this day on.
    pub since: Option<NaiveDate>,
    /// Until this day.
    pub until: Option<NaiveDate>,
    /// Of this client.
    pub client_id: Option<u64>,
    /// Which end first.
    pub order: Option<Order>,
    /// Most rows.
    pub limit: Option<u32>,
    /// Rows to pass over.
    pub offset: Option<u64>,
}

impl Client {
    /// Access level and quota. The cheapest proof that a token is valid. The client's [`Budget`](crate::Budget) learns
    /// what is left, and lets this call pass even when the quota is spent.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn api_info(&self) -> Result<ApiInfo, Error> {
        let info = one(&self.read(API_INFO, &[]).await?)?;
        if let Some(budget) = self.budget() {
            budget.learn(&info);
        }
        Ok(info)
    }

    /// `GET /v1/companies/info` (since 2024-09-17); its fields are not published.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for every command of this crate that names no error of its own.
    pub async fn company_info(&self) -> Result<Answer, Error> {
        Answer::parse(&self.read("/v1/companies/info", &[]).await?)
    }

    /// Sets custom fields of the company: `PUT /v1/companies` (later than the manual; the answer is not published).
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client; so for every command of this crate that changes something.
    pub async fn update_company(&self, custom_fields: &Map<String, Value>) -> Result<Answer, Error> {
        let body = Fields::default().with("custom_fields", custom_fields.clone());
        Answer::parse(&self.change(Change::new(Method::PUT, "/v1/companies").body(body)).await?)
    }

    /// Switches the company's work mode: `PUT /v1/companies/switch_mode` (later than the manual). The words are not
    /// published; a script sees `online` and `offline`.
    pub async fn switch_company_mode(&self, mode: &str) -> Result<Answer, Error> {
        let change = Change::new(Method::PUT, "/v1/companies/switch_mode");
        Answer::parse(&self.change(change.body(Fields::default().with("mode", mode))).await?)
    }

    /// `GET /v1/web_analytics_data` (later than the manual): the rows are not published, nor is the form of its dates. We
    /// write `2026-01-15`. Unknown parameters are ignored by the service, so check the rows.
    pub async fn web_analytics_data(&self, query: &WebAnalyticsQuery) -> Result<Page, Error> {
        let pairs = Query::default()
            .and("date_from", query.since)
            .and("date_to", query.until)
            .and("order", query.order)
            .and("client_id", query.client_id)
            .and("limit", query.limit)
            .and("offset", query.offset);
        Page::read(&self.read("/v1/web_analytics_data", pairs.pairs()).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<ApiInfo, Error> {
        one(body)
    }

    #[test]
    fn the_services_own_word_on_what_is_left_counts_first() {
        let info =
            read(br#"{"data":{"mode":"normal","hook":null,"requests_this_month":"100","api_calls":49000}}"#)
                .unwrap();
        assert_eq!(info.calls_left(), Some(49_000));
        let old = read(br#"{"data":{"mode":"demo","requests_this_month":990}}"#).unwrap();
        assert_eq!(old.calls_left(), Some(10));
        let free = read(br#"{"mode":"unlimited","requests_this_month":5,"api_calls":0}"#).unwrap();
        assert_eq!(free.calls_left(), None);
        let odd = read(br#"{"data":{"mode":"Platinum","admin_email":"boss@example.org"}}"#).unwrap();
        assert_eq!((odd.mode.as_str(), odd.calls_left()), ("Platinum", None));
        assert!(!format!("{odd:?}").contains("boss"));
        assert!(read(b"[1]").is_err());
    }
}
