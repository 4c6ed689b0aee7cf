//! Whether what was in the log at a moment is in the tables: read, and folded.

use sqlx::{PgExecutor, PgPool};

use crate::{StoreError, positions};

/// The moment: where the log ended, and once all of that is read, what waited to be folded.
#[derive(Debug)]
pub struct Level {
    ends: Vec<(u32, i64)>,
    mark: Option<i64>,
}

impl Level {
    /// Level with these ends: partitions that have anything, each with the offset behind its last delivery.
    pub fn with(ends: Vec<(u32, i64)>) -> Self {
        Self { ends, mark: None }
    }

    /// Whether the tables have come so far. To be asked again until they have: what is stored later is not waited for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn is_reached(&mut self, pool: &PgPool) -> Result<bool, StoreError> {
        if self.mark.is_none() {
            let read = positions::list(pool).await?;
            let next = |partition| read.iter().find(|at| at.partition == partition).map(|at| at.next);
            if self.ends.iter().all(|(partition, end)| next(*partition) >= Some(*end)) {
                self.mark = Some(newest_mark(pool).await?);
            }
        }
        match self.mark {
            Some(mark) => Ok(!waits_through(pool, mark).await?),
            None => Ok(false),
        }
    }
}

/// The newest mark that waits to be folded; 0 when nothing was ever marked.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn newest_mark(executor: impl PgExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select coalesce(max(mark_id), 0) from marks").fetch_one(executor).await?)
}

/// Whether anything that was marked up to this mark still waits to be folded.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn waits_through(executor: impl PgExecutor<'_>, mark: i64) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select from marks where mark_id <= $1)")
        .bind(mark)
        .fetch_one(executor)
        .await?)
}
