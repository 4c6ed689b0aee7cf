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
use metrics_exporter_prometheus::PrometheusHandle;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::configuration::{Secret, Server};

/// How long requests that run may go on after the end was asked for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Who may see what is not for everybody. With neither secret, everybody may (the listener is loopback then).
#[derive(Clone)]
struct Access {
    token: Option<Secret>,
    basic_auth: Option<Secret>,
}

impl Access {
    fn admits(&self, authorization: Option<&str>) -> bool {
        if self.token.is_none() && self.basic_auth.is_none() {
            return true;
        }
        let Some((scheme, presented)) = authorization.and_then(|header| header.split_once(' ')) else {
            return false;
        };
        let expected = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => self.token.as_ref().map(|token| token.reveal().to_owned()),
            "basic" => self.basic_auth.as_ref().map(|pair| base64(pair.reveal().as_bytes())),
            _ => None,
        };
        expected.is_some_and(|expected| expected.as_bytes().ct_eq(presented.trim().as_bytes()).into())
    }
}

/// `/metrics`, behind the access that `[server]` asks for.
pub(crate) fn metrics(handle: PrometheusHandle, server: &Server) -> Router {
    let access = Access { token: server.token.clone(), basic_auth: server.basic_auth.clone() };
    Router::new()
        .route(
            "/metrics",
            get(async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())),
        )
        .layer(from_fn_with_state(Arc::new(access), guard))
}

async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
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

/// Serves until `stop`, then finishes what runs, for a while.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let ending = stop.clone();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(async move { ending.cancelled().await });
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        ended = server => ended.context("the http server failed"),
        () = overdue => {
            tracing::warn!("requests still ran when the time to stop was over");
            Ok(())
        }
    }
}

/// Base64 with padding (RFC 4648, 4), as `Authorization: Basic` has it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| (group << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(b"user:pass\xff\xfe"), "dXNlcjpwYXNz//4=");
    }
}
