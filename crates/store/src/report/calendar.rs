//! `chat.calendar_intervals`: business hours as SQL subtracts them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::StoreError;

/// Replaces an account's intervals with those of `projection::Hours`: opens, closes, seconds open before, in order and
/// without overlap. `in_force` is where the calendar begins and ends: intervals without length mark it, because a
/// calendar that is closed is not the same as none. Call it in a transaction.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn replace(
    connection: &mut PgConnection,
    account: &str,
    in_force: std::ops::Range<DateTime<Utc>>,
    intervals: impl IntoIterator<Item = (DateTime<Utc>, DateTime<Utc>, f64)>,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = intervals.into_iter().collect();
    if rows.first().is_none_or(|first| first.0 > in_force.start) {
        rows.insert(0, (in_force.start, in_force.start, 0.0));
    }
    if let Some(&(opens, closes, before)) = rows.last()
        && closes < in_force.end
    {
        #[expect(clippy::cast_precision_loss, reason = "a day of microseconds fits 2^53")]
        let open = (closes - opens).num_microseconds().unwrap_or_default() as f64 / 1e6;
        rows.push((in_force.end, in_force.end, before + open));
    }
    // Several processes start at once: the later one finds the earlier one's rows.
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(crate::marks::RULES_LOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::query("delete from calendar_intervals where account_id = $1")
        .bind(account)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "insert into calendar_intervals (account_id, opens_at, closes_at, seconds_before) \
         select $1, * from unnest($2::timestamptz[], $3::timestamptz[], $4::double precision[])",
    )
    .bind(account)
    .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.2).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets an account's calendar: its business durations are null from here on.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn remove(connection: &mut PgConnection, account: &str) -> Result<(), StoreError> {
    sqlx::query("delete from calendar_intervals where account_id = $1")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}
