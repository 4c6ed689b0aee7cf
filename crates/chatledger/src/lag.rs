//! How far the tables trail the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::installation::Installation;

/// Between two looks at the gauges.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Marks that do not become fewer for so long wait for facts that have not come.
const STEADY: Duration = Duration::from_secs(2);

/// Deliveries in the log that are not in the tables yet, and subjects that wait to be folded.
///
/// # Errors
/// When log or database do not answer.
pub(crate) async fn measure(installation: &Installation) -> anyhow::Result<(i64, i64)> {
    let positions = store::positions::list(&installation.pool).await?;
    let read: HashMap<u32, i64> =
        positions.into_iter().map(|position| (position.partition, position.next)).collect();
    let bounds = installation.log.bounds().await?;
    let behind =
        bounds.iter().map(|ends| ends.end - read.get(&ends.partition).copied().unwrap_or(ends.start)).sum();
    Ok((behind, store::folding::waiting(&installation.pool).await?))
}

/// What [`watch`] measured last in this process; -1 while it has not.
static LAST: AtomicI64 = AtomicI64::new(-1);

/// Deliveries that were not in the tables when [`watch`] looked last; `None` where no projection runs.
pub(crate) fn last_measured() -> Option<i64> {
    Some(LAST.load(Ordering::Relaxed)).filter(|behind| *behind >= 0)
}

/// Keeps the gauges `chatledger_lag_deliveries` and `chatledger_marks_waiting` up to date until the stop.
pub(crate) async fn watch(installation: Arc<Installation>, stop: CancellationToken) {
    metrics::describe_gauge!(
        "chatledger_lag_deliveries",
        "deliveries in the log that are not in the tables yet"
    );
    metrics::describe_gauge!("chatledger_marks_waiting", "marks of subjects that wait to be folded");
    loop {
        match measure(&installation).await {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            Ok((behind, marks)) => {
                LAST.store(behind, Ordering::Relaxed);
                metrics::gauge!("chatledger_lag_deliveries").set(behind as f64);
                metrics::gauge!("chatledger_marks_waiting").set(marks as f64);
            }
            // Whoever needs log or database says so; the gauges keep their last value.
            Err(error) => tracing::debug!(error = format!("{error:#}"), "lag not measured"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Waits until the tables are level with the log.
///
/// # Errors
/// When they are not after `patience`.
pub(crate) async fn caught_up(installation: &Installation, patience: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    let (mut fewest, mut since) = (i64::MAX, Instant::now());
    loop {
        let (behind, marks) = measure(installation).await?;
        if marks < fewest || behind > 0 {
            (fewest, since) = (marks, Instant::now());
        }
        if behind == 0 && (marks == 0 || since.elapsed() > STEADY) {
            return Ok(());
        }
        if began.elapsed() > patience {
            bail!("the projection is {behind} deliveries behind after {} s", patience.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
