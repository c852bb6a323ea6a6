//! What the writer and the readers of a journal share: the table of segments, the durable
//! end, open files, and places from which a scan can begin.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::error::JournalError;
use super::key::NodeKey;
use super::segment::{HEADER_BYTES, Header, segment_path};
use super::walk::Mark;
use crate::env::{Disk, DiskFile};
use crate::feed::exchange::Anchor;

/// Files that are kept open for reading.
const OPEN_FILES_MAX: usize = 32;
/// A mark is kept about every so many bytes of a segment that has been scanned or written.
const MARK_SPACING_BYTES: u64 = 64 << 10;
/// Segments for which marks are kept: 3 MiB of memory at the most.
const MARKED_SEGMENTS_MAX: usize = 64;

/// The durable end of the journal.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) anchor: Anchor,
    pub(super) segment: u64,
    /// Where the next frame will begin.
    pub(super) offset: u64,
}

/// A segment with the sequences that are valid in it.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) header: Header,
    /// The last sequence that is not abandoned; below the first if there is none.
    pub(super) last: u64,
}

pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) key: NodeKey,
    /// In order; the ids are 1, 2, 3, …
    segments: RwLock<Vec<Header>>,
    end: RwLock<End>,
    files: Mutex<VecDeque<(u64, Arc<dyn DiskFile>)>>,
    marks: Mutex<BTreeMap<u64, Vec<Mark>>>,
    /// Bytes of the files before the last.
    former_bytes: AtomicU64,
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, directory: &Path, key: NodeKey, segments: Vec<Header>, end: End) -> Self {
        Self {
            disk,
            directory: directory.to_owned(),
            key,
            segments: RwLock::new(segments),
            end: RwLock::new(end),
            files: Mutex::default(),
            marks: Mutex::default(),
            former_bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn end(&self) -> End {
        *self.end.read()
    }

    pub(super) fn set_end(&self, end: End) {
        *self.end.write() = end;
    }

    pub(super) fn path(&self, segment: u64) -> PathBuf {
        segment_path(&self.directory, segment)
    }

    pub(super) fn headers(&self) -> Vec<Header> {
        self.segments.read().clone()
    }

    pub(super) fn last_header(&self) -> Option<Header> {
        self.segments.read().last().copied()
    }

    /// Adds the segment that was begun.
    pub(super) fn push(&self, header: Header) {
        self.former_bytes.fetch_add(self.end().offset, Ordering::Relaxed);
        self.segments.write().push(header);
    }

    /// Bytes on disk, without what is only zeroed ahead.
    pub(super) fn bytes(&self) -> u64 {
        self.former_bytes.load(Ordering::Relaxed) + self.end().offset
    }

    pub(super) fn set_former_bytes(&self, bytes: u64) {
        self.former_bytes.store(bytes, Ordering::Relaxed);
    }

    /// A segment and what is valid in it.
    pub(super) fn extent(&self, segment: u64) -> Option<Extent> {
        let segments = self.segments.read();
        let at = usize::try_from(segment.checked_sub(1)?).ok()?;
        let header = *segments.get(at)?;
        let durable = self.end().anchor.sequence;
        let last = segments.get(at + 1).map_or(durable, |next| next.first.saturating_sub(1));
        Some(Extent { header, last })
    }

    /// The segment that holds a sequence; of several that begin with it, the newest.
    pub(super) fn segment_of(&self, sequence: u64) -> Option<u64> {
        let segments = self.segments.read();
        let after = segments.partition_point(|header| header.first <= sequence);
        segments.get(after.checked_sub(1)?).map(|header| header.id)
    }

    pub(super) fn file(&self, segment: u64) -> Result<Arc<dyn DiskFile>, JournalError> {
        let mut files = self.files.lock();
        if let Some((_, file)) = files.iter().find(|(id, _)| *id == segment) {
            return Ok(Arc::clone(file));
        }
        let path = self.path(segment);
        // `open` would make a missing file, and hide that it is missing.
        self.disk.mode(&path).map_err(JournalError::io("opening", &path))?;
        let file: Arc<dyn DiskFile> = self.disk.open(&path).map_err(JournalError::io("opening", &path))?.into();
        if files.len() >= OPEN_FILES_MAX {
            files.pop_front();
        }
        files.push_back((segment, Arc::clone(&file)));
        Ok(file)
    }

    /// The nearest known place at or before a sequence of a segment.
    pub(super) fn mark_before(&self, header: &Header, sequence: u64) -> Mark {
        let first = Mark { sequence: header.first, offset: HEADER_BYTES as u64, previous: header.previous };
        let marks = self.marks.lock();
        let Some(known) = marks.get(&header.id) else { return first };
        let after = known.partition_point(|mark| mark.sequence <= sequence);
        after.checked_sub(1).and_then(|at| known.get(at)).copied().unwrap_or(first)
    }

    /// Remembers places that rise; keeps those that are far enough from the last one.
    pub(super) fn remember(&self, segment: u64, places: impl IntoIterator<Item = Mark>) {
        let mut marks = self.marks.lock();
        let known = marks.entry(segment).or_default();
        for mark in places {
            let from = known.last().map_or(HEADER_BYTES as u64, |last| last.offset);
            if mark.offset >= from.saturating_add(MARK_SPACING_BYTES) {
                known.push(mark);
            }
        }
        if marks.len() > MARKED_SEGMENTS_MAX {
            // The oldest, unless this is the oldest: then the next.
            let drop = marks.keys().copied().find(|id| *id != segment);
            drop.map(|id| marks.remove(&id));
        }
    }
}
