//! How a CRM is doing, for people.

use chrono::{DateTime, Utc};
use store::crm_links::LinkCounts;
use store::effects::TargetState;
use store::{crm_links, crm_runs, effects};

use crate::error::CrmError;
use crate::worker::Worker;

/// How a CRM is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The CRM.
    pub crm: String,
    /// Paused, broken, calls of the day, what waits.
    pub target: TargetState,
    /// Its leads by state.
    pub links: LinkCounts,
    /// The last run of its schedule.
    pub last_run: Option<DateTime<Utc>>,
    /// The next one.
    pub next_run: Option<DateTime<Utc>>,
}

impl Worker {
    /// How it is doing.
    pub(crate) async fn state(&self) -> Result<State, CrmError> {
        let now = self.clock.now();
        let last = crm_runs::last(&self.pool, &self.crm.name).await?;
        Ok(State {
            crm: self.crm.name.clone(),
            target: effects::target_state(&self.pool, &self.target, now).await?,
            links: crm_links::counts(&self.pool, &self.crm.name).await?,
            last_run: last.map(|run| run.due_at),
            next_run: self.crm.schedule.as_ref().and_then(|schedule| schedule.next_after(now)),
        })
    }
}
