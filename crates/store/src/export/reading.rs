//! Reading a dataset: its objects' states, and its rows.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::NaiveDate;
use futures::Stream;
use futures::TryStreamExt as _;
use sqlx::{PgConnection, PgExecutor};

use super::source::{Column, Source};
use crate::{PgPool, StoreError};

/// The rows of one account; local days are those of its zone.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The dataset.
    pub source: Source,
    /// The account.
    pub account: &'a str,
    /// The name of its zone in the time zone database.
    pub zone: &'a str,
}

/// What an object should hold.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct State {
    /// The local day; none for a dataset that is one object.
    pub day: Option<NaiveDate>,
    /// How many rows.
    pub rows: i64,
    /// Made of the hashes of the rows: the same rows have the same one, whatever their order.
    pub fingerprint: String,
}

/// A connection of its own whose transaction sees one moment and may read for as long as it takes. Dropped, it is over at
/// once: a pool would first wait for the end of what it reads.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn snapshot(pool: &PgPool) -> Result<PgConnection, StoreError> {
    let mut connection = pool.acquire().await?.detach();
    sqlx::query("begin isolation level repeatable read, read only").execute(&mut connection).await?;
    // Sorting millions of rows in 4 MB means many runs on disk.
    sqlx::query(
        "select set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true), \
                set_config('idle_in_transaction_session_timeout', '0', true)",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

/// The accounts of which anything was ever counted.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn accounts(executor: impl PgExecutor<'_>) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select distinct account_id from accounting order by 1")
        .fetch_all(executor)
        .await?)
}

/// How the objects of a selection should be: one line for each day that has rows, in order; of a dataset without days
/// one line, when there are rows. Call it in [`snapshot`].
///
/// # Errors
/// [`StoreError::Refused`] when Postgres does not know the zone.
pub async fn states(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
) -> Result<Vec<State>, StoreError> {
    set(connection, selection, &[]).await?;
    // Two sums and an exclusive or: rows that changed places or swapped parts of their hashes do not cancel out.
    let statement = format!(
        "select d.day, count(*) as rows, \
                concat_ws('.', count(*), sum(t.row_hash), bit_xor(t.row_hash), sum(hashint8extended(t.row_hash, 7))) \
                    as fingerprint \
         from {} where t.account_id = (select current_setting('export.account')) group by d.day order by d.day",
        selection.source.from()
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_all(connection).await?)
}

/// The rows of these days (all, of a dataset without days) as Postgres' binary COPY format: first the day, then
/// `columns`; by day, then in [`Source::order`]. [`super::Rows`] reads it. Call it in [`snapshot`].
///
/// # Errors
/// As the stream's: [`StoreError::Unavailable`] when the database goes away meanwhile.
pub async fn rows<'c>(
    connection: &'c mut PgConnection,
    selection: &Selection<'_>,
    days: &[NaiveDate],
    columns: &[Column],
) -> Result<impl Stream<Item = Result<Bytes, StoreError>> + Unpin + use<'c>, StoreError> {
    set(connection, selection, days).await?;
    let statement = statement(selection.source, columns);
    let stream = connection.copy_out_raw(&statement).await?;
    Ok(stream.map_err(StoreError::from))
}

fn statement(source: Source, columns: &[Column]) -> String {
    let mut statement = "copy (select d.day".to_owned();
    for column in columns {
        // Writing to a string cannot fail.
        let _ = write!(statement, ", {}", column.expression());
    }
    let _ = write!(statement, " from {}", source.from());
    if source.is_by_day() {
        statement.push_str(
            " join (select unnest((select current_setting('export.days'))::date[]) as day) w on w.day = d.day",
        );
    }
    let _ = write!(
        statement,
        " where t.account_id = (select current_setting('export.account')) order by d.day, {}) to stdout (format binary)",
        source.order_by()
    );
    statement
}

/// COPY takes no parameters: they are settings of the transaction.
async fn set(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    days: &[NaiveDate],
) -> Result<(), StoreError> {
    sqlx::query(
        "select set_config('export.account', $1, true), set_config('export.zone', $2, true), \
                set_config('export.days', $3::date[]::text, true)",
    )
    .bind(selection.account)
    .bind(selection.zone)
    .bind(days)
    .execute(connection)
    .await?;
    Ok(())
}
