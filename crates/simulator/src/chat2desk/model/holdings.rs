//! What a company has besides people and chats: texts, menus, fields, rights, tickets; and what the service has for all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::Id;

/// A prepared answer.
#[derive(Clone, Debug)]
pub struct Template {
    /// Id.
    pub id: Id,
    /// Quick command that operators type.
    pub command: String,
    /// Text.
    pub text: String,
    /// Name.
    pub name: String,
    /// When it was written.
    pub created: DateTime<Utc>,
}

/// An item of the self-service menu.
#[derive(Clone, Debug)]
pub struct MenuItem {
    /// Id.
    pub id: Id,
    /// Depth; the root is 0.
    pub level: u32,
    /// Item above.
    pub parent: Option<Id>,
    /// Only in this channel; `None` is all.
    pub channel: Option<Id>,
    /// What the client sends to choose it.
    pub command: String,
    /// What the client gets.
    pub text: String,
    /// Picture that goes with it.
    pub image: Option<String>,
    /// Tag that the choice puts on the request.
    pub tag: Option<Id>,
}

/// A menu item that went out to a client.
#[derive(Clone, Copy, Debug)]
pub struct SentItem {
    /// Item.
    pub item: Id,
    /// Whom to.
    pub client: Id,
    /// When.
    pub at: DateTime<Utc>,
}

/// A field that the company added to its client cards.
#[derive(Clone, Debug)]
pub struct CustomField {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
    /// `text`, `number`, ...
    pub kind: String,
    /// Operators may change it.
    pub editable: bool,
    /// Operators see it.
    pub viewable: bool,
}

/// A role that the company made.
#[derive(Clone, Debug)]
pub struct AccessRight {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
}

/// A group of tags.
#[derive(Clone, Debug)]
pub struct TagGroup {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
}

/// One change of an operator's state, or of the chats that he has (reference 2.5, `operator_events`).
#[derive(Clone, Copy, Debug)]
pub struct OperatorEvent {
    /// Who.
    pub operator: Id,
    /// `online`, `busy`, `take_chat`, ...
    pub event: &'static str,
    /// When.
    pub at: DateTime<Utc>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Prepared answers.
    pub templates: Vec<Template>,
    /// The self-service menu.
    pub menu: Vec<MenuItem>,
    /// What of it went out, oldest first.
    pub sent_items: Vec<SentItem>,
    /// Fields of the client card.
    pub custom_fields: Vec<CustomField>,
    /// Own roles.
    pub access_rights: Vec<AccessRight>,
    /// Tag groups that were made through the API; those of the tags themselves need no entry.
    pub tag_groups: Vec<TagGroup>,
    /// Tickets by id. Their fields are in no public source: what came is kept.
    pub tickets: BTreeMap<Id, Map<String, Value>>,
    /// Pictures with a QR code in them, by address.
    pub qr_codes: BTreeMap<String, String>,
    /// What operators did, oldest first.
    pub operator_events: Vec<OperatorEvent>,
}

/// Countries of the service: id, name, dialling code.
pub const COUNTRIES: [(Id, &str, &str); 6] = [
    (1, "USA, Canada", "1"),
    (2, "Russia", "7"),
    (3, "Egypt", "20"),
    (4, "South Africa", "27"),
    (5, "Kazakhstan", "77"),
    (6, "Brazil", "55"),
];

/// Regions of the service; inside Russia only.
pub const REGIONS: [(Id, &str); 3] = [(1, "Krasnodar"), (2, "Tver"), (3, "Chelyabinsk")];

/// The country of a number: the one with the longest dialling code that it begins with.
pub fn country_of(phone: &str) -> Option<Id> {
    let fits = COUNTRIES.iter().filter(|(_, _, code)| phone.starts_with(code));
    fits.max_by_key(|(_, _, code)| code.len()).map(|(id, _, _)| *id)
}
