//! The calls of reference 4: login, limits, scopes, then the deed.

mod batch;
mod record;
mod settings;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::{HubSpot, errors};
use crate::service::{Answer, Call};

/// A call with everything that its deed needs.
pub(super) struct Asked<'c> {
    call: &'c Call,
    rest: Vec<&'c str>,
    correlation: String,
    now: DateTime<Utc>,
}

impl Asked<'_> {
    fn body(&self) -> Result<Value, Answer> {
        self.call.json().map_err(|why| errors::bad_json(&why, &self.correlation))
    }

    fn refused(&self, status: u16, category: &str, message: &str) -> Answer {
        errors::refused(status, category, message, &self.correlation)
    }

    fn invalid(&self, message: &str) -> Answer {
        self.refused(400, "VALIDATION_ERROR", message)
    }

    fn not_found(&self) -> Answer {
        errors::not_found(&self.correlation)
    }
}

/// What a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Area {
    Contacts,
    Properties,
    Account,
}

/// Answers one call.
pub(super) fn answer(hubspot: &mut HubSpot, call: &Call, now: DateTime<Utc>) -> Answer {
    if let Some(page) = record::page(hubspot, call) {
        return page;
    }
    let correlation = hubspot.correlation();
    let bearer = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if bearer != Some(hubspot.settings.token.as_str()) {
        return errors::unauthorised(&correlation);
    }
    if let Err(policy) = hubspot.limits.count(&hubspot.settings, now) {
        hubspot.tally.throttled += 1;
        let answer = errors::too_many(policy, &correlation);
        return hubspot.limits.tell(&hubspot.settings, now, answer);
    }
    let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let answer = match area(hubspot, &path) {
        None => errors::refused(404, "OBJECT_NOT_FOUND", "no such resource", &correlation),
        Some((area, rest)) => {
            let asked = Asked { call, rest: rest.to_vec(), correlation, now };
            act(hubspot, area, &asked).unwrap_or_else(|refusal| refusal)
        }
    };
    hubspot.limits.tell(&hubspot.settings, now, answer)
}

/// Both families of paths; the account's details belong to neither.
fn area<'p, 'c>(hubspot: &HubSpot, path: &'p [&'c str]) -> Option<(Area, &'p [&'c str])> {
    let served = |version: &str| hubspot.settings.versions.iter().any(|known| known == version);
    let (version, noun, kind, rest) = match path {
        ["account-info", version, "details"] => (*version, "account", "contacts", &[][..]),
        ["crm", version, noun @ ("objects" | "properties"), kind, rest @ ..] if version.starts_with('v') => {
            (*version, *noun, *kind, rest)
        }
        ["crm", noun @ ("objects" | "properties"), version, kind, rest @ ..] => {
            (*version, *noun, *kind, rest)
        }
        _ => return None,
    };
    if !served(version) || !matches!(kind, "contacts" | "contact" | "0-1") {
        return None;
    }
    let area = match noun {
        "objects" => Area::Contacts,
        "properties" => Area::Properties,
        _ => Area::Account,
    };
    Some((area, rest))
}

/// The deed, if the app has a scope for it.
fn act(hubspot: &mut HubSpot, area: Area, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let method = asked.call.method.as_str();
    let read = method == "GET" || asked.rest == ["batch", "read"];
    let scopes: &[&str] = match (area, read) {
        (Area::Account, _) => &[],
        (Area::Contacts, true) => &["crm.objects.contacts.read"],
        (Area::Contacts, false) => &["crm.objects.contacts.write"],
        (Area::Properties, true) => &["crm.schemas.contacts.read", "crm.objects.contacts.read"],
        (Area::Properties, false) => &["crm.schemas.contacts.write"],
    };
    if !scopes.is_empty() && !scopes.iter().any(|scope| hubspot.settings.scopes.contains(*scope)) {
        return Err(errors::missing_scopes(scopes, &asked.correlation));
    }
    let route = match (area, asked.rest.as_slice()) {
        (Area::Account, _) => "account-info".to_owned(),
        (Area::Properties, []) => "properties".to_owned(),
        (Area::Properties, ["groups", ..]) => "properties/groups".to_owned(),
        (Area::Properties, _) => "properties/{name}".to_owned(),
        (Area::Contacts, []) => "contacts".to_owned(),
        (Area::Contacts, [id]) if !matches!(*id, "gdpr-delete" | "merge") => "{id}".to_owned(),
        (Area::Contacts, rest) => rest.join("/"),
    };
    *hubspot.tally.calls.entry(format!("{method} {route}")).or_default() += 1;
    match area {
        Area::Account => Ok(settings::account(hubspot)),
        Area::Properties => settings::properties(hubspot, asked),
        Area::Contacts => match (method, asked.rest.as_slice()) {
            ("POST", ["batch", "upsert"]) => batch::upsert(hubspot, asked),
            ("POST", ["batch", "read"]) => batch::read(hubspot, asked),
            ("POST", ["batch", "archive"]) => batch::archive(hubspot, asked),
            _ => record::act(hubspot, asked),
        },
    }
}

/// `2026-10-01T02:00:00.000Z`.
pub(super) fn millis(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
