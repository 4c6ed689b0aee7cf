//! The record: a delivery as Kafka carries it. (Postgres keeps the same texts in columns.)
//!
//! | part | content |
//! |---|---|
//! | key | the delivery id as text; never repeats, so compaction drops nothing |
//! | value | the raw body, also an empty one; a *null* value is a tombstone: the delivery was erased |
//! | timestamp | the milliseconds in the id |
//! | headers | `format` first, then `account`, `platform`, `road`, `received_at`, `capture` (JSON) |
//!
//! `kcat -f '%h %k %s\n'` reads it. A change that older builds would read wrongly raises [`FORMAT`].

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use events::delivery::is_plausible;
use events::{AccountId, Capture, Delivery, DeliveryId};

use crate::{LogError, Unreadable};

/// The version of the headers that this build writes, and the only one that it reads.
pub const FORMAT: &str = "1";

/// The largest record that either backend takes: bytes of body and headers together. The wire admits bodies of 8 MiB
/// (design.md 6), so the limit is never met in practice; it keeps what Postgres takes movable to Kafka.
pub const MAX_RECORD_BYTES: usize = 10 * 1024 * 1024 - 64 * 1024;

/// What a record takes in memory beside its body, roughly.
pub(crate) const OVERHEAD_BYTES: usize = 512;

/// [`crate::Record::size`] of a body.
pub(crate) const fn size(body_bytes: usize) -> usize {
    body_bytes + OVERHEAD_BYTES
}

/// The headers' values, in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The account's id.
    pub account: String,
    /// The platform's word.
    pub platform: String,
    /// The road's word.
    pub road: String,
    /// RFC 3339, UTC.
    pub received_at: String,
    /// The circumstances, as JSON.
    pub capture: String,
}

/// The headers of a delivery.
///
/// # Errors
/// [`LogError::TooLarge`] for one that is larger than the log takes.
pub fn headers(delivery: &Delivery) -> Result<Headers, LogError> {
    let capture = serde_json::to_string(&delivery.capture).map_err(|_| {
        LogError::Unfit(format!("circumstances of delivery {} cannot be written", delivery.id))
    })?;
    let bytes = size(delivery.body.len()) + capture.len();
    if bytes > MAX_RECORD_BYTES {
        return Err(LogError::TooLarge { id: delivery.id, bytes });
    }
    Ok(Headers {
        account: delivery.account.to_string(),
        platform: delivery.platform.to_string(),
        road: delivery.road.to_string(),
        received_at: delivery.received_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        capture,
    })
}

/// What a record says, before it is looked at.
pub(crate) struct Parts<'a> {
    pub(crate) id: Option<DeliveryId>,
    pub(crate) account: Option<&'a str>,
    pub(crate) platform: Option<&'a str>,
    pub(crate) road: Option<&'a str>,
    pub(crate) received_at: Option<DateTime<Utc>>,
    pub(crate) capture: Option<&'a str>,
    pub(crate) body: Bytes,
}

/// What the record before said: most say the same of themselves, and need not be parsed again.
#[derive(Default)]
pub(crate) struct Known {
    account: Option<AccountId>,
    capture: Option<(String, Capture)>,
}

impl Known {
    fn account(&mut self, text: &str) -> Option<AccountId> {
        if self.account.as_ref().is_none_or(|known| known.as_str() != text) {
            self.account = text.parse().ok();
        }
        self.account.clone()
    }

    fn capture(&mut self, text: &str) -> Option<Capture> {
        if self.capture.as_ref().is_none_or(|(known, _)| known != text) {
            self.capture = serde_json::from_str(text).ok().map(|capture| (text.to_owned(), capture));
        }
        self.capture.as_ref().map(|(_, capture)| capture.clone())
    }
}

impl Parts<'_> {
    /// The delivery of a record whose format is `format`. Total: never panics, whatever the bytes.
    ///
    /// # Errors
    /// What is wrong with them, without content.
    pub(crate) fn delivery(self, format: Option<&str>, known: &mut Known) -> Result<Delivery, Unreadable> {
        let unreadable = |detail: &str| Unreadable { id: self.id, detail: detail.to_owned() };
        match format {
            Some(FORMAT) => {}
            Some(other) if other.len() <= 8 && other.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(unreadable(&format!("record format {other}; this build reads {FORMAT}")));
            }
            _ => return Err(unreadable("no record format")),
        }
        let capture = self.capture.ok_or_else(|| unreadable("capture missing"))?;
        Ok(Delivery {
            id: self.id.ok_or_else(|| unreadable("key is no delivery id"))?,
            account: self
                .account
                .and_then(|text| known.account(text))
                .ok_or_else(|| unreadable("account unreadable"))?,
            platform: parsed(self.platform).ok_or_else(|| unreadable("platform unknown"))?,
            road: parsed(self.road).ok_or_else(|| unreadable("road unknown"))?,
            received_at: self
                .received_at
                .filter(|at| is_plausible(*at))
                .ok_or_else(|| unreadable("received_at unreadable"))?,
            capture: known.capture(capture).ok_or_else(|| unreadable("capture unreadable"))?,
            body: self.body,
        })
    }
}

/// The delivery of an id, headers and body. Total: never panics, whatever the bytes.
///
/// # Errors
/// What is wrong with them, without content.
pub fn delivery<'a>(
    id: Option<DeliveryId>,
    header: impl Fn(&'static str) -> Option<&'a [u8]>,
    body: Bytes,
) -> Result<Delivery, Unreadable> {
    let text = |name| header(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let parts = Parts {
        id,
        account: text("account"),
        platform: text("platform"),
        road: text("road"),
        received_at: parsed(text("received_at")),
        capture: text("capture"),
        body,
    };
    parts.delivery(text("format"), &mut Known::default())
}

fn parsed<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

/// The id in a record's key.
pub fn key_id(key: Option<&[u8]>) -> Option<DeliveryId> {
    parsed(key.and_then(|key| std::str::from_utf8(key).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Authenticity, PagePart, Platform, Policy, Road, Signature};
    use proptest::option;
    use proptest::prelude::*;

    fn captures() -> impl Strategy<Value = Capture> {
        let authenticity = (prop::sample::select(Signature::ALL), prop::sample::select(Policy::ALL))
            .prop_map(|(signature, policy)| Authenticity { signature, policy });
        let part = prop_oneof![Just(PagePart::Envelope), any::<u32>().prop_map(PagePart::Row)];
        (
            option::of(any::<String>()),
            option::of(any::<String>()),
            option::of(authenticity),
            option::of(any::<String>()),
            option::of(part),
            option::of(times()),
            option::of(any::<String>()),
        )
            .prop_map(
                |(content_type, content_encoding, authenticity, page, part, fetched_at, event)| Capture {
                    content_type,
                    content_encoding,
                    authenticity,
                    page,
                    part,
                    fetched_at,
                    event,
                },
            )
    }

    fn times() -> impl Strategy<Value = DateTime<Utc>> {
        // Any time that can be one of a chat, microseconds.
        (946_684_800_000_000_i64..4_102_444_800_000_000)
            .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
    }

    fn deliveries() -> impl Strategy<Value = Delivery> {
        (
            any::<u128>().prop_map(|id| DeliveryId(uuid::Uuid::from_u128(id))),
            "[a-z0-9-]{1,63}".prop_map(|id| id.parse::<AccountId>().unwrap()),
            prop::sample::select(Platform::ALL),
            prop::sample::select(Road::ALL),
            times(),
            captures(),
            prop::collection::vec(any::<u8>(), 0..200),
        )
            .prop_map(|(id, account, platform, road, received_at, capture, body)| Delivery {
                id,
                account,
                platform,
                road,
                received_at,
                capture,
                body: body.into(),
            })
    }

    fn lookup<'a>(format: &'a str, headers: &'a Headers) -> impl Fn(&'static str) -> Option<&'a [u8]> {
        move |name| {
            Some(match name {
                "format" => format.as_bytes(),
                "account" => headers.account.as_bytes(),
                "platform" => headers.platform.as_bytes(),
                "road" => headers.road.as_bytes(),
                "received_at" => headers.received_at.as_bytes(),
                "capture" => headers.capture.as_bytes(),
                _ => return None,
            })
        }
    }

    proptest! {
        #[test]
        fn a_delivery_comes_back_as_it_went(sent in deliveries()) {
            let headers = headers(&sent).unwrap();
            let key = sent.id.to_string();
            let back = delivery(key_id(Some(key.as_bytes())), lookup(FORMAT, &headers), sent.body.clone());
            prop_assert_eq!(back, Ok(sent));
        }

        #[test]
        fn garbage_is_unreadable_and_nothing_worse(
            key in option::of(prop::collection::vec(any::<u8>(), 0..40)),
            values in prop::collection::vec(option::of(prop::collection::vec(any::<u8>(), 0..40)), 6),
            known_format in any::<bool>(),
        ) {
            let find = |name| {
                if name == "format" && known_format {
                    return Some(FORMAT.as_bytes());
                }
                let place = ["format", "account", "platform", "road", "received_at", "capture"]
                    .iter().position(|known| *known == name)?;
                values[place].as_deref()
            };
            prop_assert!(delivery(key_id(key.as_deref()), find, Bytes::new()).is_err());
        }
    }

    #[test]
    fn a_later_format_is_unreadable_with_its_id() {
        let id: DeliveryId = "019a0000-0001-7000-8000-000000000000".parse().unwrap();
        let later = |name| (name == "format").then_some(&b"2"[..]);
        let unreadable = delivery(Some(id), later, Bytes::new()).unwrap_err();
        assert_eq!(unreadable.id, Some(id));
        assert_eq!(unreadable.detail, "record format 2; this build reads 1");
    }

    #[test]
    fn a_delivery_over_the_limit_is_too_large() {
        let sent = Delivery {
            id: "019a0000-0001-7000-8000-000000000000".parse().unwrap(),
            account: "acme".parse().unwrap(),
            platform: Platform::Chat2desk,
            road: Road::Webhook,
            received_at: DateTime::UNIX_EPOCH,
            capture: Capture::default(),
            body: vec![0; MAX_RECORD_BYTES].into(),
        };
        assert!(matches!(headers(&sent), Err(LogError::TooLarge { id, .. }) if id == sent.id));
    }
}
