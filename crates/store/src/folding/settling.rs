//! Filing facts that name no channel: under the conversation that links say.
//!
//! Most of them name a request or a dialog that one conversation is linked to: three look-ups for all of a batch. What
//! needs more evidence (messages, ratings and tags whose request nobody linked) goes the long way, `folding_settle.sql`,
//! which knows every rule.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::join_generation;
use crate::StoreError;
use crate::links::{Links, identity};
use crate::marks::{self, Mark};

/// Files facts that name a request, a dialog or a message but no channel, under the conversation that links say.
/// Links come from facts that name a channel only: what is concluded here is no evidence for further conclusions, or
/// the order of arrival would matter.
///
/// Returns how many identities were settled (0 when none was marked, or others hold them), and whether there may be more.
pub async fn settle_identities(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<(usize, bool), StoreError> {
    join_generation(connection).await?;
    // One at a time, and before anything is read: a fact has several identities, and a second folder that looked
    // earlier would file it back. It is rare and short work.
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(marks::SETTLE_LOCK)
        .execute(&mut *connection)
        .await?;
    let claim = marks::claim_alone(connection, "identity", limit).await?;
    if claim.subjects.is_empty() {
        return Ok((0, false));
    }
    let identities: Vec<(&str, &str)> =
        claim.subjects.iter().map(|claimed| (claimed.account.as_str(), claimed.subject.as_str())).collect();
    let waiting = waiting(connection, &identities).await?;
    let mut named: BTreeSet<(&str, String)> =
        identities.iter().map(|(account, identity)| (*account, (*identity).to_owned())).collect();
    for fact in &waiting {
        let request = fact.request_id.iter().map(|id| identity("request", id));
        let dialog = fact.dialog_id.iter().map(|id| identity("dialog", id));
        named.extend(request.chain(dialog).map(|identity| (fact.account_id.as_str(), identity)));
    }
    let links = Links::read(connection, &named).await?;
    let mut moved = Moved::default();
    for (account, identity) in &identities {
        // Several conversations claim it: all of them fold again, so that only the smallest keeps its row.
        let claiming = links.of(account, (*identity).to_owned()).filter(|claiming| claiming.len() > 1);
        for conversation in claiming.into_iter().flatten() {
            moved.since(account, conversation, None);
        }
    }
    let (mut plain, mut long) = (Vec::new(), BTreeSet::new());
    for fact in &waiting {
        match place(&links, fact) {
            Place::Linked(conversation) => plain.push((fact, conversation)),
            Place::Nowhere => {}
            Place::TheLongWay => drop(long.insert(fact.identity())),
        }
    }
    file(connection, &plain).await?;
    for (fact, new) in plain {
        let since = claim.subjects.get(fact.identity()).and_then(|claimed| claimed.since);
        let is_older = fact.happened_at.zip(since).is_some_and(|(happened, since)| happened < since);
        if is_older && fact.old.as_deref() == Some(new) {
            // It lay there before, and nothing was told of it.
            continue;
        }
        moved.filed(&fact.account_id, fact.old.as_deref(), Some(new), fact.happened_at);
    }
    let long: Vec<(&str, &str)> =
        long.into_iter().filter_map(|place| identities.get(place).copied()).collect();
    for Filed { account_id, old, new, happened_at } in file_the_long_way(connection, &long).await? {
        moved.filed(&account_id, old.as_deref(), new.as_deref(), happened_at);
    }
    marks::set(connection, &moved.marks()).await?;
    marks::clear(connection, &claim).await?;
    Ok((claim.subjects.len(), claim.is_full))
}

/// A fact that names no channel, and the identity through which it was found.
#[derive(sqlx::FromRow)]
struct Waiting {
    place: i64,
    account_id: String,
    kind: String,
    fact_key: String,
    content_hash: i64,
    request_id: Option<String>,
    dialog_id: Option<String>,
    old: Option<String>,
    happened_at: Option<DateTime<Utc>>,
    is_rated: bool,
}

impl Waiting {
    /// Index of the identity.
    fn identity(&self) -> usize {
        usize::try_from(self.place - 1).unwrap_or(usize::MAX)
    }
}

async fn waiting(
    connection: &mut PgConnection,
    identities: &[(&str, &str)],
) -> Result<Vec<Waiting>, StoreError> {
    let parts = || identities.iter().map(|(_, identity)| identity.split_once(':').unwrap_or((identity, "")));
    Ok(sqlx::query_as(include_str!("../folding_waiting.sql"))
        .bind(identities.iter().map(|(account, _)| *account).collect::<Vec<_>>())
        .bind(parts().map(|(kind, _)| kind).collect::<Vec<_>>())
        .bind(parts().map(|(_, id)| id).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?)
}

/// Where a fact belongs.
enum Place<'a> {
    /// A link says it, and nothing has a word before the link.
    Linked(&'a str),
    /// Nobody knows yet. It never belonged anywhere: links are only added.
    Nowhere,
    /// There is other evidence.
    TheLongWay,
}

fn place<'a>(links: &'a Links, fact: &Waiting) -> Place<'a> {
    if fact.is_rated || fact.kind == "message" {
        return Place::TheLongWay;
    }
    match links.place(&fact.account_id, fact.request_id.as_deref(), fact.dialog_id.as_deref()) {
        Some(conversation) => Place::Linked(conversation),
        None if matches!(fact.kind.as_str(), "rating_report" | "tagging") => Place::TheLongWay,
        None => Place::Nowhere,
    }
}

async fn file(connection: &mut PgConnection, plain: &[(&Waiting, &str)]) -> Result<(), StoreError> {
    let moved: BTreeMap<(&str, &str, &str, i64), &str> = plain
        .iter()
        .filter(|(fact, new)| fact.old.as_deref() != Some(new))
        .map(|(fact, new)| ((&*fact.account_id, &*fact.kind, &*fact.fact_key, fact.content_hash), *new))
        .collect();
    if moved.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update facts f set conversation = m.conversation \
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) \
              as m(account_id, kind, fact_key, content_hash, conversation) \
         where f.account_id = m.account_id and f.kind = m.kind and f.fact_key = m.fact_key \
           and f.content_hash = m.content_hash",
    )
    .bind(moved.keys().map(|key| key.0).collect::<Vec<_>>())
    .bind(moved.keys().map(|key| key.1).collect::<Vec<_>>())
    .bind(moved.keys().map(|key| key.2).collect::<Vec<_>>())
    .bind(moved.keys().map(|key| key.3).collect::<Vec<_>>())
    .bind(moved.values().copied().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A fact that was filed: its conversation before and after, and when it happened.
#[derive(sqlx::FromRow)]
struct Filed {
    account_id: String,
    old: Option<String>,
    new: Option<String>,
    happened_at: Option<DateTime<Utc>>,
}

/// By every rule that there is.
async fn file_the_long_way(
    connection: &mut PgConnection,
    identities: &[(&str, &str)],
) -> Result<Vec<Filed>, StoreError> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(include_str!("../folding_settle.sql"))
        .bind(identities.iter().map(|(account, _)| *account).collect::<Vec<_>>())
        .bind(identities.iter().map(|(_, identity)| *identity).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?)
}

/// The conversations that have to be folded, and from when on (`None`: from the beginning).
#[derive(Default)]
struct Moved(BTreeMap<(String, String), Option<DateTime<Utc>>>);

impl Moved {
    /// A fact that was not filed before, or not elsewhere, changes its conversation from its own time on.
    fn filed(
        &mut self,
        account: &str,
        old: Option<&str>,
        new: Option<&str>,
        happened_at: Option<DateTime<Utc>>,
    ) {
        let since = if old.is_none() || old == new { happened_at } else { None };
        for conversation in [old, new].into_iter().flatten() {
            self.since(account, conversation, since);
        }
    }

    fn since(&mut self, account: &str, conversation: &str, since: Option<DateTime<Utc>>) {
        let held = self.0.entry((account.to_owned(), conversation.to_owned())).or_insert(since);
        // `None` is the least.
        *held = since.min(*held);
    }

    fn marks(self) -> Vec<Mark> {
        let mark = |((account, subject), since)| Mark {
            account,
            kind: "conversation",
            subject,
            since,
            quiet: false,
        };
        self.0.into_iter().map(mark).collect()
    }
}
