//! `sync --once`: everything that differs, now, to its end.

use std::time::Duration;

use serde::Serialize;
use store::{crm_links, effects};
use tokio_util::sync::CancellationToken;

use crate::adapter::Trouble;
use crate::error::CrmError;
use crate::worker::{Compared, Hand, Worker};

/// Between two looks while something is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for one thing; what takes longer is for another time.
const PATIENCE: chrono::Duration = chrono::Duration::minutes(3);
/// No lead was answered for so long: rows that are refused for now go on being tried for days, not by a command.
const STANDSTILL: chrono::Duration = chrono::Duration::minutes(10);

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Dead letters are sent once more, as they are today.
    pub retry_dead: bool,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Leads that were compared or answered.
    pub done: u64,
    /// Of so many.
    pub total: u64,
    /// Calls made.
    pub calls: u64,
    /// What is waited for.
    pub waiting: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The CRM.
    pub crm: String,
    /// Leads that it should have.
    pub leads: u64,
    /// Records made.
    pub created: u64,
    /// Records changed.
    pub updated: u64,
    /// Leads that it had as they are.
    pub unchanged: u64,
    /// Leads that it refuses.
    pub dead: u64,
    /// Leads that still wait.
    pub waiting: u64,
    /// Calls made.
    pub calls: u64,
    /// The last refusals, with their reasons.
    pub dead_letters: Vec<DeadLetter>,
}

/// A lead that a CRM refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The lead.
    pub lead_key: String,
    /// Why.
    pub error: String,
}

/// Dead letters that a summary shows.
const SHOWN: i64 = 10;

impl Worker {
    /// Sends all that differs. Ends when every lead is answered, or when what is left has to wait for long.
    pub(crate) async fn once(
        &self,
        options: Options,
        told: &(dyn Fn(Progress) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<Summary, CrmError> {
        let mut hand = Hand::default();
        // The command says itself what is wrong.
        hand.has_alerted = true;
        // A person asks: what needed one is tried again.
        let state = effects::target_state(&self.pool, &self.target, self.clock.now()).await?;
        if state.broken_since.is_some() {
            effects::resume_target(&self.pool, &self.target, self.clock.now()).await?;
            hand.is_doubtful = true;
        }
        self.ready(&mut hand, stop).await?;
        if options.retry_dead {
            crm_links::mark_dead(&self.pool, &self.crm.name, self.clock.now()).await?;
        }
        let mut tell = |compared: Compared| {
            told(Progress { done: 0, total: compared.looked_at, ..Progress::default() });
        };
        let compared = self.compare(true, &mut tell).await?;
        let is_done = self.drain(&mut hand, compared, told, stop).await?;
        self.summary(&hand, compared, is_done).await
    }

    /// Waits until the setup is good, as long as that is only a matter of time.
    async fn ready(&self, hand: &mut Hand, stop: &CancellationToken) -> Result<(), CrmError> {
        let deadline = self.clock.now() + PATIENCE;
        loop {
            match self.prepare(hand).await? {
                Ok(()) => return Ok(()),
                Err(
                    Trouble::Broken { reason } | Trouble::Off { reason } | Trouble::Refused { error: reason },
                ) => {
                    return Err(CrmError::Broken { crm: self.crm.name.clone(), reason });
                }
                Err(Trouble::Busy { reason, .. } | Trouble::Unknown { reason, .. }) => {
                    let state = effects::target_state(&self.pool, &self.target, self.clock.now()).await?;
                    if state.paused_until.is_none_or(|until| until > deadline) {
                        return Err(CrmError::Limited { crm: self.crm.name.clone(), reason });
                    }
                    self.wait_until(state.paused_until, stop).await?;
                }
            }
        }
    }

    async fn wait_until(
        &self,
        until: Option<chrono::DateTime<chrono::Utc>>,
        stop: &CancellationToken,
    ) -> Result<(), CrmError> {
        while until.is_some_and(|until| until > self.clock.now()) {
            tokio::select! {
                () = stop.cancelled() => return Err(CrmError::Stopped),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// Plans and pushes until nothing is open; `false` when the rest has to wait for long.
    async fn drain(
        &self,
        hand: &mut Hand,
        compared: Compared,
        told: &(dyn Fn(Progress) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<bool, CrmError> {
        let mut moved = (0, self.clock.now());
        loop {
            if stop.is_cancelled() {
                return Err(CrmError::Stopped);
            }
            let planned = self.plan().await?;
            let is_pushed = self.push(hand).await?;
            let now = self.clock.now();
            let work = crm_links::work(&self.pool, &self.crm.name, &self.target, now).await?;
            hand.tally.finished += planned.compared - planned.sent;
            if planned.compared > 0 || hand.tally.finished != moved.0 {
                moved = (hand.tally.finished, now);
            }
            let total = compared.looked_at;
            let done = (total - compared.marked + hand.tally.finished).min(total);
            let mut progress = Progress { done, total, calls: self.adapter.calls(), waiting: None };
            if work.due == 0 && work.open == 0 {
                progress.done = total;
                told(progress);
                return Ok(true);
            }
            if now - moved.1 > STANDSTILL {
                told(progress);
                return Ok(false);
            }
            if planned.compared > 0 || is_pushed {
                told(progress);
                continue;
            }
            let state = effects::target_state(&self.pool, &self.target, now).await?;
            if let (Some(_), Some(reason)) = (state.broken_since, &state.reason) {
                return Err(CrmError::Broken { crm: self.crm.name.clone(), reason: reason.clone() });
            }
            let paused = state.paused_until.filter(|until| *until > now);
            let until = [paused, work.next_at].into_iter().flatten().max();
            if until.is_some_and(|until| until > now + PATIENCE) {
                told(progress);
                return Ok(false);
            }
            progress.waiting = Some(match (paused, state.reason) {
                (Some(_), Some(reason)) => reason,
                _ => "rows in another worker's hands, or refused for now".to_owned(),
            });
            told(progress);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn summary(&self, hand: &Hand, compared: Compared, is_done: bool) -> Result<Summary, CrmError> {
        let name = &self.crm.name;
        let counts = crm_links::counts(&self.pool, name).await?;
        let work = crm_links::work(&self.pool, name, &self.target, self.clock.now()).await?;
        let dead = counts.dead.max(0).unsigned_abs();
        let waiting = if is_done { 0 } else { (counts.marked + work.open).max(0).unsigned_abs() };
        let (created, updated) = (hand.tally.created, hand.tally.updated);
        let letters = crm_links::dead(&self.pool, name, SHOWN).await?;
        let letter = |dead: crm_links::DeadLead| DeadLetter {
            lead_key: dead.lead_key,
            error: dead.last_error.unwrap_or_else(|| "not known".to_owned()),
        };
        Ok(Summary {
            crm: name.clone(),
            leads: compared.looked_at,
            created,
            updated,
            unchanged: compared.looked_at.saturating_sub(created + updated + dead + waiting),
            dead,
            waiting,
            calls: self.adapter.calls(),
            dead_letters: letters.into_iter().map(letter).collect(),
        })
    }
}
