//! Positions: the next offset to read, moved with the facts that it covers and fenced by the lease's epoch.

use sqlx::{PgConnection, PgExecutor};

use crate::StoreError;

/// The stored position of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: u32,
    /// Which log the offset is of.
    pub log_id: String,
    /// The next offset to read.
    pub next: i64,
}

/// One move of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The partition.
    pub partition: u32,
    /// Where it was when this worker read it.
    pub from: i64,
    /// Where it is after the facts of this transaction.
    pub to: i64,
    /// The epoch of this worker's lease.
    pub epoch: i64,
}

/// All positions, by partition.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Position>, StoreError> {
    let rows: Vec<(i32, String, i64)> =
        sqlx::query_as("select partition, log_id, next from positions order by partition")
            .fetch_all(executor)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(partition, log_id, next)| Position { partition: partition.unsigned_abs(), log_id, next })
        .collect())
}

/// Takes a partition over under a new epoch and returns its position: from here on, moves under an older epoch fail.
/// A partition that nobody has read starts at `start`.
///
/// # Errors
/// [`StoreError::Fenced`] when a later epoch has it; [`StoreError::Refused`] when the position is of another log.
pub async fn take(
    connection: &mut PgConnection,
    partition: u32,
    log_id: &str,
    epoch: i64,
    start: i64,
) -> Result<i64, StoreError> {
    crate::folding::join_generation(connection).await?;
    let taken: Option<(String, i64)> = sqlx::query_as(
        "insert into positions as p (partition, log_id, next, epoch) values ($1, $2, $3, $4) \
         on conflict (partition) do update set epoch = excluded.epoch where p.epoch <= excluded.epoch \
         returning log_id, next",
    )
    .bind(partition.cast_signed())
    .bind(log_id)
    .bind(start)
    .bind(epoch)
    .fetch_optional(connection)
    .await?;
    let Some((stored, next)) = taken else { return Err(StoreError::Fenced { partition }) };
    if stored != log_id {
        return Err(StoreError::Refused(format!(
            "partition {partition}: its position is of log {stored}, but this log is {log_id}: the log was recreated or \
             the configuration names another one. Restore the old log, or run `chatledger rebuild --from-scratch`"
        )));
    }
    Ok(next)
}

/// Moves positions, in the transaction of the facts.
///
/// # Errors
/// [`StoreError::Fenced`] for the first one that is not where this worker left it, or whose lease is another's.
pub async fn advance(connection: &mut PgConnection, moves: &[Move]) -> Result<(), StoreError> {
    let moved: Vec<i32> = sqlx::query_scalar(
        "update positions p set next = m.next, updated_at = now() \
         from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) as m(partition, old, next, epoch) \
         where p.partition = m.partition and p.next = m.old and p.epoch = m.epoch returning p.partition",
    )
    .bind(moves.iter().map(|m| m.partition.cast_signed()).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| m.from).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| m.to).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| m.epoch).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    match moves.iter().find(|m| !moved.contains(&m.partition.cast_signed())) {
        Some(missing) => Err(StoreError::Fenced { partition: missing.partition }),
        None => Ok(()),
    }
}
