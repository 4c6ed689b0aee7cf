//! Contacts: records by id, what must be unique among them, merges, and how often each key was made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::errors::{BadRow, BadValue};
use super::schema::Schema;

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// `hs_object_id`.
    pub id: u64,
    /// Values; an empty one is cleared and not here.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Last write, also one that changed nothing.
    pub updated: DateTime<Utc>,
    /// Hidden; `None` while it is in use.
    pub archived: Option<DateTime<Utc>>,
    /// How often it was written.
    pub writes: u32,
}

/// All contacts of an account.
#[derive(Debug)]
pub struct Contacts {
    by_id: BTreeMap<u64, Contact>,
    unique: HashMap<(String, String), u64>,
    merged: HashMap<u64, u64>,
    blocked: BTreeSet<String>,
    creates: BTreeMap<String, BTreeMap<String, u64>>,
    next: u64,
}

impl Default for Contacts {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            unique: HashMap::new(),
            merged: HashMap::new(),
            blocked: BTreeSet::new(),
            creates: BTreeMap::new(),
            next: 90_210_001,
        }
    }
}

/// Values are compared as the vendor does: e-mails without regard to case.
fn canonical(property: &str, value: &str) -> (String, String) {
    let value = if property == "email" { value.to_lowercase() } else { value.to_owned() };
    (property.to_owned(), value)
}

impl Contacts {
    /// All that were not erased, archived ones too, in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.by_id.values()
    }

    /// Contacts in use.
    pub fn len(&self) -> usize {
        self.iter().filter(|contact| contact.archived.is_none()).count()
    }

    /// Nobody is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A contact in use; the id of one that lost a merge leads to the winner.
    pub fn get(&self, id: u64) -> Option<&Contact> {
        let id = self.merged.get(&id).unwrap_or(&id);
        self.by_id.get(id).filter(|contact| contact.archived.is_none())
    }

    /// The contact in use with this value of a unique property.
    pub fn having(&self, property: &str, value: &str) -> Option<&Contact> {
        self.unique.get(&canonical(property, value)).and_then(|id| self.get(*id))
    }

    /// How often a contact was made with each value of that unique property.
    pub fn creates(&self, property: &str) -> &BTreeMap<String, u64> {
        static NONE: BTreeMap<String, u64> = BTreeMap::new();
        self.creates.get(property).unwrap_or(&NONE)
    }

    /// The same of all unique properties.
    pub fn all_creates(&self) -> &BTreeMap<String, BTreeMap<String, u64>> {
        &self.creates
    }

    /// Whether `properties` may be written to `target` (`None`: a new one), as far as others are concerned.
    pub(super) fn judge(
        &self,
        schema: &Schema,
        target: Option<u64>,
        properties: &BTreeMap<String, String>,
    ) -> Result<(), BadRow> {
        for (property, value) in properties.iter().filter(|(_, value)| !value.is_empty()) {
            if property == "email" && self.blocked.contains(&value.to_lowercase()) {
                return Err(BadRow::Values(vec![BadValue {
                    property: property.clone(),
                    code: "EMAIL_BLOCKED",
                    message: "this address was deleted for ever and cannot be used again".into(),
                }]));
            }
            let owner = self.having(property, value).filter(|_| schema.is_unique(property));
            if let Some(owner) = owner.filter(|owner| Some(owner.id) != target) {
                return Err(BadRow::Conflict(owner.id));
            }
        }
        Ok(())
    }

    /// The values of a row that must be unique.
    pub(super) fn claims(
        schema: &Schema,
        properties: &BTreeMap<String, String>,
    ) -> impl Iterator<Item = (String, String)> {
        let unique =
            properties.iter().filter(|(property, value)| !value.is_empty() && schema.is_unique(property));
        unique.map(|(property, value)| canonical(property, value))
    }

    /// Writes without a question; an empty value clears. Returns the id.
    pub(super) fn write(
        &mut self,
        schema: &Schema,
        target: Option<u64>,
        properties: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> u64 {
        let target = target.and_then(|id| self.get(id)).map(|contact| contact.id);
        let id = target.unwrap_or(self.next);
        let fresh = || Contact {
            id,
            properties: BTreeMap::new(),
            created: now,
            updated: now,
            archived: None,
            writes: 0,
        };
        let contact = self.by_id.entry(id).or_insert_with(fresh);
        contact.updated = now;
        contact.writes += 1;
        for (property, value) in properties {
            let old = contact.properties.remove(property);
            if let Some(old) = old.filter(|_| schema.is_unique(property)) {
                self.unique.remove(&canonical(property, &old));
            }
            if value.is_empty() {
                continue;
            }
            contact.properties.insert(property.clone(), value.clone());
            if schema.is_unique(property) {
                self.unique.insert(canonical(property, value), id);
                if target.is_none() {
                    let keys = self.creates.entry(property.clone()).or_default();
                    *keys.entry(value.clone()).or_default() += 1;
                }
            }
        }
        if target.is_none() {
            self.next += 1;
        }
        id
    }

    /// Hides a contact; its unique values are free again. False when there is none.
    pub(super) fn archive(&mut self, id: u64, now: DateTime<Utc>) -> bool {
        let Some(id) = self.get(id).map(|contact| contact.id) else { return false };
        self.unique.retain(|_, owner| *owner != id);
        if let Some(contact) = self.by_id.get_mut(&id) {
            contact.archived = Some(now);
        }
        true
    }

    /// Deletes a contact for ever, an archived one too. False when there is none.
    pub(super) fn erase(&mut self, id: u64) -> bool {
        let id = self.merged.get(&id).copied().unwrap_or(id);
        self.unique.retain(|_, owner| *owner != id);
        self.by_id.remove(&id).is_some()
    }

    /// An address that nobody may ever have.
    pub(super) fn block(&mut self, email: &str) {
        self.blocked.insert(email.to_lowercase());
    }

    /// Merges `loser` into `winner`: the winner's values stay, what it lacks it takes over, its unique values are the
    /// only ones that survive. Null when either is missing.
    pub(super) fn merge(
        &mut self,
        schema: &Schema,
        winner: u64,
        loser: u64,
        now: DateTime<Utc>,
    ) -> Option<u64> {
        let (winner, loser) = (self.get(winner)?.id, self.get(loser)?.id);
        if winner == loser {
            return None;
        }
        self.unique.retain(|_, owner| *owner != loser);
        let gone = self.by_id.remove(&loser)?;
        let kept = self.by_id.get_mut(&winner)?;
        kept.updated = now;
        for (property, value) in gone.properties {
            if !schema.is_unique(&property) {
                kept.properties.entry(property).or_insert(value);
            }
        }
        self.merged.insert(loser, winner);
        for target in self.merged.values_mut().filter(|target| **target == loser) {
            *target = winner;
        }
        Some(winner)
    }
}
