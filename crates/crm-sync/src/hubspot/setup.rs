//! Before the first row: is the login good, are the properties there, can a record be written, read back and deleted.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use store::crm_runs::Setup;

use super::answer::Failure;
use super::mapping::{GROUP, PREFIX, kind, takes};
use super::{HubSpot, payload};
use crate::adapter::{Checked, Held, Message, Row, RowAnswer, Trouble};
use crate::lead::LeadField;
use crate::mapping::{Mapped, Wanted};

/// The version of this check: another one checks everything once more.
const VERSION: u64 = 1;
/// The key of the probe record. Fixed, so that one that a crash left behind is found and deleted by the next check.
const PROBE: &str = "chatledger-probe";

const PROPERTIES: &str = "/crm/v3/properties/contacts";

/// The company account behind a token.
#[derive(Clone, Debug)]
pub(super) struct Portal {
    pub(super) id: String,
    pub(super) domain: String,
    pub(super) zone: Option<Tz>,
}

/// A property as it is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Property {
    name: String,
    #[serde(rename = "type")]
    type_: String,
    has_unique_value: bool,
    archived: bool,
}

/// See [`crate::Adapter::check`].
pub(super) async fn check(
    hubspot: &HubSpot,
    known: Option<&Setup>,
    is_look: bool,
) -> Result<Checked, Trouble> {
    let identity = portal(hubspot).await?.map(|portal| portal.id);
    if let (Some(known), Some(now)) = (known.and_then(|known| known.identity.as_ref()), &identity)
        && known != now
    {
        return broken(format!(
            "the token belongs to account {now}, but leads went to account {known} so far: give this crm another \
             name, so that it begins anew"
        ));
    }
    let fingerprint = hubspot.mapping.fingerprint().wrapping_add(VERSION.cast_signed());
    let setup = Setup { identity, fingerprint };
    if !is_look && known == Some(&setup) {
        return Ok(Checked { setup, done: Vec::new() });
    }
    let mut done = properties(hubspot, is_look).await?;
    if !is_look {
        probe(hubspot, fingerprint).await?;
        done.push("wrote a probe record, read it back and deleted it".to_owned());
    }
    Ok(Checked { setup, done })
}

fn broken<T>(reason: String) -> Result<T, Trouble> {
    Err(Trouble::Broken { reason })
}

/// The account of the token; `None` where the token may not ask.
async fn portal(hubspot: &HubSpot) -> Result<Option<Portal>, Trouble> {
    if let Some(portal) = hubspot.portal.get() {
        return Ok(Some(portal.clone()));
    }
    let body = match hubspot.client.call(Method::GET, "/account-info/v3/details", None).await {
        Ok(body) => body,
        Err(Failure::Status { status: 403 | 404, .. }) => return Ok(None),
        Err(failure) => return Err(hubspot.trouble(&failure)),
    };
    let id = match &body["portalId"] {
        Value::Number(id) => id.to_string(),
        Value::String(id) => id.clone(),
        _ => return Ok(None),
    };
    let domain = body["uiDomain"].as_str().unwrap_or("app.hubspot.com");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let domain = if domain.chars().all(plain) { domain } else { "app.hubspot.com" };
    let zone = body["timeZone"].as_str().and_then(|zone| zone.parse().ok());
    let portal = Portal { id, domain: domain.to_owned(), zone };
    Ok(Some(hubspot.portal.get_or_init(|| portal).clone()))
}

/// Compares the properties that leads are written to, and makes ours that are missing.
async fn properties(hubspot: &HubSpot, is_look: bool) -> Result<Vec<String>, Trouble> {
    let listed = hubspot.client.call(Method::GET, PROPERTIES, None).await;
    let listed = listed.map_err(|failure| hubspot.trouble(&failure))?;
    let listed: Vec<Property> = Deserialize::deserialize(&listed["results"]).unwrap_or_default();
    let there: HashMap<&str, &Property> =
        listed.iter().filter(|property| !property.archived).map(|p| (p.name.as_str(), p)).collect();
    let (mut missing, mut done) = (Vec::new(), Vec::new());
    for mapped in hubspot.mapping.mapped() {
        match there.get(mapped.property.as_str()) {
            Some(property) => compare(mapped, property)?,
            None if mapped.property.starts_with(PREFIX) => missing.push(mapped),
            None => {
                return broken(format!(
                    "there is no property {:?} for {}: create it in HubSpot, or name another one in fields",
                    mapped.property,
                    mapped.field.word()
                ));
            }
        }
    }
    if missing.is_empty() {
        return Ok(done);
    }
    if !is_look {
        make_group(hubspot).await?;
    }
    for mapped in missing {
        if !is_look {
            make(hubspot, mapped).await?;
        }
        done.push(format!(
            "{} property {}",
            if is_look { "would create" } else { "created" },
            mapped.property
        ));
    }
    Ok(done)
}

/// Whether a property takes what we write.
fn compare(mapped: &Mapped, property: &Property) -> Result<(), Trouble> {
    let Mapped { field, property: name, .. } = mapped;
    if !takes(*field, &property.type_) {
        return broken(format!(
            "property {name:?} is of type {} and cannot hold {}: name another one in fields",
            property.type_,
            field.word()
        ));
    }
    if *field == LeadField::Key && !property.has_unique_value {
        return broken(format!(
            "property {name:?} is not unique, and HubSpot cannot change that afterwards: name another one in \
             fields.key, which is then created"
        ));
    }
    Ok(())
}

async fn make_group(hubspot: &HubSpot) -> Result<(), Trouble> {
    let path = format!("{PROPERTIES}/groups/{GROUP}");
    match hubspot.client.call(Method::GET, &path, None).await {
        Ok(_) => return Ok(()),
        Err(failure) if failure.is_missing() => {}
        Err(failure) => return Err(hubspot.trouble(&failure)),
    }
    let group = json!({"name": GROUP, "label": "Chats"});
    match hubspot.client.call(Method::POST, &format!("{PROPERTIES}/groups"), Some(&group)).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_conflict() => Ok(()),
        Err(failure) => Err(needs_a_person(hubspot, &failure, "the property group cannot be created")),
    }
}

async fn make(hubspot: &HubSpot, mapped: &Mapped) -> Result<(), Trouble> {
    let kind = kind(mapped.field);
    let mut body = json!({
        "name": mapped.property, "label": kind.label, "type": kind.type_, "fieldType": kind.field_type,
        "groupName": GROUP, "description": "Written by Chatledger",
    });
    if kind.is_unique {
        body["hasUniqueValue"] = true.into();
    }
    match hubspot.client.call(Method::POST, PROPERTIES, Some(&body)).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_conflict() => {
            // Another process made it just now: read it back and compare.
            let path = format!("{PROPERTIES}/{}", mapped.property);
            let there = hubspot.client.call(Method::GET, &path, None).await;
            let there = there.map_err(|failure| hubspot.trouble(&failure))?;
            compare(mapped, &Property::deserialize(&there).unwrap_or_default())
        }
        Err(failure) => Err(needs_a_person(
            hubspot,
            &failure,
            &format!("property {:?} cannot be created", mapped.property),
        )),
    }
}

/// What the vendor refuses of our own making is no row's fault.
fn needs_a_person(hubspot: &HubSpot, failure: &Failure, what: &str) -> Trouble {
    match hubspot.trouble(failure) {
        Trouble::Refused { error } => Trouble::Broken { reason: format!("{what}: {error}") },
        other => other,
    }
}

/// Writes a record, reads it back, compares, deletes it. Holds nobody's data.
async fn probe(hubspot: &HubSpot, fingerprint: i64) -> Result<(), Trouble> {
    let now = hubspot.clock.now();
    let fields: BTreeMap<String, Value> = hubspot
        .mapping
        .mapped()
        .iter()
        .filter_map(|mapped| Some((mapped.property.clone(), Value::from(probe_value(mapped.field)?))))
        .collect();
    let wanted = Wanted { key: PROBE.to_owned(), changed_at: now, hash: 0, live_hash: 0, seen: 0, fields };
    let row =
        Row { wanted: wanted.clone(), version: 1, external_id: None, intended_at: now, may_recreate: true };
    let message = Message { id: format!("probe-{fingerprint:x}"), rows: vec![row] };
    let keys = [PROBE.to_owned()];

    let reading = hubspot.reading(&keys).await?;
    let batch = payload::Batch::new(&hubspot.mapping, &message, &reading);
    if !batch.is_empty() {
        let said = hubspot.client.post("/batch/upsert", &batch.body()).await;
        let said = said.and_then(|body| payload::answer(&body));
        let said =
            said.map_err(|failure| needs_a_person(hubspot, &failure, "the probe record is refused"))?;
        let answers = batch.answers(&hubspot.mapping, Some(&said), None);
        if let Some(RowAnswer::Refused { error }) = answers.first() {
            return broken(format!("the probe record is refused: {error}"));
        }
    }
    let held = hubspot.held(&keys).await?;
    let Some(record) = held.get(PROBE) else {
        return broken("the probe record was written and is not there: check the token's account".to_owned());
    };
    let differs: Vec<String> = differing(hubspot, &wanted, record);
    let deleted = hubspot.client.delete(&record.external_id).await;
    match deleted {
        Ok(_) => {}
        Err(failure) if failure.is_missing() => {}
        Err(failure) => return Err(needs_a_person(hubspot, &failure, "the probe record cannot be deleted")),
    }
    if differs.is_empty() {
        return Ok(());
    }
    broken(format!(
        "the probe record came back with other values in {}: check these fields",
        differs.join(", ")
    ))
}

fn differing(hubspot: &HubSpot, wanted: &Wanted, record: &Held) -> Vec<String> {
    payload::differences(&hubspot.mapping, wanted, Some(record))
        .into_iter()
        .filter(|difference| !difference.is_kept)
        .map(|difference| difference.field)
        .collect()
}

fn probe_value(field: LeadField) -> Option<&'static str> {
    Some(match field {
        LeadField::Key => PROBE,
        LeadField::Name => "Chatledger probe",
        LeadField::Score | LeadField::ScoreScale => "4.5",
        LeadField::ScoreAt | LeadField::FirstMessageAt | LeadField::LastMessageAt => {
            "2026-01-15T09:30:00.000Z"
        }
        LeadField::DialogUrl => "https://example.org/probe",
        // A phone or an address could meet a person's; labels may be options.
        LeadField::Phone
        | LeadField::Email
        | LeadField::Transports
        | LeadField::Tags
        | LeadField::Operator => {
            return None;
        }
    })
}
