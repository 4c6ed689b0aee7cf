//! What a caller does differently when bringing deliveries in fails.

use log::LogError;
use store::StoreError;

/// Why deliveries could not be brought in. Texts are one line and name the next step; none shows a secret or a person.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The log does not take deliveries: try again later, or do what its text says.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database does not take cursors: try again later, or do what its text says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The platform does not accept the token, or its API is off: a person has to change that.
    #[error(
        "account {account}: {what}; check the token (token_env) and the api mode in the platform's settings"
    )]
    Unauthorized {
        /// The account.
        account: String,
        /// The platform's answer, by class.
        what: String,
    },
    /// The platform did not answer properly, however often it was asked: try again later, or check `api_url`.
    #[error(
        "account {account}: the platform cannot be read: {what}; check api_url and the network, then run it again: it goes on where it stopped"
    )]
    Unreachable {
        /// The account.
        account: String,
        /// What went wrong last.
        what: String,
    },
    /// The platform refuses what we ask for: report it, or check `api_url`.
    #[error("account {account}: the platform refuses {request}: {what}; check api_url")]
    Refused {
        /// The account.
        account: String,
        /// What was asked, without secrets.
        request: String,
        /// The refusal, by class.
        what: String,
    },
    /// A recorded file cannot be read: correct or remove it, then run it again.
    #[error("{file}{}: {what}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Recording {
        /// The file.
        file: String,
        /// The line, from 1.
        line: Option<u64>,
        /// What is wrong, without content.
        what: String,
    },
    /// What was asked makes no sense: correct the arguments.
    #[error("{0}")]
    Usage(String),
}
