//! From a page to deliveries: one a row, one for the envelope.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use events::delivery::partition_hash;
use events::{AccountId, Capture, Clock, Delivery, DeliveryIds, PagePart, Platform, Road};
use log::{Entry, Log, LogError};
use serde_json::value::{RawValue, to_raw_value};

use crate::chat2desk::row;

/// A page on its way into the log.
pub(crate) struct RawPage<'a> {
    /// What was asked: the list's name and its query.
    pub(crate) asked: String,
    /// When it was fetched.
    pub(crate) fetched_at: DateTime<Utc>,
    /// Its rows, byte for byte.
    pub(crate) rows: &'a [Box<RawValue>],
    /// The page without its rows; rows that were recorded one by one have none.
    pub(crate) envelope: Option<&'a RawValue>,
}

/// What deliveries are made with.
pub(crate) struct Press<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a DeliveryIds,
}

impl Press<'_> {
    /// The page's deliveries, without the rows at `left_out`, which the envelope names instead. Each call gives new ids:
    /// an append that is tried again must not repeat a key (design.md 7.3).
    pub(crate) fn entries(&self, page: &RawPage<'_>, left_out: &[u32]) -> Vec<Entry> {
        let list = page.asked.split('?').next().unwrap_or_default();
        let rows =
            (0_u32..).zip(page.rows).filter(|(place, _)| !left_out.contains(place)).map(|(place, row)| {
                let body = Bytes::copy_from_slice(row.get().as_bytes());
                let identity = row::identity(list, &body);
                self.entry(page, PagePart::Row(place), body, identity.as_deref())
            });
        let mut entries: Vec<Entry> = rows.collect();
        if let Some(envelope) = page.envelope {
            let body = Bytes::from(with_left_out(envelope, left_out).into_bytes());
            entries.push(self.entry(page, PagePart::Envelope, body, None));
        }
        entries
    }

    fn entry(&self, page: &RawPage<'_>, part: PagePart, body: Bytes, identity: Option<&str>) -> Entry {
        let now = self.clock.now();
        let capture = Capture {
            page: Some(page.asked.clone()),
            part: Some(part),
            fetched_at: Some(page.fetched_at),
            ..Capture::default()
        };
        let delivery = Delivery {
            id: self.ids.next(now),
            account: self.account.clone(),
            platform: Platform::Chat2desk,
            road: Road::Backfill,
            received_at: now,
            capture,
            body,
        };
        Entry { delivery, partition_hash: partition_hash(self.account, identity) }
    }

    /// Appends a page whole. A row that is larger than the log takes is left out, and counted in what is returned.
    pub(crate) async fn append(&self, log: &dyn Log, page: &RawPage<'_>) -> Result<u64, LogError> {
        let mut left_out: Vec<u32> = Vec::new();
        loop {
            let entries = self.entries(page, &left_out);
            if entries.is_empty() {
                return Ok(left_out.len() as u64);
            }
            let rows: Vec<_> =
                entries.iter().map(|entry| (entry.delivery.id, entry.delivery.capture.part)).collect();
            let error = match log.append(entries).await {
                Ok(_) => return Ok(left_out.len() as u64),
                Err(error) => error,
            };
            let LogError::TooLarge { id, bytes } = &error else { return Err(error) };
            match rows.iter().find(|(row, _)| row == id) {
                Some((_, Some(PagePart::Row(place)))) => {
                    tracing::error!(
                        backfill.page = page.asked,
                        backfill.row = place,
                        delivery.bytes = bytes,
                        "row larger than the log takes, left out"
                    );
                    left_out.push(*place);
                }
                _ => return Err(error),
            }
        }
    }
}

/// `left_out` of the envelope: the places of rows that the log does not take.
fn with_left_out(envelope: &RawValue, left_out: &[u32]) -> String {
    if left_out.is_empty() {
        return envelope.get().to_owned();
    }
    let fields = serde_json::from_str::<std::collections::BTreeMap<String, Box<RawValue>>>(envelope.get());
    let named = fields.and_then(|mut fields| {
        fields.insert("left_out".into(), to_raw_value(left_out)?);
        serde_json::to_string(&fields)
    });
    named.unwrap_or_else(|_| envelope.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::ManualClock;

    #[test]
    fn a_page_becomes_a_delivery_a_row_and_one_for_its_envelope() {
        let page = ::chat2desk::Page::read(
            br#"{"data":[{"id":7, "client_id":5},{"id":8}],"meta":{"total":2},"status":"success"}"#,
        )
        .unwrap();
        let account: AccountId = "acme".parse().unwrap();
        let clock = ManualClock::at("2026-01-15T09:30:00Z".parse().unwrap());
        let press = Press { account: &account, clock: &clock, ids: &DeliveryIds::seeded(1) };
        let raw = RawPage {
            asked: "messages?start_id=7&limit=200".into(),
            fetched_at: clock.now(),
            rows: &page.rows,
            envelope: Some(&page.envelope),
        };
        let entries = press.entries(&raw, &[]);
        let bodies: Vec<_> =
            entries.iter().map(|entry| std::str::from_utf8(&entry.delivery.body).unwrap()).collect();
        let envelope = r#"{"meta":{"total":2},"rows":2,"status":"success"}"#;
        assert_eq!(bodies, [r#"{"id":7, "client_id":5}"#, r#"{"id":8}"#, envelope]);
        let parts: Vec<_> = entries.iter().map(|entry| entry.delivery.capture.part.unwrap()).collect();
        assert_eq!(parts, [PagePart::Row(0), PagePart::Row(1), PagePart::Envelope]);
        assert!(entries.iter().all(|entry| entry.delivery.capture.list() == Some("messages")));
        assert!(entries.iter().all(|entry| entry.delivery.road == Road::Backfill));
        assert_eq!(entries[0].partition_hash, partition_hash(&account, Some("5")));
        assert_eq!(entries[2].partition_hash, partition_hash(&account, None));

        let fewer = press.entries(&raw, &[0]);
        assert_eq!(fewer.len(), 2);
        assert!(std::str::from_utf8(&fewer[1].delivery.body).unwrap().contains(r#""left_out":[0]"#));
        assert_ne!(fewer[0].delivery.id, entries[1].delivery.id, "a new append has new ids");
    }

    #[test]
    fn an_empty_page_leaves_its_envelope() {
        let page = ::chat2desk::Page::read(br#"{"data":[],"meta":{"total":0}}"#).unwrap();
        let account: AccountId = "acme".parse().unwrap();
        let clock = ManualClock::at("2026-01-15T09:30:00Z".parse().unwrap());
        let press = Press { account: &account, clock: &clock, ids: &DeliveryIds::seeded(1) };
        let asked = "tags?limit=200&offset=0".into();
        let raw =
            RawPage { asked, fetched_at: clock.now(), rows: &page.rows, envelope: Some(&page.envelope) };
        assert_eq!(press.entries(&raw, &[]).len(), 1);
    }
}
