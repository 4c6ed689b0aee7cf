//! What the company account may do: `GET /v1/companies/api_info` (chat2desk.md 1.3).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::page::number;

/// The access level, `mode` of `api_info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiMode {
    /// The API is off.
    Disabled,
    /// 1 000 requests a calendar month.
    Demo,
    /// 50 000 requests a calendar month.
    Normal,
    /// No monthly limit.
    Unlimited,
    /// A word that this build does not know.
    Other(String),
}

impl ApiMode {
    /// The vendor's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Disabled => "disabled",
            Self::Demo => "demo",
            Self::Normal => "normal",
            Self::Unlimited => "unlimited",
            Self::Other(word) => word,
        }
    }

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

/// The account's access as the service tells it. Personal fields (the administrator's e-mail) are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiInfo {
    /// The access level.
    pub mode: ApiMode,
    /// Calls of this month, by all integrations of the company.
    pub requests_this_month: Option<u64>,
    /// What is left of the month, where the service says so (later answers).
    pub api_calls: Option<u64>,
    /// How many channels there are.
    pub channels: Option<u64>,
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

    fn read(body: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            data: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Fields<'a> {
            mode: Option<String>,
            #[serde(borrow)]
            requests_this_month: Option<&'a RawValue>,
            #[serde(borrow)]
            api_calls: Option<&'a RawValue>,
            #[serde(borrow)]
            channels: Option<&'a RawValue>,
        }
        let unreadable = |_| Error::Unreadable("api_info is no object".into());
        let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(unreadable)?;
        let fields: Fields<'_> = match envelope.data {
            Some(data) => serde_json::from_str(data.get()).map_err(unreadable)?,
            None => serde_json::from_slice(body).map_err(unreadable)?,
        };
        let read = |raw: Option<&RawValue>| raw.and_then(number);
        let mode = match fields.mode.unwrap_or_default().trim().to_lowercase().as_str() {
            "disabled" => ApiMode::Disabled,
            "demo" => ApiMode::Demo,
            "normal" => ApiMode::Normal,
            "unlimited" => ApiMode::Unlimited,
            other => ApiMode::Other(other.chars().take(40).collect()),
        };
        Ok(Self {
            mode,
            requests_this_month: read(fields.requests_this_month),
            api_calls: read(fields.api_calls),
            channels: read(fields.channels),
        })
    }
}

impl Client {
    /// Access level and quota. The cheapest proof that a token is valid.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn api_info(&self) -> Result<ApiInfo, Error> {
        ApiInfo::read(&self.read("/v1/companies/api_info", &[]).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_own_word_on_what_is_left_counts_first() {
        let info = ApiInfo::read(
            br#"{"data":{"mode":"normal","hook":null,"requests_this_month":"100","api_calls":49000}}"#,
        )
        .unwrap();
        assert_eq!(info.calls_left(), Some(49_000));
        let old = ApiInfo::read(br#"{"data":{"mode":"demo","requests_this_month":990}}"#).unwrap();
        assert_eq!(old.calls_left(), Some(10));
        let free = ApiInfo::read(br#"{"mode":"unlimited","requests_this_month":5,"api_calls":0}"#).unwrap();
        assert_eq!(free.calls_left(), None);
        let odd = ApiInfo::read(br#"{"data":{"mode":"Platinum"}}"#).unwrap();
        assert_eq!((odd.mode.as_str(), odd.calls_left()), ("platinum", None));
        assert!(ApiInfo::read(b"[1]").is_err());
    }
}
