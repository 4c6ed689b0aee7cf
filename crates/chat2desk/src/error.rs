//! What a caller does differently.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// Why a call brought nothing, by what to do about it (chat2desk.md 1.6). No variant shows the token, nor what a person
/// wrote or is called.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Try again with growing waits: no connection, a time-out, a 5xx. For a change see [`Error::may_have_happened`].
    #[error("{what}")]
    Retry {
        /// What went wrong, in a few words.
        what: String,
        /// How long the service asks to wait.
        after: Option<Duration>,
        /// It was a change, and it may have reached the service.
        may_have_happened: bool,
    },
    /// Try again: HTML where JSON was expected, JSON cut short.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
    /// Slow down: HTTP 429.
    #[error("rate limited")]
    RateLimited {
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// Stop until the month ends or the quota is raised.
    #[error("the account's monthly api quota is spent")]
    QuotaSpent,
    /// Stop and tell a person: the token is not accepted.
    #[error("the api token is not accepted, or the api is switched off (http {status})")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
    },
    /// Stop for this object; for a whole list: this host does not know the path.
    #[error("not found")]
    NotFound,
    /// Stop: the request itself is refused.
    #[error("refused: {0}")]
    Rejected(Rejection),
    /// Stop: the answer is larger than [`crate::Settings::body_limit`].
    #[error("answer larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A mistake of the caller: this client may not do that (see [`crate::allow`]).
    #[error("{method} {path} is not allowed with this client")]
    NotAllowed {
        /// The method.
        method: String,
        /// The path without its query.
        path: String,
    },
    /// Stop: the list has more rows, but the service ignores `offset` or `start_id` and gives the same ones again.
    #[error("the list goes on, but the service gives the same rows again")]
    Stuck,
    /// A script command, or a part of one, that the REST API cannot do ([`crate::script`]).
    #[error("{command} has no equal in the rest api: {why}")]
    NotInRest {
        /// The command of the scripts manual.
        command: &'static str,
        /// What is missing.
        why: &'static str,
    },
    /// A mistake in the settings.
    #[error("{0}")]
    Settings(String),
}

impl Error {
    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Retry { .. } | Self::Unreadable(_) | Self::RateLimited { .. })
    }

    /// After a call that changes something: whether the service may have carried it out all the same. Look before you
    /// repeat it. Not so where no connection came about, nor for a refusal.
    pub fn may_have_happened(&self) -> bool {
        matches!(
            self,
            Self::Retry { may_have_happened: true, .. } | Self::Unreadable(_) | Self::TooLarge { .. }
        )
    }

    /// How long the service asked to wait, if it did.
    pub fn asked_to_wait(&self) -> Option<Duration> {
        match self {
            Self::Retry { after, .. } => *after,
            Self::RateLimited { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Whether the refusal says that the wanted state is there already: an idempotent success
    /// ("already exists", "already used", "already has state").
    pub fn is_already_so(&self) -> bool {
        matches!(self, Self::Rejected(rejection) if rejection.already)
    }
}

/// A refusal. `Debug` and `Display` show the status and the names of the fields only: the texts may repeat personal data.
#[derive(Clone, PartialEq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// Names of the fields that were refused, as far as they look like names.
    pub fields: Vec<String>,
    /// The refusal means that it is so already.
    pub already: bool,
    /// The vendor's own `errors`, which may hold personal data (and ids: a client that exists, chat2desk.md 1.6).
    pub errors: Value,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http {}", self.status)?;
        if !self.fields.is_empty() {
            write!(f, ", fields {}", self.fields.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({self})")
    }
}
