//! Serves one [`Service`] on a port of its own, with the faults and the control routes that all services share.
//!
//! | route | body | does |
//! |---|---|---|
//! | `POST /control/advance` | `{"seconds": n}` | moves the clock on |
//! | `POST /control/faults` | a [`Fault`], `{"clear": true}` or `{"seed": n}` | queues a fault, removes all, begins chance anew |
//! | `GET /control/faults` | | those that wait |
//! | `POST /control/release` | `{"name": …}` | lets held calls go on |
//!
//! What else there is, the service's `control` says.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{StatusCode, request};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connection::{Cut, CuttingListener};
use super::gates::Gates;
use super::{LARGEST_BODY, SORRY, WorldClock, half};
use crate::Error;
use crate::faults::Faults;
use crate::service::{Answer, Call, Fault, Misdeed, Service};

/// Between the first half of an answer and its cut: long enough that the half has left.
const BREATH: Duration = Duration::from_millis(30);

/// A running service. Dropping it stops it without waiting; [`Hosted::stop`] waits.
#[derive(Debug)]
pub struct Hosted<S> {
    addr: SocketAddr,
    inner: Arc<Inner<S>>,
    task: Option<JoinHandle<Result<(), Error>>>,
}

#[derive(Debug)]
struct Inner<S> {
    state: Mutex<HostState<S>>,
    clock: WorldClock,
    stop: CancellationToken,
}

#[derive(Debug)]
struct HostState<S> {
    service: S,
    faults: Faults<Misdeed>,
    gates: Gates,
}

/// Serves `service` on `listener` until the handle is stopped. Call it inside a tokio runtime.
///
/// # Errors
/// [`Error::Serve`] when the listener is unusable.
pub fn host<S: Service>(service: S, listener: TcpListener, clock: WorldClock) -> Result<Hosted<S>, Error> {
    let addr = listener.local_addr().map_err(Error::Serve)?;
    let state = HostState { service, faults: Faults::default(), gates: Gates::default() };
    let inner = Arc::new(Inner { state: Mutex::new(state), clock, stop: CancellationToken::new() });
    let router = Router::new().fallback(any::<S>).with_state(inner.clone());
    let service = router.into_make_service_with_connect_info::<Cut>();
    let stop = inner.stop.clone();
    let task = tokio::spawn(async move {
        let server = axum::serve(CuttingListener(listener), service);
        server.with_graceful_shutdown(stop.cancelled_owned()).await.map_err(Error::Serve)
    });
    Ok(Hosted { addr, inner, task: Some(task) })
}

impl<S: Service> Hosted<S> {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The service's clock.
    pub fn clock(&self) -> &WorldClock {
        &self.inner.clock
    }

    /// Looks at the service, or changes it. Do not block inside.
    pub fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.inner.lock().service)
    }

    /// Queues a fault.
    pub fn fault(&self, fault: Fault) {
        self.inner.lock().faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.inner.lock().faults.clear();
    }

    /// Begins the chance of the faults anew; 1 at the start.
    pub fn seed_faults(&self, seed: u64) {
        self.inner.lock().faults.seed(seed);
    }

    /// Lets calls that wait under `name` go on.
    pub fn release(&self, name: &str) {
        self.inner.lock().gates.release(name);
    }

    /// Names under which calls wait.
    pub fn held(&self) -> usize {
        self.inner.lock().gates.count()
    }

    /// Stops gracefully: takes no more calls and finishes those that run.
    ///
    /// # Errors
    /// [`Error::Serve`] when the server had failed before.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.inner.stop.cancel();
        match self.task.take() {
            Some(task) => task.await.map_err(|error| Error::Serve(io::Error::other(error)))?,
            None => Ok(()),
        }
    }
}

impl<S> Drop for Hosted<S> {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

impl<S: Service> Inner<S> {
    fn lock(&self) -> MutexGuard<'_, HostState<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, call: &Call, cut: &Cut) -> Response {
        let struck = self.lock().faults.strike(&call.method, &call.path);
        if let Some(Misdeed::Hold { name }) = &struck {
            let gate = self.lock().gates.gate(name);
            tokio::select! {
                _ = gate.acquire() => {}
                () = self.stop.cancelled() => {}
            }
        }
        if let Some(answer) = struck.as_ref().and_then(|misdeed| self.instead(misdeed, call, cut)) {
            return respond(&answer);
        }
        let honest = self.lock().service.answer(call, self.clock.now());
        match struck {
            Some(Misdeed::LoseAnswer) => cut.cut(),
            Some(Misdeed::Late { milliseconds }) => {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(milliseconds)) => {}
                    () = self.stop.cancelled() => {}
                }
            }
            Some(Misdeed::CutAnswer) if honest.body.len() > 1 => return cut_short(&honest),
            Some(Misdeed::CutAnswer) => cut.cut(),
            Some(Misdeed::TruncatedJson) => {
                return respond(&Answer { body: half(&honest.body).to_owned(), ..honest });
            }
            Some(Misdeed::FailAfter { status }) => return respond(&Answer::html(status, SORRY)),
            _ => {}
        }
        respond(&honest)
    }

    /// The answer of a fault that keeps the call from being done.
    fn instead(&self, misdeed: &Misdeed, call: &Call, cut: &Cut) -> Option<Answer> {
        let now = self.clock.now();
        let mut state = self.lock();
        let answer = match misdeed {
            Misdeed::Refuse { status, body, retry_after } => {
                Answer::plain(*status, body.clone()).retry_after(retry_after.as_ref())
            }
            Misdeed::HangUp => {
                cut.cut();
                Answer::empty(500)
            }
            Misdeed::TooMany { retry_after, policy } => {
                state.service.too_many(policy.as_deref(), now).retry_after(retry_after.as_ref())
            }
            Misdeed::ServerError => Answer::html(500, SORRY),
            Misdeed::Html => Answer::html(200, SORRY),
            _ => return None,
        };
        state.service.struck(call, now);
        Some(answer)
    }

    fn command(&self, call: &Call) -> Result<Option<Value>, String> {
        let now = self.clock.now();
        let done = || Ok(Some(json!({"done": true})));
        let state = &mut *self.lock();
        match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/control/advance") => {
                let seconds = call.json::<Value>()?["seconds"].as_f64().ok_or("seconds is missing")?;
                self.clock.advance(TimeDelta::microseconds((seconds.clamp(0.0, 3.2e9) * 1e6) as i64));
                done()
            }
            ("GET", "/control/faults") => Ok(Some(json!({"waiting": state.faults.waiting()}))),
            ("POST", "/control/faults") => {
                let wanted: Value = call.json()?;
                if let Some(seed) = wanted["seed"].as_u64() {
                    state.faults.seed(seed);
                } else if wanted.get("clear").is_some() {
                    state.faults.clear();
                } else {
                    state.faults.push(call.json()?);
                }
                done()
            }
            ("POST", "/control/release") => {
                state.gates.release(call.json::<Value>()?["name"].as_str().ok_or("name is missing")?);
                done()
            }
            _ => state.service.command(call, now),
        }
    }
}

async fn any<S: Service>(
    State(inner): State<Arc<Inner<S>>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let call = call(&parts, body.to_vec());
    if !call.path.starts_with("/control/") {
        return inner.serve(&call, &cut).await;
    }
    respond(&match inner.command(&call) {
        Ok(Some(body)) => Answer::json(200, &body),
        Ok(None) => Answer::json(404, &json!({"error": "no such route"})),
        Err(why) => Answer::json(400, &json!({"error": why})),
    })
}

fn call(parts: &request::Parts, body: Vec<u8>) -> Call {
    let headers = parts.headers.iter();
    let headers =
        headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: Query::try_from_uri(&parts.uri).map(|Query(pairs)| pairs).unwrap_or_default(),
        headers: headers.collect(),
        body,
    }
}

pub(super) fn respond(answer: &Answer) -> Response {
    with_head(answer, Body::from(answer.body.clone()))
}

/// Says how long the answer is, sends its first half, and cuts the connection.
pub(super) fn cut_short(answer: &Answer) -> Response {
    let first = half(&answer.body).to_owned();
    let rest = stream::once(async {
        tokio::time::sleep(BREATH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let mut response = with_head(answer, body);
    response.headers_mut().insert("content-length", answer.body.len().into());
    response
}

fn with_head(answer: &Answer, body: Body) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [("content-type", answer.kind)], body).into_response();
    for (name, value) in &answer.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
