//! The loop of one notifier: claim, send, settle.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use events::Clock;
use outbound::Backoff;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use store::PgPool;
use store::effects::{self, Claimed, Lease, Outcome};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Notifier, Sent};
use crate::event::Event;
use crate::{EscalationError, Links, mail};

/// A target that is away is tried again at least so often: a person waits at its other end.
const TARGET: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };
/// After so long without a certain answer an effect is given up.
const PATIENCE: TimeDelta = TimeDelta::days(3);

/// Sends what is due to one notifier.
pub(crate) struct Sender {
    pub(crate) pool: PgPool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notifier: Notifier,
    pub(crate) links: Option<Links>,
    /// Unique for each running worker.
    pub(crate) owner: String,
    /// Something new was decided.
    pub(crate) wake: Arc<Notify>,
    pub(crate) idle: Duration,
    pub(crate) chance: ChaCha8Rng,
    /// Calls in a row that did not reach the receiver or were put off by it.
    pub(crate) failures: u32,
}

/// Between two attempts to write down what came of a call.
const BETWEEN_WRITES: Duration = Duration::from_millis(250);

impl Sender {
    /// Sends until `stop`. A call that runs is finished: cut short, its outcome would be unknown.
    ///
    /// # Errors
    /// [`EscalationError::Stop`] when the database refuses what it is told.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), EscalationError> {
        let mut trouble = 0_u32;
        while !stop.is_cancelled() {
            match self.round().await {
                Ok(true) => trouble = 0,
                Ok(false) => {
                    trouble = 0;
                    self.notifier.rest().await;
                    let woken = self.wake.notified();
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = woken => {}
                        () = tokio::time::sleep(self.idle) => {}
                    }
                }
                Err(EscalationError::Unavailable(error)) => {
                    trouble = trouble.saturating_add(1);
                    if trouble == 1 {
                        tracing::warn!(notifier.name = %self.notifier.name, error, "notifications wait for the database");
                    }
                    let wait = TARGET.wait(trouble, self.chance.random());
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.notifier.rest().await;
        Ok(())
    }

    /// Sends one message; `false` when nothing is due.
    async fn round(&mut self) -> Result<bool, EscalationError> {
        let target = self.notifier.address().target();
        let now = self.clock.now();
        let until = now + TimeDelta::from_std(self.notifier.longest()).unwrap_or(TimeDelta::minutes(2));
        let lease = Lease { owner: &self.owner, until };
        // One effect a message. Its id on the wire is made of its key, so that a new attempt is the same message too.
        let message = format!("{}:{}", self.owner, self.chance.random::<u64>());
        let claimed = effects::claim(&self.pool, &target, 1, &lease, &message, now).await?;
        for effect in &claimed {
            fail::fail_point!("escalation.claimed", |_| std::process::abort());
            let link = self.links.as_ref().map(|links| links.of(&effect.subject));
            let sent = self.notifier.send(effect, link.as_deref(), self.clock.now()).await;
            fail::fail_point!("escalation.sent", |_| std::process::abort());
            let is_again = effect.message_id != message;
            self.settle(&target, effect, sent, is_again).await?;
        }
        Ok(!claimed.is_empty())
    }

    async fn settle(
        &mut self,
        target: &str,
        effect: &Claimed,
        sent: Sent,
        is_again: bool,
    ) -> Result<(), EscalationError> {
        let now = self.clock.now();
        let waited = now - effect.intended_at;
        metrics::counter!("chatledger_notifications_total", "notifier" => self.notifier.name.clone(),
            "outcome" => word(&sent))
        .increment(1);
        self.tell(effect, &sent, now);
        let pause = self.pause(&sent);
        let outcome = match self.outcome(effect, &sent, pause, waited, now) {
            // An earlier attempt may have reached the receiver: that stays so, whatever became of this one.
            Outcome::Waits { at } if is_again => Outcome::Unknown { at, error: reason_of(&sent) },
            Outcome::Retry { at, error } if is_again => Outcome::Unknown { at, error },
            outcome => outcome,
        };
        // What came of the call is known here only: a database that is away for a moment must not make it unknown.
        let deadline = now + TimeDelta::seconds(30);
        loop {
            match self.write(target, effect, &outcome, pause, sent == Sent::Accepted, now).await {
                Err(EscalationError::Unavailable(_)) if self.clock.now() < deadline => {
                    tokio::time::sleep(BETWEEN_WRITES).await;
                }
                written => return written,
            }
        }
    }

    /// Writes what came of an effect, and what follows from it.
    async fn write(
        &self,
        target: &str,
        effect: &Claimed,
        outcome: &Outcome,
        pause: Option<(TimeDelta, bool, &str)>,
        is_accepted: bool,
        now: DateTime<Utc>,
    ) -> Result<(), EscalationError> {
        let mut transaction = store::begin(&self.pool).await?;
        let settled = [(effect.key.clone(), outcome.clone())];
        let ours = effects::settle(&mut transaction, &self.owner, &settled, now).await?;
        if let Some((wait, is_broken, reason)) = pause {
            effects::pause_target(&mut *transaction, target, now + wait, is_broken, reason, now).await?;
        } else if is_accepted {
            effects::resume_target(&mut *transaction, target, now).await?;
        }
        // Whoever has it now settles it.
        if !ours.is_empty() {
            if *outcome == Outcome::Done && effect.version == Event::Opened.version() {
                let name = &self.notifier.name;
                store::escalations::notified(&mut transaction, &effect.account, &effect.subject, name, now)
                    .await?;
            }
            if matches!(outcome, Outcome::Dead { .. }) {
                // Who never heard of the beginning is not told how it went on. One of several addresses may have.
                let later = effect.version + 1;
                let heard = effects::reached(&mut transaction, &effect.subject, effect.version).await?;
                if !heard.iter().any(|reached| reached.target == target) {
                    let why = "its beginning was refused";
                    effects::drop_unsent(&mut transaction, &effect.subject, Some(target), later, why, now)
                        .await?;
                }
            }
        }
        store::commit(transaction).await?;
        Ok(())
    }

    /// How long the whole target waits, and why.
    fn pause<'a>(&mut self, sent: &'a Sent) -> Option<(TimeDelta, bool, &'a str)> {
        let Sent::Later { wait, is_broken, reason } = sent else {
            self.failures = 0;
            return None;
        };
        self.failures = self.failures.saturating_add(1);
        let wait = wait.unwrap_or_else(|| TARGET.wait(self.failures, self.chance.random()));
        Some((TimeDelta::from_std(wait).unwrap_or(TimeDelta::minutes(5)), *is_broken, reason))
    }

    fn outcome(
        &mut self,
        effect: &Claimed,
        sent: &Sent,
        pause: Option<(TimeDelta, bool, &str)>,
        waited: TimeDelta,
        now: DateTime<Utc>,
    ) -> Outcome {
        let given_up = |reason: &str| Outcome::Dead {
            error: format!("{reason}; given up after {} h", waited.num_hours()),
        };
        match sent {
            Sent::Accepted => Outcome::Done,
            Sent::Refused { reason } => Outcome::Dead { error: reason.clone() },
            Sent::Retry { reason } | Sent::Unknown { reason, .. } if waited > PATIENCE => given_up(reason),
            Sent::Later { .. } => {
                Outcome::Waits { at: now + pause.map_or(TimeDelta::zero(), |(wait, ..)| wait) }
            }
            Sent::Retry { reason } => {
                let failures = u32::try_from(effect.attempts).unwrap_or(0).saturating_add(1);
                Outcome::Retry { at: now + self.wait(failures), error: reason.clone() }
            }
            Sent::Unknown { wait, reason } => {
                // Unknown outcomes are not counted; how long it has been tried says as much.
                let tried = u64::try_from(waited.num_seconds()).unwrap_or(0);
                let hint = wait.and_then(|wait| TimeDelta::from_std(wait).ok());
                let wait = hint.unwrap_or_else(|| self.wait(tried.checked_ilog2().unwrap_or(0) + 1));
                Outcome::Unknown { at: now + wait, error: reason.clone() }
            }
        }
    }

    fn wait(&mut self, failures: u32) -> TimeDelta {
        TimeDelta::from_std(Backoff::default().wait(failures, self.chance.random()))
            .unwrap_or(TimeDelta::minutes(5))
    }

    fn tell(&self, effect: &Claimed, sent: &Sent, now: DateTime<Utc>) {
        let message_id = mail::message_id(&effect.key);
        let name = &self.notifier.name;
        match sent {
            Sent::Accepted => {
                let delay_millis = (now - effect.intended_at).num_milliseconds();
                tracing::info!(notifier.name = %name, escalation.key = %effect.subject, message.id = %message_id,
                    delay_millis, "notified");
            }
            Sent::Refused { reason } => {
                tracing::error!(notifier.name = %name, escalation.key = %effect.subject, message.id = %message_id,
                    reason, "a notification was refused");
            }
            // One line for each outage, one for each minute of it at most.
            Sent::Later { reason, is_broken, .. } => {
                tracing::warn!(notifier.name = %name, reason, needs_a_person = is_broken, "a notifier takes nothing now");
            }
            Sent::Retry { reason } | Sent::Unknown { reason, .. } => {
                tracing::warn!(notifier.name = %name, escalation.key = %effect.subject, message.id = %message_id,
                    reason, "a notification is tried again");
            }
        }
    }
}

fn reason_of(sent: &Sent) -> String {
    match sent {
        Sent::Accepted => String::new(),
        Sent::Later { reason, .. }
        | Sent::Retry { reason }
        | Sent::Unknown { reason, .. }
        | Sent::Refused { reason } => reason.clone(),
    }
}

const fn word(sent: &Sent) -> &'static str {
    match sent {
        Sent::Accepted => "accepted",
        Sent::Later { .. } => "later",
        Sent::Retry { .. } => "retry",
        Sent::Unknown { .. } => "unknown",
        Sent::Refused { .. } => "refused",
    }
}
