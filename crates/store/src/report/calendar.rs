//! `chat.calendar_intervals` and those of operators: business hours as SQL subtracts them.

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
    let rows = laid_out(&in_force, intervals);
    lock(connection).await?;
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

/// The rows of a calendar, with its two ends marked.
fn laid_out(
    in_force: &std::ops::Range<DateTime<Utc>>,
    intervals: impl IntoIterator<Item = (DateTime<Utc>, DateTime<Utc>, f64)>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>, f64)> {
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
    rows
}

/// Several processes start at once: the later one finds the earlier one's rows.
async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(crate::marks::RULES_LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

/// The hours of some operators.
#[derive(Clone, Debug)]
pub struct OfOperators {
    /// Whom they are for, by id.
    pub operators: Vec<String>,
    /// The groups whose members they are for, unless they are named themselves.
    pub groups: Vec<String>,
    /// Where they begin and end.
    pub in_force: std::ops::Range<DateTime<Utc>>,
    /// As in [`replace`].
    pub intervals: Vec<(DateTime<Utc>, DateTime<Utc>, f64)>,
}

/// Replaces the calendars of an account's operators; of several that name an operator the first counts. Call it in a
/// transaction.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn replace_of_operators(
    connection: &mut PgConnection,
    account: &str,
    calendars: Vec<OfOperators>,
) -> Result<(), StoreError> {
    lock(connection).await?;
    for statement in [
        "delete from operator_calendar_intervals where account_id = $1",
        "delete from operator_calendars where account_id = $1",
    ] {
        sqlx::query(statement).bind(account).execute(&mut *connection).await?;
    }
    for (number, calendar) in (1_i32..).zip(calendars) {
        sqlx::query(
            "insert into operator_calendars (account_id, calendar_no, operators, groups) values ($1, $2, $3, $4)",
        )
        .bind(account)
        .bind(number)
        .bind(&calendar.operators)
        .bind(&calendar.groups)
        .execute(&mut *connection)
        .await?;
        let rows = laid_out(&calendar.in_force, calendar.intervals);
        sqlx::query(
            "insert into operator_calendar_intervals (account_id, calendar_no, opens_at, closes_at, seconds_before) \
             select $1, $2, * from unnest($3::timestamptz[], $4::timestamptz[], $5::double precision[])",
        )
        .bind(account)
        .bind(number)
        .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
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
