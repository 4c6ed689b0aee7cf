//! `folded_rules`: under which rules an account's rows are folded, and what a change of them folds again.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgConnection;

use crate::figures::{self, Cause};
use crate::{StoreError, folding, marks};

/// What became of the rules that a process brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// They are those under which the rows are folded.
    Same,
    /// They are new: everything of the account is marked. Names of the parts that differ; empty when none were known.
    Changed(Vec<String>),
}

/// What a process brings for an account.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The account.
    pub account: &'a str,
    /// Fingerprint of the rules.
    pub rules: i64,
    /// What they are made of.
    pub parts: &'a BTreeMap<&'static str, String>,
    /// Those of the parts by which deliveries are decoded: facts that are there stay as they were decoded.
    pub decoding: &'a [&'static str],
    /// Who brings them: the name under which it holds leases.
    pub owner: &'a str,
}

/// Adopts the rules of an account: where they differ from those before, every conversation, client and operator is marked,
/// quietly, and what changed is noted for published figures.
///
/// Call it in the transaction that writes the calendar.
pub async fn adopt(connection: &mut PgConnection, offer: Offer<'_>) -> Result<Adopted, StoreError> {
    let Offer { account, rules, parts, decoding, owner } = offer;
    folding::join_generation(connection).await?;
    // A large account has many subjects to mark.
    sqlx::query("set local statement_timeout = 0").execute(&mut *connection).await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(marks::RULES_LOCK).execute(&mut *connection).await?;
    let known: Option<(i64, sqlx::types::Json<BTreeMap<String, String>>)> =
        sqlx::query_as("select rules, parts from folded_rules where account_id = $1")
            .bind(account)
            .fetch_optional(&mut *connection)
            .await?;
    if known.as_ref().is_some_and(|(known, _)| *known == rules) {
        // Who brought them may be gone: now they are those of this process.
        sqlx::query(
            "update folded_rules r set adopted_by = $2 where account_id = $1 \
             and not exists (select from ledger.lease_owners o where o.scope = current_schema() \
                             and o.owner = r.adopted_by and o.expires_at >= now())",
        )
        .bind(account)
        .bind(owner)
        .execute(connection)
        .await?;
        return Ok(Adopted::Same);
    }
    let before = known.map(|(_, parts)| parts.0).unwrap_or_default();
    let differs = |part: &&str| !before.is_empty() && before.get(*part) != parts.get(*part);
    let changed: Vec<String> = parts.keys().copied().filter(differs).map(str::to_owned).collect();
    sqlx::query(
        "insert into folded_rules (account_id, rules, parts, changed, adopted_by, is_stale) \
         values ($1, $2, $3, $4, $5, $6) \
         on conflict (account_id) do update \
         set rules = excluded.rules, parts = excluded.parts, changed = excluded.changed, adopted_at = now(), \
             adopted_by = excluded.adopted_by, replaced = folded_rules.rules, \
             is_stale = folded_rules.is_stale or excluded.is_stale",
    )
    .bind(account)
    .bind(rules)
    .bind(sqlx::types::Json(parts))
    .bind(&changed)
    .bind(owner)
    .bind(changed.iter().any(|part| decoding.contains(&part.as_str())))
    .execute(&mut *connection)
    .await?;
    if !changed.is_empty() {
        let what = format!("{} of {account}", changed.join(", "));
        figures::note(&mut *connection, account, Cause::Configuration, Some(&what)).await?;
    }
    sqlx::query(
        "insert into marks (account_id, kind, subject, quiet) \
         select $1, 'conversation', conversation, true from facts \
         where account_id = $1 and conversation is not null group by conversation \
         union all \
         select $1, kind, fact_key, true from facts where account_id = $1 and kind in ('client', 'operator') \
         group by kind, fact_key \
         union all \
         select $1, 'client', client_id, true from clients where account_id = $1",
    )
    .bind(account)
    .execute(connection)
    .await?;
    Ok(Adopted::Changed(changed))
}

/// An account whose rules in force have replaced those that are offered, less than ten minutes before the offer was made for the
/// first time, and whose adopter still runs. Two processes with different configurations, each restarted when it is refused,
/// would otherwise fold everything again in turn. `waited` is how long ago the first offer was.
///
/// Who was killed counts as running until its leases are over. Whoever looks takes no lock: nobody waits for it.
pub async fn contested(
    executor: impl sqlx::PgExecutor<'_>,
    offered: &[(&str, i64)],
    waited: Duration,
) -> Result<Option<String>, StoreError> {
    let (accounts, rules): (Vec<&str>, Vec<i64>) = offered.iter().copied().unzip();
    Ok(sqlx::query_scalar(
        "select r.account_id from unnest($1::text[], $2::bigint[]) as o(account_id, rules) \
         join folded_rules r on r.account_id = o.account_id and r.replaced = o.rules and r.rules <> o.rules \
         where r.adopted_at > now() - interval '10 minutes' - make_interval(secs => $3) \
         and (exists (select from ledger.lease_owners l where l.scope = current_schema() \
                      and l.owner = r.adopted_by and l.expires_at >= now()) \
              or exists (select from ledger.leases l where l.scope = current_schema() \
                         and l.owner = r.adopted_by and l.expires_at >= now())) \
         order by 1 limit 1",
    )
    .bind(accounts)
    .bind(rules)
    .bind(waited.as_secs_f64())
    .fetch_optional(executor)
    .await?)
}

/// The accounts whose rows are folded under rules other than these. Until the transaction ends nobody adopts others.
pub async fn replaced(
    connection: &mut PgConnection,
    ours: &[(&str, i64)],
) -> Result<Vec<String>, StoreError> {
    sqlx::query("select pg_advisory_xact_lock_shared($1)")
        .bind(marks::RULES_LOCK)
        .execute(&mut *connection)
        .await?;
    let (accounts, rules): (Vec<&str>, Vec<i64>) = ours.iter().copied().unzip();
    Ok(sqlx::query_scalar(
        "select r.account_id from unnest($1::text[], $2::bigint[]) as o(account_id, rules) \
         join folded_rules r on r.account_id = o.account_id where r.rules <> o.rules",
    )
    .bind(accounts)
    .bind(rules)
    .fetch_all(connection)
    .await?)
}

/// The accounts that have facts which were decoded under other rules than those in force, since they were begun or rebuilt.
pub async fn stale(executor: impl sqlx::PgExecutor<'_>) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select account_id from folded_rules where is_stale order by 1")
        .fetch_all(executor)
        .await?)
}

/// The accounts whose rows are folded under some rules.
pub async fn accounts(executor: impl sqlx::PgExecutor<'_>) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select account_id from folded_rules union select account_id from accounting order by 1",
    )
    .fetch_all(executor)
    .await?)
}
