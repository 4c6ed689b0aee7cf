//! `sync --verify`: reads back a sample and lists what is not as it was accepted.

use std::collections::HashMap;

use serde::Serialize;
use store::{crm_links, leads};

use crate::adapter::Difference;
use crate::error::CrmError;
use crate::worker::Worker;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verification {
    /// The CRM.
    pub crm: String,
    /// `false`: this CRM cannot be read back.
    pub is_readable: bool,
    /// Records that were read.
    pub read: usize,
    /// Leads of the sample that changed since and wait to be sent: they say nothing.
    pub changed: usize,
    /// Records that are as they should be.
    pub good: usize,
    /// Those that are not.
    pub mismatches: Vec<Mismatch>,
}

/// A record that is not as it was accepted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    /// The lead.
    pub lead_key: String,
    /// It is not there at all.
    pub is_missing: bool,
    /// What differs, of our own fields.
    pub differences: Vec<Difference>,
}

impl Worker {
    /// Reads back up to `sample` records, other ones each time.
    pub(crate) async fn verify(&self, sample: u32) -> Result<Verification, CrmError> {
        let mut found = Verification { crm: self.crm.name.clone(), ..Verification::default() };
        let now = self.clock.now();
        let keys =
            crm_links::sample(&self.pool, &self.crm.name, now.timestamp_micros(), i64::from(sample)).await?;
        let linked = leads::by_keys(&self.pool, self.scope(), &keys).await?;
        let mut wanted = Vec::new();
        for linked in &linked {
            match self.adapter.mapping().wanted(&linked.lead, linked.seen, now) {
                Ok(content) if linked.accepted_hash == Some(content.hash) => wanted.push(content),
                _ => found.changed += 1,
            }
        }
        let asked: Vec<String> = wanted.iter().map(|wanted| wanted.key.clone()).collect();
        let held = match self.adapter.read(&asked).await.map_err(|trouble| self.stands(trouble))? {
            Some(held) => held,
            None => return Ok(found),
        };
        found.is_readable = true;
        found.read = held.len();
        let held: HashMap<_, _> = held;
        for wanted in wanted {
            let record = held.get(&wanted.key);
            let mut differences = self.adapter.differences(&wanted, record);
            // What people own may differ: it is theirs.
            differences.retain(|difference| {
                let mapped = self.adapter.mapping().by_property(&difference.field);
                mapped.is_some_and(|mapped| mapped.ownership == crate::Ownership::Ours)
            });
            match record {
                Some(_) if differences.is_empty() => found.good += 1,
                _ => found.mismatches.push(Mismatch {
                    lead_key: wanted.key,
                    is_missing: record.is_none(),
                    differences: if record.is_none() { Vec::new() } else { differences },
                }),
            }
        }
        Ok(found)
    }
}
