//! `folded_rules`: under which rules an account's rows are folded, and what a change of them folds again.

use std::collections::BTreeMap;

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
    /// They are those that were replaced less than ten minutes ago, by a process that still runs. Nothing was done: try again later.
    Contested,
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
    /// Who brings them: the name under which it holds leases.
    pub owner: &'a str,
}

/// Adopts the rules of an account: where they differ from those before, every conversation, client and operator is marked,
/// quietly, and what changed is noted for published figures.
///
/// Call it in the transaction that writes the calendar.
pub async fn adopt(connection: &mut PgConnection, offer: Offer<'_>) -> Result<Adopted, StoreError> {
    let Offer { account, rules, parts, owner } = offer;
    folding::join_generation(connection).await?;
    // A large account has many subjects to mark.
    sqlx::query("set local statement_timeout = 0").execute(&mut *connection).await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(marks::RULES_LOCK).execute(&mut *connection).await?;
    // Two processes with different configurations, each restarted when it is refused, would fold everything again in turn.
    // Who was killed counts as running until its lease is over. Others who run may have the rules that are offered.
    type Known = (i64, sqlx::types::Json<BTreeMap<String, String>>, bool);
    let known: Option<Known> = sqlx::query_as(
        "select rules, parts, \
             replaced is not distinct from $2 and adopted_at > now() - interval '10 minutes' \
             and exists (select from ledger.lease_owners \
                         where scope = current_schema() and owner = adopted_by and expires_at >= now()) \
         from folded_rules where account_id = $1",
    )
    .bind(account)
    .bind(rules)
    .fetch_optional(&mut *connection)
    .await?;
    let before = match known {
        Some((known, ..)) if known == rules => return Ok(Adopted::Same),
        Some((_, _, true)) => return Ok(Adopted::Contested),
        Some((_, parts, false)) => parts.0,
        None => BTreeMap::new(),
    };
    let differs = |part: &&str| !before.is_empty() && before.get(*part) != parts.get(*part);
    let changed: Vec<String> = parts.keys().copied().filter(differs).map(str::to_owned).collect();
    sqlx::query(
        "insert into folded_rules (account_id, rules, parts, changed, adopted_by) values ($1, $2, $3, $4, $5) \
         on conflict (account_id) do update \
         set rules = excluded.rules, parts = excluded.parts, changed = excluded.changed, adopted_at = now(), \
             adopted_by = excluded.adopted_by, replaced = folded_rules.rules",
    )
    .bind(account)
    .bind(rules)
    .bind(sqlx::types::Json(parts))
    .bind(&changed)
    .bind(owner)
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

/// The accounts whose rows are folded under some rules.
pub async fn accounts(executor: impl sqlx::PgExecutor<'_>) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select account_id from folded_rules union select account_id from accounting order by 1",
    )
    .fetch_all(executor)
    .await?)
}
