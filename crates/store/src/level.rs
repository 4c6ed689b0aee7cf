//! Whether what was in the log at a moment is in the tables: read, and folded.

use sqlx::{PgExecutor, PgPool};

use crate::{StoreError, positions};

/// So often what waits to be folded is waited for: settling an identity marks conversations, behind the marks that waited.
const ROUNDS: u8 = 2;

/// The moment: where the log ended, and once all of that is read, what waited to be folded, and what that marked.
#[derive(Debug)]
pub struct Level {
    ends: Vec<(u32, i64)>,
    is_read: bool,
    mark: Option<i64>,
    rounds: u8,
}

impl Level {
    /// Level with these ends: partitions that have anything, each with the offset behind its last delivery.
    pub fn with(ends: Vec<(u32, i64)>) -> Self {
        Self { ends, is_read: false, mark: None, rounds: 0 }
    }

    /// Whether the tables have come so far. To be asked again until they have: what is stored later is not waited for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn is_reached(&mut self, pool: &PgPool) -> Result<bool, StoreError> {
        if !self.is_read {
            let read = positions::list(pool).await?;
            let next = |partition| read.iter().find(|at| at.partition == partition).map(|at| at.next);
            self.is_read = self.ends.iter().all(|(partition, end)| next(*partition) >= Some(*end));
        }
        while self.is_read && self.rounds < ROUNDS {
            let mark = match self.mark {
                Some(mark) => mark,
                None => newest_mark(pool).await?,
            };
            self.mark = Some(mark);
            if waits_through(pool, mark).await? {
                return Ok(false);
            }
            (self.mark, self.rounds) = (None, self.rounds + 1);
        }
        Ok(self.is_read)
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
