//! The fixed lists of the service: `/v1/help/...`, regions and countries.

use serde_json::{Value, json};

use super::{Answer, unknown};
use crate::chat2desk::model::{ApiMode, COUNTRIES, REGIONS};

/// What a messenger carries: transport, from the client, to the client. Text, image, audio, pdf, video, location.
const CARRIES: [(&str, &str, &str); 6] = [
    ("whatsapp", "yyynny", "yynynn"),
    ("viber", "yynnny", "yynynn"),
    ("telegram", "yyyyyy", "yynynn"),
    ("widget", "yynynn", "yynynn"),
    ("sms", "ynnnnn", "ynnnnn"),
    ("external", "yynnyy", "yynynn"),
];

/// `/v1/regions`: not paged.
pub(super) fn regions() -> Answer {
    let show = |(id, name): &(i64, &str)| json!({"id": id, "country": "Russia", "region": name});
    Answer::data(REGIONS.iter().map(show).collect::<Vec<_>>())
}

/// `/v1/countries`: not paged.
pub(super) fn countries() -> Answer {
    Answer::data(COUNTRIES.iter().map(|(id, name, _)| json!({"id": id, "name": name})).collect::<Vec<_>>())
}

/// `/v1/help/<list>`.
pub(super) fn list(name: &str) -> Answer {
    Answer::data(match name {
        "api_modes" => {
            let modes = [ApiMode::Disabled, ApiMode::Demo, ApiMode::Normal, ApiMode::Unlimited];
            let describe = |mode: ApiMode| match mode.quota() {
                None => "unlimited requests per month".to_owned(),
                Some(0) => "API disabled".to_owned(),
                Some(calls) => format!("{calls} requests per month"),
            };
            modes.iter().map(|mode| json!({"name": mode.as_str(), "description": describe(*mode)})).collect()
        }
        "roles" => json!(["unconfirmed", "operator", "supervisor", "admin", "disabled", "deleted"]),
        "dialog_states" => json!(["open", "closed"]),
        "message_types" => json!(["from_client", "to_client", "autoreply", "system", "comment"]),
        "transports" => {
            let kinds = ["text", "image", "audio", "pdf", "video", "location"];
            let row = |flags: &str| -> Value {
                let said = flags.chars().map(|flag| if flag == 'y' { "yes" } else { "no" });
                kinds.iter().map(|kind| (*kind).to_owned()).zip(said.map(Value::from)).collect()
            };
            let transport = |(name, from, to): &(&str, &str, &str)| {
                ((*name).to_owned(), json!({"from_client": row(from), "to_client": row(to)}))
            };
            CARRIES.iter().map(transport).collect()
        }
        // Nothing is known of this list but that it is there (reference 2.2).
        "tickets" => json!([]),
        _ => return unknown(),
    })
}
