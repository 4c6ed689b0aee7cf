//! The leads that a receiver was told of: by key, the newest version counts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A lead as it was last told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lead {
    /// Its version.
    pub version: u64,
    /// `fields`, whole: an upsert replaces them.
    pub fields: Value,
    /// `op` was `delete`.
    pub deleted: bool,
    /// Times that it was made: once, and again after each delete.
    pub creates: u32,
}

/// All leads, and counts of items.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Leads {
    /// By key.
    pub by_key: BTreeMap<String, Lead>,
    /// Items that were applied.
    pub applied: u64,
    /// Items that were not newer than what was known.
    pub stale: u64,
    /// Items without key or version.
    pub unreadable: u64,
}

impl Leads {
    /// Applies an item of `lead.upserted`.
    pub fn apply(&mut self, item: &Value) {
        let (Some(key), Some(version)) = (item["key"].as_str(), item["version"].as_u64()) else {
            self.unreadable += 1;
            return;
        };
        let old = self.by_key.get(key);
        if old.is_some_and(|old| old.version >= version) {
            self.stale += 1;
            return;
        }
        let deleted = item["op"] == "delete";
        let made = u32::from(!deleted && old.is_none_or(|old| old.deleted));
        let creates = old.map_or(0, |old| old.creates) + made;
        let lead = Lead { version, fields: item["fields"].clone(), deleted, creates };
        self.by_key.insert(key.to_owned(), lead);
        self.applied += 1;
    }
}
