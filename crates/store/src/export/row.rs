//! Postgres' binary COPY format: a header, then for each row the number of its fields and each field with its length.

use crate::StoreError;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Postgres counts from 2000-01-01.
const DAYS_TO_2000: i32 = 10_957;
const MICROSECONDS_TO_2000: i64 = DAYS_TO_2000 as i64 * 24 * 3600 * 1_000_000;

/// Cuts a stream of bytes into rows.
#[derive(Debug, Default)]
pub struct Rows {
    buffer: Vec<u8>,
    at: usize,
    fields: Vec<Option<(usize, usize)>>,
    has_begun: bool,
    has_ended: bool,
}

/// One row, as long as the next one is not asked for.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    buffer: &'a [u8],
    fields: &'a [Option<(usize, usize)>],
}

fn unreadable() -> StoreError {
    StoreError::Refused("database: rows in a form that this version cannot read".to_owned())
}

impl Rows {
    /// More bytes, wherever they were cut.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole row; none when more bytes are needed, or at the end.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the bytes are none of this format.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, StoreError> {
        if !self.begin()? || self.has_ended {
            return Ok(None);
        }
        let Some(count) = number(&self.buffer, self.at).map(i16::from_be_bytes) else { return Ok(None) };
        if count == -1 {
            self.has_ended = true;
            return Ok(None);
        }
        let mut at = self.at + 2;
        self.fields.clear();
        for _ in 0..count {
            let Some(length) = number(&self.buffer, at).map(i32::from_be_bytes) else { return Ok(None) };
            at += 4;
            match usize::try_from(length) {
                Ok(length) if at + length > self.buffer.len() => return Ok(None),
                Ok(length) => {
                    self.fields.push(Some((at, at + length)));
                    at += length;
                }
                Err(_) if length == -1 => self.fields.push(None),
                Err(_) => return Err(unreadable()),
            }
        }
        self.at = at;
        Ok(Some(Row { buffer: &self.buffer, fields: &self.fields }))
    }

    /// True when the last row was followed by the end of the stream.
    pub fn is_whole(&self) -> bool {
        self.has_ended
    }

    fn begin(&mut self) -> Result<bool, StoreError> {
        if self.has_begun {
            return Ok(true);
        }
        // Signature, flags, and an extension with its length.
        let Some(extension) = number(&self.buffer, SIGNATURE.len() + 4).map(u32::from_be_bytes) else {
            return Ok(false);
        };
        if !self.buffer.starts_with(SIGNATURE) || extension != 0 {
            return Err(unreadable());
        }
        self.at = SIGNATURE.len() + 8;
        self.has_begun = true;
        Ok(true)
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl<'a> Row<'a> {
    fn field(&self, index: usize) -> Result<Option<&'a [u8]>, StoreError> {
        let field = *self.fields.get(index).ok_or_else(unreadable)?;
        Ok(field.and_then(|(from, to)| self.buffer.get(from..to)))
    }

    fn fixed<const N: usize>(&self, index: usize) -> Result<Option<[u8; N]>, StoreError> {
        self.field(index)?.map(|bytes| bytes.try_into().map_err(|_| unreadable())).transpose()
    }

    /// Text, or a document as text.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the field is none; as with the others.
    pub fn text(&self, index: usize) -> Result<Option<&'a str>, StoreError> {
        self.field(index)?.map(|bytes| std::str::from_utf8(bytes).map_err(|_| unreadable())).transpose()
    }

    /// True or false.
    pub fn bool(&self, index: usize) -> Result<Option<bool>, StoreError> {
        Ok(self.fixed::<1>(index)?.map(|[byte]| byte != 0))
    }

    /// A whole number.
    pub fn integer(&self, index: usize) -> Result<Option<i32>, StoreError> {
        Ok(self.fixed(index)?.map(i32::from_be_bytes))
    }

    /// A number.
    pub fn float(&self, index: usize) -> Result<Option<f64>, StoreError> {
        Ok(self.fixed(index)?.map(f64::from_be_bytes))
    }

    /// An instant in microseconds since 1970 UTC. Infinity is as far away as there is.
    pub fn instant(&self, index: usize) -> Result<Option<i64>, StoreError> {
        let found = self.fixed(index)?.map(i64::from_be_bytes);
        Ok(found.map(|microseconds| microseconds.saturating_add(MICROSECONDS_TO_2000)))
    }

    /// A day, counted from 1970-01-01.
    pub fn day(&self, index: usize) -> Result<Option<i32>, StoreError> {
        Ok(self.fixed(index)?.map(i32::from_be_bytes).map(|days| days.saturating_add(DAYS_TO_2000)))
    }

    /// A list of texts. Calls `take` with each; false when there is no list.
    pub fn texts(&self, index: usize, mut take: impl FnMut(Option<&'a str>)) -> Result<bool, StoreError> {
        let Some(bytes) = self.field(index)? else { return Ok(false) };
        // Dimensions, flags, type; for the one dimension its length and lower bound; then the elements.
        let dimensions = number(bytes, 0).map(i32::from_be_bytes).ok_or_else(unreadable)?;
        if dimensions == 0 {
            return Ok(true);
        }
        let length = number(bytes, 12).map(i32::from_be_bytes).ok_or_else(unreadable)?;
        if dimensions != 1 {
            return Err(unreadable());
        }
        let mut at = 20;
        for _ in 0..length {
            let size = number(bytes, at).map(i32::from_be_bytes).ok_or_else(unreadable)?;
            at += 4;
            let Ok(size) = usize::try_from(size) else {
                take(None);
                continue;
            };
            let text = bytes.get(at..at + size).ok_or_else(unreadable)?;
            take(Some(std::str::from_utf8(text).map_err(|_| unreadable())?));
            at += size;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0; 8]].concat();
        for (day, text) in [(-10_957_i32, Some("é")), (0, None)] {
            bytes.extend(2_i16.to_be_bytes());
            bytes.extend(4_i32.to_be_bytes());
            bytes.extend(day.to_be_bytes());
            bytes.extend(text.map_or(-1, |text: &str| text.len() as i32).to_be_bytes());
            bytes.extend(text.unwrap_or_default().as_bytes());
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    #[test]
    fn rows_are_the_same_wherever_the_stream_is_cut() {
        let stream = stream();
        for size in 1..=stream.len() {
            let (mut rows, mut found) = (Rows::default(), Vec::new());
            for piece in stream.chunks(size) {
                assert!(!rows.is_whole());
                rows.push(piece);
                while let Some(row) = rows.next_row().unwrap() {
                    found.push((row.day(0).unwrap(), row.text(1).unwrap().map(str::to_owned)));
                }
            }
            assert_eq!(found, [(Some(0), Some("é".to_owned())), (Some(10_957), None)]);
            assert!(rows.is_whole());
        }
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let mut rows = Rows::default();
        rows.push(&[b'x'; 40]);
        assert!(rows.next_row().is_err());
        let mut rows = Rows::default();
        rows.push(&stream());
        let row = rows.next_row().unwrap().unwrap();
        assert!(row.float(0).is_err() && row.text(2).is_err() && row.texts(1, |_| {}).is_err());
    }
}
