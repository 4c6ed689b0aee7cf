//! Links, and what names no channel, for all of the log at once: the second phase.

use futures::TryStreamExt as _;
use sqlx::PgPool;

use super::load::Batch;
use super::state::{self, Phase};
use crate::StoreError;

/// Bytes of packed tellings that are written at once.
const WRITE_BYTES: usize = 8 << 20;

/// Files everything, and goes on to [`Phase::Folding`]. May be broken off and done again.
///
/// `filed` is told how many tellings were filed so far.
pub async fn all(next: &PgPool, buckets: u32, filed: &(dyn Fn(u64) + Sync)) -> Result<(), StoreError> {
    run(next, &["analyze rebuild_unfirm, rebuild_links, rebuild_messages"]).await?;
    // Side by side: the server has a processor for each.
    let conclusions =
        ["drop table if exists rebuild_settled", include_str!("settle.sql"), "analyze rebuild_settled"];
    let links = [
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
    futures::future::try_join(run(next, &conclusions), run(next, &links)).await?;
    run(next, &["truncate rebuild_odd", include_str!("odd.sql")]).await?;

    // What is filed joins its conversation's bucket, all of it or nothing.
    let mut reading = next.acquire().await?;
    let mut writing = crate::begin(next).await?;
    let mut batch = Batch::new(buckets);
    let mut done = 0;
    let mut rows =
        sqlx::query_as::<_, (Option<String>, Vec<u8>)>("select conversation, fact from rebuild_settled")
            .fetch(&mut *reading);
    while let Some((conversation, packed)) = rows.try_next().await? {
        batch.settled(&packed, conversation.as_deref())?;
        done += 1;
        if batch.bytes() > WRITE_BYTES {
            batch.write(&mut writing).await?;
            filed(done);
        }
    }
    drop(rows);
    batch.write(&mut writing).await?;
    filed(done);
    state::enter(&mut *writing, Phase::Folding).await?;
    crate::commit(writing).await
}

/// In one transaction.
async fn run(next: &PgPool, statements: &[&'static str]) -> Result<(), StoreError> {
    let mut transaction = crate::begin(next).await?;
    for &statement in statements {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    crate::commit(transaction).await
}
