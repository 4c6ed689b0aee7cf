//! Who a Chat2Desk body is about: the little that choosing a partition needs.
//!
//! Reads the body once, without recursion and without keeping it: `serde_json` skips what is not asked for
//! iteratively, so depth and size cost nothing. What cannot be read has no identity and goes to the account's partition.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Events whose own `id` is the client's (chat2desk.md 3.10).
const CLIENT_EVENTS: [&str; 3] = ["new_client", "client_updated", "client_added_to_blacklist"];

/// The best identity in a body: the client, else the request, else the dialog; of the first object when it is an
/// array (chat2desk.md 8.2 rules 2, 4 and 5).
pub fn identity(body: &[u8]) -> Option<String> {
    let body = body.trim_ascii_start();
    let level = if body.first() == Some(&b'[') {
        serde_json::from_slice::<First>(body).ok()?.0?
    } else {
        serde_json::from_slice::<Level>(body).ok()?
    };
    level.identity()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Level {
    hook_type: Loose,
    id: Loose,
    client_id: Loose,
    #[serde(rename = "clientID")]
    client_id_camel: Loose,
    client: Loose,
    request_id: Loose,
    #[serde(rename = "requestID")]
    request_id_camel: Loose,
    request: Loose,
    dialog_id: Loose,
    #[serde(rename = "dialogID")]
    dialog_id_camel: Loose,
    dialog: Loose,
    message: Loose,
    data: Loose,
}

impl Level {
    fn identity(self) -> Option<String> {
        let is_client_event = self
            .hook_type
            .text
            .is_some_and(|name| CLIENT_EVENTS.iter().any(|event| name.eq_ignore_ascii_case(event)));
        let own_id = if is_client_event { self.id.text } else { None };
        let (message, data) = (self.message, self.data);
        let client = self.client_id.text.or(self.client_id_camel.text).or(self.client.id);
        let request = self.request_id.text.or(self.request_id_camel.text).or(self.request.id);
        let dialog = self.dialog_id.text.or(self.dialog_id_camel.text).or(self.dialog.id);
        (client.or(data.client).or(own_id))
            .or(request.or(data.request).or(message.request))
            .or(dialog.or(data.dialog).or(message.dialog))
    }
}

/// A value of any shape: the text of a string or whole number (`0` and `""` mean none), or the ids in an object.
#[derive(Default)]
struct Loose {
    text: Option<String>,
    id: Option<String>,
    client: Option<String>,
    request: Option<String>,
    dialog: Option<String>,
}

/// The first element of an array.
struct First(Option<Level>);

impl Loose {
    fn text(text: &str) -> Self {
        let text = text.trim();
        let is_id = !text.is_empty() && text != "0" && text.len() <= 64;
        Self { text: is_id.then(|| text.to_owned()), ..Self::default() }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::text(&number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::text(&number.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::default())
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Loose, A::Error> {
        let mut ids = Loose::default();
        while let Some(name) = fields.next_key::<Loose>()? {
            let slot = match name.text.as_deref() {
                Some("id") => &mut ids.id,
                Some("client_id" | "clientID") => &mut ids.client,
                Some("request_id" | "requestID") => &mut ids.request,
                Some("dialog_id" | "dialogID") => &mut ids.dialog,
                // A script's input lies under `data`, its client in an object of its own.
                Some("client") => {
                    let found = fields.next_value::<Self::Value>()?.id;
                    ids.client = ids.client.take().or(found);
                    continue;
                }
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let found = fields.next_value::<Loose>()?.text;
            *slot = slot.take().or(found);
        }
        Ok(ids)
    }
}

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstVisitor;

        impl<'de> Visitor<'de> for FirstVisitor {
            type Value = First;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<First, A::Error> {
                let first = items.next_element()?;
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }

        deserializer.deserialize_seq(FirstVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_comes_first_then_the_request_then_the_dialog() {
        for (body, wanted) in [
            (r#"{"dialog_id":3,"request_id":2,"client_id":1}"#, Some("1")),
            (r#"{"dialogID":3,"requestID":"2"}"#, Some("2")),
            (r#"{"dialog":{"id":3}}"#, Some("3")),
            (r#"{"client":{"name":"x","id":" 1 "},"request_id":2}"#, Some("1")),
            (r#"{"message":{"id":9,"dialogID":3},"client":{"id":1}}"#, Some("1")),
            (r#"{"message":{"id":9,"dialogID":3}}"#, Some("3")),
            (r#"{"data":{"client_id":7}}"#, Some("7")),
            (r#"{"call":"c","data":{"message":{"id":9},"client":{"id":7}}}"#, Some("7")),
            (r#" [ {"client_id":7}, {"client_id":8} ]"#, Some("7")),
        ] {
            assert_eq!(identity(body.as_bytes()).as_deref(), wanted, "{body}");
        }
    }

    #[test]
    fn the_id_of_a_client_event_is_the_clients_and_of_no_other() {
        assert_eq!(identity(br#"{"hook_type":"Client_Updated","id":5}"#).as_deref(), Some("5"));
        assert_eq!(
            identity(br#"{"hook_type":"add_tag_to_client","id":601,"client_id":5}"#).as_deref(),
            Some("5")
        );
        assert_eq!(identity(br#"{"hook_type":"operator_status_updated","id":7001}"#), None);
    }

    #[test]
    fn none_is_written_as_zero_as_empty_and_as_null() {
        let body = br#"{"client_id":0,"clientID":"0","client":{"id":null},"request_id":"","dialog_id":4}"#;
        assert_eq!(identity(body).as_deref(), Some("4"));
    }

    #[test]
    fn odd_shapes_and_great_depth_are_read_past() {
        let deep = format!(
            r#"{{"extra":{}{},"client":[{{}}],"client_id":1}}"#,
            "[".repeat(1_000_000),
            "]".repeat(1_000_000)
        );
        assert_eq!(identity(deep.as_bytes()).as_deref(), Some("1"));
        assert_eq!(
            identity(br#"{"client_id":{"a":[1,{}]},"request":7,"dialog_id":1.5,"dialog":{"id":2}}"#)
                .as_deref(),
            Some("2")
        );
        assert_eq!(identity(br#"{"text":"lone \ud800 surrogate","client_id":1}"#).as_deref(), Some("1"));
    }

    #[test]
    fn what_cannot_be_read_has_no_identity() {
        let deep_data = format!("{}1{}", r#"{"data":"#.repeat(5000), "}".repeat(5000));
        let deep_array = "[".repeat(5_000_000);
        for body in [
            &b""[..],
            b"   ",
            b"not json",
            b"7",
            b"null",
            b"[]",
            b"[7]",
            b"{\"client_id\":1",
            b"\xff\xfe",
            b"client_id=1",
            deep_data.as_bytes(),
            deep_array.as_bytes(),
        ] {
            assert_eq!(identity(body), None);
        }
    }
}
