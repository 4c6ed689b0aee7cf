//! How the database's failures are told, and how long it is waited for.

use std::time::Duration;

use crate::LogError;

/// The whole of one append: waiting for its group, and the group's transaction.
pub(crate) const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

/// One group's transaction, connecting included.
pub(crate) const GROUP_TIMEOUT: Duration = Duration::from_secs(9);

/// Tells a failure without the database's own text, which may quote values.
pub(crate) fn failure(error: &sqlx::Error) -> LogError {
    match error {
        sqlx::Error::Database(database) => match database.code().as_deref() {
            Some("42P01" | "3F000") => LogError::Unfit(
                "schema ledger is missing or older than this program: run its migrations".to_owned(),
            ),
            Some(code) => LogError::Unavailable(format!("database error {code}")),
            None => LogError::Unavailable("database error".to_owned()),
        },
        sqlx::Error::Io(error) => LogError::Unavailable(format!("database unreachable: {}", error.kind())),
        sqlx::Error::PoolTimedOut => LogError::Unavailable("no database connection in time".to_owned()),
        sqlx::Error::ColumnDecode { index, .. } => LogError::Unfit(format!(
            "column {index} of schema ledger has another type than this program writes"
        )),
        _ => LogError::Unavailable("database connection failed".to_owned()),
    }
}

/// Whether the failure is of the values sent, so that other entries may still pass: SQLSTATE classes 22, 23 and 54.
pub(crate) fn of_values(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code());
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}
