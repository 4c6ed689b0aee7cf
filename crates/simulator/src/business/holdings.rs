//! What the invented shop keeps besides people: prepared answers, a menu, fields, roles.

use chrono::{DateTime, Utc};

use crate::chat2desk::Id;
use crate::chat2desk::model::{AccessRight, CustomField, Holdings, MenuItem, Template};

/// All of it, as it was written at `now`.
pub(super) fn holdings(now: DateTime<Utc>) -> Holdings {
    let template = |id, command: &str, name: &str, text: &str| Template {
        id,
        command: command.into(),
        text: text.into(),
        name: name.into(),
        created: now,
    };
    let item = |id, parent: Option<Id>, command: &str, text: &str, tag| MenuItem {
        id,
        level: u32::from(parent.is_some()),
        parent,
        channel: None,
        command: command.into(),
        text: text.into(),
        image: None,
        tag,
    };
    let field = |id, name: &str, kind: &str| CustomField {
        id,
        name: name.into(),
        kind: kind.into(),
        editable: true,
        viewable: true,
    };
    Holdings {
        templates: vec![
            template(1_101, "hello", "Greeting", "Good day! How can we help?"),
            template(
                1_102,
                "hours",
                "Opening hours",
                "We are open from nine to six, on Saturdays from ten to three.",
            ),
        ],
        menu: vec![
            item(4_320, None, "0", "Send 1 for delivery, 2 for rental.", None),
            item(4_321, Some(4_320), "1", "We deliver on the same day inside the city.", Some(621)),
            item(4_322, Some(4_320), "2", "A weekend counts as one day and a half.", Some(623)),
        ],
        custom_fields: vec![field(21, "Size of boots", "number"), field(22, "Favourite lake", "text")],
        access_rights: vec![AccessRight { id: 91, name: "Weekend crew".into() }],
        ..Holdings::default()
    }
}
