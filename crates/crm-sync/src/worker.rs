//! The work for one CRM: mark, plan, push, in rounds.

use std::sync::Arc;
use std::time::Duration;

use events::Clock;
use serde_json::json;
use store::leads::Scope;
use store::{PgPool, StoreError, crm_links, crm_runs, effects};
use tokio_util::sync::CancellationToken;

use crate::adapter::Adapter;
use crate::error::CrmError;
use crate::judge::{Mood, TargetFate};
use crate::kind::Crm;
use crate::message_ids::MessageIds;

/// An idle round.
const IDLE: Duration = Duration::from_millis(250);
/// After an error of the database.
const AFTER_ERROR: Duration = Duration::from_secs(2);
/// Leads compared in one statement.
const PAGE: i64 = 2000;
/// Between two looks at the numbers of `/metrics`.
const NUMBERS: chrono::Duration = chrono::Duration::seconds(5);

/// One CRM and what its work needs.
pub(crate) struct Worker {
    pub(crate) crm: Crm,
    pub(crate) adapter: Box<dyn Adapter>,
    pub(crate) pool: PgPool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: MessageIds,
    /// Of its effects.
    pub(crate) target: String,
    /// A name that no other run of any process has.
    pub(crate) owner: String,
}

/// Sums of one run of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    /// Leads that were compared and not sent, accepted, or refused for good.
    pub(crate) finished: u64,
}

/// What a worker remembers between rounds. Nothing of it is lost by a crash but patience.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    pub(crate) mood: Mood,
    pub(crate) tally: Tally,
    /// The setup was checked by this process.
    pub(crate) is_ready: bool,
    /// The CRM spoke of missing things: what was found good before is checked anew.
    pub(crate) is_doubtful: bool,
    /// A person was told.
    pub(crate) has_alerted: bool,
    has_begun: bool,
    has_compared: bool,
    counted_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Pages of leads that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) looked_at: u64,
    pub(crate) marked: u64,
}

impl Worker {
    /// Which leads, and by which mapping.
    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope {
            crm: &self.crm.name,
            accounts: self.crm.accounts.as_deref(),
            mapping: self.adapter.mapping().fingerprint(),
        }
    }

    /// Works until the stop. What it had in hand is settled.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut hand = Hand::default();
        let mut is_told = false;
        while !stop.is_cancelled() {
            let pause = match self.round(&mut hand).await {
                Ok(true) => {
                    is_told = false;
                    continue;
                }
                Ok(false) => IDLE,
                Err(error) => {
                    if !is_told {
                        tracing::warn!(crm.name = self.crm.name, error = %error, "crm sync is tried again");
                    }
                    is_told = true;
                    AFTER_ERROR
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round; `true` when there may be more to do at once.
    async fn round(&self, hand: &mut Hand) -> Result<bool, CrmError> {
        if !hand.has_begun {
            hand.is_doubtful = self.begin().await?;
            hand.has_begun = true;
        }
        self.measure(hand).await?;
        self.nightly().await?;
        if self.crm.live && !hand.has_compared {
            // Live begins from state: what only a backfill knows has no change that anybody would see.
            self.compare(false, &mut |_| {}).await?;
            hand.has_compared = true;
        }
        if !hand.is_ready {
            let state = effects::target_state(&self.pool, &self.target, self.clock.now()).await?;
            if state.paused_until.is_some_and(|until| until > self.clock.now()) {
                return Ok(false);
            }
            // Only when there is something to send: a CRM that is never written is never called.
            let counts = crm_links::work(&self.pool, &self.crm.name, &self.target, self.clock.now()).await?;
            if (counts.due == 0 && counts.open == 0) || self.prepare(hand).await?.is_err() {
                return Ok(false);
            }
        }
        let planned = self.plan().await?;
        let is_pushed = self.push(hand).await?;
        Ok(planned.compared > 0 || is_pushed)
    }

    /// A start is a chance that somebody has mended what was broken; not for a receiver that said good-bye. Whether it
    /// was broken.
    async fn begin(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let state = effects::target_state(&self.pool, &self.target, now).await?;
        let is_for_good = state.paused_until.is_some_and(|until| until > now + chrono::Duration::days(30));
        if state.broken_since.is_some() && !is_for_good {
            effects::resume_target(&self.pool, &self.target, now).await?;
        }
        Ok(state.broken_since.is_some())
    }

    /// Marks all leads that differ from what was compared last, page by page.
    pub(crate) async fn compare(
        &self,
        is_whole: bool,
        told: &mut (dyn FnMut(Compared) + Send),
    ) -> Result<Compared, StoreError> {
        let mut all = Compared::default();
        let mut after = (String::new(), String::new());
        loop {
            let now = self.clock.now();
            let mut transaction = store::begin(&self.pool).await?;
            let from = (after.0.as_str(), after.1.as_str());
            let page =
                crm_links::mark_differing(&mut transaction, self.scope(), is_whole, from, PAGE, now).await?;
            store::commit(transaction).await?;
            all.looked_at += page.looked_at.unsigned_abs();
            all.marked += page.marked.unsigned_abs();
            told(all);
            match (page.account_id, page.client_id) {
                (Some(account), Some(client)) if page.looked_at == PAGE => after = (account, client),
                _ => return Ok(all),
            }
        }
    }

    /// Runs the schedule: once for each of its instants, and the last one of those that were missed.
    async fn nightly(&self) -> Result<(), StoreError> {
        let Some(schedule) = &self.crm.schedule else { return Ok(()) };
        let (name, now) = (self.crm.name.as_str(), self.clock.now());
        let last = crm_runs::last(&self.pool, name).await?;
        let Some(last) = last else {
            // The schedule counts from here: a new CRM does not begin in the middle of the day.
            if crm_runs::begin(&self.pool, name, now).await? {
                crm_runs::finish(&self.pool, name, now, &json!({"watched_since": now}), now).await?;
            }
            return Ok(());
        };
        let due = match last.finished_at {
            // Begun by a process that died: it is done again, which marks nothing twice.
            None => Some(last.due_at),
            Some(_) => schedule.last_due(last.due_at, now),
        };
        let Some(due) = due else { return Ok(()) };
        crm_runs::begin(&self.pool, name, due).await?;
        let compared = self.compare(true, &mut |_| {}).await?;
        let outcome = json!({"leads": compared.looked_at, "differing": compared.marked});
        crm_runs::finish(&self.pool, name, due, &outcome, self.clock.now()).await?;
        tracing::info!(
            crm.name = name, crm.due_at = %due, crm.leads = compared.looked_at, crm.differing = compared.marked,
            "nightly run of a crm"
        );
        Ok(())
    }

    /// Says what changed about the CRM as a whole, once.
    pub(crate) fn tell(&self, target: &TargetFate, hand: &mut Hand) {
        let name = self.crm.name.as_str();
        match target {
            TargetFate::Well => {
                if hand.has_alerted {
                    tracing::info!(crm.name = name, "crm takes leads again");
                }
                hand.has_alerted = false;
            }
            TargetFate::Pause { until, reason, is_throttled } => {
                if *is_throttled {
                    metrics::counter!("chatledger_crm_throttled_total", "crm" => name.to_owned())
                        .increment(1);
                }
                tracing::info!(crm.name = name, crm.paused_until = %until, reason = reason.as_str(), "crm is waited for");
            }
            TargetFate::Broken { reason, .. } => {
                // What was found good before is not any more.
                hand.is_ready = false;
                hand.is_doubtful = true;
                if !hand.has_alerted {
                    tracing::error!(
                        crm.name = name,
                        reason = reason.as_str(),
                        "crm needs a person; leads wait"
                    );
                    metrics::counter!("chatledger_crm_broken_total", "crm" => name.to_owned()).increment(1);
                }
                hand.has_alerted = true;
            }
        }
    }

    async fn measure(&self, hand: &mut Hand) -> Result<(), StoreError> {
        let now = self.clock.now();
        if hand.counted_at.is_some_and(|at| now - at < NUMBERS && now >= at) {
            return Ok(());
        }
        hand.counted_at = Some(now);
        let state = effects::target_state(&self.pool, &self.target, now).await?;
        let label = || ("crm", self.crm.name.clone());
        let age = state.oldest.map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        metrics::gauge!("chatledger_crm_waiting", &[label()]).set(state.waiting as f64);
        metrics::gauge!("chatledger_crm_oldest_seconds", &[label()]).set(age as f64);
        metrics::gauge!("chatledger_crm_dead", &[label()]).set(state.dead as f64);
        metrics::gauge!("chatledger_crm_broken", &[label()])
            .set(f64::from(u8::from(state.broken_since.is_some())));
        Ok(())
    }
}
