//! What a caller does differently.

use store::StoreError;

/// Why CRM sync could not do it. No text holds a secret or personal data.
#[derive(Debug, thiserror::Error)]
pub enum CrmError {
    /// What is configured cannot work: mend it first.
    #[error("{0}")]
    Settings(String),
    /// The CRM needs a person: a login, a scope, a field. Nothing was lost; it is tried again later.
    #[error("crm {crm}: {reason}")]
    Broken {
        /// The CRM.
        crm: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A limit or an outage ended it early: run it again later.
    #[error("crm {crm}: {reason}")]
    Limited {
        /// The CRM.
        crm: String,
        /// Why.
        reason: String,
    },
    /// It was asked to stop.
    #[error("stopped; the same command goes on where it stopped")]
    Stopped,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
