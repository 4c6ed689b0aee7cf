//! What the projection says it has read, to be compared with the log itself.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgExecutor, Row as _};

use crate::StoreError;

/// One partition, as positions and accounting tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSoFar {
    /// The partition.
    pub partition: u32,
    /// Which log the position is of; `None` when there is no position.
    pub log_id: Option<String>,
    /// The next offset to read.
    pub next: Option<i64>,
    /// Deliveries that were counted.
    pub appended: i64,
    /// Those of them that have a fate.
    pub fates: i64,
}

impl FromRow<'_, PgRow> for ReadSoFar {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            partition: row.try_get::<i32, _>("partition")?.unsigned_abs(),
            log_id: row.try_get("log_id")?,
            next: row.try_get("next")?,
            appended: row.try_get("appended")?,
            fates: row.try_get("fates")?,
        })
    }
}

/// All partitions that have a position or were counted. One statement, so that positions and counts, which commit
/// together, are seen together.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn read_so_far(executor: impl PgExecutor<'_>) -> Result<Vec<ReadSoFar>, StoreError> {
    Ok(sqlx::query_as(
        "select partition, p.log_id, p.next, coalesce(a.appended, 0) as appended, coalesce(a.fates, 0) as fates \
         from positions p full join ( \
             select partition, sum(appended)::bigint as appended, \
                    sum(decoded + partly_rejected + rejected + erased)::bigint as fates \
             from accounting group by partition \
         ) a using (partition) order by partition",
    )
    .fetch_all(executor)
    .await?)
}
