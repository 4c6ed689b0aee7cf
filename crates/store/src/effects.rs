//! `ledger.effects`: what is done to the outside world, once (design.md 3, promise 6).
//!
//! The life of an effect: [`intend`] writes it (its unique key makes a replay harmless), [`claim`] leases it to one
//! worker and says which message carries it *before* the call, [`settle`] writes what came of the call. A worker that
//! dies between the two leaves an unknown outcome: when its lease is over, the same message goes out again, byte for
//! byte, under the same message id.
//!
//! Receivers that know the key of what they are sent (an upsert, an idempotency key) see each effect once. One that has
//! nothing of the kind (SMTP) may see one repeat per crash or unknown outcome.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::{PgPool, StoreError};

/// Something to be done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEffect {
    /// Unique for ever; made of the vendor's ids of facts.
    pub key: String,
    /// The account.
    pub account: String,
    /// The receiver: `notifier/<name>`, `crm/<name>`.
    pub target: String,
    /// What it is about. Effects of one target and subject go out one at a time, by version.
    pub subject: String,
    /// Grows for one target and subject.
    pub version: i64,
    /// What is sent; the target's adapter knows how to read it.
    pub body: Vec<u8>,
    /// Not before.
    pub due_at: DateTime<Utc>,
}

/// Writes intents; those whose key is there already are left as they are. Returns the keys that are new.
///
/// Call it in the transaction of the decision that they follow from.
pub async fn intend(
    connection: &mut PgConnection,
    effects: &[NewEffect],
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    if effects.is_empty() {
        return Ok(Vec::new());
    }
    let column = |of: fn(&NewEffect) -> &str| effects.iter().map(of).collect::<Vec<_>>();
    Ok(sqlx::query_scalar(
        "insert into ledger.effects (effect_key, account_id, target, subject, version, body, next_attempt_at, intended_at) \
         select *, $8 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::timestamptz[]) \
         on conflict do nothing returning effect_key",
    )
    .bind(column(|effect| &effect.key))
    .bind(column(|effect| &effect.account))
    .bind(column(|effect| &effect.target))
    .bind(column(|effect| &effect.subject))
    .bind(effects.iter().map(|effect| effect.version).collect::<Vec<_>>())
    .bind(effects.iter().map(|effect| effect.body.as_slice()).collect::<Vec<_>>())
    .bind(effects.iter().map(|effect| effect.due_at).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(connection)
    .await?)
}

/// Who claims, and for how long.
#[derive(Clone, Debug)]
pub struct Lease<'a> {
    /// Unique for each running worker.
    pub owner: &'a str,
    /// When somebody else may take over: longer than a call may last.
    pub until: DateTime<Utc>,
}

/// An effect that this worker is to do now. All of one claim go out in one message.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Claimed {
    /// Its key.
    #[sqlx(rename = "effect_key")]
    pub key: String,
    /// The account.
    #[sqlx(rename = "account_id")]
    pub account: String,
    /// What it is about.
    pub subject: String,
    /// Its version.
    pub version: i64,
    /// What is sent.
    pub body: Vec<u8>,
    /// The message that carries it: the same as last time when the outcome of that is unknown.
    pub message_id: String,
    /// Failures of its own so far, this attempt not counted.
    pub attempts: i32,
    /// When it was intended.
    pub intended_at: DateTime<Utc>,
}

/// Claims what one message to `target` carries: a message whose outcome is unknown, whole and in the order of its keys;
/// else up to `limit` effects that are due, oldest first, under `message_id`. Nothing while the target is paused, or of
/// a subject whose earlier effect is still open.
///
/// Committed when it returns: the intent to send is durable before the call.
pub async fn claim(
    pool: &PgPool,
    target: &str,
    limit: i64,
    lease: &Lease<'_>,
    message_id: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    let mut transaction = crate::begin(pool).await?;
    // One worker at a time chooses for a target: two that lock row by row would split a message.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(target)
        .execute(&mut *transaction)
        .await?;
    let mut claimed: Vec<Claimed> = sqlx::query_as(include_str!("effects_claim.sql"))
        .bind(target)
        .bind(limit)
        .bind(lease.owner)
        .bind(lease.until)
        .bind(message_id)
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
    crate::commit(transaction).await?;
    claimed.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(claimed)
}

/// What came of one effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted. Final.
    Done,
    /// Refused for good: it goes to the dead letters. Final.
    Dead {
        /// Why, without secrets and personal data.
        error: String,
    },
    /// Refused for now, by its own fault: tried again in a new message, and counted.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        error: String,
    },
    /// The receiver takes nothing now: tried again in a new message, not counted.
    Waits {
        /// When.
        at: DateTime<Utc>,
    },
    /// Nobody knows whether it was accepted: the same message again, not counted.
    Unknown {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        error: String,
    },
}

/// Writes what came of effects that `owner` claimed. Returns the keys that were still its own: those of a worker that
/// was thought dead are left to whoever has them now.
///
/// Call it in the transaction that also writes what follows from the outcome.
pub async fn settle(
    connection: &mut PgConnection,
    owner: &str,
    outcomes: &[(String, Outcome)],
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let status = |outcome: &Outcome| match outcome {
        Outcome::Done => "done",
        Outcome::Dead { .. } => "dead",
        Outcome::Retry { .. } | Outcome::Waits { .. } | Outcome::Unknown { .. } => "pending",
    };
    let at = |outcome: &Outcome| match outcome {
        Outcome::Done | Outcome::Dead { .. } => None,
        Outcome::Retry { at, .. } | Outcome::Waits { at } | Outcome::Unknown { at, .. } => Some(*at),
    };
    let error = |outcome: &Outcome| match outcome {
        Outcome::Done | Outcome::Waits { .. } => None,
        Outcome::Dead { error } | Outcome::Retry { error, .. } | Outcome::Unknown { error, .. } => {
            Some(error.clone())
        }
    };
    let counted = |outcome: &Outcome| matches!(outcome, Outcome::Retry { .. } | Outcome::Dead { .. });
    let keeps_message = |outcome: &Outcome| matches!(outcome, Outcome::Unknown { .. });
    Ok(sqlx::query_scalar(include_str!("effects_settle.sql"))
        .bind(outcomes.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|(_, outcome)| status(outcome)).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|(_, outcome)| at(outcome)).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|(_, outcome)| error(outcome)).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|(_, outcome)| i32::from(counted(outcome))).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|(_, outcome)| keeps_message(outcome)).collect::<Vec<_>>())
        .bind(owner)
        .bind(now)
        .fetch_all(connection)
        .await?)
}

/// Drops effects of a subject that were never sent and need not be any more: all of `version` and later ones, of one
/// target or of all. One that may have reached its receiver stays. Final. Returns their targets.
///
/// Call it in the transaction of the decision that they are not needed.
pub async fn drop_unsent(
    connection: &mut PgConnection,
    subject: &str,
    target: Option<&str>,
    version: i64,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "update ledger.effects set status = 'dropped', body = null, last_error = $4, settled_at = $5 \
         where subject = $1 and ($2::text is null or target = $2) and version >= $3 \
           and status = 'pending' and message_id is null returning target",
    )
    .bind(subject)
    .bind(target)
    .bind(version)
    .bind(reason)
    .bind(now)
    .fetch_all(connection)
    .await?)
}

/// An effect that reached its receiver, may have, or still will.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Reached {
    /// Its key.
    #[sqlx(rename = "effect_key")]
    pub key: String,
    /// The receiver.
    pub target: String,
}

/// The effects of a subject's version that were accepted or are still open; not those that were refused or dropped.
pub async fn reached(
    connection: &mut PgConnection,
    subject: &str,
    version: i64,
) -> Result<Vec<Reached>, StoreError> {
    Ok(sqlx::query_as(
        "select effect_key, target from ledger.effects \
         where subject = $1 and version = $2 and status in ('pending', 'in_flight', 'done') order by effect_key",
    )
    .bind(subject)
    .bind(version)
    .fetch_all(connection)
    .await?)
}

/// Targets that begin with `prefix` and have effects that wait, with how many.
pub async fn waiting_targets(
    executor: impl PgExecutor<'_>,
    prefix: &str,
) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as(
        "select target, count(*) from ledger.effects \
         where status in ('pending', 'in_flight') and starts_with(target, $1) group by target order by target",
    )
    .bind(prefix)
    .fetch_all(executor)
    .await?)
}

/// How a target is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct TargetState {
    /// Nothing is sent before.
    pub paused_until: Option<DateTime<Utc>>,
    /// Since when it needs a person (a login, a missing field).
    pub broken_since: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
    /// Calls made today (UTC).
    pub calls: i64,
    /// Effects that wait.
    pub waiting: i64,
    /// The oldest of them.
    pub oldest: Option<DateTime<Utc>>,
    /// Dead letters.
    pub dead: i64,
}

/// How a target is doing; one that never was used does well.
pub async fn target_state(
    executor: impl PgExecutor<'_>,
    target: &str,
    now: DateTime<Utc>,
) -> Result<TargetState, StoreError> {
    Ok(sqlx::query_as(
        "select t.paused_until, t.broken_since, t.reason, \
                coalesce(case when t.day = ($2 at time zone 'utc')::date then t.calls end, 0) as calls, \
                o.waiting, o.oldest, \
                (select count(*) from ledger.effects where target = $1 and status = 'dead') as dead \
         from (select count(*) as waiting, min(intended_at) as oldest from ledger.effects \
               where target = $1 and status in ('pending', 'in_flight')) o \
         left join ledger.targets t on t.target = $1",
    )
    .bind(target)
    .bind(now)
    .fetch_one(executor)
    .await?)
}

/// Sends nothing to a target until then; `broken`: because somebody has to mend it, not because it is busy.
pub async fn pause_target(
    executor: impl PgExecutor<'_>,
    target: &str,
    until: DateTime<Utc>,
    broken: bool,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into ledger.targets as t (target, paused_until, broken_since, reason, updated_at) \
         values ($1, $2, case when $3 then $5 end, $4, $5) \
         on conflict (target) do update set paused_until = excluded.paused_until, \
             broken_since = case when $3 then coalesce(t.broken_since, excluded.broken_since) end, \
             reason = excluded.reason, updated_at = excluded.updated_at",
    )
    .bind(target)
    .bind(until)
    .bind(broken)
    .bind(reason)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// A target answered well: it is neither paused nor broken.
pub async fn resume_target(
    executor: impl PgExecutor<'_>,
    target: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger.targets set paused_until = null, broken_since = null, reason = null, updated_at = $2 \
         where target = $1 and (paused_until is not null or broken_since is not null)",
    )
    .bind(target)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(())
}

/// Counts calls to a target (UTC days); returns today's sum.
pub async fn count_calls(
    executor: impl PgExecutor<'_>,
    target: &str,
    calls: i64,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "insert into ledger.targets as t (target, day, calls, updated_at) \
         values ($1, ($3 at time zone 'utc')::date, $2, $3) \
         on conflict (target) do update set day = excluded.day, updated_at = excluded.updated_at, \
             calls = case when t.day = excluded.day then t.calls + excluded.calls else excluded.calls end \
         returning calls",
    )
    .bind(target)
    .bind(calls)
    .bind(now)
    .fetch_one(executor)
    .await?)
}
