//! The face for tests and demonstrations, beside the routes that all services have ([`crate::server::host()`]).
//!
//! | route | body | does |
//! |---|---|---|
//! | `GET /control/state` | | settings without the token, counts, how often each key was made, and, without `?contacts=false`, all contacts |
//! | `POST /control/settings` | some of [`super::Settings`] | changes them |
//! | `POST /control/edit` | [`Edit`] | a person edits a contact on the screen |
//! | `POST /control/tally` | | counts begin at zero; keys that were made stay |

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::millis;
use super::{Contact, HubSpot, Tally};
use crate::service::Call;

/// An edit on the screen.
#[derive(Clone, Debug, Deserialize)]
pub struct Edit {
    /// Record id, or the value of `id_property`.
    pub id: String,
    /// A unique property.
    #[serde(default)]
    pub id_property: Option<String>,
    /// New values; an empty one clears.
    pub properties: BTreeMap<String, String>,
}

pub(super) fn command(
    hubspot: &mut HubSpot,
    call: &Call,
    now: DateTime<Utc>,
) -> Result<Option<Value>, String> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/control/state") => {
            return Ok(Some(state(hubspot, call.param("contacts") != Some("false"))));
        }
        ("POST", "/control/settings") => settings(hubspot, &call.json()?)?,
        ("POST", "/control/edit") => {
            let edit: Edit = call.json()?;
            let found = match &edit.id_property {
                Some(property) => hubspot.contacts.having(property, &edit.id),
                None => edit.id.parse().ok().and_then(|id| hubspot.contacts.get(id)),
            };
            let id = found.ok_or("no such contact")?.id;
            hubspot.edit(id, &edit.properties, now);
        }
        ("POST", "/control/tally") => hubspot.tally = Tally::default(),
        _ => return Ok(None),
    }
    Ok(Some(json!({"done": true})))
}

/// The settings with those of `wanted` in their place.
fn settings(hubspot: &mut HubSpot, wanted: &Value) -> Result<(), String> {
    let mut merged = json!(hubspot.settings);
    for (name, value) in wanted.as_object().ok_or("an object is wanted")? {
        *merged.get_mut(name).ok_or("no such setting")? = value.clone();
    }
    hubspot.settings = serde_json::from_value(merged).map_err(|error| error.to_string())?;
    Ok(())
}

/// Counts, and the contacts when wanted.
pub fn state(hubspot: &HubSpot, contacts: bool) -> Value {
    let mut settings = json!(hubspot.settings);
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("token");
    }
    let custom = hubspot.schema.properties.values().filter(|property| !property.hubspot_defined);
    let mut state = json!({
        "settings": settings, "tally": hubspot.tally, "creates": hubspot.contacts.all_creates(),
        "in_use": hubspot.contacts.len(), "properties": custom.collect::<Vec<_>>(),
        "groups": hubspot.schema.groups.keys().collect::<Vec<_>>(),
    });
    if let Some(state) = state.as_object_mut().filter(|_| contacts) {
        state.insert(
            "contacts".into(),
            hubspot.contacts.iter().map(|contact| show(hubspot, contact)).collect(),
        );
    }
    state
}

fn show(hubspot: &HubSpot, contact: &Contact) -> Value {
    json!({
        "id": contact.id.to_string(), "properties": contact.properties, "created_at": millis(contact.created),
        "updated_at": millis(contact.updated), "archived_at": contact.archived.map(millis), "writes": contact.writes,
        "url": hubspot.record_url(contact.id),
    })
}
