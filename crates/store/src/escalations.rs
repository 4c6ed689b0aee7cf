//! `ledger.escalations`: what somebody was told about, or should have been, and what became of it; and the scores that
//! escalation looks at.
//!
//! The life of an escalation: [`insert`] writes it `open` (or `historic`: too old to tell anybody), [`notified`] when the
//! first receiver has accepted it, [`acknowledge`] and [`close`] by a person, [`withdraw`] when its cause has gone.
//! `closed` and `withdrawn` are final. Who does what is said in `timeline`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::StoreError;

/// Where an escalation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nobody has been told yet.
    Open,
    /// A receiver has accepted it.
    Notified,
    /// Somebody takes care.
    Acknowledged,
    /// Done, with a reason.
    Closed,
    /// Its cause has gone.
    Withdrawn,
    /// Too old when it was first seen: only listed.
    Historic,
}

impl Status {
    /// All of them, in the order of their lives.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Notified, Self::Acknowledged, Self::Closed, Self::Withdrawn, Self::Historic];

    /// The word in the column `status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Notified => "notified",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
            Self::Historic => "historic",
        }
    }
}

impl TryFrom<String> for Status {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Self::ALL.into_iter().find(|status| status.word() == word).ok_or(word)
    }
}

/// A score as escalation sees it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Scored {
    /// The account.
    pub account: String,
    /// The valuation request.
    pub valuation: String,
    /// Of several scales in one valuation; `''` where there is one.
    pub scale_id: String,
    /// The rated request.
    pub request_key: Option<String>,
    /// Who rated.
    pub client_id: String,
    /// Who is answerable.
    pub operator_id: Option<String>,
    /// The score.
    pub score: f64,
    /// The best possible one.
    pub scale: f64,
    /// The tag's label.
    pub label: Option<String>,
    /// What the client wrote with it.
    pub comment: Option<String>,
    /// When.
    pub given_at: DateTime<Utc>,
    /// Taken back.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// The delivery that told it first.
    pub delivery_id: Uuid,
    /// The operator's name.
    pub operator_name: Option<String>,
    /// The client's name.
    pub client_name: Option<String>,
    /// The chat in the operators' application.
    pub dialog_url: Option<String>,
}

/// An escalation.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Escalation {
    /// The account.
    #[sqlx(rename = "account_id")]
    pub account: String,
    /// `<account>/<rule>/<cause>/<episode>`.
    #[sqlx(rename = "escalation_key")]
    pub key: String,
    /// The rule.
    pub rule: String,
    /// From 1; a new one when a rating was raised above the rule and falls again.
    pub episode: i32,
    /// The vendor's id of what caused it: the valuation request.
    pub cause: String,
    /// The rated request.
    pub request_key: Option<String>,
    /// Who rated.
    pub client_id: Option<String>,
    /// Who is answerable.
    pub operator_id: Option<String>,
    /// The score.
    pub score: Option<f64>,
    /// The best possible one.
    pub scale: Option<f64>,
    /// The tag's label.
    pub label: Option<String>,
    /// When the score was given.
    pub given_at: DateTime<Utc>,
    /// The delivery that told it first.
    pub delivery_id: Option<Uuid>,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub status: Status,
    /// Who acknowledged it.
    pub owner: Option<String>,
    /// Why it was closed.
    pub close_reason: Option<String>,
    /// When somebody should have acknowledged it.
    pub due_at: Option<DateTime<Utc>>,
    /// When we saw it.
    pub opened_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// `[{at, what, by?, why?}]`.
    pub timeline: Value,
}

impl Escalation {
    /// Whether its cause has gone; of a closed one only the timeline says so.
    pub fn is_over(&self) -> bool {
        let gone =
            |entry: &Value| entry.get("what").and_then(Value::as_str) == Some(Status::Withdrawn.word());
        self.status == Status::Withdrawn
            || self.timeline.as_array().is_some_and(|entries| entries.iter().any(gone))
    }
}

/// What a person's word did.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// It changed the escalation.
    Done(Escalation),
    /// It was so already.
    Already(Escalation),
    /// It cannot be any more: see its status.
    TooLate(Escalation),
    /// There is no such escalation.
    Unknown,
}

/// Lets one evaluation at a time in, until the transaction ends: `false` when another is at it.
pub async fn lock_evaluation(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(crate::marks::ESCALATION_LOCK)
        .fetch_one(connection)
        .await?)
}

/// All scores of these valuations (account, valuation request), sorted.
pub async fn scores(
    connection: &mut PgConnection,
    valuations: &[(String, String)],
) -> Result<Vec<Scored>, StoreError> {
    let (accounts, ids): (Vec<&str>, Vec<&str>) =
        valuations.iter().map(|(account, id)| (account.as_str(), id.as_str())).unzip();
    Ok(sqlx::query_as(include_str!("escalations_scores.sql"))
        .bind(accounts)
        .bind(ids)
        .fetch_all(connection)
        .await?)
}

/// The latest escalation of each rule for these causes (account, cause).
pub async fn latest(
    connection: &mut PgConnection,
    causes: &[(String, String)],
) -> Result<Vec<Escalation>, StoreError> {
    let (accounts, ids): (Vec<&str>, Vec<&str>) =
        causes.iter().map(|(account, id)| (account.as_str(), id.as_str())).unzip();
    Ok(sqlx::query_as(
        "select distinct on (e.account_id, e.rule, e.cause) e.* \
         from unnest($1::text[], $2::text[]) as wanted (account_id, cause) \
         join ledger.escalations e using (account_id, cause) \
         order by e.account_id, e.rule, e.cause, e.episode desc",
    )
    .bind(accounts)
    .bind(ids)
    .fetch_all(connection)
    .await?)
}

/// Writes a new one; `false` when its key is there already.
pub async fn insert(connection: &mut PgConnection, new: &Escalation) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into ledger.escalations (account_id, escalation_key, rule, episode, cause, request_key, client_id, \
             operator_id, score, scale, label, given_at, delivery_id, status, due_at, opened_at, updated_at, timeline) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         on conflict do nothing",
    )
    .bind(&new.account)
    .bind(&new.key)
    .bind(&new.rule)
    .bind(new.episode)
    .bind(&new.cause)
    .bind(&new.request_key)
    .bind(&new.client_id)
    .bind(&new.operator_id)
    .bind(new.score)
    .bind(new.scale)
    .bind(&new.label)
    .bind(new.given_at)
    .bind(new.delivery_id)
    .bind(new.status.word())
    .bind(new.due_at)
    .bind(new.opened_at)
    .bind(new.updated_at)
    .bind(&new.timeline)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Brings what is known of its cause up to date (a link to the rated request may come later).
pub async fn refresh(
    connection: &mut PgConnection,
    key: &str,
    scored: &Scored,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger.escalations set request_key = $3, client_id = $4, operator_id = $5, score = $6, scale = $7, \
             label = $8, updated_at = $9 \
         where account_id = $1 and escalation_key = $2 \
           and (request_key, client_id, operator_id, score, scale, label) \
               is distinct from ($3, $4, $5, $6, $7, $8)",
    )
    .bind(&scored.account)
    .bind(key)
    .bind(&scored.request_key)
    .bind(&scored.client_id)
    .bind(&scored.operator_id)
    .bind(scored.score)
    .bind(scored.scale)
    .bind(&scored.label)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Its cause has gone. A closed one stays closed; its timeline says so, so that a new fall is a new episode.
pub async fn withdraw(
    connection: &mut PgConnection,
    account: &str,
    key: &str,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger.escalations \
         set status = case when status = 'closed' then status else 'withdrawn' end, \
             timeline = timeline || $3, updated_at = $4 \
         where account_id = $1 and escalation_key = $2 and status <> 'withdrawn'",
    )
    .bind(account)
    .bind(key)
    .bind(entry(now, Status::Withdrawn.word(), None, Some(why)))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// A receiver has accepted it. What a person said meanwhile stays.
pub async fn notified(
    connection: &mut PgConnection,
    account: &str,
    key: &str,
    notifier: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger.escalations \
         set status = case when status = 'open' then 'notified' else status end, \
             timeline = timeline || $3, updated_at = $4 \
         where account_id = $1 and escalation_key = $2",
    )
    .bind(account)
    .bind(key)
    .bind(entry(now, Status::Notified.word(), Some(notifier), None))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// A person takes care of it. Of several who say so the first is the owner.
pub async fn acknowledge(
    connection: &mut PgConnection,
    key: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Response, StoreError> {
    let changed: Option<Escalation> = sqlx::query_as(
        "update ledger.escalations \
         set status = 'acknowledged', owner = $3, timeline = timeline || $4, updated_at = $5 \
         where account_id = $1 and escalation_key = $2 and status in ('open', 'notified', 'historic') returning *",
    )
    .bind(account_of(key))
    .bind(key)
    .bind(by)
    .bind(entry(now, Status::Acknowledged.word(), Some(by), None))
    .bind(now)
    .fetch_optional(&mut *connection)
    .await?;
    answer(connection, key, changed, Status::Acknowledged).await
}

/// A person is done with it.
pub async fn close(
    connection: &mut PgConnection,
    key: &str,
    reason: &str,
    by: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Response, StoreError> {
    let changed: Option<Escalation> = sqlx::query_as(
        "update ledger.escalations \
         set status = 'closed', close_reason = $3, timeline = timeline || $4, updated_at = $5 \
         where account_id = $1 and escalation_key = $2 and status not in ('closed', 'withdrawn') returning *",
    )
    .bind(account_of(key))
    .bind(key)
    .bind(reason)
    .bind(entry(now, Status::Closed.word(), by, Some(reason)))
    .bind(now)
    .fetch_optional(&mut *connection)
    .await?;
    answer(connection, key, changed, Status::Closed).await
}

async fn answer(
    connection: &mut PgConnection,
    key: &str,
    changed: Option<Escalation>,
    wanted: Status,
) -> Result<Response, StoreError> {
    Ok(match changed {
        Some(escalation) => Response::Done(escalation),
        None => match find(connection, key).await? {
            Some(escalation) if escalation.status == wanted => Response::Already(escalation),
            Some(escalation) => Response::TooLate(escalation),
            None => Response::Unknown,
        },
    })
}

/// One of them.
pub async fn find(executor: impl PgExecutor<'_>, key: &str) -> Result<Option<Escalation>, StoreError> {
    Ok(sqlx::query_as("select * from ledger.escalations where account_id = $1 and escalation_key = $2")
        .bind(account_of(key))
        .bind(key)
        .fetch_optional(executor)
        .await?)
}

/// Up to `limit` of them, the latest first; of these statuses and this account only, where given.
pub async fn list(
    executor: impl PgExecutor<'_>,
    statuses: &[Status],
    account: Option<&str>,
    limit: i64,
) -> Result<Vec<Escalation>, StoreError> {
    let words: Vec<&str> = statuses.iter().map(|status| status.word()).collect();
    Ok(sqlx::query_as(
        "select * from ledger.escalations \
         where (cardinality($1::text[]) = 0 or status = any($1)) and ($2::text is null or account_id = $2) \
         order by opened_at desc, escalation_key limit $3",
    )
    .bind(words)
    .bind(account)
    .bind(limit)
    .fetch_all(executor)
    .await?)
}

/// A key begins with its account.
fn account_of(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

/// An entry of a timeline.
pub fn entry(at: DateTime<Utc>, what: &str, by: Option<&str>, why: Option<&str>) -> Value {
    let mut entry = json!({ "at": at, "what": what });
    for (key, value) in [("by", by), ("why", why)] {
        if let (Some(value), Some(entry)) = (value, entry.as_object_mut()) {
            entry.insert(key.to_owned(), value.into());
        }
    }
    entry
}
