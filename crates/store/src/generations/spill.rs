//! Packed tellings on their way from the log to the fold: files of the machine that rebuilds, as a database spills what
//! does not fit into its memory. Through a table they would cost twice the time of writing and reading them here.
//!
//! A file consists of segments: where each bucket ends (one number a bucket), then the tellings, bucket by bucket. A
//! segment counts once its row in `rebuild_segments` is committed, together with the positions of what it holds; what
//! else stands in a file is garbage of somebody who was killed. Nobody waits for the disk: after a crash of the machine the
//! hashes tell ([`Spill::is_intact`]), and the rebuild begins anew.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::StoreError;

/// Where the files of a rebuild are. They hold what people wrote: only their owner may read them.
#[derive(Clone, Debug)]
pub struct Spill {
    folder: PathBuf,
}

/// A part of a file, as `rebuild_segments` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    file: String,
    start: i64,
    bytes: i64,
    hash: i64,
    /// It holds what is not filed yet, in no order.
    waits: bool,
}

impl Spill {
    /// The folder of a build, below `below`.
    pub fn new(below: &Path, build: Uuid) -> Self {
        Self { folder: below.join(format!("rebuild-{build}")) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes it.
    pub fn make(&self) -> Result<(), StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| full("make", &self.folder, &error))
    }

    /// Takes away what does not count: files of loaders that were killed.
    pub fn tidy(&self, segments: &[Segment]) -> Result<(), StoreError> {
        let names: HashSet<&str> = segments.iter().map(|segment| &*segment.file).collect();
        let entries = fs::read_dir(&self.folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(|error| failed("read", &self.folder, &error))? {
            if !entry.file_name().to_str().is_some_and(|name| names.contains(name)) {
                removed(&entry.path(), fs::remove_file(entry.path()))?;
            }
        }
        Ok(())
    }

    /// Takes it away with all that is in it.
    pub fn remove(&self) -> Result<(), StoreError> {
        removed(&self.folder, fs::remove_dir_all(&self.folder))
    }

    /// Whether it is there: another machine has its own.
    pub fn is_here(&self) -> bool {
        self.folder.is_dir()
    }

    /// A file that nobody else writes.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        let made = tempfile::Builder::new().suffix(".tellings").tempfile_in(&self.folder);
        let made = made.and_then(|file| Ok(file.keep()?));
        let (file, path) = made.map_err(|error| full("make a file in", &self.folder, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Writer { path, name, file: BufWriter::with_capacity(BUFFER, file), end: 0 })
    }

    /// What is written so far.
    pub async fn segments(next: &PgPool) -> Result<Vec<Segment>, StoreError> {
        let rows: Vec<(String, i64, i64, i64, bool)> = sqlx::query_as(
            "select file, start, bytes, hash, waits from rebuild_segments order by file, start",
        )
        .fetch_all(next)
        .await?;
        let segment = |(file, start, bytes, hash, waits)| Segment { file, start, bytes, hash, waits };
        Ok(rows.into_iter().map(segment).collect())
    }

    /// Whether a segment is as it was written. Reads all of it.
    pub fn is_intact(&self, segment: &Segment) -> bool {
        self.read_all(segment).is_ok_and(|bytes| xxh3_64(&bytes).cast_signed() == segment.hash)
    }

    fn read_all(&self, segment: &Segment) -> io::Result<Vec<u8>> {
        let file = File::open(self.folder.join(&segment.file))?;
        let length = usize::try_from(segment.bytes).map_err(io::Error::other)?;
        // Not to ask for memory on the word of a table.
        if file.metadata()?.len() < (segment.start + segment.bytes).unsigned_abs() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, segment.start.unsigned_abs())?;
        Ok(bytes)
    }

    /// Reads bucket after bucket, each out of all segments.
    pub fn reader(&self, segments: &[Segment], buckets: u32) -> Result<Reader, StoreError> {
        let mut parts = Vec::with_capacity(segments.len());
        let mut file: Option<(&str, Arc<File>)> = None;
        for segment in segments.iter().filter(|segment| !segment.waits) {
            let path = self.folder.join(&segment.file);
            let opened = match &file {
                Some((name, opened)) if *name == segment.file => opened.clone(),
                _ => File::open(&path).map_err(|error| failed("read", &path, &error))?.into(),
            };
            file = Some((&segment.file, opened.clone()));
            let mut ends = vec![0; buckets as usize * WIDTH];
            let start = segment.start.unsigned_abs();
            opened.read_exact_at(&mut ends, start).map_err(|error| failed("read", &path, &error))?;
            let ends = ends.as_chunks::<WIDTH>().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
            parts.push(Part { path, file: opened, start: start + u64::from(buckets) * WIDTH as u64, ends });
        }
        Ok(Reader { parts })
    }

    /// Reads what waits, one by one.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting { folder: self.folder.clone(), files: HashMap::new() }
    }
}

fn removed(path: &Path, outcome: io::Result<()>) -> Result<(), StoreError> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Bytes that all buckets together keep when they are empty.
const HELD: usize = 16 << 20;
/// Small buckets go to the file together.
const BUFFER: usize = 64 << 10;
/// Bytes of a number.
const WIDTH: usize = 4;

/// Packed tellings in memory, by bucket.
#[derive(Debug, Default)]
pub(super) struct Heap {
    buckets: Vec<Vec<u8>>,
    bytes: usize,
}

impl Heap {
    pub(super) fn new(buckets: u32) -> Self {
        Self { buckets: vec![Vec::new(); buckets as usize], bytes: 0 }
    }

    /// Adds what `pack` writes.
    pub(super) fn add(&mut self, bucket: u32, pack: impl FnOnce(&mut Vec<u8>)) {
        let held = &mut self.buckets[bucket as usize];
        let before = held.len();
        pack(held);
        self.bytes += held.len() - before;
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What a bucket once took it does not keep, or all of them would: each has its day.
    fn clear(&mut self) {
        let kept = HELD / self.buckets.len();
        for bucket in &mut self.buckets {
            bucket.clear();
            bucket.shrink_to(kept);
        }
        self.bytes = 0;
    }
}

/// Writes segments into one file.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    name: String,
    file: BufWriter<File>,
    end: i64,
}

impl Writer {
    /// Writes what is in memory, which is empty then; `None` where nothing was.
    pub(super) fn write(&mut self, heap: &mut Heap) -> Result<Option<Segment>, StoreError> {
        if heap.bytes == 0 {
            return Ok(None);
        }
        let mut head = Vec::with_capacity(heap.buckets.len() * WIDTH);
        let mut end = 0_u32;
        for bucket in &heap.buckets {
            // A segment is some MiB.
            end += u32::try_from(bucket.len()).unwrap_or(u32::MAX);
            head.extend(end.to_le_bytes());
        }
        let parts = std::iter::once(&head).chain(&heap.buckets).map(Vec::as_slice);
        let segment = self.append(parts, false)?;
        heap.clear();
        Ok(Some(segment))
    }

    /// Writes what is not filed yet, which is empty then.
    pub(super) fn write_waiting(&mut self, waiting: &mut Vec<u8>) -> Result<Option<Segment>, StoreError> {
        if waiting.is_empty() {
            return Ok(None);
        }
        let segment = self.append(std::iter::once(waiting.as_slice()), true)?;
        waiting.clear();
        Ok(Some(segment))
    }

    /// The file's name in its folder.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that are in the file.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    fn append<'a>(
        &mut self,
        parts: impl Iterator<Item = &'a [u8]>,
        waits: bool,
    ) -> Result<Segment, StoreError> {
        let (start, mut hash) = (self.end, Xxh3::new());
        for part in parts {
            hash.update(part);
            self.file.write_all(part).map_err(|error| full("write", &self.path, &error))?;
            self.end += i64::try_from(part.len()).unwrap_or(i64::MAX);
        }
        self.file.flush().map_err(|error| full("write", &self.path, &error))?;
        let hash = hash.digest().cast_signed();
        Ok(Segment { file: self.name.clone(), start, bytes: self.end - start, hash, waits })
    }
}

/// Notes that a segment counts.
pub(super) async fn note(connection: &mut PgConnection, segment: &Segment) -> Result<(), StoreError> {
    sqlx::query("insert into rebuild_segments (file, start, bytes, hash, waits) values ($1, $2, $3, $4, $5)")
        .bind(&segment.file)
        .bind(segment.start)
        .bind(segment.bytes)
        .bind(segment.hash)
        .bind(segment.waits)
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads buckets. In memory it has four bytes for each bucket of each segment.
#[derive(Debug)]
pub struct Reader {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: Arc<File>,
    /// Where its first bucket begins.
    start: u64,
    ends: Vec<u32>,
}

impl Reader {
    /// The packed tellings of one bucket, one after the other: meant to fit into memory several times.
    pub(super) fn read(&self, bucket: u32) -> Result<Vec<u8>, StoreError> {
        let range = |part: &Part| {
            let bucket = bucket as usize;
            let from = bucket.checked_sub(1).map_or(0, |before| part.ends[before]);
            (from, part.ends[bucket])
        };
        let all: usize = self.parts.iter().map(range).map(|(from, to)| (to - from) as usize).sum();
        let mut bytes = vec![0; all];
        let mut place = 0;
        for part in &self.parts {
            let (from, to) = range(part);
            let next = place + (to - from) as usize;
            part.file
                .read_exact_at(&mut bytes[place..next], part.start + u64::from(from))
                .map_err(|error| failed("read", &part.path, &error))?;
            place = next;
        }
        Ok(bytes)
    }
}

/// Reads tellings that waited, each by its place.
#[derive(Debug)]
pub(super) struct Waiting {
    folder: PathBuf,
    files: HashMap<String, File>,
}

impl Waiting {
    /// One packed telling.
    pub(super) fn read(&mut self, name: &str, start: i64, bytes: &mut [u8]) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        let error = |error: io::Error| failed("read", &path, &error);
        if !self.files.contains_key(name) {
            self.files.insert(name.to_owned(), File::open(&path).map_err(error)?);
        }
        match self.files.get(name) {
            Some(file) => file.read_exact_at(bytes, start.unsigned_abs()).map_err(error),
            None => Ok(()),
        }
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Refused(format!("cannot {what} {}: {error}", path.display()))
}

fn full(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Refused(format!(
        "cannot {what} {}: {error}; a rebuild needs room there, about as much as the log's bodies take",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const BUCKETS: u32 = 3;

    fn spill(below: &tempfile::TempDir) -> Spill {
        let spill = Spill::new(below.path(), Uuid::from_u128(2));
        spill.make().unwrap();
        spill
    }

    fn heap(tellings: &[(u32, &str)]) -> Heap {
        let mut heap = Heap::new(BUCKETS);
        for (bucket, telling) in tellings {
            heap.add(*bucket, |out| out.extend_from_slice(telling.as_bytes()));
        }
        heap
    }

    fn written(spill: &Spill) -> Vec<Segment> {
        let (mut first, mut second) = (spill.writer().unwrap(), spill.writer().unwrap());
        let write = |writer: &mut Writer, tellings: &[(u32, &str)]| {
            writer.write(&mut heap(tellings)).unwrap().unwrap()
        };
        vec![
            write(&mut first, &[(2, "a"), (0, "bb"), (2, "ccc")]),
            write(&mut second, &[(0, "d")]),
            write(&mut first, &[(2, "ee")]),
        ]
    }

    #[test]
    fn a_bucket_comes_back_from_all_segments_of_all_files() {
        let below = tempfile::tempdir().unwrap();
        let spill = spill(&below);
        let segments = written(&spill);
        let reader = spill.reader(&segments, BUCKETS).unwrap();
        let read = |bucket| String::from_utf8(reader.read(bucket).unwrap()).unwrap();
        assert_eq!([read(0), read(1), read(2)], ["bbd", "", "acccee"]);
        // What does not count is not read.
        let reader = spill.reader(&segments[..2], BUCKETS).unwrap();
        assert_eq!(reader.read(2).unwrap(), b"accc");
        assert!(segments.iter().all(|segment| spill.is_intact(segment)));
    }

    #[test]
    fn what_waits_is_found_by_its_place_and_by_no_bucket() {
        let below = tempfile::tempdir().unwrap();
        let spill = spill(&below);
        let mut writer = spill.writer().unwrap();
        let first = writer.write(&mut heap(&[(0, "aa")])).unwrap().unwrap();
        let start = writer.end();
        let waiting = writer.write_waiting(&mut b"bccd".to_vec()).unwrap().unwrap();
        let mut read = [0; 2];
        spill.waiting().read(writer.name(), start + 1, &mut read).unwrap();
        assert_eq!(&read, b"cc");
        assert!(spill.is_intact(&waiting));
        let reader = spill.reader(&[first, waiting], BUCKETS).unwrap();
        assert_eq!(reader.read(0).unwrap(), b"aa");
        assert!(spill.waiting().read("gone", 0, &mut read).unwrap_err().to_string().contains("gone"));
    }

    #[test]
    fn what_does_not_count_is_taken_away_when_it_goes_on() {
        let below = tempfile::tempdir().unwrap();
        let spill = Spill::new(below.path(), Uuid::from_u128(2));
        assert!(!spill.is_here());
        spill.make().unwrap();
        let segments = written(&spill);
        let killed = spill.writer().unwrap();
        spill.tidy(&segments).unwrap();
        assert!(!killed.path.exists() && spill.is_here());
        assert!(segments.iter().all(|segment| spill.is_intact(segment)));
    }

    #[test]
    fn empty_buckets_keep_a_bounded_part_of_what_they_once_had() {
        let below = tempfile::tempdir().unwrap();
        let (mut writer, mut heap) = (spill(&below).writer().unwrap(), Heap::new(BUCKETS));
        for bucket in 0..BUCKETS {
            heap.add(bucket, |out| out.resize(HELD, 0));
            writer.write(&mut heap).unwrap();
        }
        assert!(heap.buckets.iter().map(Vec::capacity).sum::<usize>() <= HELD);
    }

    #[test]
    fn nothing_is_no_segment() {
        let below = tempfile::tempdir().unwrap();
        let mut writer = spill(&below).writer().unwrap();
        assert_eq!(writer.write(&mut Heap::new(BUCKETS)).unwrap(), None);
    }

    #[test]
    fn a_file_that_was_cut_changed_or_taken_away_is_not_intact() {
        let damages: [fn(&Path); 3] = [
            |path| File::options().write(true).open(path).unwrap().set_len(20).unwrap(),
            |path| File::options().write(true).open(path).unwrap().write_all_at(b"x", 13).unwrap(),
            |path| fs::remove_file(path).unwrap(),
        ];
        for damage in damages {
            let below = tempfile::tempdir().unwrap();
            let spill = spill(&below);
            let segments = written(&spill);
            damage(&spill.folder.join(&segments[0].file));
            assert!(!segments.iter().all(|segment| spill.is_intact(segment)));
            assert!(spill.is_intact(&segments[1]));
        }
    }

    #[test]
    fn only_the_owner_reads_what_people_wrote_and_nothing_is_left() {
        let below = tempfile::tempdir().unwrap();
        let spill = spill(&below);
        let segments = written(&spill);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&spill.folder), 0o700);
        assert_eq!(mode(&spill.folder.join(&segments[0].file)), 0o600);
        spill.remove().unwrap();
        spill.remove().unwrap();
        assert!(fs::read_dir(below.path()).unwrap().next().is_none());
        let error = spill.writer().unwrap_err().to_string();
        assert!(error.contains("a rebuild needs room there"), "{error}");
    }
}
