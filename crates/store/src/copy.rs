//! Rows for `COPY … (format binary)`: the quickest way into a table, exact for every value.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::StoreError;

/// Bytes that go to the server at once.
const PIECE: usize = 1 << 18;
/// Of an array of text, in `pg_type`.
const TEXT: i32 = 25;

/// Rows on their way into one table.
#[derive(Debug)]
pub struct CopyRows {
    bytes: Vec<u8>,
    rows: u64,
}

impl CopyRows {
    pub(crate) fn new() -> Self {
        // Signature, flags, length of the header's extension.
        Self { bytes: b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec(), rows: 0 }
    }

    /// Bytes that wait to be sent.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Begins a row of so many columns; exactly so many values follow.
    pub(crate) fn row(&mut self, columns: usize) {
        self.bytes.extend(i16::try_from(columns).unwrap_or(i16::MAX).to_be_bytes());
        self.rows += 1;
    }

    pub(crate) fn value<V: CopyValue + ?Sized>(&mut self, value: &V) {
        value.write(&mut self.bytes);
    }

    /// Sends them: `statement` is `copy <table> (<columns>) from stdin (format binary)`.
    pub(crate) async fn send(
        self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> Result<u64, StoreError> {
        Ok(self.send_raw(connection, statement).await?)
    }

    async fn send_raw(mut self, connection: &mut PgConnection, statement: &str) -> Result<u64, sqlx::Error> {
        if self.rows == 0 {
            return Ok(0);
        }
        self.bytes.extend((-1_i16).to_be_bytes());
        let mut copy = connection.copy_in_raw(statement).await?;
        for piece in self.bytes.chunks(PIECE) {
            copy.send(piece).await?;
        }
        copy.finish().await
    }

    /// The same, within a savepoint: false when a row's key is there already, and then nothing was sent.
    pub(crate) async fn send_new(
        self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> Result<bool, StoreError> {
        let mut savepoint = connection.begin().await?;
        match self.send_raw(&mut savepoint, statement).await {
            Ok(_) => {
                savepoint.commit().await?;
                Ok(true)
            }
            Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
                savepoint.rollback().await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A value as Postgres receives it in binary: its length, then its bytes.
pub(crate) trait CopyValue {
    /// Writes both; for null the length is -1.
    fn write(&self, out: &mut Vec<u8>);
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn length(out: &mut Vec<u8>, bytes: usize) {
    // Beyond 1 GiB the server refuses the row whatever is said here.
    out.extend(i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes());
}

fn null(out: &mut Vec<u8>) {
    out.extend((-1_i32).to_be_bytes());
}

impl CopyValue for str {
    fn write(&self, out: &mut Vec<u8>) {
        sized(out, self.as_bytes());
    }
}

impl CopyValue for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl CopyValue for [u8] {
    fn write(&self, out: &mut Vec<u8>) {
        sized(out, self);
    }
}

impl<V: CopyValue + ?Sized> CopyValue for &V {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<V: CopyValue> CopyValue for Option<V> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(out),
            None => null(out),
        }
    }
}

/// Numbers, most significant byte first.
macro_rules! numbers {
    ($($ty:ty),+) => {
        $(impl CopyValue for $ty {
            fn write(&self, out: &mut Vec<u8>) {
                sized(out, &self.to_be_bytes());
            }
        })+
    };
}
numbers!(i16, i32, i64, f64);

impl CopyValue for bool {
    fn write(&self, out: &mut Vec<u8>) {
        sized(out, &[u8::from(*self)]);
    }
}

impl CopyValue for Uuid {
    fn write(&self, out: &mut Vec<u8>) {
        sized(out, self.as_bytes());
    }
}

/// A `timestamptz` in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Micros(pub(crate) i64);

impl CopyValue for Micros {
    fn write(&self, out: &mut Vec<u8>) {
        // Postgres counts from 2000-01-01; the greatest number is `infinity`.
        if self.0 == i64::MAX {
            return self.0.write(out);
        }
        self.0.saturating_sub(946_684_800_000_000).write(out);
    }
}

impl CopyValue for DateTime<Utc> {
    fn write(&self, out: &mut Vec<u8>) {
        // Rounded, as Postgres does with a text that has more digits.
        let rounded = self.timestamp_micros() + i64::from(self.timestamp_subsec_nanos() % 1000 >= 500);
        Micros(rounded).write(out);
    }
}

impl CopyValue for NaiveDate {
    fn write(&self, out: &mut Vec<u8>) {
        let days =
            self.signed_duration_since(NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default()).num_days();
        i32::try_from(days).unwrap_or(i32::MAX).write(out);
    }
}

impl CopyValue for Vec<String> {
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        length(out, 0);
        let dimensions = i32::from(!self.is_empty());
        for part in [dimensions, 0, TEXT] {
            out.extend(part.to_be_bytes());
        }
        if dimensions == 1 {
            length(out, self.len());
            out.extend(1_i32.to_be_bytes());
            for text in self {
                text.write(out);
            }
        }
        let bytes = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX).to_be_bytes();
        out[start..start + 4].copy_from_slice(&bytes);
    }
}

/// `jsonb`; JSON's null is SQL's, as in `json_populate_recordset`.
impl CopyValue for serde_json::Value {
    fn write(&self, out: &mut Vec<u8>) {
        if self.is_null() {
            return null(out);
        }
        let text = self.to_string();
        length(out, text.len() + 1);
        out.push(1); // the version of jsonb's binary form
        out.extend_from_slice(text.as_bytes());
    }
}
