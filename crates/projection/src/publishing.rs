//! Figures that were said to people: frozen each night, and what changes one later written down as a restatement
//! (design.md 7.1, promise 7).
//!
//! At three in the morning of its zone an account's local day before is frozen, once, whoever does it; missed nights
//! are made up for. Looking for changes costs a grouped read for each month ([`store::figures`]); only days whose rows
//! changed are computed again, each in a transaction of its own. Whoever changes rows otherwise than by deliveries (other
//! rules, a rebuild, an erasure) calls [`look_before`], notes the cause in the transaction of the change
//! ([`store::figures::note`]), and the next look restates what concerns these accounts under it.

mod night;
mod restating;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use events::{AccountId, Clock};
use log::{Log, LogError};
use store::figures::{self, Pending, Settings};
use store::level::Level;
use store::{PgPool, StoreError};
use tokio_util::sync::CancellationToken;

pub use restating::{Restated, look_after, look_before};

use restating::Look;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// Days that people still talk about are looked at each time, all others when a day was frozen.
const RECENT: Days = Days::new(35);
/// Longest wait for the projection before the next look tries again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions whether the projection has caught up.
const ASK: Duration = Duration::from_millis(200);

/// Freezes and restates the figures of all accounts.
pub struct Publisher {
    log: Arc<dyn Log>,
    pool: PgPool,
    zones: Vec<(AccountId, Tz)>,
    target_seconds: f64,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Days that this round froze.
    pub days: usize,
    /// What it restated.
    pub restated: Restated,
    /// The projection had not caught up: nothing was looked at.
    pub is_behind: bool,
}

impl Publisher {
    /// A publisher of these accounts' figures; `target_seconds` is what "within target" means in days yet to be frozen.
    pub fn new(
        log: Arc<dyn Log>,
        pool: PgPool,
        zones: BTreeMap<AccountId, Tz>,
        target_seconds: f64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { log, pool, zones: zones.into_iter().collect(), target_seconds, clock, patience: PATIENCE }
    }

    /// The same with another longest wait for the projection.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Publishes until `stop`. A database or log that is away is waited for.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when trying again cannot help.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            match self.round(&stop).await {
                Ok(_) => {}
                Err(StoreError::Refused(text)) => return Err(StoreError::Refused(text)),
                Err(error) => tracing::warn!(error = %error, "figures are published later"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// One round: freezes every day that is due, then looks for what has changed.
    ///
    /// # Errors
    /// As of store and log.
    pub async fn round(&self, stop: &CancellationToken) -> Result<Round, StoreError> {
        let mut round = Round::default();
        // Known before the fold is waited for: everything is folded under these rules then.
        let known = figures::pending(&self.pool).await?;
        if !self.has_caught_up(stop).await? {
            round.is_behind = true;
            return Ok(round);
        }
        let now = self.clock.now();
        for (account, zone) in &self.zones {
            round.days += self.freeze(account, *zone, &known, now).await?;
        }
        let since = (round.days == 0).then(|| now.date_naive() - RECENT);
        round.restated =
            Look { pool: &self.pool, now, since, known: &known, is_settling: true }.all().await?;
        Ok(round)
    }

    /// Freezes what is due of an account; gives how many days. `known` are the causes whose effect is folded.
    async fn freeze(
        &self,
        account: &AccountId,
        zone: Tz,
        known: &[Pending],
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let of_account = known.iter().filter(|one| one.account_id == account.as_str());
        let ids: Vec<i64> = of_account.map(|one| one.cause_id).collect();
        let today = now.with_timezone(&zone).date_naive();
        figures::published_account(&self.pool, account, today, now).await?;
        let Some(last) = night::last_due(now, zone) else { return Ok(0) };
        let mut frozen = 0;
        for day in figures::unpublished(&self.pool, account, last).await? {
            let mut holding = store::begin(&self.pool).await?;
            figures::lock(&mut holding).await?;
            // Begins after the lock was had: it sees what the holder before wrote.
            let mut transaction = store::moment(&self.pool).await?;
            // Rows that fold under other rules since then are neither those of before nor those of after.
            if !figures::is_pending(&mut *transaction, account.as_str(), &ids).await? {
                break;
            }
            let as_of = night::end_of(day, zone);
            let settings = Settings { as_of, target_seconds: self.target_seconds };
            let found =
                figures::of_day(&mut transaction, account, day, &figures::DIMENSIONS, settings).await?;
            if figures::freeze(&mut transaction, account, day, settings, &found, now).await? {
                frozen += 1;
                tracing::info!(account.id = %account, figures.day = %day, figures.count = found.len(), "figures published");
            }
            store::commit(transaction).await?;
            store::commit(holding).await?;
        }
        Ok(frozen)
    }

    /// Whether everything that is in the log at this moment is in the tables, waiting a little for it.
    async fn has_caught_up(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let ends = self.log.bounds().await.map_err(away)?;
        let ends = ends.iter().filter(|end| end.end > end.start).map(|end| (end.partition, end.end));
        let (mut level, mut waited) = (Level::with(ends.collect()), Duration::ZERO);
        loop {
            if level.is_reached(&self.pool).await? {
                return Ok(true);
            }
            if waited >= self.patience || stop.is_cancelled() {
                return Ok(false);
            }
            waited += ASK;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ASK) => {}
            }
        }
    }
}

fn away(error: LogError) -> StoreError {
    match error {
        LogError::Unavailable(text) => StoreError::Unavailable(text),
        other => StoreError::Refused(other.to_string()),
    }
}
