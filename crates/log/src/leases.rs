//! Who works on which partition, with either backend.
//!
//! A lease is a row of `ledger.leases`: an owner, an epoch, an expiry. The database's clock decides, so the clocks of
//! machines may differ. The epoch grows with every change of owner. A lease alone fences nothing: a worker
//! that was suspended does not know that it lost. So the facts' transaction compares the epoch
//! (`store` keeps it with the positions), and a late worker writes nothing.
//!
//! A worker's round: [`Leases::renew`] what it holds, [`Leases::release`] what is above [`Leases::share`],
//! [`Leases::acquire`] what is free. Do it about three times in each `ttl`.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;

use crate::LogError;
use crate::postgres::connection::failure;

/// One partition, held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// The partition.
    pub partition: u32,
    /// Grows with every change of owner; goes with every write.
    pub epoch: i64,
}

/// One worker's view of the leases of one scope.
#[derive(Clone, Debug)]
pub struct Leases {
    pool: PgPool,
    scope: String,
    owner: String,
    ttl: PgInterval,
}

impl Leases {
    /// `scope` is what is worked on (a generation: `chat`, `chat_next`), `owner` names this run of this worker and no
    /// other, `ttl` is how long a worker may be silent before others take over.
    pub fn new(pool: PgPool, scope: impl Into<String>, owner: impl Into<String>, ttl: Duration) -> Self {
        let microseconds = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
        let ttl = PgInterval { months: 0, days: 0, microseconds };
        Self { pool, scope: scope.into(), owner: owner.into(), ttl }
    }

    /// The name of this run of this worker.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// How many of `partitions` this worker should hold: an even share among the live ones, itself included, rounded
    /// up. Says at the same time that this worker lives.
    ///
    /// # Errors
    /// As of all calls here: [`LogError::Unavailable`] when the database does not answer.
    pub async fn share(&self, partitions: u32) -> Result<u32, LogError> {
        sqlx::query(
            "insert into ledger.lease_owners (scope, owner, expires_at) values ($1, $2, now() + $3)
             on conflict (scope, owner) do update set expires_at = excluded.expires_at",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .bind(self.ttl)
        .execute(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        // A statement of its own that waits for nobody: two workers that each hold the other's row deadlock.
        let alive: i64 = sqlx::query_scalar(
            "with gone as (
                 delete from ledger.lease_owners where scope = $1 and owner in (
                     select owner from ledger.lease_owners
                     where scope = $1 and owner <> $2 and expires_at < now() - $3 for update skip locked)
             )
             select count(*) + 1 from ledger.lease_owners where scope = $1 and owner <> $2 and expires_at >= now()",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .bind(self.ttl)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(partitions.div_ceil(u32::try_from(alive).unwrap_or(1).max(1)))
    }

    /// Takes free and expired partitions of `0..partitions` until this worker holds its share; returns the new ones.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    pub async fn acquire(&self, partitions: u32) -> Result<Vec<Lease>, LogError> {
        let share = self.share(partitions).await?;
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let free: i64 = sqlx::query_scalar(
            "with known as (
                 insert into ledger.leases (scope, partition, owner, epoch, expires_at)
                 select $1, partition, null, 0, now() from generate_series(0, $2 - 1) as partition
                 where not exists (select from ledger.leases as l where l.scope = $1 and l.partition = partition.partition)
                 on conflict do nothing returning 1
             )
             select (select count(*) from known)
                  + (select count(*) from ledger.leases
                     where scope = $1 and partition < $2 and (owner is null or expires_at < now()))",
        )
        .bind(&self.scope)
        .bind(count)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        if free == 0 {
            return Ok(Vec::new());
        }
        let taken: Vec<(i32, i64)> = sqlx::query_as(
            "with free as (
                 select partition from ledger.leases
                 where scope = $1 and partition < $3 and (owner is null or expires_at < now())
                 order by partition
                 limit greatest(0, $4 - (select count(*) from ledger.leases
                                         where scope = $1 and owner = $2 and expires_at >= now()))
                 for update skip locked
             )
             update ledger.leases as l
             set owner = $2, epoch = l.epoch + 1, expires_at = now() + $5
             from free where l.scope = $1 and l.partition = free.partition
             returning l.partition, l.epoch",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .bind(count)
        .bind(i64::from(share))
        .bind(self.ttl)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(leases(taken))
    }

    /// Prolongs these; returns those that are still this worker's (also an expired one that nobody took). The others
    /// are lost: stop writing for them.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]: nothing is known; the leases end by themselves after `ttl`.
    pub async fn renew(&self, held: &[Lease]) -> Result<Vec<Lease>, LogError> {
        let (partitions, epochs) = columns(held);
        let kept: Vec<(i32, i64)> = sqlx::query_as(
            "update ledger.leases as l set expires_at = now() + $5
             from unnest($3::integer[], $4::bigint[]) as held (partition, epoch)
             where l.scope = $1 and l.owner = $2 and l.partition = held.partition and l.epoch = held.epoch
             returning l.partition, l.epoch",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .bind(partitions)
        .bind(epochs)
        .bind(self.ttl)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(leases(kept))
    }

    /// Gives these back, so that others need not wait for their expiry. Those that are lost already are left alone.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]: they end by themselves after `ttl`.
    pub async fn release(&self, held: &[Lease]) -> Result<(), LogError> {
        let (partitions, epochs) = columns(held);
        sqlx::query(
            "update ledger.leases as l set owner = null, expires_at = now()
             from unnest($3::integer[], $4::bigint[]) as held (partition, epoch)
             where l.scope = $1 and l.owner = $2 and l.partition = held.partition and l.epoch = held.epoch",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .bind(partitions)
        .bind(epochs)
        .execute(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(())
    }

    /// A clean stop: gives everything back and leaves the sharing.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]: others take over after `ttl`.
    pub async fn leave(&self) -> Result<(), LogError> {
        sqlx::query(
            "with gone as (delete from ledger.lease_owners where scope = $1 and owner = $2)
             update ledger.leases set owner = null, expires_at = now() where scope = $1 and owner = $2",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .execute(&self.pool)
        .await
        .map_err(|e| failure(&e))?;
        Ok(())
    }
}

fn columns(held: &[Lease]) -> (Vec<i32>, Vec<i64>) {
    held.iter().map(|lease| (lease.partition.cast_signed(), lease.epoch)).unzip()
}

fn leases(rows: Vec<(i32, i64)>) -> Vec<Lease> {
    let mut leases: Vec<Lease> = rows
        .into_iter()
        .map(|(partition, epoch)| Lease { partition: partition.cast_unsigned(), epoch })
        .collect();
    leases.sort_unstable();
    leases
}
