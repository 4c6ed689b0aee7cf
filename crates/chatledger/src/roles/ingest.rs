//! The role `ingest`: webhooks in, and the past.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ingest::backfill::{Backfill, Outcome, Range};
use ingest::capture::{Bounds, Intake};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Stage;
use crate::configuration::Account;
use crate::installation::Installation;
use crate::rules;

/// A raised or renewed quota is noticed within the hour.
const LIMIT_PAUSE: Duration = Duration::from_secs(30 * 60);
/// Lists and reports change after the fact, and webhooks get lost: what is new since is read once a day.
const REFRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// The first look whether days are complete: what came before the start is read by then, unless it is much.
const FIRST_LOOK: Duration = Duration::from_secs(10 * 60);
/// Between two attempts at history after an error.
const ERROR_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Takes webhooks; fetches the history of every account that has a token.
pub(super) fn start(stage: &Stage<'_>, tasks: &TaskTracker) -> Intake {
    let Stage { installation, configuration, stop, .. } = stage;
    for account in configuration.accounts.iter().filter(|account| account.active && account.token.is_some()) {
        tasks.spawn(fetch_history((*installation).clone(), account.clone(), (*stop).clone()));
    }
    Intake::new(
        rules::hooks(configuration),
        installation.log.clone(),
        installation.clock.clone(),
        installation.ids.clone(),
        Bounds::default(),
    )
}

/// Keeps an account's past whole: repairs first, then its history up to the present, and once a day what is new. Limits
/// and errors only delay it. One after the other, so that the order of the budget holds (design.md 6).
async fn fetch_history(installation: Arc<Installation>, account: Account, stop: CancellationToken) {
    let backfill = match rules::backfill(&installation, &account, Some(account.history_quota_share)) {
        Ok(backfill) => backfill,
        Err(error) => {
            tracing::error!(account.id = %account.id, error = format!("{error:#}"), "history cannot be fetched");
            return;
        }
    };
    let repairs = backfill.clone().repairing();
    let mut history_at = Instant::now();
    let mut look_at = history_at + FIRST_LOOK;
    loop {
        if Instant::now() >= look_at {
            look_at = Instant::now() + look(&repairs, &account, &stop).await;
        }
        if Instant::now() >= history_at {
            history_at = Instant::now() + history(&backfill, &account, &stop).await;
        }
        let pause = history_at.min(look_at).saturating_duration_since(Instant::now());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Looks whether the days are all there; gives when to look again.
async fn look(repairs: &Backfill, account: &Account, stop: &CancellationToken) -> Duration {
    match repairs.keep_complete(stop).await {
        Ok(look) => look.pause(),
        Err(error) => {
            tracing::warn!(account.id = %account.id, error = %error, "completeness is looked at later");
            ERROR_PAUSE
        }
    }
}

/// Fetches what is new; gives when to do so again.
async fn history(backfill: &Backfill, account: &Account, stop: &CancellationToken) -> Duration {
    match backfill.run(Range::Continue(account.history), &|_| {}, stop).await {
        Ok(Outcome::Done(_) | Outcome::Stopped(_)) => REFRESH,
        Ok(Outcome::QuotaSpent { continues_at, .. }) => {
            tracing::warn!(account.id = %account.id, continues_at = %continues_at, "history waits for quota");
            LIMIT_PAUSE
        }
        Err(error) => {
            tracing::warn!(account.id = %account.id, error = %error, "history is tried again");
            ERROR_PAUSE
        }
    }
}
