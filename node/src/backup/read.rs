//! A backup, checked to its last byte: its chunks, the journal inside with every hash of its
//! chain, the snapshot with the digests of its items, and that they fit each other.

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;
use wuji_proto::stored::{BackupEnd, BackupManifest, BackupSegment};
use wuji_proto::{DivisionCode, Incarnation};
use zeroize::Zeroizing;

use super::{BackupError, MAGIC, kind};
use crate::archive::{ArchiveError, Chunk, Decoder, END};
use crate::env::DiskFile;
use crate::feed::exchange::Anchor;
use crate::journal::{self, ChainCheck, EachEntry, SEGMENT_BYTES_MAX};
use crate::snapshot::SnapshotError;
use crate::snapshot::file::Input;

/// A backup that was read to its end, and is whole.
pub struct Whole {
    /// What it says of itself.
    pub manifest: BackupManifest,
    /// The unit.
    pub code: DivisionCode,
    /// The life of the journal that it was taken of.
    pub incarnation: Incarnation,
    /// The node key, if it is there.
    pub key: Option<Zeroizing<[u8; 32]>>,
    /// The journal inside.
    pub chain: ChainCheck,
    /// The hash over all of its chunks.
    pub hash: [u8; 32],
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of what it holds.
    pub unpacked_bytes: u64,
    /// Keys of the index in its snapshot.
    pub snapshot_keys: u64,
}

impl Whole {
    /// The last entry in it.
    pub fn anchor(&self) -> Anchor {
        self.chain.anchor()
    }
}

/// Takes what is inside as it is read. Everything was checked up to there, but not what follows.
pub trait Sink {
    /// Bytes of the snapshot's file, in order.
    fn snapshot(&mut self, bytes: &[u8]) -> Result<(), ArchiveError>;
    /// A segment's file, whole.
    fn segment(&mut self, id: u64, bytes: &[u8]) -> Result<(), ArchiveError>;
}

/// Only checks.
pub struct Nowhere;

impl Sink for Nowhere {
    fn snapshot(&mut self, _: &[u8]) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn segment(&mut self, _: u64, _: &[u8]) -> Result<(), ArchiveError> {
        Ok(())
    }
}

/// Reads a backup to its end; `file` is for errors.
pub fn read(input: impl Read, file: &Path, sink: &mut dyn Sink, each: EachEntry<'_>) -> Result<Whole, BackupError> {
    let mut reading = Reading { decoder: Decoder::begin(input, file, MAGIC)?, file: file.to_owned(), bytes: 0 };
    let (manifest, code, incarnation) = reading.manifest()?;
    let key = if manifest.with_key { Some(reading.key()?) } else { None };
    let (mark, snapshot_keys) = reading.snapshot(&manifest, code, sink)?;
    let mut chain = ChainCheck::wanting(mark.sequence);
    for segment in &manifest.segments {
        reading.segment(segment, &mut chain, sink, each)?;
    }
    reading.end(&manifest)?;
    if hash(&manifest.chain_hash) != Some(chain.anchor().hash) || chain.anchor().sequence != manifest.sequence {
        return Err(
            reading.misfit(format!("its journal does not end with the entry {} that it names", manifest.sequence))
        );
    }
    if chain.owner() != Some((code, incarnation)) {
        return Err(reading.misfit("its journal is of another unit, or of another life, than it says"));
    }
    if chain.wanted() != Some(mark) {
        return Err(reading.misfit(format!("its snapshot, of entry {}, is not of its journal", mark.sequence)));
    }
    if key.as_ref().is_some_and(|key| !chain.fits(key)) {
        return Err(reading.misfit("its node key is not the one that its journal was written with"));
    }
    let (hash, bytes) = (reading.decoder.hash(), reading.decoder.bytes());
    let unpacked_bytes = reading.bytes;
    Ok(Whole { manifest, code, incarnation, key, chain, hash, bytes, unpacked_bytes, snapshot_keys })
}

struct Reading<R> {
    decoder: Decoder<R>,
    file: PathBuf,
    /// Of snapshot and segments, so far.
    bytes: u64,
}

impl<R: Read> Reading<R> {
    fn misfit(&self, what: impl Into<String>) -> BackupError {
        BackupError::Misfit { file: self.file.clone(), what: what.into() }
    }

    fn expect(&mut self, wanted: u8, what: &str) -> Result<Chunk, BackupError> {
        match self.decoder.next_chunk()? {
            Some(chunk) if chunk.kind == wanted => Ok(chunk),
            Some(chunk) => Err(self.decoder.damaged(chunk.offset, format!("{what} should be here")).into()),
            None => Err(self.misfit(format!("{what} is missing"))),
        }
    }

    fn manifest(&mut self) -> Result<(BackupManifest, DivisionCode, Incarnation), BackupError> {
        let chunk = self.expect(kind::MANIFEST, "its manifest")?;
        let manifest = BackupManifest::decode(chunk.content.as_slice()).ok();
        let named =
            manifest.and_then(|it| Some((it.code.parse().ok()?, Incarnation::from_slice(&it.incarnation)?, it)));
        let (code, incarnation, manifest) =
            named.ok_or_else(|| self.misfit("its manifest does not say whose it is"))?;
        let in_order = (1..).zip(&manifest.segments).all(|(id, segment)| segment.id == id);
        if !in_order || manifest.segments.is_empty() {
            return Err(self.misfit("its manifest does not list the segments of a journal"));
        }
        Ok((manifest, code, incarnation))
    }

    fn key(&mut self) -> Result<Zeroizing<[u8; 32]>, BackupError> {
        let chunk = self.expect(kind::KEY, "the node key")?;
        let key = Zeroizing::new(chunk.content);
        let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| self.misfit("its node key has not 32 bytes"))?;
        Ok(Zeroizing::new(key))
    }

    /// Checks the snapshot while it is read; the journal entry at which it stands, and its keys.
    fn snapshot(
        &mut self,
        manifest: &BackupManifest,
        code: DivisionCode,
        sink: &mut dyn Sink,
    ) -> Result<(Anchor, u64), BackupError> {
        let inside = self.file.join("its snapshot");
        let mut part = SnapshotPart {
            reading: self,
            sink,
            left: manifest.snapshot_bytes,
            buffer: Cursor::default(),
            failed: None,
        };
        let read = Input::begin(&mut part, &inside).map_err(SnapshotError::from).and_then(|input| {
            let anchor = input.anchor();
            let whole = input.read(|_| Ok(()))?;
            Ok((anchor, whole))
        });
        if let Some(error) = part.failed.take() {
            return Err(error);
        }
        let (anchor, whole) = read?;
        if whole.bytes != manifest.snapshot_bytes || anchor.sequence != manifest.snapshot_sequence {
            return Err(self.misfit("its snapshot is not the one that it names"));
        }
        // The layout of the index may be another program's; whose it is may not.
        if whole.head.code.parse() != Ok(code) || anchor.sequence > manifest.sequence {
            return Err(self.misfit("its snapshot is of another unit, or newer than its journal"));
        }
        self.bytes += manifest.snapshot_bytes;
        Ok((anchor, whole.end.keys))
    }

    fn segment(
        &mut self,
        segment: &BackupSegment,
        chain: &mut ChainCheck,
        sink: &mut dyn Sink,
        each: EachEntry<'_>,
    ) -> Result<(), BackupError> {
        if segment.bytes > SEGMENT_BYTES_MAX + SEGMENT_SLACK_BYTES {
            return Err(self.misfit(format!("segment {} is larger than a segment can be", segment.id)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(segment.bytes).unwrap_or_default());
        while (bytes.len() as u64) < segment.bytes || bytes.is_empty() {
            let chunk = self.expect(kind::SEGMENT, "a part of its journal")?;
            let at = [&segment.id.to_le_bytes()[..], &(bytes.len() as u64).to_le_bytes()].concat();
            let part = chunk.content.strip_prefix(at.as_slice()).filter(|part| !part.is_empty());
            let Some(part) = part else {
                let what = format!("the next part of segment {} should be here", segment.id);
                return Err(self.decoder.damaged(chunk.offset, what).into());
            };
            bytes.extend_from_slice(part);
        }
        if bytes.len() as u64 != segment.bytes {
            return Err(self.misfit(format!("segment {} has not the size that it should have", segment.id)));
        }
        self.bytes += segment.bytes;
        let memory = Arc::new(MemoryFile(bytes));
        let inside = journal::segment_file(&self.file, segment.id);
        chain.segment(
            Arc::<MemoryFile>::clone(&memory) as Arc<dyn DiskFile>,
            &inside,
            (segment.id, segment.last),
            each,
        )?;
        Ok(sink.segment(segment.id, &memory.0)?)
    }

    fn end(&mut self, manifest: &BackupManifest) -> Result<(), BackupError> {
        let chunk = self.expect(END, "its end")?;
        let end = BackupEnd::decode(chunk.content.as_slice()).ok();
        if end != Some(BackupEnd { entries: manifest.sequence, bytes: self.bytes }) {
            return Err(self.misfit("it does not hold what its end says"));
        }
        Ok(())
    }
}

/// A segment may be a little larger than configured: its last group is not cut.
const SEGMENT_SLACK_BYTES: u64 = journal::GROUP_BYTES_MAX;

/// The snapshot's bytes, out of the chunks that hold them.
struct SnapshotPart<'r, R> {
    reading: &'r mut Reading<R>,
    sink: &'r mut dyn Sink,
    left: u64,
    buffer: Cursor<Vec<u8>>,
    failed: Option<BackupError>,
}

impl<R: Read> SnapshotPart<'_, R> {
    fn refill(&mut self) -> Result<(), BackupError> {
        let chunk = self.reading.expect(kind::SNAPSHOT, "a part of its snapshot")?;
        self.left = self
            .left
            .checked_sub(chunk.content.len() as u64)
            .filter(|_| !chunk.content.is_empty())
            .ok_or_else(|| self.reading.misfit("its snapshot has not the size that it should have"))?;
        self.sink.snapshot(&chunk.content)?;
        self.buffer = Cursor::new(chunk.content);
        Ok(())
    }
}

impl<R: Read> Read for SnapshotPart<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let at_end = self.buffer.position() == self.buffer.get_ref().len() as u64;
        if at_end
            && self.left > 0
            && let Err(error) = self.refill()
        {
            let told = io::Error::other(error.to_string());
            self.failed = Some(error);
            return Err(told);
        }
        self.buffer.read(out)
    }
}

/// A file in memory that is only read.
struct MemoryFile(Vec<u8>);

impl DiskFile for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = Cursor::new(&self.0);
        rest.set_position(offset);
        rest.read(buffer)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

fn hash(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}
