//! `manifest.json`: which files belong together. Written last.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use store::export::Object;
use store::positions::Position;

use crate::dataset::DATASETS;
use crate::{ExportError, Personal, SCHEMA_VERSION};

#[derive(Serialize)]
struct Manifest<'a> {
    schema_version: u32,
    /// Up to where the log was read when the rows were: the same for all files that this run wrote.
    positions: Vec<ManifestPosition<'a>>,
    /// Which columns are personal.
    personal: BTreeMap<&'static str, Vec<&'static str>>,
    /// What became of them.
    personal_treatment: &'static str,
    files: Vec<ManifestFile<'a>>,
}

#[derive(Serialize)]
struct ManifestPosition<'a> {
    log: &'a str,
    partition: u32,
    next: i64,
}

#[derive(Serialize)]
struct ManifestFile<'a> {
    path: &'a str,
    rows: i64,
    bytes: i64,
    sha256: &'a str,
}

/// The manifest's bytes: the same for the same objects and positions.
pub(crate) fn manifest(
    objects: &HashMap<String, Object>,
    positions: &[Position],
    personal: &Personal,
) -> Result<Vec<u8>, ExportError> {
    let mut files: Vec<&Object> = objects.values().filter(|object| !object.fingerprint.is_empty()).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        positions: positions
            .iter()
            .map(|at| ManifestPosition { log: &at.log_id, partition: at.partition, next: at.next })
            .collect(),
        personal: DATASETS
            .iter()
            .map(|dataset| (dataset.name(), dataset.personal().collect::<Vec<_>>()))
            .filter(|(_, columns)| !columns.is_empty())
            .collect(),
        personal_treatment: personal.name(),
        files: files
            .into_iter()
            .map(|object| ManifestFile {
                path: &object.path,
                rows: object.rows,
                bytes: object.bytes,
                sha256: &object.sha256,
            })
            .collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| ExportError::Refused(format!("manifest: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}
