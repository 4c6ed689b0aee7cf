//! Goes after the log with an ordinary projection, until little is missing.

use std::time::Duration;

use store::generations::state::Phase;
use store::generations::{self, NEXT};
use store::{folding, positions};
use tokio_util::sync::CancellationToken;

use super::{Control, Rebuild, RebuildError};
use crate::Runner;
use crate::runner::Settings;

/// How far behind the next generation may be when it is switched to: that much is stored while writers wait.
pub(super) const NEAR: i64 = 2_000;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

impl Rebuild {
    /// Projects into the next generation until it is near the live one (near the end of the log where nobody projects
    /// live), then does `then` while it goes on, and stops.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub async fn follow<T>(
        &self,
        control: &Control,
        then: impl AsyncFnOnce() -> Result<T, RebuildError>,
    ) -> Result<T, RebuildError> {
        control.enter(Phase::Following);
        let stop = CancellationToken::new();
        let runner = Runner::new(
            self.log.clone(),
            self.next.clone(),
            self.rules.clone(),
            Settings::default(),
            NEXT,
            &self.owner,
        );
        let mut running = std::pin::pin!(runner.run(stop.clone()));
        let work = async {
            self.come_near(control).await?;
            then().await
        };
        let outcome = tokio::select! {
            // It ends by itself for a reason only.
            ran = &mut running => {
                ran?;
                return Err(RebuildError::Stopped);
            }
            outcome = work => outcome,
        };
        stop.cancel();
        running.await?;
        outcome
    }

    async fn come_near(&self, control: &Control) -> Result<(), RebuildError> {
        let (mut patience, mut least) = (20, i64::MAX);
        loop {
            control.pass().await?;
            let lag = self.lag(control).await?;
            if lag <= NEAR {
                let left = lag + folding::waiting(&self.next).await?;
                // Under load something is always left: it is enough when it becomes no less. The rest is stored at the
                // switch and folded after it.
                if left == 0 || patience == 0 {
                    return Ok(());
                }
                patience = if left < least { 20 } else { patience - 1 };
                least = least.min(left);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Deliveries that the next generation is behind.
    async fn lag(&self, control: &Control) -> Result<i64, RebuildError> {
        let (live, next) = (positions::list(&self.live).await?, positions::list(&self.next).await?);
        let is_followed = generations::is_followed(&self.live).await?;
        let (mut lag, mut read) = (0, 0);
        for bounds in self.log.bounds().await? {
            let of = |positions: &[positions::Position]| {
                let found = positions.iter().find(|position| {
                    position.partition == bounds.partition && position.log_id == self.log.id()
                });
                found.map(|position| position.next)
            };
            let goal = if is_followed { of(&live).unwrap_or(bounds.end).min(bounds.end) } else { bounds.end };
            let next = of(&next).unwrap_or(bounds.start);
            lag += (goal - next).max(0);
            read += next;
        }
        control.total((read + lag).unsigned_abs());
        control.done(read.unsigned_abs());
        Ok(lag)
    }
}
