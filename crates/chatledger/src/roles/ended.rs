//! Roles that ended for a reason of their own.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ingest::capture::Probe;
use tokio_util::sync::CancellationToken;

/// Keeps why a role ended, for readiness and for the end of the process.
#[derive(Clone)]
pub(super) struct Ended {
    reasons: Arc<Mutex<Vec<(&'static str, String)>>>,
    /// Cancelled when a role ends that was the only one.
    alone: Option<CancellationToken>,
}

impl Ended {
    pub(super) fn new(alone: Option<CancellationToken>) -> Self {
        Self { reasons: Arc::default(), alone }
    }

    /// Runs a role to its end in a task of its own, so that a fault of the program is told too.
    pub(super) async fn watch<E: Display + Send + 'static>(
        self,
        role: &'static str,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let ended = match tokio::spawn(work).await {
            Ok(ended) => ended.map_err(|error| error.to_string()),
            Err(died) => Err(format!("a fault of the program: {died}")),
        };
        if let Err(error) = ended {
            tracing::error!(error = %error, role, "a role stopped");
            self.reasons.lock().unwrap_or_else(PoisonError::into_inner).push((role, error));
            if let Some(stop) = &self.alone {
                stop.cancel();
            }
        }
    }

    /// Why the first one ended.
    pub(super) fn reason(&self) -> Option<String> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.first().map(|(role, reason)| format!("the {role} stopped: {reason}"))
    }

    /// Whether a role goes on.
    pub(super) fn probe(&self, role: &'static str) -> Arc<dyn Probe> {
        Arc::new(GoesOn { role, ended: self.clone() })
    }
}

struct GoesOn {
    role: &'static str,
    ended: Ended,
}

#[async_trait]
impl Probe for GoesOn {
    fn name(&self) -> &str {
        self.role
    }

    async fn ready(&self) -> Result<(), String> {
        let reasons = self.ended.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        match reasons.iter().find(|(role, _)| *role == self.role) {
            Some((_, reason)) => Err(reason.clone()),
            None => Ok(()),
        }
    }
}
