//! Links, and what names no channel, for all of the log at once: the second phase.

use futures::TryStreamExt as _;
use futures::future::try_join;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::load::Batch;
use super::spill::Spill;
use super::state::{self, Phase};
use crate::StoreError;

/// What owns requests and dialogs, and where everything belongs that names no channel.
const CONCLUDE: [&str; 8] = [
    // Enough to choose a plan by; more costs more than it gains.
    "set local default_statistics_target = 20",
    "analyze rebuild_unfirm",
    "drop table if exists rebuild_owners, rebuild_settled",
    // Of several conversations for one identity the smallest counts.
    "create unlogged table rebuild_owners with (autovacuum_enabled = false) as \
     select account_id, identity, min(conversation) as conversation from rebuild_links group by account_id, identity",
    "analyze rebuild_owners",
    "analyze rebuild_messages",
    include_str!("settle.sql"),
    "analyze rebuild_settled",
];

const LINK: [&str; 4] = [
    "truncate links",
    "insert into links (account_id, identity, conversation) \
     select distinct account_id, identity, conversation from rebuild_links",
    // A message that is told of several conversations is linked to all of them.
    "insert into links (account_id, identity, conversation) \
     select distinct m.account_id, 'message:' || m.message_id, m.conversation \
     from rebuild_messages m \
     join (select account_id, message_id from rebuild_messages group by account_id, message_id \
           having min(conversation) < max(conversation)) c using (account_id, message_id)",
    "analyze links",
];

const FIND_ODD: [&str; 2] = ["truncate rebuild_odd", include_str!("odd.sql")];

/// Files everything, and goes on to [`Phase::Folding`]. May be broken off and done again.
///
/// `filed` is told how many tellings were filed so far.
pub async fn all(
    next: &PgPool,
    spill: &Spill,
    build: Uuid,
    buckets: u32,
    filed: &(dyn Fn(u64) + Sync),
) -> Result<(), StoreError> {
    // Side by side: the server has a processor for each.
    try_join(run(next, &CONCLUDE), run(next, &LINK)).await?;
    let mut writing = crate::begin(next).await?;
    try_join(run(next, &FIND_ODD), file(next, &mut writing, spill, buckets, filed)).await?;
    state::enter(&mut writing, build, Phase::Settling, Phase::Folding).await?;
    crate::commit(writing).await
}

/// What is concluded joins its conversation's bucket, all of it or nothing.
async fn file(
    next: &PgPool,
    writing: &mut PgConnection,
    spill: &Spill,
    buckets: u32,
    filed: &(dyn Fn(u64) + Sync),
) -> Result<(), StoreError> {
    let mut reading = next.acquire().await?;
    let (mut waiting, mut batch) = (spill.waiting(), Batch::new(buckets, spill.writer()?));
    let (mut done, mut packed) = (0, Vec::new());
    let mut rows = sqlx::query_as::<_, (Option<String>, String, i64, i32)>(
        "select conversation, file, start, bytes from rebuild_settled",
    )
    .fetch(&mut *reading);
    loop {
        let row = rows.try_next().await?;
        if let Some((conversation, file, start, bytes)) = &row {
            packed.resize(usize::try_from(*bytes).unwrap_or(0), 0);
            waiting.read(file, *start, &mut packed)?;
            batch.settled(&packed, conversation.as_deref())?;
            done += 1;
        }
        if row.is_none() || batch.is_full() {
            batch.spill()?;
            batch.write(writing).await?;
            filed(done);
        }
        if row.is_none() {
            return Ok(());
        }
    }
}

/// What is joined and grouped here is large and in no order. Sometimes the planner would sort it all the same, for twice the time.
const BY_HASH: [&str; 2] = ["set local enable_sort = off", "set local enable_mergejoin = off"];

/// In one transaction.
async fn run(next: &PgPool, statements: &[&'static str]) -> Result<(), StoreError> {
    let mut transaction = crate::begin(next).await?;
    for &statement in BY_HASH.iter().chain(statements) {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    crate::commit(transaction).await
}
