//! From a lead to the fields of a CRM: names, who owns them, and the hash that decides whether anything is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::leads::Lead;
use xxhash_rust::xxh3::xxh3_64;

use crate::lead::LeadField;
use crate::value::Value;

/// The version of this module's rules: part of every hash, so that a change of them sends everything once more.
const RULES: u32 = 1;
/// Most characters of a key (reference/crms.md 2).
const KEY_LENGTH: usize = 100;

/// Who decides what stands in a field of the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// We do, always.
    Ours,
    /// People do; we fill it when it is empty.
    IfEmpty,
    /// People do; we fill it when the record is made.
    OnCreate,
}

/// One field and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// Ours.
    pub field: LeadField,
    /// Theirs.
    pub property: String,
    /// Who decides.
    pub ownership: Ownership,
}

/// What a configuration may say about fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Our field to their field; an empty text leaves it out.
    pub fields: BTreeMap<LeadField, String>,
    /// Who owns a field.
    pub ownership: BTreeMap<LeadField, Ownership>,
}

/// How leads become the fields of one CRM.
#[derive(Clone, Debug)]
pub struct Mapping {
    mapped: Vec<Mapped>,
    fingerprint: u64,
    write: fn(&Value) -> Json,
}

impl Mapping {
    /// The CRM's own `defaults` with the configuration's choices; `write` is the CRM's way to write a value.
    ///
    /// # Errors
    /// What is wrong with the choices, and what to do.
    pub fn new(
        crm: &str,
        defaults: &[(LeadField, &str, Ownership)],
        choices: &Choices,
        write: fn(&Value) -> Json,
    ) -> Result<Self, String> {
        let mut mapped = Vec::new();
        for (field, property, ownership) in defaults {
            let property = choices.fields.get(field).map_or(*property, |chosen| chosen.trim());
            let ownership = choices.ownership.get(field).copied().unwrap_or(*ownership);
            if *field == LeadField::Key && (property.is_empty() || ownership != Ownership::Ours) {
                return Err("fields.key: the key cannot be left out and is always ours".to_owned());
            }
            if !property.is_empty() {
                mapped.push(Mapped { field: *field, property: property.to_owned(), ownership });
            }
        }
        mapped.sort_by(|a, b| a.property.cmp(&b.property));
        if let Some(twice) = mapped.windows(2).find(|pair| pair[0].property == pair[1].property) {
            return Err(format!(
                "fields: {} and {} both go to {:?}; give each a field of its own",
                twice[0].field.word(),
                twice[1].field.word(),
                twice[0].property
            ));
        }
        let text = serde_json::to_string(&(RULES, crm, &mapped)).map_err(|error| error.to_string())?;
        Ok(Self { mapped, fingerprint: xxh3_64(text.as_bytes()), write })
    }

    /// All fields by their names in the CRM.
    pub fn mapped(&self) -> &[Mapped] {
        &self.mapped
    }

    /// Of names, owners and rules: another one makes every lead differ.
    pub fn fingerprint(&self) -> i64 {
        self.fingerprint.cast_signed()
    }

    /// Their name of a field of ours.
    pub fn property(&self, field: LeadField) -> Option<&str> {
        self.mapped.iter().find(|mapped| mapped.field == field).map(|mapped| mapped.property.as_str())
    }

    /// What their field is to us.
    pub fn by_property(&self, property: &str) -> Option<&Mapped> {
        self.mapped.iter().find(|mapped| mapped.property == property)
    }

    /// What the CRM should have of a lead; `seen` is the hash of its rows.
    ///
    /// # Errors
    /// Why it can never be sent.
    pub fn wanted(&self, lead: &Lead, seen: i64, now: DateTime<Utc>) -> Result<Wanted, String> {
        let key = &lead.lead_key;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if key.is_empty() || key.chars().count() > KEY_LENGTH || !key.chars().all(plain) {
            return Err("the lead's key must be 1 to 100 characters of a-z, 0-9 and hyphen".to_owned());
        }
        let mut fields = BTreeMap::new();
        let mut live = BTreeMap::new();
        for mapped in &self.mapped {
            let value = mapped.field.of(lead);
            if value == Value::Nothing && !mapped.field.may_clear() {
                continue;
            }
            let written = (self.write)(&value);
            if !mapped.field.is_slow() {
                live.insert(mapped.property.clone(), written.clone());
            }
            fields.insert(mapped.property.clone(), written);
        }
        let hash = |fields: &BTreeMap<String, Json>| {
            let text = serde_json::to_string(&(self.fingerprint, key, fields)).unwrap_or_default();
            xxh3_64(text.as_bytes()).cast_signed()
        };
        let (hash, live_hash) = (hash(&fields), hash(&live));
        Ok(Wanted { key: key.clone(), changed_at: now, hash, live_hash, seen, fields })
    }
}

/// What a CRM should have of a lead: the body of its effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// The lead's key.
    pub key: String,
    /// When it was planned.
    pub changed_at: DateTime<Utc>,
    /// Of the whole content.
    pub hash: i64,
    /// Of the content without what changes with every message.
    pub live_hash: i64,
    /// Of the rows that it was made of.
    pub seen: i64,
    /// Their field to its value, as the CRM writes it. What is left out is not touched.
    pub fields: BTreeMap<String, Json>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: [(LeadField, &str, Ownership); 5] = [
        (LeadField::Key, "k", Ownership::Ours),
        (LeadField::Name, "n", Ownership::IfEmpty),
        (LeadField::Tags, "t", Ownership::Ours),
        (LeadField::Phone, "p", Ownership::Ours),
        (LeadField::LastMessageAt, "l", Ownership::Ours),
    ];

    fn write(value: &Value) -> Json {
        match value {
            Value::Nothing => Json::Null,
            Value::Text(text) => text.as_str().into(),
            Value::List(texts) => texts.clone().into(),
            Value::Number(number) => (*number).into(),
            Value::Time(at) => at.to_rfc3339().into(),
        }
    }

    fn mapping(choices: &Choices) -> Result<Mapping, String> {
        Mapping::new("test", &DEFAULTS, choices, write)
    }

    fn lead() -> Lead {
        Lead {
            lead_key: "chat2desk-acme-1".to_owned(),
            client_id: "1".to_owned(),
            display_name: "Ann".to_owned(),
            tags: vec!["b".to_owned(), "a".to_owned()],
            last_message_at: "2026-01-15T09:30:00Z".parse().ok(),
            ..Lead::default()
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_hash_is_of_the_content_and_the_mapping_and_nothing_else() {
        let plain = mapping(&Choices::default()).unwrap();
        let first = plain.wanted(&lead(), 1, at("2026-01-15T10:00:00Z")).unwrap();
        let later = plain.wanted(&lead(), 2, at("2026-01-16T10:00:00Z")).unwrap();
        assert_eq!((first.hash, first.live_hash), (later.hash, later.live_hash));

        let mut other = lead();
        other.tags.reverse();
        assert_eq!(plain.wanted(&other, 1, first.changed_at).unwrap().hash, first.hash, "order of tags");
        other.last_message_at = "2026-01-15T09:31:00Z".parse().ok();
        let moved = plain.wanted(&other, 1, first.changed_at).unwrap();
        assert_ne!(moved.hash, first.hash);
        assert_eq!(moved.live_hash, first.live_hash, "a message alone waits for the night");
        other.tags.pop();
        assert_ne!(plain.wanted(&other, 1, first.changed_at).unwrap().live_hash, first.live_hash);

        let renamed =
            Choices { fields: BTreeMap::from([(LeadField::Name, "x".to_owned())]), ..Choices::default() };
        assert_ne!(mapping(&renamed).unwrap().wanted(&lead(), 1, first.changed_at).unwrap().hash, first.hash);
    }

    #[test]
    fn nothing_never_clears_but_where_it_is_something_to_tell() {
        let mut bare = lead();
        bare.tags.clear();
        let wanted =
            mapping(&Choices::default()).unwrap().wanted(&bare, 1, at("2026-01-15T10:00:00Z")).unwrap();
        assert_eq!(wanted.fields.get("t"), Some(&Json::Null), "no tags is known");
        assert!(!wanted.fields.contains_key("p"), "a phone that is not known is not touched");
    }

    #[test]
    fn choices_that_cannot_work_are_named() {
        let two =
            Choices { fields: BTreeMap::from([(LeadField::Phone, "n".to_owned())]), ..Choices::default() };
        assert!(mapping(&two).unwrap_err().contains("both go to \"n\""));
        let none =
            Choices { fields: BTreeMap::from([(LeadField::Key, String::new())]), ..Choices::default() };
        assert!(mapping(&none).unwrap_err().contains("fields.key"));
        let left_out =
            Choices { fields: BTreeMap::from([(LeadField::Tags, String::new())]), ..Choices::default() };
        assert_eq!(mapping(&left_out).unwrap().property(LeadField::Tags), None);
    }

    #[test]
    fn a_key_that_no_crm_takes_is_refused_before_any_call() {
        let mapping = mapping(&Choices::default()).unwrap();
        for key in ["", "a/b", "A", "ü", &"a".repeat(101)] {
            let lead = Lead { lead_key: key.to_owned(), ..lead() };
            assert!(mapping.wanted(&lead, 1, at("2026-01-15T10:00:00Z")).is_err(), "{key:?}");
        }
    }
}
