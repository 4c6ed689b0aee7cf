//! What a caller does differently when escalation cannot go on.

use store::StoreError;

/// Why escalation could not do it.
#[derive(Debug, thiserror::Error)]
pub enum EscalationError {
    /// Try again later: the database does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// Stop: trying again cannot help. Says why.
    #[error("{0}")]
    Stop(String),
    /// The settings of a notifier cannot be used. Says what is wrong, without secrets.
    #[error("{0}")]
    Settings(String),
}

impl From<StoreError> for EscalationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(text) => Self::Unavailable(text),
            other => Self::Stop(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for EscalationError {
    fn from(_: serde_json::Error) -> Self {
        // Its text would quote what it could not write.
        Self::Stop("an escalation cannot be written as json".to_owned())
    }
}
