//! One object: rows in, bytes of a Parquet file out, in pieces.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use store::export::{Kind, Row};

use crate::cells::Cells;
use crate::dataset::{Column, Dataset};
use crate::{ExportError, Personal, SCHEMA_VERSION};

/// Rows in a row group at most: what one thread of a reader takes at a time.
const GROUP_ROWS: usize = 120 * 1024;
/// Bytes in a row group at most, as encoded: bounds what a writer holds.
const GROUP_BYTES: usize = 32 << 20;
/// Rows in a batch at most; a group is a whole number of them.
const BATCH_ROWS: usize = 8 * 1024;
/// Bytes of text in a batch at most, a row more or less.
const BATCH_BYTES: usize = 4 << 20;

/// How the files of a dataset are made.
pub(crate) struct Form {
    dataset: &'static Dataset,
    personal: Personal,
    schema: Arc<Schema>,
    properties: WriterProperties,
}

impl Form {
    pub(crate) fn new(dataset: &'static Dataset, personal: &Personal) -> Result<Self, ExportError> {
        let properties = properties(dataset, personal)?;
        Ok(Self { dataset, personal: personal.clone(), schema: dataset.schema(), properties })
    }

    pub(crate) fn begin(&self) -> Result<ParquetFile<'_>, ExportError> {
        let writer = ArrowWriter::try_new(Vec::new(), self.schema.clone(), Some(self.properties.clone()))?;
        let cells = self.dataset.columns.iter().map(|column| Cells::new(column, &self.personal)).collect();
        Ok(ParquetFile { form: self, cells, text_bytes: 0, rows: 0, writer })
    }
}

fn properties(dataset: &Dataset, personal: &Personal) -> Result<WriterProperties, ExportError> {
    let pair = |key: &str, value: String| KeyValue::new(format!("chatledger.{key}"), value);
    let mut metadata =
        vec![pair("schema_version", SCHEMA_VERSION.to_string()), pair("dataset", dataset.name().to_owned())];
    if dataset.personal().next().is_some() {
        metadata.push(pair("personal", personal.name().to_owned()));
    }
    let place = |name: &&str| dataset.columns.iter().position(|column| column.read.name == *name);
    let sorted = dataset.source.order().iter().filter_map(place).filter_map(|place| {
        // Each column of ours is one leaf of the schema.
        let column_idx = i32::try_from(place).ok()?;
        Some(SortingColumn { column_idx, descending: false, nulls_first: false })
    });
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_sorting_columns(Some(sorted.collect()))
        .set_key_value_metadata(Some(metadata));
    for column in dataset.columns {
        let path = ColumnPath::from(column.read.name);
        if !repeats(column, dataset) {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if column.is_personal {
            // Bounds of texts help no query, and would be the texts.
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    Ok(properties.build())
}

/// True when the same value comes often enough for a dictionary.
fn repeats(column: &Column, dataset: &Dataset) -> bool {
    let is_key = dataset.source.order().contains(&column.read.name);
    !is_key && !column.is_personal && !matches!(column.read.kind, Kind::Instant | Kind::Float | Kind::Json)
}

/// A file in the making.
pub(crate) struct ParquetFile<'f> {
    form: &'f Form,
    cells: Vec<Cells>,
    text_bytes: usize,
    rows: i64,
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetFile<'_> {
    /// Takes a row, whose first field is not ours. Gives bytes of the file when there are some.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<Option<Vec<u8>>, ExportError> {
        for (place, cells) in self.cells.iter_mut().enumerate() {
            self.text_bytes += cells.push(row, place + 1)?;
        }
        self.rows += 1;
        let waiting = self.cells.first().map_or(0, Cells::len);
        if waiting < BATCH_ROWS && self.text_bytes < BATCH_BYTES {
            return Ok(None);
        }
        self.write_batch()?;
        if self.writer.inner().is_empty() {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self.writer.inner_mut())))
    }

    fn write_batch(&mut self) -> Result<(), ExportError> {
        self.text_bytes = 0;
        let columns = self.cells.iter_mut().map(Cells::finish).collect();
        let batch = RecordBatch::try_new(self.form.schema.clone(), columns)?;
        self.writer.write(&batch)?;
        self.writer.sync().map_err(|error| ExportError::Refused(format!("parquet: {error}")))
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> i64 {
        self.rows
    }

    /// The rest of the file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ExportError> {
        self.write_batch()?;
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}
