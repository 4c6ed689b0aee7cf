//! The cells of a column, gathered for a batch.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder as _, BooleanBuilder, Date32Builder, Float64Builder, Int32Builder, ListBuilder,
    StringBuilder, StringDictionaryBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::types::Int32Type;
use store::export::{Kind, Row};

use crate::dataset::Column;
use crate::{ExportError, Personal, PersonalKey};

/// The builder of one column.
pub(crate) enum Cells {
    Texts(StringBuilder),
    Hashes(StringBuilder, PersonalKey),
    /// As many nulls as rows.
    Dropped(StringBuilder),
    Words(StringDictionaryBuilder<Int32Type>),
    Lists(ListBuilder<StringBuilder>),
    Bools(BooleanBuilder),
    Integers(Int32Builder),
    Floats(Float64Builder),
    Instants(TimestampMicrosecondBuilder),
    Days(Date32Builder),
}

impl Cells {
    pub(crate) fn new(column: &Column, personal: &Personal) -> Self {
        match (column.read.kind, personal) {
            (_, Personal::Hash(key)) if column.is_personal => Self::Hashes(StringBuilder::new(), key.clone()),
            (_, Personal::Drop) if column.is_personal => Self::Dropped(StringBuilder::new()),
            (Kind::Text, _) if column.is_word => Self::Words(StringDictionaryBuilder::new()),
            (Kind::Text | Kind::Json, _) => Self::Texts(StringBuilder::new()),
            (Kind::Texts, _) => Self::Lists(ListBuilder::new(StringBuilder::new())),
            (Kind::Bool, _) => Self::Bools(BooleanBuilder::new()),
            (Kind::Integer, _) => Self::Integers(Int32Builder::new()),
            (Kind::Float, _) => Self::Floats(Float64Builder::new()),
            (Kind::Instant, _) => Self::Instants(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            (Kind::Day, _) => Self::Days(Date32Builder::new()),
        }
    }

    /// Takes a field of a row; gives how many bytes of text it holds.
    pub(crate) fn push(&mut self, row: &Row<'_>, field: usize) -> Result<usize, ExportError> {
        let mut size = 0;
        match self {
            Self::Texts(cells) => {
                let text = row.text(field)?;
                size = text.map_or(0, str::len);
                cells.append_option(text);
            }
            Self::Hashes(cells, key) => cells.append_option(row.text(field)?.map(|text| key.hash(text))),
            Self::Dropped(cells) => cells.append_null(),
            Self::Words(cells) => match row.text(field)? {
                Some(text) => {
                    cells.append(text)?;
                }
                None => cells.append_null(),
            },
            Self::Lists(cells) => {
                let is_list = row.texts(field, |text| {
                    size += text.map_or(0, str::len);
                    cells.values().append_option(text);
                })?;
                cells.append(is_list);
            }
            Self::Bools(cells) => cells.append_option(row.bool(field)?),
            Self::Integers(cells) => cells.append_option(row.integer(field)?),
            Self::Floats(cells) => cells.append_option(row.float(field)?),
            Self::Instants(cells) => cells.append_option(row.instant(field)?),
            Self::Days(cells) => cells.append_option(row.day(field)?),
        }
        Ok(size)
    }

    /// What was gathered; the builder is empty again.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Texts(cells) | Self::Hashes(cells, _) | Self::Dropped(cells) => Arc::new(cells.finish()),
            Self::Words(cells) => Arc::new(cells.finish()),
            Self::Lists(cells) => Arc::new(cells.finish()),
            Self::Bools(cells) => Arc::new(cells.finish()),
            Self::Integers(cells) => Arc::new(cells.finish()),
            Self::Floats(cells) => Arc::new(cells.finish()),
            Self::Instants(cells) => Arc::new(cells.finish()),
            Self::Days(cells) => Arc::new(cells.finish()),
        }
    }

    /// How many cells wait.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Texts(cells) | Self::Hashes(cells, _) | Self::Dropped(cells) => cells.len(),
            Self::Words(cells) => cells.len(),
            Self::Lists(cells) => cells.len(),
            Self::Bools(cells) => cells.len(),
            Self::Integers(cells) => cells.len(),
            Self::Floats(cells) => cells.len(),
            Self::Instants(cells) => cells.len(),
            Self::Days(cells) => cells.len(),
        }
    }
}
