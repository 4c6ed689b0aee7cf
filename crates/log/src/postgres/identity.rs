//! The log's id and its partitions: made once, then fixed.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use super::connection::failure;
use crate::LogError;

/// Any number, the same in every process: only one may make the log.
const MAKING: i64 = 0x6c65_6467_6572_0001;

/// The id of the log; makes it when there is none.
pub(crate) async fn ensure(pool: &PgPool, partitions: u32) -> Result<String, LogError> {
    let count = i32::try_from(partitions).ok().filter(|count| (1..=1024).contains(count));
    let count =
        count.ok_or_else(|| LogError::Unfit(format!("{partitions} partitions: 1 to 1024 are possible")))?;
    let (id, existing) = made(pool, count).await.map_err(|e| failure(&e))?;
    if existing != count {
        return Err(LogError::Unfit(format!(
            "the log in schema ledger has {existing} partitions, the configuration says {count}: \
             set partitions = {existing} in [log]"
        )));
    }
    Ok(id.to_string())
}

async fn made(pool: &PgPool, partitions: i32) -> Result<(Uuid, i32), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(MAKING).execute(&mut *transaction).await?;
    let identity = "select log_id, partitions from ledger.log_identity";
    if let Some(found) = sqlx::query_as(identity).fetch_optional(&mut *transaction).await? {
        return Ok(found);
    }
    make(&mut transaction, partitions).await?;
    let made = sqlx::query_as(identity).fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(made)
}

async fn make(connection: &mut PgConnection, partitions: i32) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ledger.log_identity (log_id, partitions, made_at) values (gen_random_uuid(), $1, now())",
    )
    .bind(partitions)
    .execute(&mut *connection)
    .await?;
    sqlx::query("insert into ledger.log_heads (partition) select generate_series(0, $1 - 1)")
        .bind(partitions)
        .execute(&mut *connection)
        .await?;
    for partition in 0..partitions {
        // Numbers only: nothing of this text comes from outside.
        let part = format!(
            "create table ledger.deliveries_p{partition} partition of ledger.deliveries for values in ({partition})"
        );
        sqlx::query(AssertSqlSafe(part)).execute(&mut *connection).await?;
    }
    Ok(())
}
