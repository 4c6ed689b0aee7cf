//! Comparing marked leads with what was accepted, and writing effects for those that differ.

use chrono::{DateTime, Utc};
use store::crm_links::{self, Finding};
use store::effects::{self, NewEffect};
use store::leads::{self, LinkedLead};

use crate::error::CrmError;
use crate::mapping::{Mapping, Wanted};
use crate::worker::Worker;

/// Leads of one transaction.
const LEADS: i64 = 500;
/// No more leads than this wait as effects: each holds its content until it is accepted.
const OPEN: i64 = 2000;
/// While so many wait, only leads that changed are planned: they never stand behind a whole night's work.
const BULK_OPEN: i64 = 200;

/// What a round of planning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Leads that were compared.
    pub(crate) compared: u64,
    /// Of these, to be sent.
    pub(crate) sent: u64,
}

/// What is to be done about a lead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Send this.
    Send(Box<Wanted>),
    /// Nothing, and why.
    Nothing(Finding),
}

/// Decides about a lead. Pure.
pub(crate) fn decide(mapping: &Mapping, linked: &LinkedLead, now: DateTime<Utc>) -> Decision {
    let wanted = match mapping.wanted(&linked.lead, linked.seen, now) {
        Ok(wanted) => wanted,
        Err(error) => return Decision::Nothing(Finding::Rejected { error }),
    };
    if linked.accepted_hash == Some(wanted.hash) {
        return Decision::Nothing(Finding::Same);
    }
    if linked.refused_hash == Some(wanted.hash) {
        return Decision::Nothing(Finding::Refused);
    }
    if !linked.is_whole && linked.accepted_live_hash == Some(wanted.live_hash) {
        return Decision::Nothing(Finding::SameForNow);
    }
    if !linked.is_whole && linked.refused_live_hash == Some(wanted.live_hash) {
        return Decision::Nothing(Finding::RefusedForNow);
    }
    Decision::Send(Box::new(wanted))
}

impl Worker {
    /// Plans some of what is due; nothing while enough is on its way.
    pub(crate) async fn plan(&self) -> Result<Planned, CrmError> {
        let now = self.clock.now();
        let work = crm_links::work(&self.pool, &self.crm.name, &self.target, now).await?;
        if work.due == 0 || work.open >= OPEN {
            return Ok(Planned::default());
        }
        let mut transaction = store::begin(&self.pool).await?;
        let with_bulk = work.open < BULK_OPEN;
        let due = leads::due(&mut transaction, self.scope(), &self.target, now, with_bulk, LEADS).await?;
        if due.is_empty() {
            drop(transaction);
            if with_bulk {
                crm_links::unmark_gone(&self.pool, &self.crm.name, now).await?;
            }
            return Ok(Planned::default());
        }
        let (mut found, mut new) = (Vec::new(), Vec::new());
        for linked in &due {
            let key = linked.lead.lead_key.clone();
            let finding = match decide(self.adapter.mapping(), linked, now) {
                Decision::Nothing(finding) => finding,
                Decision::Send(wanted) => {
                    let version = linked.version + 1;
                    new.push(self.effect(linked, &wanted, version, now)?);
                    Finding::Sent { version }
                }
            };
            found.push((key, linked.seen, finding));
        }
        effects::intend(&mut transaction, &new, now).await?;
        crm_links::planned(&mut transaction, &self.crm.name, &found, now).await?;
        store::commit(transaction).await?;
        fail::fail_point!("crm.planned", |_| std::process::abort());
        Ok(Planned { compared: due.len() as u64, sent: new.len() as u64 })
    }

    fn effect(
        &self,
        linked: &LinkedLead,
        wanted: &Wanted,
        version: i64,
        now: DateTime<Utc>,
    ) -> Result<NewEffect, CrmError> {
        let body = serde_json::to_vec(wanted)
            .map_err(|error| CrmError::Settings(format!("a lead cannot be written: {error}")))?;
        Ok(NewEffect {
            key: format!("{}/{}/{version}", self.target, wanted.key),
            account: linked.lead.account_id.clone(),
            target: self.target.clone(),
            subject: wanted.key.clone(),
            version,
            body,
            due_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Choices;
    use store::leads::Lead;

    fn mapping() -> Mapping {
        let settings = crate::webhook::Settings {
            url: "https://leads.example.org/in".parse().unwrap(),
            secrets: Vec::new(),
            headers: Vec::new(),
            allow_private: false,
            choices: Choices::default(),
            batch: 100,
            timeout: std::time::Duration::from_secs(15),
        };
        let clock = std::sync::Arc::new(events::SystemClock);
        crate::Kind::Webhook(settings).adapter(clock).unwrap().mapping().clone()
    }

    fn linked() -> LinkedLead {
        let lead = Lead {
            lead_key: "chat2desk-acme-1".to_owned(),
            display_name: "Ann".to_owned(),
            last_message_at: "2026-01-15T09:30:00Z".parse().ok(),
            ..Lead::default()
        };
        LinkedLead { lead, is_whole: true, ..LinkedLead::default() }
    }

    #[test]
    fn what_is_accepted_or_refused_as_it_is_is_not_sent_again() {
        let (mapping, now) = (mapping(), "2026-01-15T10:00:00Z".parse().unwrap());
        let new = linked();
        let Decision::Send(wanted) = decide(&mapping, &new, now) else { panic!("a new lead is sent") };
        let accepted = LinkedLead {
            accepted_hash: Some(wanted.hash),
            accepted_live_hash: Some(wanted.live_hash),
            ..linked()
        };
        assert_eq!(decide(&mapping, &accepted, now), Decision::Nothing(Finding::Same));
        let refused = LinkedLead { refused_hash: Some(wanted.hash), ..linked() };
        assert_eq!(decide(&mapping, &refused, now), Decision::Nothing(Finding::Refused));
        let mut written_again = LinkedLead { refused_live_hash: Some(wanted.live_hash), ..refused };
        written_again.lead.last_message_at = "2026-01-15T09:45:00Z".parse().ok();
        assert!(matches!(decide(&mapping, &written_again, now), Decision::Send(_)), "at night");
        written_again.is_whole = false;
        let decision = decide(&mapping, &written_again, now);
        assert_eq!(decision, Decision::Nothing(Finding::RefusedForNow), "not with every message");
        written_again.lead.tags = vec!["vip".to_owned()];
        assert!(matches!(decide(&mapping, &written_again, now), Decision::Send(_)), "mended, perhaps");

        let mut later = accepted.clone();
        later.lead.last_message_at = "2026-01-15T09:45:00Z".parse().ok();
        assert!(matches!(decide(&mapping, &later, now), Decision::Send(_)), "at night");
        later.is_whole = false;
        assert_eq!(decide(&mapping, &later, now), Decision::Nothing(Finding::SameForNow), "live");
        later.lead.tags = vec!["vip".to_owned()];
        assert!(matches!(decide(&mapping, &later, now), Decision::Send(_)), "live, with something to tell");
    }

    #[test]
    fn a_lead_that_no_crm_takes_is_rejected_with_a_reason() {
        let mut odd = linked();
        odd.lead.lead_key = "a/b".to_owned();
        let decision = decide(&mapping(), &odd, "2026-01-15T10:00:00Z".parse().unwrap());
        assert!(matches!(decision, Decision::Nothing(Finding::Rejected { .. })));
    }
}
