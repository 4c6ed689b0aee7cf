//! The rows that people read, and how changed ones are written: one statement a table and batch.

mod cards;
mod scores;
mod talk;

use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;
use crate::copy::CopyRows;

pub use cards::{ChannelRow, ClientRow, OperatorGroupRow, OperatorRow, TagRow};
pub use scores::{AssignmentRow, LeadRow, RequestTagRow, TagScoreRow};
pub use talk::{DialogRow, MessageRow, RequestRow, TurnRow};

/// A row of a table of schema `chat`.
pub trait TableRow: Serialize + Send + Sync {
    /// The table.
    const TABLE: &'static str;
    /// Inserts rows given as one JSON array, replacing those with the same key.
    const UPSERT: &'static str;
    /// Deletes rows given as arrays of accounts, conversations and keys; a row that has moved to another conversation
    /// stays. Of tables whose rows belong to conversations only.
    const DELETE: &'static str;
    /// Takes new rows at full speed, as [`TableRow::copy_to`] writes them.
    const COPY: &'static str;

    /// The account.
    fn account(&self) -> &str;

    /// Its key within account and table, as text.
    fn key(&self) -> String;

    /// The hash of its content, filled in by [`sealed`].
    fn row_hash(&self) -> i64;

    /// Sets the hash.
    fn set_row_hash(&mut self, hash: i64);

    /// Writes every column of the content as JSON.
    fn write_content(&self, hash: &mut ContentHash) -> serde_json::Result<()>;

    /// Adds the row to those that are copied.
    fn copy_to(&self, rows: &mut CopyRows);
}

/// Declares a row with the SQL that writes it. Column names are the field names. Columns that say by which copy of a
/// delivery we know (`told_by`) are not part of the content: they may differ between two readings of one log.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident in $table:literal, key |$row:ident| $key:expr, in sql $keysql:literal, conflict on $conflict:literal {
        $($(#[$cdoc:meta])* $col:ident: $ty:ty),+ $(,)?
    } $(told_by { $($(#[$ddoc:meta])* $delivery:ident: $dty:ty),+ $(,)? })?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct $name {
            /// The account.
            pub account_id: String,
            $($(#[$cdoc])* pub $col: $ty,)+
            $($($(#[$ddoc])* pub $delivery: $dty,)+)?
            /// Hash of the content; filled in by [`super::sealed`].
            pub row_hash: i64,
        }

        impl TableRow for $name {
            const TABLE: &'static str = $table;
            const UPSERT: &'static str = concat!(
                "insert into ", $table, " select * from json_populate_recordset(null::", $table, ", $1::text::json) ",
                "on conflict (account_id, ", $conflict, ") do update set row_hash = excluded.row_hash",
                $(", ", stringify!($col), " = excluded.", stringify!($col)),+
                $($(, ", ", stringify!($delivery), " = excluded.", stringify!($delivery))+)?
            );
            const DELETE: &'static str = concat!(
                "delete from ", $table, " t using unnest($1::text[], $2::text[], $3::text[]) ",
                "as d(account_id, conversation, key) ",
                "where t.account_id = d.account_id and t.conversation = d.conversation and ", $keysql, " = d.key"
            );

            const COPY: &'static str = concat!(
                "copy ", $table, " (account_id", $(", ", stringify!($col),)+ $($(", ", stringify!($delivery),)+)?
                ", row_hash) from stdin (format binary)"
            );

            fn account(&self) -> &str { &self.account_id }
            fn key(&self) -> String {
                let $row = self;
                $key
            }
            fn row_hash(&self) -> i64 { self.row_hash }
            fn set_row_hash(&mut self, hash: i64) { self.row_hash = hash; }

            fn write_content(&self, hash: &mut ContentHash) -> serde_json::Result<()> {
                serde_json::to_writer(&mut *hash, &self.account_id)?;
                $(
                    hash.0.push(b',');
                    serde_json::to_writer(&mut *hash, &self.$col)?;
                )+
                Ok(())
            }

            fn copy_to(&self, rows: &mut CopyRows) {
                rows.row(2 + [$(stringify!($col)),+].len() $(+ [$(stringify!($delivery)),+].len())?);
                rows.value(&self.account_id);
                $(rows.value(&self.$col);)+
                $($(rows.value(&self.$delivery);)+)?
                rows.value(&self.row_hash);
            }
        }
    };
}

use row;

/// Hashes what is written to it.
pub struct ContentHash(Vec<u8>);

impl std::io::Write for ContentHash {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Fills in the hash of a row's content.
pub fn sealed<R: TableRow>(mut row: R) -> Result<R, StoreError> {
    let mut hash = ContentHash(Vec::with_capacity(1024));
    row.write_content(&mut hash).map_err(|error| unwritable::<R>(&error))?;
    row.set_row_hash(xxhash_rust::xxh3::xxh3_64(&hash.0).cast_signed());
    Ok(row)
}

fn unwritable<R: TableRow>(error: &serde_json::Error) -> StoreError {
    StoreError::Refused(format!("row of {}: {error}", R::TABLE))
}

/// Writes rows, replacing those with the same key.
pub async fn upsert<R: TableRow>(connection: &mut PgConnection, rows: &[R]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_string(rows).map_err(|error| unwritable::<R>(&error))?;
    sqlx::query(R::UPSERT).bind(json).execute(connection).await?;
    Ok(())
}

/// Fewer rows than this are written by [`upsert`] at once.
const COPIED: usize = 16;

/// Writes rows that are not there yet, as far as the caller knows: by COPY, and by [`upsert`] where it was mistaken.
pub async fn insert<R: TableRow>(connection: &mut PgConnection, rows: &[R]) -> Result<(), StoreError> {
    if rows.len() < COPIED {
        return upsert(connection, rows).await;
    }
    let mut copied = CopyRows::new();
    for row in rows {
        row.copy_to(&mut copied);
    }
    if copied.send_new(connection, R::COPY).await? { Ok(()) } else { upsert(connection, rows).await }
}

/// Writes rows whose content differs from what is there; returns account and key of those. Of tables that belong to a
/// client.
pub async fn upsert_changed<R: TableRow>(
    connection: &mut PgConnection,
    rows: &[R],
) -> Result<Vec<(String, String)>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let json = serde_json::to_string(rows).map_err(|error| unwritable::<R>(&error))?;
    let sql = format!(
        "{} where {table}.row_hash <> excluded.row_hash returning account_id, client_id",
        R::UPSERT,
        table = R::TABLE
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(json).fetch_all(connection).await?)
}

/// A row that a conversation has no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The account.
    pub account: String,
    /// The conversation that does not have it any more; another one may have it by now.
    pub conversation: String,
    /// [`TableRow::key`].
    pub key: String,
}

/// Deletes rows from their conversations.
pub async fn delete<R: TableRow>(connection: &mut PgConnection, gone: &[Gone]) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(R::DELETE)
        .bind(gone.iter().map(|gone| gone.account.as_str()).collect::<Vec<_>>())
        .bind(gone.iter().map(|gone| gone.conversation.as_str()).collect::<Vec<_>>())
        .bind(gone.iter().map(|gone| gone.key.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
