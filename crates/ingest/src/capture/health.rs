//! `/healthz`: the process answers. `/readyz`: what it needs is fit for work.
//!
//! Both are open to everybody, so they name parts and never say what is wrong with them: that is in the process's log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

/// Longest wait for one probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// A part that the process needs: the log, the database, a projection.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Its name on the page.
    fn name(&self) -> &str;

    /// Whether it is fit for work; if not, why, for our own log. Cheap; cut off after two seconds.
    async fn ready(&self) -> Result<(), String>;
}

/// `/healthz` and `/readyz` over these probes.
pub fn router(probes: Vec<Arc<dyn Probe>>) -> Router {
    let probes: Arc<[Arc<dyn Probe>]> = probes.into();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || readiness(&probes).await))
}

async fn readiness(probes: &[Arc<dyn Probe>]) -> (StatusCode, String) {
    let verdicts = futures::future::join_all(probes.iter().map(async |probe| {
        let verdict = tokio::time::timeout(PATIENCE, probe.ready()).await;
        (probe.name(), verdict.unwrap_or_else(|_| Err("no answer in time".to_owned())))
    }))
    .await;
    let mut status = StatusCode::OK;
    let mut page = String::new();
    for (name, verdict) in verdicts {
        page.push_str(name);
        match verdict {
            Ok(()) => page.push_str(": ready\n"),
            Err(reason) => {
                tracing::warn!(probe.name = name, probe.reason = reason, "not ready");
                status = StatusCode::SERVICE_UNAVAILABLE;
                page.push_str(": not ready\n");
            }
        }
    }
    (status, page)
}
