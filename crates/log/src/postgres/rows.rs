//! Rows of `ledger.deliveries` as `copy … to stdout (format binary)` writes them: half the work of a query's rows, and bodies
//! need not be copied. (Postgres manual, COPY, "Binary Format".)

use bytes::{Buf as _, Bytes};
use chrono::{DateTime, Utc};
use events::DeliveryId;
use uuid::Uuid;

use crate::record::{self, Known};
use crate::{LogError, Place, Record};

/// The statement that reads the rows of a condition, in the order in which [`Rows`] takes their columns.
pub(super) fn statement(condition: &str) -> String {
    format!(
        "copy (select partition, log_offset, id, format::text, account_id, platform, road, received_at, capture, body \
         from ledger.deliveries where {condition}) to stdout (format binary)"
    )
}

const COLUMNS: usize = 10;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Instead of a number of columns.
const END: [u8; 2] = (-1_i16).to_be_bytes();
/// Signature, flags, and the length of what a later version may add.
const HEAD: usize = SIGNATURE.len() + 8;
/// 2000-01-01, from which Postgres counts microseconds.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// What came and is not read yet.
#[derive(Default)]
pub(super) struct Rows {
    rest: Bytes,
    is_begun: bool,
}

impl Rows {
    /// Adds what came. The server sends a row at a time, which is not promised.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.rest = if self.rest.is_empty() { chunk } else { [&self.rest[..], &chunk].concat().into() };
    }

    /// The next row that is there whole.
    ///
    /// # Errors
    /// [`LogError::Unfit`] for what no server sends of these columns.
    pub(super) fn next(&mut self, known: &mut Known) -> Result<Option<Record>, LogError> {
        if !self.is_begun {
            if self.rest.len() < HEAD {
                return Ok(None);
            }
            if !self.rest.starts_with(SIGNATURE) {
                return Err(unfit());
            }
            self.rest.advance(HEAD);
            self.is_begun = true;
        }
        let Some(ends) = self.ends()? else { return Ok(None) };
        let row = self.rest.split_to(ends[COLUMNS - 1]);
        record(&row, &ends, known).map(Some)
    }

    /// To be asked when no more comes: whether it ended as it should, with nothing left.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when it did not.
    pub(super) fn ended(&self) -> Result<(), LogError> {
        if self.is_begun && *self.rest == END { Ok(()) } else { Err(unfit()) }
    }

    /// Where each column of the next row ends; `None` until all of it has come, or when none follows.
    fn ends(&self) -> Result<Option<[usize; COLUMNS]>, LogError> {
        let mut rest = &self.rest[..];
        if rest.len() < 2 {
            return Ok(None);
        }
        match rest.get_i16() {
            _ if *self.rest == END => return Ok(None),
            count if usize::try_from(count).is_ok_and(|count| count == COLUMNS) => {}
            _ => return Err(unfit()),
        }
        let (mut ends, mut end) = ([0; COLUMNS], 2);
        for place in &mut ends {
            let Ok(length) = rest.try_get_i32() else { return Ok(None) };
            // None of the columns may be null.
            let length = usize::try_from(length).map_err(|_| unfit())?;
            if rest.len() < length {
                return Ok(None);
            }
            rest.advance(length);
            end += 4 + length;
            *place = end;
        }
        Ok(Some(ends))
    }
}

fn record(row: &Bytes, ends: &[usize; COLUMNS], known: &mut Known) -> Result<Record, LogError> {
    let range = |n: usize| n.checked_sub(1).map_or(2, |before| ends[before]) + 4..ends[n];
    let bytes = |n: usize| &row[range(n)];
    let text = |n: usize| std::str::from_utf8(bytes(n)).ok();
    let partition = u32::from_be_bytes(fixed(bytes(0))?);
    let offset = i64::from_be_bytes(fixed(bytes(1))?);
    let micros = i64::from_be_bytes(fixed(bytes(7))?);
    let parts = record::Parts {
        id: Some(DeliveryId(Uuid::from_bytes(fixed(bytes(2))?))),
        account: text(4),
        platform: text(5),
        road: text(6),
        received_at: micros.checked_add(EPOCH_MICROS).and_then(DateTime::<Utc>::from_timestamp_micros),
        capture: text(8),
        body: row.slice(range(9)),
    };
    Ok(Record {
        place: Place { partition, offset },
        size: record::size(parts.body.len()),
        delivery: parts.delivery(text(3), known),
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], LogError> {
    bytes.try_into().map_err(|_| unfit())
}

fn unfit() -> LogError {
    LogError::Unfit("columns of ledger.deliveries have other types than this program writes".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(body: &[u8]) -> Vec<u8> {
        let micros = (1_700_000_000_000_000 - EPOCH_MICROS).to_be_bytes();
        let id = Uuid::from_u128(7);
        let columns: [&[u8]; COLUMNS] = [
            &3_i32.to_be_bytes(),
            &70_i64.to_be_bytes(),
            id.as_bytes(),
            b"1",
            b"acme",
            b"chat2desk",
            b"webhook",
            &micros,
            b"{}",
            body,
        ];
        let mut bytes = 10_i16.to_be_bytes().to_vec();
        for column in columns {
            bytes.extend(i32::try_from(column.len()).unwrap().to_be_bytes());
            bytes.extend(column);
        }
        bytes
    }

    fn stream(bodies: &[Vec<u8>]) -> Vec<u8> {
        let rows = bodies.iter().flat_map(|body| row(body));
        SIGNATURE.iter().copied().chain([0; 8]).chain(rows).chain((-1_i16).to_be_bytes()).collect()
    }

    fn all(chunks: impl Iterator<Item = Bytes>) -> Result<Vec<Record>, LogError> {
        let (mut rows, mut known, mut records) = (Rows::default(), Known::default(), Vec::new());
        for chunk in chunks {
            rows.push(chunk);
            while let Some(record) = rows.next(&mut known)? {
                records.push(record);
            }
        }
        rows.ended()?;
        Ok(records)
    }

    proptest! {
        #[test]
        fn rows_come_back_however_they_are_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5), size in 1..200_usize,
        ) {
            let stream = stream(&bodies);
            let records = all(stream.chunks(size).map(Bytes::copy_from_slice)).unwrap();
            let read: Vec<Vec<u8>> =
                records.iter().map(|record| record.delivery.as_ref().unwrap().body.to_vec()).collect();
            prop_assert_eq!(read, bodies);
            for record in &records {
                prop_assert_eq!(record.place, Place { partition: 3, offset: 70 });
                let delivery = record.delivery.as_ref().unwrap();
                prop_assert_eq!(delivery.received_at.timestamp(), 1_700_000_000);
                prop_assert_eq!((delivery.account.as_str(), delivery.id.0), ("acme", Uuid::from_u128(7)));
            }
        }

        #[test]
        fn garbage_is_refused_and_nothing_worse(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_headed: bool) {
            if is_headed {
                bytes.splice(0..0, SIGNATURE.iter().copied().chain([0; 8]).chain([0, 10]));
            }
            all(std::iter::once(bytes.into())).ok();
        }
    }

    #[test]
    fn columns_of_another_type_and_rows_that_stop_are_told() {
        let whole = stream(&[b"x".to_vec()]);
        let mut other = whole.clone();
        other[HEAD + 5] = 5; // The partition has five bytes.
        for unfit in [other, whole[..whole.len() - 1].to_vec(), whole[..HEAD + 20].to_vec(), Vec::new()] {
            assert!(matches!(all(std::iter::once(unfit.into())), Err(LogError::Unfit(_))));
        }
        assert_eq!(all(std::iter::once(whole.into())).unwrap().len(), 1);
    }
}
