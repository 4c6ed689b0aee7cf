//! `ledger.crm_links`: which record of a CRM is which lead, and which content the CRM accepted last.
//!
//! The life of a lead in a CRM: whoever sees that it may differ *marks* it ([`mark_changed`], [`mark_differing`]); the
//! planner compares marked leads ([`crate::leads::due`]) and either writes an effect with a new version or finds nothing
//! to do ([`planned`]); what came of the effect is written with its outcome ([`settle`]). A mark that comes while an
//! effect is open stays until that is settled.
//!
//! `seen_hash` is the hash of the rows that were compared last, with the mapping's fingerprint: leads whose rows and
//! mapping are as they were need no look, so that a nightly run reads only what changed.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::StoreError;
use crate::changes::Change;
use crate::leads::Scope;

/// Marks changed leads of a CRM to be compared at `at`; an earlier mark stays, one of [`mark_differing`] becomes one of
/// this kind, which goes first. Returns how many marks are new or other ones now.
///
/// A change whose lead is gone marks nothing.
pub async fn mark_changed(
    connection: &mut PgConnection,
    scope: Scope<'_>,
    changes: &[Change],
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let (accounts, clients): (Vec<&str>, Vec<&str>) =
        changes.iter().map(|change| (change.account.as_str(), change.subject.as_str())).unzip();
    let done = sqlx::query(include_str!("crm_links_mark_changed.sql"))
        .bind(scope.crm)
        .bind(accounts)
        .bind(clients)
        .bind(scope.accounts)
        .bind(at)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// What a page of [`mark_differing`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct MarkedPage {
    /// Leads looked at; fewer than the limit: it was the last page.
    pub looked_at: i64,
    /// Of these, marked.
    pub marked: i64,
    /// The account of the last one.
    pub account_id: Option<String>,
    /// The client of the last one.
    pub client_id: Option<String>,
}

/// Marks the leads of one page (by account and client, after `after`) whose rows or mapping are not those that were
/// compared last. `is_whole`: what changes with every message counts too.
pub async fn mark_differing(
    connection: &mut PgConnection,
    scope: Scope<'_>,
    is_whole: bool,
    after: (&str, &str),
    limit: i64,
    now: DateTime<Utc>,
) -> Result<MarkedPage, StoreError> {
    Ok(sqlx::query_as(include_str!("crm_links_mark_differing.sql"))
        .bind(scope.crm)
        .bind(scope.mapping)
        .bind(scope.accounts)
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .bind(is_whole)
        .bind(now)
        .fetch_one(connection)
        .await?)
}

/// Marks the dead letters of a CRM: their present content is sent once more, whatever it did to them. Returns how many.
pub async fn mark_dead(
    executor: impl PgExecutor<'_>,
    crm: &str,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update ledger.crm_links set plan_at = $2, plan_whole = true, plan_bulk = true, refused_hash = null, \
                refused_live_hash = null, recreated_at = null, updated_at = $2 \
         where crm = $1 and status = 'dead'",
    )
    .bind(crm)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

/// Takes away due marks of leads that are gone; returns how many.
pub async fn unmark_gone(
    executor: impl PgExecutor<'_>,
    crm: &str,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update ledger.crm_links k set plan_at = null, plan_whole = false, plan_bulk = false, updated_at = $2 \
         where k.crm = $1 and k.plan_at <= $2 and not exists ( \
             select from leads l where l.account_id = k.account_id and l.client_id = k.client_id)",
    )
    .bind(crm)
    .bind(now)
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

/// How a marked lead was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The CRM has it as it is.
    Same,
    /// The CRM has it, but for what changes with every message: that waits for the night.
    SameForNow,
    /// The CRM refused this very content for good.
    Refused,
    /// The CRM refused this content for good, but for what changes with every message: it is tried at night.
    RefusedForNow,
    /// It can never be sent.
    Rejected {
        /// Why, without personal data.
        error: String,
    },
    /// An effect with this version was written.
    Sent {
        /// The version.
        version: i64,
    },
}

/// Writes what was found of marked leads and takes their marks away, in the transaction of their effects.
pub async fn planned(
    connection: &mut PgConnection,
    crm: &str,
    found: &[(String, i64, Finding)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    let word = |finding: &Finding| match finding {
        Finding::Same => "same",
        Finding::SameForNow => "for_now",
        Finding::Refused => "refused",
        Finding::RefusedForNow => "refused_for_now",
        Finding::Rejected { .. } => "rejected",
        Finding::Sent { .. } => "sent",
    };
    let error = |finding: &Finding| match finding {
        Finding::Rejected { error } => Some(error.clone()),
        _ => None,
    };
    let version = |finding: &Finding| match finding {
        Finding::Sent { version } => Some(*version),
        _ => None,
    };
    sqlx::query(include_str!("crm_links_planned.sql"))
        .bind(crm)
        .bind(found.iter().map(|(key, ..)| key.as_str()).collect::<Vec<_>>())
        .bind(found.iter().map(|(_, seen, _)| *seen).collect::<Vec<_>>())
        .bind(found.iter().map(|(.., finding)| word(finding)).collect::<Vec<_>>())
        .bind(found.iter().map(|(.., finding)| version(finding)).collect::<Vec<_>>())
        .bind(found.iter().map(|(.., finding)| error(finding)).collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// What the CRM said to the content of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Accepted.
    Accepted {
        /// The CRM's id of the record, where it says.
        external_id: Option<String>,
        /// The record's address, where it is known.
        url: Option<String>,
    },
    /// Refused for good.
    Dead {
        /// Why, without personal data.
        error: String,
    },
    /// Refused for now, by its own fault.
    Failed {
        /// Why.
        error: String,
        /// When it is tried again.
        at: DateTime<Utc>,
    },
    /// Not known, or not its fault: it stays as it is.
    Open {
        /// Why.
        error: Option<String>,
        /// When it is tried again.
        at: DateTime<Utc>,
    },
}

/// What came of one lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The lead.
    pub lead_key: String,
    /// Hash of the content.
    pub hash: i64,
    /// The same without what changes with every message.
    pub live_hash: i64,
    /// Hash of the rows that it was made of.
    pub seen: i64,
    /// The CRM made a record although it had one.
    pub is_recreated: bool,
    /// The answer.
    pub reply: Reply,
}

/// Writes what came of leads, in the transaction of [`crate::effects::settle`], for the effects that were its own.
pub async fn settle(
    connection: &mut PgConnection,
    crm: &str,
    settled: &[Settled],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<&Settled> = settled.iter().collect();
    // Rows are always locked in one order.
    rows.sort_by(|a, b| a.lead_key.cmp(&b.lead_key));
    let word = |row: &Settled| match row.reply {
        Reply::Accepted { .. } => "ok",
        Reply::Dead { .. } => "dead",
        Reply::Failed { .. } => "failed",
        Reply::Open { .. } => "pending",
    };
    let error = |row: &Settled| match &row.reply {
        Reply::Accepted { .. } => None,
        Reply::Dead { error } | Reply::Failed { error, .. } => Some(error.clone()),
        Reply::Open { error, .. } => error.clone(),
    };
    let at = |row: &Settled| match row.reply {
        Reply::Failed { at, .. } | Reply::Open { at, .. } => Some(at),
        Reply::Accepted { .. } | Reply::Dead { .. } => None,
    };
    let record = |row: &Settled| match &row.reply {
        Reply::Accepted { external_id, url } => (external_id.clone(), url.clone()),
        _ => (None, None),
    };
    let (external_ids, urls): (Vec<_>, Vec<_>) = rows.iter().map(|row| record(row)).unzip();
    sqlx::query(include_str!("crm_links_settle.sql"))
        .bind(crm)
        .bind(rows.iter().map(|row| row.lead_key.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| word(row)).collect::<Vec<_>>())
        .bind(external_ids)
        .bind(urls)
        .bind(rows.iter().map(|row| row.hash).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.live_hash).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.seen).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| error(row)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| at(row)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.is_recreated).collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// What is known of the record of a lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Record {
    /// The lead.
    pub lead_key: String,
    /// The CRM's id of it, where it is known.
    pub external_id: Option<String>,
    /// The lead was accepted before.
    pub was_accepted: bool,
    /// When it was made anew last, although there was one.
    pub recreated_at: Option<DateTime<Utc>>,
}

/// What is known of these leads' records; nothing of those that have no link.
pub async fn records(
    executor: impl PgExecutor<'_>,
    crm: &str,
    keys: &[&str],
) -> Result<Vec<Record>, StoreError> {
    Ok(sqlx::query_as(
        "select lead_key, external_id, accepted_at is not null as was_accepted, recreated_at from ledger.crm_links \
         where crm = $1 and lead_key = any($2)",
    )
    .bind(crm)
    .bind(keys)
    .fetch_all(executor)
    .await?)
}

/// How many leads of a CRM are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct LinkCounts {
    /// Accepted as they were sent last.
    pub ok: i64,
    /// Not answered yet.
    pub pending: i64,
    /// Refused for now.
    pub failed: i64,
    /// Refused for good.
    pub dead: i64,
    /// Waiting to be compared.
    pub marked: i64,
}

/// Counts the leads of a CRM.
pub async fn counts(executor: impl PgExecutor<'_>, crm: &str) -> Result<LinkCounts, StoreError> {
    Ok(sqlx::query_as(
        "select count(*) filter (where status = 'ok') as ok, count(*) filter (where status = 'pending') as pending, \
                count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'dead') as dead, \
                count(plan_at) as marked from ledger.crm_links where crm = $1",
    )
    .bind(crm)
    .fetch_one(executor)
    .await?)
}

/// What still has to be done for a CRM now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct LinkWork {
    /// Leads to be compared whose time has come; counted up to ten thousand.
    pub due: i64,
    /// Effects that are open.
    pub open: i64,
    /// When the first of those that nobody has in hand may be sent.
    pub next_at: Option<DateTime<Utc>>,
}

/// What still has to be done for a CRM; `target` is that of its effects.
pub async fn work(
    executor: impl PgExecutor<'_>,
    crm: &str,
    target: &str,
    now: DateTime<Utc>,
) -> Result<LinkWork, StoreError> {
    Ok(sqlx::query_as(
        "select (select count(*) from (select from ledger.crm_links where crm = $1 and plan_at <= $3 limit 10000) d) as due, \
                count(*) as open, \
                min(greatest(next_attempt_at, coalesce(leased_until, next_attempt_at))) as next_at \
         from ledger.effects where target = $2 and status in ('pending', 'in_flight')",
    )
    .bind(crm)
    .bind(target)
    .bind(now)
    .fetch_one(executor)
    .await?)
}

/// A lead that a CRM refused for good.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DeadLead {
    /// The lead.
    pub lead_key: String,
    /// Why, without personal data.
    pub last_error: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when.
    pub updated_at: DateTime<Utc>,
}

/// The dead letters of a CRM, newest first.
pub async fn dead(executor: impl PgExecutor<'_>, crm: &str, limit: i64) -> Result<Vec<DeadLead>, StoreError> {
    Ok(sqlx::query_as(
        "select lead_key, last_error, attempts, updated_at from ledger.crm_links \
         where crm = $1 and status = 'dead' order by updated_at desc, lead_key limit $2",
    )
    .bind(crm)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}

/// Keys of accepted leads, `limit` of them, chosen by `seed`.
pub async fn sample(
    executor: impl PgExecutor<'_>,
    crm: &str,
    seed: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select lead_key from ledger.crm_links where crm = $1 and status = 'ok' \
         order by hashtextextended(lead_key, $2), lead_key limit $3",
    )
    .bind(crm)
    .bind(seed)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}
