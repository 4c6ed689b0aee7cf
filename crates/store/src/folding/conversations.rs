//! Claiming conversations, and reading what a fold of them needs: everything, or their open end and a saved state.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Subject, Subjects, ToldRow, contests, foreign, join_generation};
use crate::StoreError;
use crate::marks::{self, Claim, Mark, Share};

/// The state of a conversation's fold, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The account.
    pub account: String,
    /// The conversation.
    pub conversation: String,
    /// Under which rules it was made: others cannot use it.
    pub rules: i64,
    /// The state.
    pub state: String,
    /// From when on the conversation has to be folded anew; `None`: from its beginning, and the state is of no use.
    pub since: Option<DateTime<Utc>>,
}

/// What happens to a conversation's saved state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// A new one: rules and state.
    Saved(i64, String),
    /// None serves.
    Dropped,
}

/// Conversations that are claimed: locked until the transaction ends.
#[derive(Debug, Default)]
pub struct ClaimedConversations {
    /// Account and conversation, sorted.
    pub conversations: Vec<(String, String)>,
    /// Those that have a saved state and marks with a time.
    pub states: Vec<SavedState>,
    claim: Claim,
}

/// Where the fold of a conversation goes on: what a saved state says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenEnd {
    /// The account.
    pub account: String,
    /// The conversation.
    pub conversation: String,
    /// Facts from here on are read.
    pub cut_at: DateTime<Utc>,
    /// The request that lasts across the cut.
    pub request_key: String,
    /// Its id, where the platform gave one.
    pub request_id: Option<String>,
    /// When it was opened: later ones are decided on anew.
    pub opened_at: DateTime<Utc>,
    /// The first of its turns that may still change.
    pub turn_no: i32,
    /// The first of its assignments that may still change.
    pub assignment_no: i32,
}

/// Claims marked conversations, with their saved states.
pub async fn claim_conversations(
    connection: &mut PgConnection,
    limit: i64,
    share: Share,
) -> Result<ClaimedConversations, StoreError> {
    join_generation(connection).await?;
    let claim = marks::claim(connection, "conversation", limit, share).await?;
    let dated: Vec<_> = claim.subjects.iter().filter(|c| c.since.is_some()).collect();
    let mut states = Vec::new();
    if !dated.is_empty() {
        let found: Vec<(String, String, i64, String)> = sqlx::query_as(
            "select t.account_id, t.conversation, t.rules, t.state \
             from unnest($1::text[], $2::text[]) as s(account_id, conversation) \
             cross join lateral (select * from fold_states t where t.account_id = s.account_id \
                                 and t.conversation = s.conversation offset 0) t",
        )
        .bind(dated.iter().map(|c| c.account.as_str()).collect::<Vec<_>>())
        .bind(dated.iter().map(|c| c.subject.as_str()).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
        for (account, conversation, rules, state) in found {
            let since = dated
                .binary_search_by(|c| (&c.account, &c.subject).cmp(&(&account, &conversation)))
                .ok()
                .and_then(|at| dated[at].since);
            states.push(SavedState { account, conversation, rules, state, since });
        }
        states.sort_by(|a, b| (&a.account, &a.conversation).cmp(&(&b.account, &b.conversation)));
    }
    Ok(ClaimedConversations { states, ..ClaimedConversations::without_states(claim) })
}

/// Reads all committed facts of conversations (sorted, claimed), and the hashes of all their rows.
pub async fn read_whole(
    connection: &mut PgConnection,
    conversations: &[(String, String)],
) -> Result<Vec<Subject>, StoreError> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    let (accounts, keys): (Vec<String>, Vec<String>) = conversations.iter().cloned().unzip();
    let mut told: Vec<ToldRow> = sqlx::query_as(include_str!("../folding_facts.sql"))
        .bind(&accounts)
        .bind(&keys)
        .fetch_all(&mut *connection)
        .await?;
    let contested = contests::of(connection, &accounts, &keys).await?;
    told.extend(contests::foreign_tellings(connection, &contested, conversations).await?);
    let mut subjects = Subjects::of(conversations.iter().map(|(a, c)| (a.as_str(), c.as_str())));
    subjects.gather(told)?;
    let lost = contested.into_iter().filter_map(contests::Contested::lost);
    let elsewhere = foreign(connection, &subjects.0).await?;
    subjects.set_foreign(lost.chain(elsewhere));
    let hashes = sqlx::query_as(include_str!("../folding_rows.sql"))
        .bind(&accounts)
        .bind(&keys)
        .fetch_all(connection)
        .await?;
    subjects.set_rows(hashes);
    Ok(subjects.0)
}

/// Reads the open ends of conversations (sorted, claimed): the facts after their cuts and what else a fold from there
/// looks at, and the hashes of the rows that it decides on. Those of which it is already plain that a fold from there
/// would not do (a message is contested, a fact names a request before the cut) are left out.
pub async fn read_open_ends(
    connection: &mut PgConnection,
    ends: &[OpenEnd],
) -> Result<Vec<Subject>, StoreError> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let accounts: Vec<String> = ends.iter().map(|end| end.account.clone()).collect();
    let keys: Vec<String> = ends.iter().map(|end| end.conversation.clone()).collect();
    let cuts: Vec<DateTime<Utc>> = ends.iter().map(|end| end.cut_at).collect();
    let opened: Vec<DateTime<Utc>> = ends.iter().map(|end| end.opened_at).collect();
    let lasting: Vec<&str> = ends.iter().map(|end| end.request_key.as_str()).collect();
    let told: Vec<ToldRow> = sqlx::query_as(include_str!("../folding_open_end.sql"))
        .bind(&accounts)
        .bind(&keys)
        .bind(&cuts)
        .bind(ends.iter().map(|end| end.request_id.as_deref()).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    let mut subjects = Subjects::of(ends.iter().map(|end| (end.account.as_str(), end.conversation.as_str())));
    subjects.gather(told)?;
    let contested = contests::of(connection, &accounts, &keys).await?;
    let earlier = named_before(connection, &subjects.0, ends).await?;
    let unfit: BTreeSet<(String, String)> =
        contested.into_iter().map(contests::Contested::place).chain(earlier).collect();
    let elsewhere = foreign(connection, &subjects.0).await?;
    subjects.set_foreign(elsewhere.into_iter());
    let hashes = sqlx::query_as(include_str!("../folding_open_rows.sql"))
        .bind(&accounts)
        .bind(&keys)
        .bind(&cuts)
        .bind(&opened)
        .bind(&lasting)
        .bind(ends.iter().map(|end| end.turn_no).collect::<Vec<_>>())
        .bind(ends.iter().map(|end| end.assignment_no).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    subjects.set_rows(hashes);
    let fit = |subject: &Subject| !unfit.contains(&(subject.account.clone(), subject.subject.clone()));
    Ok(subjects.0.into_iter().filter(fit).collect())
}

/// The conversations whose open end names a request that was opened before the one that lasts.
async fn named_before(
    connection: &mut PgConnection,
    subjects: &[Subject],
    ends: &[OpenEnd],
) -> Result<Vec<(String, String)>, StoreError> {
    let mut named: BTreeSet<(&str, &str, &str, DateTime<Utc>)> = BTreeSet::new();
    for (subject, end) in subjects.iter().zip(ends) {
        // A row of the list of dialogs names its last request then, and says nothing of it.
        let told = subject.told.iter().filter(|told| told.fact.kind() != "dialog_row");
        let ids = told.filter_map(|told| told.fact.request_id());
        named.extend(
            ids.filter(|id| Some(*id) != end.request_id.as_deref())
                .map(|id| (subject.account.as_str(), subject.subject.as_str(), id, end.opened_at)),
        );
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(
        "select distinct n.account_id, n.conversation \
         from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as n(account_id, conversation, id, opened_at) \
         cross join lateral (select * from requests r where r.account_id = n.account_id and r.request_key = n.id offset 0) r \
         where r.conversation = n.conversation and r.opened_at <= n.opened_at",
    )
    .bind(named.iter().map(|n| n.0).collect::<Vec<_>>())
    .bind(named.iter().map(|n| n.1).collect::<Vec<_>>())
    .bind(named.iter().map(|n| n.2).collect::<Vec<_>>())
    .bind(named.iter().map(|n| n.3).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?)
}

/// Writes saved states and drops those that do not serve any more: account, conversation, what happens.
pub async fn write_states(
    connection: &mut PgConnection,
    changes: &[(String, String, StateChange)],
) -> Result<(), StoreError> {
    let (mut saved, mut dropped) = (Vec::new(), Vec::new());
    for (account, conversation, change) in changes {
        match change {
            StateChange::Saved(rules, state) => saved.push((account, conversation, *rules, state)),
            StateChange::Dropped => dropped.push((account, conversation)),
        }
    }
    if !dropped.is_empty() {
        sqlx::query(
            "delete from fold_states t using unnest($1::text[], $2::text[]) as d(account_id, conversation) \
             where t.account_id = d.account_id and t.conversation = d.conversation",
        )
        .bind(dropped.iter().map(|d| d.0.as_str()).collect::<Vec<_>>())
        .bind(dropped.iter().map(|d| d.1.as_str()).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    if !saved.is_empty() {
        sqlx::query(
            "insert into fold_states (account_id, conversation, rules, state) \
             select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) \
             on conflict (account_id, conversation) do update set rules = excluded.rules, state = excluded.state",
        )
        .bind(saved.iter().map(|s| s.0.as_str()).collect::<Vec<_>>())
        .bind(saved.iter().map(|s| s.1.as_str()).collect::<Vec<_>>())
        .bind(saved.iter().map(|s| s.2).collect::<Vec<_>>())
        .bind(saved.iter().map(|s| s.3.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}

impl ClaimedConversations {
    pub(super) fn without_states(claim: Claim) -> Self {
        let conversations = claim.subjects.iter().map(|c| (c.account.clone(), c.subject.clone())).collect();
        Self { conversations, states: Vec::new(), claim }
    }

    /// Whether there may be more than was claimed.
    pub fn is_full(&self) -> bool {
        self.claim.is_full
    }

    /// How many marks were claimed: a conversation may have several.
    pub fn marks(&self) -> usize {
        self.claim.mark_ids.len()
    }

    /// Whether a conversation has to be folded from its beginning whatever was saved.
    pub fn is_undated(&self, account: &str, conversation: &str) -> bool {
        self.claim.get(account, conversation).is_some_and(|claimed| claimed.since.is_none())
    }

    /// The conversations that fold only because the rules changed: nobody is told of what changes. Asked after they were
    /// read.
    pub async fn quiet(
        &self,
        connection: &mut PgConnection,
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        super::quiet(connection, "conversation", &self.claim).await
    }

    /// Ends the work: marks the clients whose rows depend on what was written (`told`: those among them whose
    /// conversations did not fold for the rules only), and clears the marks that were claimed.
    pub async fn finish(
        &self,
        connection: &mut PgConnection,
        clients: &BTreeSet<(String, String)>,
        told: &BTreeSet<(String, String)>,
    ) -> Result<(), StoreError> {
        let mark = |(account, client): &(String, String)| Mark {
            account: account.clone(),
            kind: "client",
            subject: client.clone(),
            since: None,
            quiet: !told.contains(&(account.clone(), client.clone())),
        };
        let wanted: Vec<Mark> = clients.iter().map(mark).collect();
        marks::set(connection, &wanted).await?;
        marks::clear(connection, &self.claim).await
    }
}
