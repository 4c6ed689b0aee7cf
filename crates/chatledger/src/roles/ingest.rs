//! The role `ingest`: webhooks in, and the past.

use std::sync::Arc;
use std::time::Duration;

use ingest::backfill::{Outcome, Range};
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

/// Fetches an account's history up to the present, and once a day what is new; limits and errors only delay it.
async fn fetch_history(installation: Arc<Installation>, account: Account, stop: CancellationToken) {
    let backfill = match rules::backfill(&installation, &account, Some(account.history_quota_share)) {
        Ok(backfill) => backfill,
        Err(error) => {
            tracing::error!(account.id = %account.id, error = format!("{error:#}"), "history cannot be fetched");
            return;
        }
    };
    loop {
        let pause = match backfill.run(Range::Continue(account.history), &|_| {}, &stop).await {
            Ok(Outcome::Stopped(_)) => return,
            Ok(Outcome::Done(_)) => REFRESH,
            Ok(Outcome::QuotaSpent { continues_at, .. }) => {
                tracing::warn!(account.id = %account.id, continues_at = %continues_at, "history waits for quota");
                LIMIT_PAUSE
            }
            Err(error) => {
                tracing::warn!(account.id = %account.id, error = %error, "history is tried again");
                ERROR_PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
