//! How a client reaches its account, and what it may do there.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::budget::{SystemClock, Timer, TokioTimer, WallClock};
use crate::{Budget, Token};

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// GET of the paths in [`allow`](crate::allow) only.
    ReadOnly,
    /// Also what changes something, the five commands included that do so through GET.
    ReadWrite,
}

/// How to reach one company account.
#[derive(Clone)]
pub struct Settings {
    /// Base of the API, for instance `https://api.chat2desk.com`; a trailing `/v1` is accepted. Never a constant:
    /// there are many regional and private hosts (chat2desk.md 1.1).
    pub api_url: Url,
    /// The company's token.
    pub token: Token,
    /// What this client may do. Default: read only.
    pub access: Access,
    /// Longest wait for a connection. Default 10 s.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer. Default 60 s.
    pub total_timeout: Duration,
    /// Largest answer in bytes, after decompression. Default 64 MiB.
    pub body_limit: usize,
    /// A proxy for all calls; by default the one of the environment, if any.
    pub proxy: Option<Url>,
    /// Further root certificates, PEM, for private installations.
    pub extra_roots: Vec<Vec<u8>>,
    /// How fast and how often it may call; give the same one to every client of an account. Default: none, the caller
    /// paces.
    pub budget: Option<Arc<Budget>>,
    /// Tells the time where an answer depends on it (the overlap of a message cursor, the span of a script command).
    pub clock: Arc<dyn WallClock>,
    /// Waits between the messages of [`crate::script`].
    pub timer: Arc<dyn Timer>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("api_url", &self.api_url.as_str())
            .field("access", &self.access)
            .field("connect_timeout", &self.connect_timeout)
            .field("total_timeout", &self.total_timeout)
            .field("body_limit", &self.body_limit)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The defaults for this address and token.
    pub fn new(api_url: Url, token: Token) -> Self {
        Self {
            api_url,
            token,
            access: Access::ReadOnly,
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(60),
            body_limit: 64 * 1024 * 1024,
            proxy: None,
            extra_roots: Vec::new(),
            budget: None,
            clock: Arc::new(SystemClock),
            timer: Arc::new(TokioTimer::default()),
        }
    }

    /// The same, allowed to change things.
    #[must_use]
    pub fn read_write(mut self) -> Self {
        self.access = Access::ReadWrite;
        self
    }

    /// The same, within a budget.
    #[must_use]
    pub fn within(mut self, budget: Arc<Budget>) -> Self {
        self.budget = Some(budget);
        self
    }
}
