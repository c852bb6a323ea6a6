//! The journal's files as they lie on disk, for copies of them: only what is durable.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::JournalError;
use super::key::{KEY_BYTES, fingerprint, read_key};
use super::reader::JournalReader;
use super::segment::segment_path;
use crate::feed::exchange::Anchor;

/// What of a journal's files makes up the journal to a confirmed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// That entry.
    pub anchor: Anchor,
    /// The segments, in order.
    pub segments: Vec<SegmentFile>,
}

/// A segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// From 1.
    pub id: u64,
    /// Its first entry.
    pub first: u64,
    /// Its last; below the first if there is none.
    pub last: u64,
    /// Its bytes: of the last segment up to the end of its last entry.
    pub bytes: u64,
}

impl JournalReader {
    /// What makes up the journal as it is now. Writing goes on behind it.
    pub fn files(&self) -> Result<Files, JournalError> {
        let end = self.shared.end();
        let mut segments = Vec::new();
        for header in self.shared.headers().into_iter().take_while(|header| header.id <= end.segment) {
            let path = self.shared.path(header.id);
            let bytes = if header.id == end.segment {
                end.offset
            } else {
                self.shared.file(header.id)?.length().map_err(JournalError::io("reading", &path))?
            };
            let last = self.shared.extent(header.id).map_or(0, |extent| extent.last).min(end.anchor.sequence);
            segments.push(SegmentFile { id: header.id, first: header.first, last, bytes });
        }
        Ok(Files { anchor: end.anchor, segments })
    }

    /// Bytes of a segment's file, as many as are there.
    pub fn read_bytes(&self, segment: u64, offset: u64, length: usize) -> Result<Vec<u8>, JournalError> {
        let path = self.shared.path(segment);
        let mut bytes = vec![0; length];
        let read =
            self.shared.file(segment)?.read_at(offset, &mut bytes).map_err(JournalError::io("reading", &path))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// The file of a segment.
    pub fn segment_path(&self, segment: u64) -> PathBuf {
        self.shared.path(segment)
    }

    /// The node key itself.
    pub fn node_key(&self) -> Result<Zeroizing<[u8; KEY_BYTES]>, JournalError> {
        let file = self.shared.key.file();
        let key = read_key(self.shared.disk.as_ref(), file)?;
        if fingerprint(&key) != self.shared.key.fingerprint() {
            let reason = "it is another one than when the node started: put the right one back".to_owned();
            return Err(JournalError::Key { file: file.to_owned(), reason });
        }
        Ok(key)
    }
}

/// The file of a segment below a data directory.
pub fn segment_file(directory: &Path, id: u64) -> PathBuf {
    segment_path(directory, id)
}
