//! The bytes of a backup, chunk after chunk. The journal up to a confirmed entry never changes,
//! so it is read at leisure while entries are written behind it.

use std::io::Read;
use std::path::PathBuf;
use std::vec::IntoIter;

use prost::Message;
use wuji_proto::stored::{BackupEnd, BackupManifest, BackupSegment, DiskPlace};
use wuji_proto::{DivisionCode, Incarnation};

use super::{BackupError, MAGIC, kind};
use crate::archive::{END, Encoder, FileInput, io_error};
use crate::env::Disk;
use crate::journal::{JournalReader, SegmentFile};
use crate::snapshot::Made;

/// Bytes of one chunk, before it is packed.
const CHUNK_BYTES: usize = 1 << 20;

/// What a backup is made of.
pub struct Source<'a> {
    /// The unit.
    pub code: DivisionCode,
    /// Its name.
    pub name: &'a str,
    /// The life of its journal.
    pub incarnation: Incarnation,
    /// The journal.
    pub journal: &'a JournalReader,
    /// A snapshot of the index, and its file.
    pub snapshot: (&'a Made, PathBuf),
    /// Holds the snapshot.
    pub disk: &'a dyn Disk,
    /// Now, milliseconds since 1970.
    pub at_ms: i64,
    /// Where the node's data lies.
    pub data_place: DiskPlace,
    /// With the node key.
    pub with_key: bool,
}

/// A backup under way.
pub struct Making {
    journal: JournalReader,
    encoder: Encoder,
    snapshot: FileInput,
    snapshot_file: PathBuf,
    snapshot_left: u64,
    segments: IntoIter<SegmentFile>,
    segment: Option<(SegmentFile, u64)>,
    end: BackupEnd,
    ended: bool,
}

impl Making {
    /// Begins one of everything that the journal has confirmed by now; its first bytes.
    pub fn begin(source: &Source<'_>) -> Result<(Self, Vec<u8>), BackupError> {
        let (made, snapshot_file) = (source.snapshot.0, source.snapshot.1.clone());
        let files = source.journal.files()?;
        let segment = |it: &SegmentFile| BackupSegment { id: it.id, first: it.first, last: it.last, bytes: it.bytes };
        let manifest = BackupManifest {
            code: source.code.to_string(),
            name: source.name.to_owned(),
            incarnation: source.incarnation.to_bytes().to_vec(),
            sequence: files.anchor.sequence,
            chain_hash: files.anchor.hash.to_vec(),
            at_ms: source.at_ms,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            with_key: source.with_key,
            snapshot_sequence: made.index.applied,
            snapshot_bytes: made.file_bytes,
            segments: files.segments.iter().map(segment).collect(),
            data_place: Some(source.data_place.clone()),
        };
        let (mut encoder, mut bytes) = Encoder::begin(MAGIC);
        bytes.extend(encoder.chunk(kind::MANIFEST, &manifest.encode_to_vec()));
        if source.with_key {
            bytes.extend(encoder.chunk(kind::KEY, source.journal.node_key()?.as_ref()));
        }
        let making = Self {
            journal: source.journal.clone(),
            encoder,
            // Open from now on: it stays readable when a newer one takes its place.
            snapshot: FileInput::open(source.disk, &snapshot_file)?,
            snapshot_file,
            snapshot_left: made.file_bytes,
            segments: files.segments.into_iter(),
            segment: None,
            end: BackupEnd { entries: files.anchor.sequence, bytes: 0 },
            ended: false,
        };
        Ok((making, bytes))
    }

    /// Further bytes; `None`: that was all.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        if self.ended {
            return Ok(None);
        }
        if self.snapshot_left > 0 {
            return self.snapshot_bytes().map(Some);
        }
        if self.segment.is_none() {
            self.segment = self.segments.next().map(|segment| (segment, 0));
        }
        let Some((segment, at)) = self.segment.take() else {
            self.ended = true;
            return Ok(Some(self.encoder.chunk(END, &self.end.encode_to_vec())));
        };
        let wanted = (segment.bytes - at).min(CHUNK_BYTES as u64);
        let bytes = self.journal.read_bytes(segment.id, at, usize::try_from(wanted).unwrap_or(CHUNK_BYTES))?;
        let next = at + bytes.len() as u64;
        if next < segment.bytes {
            if bytes.is_empty() {
                return Err(self.shrunk(self.segment_path(segment.id)));
            }
            self.segment = Some((segment, next));
        }
        self.end.bytes += bytes.len() as u64;
        let content = [&segment.id.to_le_bytes()[..], &at.to_le_bytes(), &bytes].concat();
        Ok(Some(self.encoder.chunk(kind::SEGMENT, &content)))
    }

    fn snapshot_bytes(&mut self) -> Result<Vec<u8>, BackupError> {
        let wanted = self.snapshot_left.min(CHUNK_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(CHUNK_BYTES)];
        let read = self.snapshot.read(&mut bytes).map_err(io_error("reading", &self.snapshot_file))?;
        if read < bytes.len() {
            return Err(self.shrunk(self.snapshot_file.clone()));
        }
        self.snapshot_left -= wanted;
        self.end.bytes += wanted;
        Ok(self.encoder.chunk(kind::SNAPSHOT, &bytes))
    }

    fn segment_path(&self, id: u64) -> PathBuf {
        self.journal.segment_path(id)
    }

    fn shrunk(&self, file: PathBuf) -> BackupError {
        let what = "the file has become shorter while it was read".to_owned();
        BackupError::File(crate::archive::ArchiveError::Damaged { file, offset: self.end.bytes, what })
    }
}
