//! The body of a batch read, and what its answer says of each record.
//!
//! A record that could not be read is not one that is missing: writing its lead would undo what people edited.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::answer::Failure;
use super::payload::{BadRow, answer, key_property};
use crate::adapter::{Held, RowAnswer};
use crate::mapping::Mapping;

/// The body of a batch read by our key.
pub(super) fn body(mapping: &Mapping, keys: &[String]) -> Value {
    let properties: Vec<&str> = mapping.mapped().iter().map(|mapped| mapped.property.as_str()).collect();
    let inputs: Vec<Value> = keys.iter().map(|key| json!({"id": key})).collect();
    json!({"idProperty": key_property(mapping), "properties": properties, "inputs": inputs})
}

/// The records of some keys; those in neither are not there.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The records, by our key.
    pub(super) held: HashMap<String, Held>,
    /// Keys whose records could not be read, and what becomes of their rows.
    pub(super) unread: HashMap<String, RowAnswer>,
}

/// Reads the answer to a batch read of `keys`.
pub(super) fn read(mapping: &Mapping, keys: &[String], body: &Value) -> Result<Reading, Failure> {
    let answer = answer(body)?;
    let mut reading = Reading::default();
    // Whose it is is not known when it cannot be read: then nobody that is missing is surely missing.
    let mut is_partial = answer.is_partial;
    for record in answer.records {
        let (Some(id), Some(key)) = (record.id(), record.text(key_property(mapping))) else {
            is_partial = true;
            continue;
        };
        let fields =
            record.properties.keys().filter_map(|name| Some((name.clone(), record.text(name)?))).collect();
        reading.held.insert(key, Held { external_id: id, created_at: record.created_at, fields });
    }
    let (missing, failed): (Vec<&BadRow>, Vec<&BadRow>) =
        answer.bad.iter().partition(|bad| bad.body.category == "OBJECT_NOT_FOUND");
    for key in keys.iter().filter(|key| !reading.held.contains_key(*key)) {
        let is_its = |bad: &&&BadRow| bad.names(key);
        let is_nobodys = |bad: &&&BadRow| !keys.iter().any(|key| bad.names(key));
        let is_missing = missing.iter().any(|bad| bad.names(key));
        let failure =
            failed.iter().find(is_its).or_else(|| failed.iter().find(is_nobodys).filter(|_| !is_missing));
        let unread = match failure {
            Some(bad) if bad.body.category == "RATE_LIMITS" => RowAnswer::Busy,
            Some(bad) => RowAnswer::Later {
                error: format!("its record could not be read: {}", bad.body.category).trim_end().to_owned(),
            },
            None if is_partial && !is_missing => {
                RowAnswer::Later { error: "its record could not be read: the answer is not whole".to_owned() }
            }
            None => continue,
        };
        reading.unread.insert(key.clone(), unread);
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Choices;

    fn reading(body: &Value) -> Reading {
        let mapping = super::super::mapping::mapping(&Choices::default()).unwrap();
        let keys = ["acme-1", "acme-2", "acme-3"].map(str::to_owned);
        read(&mapping, &keys, body).unwrap()
    }

    fn unread(reading: &Reading) -> Vec<&str> {
        let mut keys: Vec<&str> = reading.unread.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    fn first() -> Value {
        json!({"id": "901", "properties": {"chat_client_key": "acme-1", "firstname": "Ann"}})
    }

    #[test]
    fn a_record_that_could_not_be_read_is_not_taken_for_missing() {
        let not_found = json!({"category": "OBJECT_NOT_FOUND", "context": {"ids": ["acme-2"]}});
        let of_one = json!({"category": "INTERNAL_ERROR", "context": {"ids": ["acme-3"]}});
        let of_nobody = json!({"category": "INTERNAL_ERROR"});
        for (errors, expected) in [
            (json!([]), vec![]),
            (json!([not_found]), vec![]),
            (json!([not_found, of_one]), vec!["acme-3"]),
            (json!([not_found, of_nobody]), vec!["acme-3"]),
            (json!([of_nobody]), vec!["acme-2", "acme-3"]),
            (json!([7]), vec!["acme-2", "acme-3"]),
        ] {
            let reading = reading(&json!({"status": "COMPLETE", "results": [first()], "errors": errors}));
            assert_eq!(reading.held["acme-1"].external_id, "901");
            assert_eq!(unread(&reading), expected, "{errors}");
        }
        let limit = json!({"category": "RATE_LIMITS", "context": {"ids": ["acme-2"]}});
        let limited = reading(&json!({"results": [first()], "errors": [limit]}));
        assert_eq!(limited.unread["acme-2"], RowAnswer::Busy);
    }

    #[test]
    fn an_answer_that_is_not_whole_says_nothing_of_those_it_leaves_out() {
        let odd = json!({"id": "902", "properties": {}});
        assert_eq!(unread(&reading(&json!({"results": [first(), odd]}))), ["acme-2", "acme-3"]);
        let pending = json!({"status": "PENDING", "results": [first()]});
        assert_eq!(unread(&reading(&pending)), ["acme-2", "acme-3"]);
    }
}
