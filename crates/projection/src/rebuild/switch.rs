//! The exchange: what is still missing is stored while writers wait, then the schemas are renamed.

use std::time::Duration;

use log::{Limit, Place};
use store::StoreError;
use store::generations;
use store::generations::load;
use store::generations::switch::{self, Switch, Switched};
use tokio::time::{Instant, timeout_at};

use super::follow::NEAR;
use super::{Control, Rebuild, RebuildError};
use crate::runner::{prepare, store_facts};

/// Attempts to find a moment in which writers let go and little is missing.
const ATTEMPTS: u32 = 60;
/// Between two of them: the writers that waited go first.
const AGAIN: Duration = Duration::from_millis(300);
const LIMIT: Limit = Limit { records: 2_000, bytes: 8 << 20 };
const WAIT: Duration = Duration::from_secs(1);
/// What is stored while writers wait: not more, or they would wait too long.
const BEHIND: i64 = 2 * NEAR;
/// Longest wait for what is still missing: writers wait as well.
const HOLD: Duration = Duration::from_secs(10);

/// What an attempt ran into.
enum Attempt {
    Done(Switched),
    Again,
    Far,
}

impl Rebuild {
    /// Drops the generation before the live one and puts the next one in the place of the live one. Where it is too far
    /// behind, it follows again first.
    ///
    /// # Errors
    /// See [`RebuildError`]. Then the live generation is what it was.
    pub async fn switch(&self, control: &Control) -> Result<Switched, RebuildError> {
        generations::make_room(&self.live).await?;
        for _ in 0..ATTEMPTS {
            control.pass().await?;
            match self.attempt().await? {
                Attempt::Done(switched) => return Ok(switched),
                Attempt::Again => tokio::time::sleep(AGAIN).await,
                Attempt::Far => self.follow(control, async || Ok(())).await?,
            }
        }
        Err(RebuildError::Failed(
            "the tables are so busy that no moment for the switch was found; `chatledger rebuild` tries again".to_owned(),
        ))
    }

    async fn attempt(&self) -> Result<Attempt, RebuildError> {
        let mut switch = match switch::begin(&self.next).await {
            Err(StoreError::Unavailable(text)) => {
                tracing::debug!(error = %text, "the switch waits");
                return Ok(Attempt::Again);
            }
            begun => begun?,
        };
        let until = Instant::now() + HOLD;
        let mut behind = switch.behind(self.log.id());
        // A log that was cut ends before the live positions.
        for bounds in timeout_at(until, self.log.bounds()).await.map_err(|_| given_up())?? {
            for (partition, _, to) in &mut behind {
                if *partition == bounds.partition {
                    *to = (*to).min(bounds.end);
                }
            }
        }
        behind.retain(|(_, from, to)| from < to);
        if behind.iter().map(|(_, from, to)| to - from).sum::<i64>() > BEHIND {
            return Ok(Attempt::Far);
        }
        self.bring_up(&mut switch, &behind, until).await?;
        fail::fail_point!("rebuild.before_switch", |_| std::process::abort());
        match switch.finish().await {
            Err(StoreError::Unavailable(text)) => {
                tracing::debug!(error = %text, "the switch waits");
                Ok(Attempt::Again)
            }
            finished => Ok(Attempt::Done(finished?)),
        }
    }

    /// Stores what the live generation has read beyond the next one. Whoever projects after the switch folds it. Given up at
    /// `until`: a log that is away may well answer, with nothing.
    async fn bring_up(
        &self,
        switch: &mut Switch,
        behind: &[(u32, i64, i64)],
        until: Instant,
    ) -> Result<(), RebuildError> {
        if behind.is_empty() {
            return Ok(());
        }
        let places: Vec<Place> =
            behind.iter().map(|&(partition, offset, _)| Place { partition, offset }).collect();
        let mut left: Vec<(u32, i64, i64)> = behind.to_vec();
        let mut reader = timeout_at(until, self.log.open(&places)).await.map_err(|_| given_up())??;
        while left.iter().any(|(_, from, to)| from < to) {
            if Instant::now() > until {
                return Err(given_up());
            }
            let batch = timeout_at(until, reader.next(LIMIT, WAIT)).await.map_err(|_| given_up())??;
            store_facts::write(switch.connection(), &prepare(&batch, &self.rules)?).await?;
            let moved: Vec<(u32, i64)> =
                batch.next.iter().map(|place| (place.partition, place.offset)).collect();
            load::advance(switch.connection(), self.log.id(), &moved).await?;
            for (partition, next) in moved {
                for (_, from, _) in left.iter_mut().filter(|(of, _, _)| *of == partition) {
                    *from = next;
                }
            }
        }
        Ok(())
    }
}

fn given_up() -> RebuildError {
    let seconds = HOLD.as_secs();
    RebuildError::Failed(format!(
        "the log did not give the last deliveries within {seconds} seconds, in which the live tables stood still: the switch was \
         given up, the live tables go on as they are; `chatledger rebuild` tries it again with the tables that are made"
    ))
}
