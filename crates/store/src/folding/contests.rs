//! Messages whose own tellings name two conversations: a client that was merged, a channel that was changed.
//!
//! Such a message stands where its latest telling says, merged of all its tellings (design.md 7.2: the greatest stamp
//! wins each register, the conversation too). Each conversation that has a telling of it is linked to it
//! (`message:<id>`), so that a new telling folds all of them again. The rarest of cases: what it costs is one look-up
//! for each message that a fold writes for the first time.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::ToldRow;
use crate::StoreError;
use crate::marks;

/// A message that a claimed conversation has a telling of, and the conversation where it stands.
#[derive(sqlx::FromRow)]
pub(super) struct Contested {
    account_id: String,
    conversation: String,
    message_id: String,
    owner: String,
}

impl Contested {
    /// Account and conversation.
    pub(super) fn place(self) -> (String, String) {
        (self.account_id, self.conversation)
    }

    /// What it is to a conversation where it does not stand: foreign.
    pub(super) fn lost(self) -> Option<(String, String, String)> {
        (self.owner != self.conversation)
            .then(|| (self.account_id, self.conversation, format!("message:{}", self.message_id)))
    }
}

/// The contested messages of conversations.
pub(super) async fn of(
    connection: &mut PgConnection,
    accounts: &[String],
    conversations: &[String],
) -> Result<Vec<Contested>, StoreError> {
    Ok(sqlx::query_as(
        "select l.account_id, l.conversation, l.message_id, w.conversation as owner \
         from unnest($1::text[], $2::text[]) as s(account_id, conversation) \
         cross join lateral (select account_id, conversation, substr(identity, 9) as message_id from links l \
                             where l.account_id = s.account_id and l.conversation = s.conversation \
                               and l.identity like 'message:%' offset 0) l \
         cross join lateral (select f.conversation from facts f \
                             where f.account_id = l.account_id and f.kind = 'message' and f.fact_key = l.message_id \
                               and f.firm \
                             order by observed_at desc, rank desc, hash desc, content_hash desc limit 1) w",
    )
    .bind(accounts)
    .bind(conversations)
    .fetch_all(connection)
    .await?)
}

/// What other conversations' tellings say of the messages that stand in one of `conversations` (sorted).
pub(super) async fn foreign_tellings(
    connection: &mut PgConnection,
    contested: &[Contested],
    conversations: &[(String, String)],
) -> Result<Vec<ToldRow>, StoreError> {
    let place = |c: &Contested| {
        let at = conversations.binary_search_by(|(account, conversation)| {
            (account, conversation).cmp(&(&c.account_id, &c.conversation))
        });
        i64::try_from(at.ok()? + 1).ok()
    };
    let owned: Vec<(i64, &Contested)> =
        contested.iter().filter(|c| c.owner == c.conversation).filter_map(|c| Some((place(c)?, c))).collect();
    if owned.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(
        "select o.place, f.kind, f.fact_key, f.observed_at, f.rank, f.hash, \
                f.content_hash, f.received_at, f.delivery_id, f.registers \
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as o(account_id, conversation, message_id, place) \
         join facts f on f.account_id = o.account_id and f.kind = 'message' and f.fact_key = o.message_id \
         where f.conversation is distinct from o.conversation",
    )
    .bind(owned.iter().map(|(_, c)| c.account_id.as_str()).collect::<Vec<_>>())
    .bind(owned.iter().map(|(_, c)| c.conversation.as_str()).collect::<Vec<_>>())
    .bind(owned.iter().map(|(_, c)| c.message_id.as_str()).collect::<Vec<_>>())
    .bind(owned.iter().map(|(place, _)| *place).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?)
}

/// Looks whether messages (account, id) that a conversation is about to have for the first time are told of another one
/// too; those are linked to all of them, and all of them fold again.
///
/// Of two tellings that are stored at one instant, the fold after the later commit sees both. Tellings in flight are
/// waited for, and those that come later see the links ([`crate::facts::insert`]).
pub async fn contest(
    connection: &mut PgConnection,
    fresh: &BTreeSet<(String, String)>,
) -> Result<(), StoreError> {
    if fresh.is_empty() {
        return Ok(());
    }
    let (accounts, messages): (Vec<&str>, Vec<&str>) =
        fresh.iter().map(|(account, message)| (account.as_str(), message.as_str())).unzip();
    let contested: Vec<(String, String)> = sqlx::query_as(
        "select m.account_id, m.message_id from unnest($1::text[], $2::text[]) as m(account_id, message_id) \
         cross join lateral (select min(conversation) as least, max(conversation) as greatest from facts f \
                             where f.account_id = m.account_id and f.kind = 'message' and f.fact_key = m.message_id \
                               and f.firm offset 0) f \
         where f.least < f.greatest",
    )
    .bind(accounts)
    .bind(messages)
    .fetch_all(&mut *connection)
    .await?;
    if contested.is_empty() {
        return Ok(());
    }
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(marks::UNFIRM_LOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "with claim as ( \
             select distinct f.account_id, f.fact_key, f.conversation \
             from unnest($1::text[], $2::text[]) as m(account_id, message_id) \
             join facts f on f.account_id = m.account_id and f.kind = 'message' and f.fact_key = m.message_id and f.firm), \
         linked as (insert into links (account_id, identity, conversation) \
                    select account_id, 'message:' || fact_key, conversation from claim on conflict do nothing) \
         insert into marks (account_id, kind, subject) \
         select distinct account_id, 'conversation', conversation from claim",
    )
    .bind(contested.iter().map(|(account, _)| account.as_str()).collect::<Vec<_>>())
    .bind(contested.iter().map(|(_, message)| message.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
