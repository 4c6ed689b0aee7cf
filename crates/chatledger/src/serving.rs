//! The HTTP server: which routes there are, who may see them, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use subtle::ConstantTimeEq as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::configuration::{Secret, Server};

/// How long requests that run may go on after the end was asked for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the headers of a request may take.
const HEADERS: Duration = Duration::from_secs(20);
/// Connections at once; the next ones wait in the system's queue.
const CONNECTIONS: usize = 4096;
/// Before the listener is asked again that had an error.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Who may see what is not for everybody. With neither secret, everybody may (the listener is loopback then).
#[derive(Clone)]
struct Access {
    token: Option<Secret>,
    basic_auth: Option<Secret>,
}

impl Access {
    fn is_open(&self) -> bool {
        self.token.is_none() && self.basic_auth.is_none()
    }

    fn admits(&self, authorization: Option<&str>) -> bool {
        if self.is_open() {
            return true;
        }
        let Some((scheme, presented)) = authorization.and_then(|header| header.split_once(' ')) else {
            return false;
        };
        let expected = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => self.token.as_ref().map(|token| token.reveal().to_owned()),
            "basic" => self.basic_auth.as_ref().map(|pair| STANDARD.encode(pair.reveal().as_bytes())),
            _ => None,
        };
        expected.is_some_and(|expected| expected.as_bytes().ct_eq(presented.trim().as_bytes()).into())
    }
}

/// `/metrics`.
pub(crate) fn metrics(handle: PrometheusHandle) -> Router {
    let page = async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render());
    Router::new().route("/metrics", get(page))
}

/// Routes that are not for everybody, behind the access that `[server]` asks for.
pub(crate) fn guarded(routes: Router, server: &Server) -> Router {
    let access = Access { token: server.token.clone(), basic_auth: server.basic_auth.clone() };
    routes.layer(from_fn_with_state(Arc::new(access), guard))
}

/// Whether a name can only mean this machine or an address. Any other name may be a stranger's who made it lead here,
/// so that a browser on this machine takes our page for theirs.
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if access.is_open() && host.is_some_and(|host| !is_own(host)) {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "use localhost, or set [server] token_env or basic_auth_env\n",
        )
            .into_response();
    }
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if access.admits(authorization) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"chatledger\"")]).into_response()
}

/// Takes the address.
///
/// # Errors
/// When another program has it, or it is not ours.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}; set another address with [server] listen"))
}

/// Serves until `stop`, then finishes what runs, for a while. Connections are bounded in number, and one whose headers
/// do not come is closed: nobody can hold the server's memory by saying nothing.
///
/// # Errors
/// Never on its own; the listener's errors are waited out.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    serve_within(listener, router, stop, HEADERS).await
}

async fn serve_within(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    headers: Duration,
) -> anyhow::Result<()> {
    let mut protocol = hyper::server::conn::http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(headers);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some((connection, permit)) = next(&listener, &room, &stop).await {
        let service = TowerToHyperService::new(router.clone());
        let served = graceful.watch(protocol.serve_connection(TokioIo::new(connection), service));
        tokio::spawn(async move {
            // What the other side did wrong is its own affair.
            let _ = served.await;
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still ran when the time to stop was over");
    }
    Ok(())
}

/// The next connection, when there is room for it; `None` once it is time to stop.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accepted = async {
        let permit = room.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((connection, _)) => {
                    // Answers are small and at once.
                    let _ = connection.set_nodelay(true);
                    return Some((connection, permit));
                }
                // Too many open files, or a peer that left already: neither is the listener's end.
                Err(_) => tokio::time::sleep(AFTER_ERROR).await,
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accepted => accepted,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::configuration::secret::Reference;

    #[test]
    fn a_password_or_a_token_opens_and_nothing_else() {
        let secret = |text: &str| Reference::Variable("X".to_owned()).read(|_| Some(text.to_owned())).ok();
        let access = Access { token: secret("t0ken"), basic_auth: secret("user:pass") };
        assert!(access.admits(Some("Bearer t0ken")) && access.admits(Some("basic dXNlcjpwYXNz")));
        for wrong in [None, Some("Bearer t0ke"), Some("Basic t0ken"), Some("dXNlcjpwYXNz"), Some("")] {
            assert!(!access.admits(wrong), "{wrong:?}");
        }
        assert!(Access { token: None, basic_auth: None }.admits(None));
    }

    #[test]
    fn without_a_secret_only_names_that_nobody_can_lead_astray_open_the_page() {
        for own in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "10.0.0.5"] {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "evil.example.org",
            "evil.example.org:8080",
            "",
            "localhost.example.org",
            "127.0.0.1.example.org",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_closed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served =
            tokio::spawn(serve_within(listener, Router::new(), stop.clone(), Duration::from_millis(50)));
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"POST /hooks/acme HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        let mut answer = Vec::new();
        // Ends when the server closes.
        tokio::time::timeout(Duration::from_secs(30), silent.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        stop.cancel();
        served.await.unwrap().unwrap();
    }
}
