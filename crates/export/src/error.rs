//! What a caller does differently when an export fails.

use store::StoreError;

/// Why there is no export. What was written before is there and whole; the next run goes on.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Wait: another export has the target.
    #[error("another export is writing to {0}; wait until it is done, or name another --out")]
    Busy(String),
    /// Try again later.
    #[error("{0}")]
    Unavailable(String),
    /// Change something first; the text says what.
    #[error("{0}")]
    Refused(String),
    /// It was asked to stop.
    #[error("stopped; the same command goes on where it stopped")]
    Stopped,
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            StoreError::Fenced { .. } | StoreError::Refused(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<parquet::errors::ParquetError> for ExportError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Refused(format!("parquet: {error}"))
    }
}

impl From<arrow_schema::ArrowError> for ExportError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Refused(format!("arrow: {error}"))
    }
}
