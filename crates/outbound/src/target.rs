//! One receiver: its address, its secrets, its connections.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use url::{Host, Url};

use crate::address::{Reach, reach};
use crate::answer::judge;
use crate::lookup::{AddressRefused, Allowed, Guard};
use crate::{
    Answer, Lookup, NotSent, OutboundError, SigningSecret, SystemLookup, Verdict, retry_after, signature,
};

/// Of an answer's body this much is read.
const BODY_LIMIT: usize = 64 * 1024;
/// Headers that the program sets itself.
const OURS: [&str; 8] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "idempotency-key",
    "content-type",
    "content-length",
    "transfer-encoding",
    "host",
];

/// How to reach a receiver.
#[derive(Clone)]
pub struct Settings {
    /// Its address. https; http is good for private addresses only.
    pub url: Url,
    /// It is signed with each of them: two while rotating.
    pub secrets: Vec<SigningSecret>,
    /// Sent with each call, for instance an API key; never logged.
    pub headers: Vec<(String, String)>,
    /// Whether loopback, private and link-local addresses may be reached. Default `false`.
    pub allow_private: bool,
    /// Further root certificates, PEM, for private installations.
    pub extra_roots: Vec<Vec<u8>>,
    /// Longest wait for a connection. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer. Default 15 s.
    pub total_timeout: Duration,
    /// Who looks names up.
    pub lookup: Arc<dyn Lookup>,
}

impl Settings {
    /// The defaults for this address.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            secrets: Vec::new(),
            headers: Vec::new(),
            allow_private: false,
            extra_roots: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(15),
            lookup: Arc::new(SystemLookup),
        }
    }

    fn allowed(&self) -> Allowed {
        Allowed { private: self.allow_private, public: self.url.scheme() == "https" }
    }
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The message's id: the same each time that these bytes are sent. Visible ASCII.
    pub id: &'a str,
    /// Now: the signature's time, and what a date in `Retry-After` is compared with.
    pub at: DateTime<Utc>,
    /// JSON.
    pub body: Bytes,
}

/// A receiver that can be called. Made once for each; cheap to clone, clones share the connections.
#[derive(Clone)]
pub struct Target {
    http: reqwest::Client,
    url: Url,
    secrets: Arc<[SigningSecret]>,
    headers: HeaderMap,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path may be a secret.
        f.debug_struct("Target").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl Target {
    /// Checks the settings and builds the client; no call is made.
    ///
    /// # Errors
    /// What is wrong, without a value.
    pub fn new(settings: Settings) -> Result<Self, OutboundError> {
        check_address(&settings)?;
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let headers = headers(&settings.headers)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("chatledger/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would look the name up itself, and reach what we refuse to.
            .no_proxy()
            .no_gzip()
            .dns_resolver(Guard { lookup: settings.lookup.clone(), allowed: settings.allowed() });
        for pem in &settings.extra_roots {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| OutboundError::Certificate)?;
            builder = roots.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        let http = builder.build().map_err(|_| OutboundError::Client)?;
        Ok(Self { http, url: settings.url, secrets: settings.secrets.into(), headers })
    }

    /// Sends a message once and judges the answer. Ends within the total time-out.
    pub async fn post(&self, message: &Message<'_>) -> Answer {
        let timestamp = message.at.timestamp();
        let Ok(id) = HeaderValue::from_str(message.id) else {
            return Answer::without_status(Verdict::Refused);
        };
        let signed = signature::header(&self.secrets, message.id, timestamp, &message.body);
        let mut request = self
            .http
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id.clone())
            .header("idempotency-key", id)
            .header("webhook-timestamp", timestamp);
        if !signed.is_empty() {
            request = request.header("webhook-signature", signed);
        }
        match request.body(message.body.clone()).send().await {
            Ok(response) => read(response, message.at).await,
            Err(error) => Answer::without_status(judge_error(&error)),
        }
    }
}

async fn read(mut response: reqwest::Response, now: DateTime<Utc>) -> Answer {
    let status = response.status().as_u16();
    let hint = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let mut verdict = judge(status, hint.and_then(|hint| retry_after::parse(hint, now)));
    let mut body = BytesMut::new();
    let mut is_truncated = false;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = BODY_LIMIT - body.len();
                body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    is_truncated = true;
                    break;
                }
            }
            Ok(None) => break,
            Err(_) => {
                // What was accepted may stand in the part that did not come.
                if verdict == Verdict::Accepted {
                    verdict = Verdict::Unknown { wait: None };
                }
                is_truncated = true;
                break;
            }
        }
    }
    Answer { verdict, status: Some(status), body: body.freeze(), is_truncated }
}

fn judge_error(error: &reqwest::Error) -> Verdict {
    if !error.is_connect() {
        return Verdict::Unknown { wait: None };
    }
    let causes = causes(error);
    let has = |is: fn(Cause<'_>) -> bool| causes.iter().any(|cause| is(*cause));
    Verdict::NotSent(if has(|cause| cause.is::<AddressRefused>()) {
        NotSent::AddressRefused
    } else if has(|cause| cause.is::<rustls::Error>()) {
        NotSent::Tls
    } else if error.is_dns() {
        NotSent::Name
    } else {
        NotSent::Connection
    })
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// All that an error stands on. `std::io::Error` passes over what it wraps when it is asked for its source.
fn causes(error: &reqwest::Error) -> Vec<Cause<'_>> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as Cause<'_>).or_else(|| cause.source());
    }
    causes
}

/// The part of the address rules that needs no name server; an address in figures never meets one.
fn check_address(settings: &Settings) -> Result<(), OutboundError> {
    let url = &settings.url;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OutboundError::Login);
    }
    match url.scheme() {
        "https" => {}
        "http" if settings.allow_private => {}
        "http" => return Err(OutboundError::Plain),
        _ => return Err(OutboundError::Address),
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(OutboundError::Address),
    };
    if settings.allowed().has(literal) {
        return Ok(());
    }
    Err(match reach(literal) {
        Reach::Public => OutboundError::Plain,
        Reach::Private => OutboundError::Private,
        Reach::Never => OutboundError::Never,
    })
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().map_err(|_| OutboundError::Header)?;
        if OURS.contains(&name.as_str()) {
            return Err(OutboundError::Header);
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| OutboundError::Header)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
