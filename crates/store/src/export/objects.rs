//! `ledger.export_objects`: what each target holds. A row is there before its object is, and goes after it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};

use crate::{PgPool, StoreError};

/// An object as it was written.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Object {
    /// Its path below the target.
    pub path: String,
    /// Of the state that it was made of; empty while it is being written.
    pub fingerprint: String,
    /// How many rows.
    pub rows: i64,
    /// How many bytes.
    pub bytes: i64,
    /// Of the bytes, hexadecimal.
    pub sha256: String,
    /// The multipart upload that was begun and did not end.
    pub upload: Option<String>,
}

/// A target that is ours: nobody else who asks this database writes to it. Ends with the process, however that ends.
#[derive(Debug)]
pub struct Hold {
    connection: PgConnection,
    target: String,
}

/// Takes a target; none when somebody else has it. Uses a connection of its own, so that a killed process lets go.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn hold(pool: &PgPool, target: &str) -> Result<Option<Hold>, StoreError> {
    let mut connection = pool.acquire().await?.detach();
    let is_ours: bool =
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('export ' || $1, 0))")
            .bind(target)
            .fetch_one(&mut connection)
            .await?;
    if !is_ours {
        connection.close().await?;
        return Ok(None);
    }
    Ok(Some(Hold { connection, target: target.to_owned() }))
}

impl Hold {
    /// All objects of the target, by path.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; the same holds for the others here.
    pub async fn known(&mut self) -> Result<HashMap<String, Object>, StoreError> {
        let objects: Vec<Object> = sqlx::query_as(
            "select path, fingerprint, rows, bytes, sha256, upload from ledger.export_objects where target = $1",
        )
        .bind(&self.target)
        .fetch_all(&mut self.connection)
        .await?;
        Ok(objects.into_iter().map(|object| (object.path.clone(), object)).collect())
    }

    /// Says that these objects are going to be written: from here on the target may hold them, in any state.
    pub async fn begin(&mut self, paths: &[String], now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "insert into ledger.export_objects (target, path, fingerprint, rows, bytes, sha256, written_at) \
             select $1, path, '', 0, 0, '', $3 from unnest($2::text[]) as p(path) \
             on conflict (target, path) do update set fingerprint = ''",
        )
        .bind(&self.target)
        .bind(paths)
        .bind(now)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Remembers the upload that carries an object, or that there is none any more.
    pub async fn uploading(&mut self, path: &str, upload: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("update ledger.export_objects set upload = $3 where target = $1 and path = $2")
            .bind(&self.target)
            .bind(path)
            .bind(upload)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Says that an object is there.
    pub async fn written(&mut self, object: &Object, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "insert into ledger.export_objects (target, path, fingerprint, rows, bytes, sha256, written_at) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (target, path) do update \
             set fingerprint = excluded.fingerprint, rows = excluded.rows, bytes = excluded.bytes, \
                 sha256 = excluded.sha256, written_at = excluded.written_at, upload = null",
        )
        .bind(&self.target)
        .bind(&object.path)
        .bind(&object.fingerprint)
        .bind(object.rows)
        .bind(object.bytes)
        .bind(&object.sha256)
        .bind(now)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Forgets an object that is not there any more.
    pub async fn remove(&mut self, path: &str) -> Result<(), StoreError> {
        sqlx::query("delete from ledger.export_objects where target = $1 and path = $2")
            .bind(&self.target)
            .bind(path)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Lets the target go.
    pub async fn release(mut self) -> Result<(), StoreError> {
        // Said aloud: a closed connection is noticed a moment later.
        sqlx::query("select pg_advisory_unlock_all()").execute(&mut self.connection).await?;
        Ok(self.connection.close().await?)
    }
}
