//! The connection: one call out, its answer in, at the pace that the answers ask for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use super::Settings;
use super::answer::{ErrorBody, Failure};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Of an answer this much is read: 100 records with all their values are far below.
const BODY_LIMIT: usize = 16 << 20;
/// Calls left at which we wait for the next interval: others use the account too.
const RESERVE: u64 = 4;
/// Longest rest before a message.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// A client of one account.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    objects: String,
    authorization: HeaderValue,
    free_at: Mutex<Option<Instant>>,
    calls: AtomicU64,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", settings.token))
            .map_err(|_| "the token has characters that no header takes".to_owned())?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            .user_agent(concat!("chatledger/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT.min(settings.timeout))
            .timeout(settings.timeout)
            // A redirect would carry the token elsewhere, or turn a POST into a GET.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| "the http client cannot be built".to_owned())?;
        Ok(Self {
            http,
            base: settings.api_url.as_str().trim_end_matches('/').to_owned(),
            objects: format!("/{}", settings.objects_path.trim_matches('/')),
            authorization,
            free_at: Mutex::new(None),
            calls: AtomicU64::new(0),
        })
    }

    /// Calls sent so far, answered or not.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// POST below the path of the objects.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, &format!("{}{path}", self.objects), Some(body)).await
    }

    /// DELETE of an object.
    pub(super) async fn delete(&self, id: &str) -> Result<Value, Failure> {
        self.call(Method::DELETE, &format!("{}/{id}", self.objects), None).await
    }

    /// A call; gives the JSON of a success, null where there is none.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone());
        if let Some(body) = body {
            request = request.json(body);
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|error| no_answer(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.pace(&headers);
        let body = read(response).await;
        tracing::debug!(hubspot.path = path, hubspot.status = status.as_u16(), "hubspot answered");
        judge(status, &headers, body)
    }

    /// How long until the next interval, when the last answer left no calls in this one.
    pub(super) fn rest(&self) -> Duration {
        let free_at = *self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        free_at.map_or(Duration::ZERO, |free_at| free_at.saturating_duration_since(Instant::now()))
    }

    fn pace(&self, headers: &HeaderMap) {
        let left = number(headers, "x-hubspot-ratelimit-remaining");
        let is_used_up = left.is_some_and(|left| left <= RESERVE);
        let rest = is_used_up.then(|| interval(headers).unwrap_or(LONGEST_REST).min(LONGEST_REST));
        *self.free_at.lock().unwrap_or_else(PoisonError::into_inner) = rest.map(|rest| Instant::now() + rest);
    }
}

async fn read(mut response: reqwest::Response) -> Option<Bytes> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_LIMIT => body.extend_from_slice(&chunk),
            Ok(None) => return Some(body.freeze()),
            Ok(Some(_)) | Err(_) => return None,
        }
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, body: Option<Bytes>) -> Result<Value, Failure> {
    if status.is_success() {
        let body = body.ok_or(Failure::Unreadable { status: status.as_u16() })?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&body).map_err(|_| Failure::Unreadable { status: status.as_u16() });
    }
    let body = body.and_then(|body| serde_json::from_slice::<ErrorBody>(&body).ok()).unwrap_or_default();
    Err(Failure::Status {
        status: status.as_u16(),
        retry_after: number(headers, RETRY_AFTER.as_str()).map(Duration::from_secs),
        interval: interval(headers),
        body: Box::new(body),
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn interval(headers: &HeaderMap) -> Option<Duration> {
    let millis = number(headers, "x-hubspot-ratelimit-interval-milliseconds")?;
    Some(Duration::from_millis(millis.clamp(100, 60_000)))
}

/// What is surely not sent is told apart from what may have been done. The address is left out: it is configured.
fn no_answer(error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        return Failure::NoAnswer { reason: "no connection", is_sent: false };
    }
    Failure::NoAnswer {
        reason: if error.is_timeout() { "no answer in time" } else { "no answer" },
        is_sent: true,
    }
}
