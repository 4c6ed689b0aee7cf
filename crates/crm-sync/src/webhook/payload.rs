//! The body of a message. The same rows give the same bytes.

use serde_json::{Value, json};

use crate::adapter::Message;

/// The version of this format.
const SCHEMA: u32 = 1;

/// The bytes of a message.
pub(super) fn body(message: &Message) -> Result<Vec<u8>, String> {
    let items: Vec<Value> = message
        .rows
        .iter()
        .map(|row| {
            let changed_at = row.wanted.changed_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            json!({"key": row.wanted.key, "version": row.version, "changed_at": changed_at, "op": "upsert",
                "fields": row.wanted.fields})
        })
        .collect();
    let body = json!({"type": "lead.upserted", "schema": SCHEMA, "items": items});
    serde_json::to_vec(&body).map_err(|error| format!("the message cannot be written: {error}"))
}
