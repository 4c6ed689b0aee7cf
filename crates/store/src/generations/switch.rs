//! The exchange of the generations: one transaction, while no other writes to either.
//!
//! Whoever writes to a generation holds [`marks::GENERATION_LOCK`] shared until it commits; the switch holds it alone. A
//! writer that waited for it finds the new generation: names are looked up after the wait. What it had read of the log is
//! committed only from exactly the position where the new generation stands ([`crate::positions::advance`]), else it reads
//! again from there.

use sqlx::PgPool;

use super::outside::{self, Dependent};
use super::{NEXT, OLD, state};
use crate::positions::{self, Position};
use crate::{LIVE, StoreError, Transaction, marks};

/// How long other writers may be kept waiting for the switch to begin.
const LOCK_TIMEOUT: &str = "1s";
/// How long one statement may last while they wait, and how long the one who switches may do nothing.
const STALLED: &str = "10s";
/// The exchange itself compares what was noted: that may take longer.
const EXCHANGE: &str = "60s";

/// The switch, begun: nobody writes to either generation until it is dropped or done. The connection sees the next one.
#[derive(Debug)]
pub struct Switch {
    transaction: Transaction,
    live: Vec<Position>,
    next: Vec<Position>,
}

/// What a switch did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Switched {
    /// Users' views that read the new generation now.
    pub remade: Vec<String>,
    /// What still reads the generation before, and why it was not made anew.
    pub left: Vec<Left>,
}

/// Something that a switch leaves as it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// `materialised view public.totals`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Keeps writers out.
///
/// # Errors
/// [`StoreError::Unavailable`] when they do not let go in a second: try again later.
pub async fn begin(next: &PgPool) -> Result<Switch, StoreError> {
    let mut transaction = crate::begin(next).await?;
    for statement in [
        format!("set local lock_timeout = '{LOCK_TIMEOUT}'"),
        format!("set local statement_timeout = '{STALLED}'"),
        // A process that hangs or is cut off lets go of the writers all the same.
        format!("set local idle_in_transaction_session_timeout = '{STALLED}'"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(marks::GENERATION_LOCK)
        .execute(&mut *transaction)
        .await?;
    let statement = format!("select partition, log_id, next from {LIVE}.positions order by partition");
    let live: Vec<(i32, String, i64)> =
        sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_all(&mut *transaction).await?;
    let live = live
        .into_iter()
        .map(|(partition, log_id, next)| Position { partition: partition.unsigned_abs(), log_id, next })
        .collect();
    let next = positions::list(&mut *transaction).await?;
    Ok(Switch { transaction, live, next })
}

impl Switch {
    /// The partitions of log `log_id` that the live generation has read further: (partition, from, to).
    pub fn behind(&self, log_id: &str) -> Vec<(u32, i64, i64)> {
        let of_next = |partition: u32| {
            self.next
                .iter()
                .find(|position| position.partition == partition)
                .map_or(0, |position| position.next)
        };
        self.live
            .iter()
            .filter(|position| position.log_id == log_id)
            .map(|position| (position.partition, of_next(position.partition), position.next))
            .filter(|(_, from, to)| from < to)
            .collect()
    }

    /// To bring the next generation up to where the live one is.
    pub fn connection(&mut self) -> &mut sqlx::PgConnection {
        &mut self.transaction
    }

    /// Exchanges the generations. `chat_old` must be gone before. What is dropped instead of finished changed nothing.
    ///
    /// # Errors
    /// As of the store; then nothing was changed, or (the answer was lost) all of it.
    pub async fn finish(mut self) -> Result<Switched, StoreError> {
        let connection = &mut *self.transaction;
        let patient = format!("set local statement_timeout = '{EXCHANGE}'");
        sqlx::query(sqlx::AssertSqlSafe(patient)).execute(&mut *connection).await?;
        check_fit(connection).await?;
        for statement in [
            include_str!("switch_positions.sql"),
            include_str!("switch_changes.sql"),
            include_str!("switch_causes.sql"),
            include_str!("switch_completeness.sql"),
        ] {
            sqlx::raw_sql(statement).execute(&mut *connection).await?;
        }
        let mut switched = Switched::default();
        grant(connection, &mut switched).await?;
        let hanging = outside::dependents(connection, LIVE).await?;
        let mut views = Vec::new();
        for dependent in hanging {
            if dependent.is_view() {
                let text = outside::definition(connection, &dependent).await?;
                views.push((dependent, text));
            } else {
                switched.left.push(left(&dependent, "only plain views are made anew"));
            }
        }
        for statement in
            [format!("alter schema {LIVE} rename to {OLD}"), format!("alter schema {NEXT} rename to {LIVE}")]
        {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
        for (view, text) in views {
            match try_one(connection, &text).await? {
                None => switched.remade.push(view.name),
                Some(why) => switched.left.push(left(&view, &why)),
            }
        }
        state::forget(&mut *connection).await?;
        // The one commit of a rebuild that waits for the disk: all others before it are there with it.
        sqlx::query("set local synchronous_commit = on").execute(&mut *connection).await?;
        crate::commit(self.transaction).await?;
        Ok(switched)
    }
}

/// Refuses tables of other columns than the live ones, or of a configuration that the live ones have left since.
async fn check_fit(connection: &mut sqlx::PgConnection) -> Result<(), StoreError> {
    let statement = format!(
        "select (select max(version) from {LIVE}._sqlx_migrations) is distinct from \
                (select max(version) from {NEXT}._sqlx_migrations) \
             or exists (select from {LIVE}.folded_rules l join {NEXT}.folded_rules n using (account_id) \
                        where l.rules <> n.rules and l.adopted_at > n.adopted_at)"
    );
    let is_unfit: bool =
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut *connection).await?;
    let is_guarded: bool = sqlx::query_scalar(
        "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = $1 and c.relrowsecurity)",
    )
    .bind(LIVE)
    .fetch_one(&mut *connection)
    .await?;
    if is_guarded {
        return Err(StoreError::Refused(format!(
            "tables of schema {LIVE} have row security, which new tables would lack: who may read less would read all. Put \
             it on views instead, and run `chatledger rebuild` again"
        )));
    }
    match is_unfit {
        false => Ok(()),
        true => Err(StoreError::Refused(
            "the program or its configuration changed while the tables were made; run `chatledger rebuild` with the new one"
                .to_owned(),
        )),
    }
}

fn left(dependent: &Dependent, why: &str) -> Left {
    Left { what: dependent.to_string(), why: why.to_owned() }
}

/// Runs a statement that may be refused; returns why it was.
async fn try_one(connection: &mut sqlx::PgConnection, statement: &str) -> Result<Option<String>, StoreError> {
    sqlx::query("savepoint one").execute(&mut *connection).await?;
    match sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await {
        Ok(_) => {
            sqlx::query("release savepoint one").execute(&mut *connection).await?;
            Ok(None)
        }
        // Somebody reads it at this moment: the whole exchange is tried again.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("55P03" | "57014")) => {
            Err(StoreError::Unavailable(error.message().to_owned()))
        }
        Err(sqlx::Error::Database(error)) => {
            sqlx::query("rollback to savepoint one").execute(&mut *connection).await?;
            Ok(Some(error.message().to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives the next generation's schema, tables, views and functions the grants of the live one's, by name.
async fn grant(connection: &mut sqlx::PgConnection, switched: &mut Switched) -> Result<(), StoreError> {
    let statements: Vec<(String, String)> = sqlx::query_as(include_str!("switch_grants.sql"))
        .bind(LIVE)
        .bind(NEXT)
        .fetch_all(&mut *connection)
        .await?;
    for (what, statement) in statements {
        if let Some(why) = try_one(connection, &statement).await? {
            switched.left.push(Left { what, why });
        }
    }
    Ok(())
}
