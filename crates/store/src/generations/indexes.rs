//! Indexes of the large tables: taken away before they are filled, made again when they are full.

use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::{NEXT, state};
use crate::StoreError;

/// What is taken away: constraints and indexes of every table that is filled by COPY.
const FIND: &str = "
    select t.relname::text as on_table,
           case when c.oid is not null then format('alter table %I drop constraint %I', t.relname, c.conname)
                else format('drop index %I', i.relname) end as take,
           pg_get_indexdef(i.oid) as make,
           case c.contype when 'p' then format('alter table %I add constraint %I primary key using index %I', t.relname, c.conname, i.relname)
                          when 'u' then format('alter table %I add constraint %I unique using index %I', t.relname, c.conname, i.relname)
           end as attach
    from pg_index x
    join pg_class i on i.oid = x.indexrelid
    join pg_class t on t.oid = x.indrelid
    join pg_namespace n on n.oid = t.relnamespace
    left join pg_constraint c on c.conindid = i.oid and c.contype in ('p', 'u')
    where n.nspname = $1 and t.relname = any($2) and not i.relname = any($3)
    -- The long ones first, but those of facts when its statistics are made.
    order by t.relname <> 'messages', t.relname <> 'facts', t.relname, c.oid is null, i.relname";

/// Tables that a rebuild fills by COPY and that may be large.
const LARGE: [&str; 10] = [
    "facts",
    "links",
    "messages",
    "requests",
    "turns",
    "dialogs",
    "assignments",
    "request_tags",
    "tag_scores",
    "clients",
];

/// Those of them that stay: with a condition that few rows meet they grow during COPY for less than one more reading of the
/// whole table costs.
const KEPT: [&str; 5] =
    ["facts_cards", "facts_pages", "facts_rated", "facts_ratings_listed", "facts_requests_listed"];

/// Takes the indexes away, and notes how they are made; nothing tidies the tables up until [`attach`]. Done before: nothing is left
/// to take.
pub async fn take_away(next: &PgPool) -> Result<(), StoreError> {
    let mut transaction = crate::begin(next).await?;
    sqlx::query(
        "create table if not exists rebuild_indexes (place serial primary key, on_table text not null, make text not null, \
                                                     attach text, made boolean not null default false)",
    )
    .execute(&mut *transaction)
    .await?;
    let found = sqlx::query(FIND)
        .bind(NEXT)
        .bind(LARGE.as_slice())
        .bind(KEPT.as_slice())
        .fetch_all(&mut *transaction)
        .await?;
    for table in LARGE {
        // It would tidy up what grows, again and again; statistics are made when they are full.
        let off = format!("alter table {table} set (autovacuum_enabled = false)");
        sqlx::query(sqlx::AssertSqlSafe(off)).execute(&mut *transaction).await?;
    }
    for row in &found {
        let (table, take, make): (String, String, String) =
            (row.try_get("on_table")?, row.try_get("take")?, row.try_get("make")?);
        let attach: Option<String> = row.try_get("attach")?;
        sqlx::query(sqlx::AssertSqlSafe(take)).execute(&mut *transaction).await?;
        sqlx::query("insert into rebuild_indexes (on_table, make, attach) values ($1, $2, $3)")
            .bind(table)
            .bind(make)
            .bind(attach)
            .execute(&mut *transaction)
            .await?;
    }
    crate::commit(transaction).await
}

/// One that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    place: i32,
    table: String,
    make: String,
}

/// Those that are still to be made.
pub async fn missing(next: &PgPool) -> Result<Vec<Index>, StoreError> {
    let rows: Vec<(i32, String, String)> =
        sqlx::query_as("select place, on_table, make from rebuild_indexes where not made order by place")
            .fetch_all(next)
            .await?;
    Ok(rows.into_iter().map(|(place, table, make)| Index { place, table, make }).collect())
}

/// Makes one.
///
/// # Errors
/// [`StoreError::Refused`] when the tables are another build's.
pub async fn make(next: &PgPool, build: Uuid, index: &Index) -> Result<(), StoreError> {
    if !attempt(next, build, index).await? {
        // Two conversations claim one row, which no rule foresees: one keeps it for now, and both are folded again.
        only_one(next, build, index).await?;
        if !attempt(next, build, index).await? {
            return Err(StoreError::Refused(format!("table {}: rows with equal keys", index.table)));
        }
    }
    Ok(())
}

/// Whether no two rows have one key.
async fn attempt(next: &PgPool, build: Uuid, index: &Index) -> Result<bool, StoreError> {
    let mut transaction = crate::begin(next).await?;
    state::hold(&mut *transaction, build).await?;
    // After a crash it is there and not missing, or missing still: nobody has to wait for the disk. Some are made at once, each
    // by one process that sorts in memory.
    sqlx::raw_sql(
        "set local synchronous_commit = off; set local maintenance_work_mem = '128MB'; \
         set local max_parallel_maintenance_workers = 0",
    )
    .execute(&mut *transaction)
    .await?;
    match sqlx::query(sqlx::AssertSqlSafe(index.make.clone())).execute(&mut *transaction).await {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(false),
        outcome => outcome?,
    };
    sqlx::query("update rebuild_indexes set made = true where place = $1")
        .bind(index.place)
        .execute(&mut *transaction)
        .await?;
    crate::commit(transaction).await?;
    Ok(true)
}

/// Makes constraints of those that were some: at the end, because it keeps everybody else from the table for a moment.
pub async fn attach(next: &PgPool, build: Uuid) -> Result<(), StoreError> {
    let mut transaction = crate::begin(next).await?;
    state::hold(&mut *transaction, build).await?;
    let left: Vec<String> =
        sqlx::query_scalar("select attach from rebuild_indexes where attach is not null order by place")
            .fetch_all(&mut *transaction)
            .await?;
    for attach in left {
        sqlx::query(sqlx::AssertSqlSafe(attach)).execute(&mut *transaction).await?;
    }
    for table in LARGE {
        let on = format!("alter table {table} reset (autovacuum_enabled)");
        sqlx::query(sqlx::AssertSqlSafe(on)).execute(&mut *transaction).await?;
    }
    sqlx::query("delete from rebuild_indexes").execute(&mut *transaction).await?;
    crate::commit(transaction).await
}

/// Deletes all but one of the rows with one key, and marks their conversations.
async fn only_one(next: &PgPool, build: Uuid, index: &Index) -> Result<(), StoreError> {
    let columns = index
        .make
        .split_once(" USING btree (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(columns, _)| columns.to_owned())
        .ok_or_else(|| StoreError::Refused(format!("table {}: rows with equal keys", index.table)))?;
    let table = &index.table;
    let statement = format!(
        "with doubled as (select ctid, account_id, conversation, \
                                 row_number() over (partition by {columns} order by conversation desc) as n, \
                                 count(*) over (partition by {columns}) as of_them from {table}), \
              gone as (delete from {table} t using doubled d where t.ctid = d.ctid and d.n > 1) \
         insert into marks (account_id, kind, subject) \
         select distinct account_id, 'conversation', conversation from doubled where of_them > 1"
    );
    let mut transaction = crate::begin(next).await?;
    state::hold(&mut *transaction, build).await?;
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    crate::commit(transaction).await
}

/// Statistics for what follows: of the full tables. Beside the making of indexes, but not of the same table's at the same
/// time: they would wait for each other.
pub async fn analyze(next: &PgPool) -> Result<(), StoreError> {
    // Of wide tables only what is searched by: the live statements look up by index in any case.
    let statements = [
        "set default_statistics_target = 30",
        "analyze facts (account_id, kind, fact_key, conversation, request_id, dialog_id, firm)",
        "analyze links, requests, turns, dialogs, assignments, request_tags, tag_scores, clients, leads, operators, \
         channels, tags",
        "analyze messages (account_id, message_id, conversation, client_id, request_key, sent_at)",
        "reset default_statistics_target",
    ];
    let mut connection = next.acquire().await?;
    for statement in statements {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Nothing is left of the helper tables.
pub async fn finish(next: &PgPool, build: Uuid) -> Result<(), StoreError> {
    let mut transaction = crate::begin(next).await?;
    state::hold(&mut *transaction, build).await?;
    sqlx::query(
        "drop table if exists rebuild_intact, rebuild_segments, rebuild_unfirm, rebuild_links, rebuild_messages, \
         rebuild_owners, rebuild_settled, rebuild_odd, rebuild_buckets, rebuild_indexes",
    )
    .execute(&mut *transaction)
    .await?;
    crate::commit(transaction).await
}
