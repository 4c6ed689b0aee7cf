//! A fact on its way through a rebuild, packed into few bytes.

use chrono::NaiveDate;
use events::fact::Conversation;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use crate::StoreError;
use crate::accounting::TallyKey;
use crate::facts::{FactRow, Filed};

/// A telling, as a row of `facts` has it, and the tally that it is counted in.
#[derive(Clone, Copy, Debug)]
pub struct Staged<'a> {
    /// The account.
    pub account: &'a str,
    /// The kind of the fact.
    pub kind: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Hash of the registers.
    pub content_hash: i64,
    /// Stamp: microseconds since 1970.
    pub observed_at: i64,
    /// Stamp: the road's rank.
    pub rank: i16,
    /// Stamp: hash of the bytes.
    pub hash: i64,
    /// Receipt: microseconds since 1970.
    pub received_at: i64,
    /// Where it stands in its conversation's time: microseconds since 1970; [`ALWAYS`] where it has no place.
    pub(crate) happened_at: i64,
    /// The delivery.
    pub delivery: Uuid,
    /// Where it is filed.
    pub conversation: Option<&'a str>,
    pub(crate) firm: bool,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) dialog_id: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
    /// What was told, as JSON.
    pub registers: &'a str,
    pub(crate) road: &'a str,
    pub(crate) day: i32,
    pub(crate) partition: u32,
}

impl<'a> Staged<'a> {
    pub(crate) fn of(row: &'a FactRow, filed: &'a Filed, tally: &'a TallyKey) -> Self {
        let told = &row.observation;
        Self {
            account: &row.account,
            kind: told.fact.kind(),
            key: &told.key,
            content_hash: row.content_hash,
            observed_at: told.stamp.observed_at.timestamp_micros(),
            rank: told.stamp.rank,
            hash: told.stamp.hash,
            received_at: told.received_at.timestamp_micros(),
            happened_at: row.happened_at().map_or(ALWAYS, |at| at.timestamp_micros()),
            delivery: told.delivery.0,
            conversation: filed.conversation.as_deref(),
            firm: filed.firm,
            client_id: filed.client_id.as_deref(),
            dialog_id: filed.dialog_id.as_deref(),
            request_id: filed.request_id.as_deref(),
            registers: &row.registers,
            road: tally.road.as_str(),
            day: i32::try_from(tally.day.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(0),
            partition: tally.partition,
        }
    }

    /// Which telling of which fact: equal for copies.
    pub(crate) fn identity(&self) -> (&str, &str, &str, i64) {
        (self.account, self.kind, self.key, self.content_hash)
    }

    /// The part that it is folded in: all of a client is in one.
    pub(crate) fn bucket(&self, buckets: u32) -> u32 {
        let mut hash = Xxh3::with_seed(0x6e65_7874);
        hash.update(self.account.as_bytes());
        hash.update(&[0]);
        match self.conversation {
            Some(conversation) => hash.update(Conversation::from_key(conversation).client_id.as_bytes()),
            // A client's card has the client's id as its key; the others are spread.
            None => hash.update(self.key.as_bytes()),
        }
        u32::try_from(hash.digest() % u64::from(buckets.max(1))).unwrap_or(0)
    }

    pub(crate) fn pack(&self, out: &mut Vec<u8>) {
        for number in [self.content_hash, self.observed_at, self.hash, self.received_at, self.happened_at] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.delivery.as_bytes());
        out.extend(self.rank.to_le_bytes());
        out.extend(self.day.to_le_bytes());
        out.extend(self.partition.to_le_bytes());
        out.push(u8::from(self.firm));
        for text in [self.account, self.kind, self.key, self.registers, self.road] {
            pack_text(out, Some(text));
        }
        for text in [self.conversation, self.client_id, self.dialog_id, self.request_id] {
            pack_text(out, text);
        }
    }

    /// The next one of `bytes`; `None` at their end.
    pub(crate) fn unpack(bytes: &mut &'a [u8]) -> Result<Option<Self>, StoreError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let broken = || StoreError::Refused("a staged fact cannot be read: rebuild from scratch".to_owned());
        unpacked(bytes).map(Some).ok_or_else(broken)
    }
}

/// `infinity` as Postgres writes it in binary.
pub(crate) const ALWAYS: i64 = i64::MAX;

/// What stands for a missing text.
const NONE: u32 = u32::MAX;

fn pack_text(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.extend(NONE.to_le_bytes()) };
    // The log takes no delivery of that size.
    out.extend(u32::try_from(text.len()).unwrap_or(NONE - 1).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>()?;
    *bytes = tail;
    Some(*head)
}

fn unpack_text<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let length = u32::from_le_bytes(take(bytes)?);
    if length == NONE {
        return Some(None);
    }
    let (text, tail) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = tail;
    Some(Some(std::str::from_utf8(text).ok()?))
}

fn unpacked<'a>(bytes: &mut &'a [u8]) -> Option<Staged<'a>> {
    Some(Staged {
        content_hash: i64::from_le_bytes(take(bytes)?),
        observed_at: i64::from_le_bytes(take(bytes)?),
        hash: i64::from_le_bytes(take(bytes)?),
        received_at: i64::from_le_bytes(take(bytes)?),
        happened_at: i64::from_le_bytes(take(bytes)?),
        delivery: Uuid::from_bytes(take(bytes)?),
        rank: i16::from_le_bytes(take(bytes)?),
        day: i32::from_le_bytes(take(bytes)?),
        partition: u32::from_le_bytes(take(bytes)?),
        firm: take::<1>(bytes)? == [1],
        account: unpack_text(bytes)??,
        kind: unpack_text(bytes)??,
        key: unpack_text(bytes)??,
        registers: unpack_text(bytes)??,
        road: unpack_text(bytes)??,
        conversation: unpack_text(bytes)?,
        client_id: unpack_text(bytes)?,
        dialog_id: unpack_text(bytes)?,
        request_id: unpack_text(bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let staged = Staged {
            account: "acme",
            kind: "message",
            key: "1",
            content_hash: -5,
            observed_at: 7,
            rank: 2,
            hash: i64::MIN,
            received_at: -9,
            happened_at: ALWAYS,
            delivery: Uuid::from_u128(11),
            conversation: Some("5/12"),
            firm: true,
            client_id: Some("5"),
            dialog_id: None,
            request_id: Some(""),
            registers: "{\"text\":\"\u{1f600}\"}",
            road: "webhook",
            day: 20_000,
            partition: 3,
        };
        let mut bytes = Vec::new();
        staged.pack(&mut bytes);
        staged.pack(&mut bytes);
        let mut rest = bytes.as_slice();
        for _ in 0..2 {
            let back = Staged::unpack(&mut rest).unwrap().unwrap();
            assert_eq!(format!("{back:?}"), format!("{staged:?}"));
        }
        assert!(Staged::unpack(&mut rest).unwrap().is_none());
        assert!(Staged::unpack(&mut &bytes[..40]).is_err(), "half of one");
        let card = Staged { conversation: None, key: "5", ..staged };
        assert_eq!(card.bucket(64), staged.bucket(64), "a client's card is with its conversations");
    }
}
