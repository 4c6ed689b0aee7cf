//! What is shown instead of an answer.

use axum::http::StatusCode;
use store::StoreError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// Try again: the database does not answer.
    #[error("the database does not answer")]
    Unavailable,
    /// Ask for something else: there is no such account or list.
    #[error("there is no {0}")]
    Unknown(&'static str),
    /// Ask otherwise: a parameter cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// A fault of the program; the log says which.
    #[error("a fault of the program")]
    Fault,
}

impl DashboardError {
    /// As HTTP says it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the reader may do.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Unavailable => {
                "Nothing is lost: what arrives is kept or asked for again. This page tries again by itself."
            }
            Self::Unknown(_) | Self::Unreadable(_) => "The address may be of another time.",
            Self::Fault => "The program's log says more.",
        }
    }
}

impl From<StoreError> for DashboardError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                tracing::debug!(error = %reason, "the page has no database");
                Self::Unavailable
            }
            other => {
                tracing::error!(error = %other, "a query of the page was refused");
                Self::Fault
            }
        }
    }
}
