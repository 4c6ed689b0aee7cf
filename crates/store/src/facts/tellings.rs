//! The rows of `facts` that a batch adds or raises.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{FactRow, Filed};
use crate::StoreError;
use crate::copy::{CopyRows, Micros};

/// Takes new rows at full speed.
pub(crate) const COPY: &str = "copy facts (account_id, kind, fact_key, content_hash, observed_at, rank, hash, received_at, \
     delivery_id, conversation, firm, client_id, dialog_id, request_id, registers, happened_at) \
     from stdin (format binary)";

/// Fewer new rows than this are not worth a COPY of their own.
const COPIED: usize = 16;

/// One telling of a batch: of its copies the strongest stamp and the earliest receipt.
pub(super) struct Telling<'a> {
    pub(super) row: &'a FactRow,
    pub(super) earliest: &'a FactRow,
    pub(super) filed: &'a Filed,
}

/// A row that a telling changed.
pub(super) struct Touched {
    /// The telling.
    pub(super) place: usize,
    /// Whether the row is new.
    pub(super) fresh: bool,
    /// From when on its conversation is another.
    pub(super) since: Option<DateTime<Utc>>,
}

/// What is stored of a telling before it is written.
#[derive(Clone, Copy, sqlx::FromRow)]
pub(super) struct Stored {
    /// The very telling.
    is_known: bool,
    /// Of the same message, a telling that names no channel.
    pub(super) has_unfirm_sibling: bool,
}

/// Writes tellings (each once, sorted by key) that are not stored yet: by COPY. Where another writer was faster with some, these
/// are left to [`raise_known`]: known rows are locked after everything else.
pub(super) async fn write_new(
    connection: &mut PgConnection,
    tellings: &[Telling<'_>],
    known_before: &mut Vec<Stored>,
) -> Result<Vec<Touched>, StoreError> {
    let mut new: Vec<usize> = places(tellings, known_before, false);
    if new.len() >= COPIED {
        if copy(connection, tellings, &new).await? {
            let fresh = |place| Touched { place, fresh: true, since: tellings[place].earliest.happened_at() };
            return Ok(new.into_iter().map(fresh).collect());
        }
        *known_before = stored(connection, tellings).await?;
        new = places(tellings, known_before, false);
    }
    upsert(connection, tellings, &new).await
}

/// Raises the rows of those that are stored already. Cards are told by many writers at once, each of whom waits for the one
/// before to commit: so this comes last.
pub(super) async fn raise_known(
    connection: &mut PgConnection,
    tellings: &[Telling<'_>],
    stored: &[Stored],
) -> Result<Vec<Touched>, StoreError> {
    upsert(connection, tellings, &places(tellings, stored, true)).await
}

fn places(tellings: &[Telling<'_>], stored: &[Stored], known: bool) -> Vec<usize> {
    let is_known = |at: usize| stored.get(at).is_some_and(|stored| stored.is_known);
    (0..tellings.len()).filter(|&at| is_known(at) == known).collect()
}

/// What is stored of each: one look-up by the primary key. Of a message all tellings are looked at.
pub(super) async fn stored(
    connection: &mut PgConnection,
    tellings: &[Telling<'_>],
) -> Result<Vec<Stored>, StoreError> {
    Ok(sqlx::query_as(
        "select case when t.kind = 'message' then coalesce(m.is_known, false) \
                     else exists (select from facts f where f.account_id = t.account_id and f.kind = t.kind \
                                  and f.fact_key = t.fact_key and f.content_hash = t.content_hash offset 0) \
                end as is_known, \
                coalesce(m.has_unfirm_sibling, false) as has_unfirm_sibling \
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) with ordinality \
              as t(account_id, kind, fact_key, content_hash, place) \
         cross join lateral ( \
             select bool_or(f.content_hash = t.content_hash) as is_known, bool_or(not f.firm) as has_unfirm_sibling \
             from facts f where t.kind = 'message' and f.account_id = t.account_id and f.kind = 'message' \
                            and f.fact_key = t.fact_key) m \
         order by t.place",
    )
    .bind(tellings.iter().map(|t| t.row.account.as_str()).collect::<Vec<_>>())
    .bind(tellings.iter().map(|t| t.row.observation.fact.kind()).collect::<Vec<_>>())
    .bind(tellings.iter().map(|t| t.row.observation.key.as_str()).collect::<Vec<_>>())
    .bind(tellings.iter().map(|t| t.row.content_hash).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?)
}

async fn copy(
    connection: &mut PgConnection,
    tellings: &[Telling<'_>],
    places: &[usize],
) -> Result<bool, StoreError> {
    let mut rows = CopyRows::new();
    for telling in places.iter().map(|&at| &tellings[at]) {
        let (told, earliest) = (&telling.row.observation, &telling.earliest.observation);
        let filed = telling.filed;
        rows.row(16);
        rows.value(&telling.row.account);
        rows.value(told.fact.kind());
        rows.value(&told.key);
        rows.value(&telling.row.content_hash);
        rows.value(&told.stamp.observed_at);
        rows.value(&told.stamp.rank);
        rows.value(&told.stamp.hash);
        rows.value(&earliest.received_at);
        rows.value(&earliest.delivery.0);
        rows.value(&filed.conversation);
        rows.value(&filed.firm);
        rows.value(&filed.client_id);
        rows.value(&filed.dialog_id);
        rows.value(&filed.request_id);
        rows.value(&telling.row.registers);
        match telling.earliest.happened_at() {
            Some(at) => rows.value(&at),
            None => rows.value(&Micros(i64::MAX)),
        }
    }
    rows.send_new(connection, COPY).await
}

async fn upsert(
    connection: &mut PgConnection,
    tellings: &[Telling<'_>],
    places: &[usize],
) -> Result<Vec<Touched>, StoreError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let some: Vec<&Telling<'_>> = places.iter().map(|&at| &tellings[at]).collect();
    let touched: Vec<(i64, bool, Option<DateTime<Utc>>)> =
        sqlx::query_as(include_str!("../facts_upsert.sql"))
            .bind(some.iter().map(|t| t.row.account.as_str()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.observation.fact.kind()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.observation.key.as_str()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.content_hash).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.observation.stamp.observed_at).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.observation.stamp.rank).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.observation.stamp.hash).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.earliest.observation.received_at).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.earliest.observation.delivery.0).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.filed.conversation.as_deref()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.filed.firm).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.filed.client_id.as_deref()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.filed.dialog_id.as_deref()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.filed.request_id.as_deref()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.row.registers.as_str()).collect::<Vec<_>>())
            .bind(some.iter().map(|t| t.earliest.happened_at()).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
    let touched = touched.into_iter().filter_map(|(place, fresh, since)| {
        let place = *places.get(usize::try_from(place - 1).ok()?)?;
        Some(Touched { place, fresh, since })
    });
    Ok(touched.collect())
}
