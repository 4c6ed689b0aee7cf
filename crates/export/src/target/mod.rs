//! Where files go: a folder, or a bucket of an S3-compatible store.
//!
//! Either way an object is seen whole or not at all: a file appears by one rename, an object by one put or one completed
//! multipart upload. Everything here blocks and is called on a blocking thread.

mod bucket;
mod folder;

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use crate::ExportError;

/// A place for files.
#[derive(Debug)]
pub struct Target {
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(folder::Folder),
    Bucket(bucket::Bucket),
}

impl Target {
    /// What `--out` names: a folder, which is made when it is missing, or `s3://bucket/prefix`, whose access comes from
    /// the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL` and their kin).
    /// `runtime` is where the bucket's requests are made.
    ///
    /// # Errors
    /// [`ExportError::Refused`] when the folder cannot be made, or the address or the environment make no sense.
    pub fn open(out: &str, runtime: Handle) -> Result<Self, ExportError> {
        if let Some(address) = out.strip_prefix("s3://") {
            let bucket = bucket::Bucket::open(address, runtime)?;
            return Ok(Self { name: bucket.name(), place: Place::Bucket(bucket) });
        }
        if out.contains("://") {
            return Err(ExportError::Refused(format!("{out}: must be a folder, or s3://bucket/prefix")));
        }
        let folder = folder::Folder::open(out)?;
        Ok(Self { name: folder.name(), place: Place::Folder(folder) })
    }

    /// What it is called in `ledger`, the same from wherever it is named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The objects below it that lie where ours do, with their sizes. Takes away what a killed run left.
    pub(crate) fn list(&self) -> Result<HashMap<String, u64>, ExportError> {
        match &self.place {
            Place::Folder(folder) => folder.list(),
            Place::Bucket(bucket) => bucket.list(),
        }
    }

    /// Begins an object; nobody sees it before [`Upload::finish`].
    pub(crate) fn begin(&self, path: &str) -> Result<Upload<'_>, ExportError> {
        let stream = match &self.place {
            Place::Folder(folder) => Stream::File(folder.begin(path)?),
            Place::Bucket(bucket) => Stream::Parts(bucket.begin(path)),
        };
        Ok(Upload { stream, hash: Sha256::new(), bytes: 0 })
    }

    /// Gives up what [`Upload::begun`] told of a run that was killed.
    pub(crate) fn give_up(&self, path: &str, upload: &str) -> Result<(), ExportError> {
        match &self.place {
            // Its unfinished files go with the listing.
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.give_up(path, upload),
        }
    }

    /// Removes an object; that it is gone already is fine.
    pub(crate) fn remove(&self, path: &str) -> Result<(), ExportError> {
        match &self.place {
            Place::Folder(folder) => folder.remove(path),
            Place::Bucket(bucket) => bucket.remove(path),
        }
    }
}

/// An object in the making. Dropped unfinished, it leaves nothing.
pub(crate) struct Upload<'t> {
    stream: Stream<'t>,
    hash: Sha256,
    bytes: u64,
}

enum Stream<'t> {
    File(folder::File<'t>),
    Parts(bucket::Parts<'t>),
}

/// What was written.
pub(crate) struct Finished {
    pub(crate) bytes: u64,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

impl Upload<'_> {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        match &mut self.stream {
            Stream::File(file) => file.write(bytes),
            Stream::Parts(parts) => parts.write(bytes),
        }
    }

    /// What has to be given up when this process dies; told once, when it has begun.
    pub(crate) fn begun(&mut self) -> Option<String> {
        match &mut self.stream {
            Stream::File(_) => None,
            Stream::Parts(parts) => parts.begun(),
        }
    }

    /// Makes it visible.
    pub(crate) fn finish(self) -> Result<Finished, ExportError> {
        match self.stream {
            Stream::File(file) => file.finish()?,
            Stream::Parts(parts) => parts.finish()?,
        }
        Ok(Finished { bytes: self.bytes, sha256: hex::encode(self.hash.finalize()) })
    }
}
