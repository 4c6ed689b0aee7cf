//! What a caller does differently when the database says no.

use std::borrow::Cow;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Try again later: not reachable, overloaded, or a conflict that a new attempt resolves.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// Give the partition up: another worker has it, or the position is not where this one left it.
    #[error("position of partition {partition} is not ours any more: another worker took it over")]
    Fenced {
        /// The partition.
        partition: u32,
    },
    /// Stop: trying again cannot help. Says what.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_) => Self::Unavailable(error.to_string()),
                sqlx::Error::Configuration(_) => Self::Refused(format!("database url: {error}")),
                other => Self::Refused(format!("database: {other}")),
            };
        };
        let code = database.code().unwrap_or(Cow::Borrowed("-----"));
        // Connection, transaction conflict, resources, operator intervention, disk, server fault; lock not available,
        // read-only, idle too long.
        let again = ["08", "40", "53", "57", "58", "XX"].contains(&code.get(..2).unwrap_or_default())
            || ["55P03", "25006", "25P03"].contains(&code.as_ref());
        if again {
            return Self::Unavailable(format!("{} (SQLSTATE {code})", database.message()));
        }
        // The texts of data errors quote the value: it may be personal.
        let text = if code.starts_with("22") { "a value was refused" } else { database.message() };
        Self::Refused(format!("database: {text} (SQLSTATE {code})"))
    }
}
