//! One group's transaction.

use std::collections::BTreeMap;

use events::Delivery;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};

use crate::Place;
use crate::record::FORMAT;

/// A delivery that is to be stored.
pub(crate) struct Row {
    pub(crate) partition: i32,
    pub(crate) delivery: Delivery,
    /// The circumstances as JSON.
    pub(crate) capture: String,
}

/// The one connection that appends: of its own, so that an append never waits for a pool.
pub(crate) struct Writer {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

/// A failure, and whether the commit had been sent: then nobody knows whether it was carried out.
struct Failure {
    committing: bool,
    error: sqlx::Error,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self { committing: false, error }
    }
}

impl Writer {
    pub(crate) fn new(pool: &PgPool) -> Self {
        Self { options: (*pool.connect_options()).clone(), connection: None }
    }

    /// Closes without a word: the connection may hang in the middle of something.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Stores all rows or none. A connection that turns out to be dead is replaced once.
    pub(crate) async fn write(&mut self, rows: &[&Row]) -> Result<Vec<Place>, sqlx::Error> {
        let was_open = self.connection.is_some();
        match self.attempt(rows).await {
            Ok(places) => Ok(places),
            Err(Failure { committing: false, error })
                if was_open && error.as_database_error().is_none_or(dying) =>
            {
                tracing::debug!(log.reason = "connection lost before the commit", "append tried again");
                self.attempt(rows).await.map_err(|failure| failure.error)
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn attempt(&mut self, rows: &[&Row]) -> Result<Vec<Place>, Failure> {
        // Taken out, so that a call that fails or is cancelled leaves no half-used connection behind.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        let places = transact(&mut connection, rows).await?;
        self.connection = Some(connection);
        Ok(places)
    }
}

/// The server ends the connection (SQLSTATE class 57P: shutdown, crash, killed by an administrator).
fn dying(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("57P"))
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    // Whatever the server's defaults: the heads must not stay locked by a process that is gone, a lock that was waited
    // for must show the row as it is now, and a commit must be on disk.
    sqlx::query(
        "select set_config('lock_timeout', '5s', false), set_config('statement_timeout', '8s', false),
                set_config('idle_in_transaction_session_timeout', '10s', false),
                set_config('default_transaction_isolation', 'read committed', false),
                case when current_setting('synchronous_commit') = 'off'
                     then set_config('synchronous_commit', 'on', false) end",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

async fn transact(connection: &mut PgConnection, rows: &[&Row]) -> Result<Vec<Place>, Failure> {
    let mut transaction = connection.begin().await?;
    let heads = lock_heads(&mut transaction, rows).await?;
    let (places, heads) = number(rows, heads);
    insert(&mut transaction, rows, &places, &heads).await?;
    transaction.commit().await.map_err(|error| Failure { committing: true, error })?;
    Ok(places)
}

/// Locks the heads in the order of their partitions, so that two groups never wait for each other.
async fn lock_heads(connection: &mut PgConnection, rows: &[&Row]) -> Result<BTreeMap<i32, i64>, sqlx::Error> {
    let mut partitions: Vec<i32> = rows.iter().map(|row| row.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let heads: Vec<(i32, i64)> = sqlx::query_as(
        "select partition, next from ledger.log_heads where partition = any($1) order by partition for update",
    )
    .bind(&partitions)
    .fetch_all(connection)
    .await?;
    if heads.len() < partitions.len() {
        return Err(sqlx::Error::RowNotFound);
    }
    Ok(heads.into_iter().collect())
}

/// Gives each row the next offset of its partition.
fn number(rows: &[&Row], mut heads: BTreeMap<i32, i64>) -> (Vec<Place>, BTreeMap<i32, i64>) {
    let places = rows.iter().map(|row| {
        let next = heads.entry(row.partition).or_default();
        let place = Place { partition: row.partition.cast_unsigned(), offset: *next };
        *next += 1;
        place
    });
    (places.collect(), heads)
}

async fn insert(
    connection: &mut PgConnection,
    rows: &[&Row],
    places: &[Place],
    heads: &BTreeMap<i32, i64>,
) -> Result<(), sqlx::Error> {
    let (partitions, nexts): (Vec<i32>, Vec<i64>) =
        heads.iter().map(|(partition, next)| (*partition, *next)).unzip();
    let deliveries = || rows.iter().map(|row| &row.delivery);
    sqlx::query(
        "with moved as (
             update ledger.log_heads as head set next = moved.next
             from unnest($1::integer[], $2::bigint[]) as moved (partition, next)
             where head.partition = moved.partition
         )
         insert into ledger.deliveries
             (partition, log_offset, id, format, account_id, platform, road, received_at, capture, body)
         select partition, log_offset, id, $3::text::smallint, account_id, platform, road, received_at, capture::json, body
         from unnest($4::integer[], $5::bigint[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                     $10::timestamptz[], $11::text[], $12::bytea[])
              as row (partition, log_offset, id, account_id, platform, road, received_at, capture, body)",
    )
    .bind(partitions)
    .bind(nexts)
    .bind(FORMAT)
    .bind(rows.iter().map(|row| row.partition).collect::<Vec<_>>())
    .bind(places.iter().map(|place| place.offset).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.id.0).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.account.as_str()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.platform.as_str()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.road.as_str()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.received_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.capture.as_str()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.body.as_ref()).collect::<Vec<&[u8]>>())
    .execute(connection)
    .await?;
    Ok(())
}
