//! What a model that answers HTTP has in common with the others, whoever it plays: calls, answers, and what can go wrong.
//!
//! HubSpot and the receiver of webhooks are services; [`crate::server::host()`] serves one on a port of its own. A
//! service is plain state: it does no I/O and reads no clock.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call as it came.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Parameters of the query, in order.
    pub query: Vec<(String, String)>,
    /// Headers in the order of arrival, names in lower case; a value that is no text is left out.
    pub headers: Vec<(String, String)>,
    /// Body, byte for byte.
    pub body: Vec<u8>,
}

impl Call {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first parameter of that name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// What the parser says.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers besides `content-type`.
    pub headers: Vec<(&'static str, String)>,
    /// `content-type`.
    pub kind: &'static str,
    /// Body.
    pub body: String,
}

impl Answer {
    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), kind: "application/json;charset=utf-8", body: body.to_string() }
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), kind: "text/plain;charset=utf-8", body: String::new() }
    }

    /// A web page.
    pub fn html(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), kind: "text/html;charset=utf-8", body: body.into() }
    }

    /// Text as it is; JSON when it looks like it.
    pub fn plain(status: u16, body: String) -> Self {
        let json = body.starts_with(['{', '[']);
        let kind = if json { "application/json;charset=utf-8" } else { "text/plain;charset=utf-8" };
        Self { status, headers: Vec::new(), kind, body }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// With `Retry-After`, if any.
    #[must_use]
    pub fn retry_after(self, after: Option<&RetryAfter>) -> Self {
        match after {
            Some(after) => self.with("retry-after", after),
            None => self,
        }
    }
}

/// The value of `Retry-After`: in JSON a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u32),
    /// An HTTP date, or whatever a test wants to see read.
    Text(String),
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(f, "{seconds}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What happens instead of, or around, the honest answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Misdeed {
    /// Nothing is done; this is answered.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Body, as it is.
        #[serde(default)]
        body: String,
        /// `Retry-After`; absent is no header.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// Nothing is done, and the connection is cut: for the caller the same as [`Misdeed::LoseAnswer`].
    HangUp,
    /// Nothing is done; 429 in the service's own words.
    TooMany {
        /// `Retry-After`; absent is no header.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// Which limit, where the service names it (HubSpot: `policyName`).
        #[serde(default)]
        policy: Option<String>,
    },
    /// Nothing is done; 500 with an HTML page.
    ServerError,
    /// Nothing is done; 200 with an HTML page.
    Html,
    /// Nothing happens until the name is released; then it is done and answered.
    Hold {
        /// Name to release.
        name: String,
    },
    /// It is done, and the connection is cut before the answer.
    LoseAnswer,
    /// It is done; the answer comes so much later, in real time.
    Late {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// It is done; the connection is cut in the middle of the answer's body.
    CutAnswer,
    /// It is done; the answer is whole by its length, but only the first half of the honest one.
    TruncatedJson,
    /// It is done; the answer is this status with an HTML page, as when a proxy loses patience.
    FailAfter {
        /// HTTP status.
        status: u16,
    },
}

/// A fault of a service and where it strikes.
pub type Fault = crate::faults::Fault<Misdeed>;

/// A model that answers HTTP.
pub trait Service: Send + 'static {
    /// Answers one call; may change the state.
    fn answer(&mut self, call: &Call, now: DateTime<Utc>) -> Answer;

    /// The service's way to say 429. `policy` names the limit, where it has names.
    fn too_many(&mut self, policy: Option<&str>, now: DateTime<Utc>) -> Answer;

    /// A fault kept this call from being done: it was seen, and nothing else.
    fn struck(&mut self, call: &Call, now: DateTime<Utc>);

    /// A call below `/control/` that is not common to all services; `None` is no such route.
    ///
    /// # Errors
    /// Why the command cannot be carried out.
    fn command(&mut self, call: &Call, now: DateTime<Utc>) -> Result<Option<Value>, String>;
}
