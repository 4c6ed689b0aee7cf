//! The connection: one request out, one answer judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, DATE, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use crate::answer::{asked_wait, judge};
use crate::budget::{Pace, WallClock};
use crate::error::Error;
use crate::query::Query;
use crate::settings::{Access, Settings};
use crate::{Budget, allow};

/// A client of one company account. Cheap to clone; clones share the connections and the count of calls.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
    access: Access,
    body_limit: usize,
    budget: Option<Arc<Budget>>,
    clock: Arc<dyn WallClock>,
    script_pace: Arc<Pace>,
    calls: Arc<AtomicU64>,
}

/// One call that changes something.
pub(crate) struct Change<'a> {
    method: Method,
    path: &'a str,
    query: Query,
    body: Option<Value>,
}

impl<'a> Change<'a> {
    pub(crate) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, query: Query::default(), body: None }
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }
}

impl Client {
    /// Builds a client; no call is made.
    ///
    /// # Errors
    /// [`Error::Settings`]: an address that is no http(s) URL, a token that fits no header, a bad proxy or certificate.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if !matches!(settings.api_url.scheme(), "http" | "https") || settings.api_url.host().is_none() {
            return Err(Error::Settings("api_url must be an http or https address".into()));
        }
        if settings.api_url.query().is_some() || settings.api_url.fragment().is_some() {
            return Err(Error::Settings("api_url must have neither a query nor a fragment".into()));
        }
        let mut authorization = HeaderValue::from_str(settings.token.reveal())
            .map_err(|_| Error::Settings("the api token has characters that no header takes".into()))?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("chat2desk-rust/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            // A redirect would carry the token elsewhere, or turn a POST into a GET.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(proxy) = settings.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|error| bad_setting("proxy", error))?;
            builder = builder.proxy(proxy);
        }
        for pem in &settings.extra_roots {
            let roots = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| bad_setting("root certificate", error))?;
            builder = roots.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        let http = builder.build().map_err(|error| bad_setting("http client", error))?;
        let base = settings.api_url.as_str().trim_end_matches('/');
        Ok(Self {
            http,
            base: base.strip_suffix("/v1").unwrap_or(base).to_owned(),
            authorization,
            access: settings.access,
            body_limit: settings.body_limit,
            budget: settings.budget,
            clock: settings.clock,
            script_pace: Arc::new(Pace::new(crate::script::MESSAGES_PER_SECOND, settings.timer)),
            calls: Arc::default(),
        })
    }

    /// Calls sent so far, answered or not: each may have cost quota.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The budget that it calls within.
    pub fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }

    pub(crate) fn clock(&self) -> &dyn WallClock {
        &*self.clock
    }

    pub(crate) fn script_pace(&self) -> &Pace {
        &self.script_pace
    }

    /// Reads one allowed path and gives the body of a success: for a list that this crate does not know.
    ///
    /// # Errors
    /// By class, see [`Error`]; [`Error::NotAllowed`] for a path that is not on the list of [`allow`].
    pub async fn read(&self, path: &str, query: &[(&str, String)]) -> Result<Bytes, Error> {
        if !allow::reads(path) {
            return Err(Error::NotAllowed { method: "GET".into(), path: path.to_owned() });
        }
        self.send(Method::GET, path, query, None, false).await
    }

    /// Changes something; refused for a read-only client before any call. A GET is a change like any other here: five
    /// commands of the vendor are.
    pub(crate) async fn change(&self, change: Change<'_>) -> Result<Bytes, Error> {
        let Change { method, path, query, body } = change;
        self.must_write(method.as_str(), path)?;
        self.send(method, path, query.pairs(), body.as_ref(), true).await
    }

    /// Refuses for a read-only client.
    pub(crate) fn must_write(&self, method: &str, path: &str) -> Result<(), Error> {
        if self.access == Access::ReadWrite {
            return Ok(());
        }
        Err(Error::NotAllowed { method: method.to_owned(), path: path.to_owned() })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
        changes: bool,
    ) -> Result<Bytes, Error> {
        if let Some(budget) = &self.budget {
            budget.take(path).await?;
        }
        let outcome = self.call(method, path, query, body, changes).await;
        if let Some(budget) = &self.budget {
            budget.note(outcome.as_ref().err());
        }
        outcome
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
        changes: bool,
    ) -> Result<Bytes, Error> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone());
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|error| interrupted(error, changes))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let wait = header(RETRY_AFTER).and_then(|wait| asked_wait(wait, header(DATE)));
        let body = self.body_of(response, changes).await;
        // The answer to an error is judged by its status even when its body breaks off.
        let body = if (200..300).contains(&status) { body? } else { body.unwrap_or_default() };
        tracing::debug!(api.path = path, api.status = status, api.answer_bytes = body.len(), "api answered");
        judge(status, wait, &body, changes)?;
        Ok(body)
    }

    async fn body_of(&self, mut response: reqwest::Response, changes: bool) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| interrupted(error, changes))? {
            if body.len() + chunk.len() > self.body_limit {
                return Err(Error::TooLarge { limit: self.body_limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn bad_setting(what: &str, error: reqwest::Error) -> Error {
    Error::Settings(format!("{what}: {}", reasons(&error.without_url())))
}

/// Everything that goes wrong between the two hosts may go right next time. The URL is left out: a query may name people.
fn interrupted(error: reqwest::Error, changes: bool) -> Error {
    let may_have_happened = changes && !error.is_connect();
    let what = if error.is_timeout() {
        "timed out".to_owned()
    } else if error.is_connect() {
        format!("no connection: {}", reasons(&error.without_url()))
    } else {
        format!("connection broke: {}", reasons(&error.without_url()))
    };
    Error::Retry { what, after: None, may_have_happened }
}

/// The innermost cause says most.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
