//! `sync --dry-run`: what would be sent, and why. Changes nothing, here or there.

use serde::Serialize;
use store::crm_links::Finding;
use store::leads::{self, LinkedLead};

use crate::adapter::{Difference, Trouble};
use crate::error::CrmError;
use crate::mapping::Wanted;
use crate::plan::{Decision, decide};
use crate::worker::Worker;

/// Leads read at once.
const PAGE: i64 = 1000;
/// Leads that are shown in full.
const SHOWN: usize = 10;

/// What would be done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// The CRM.
    pub crm: String,
    /// What the setup would do first.
    pub setup: Vec<String>,
    /// Leads that it should have.
    pub leads: u64,
    /// That it was never given.
    pub creates: u64,
    /// That differ from what it accepted last.
    pub updates: u64,
    /// That it has as they are.
    pub unchanged: u64,
    /// That it refused as they are: dead letters.
    pub dead: u64,
    /// That can never be sent.
    pub rejected: u64,
    /// Calls that it takes, when nothing goes wrong.
    pub calls: u64,
    /// Whether the records below were read from the CRM.
    pub is_read: bool,
    /// Some of those that would be sent.
    pub sample: Vec<Sample>,
    /// Some of those that can never be sent, with the reason.
    pub rejections: Vec<(String, String)>,
}

/// A lead that would be sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The lead.
    pub lead_key: String,
    /// Whether it was ever accepted.
    pub is_update: bool,
    /// What would change.
    pub differences: Vec<Difference>,
}

impl Worker {
    /// Compares all leads and says what would be done.
    pub(crate) async fn preview(&self) -> Result<Preview, CrmError> {
        let known = store::crm_runs::setup(&self.pool, &self.crm.name).await?;
        let checked =
            self.adapter.check(known.as_ref(), true).await.map_err(|trouble| self.stands(trouble))?;
        let mut preview = Preview { crm: self.crm.name.clone(), setup: checked.done, ..Preview::default() };
        let mut sample: Vec<(Wanted, bool)> = Vec::new();
        // One moment for all pages.
        let mut snapshot = store::snapshot(&self.pool).await?;
        let mut after = (String::new(), String::new());
        loop {
            let from = (after.0.as_str(), after.1.as_str());
            let page = leads::page(&mut *snapshot, self.scope(), from, PAGE).await?;
            for linked in &page {
                self.look_at(linked, &mut preview, &mut sample);
            }
            match page.last() {
                Some(last) if page.len() as i64 == PAGE => {
                    after = (last.lead.account_id.clone(), last.lead.client_id.clone());
                }
                _ => break,
            }
        }
        drop(snapshot);
        preview.calls = self.adapter.calls_for(preview.creates + preview.updates);
        self.read_sample(&mut preview, sample).await?;
        Ok(preview)
    }

    fn look_at(&self, linked: &LinkedLead, preview: &mut Preview, sample: &mut Vec<(Wanted, bool)>) {
        preview.leads += 1;
        let is_update = linked.accepted_hash.is_some() || linked.external_id.is_some();
        match decide(self.adapter.mapping(), linked, self.clock.now()) {
            Decision::Nothing(Finding::Refused) => preview.dead += 1,
            Decision::Nothing(Finding::Rejected { error }) => {
                preview.rejected += 1;
                if preview.rejections.len() < SHOWN {
                    preview.rejections.push((linked.lead.lead_key.clone(), error));
                }
            }
            Decision::Nothing(_) => preview.unchanged += 1,
            Decision::Send(wanted) => {
                *(if is_update { &mut preview.updates } else { &mut preview.creates }) += 1;
                // Both kinds are shown, where there are both.
                let same = sample.iter().filter(|(_, other)| *other == is_update).count();
                if sample.len() < SHOWN || (same < SHOWN / 2 && sample.len() < SHOWN * 2) {
                    sample.push((*wanted, is_update));
                }
            }
        }
    }

    async fn read_sample(&self, preview: &mut Preview, sample: Vec<(Wanted, bool)>) -> Result<(), CrmError> {
        let (updates, creates): (Vec<_>, Vec<_>) = sample.into_iter().partition(|(_, is_update)| *is_update);
        let most = |count: usize, others: usize| count.min(SHOWN - others.min(SHOWN / 2));
        let kept_updates = most(updates.len(), creates.len());
        let kept_creates = creates.len().min(SHOWN - kept_updates);
        let mut sample: Vec<_> = updates.into_iter().take(kept_updates).collect();
        sample.extend(creates.into_iter().take(kept_creates));
        let keys: Vec<String> = sample.iter().map(|(wanted, _)| wanted.key.clone()).collect();
        // Where the key's own field is missing, no record can be there.
        let held = match (keys.is_empty(), preview.setup.is_empty()) {
            (false, true) => self.adapter.read(&keys).await.map_err(|trouble| self.stands(trouble))?,
            _ => None,
        };
        preview.is_read = held.is_some();
        let held = held.unwrap_or_default();
        for (wanted, is_update) in sample {
            let differences = self.adapter.differences(&wanted, held.get(&wanted.key));
            preview.sample.push(Sample { lead_key: wanted.key, is_update, differences });
        }
        Ok(())
    }

    /// What stands in the way of a command.
    pub(crate) fn stands(&self, trouble: Trouble) -> CrmError {
        let crm = self.crm.name.clone();
        match trouble {
            Trouble::Refused { error: reason } | Trouble::Broken { reason } | Trouble::Off { reason } => {
                CrmError::Broken { crm, reason }
            }
            Trouble::Busy { reason, .. } | Trouble::Unknown { reason, .. } => {
                CrmError::Limited { crm, reason }
            }
        }
    }
}
