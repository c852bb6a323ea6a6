//! Reading a journal: only what is durable, from any thread, beside the writer.

use std::sync::Arc;

use wuji_proto::{Incarnation, stored};

use super::error::JournalError;
use super::frame::{FRAME_BYTES_MAX, Fault, RawFrame, missing, parse};
use super::seal::{OpenFault, SealedPart, open};
use super::shared::{Extent, Shared};
use super::walk::Walk;
use super::writer::Position;
use crate::feed::exchange::Anchor;

/// Bytes read for one entry before its length is known; most are shorter.
const READ_BYTES: usize = 4 << 10;

/// An entry, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Where it is.
    pub position: Position,
    /// The sequence up to which the disk had confirmed when it was written.
    pub confirmed: u64,
    /// The chain hash after it.
    pub hash: [u8; 32],
    /// The public part.
    pub entry: stored::Entry,
    /// The sealed part, if it has one: [`JournalReader::unseal`] opens it.
    pub sealed: Option<SealedPart>,
}

/// A file of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// From 1.
    pub id: u64,
    /// Its first entry.
    pub first_sequence: u64,
    /// The life of the journal that its entries belong to.
    pub incarnation: Incarnation,
}

/// Reads a journal. Clones share their open files.
#[derive(Clone)]
pub struct JournalReader {
    pub(super) shared: Arc<Shared>,
}

impl JournalReader {
    /// The entry at a place that the index or [`super::JournalWriter::append`] named.
    pub fn read(&self, segment: u64, offset: u32) -> Result<Frame, JournalError> {
        let not_there = || JournalError::NotThere { segment, offset };
        let extent = self.shared.extent(segment).ok_or_else(not_there)?;
        let end = self.shared.end();
        if segment == end.segment && u64::from(offset) >= end.offset {
            return Err(not_there());
        }
        let path = self.shared.path(segment);
        let file = self.shared.file(segment)?;
        let mut bytes = vec![0; READ_BYTES];
        let at = u64::from(offset);
        let mut read = file.read_at(at, &mut bytes).map_err(JournalError::io("reading", &path))?;
        if let Some(needed) = missing(bytes.get(..read).unwrap_or_default()).filter(|needed| *needed > READ_BYTES) {
            bytes.resize(needed.min(FRAME_BYTES_MAX), 0);
            read = file.read_at(at, &mut bytes).map_err(JournalError::io("reading", &path))?;
        }
        let damaged = |fault: Fault| JournalError::damaged(&path, at, fault.to_string());
        let raw = parse(bytes.get(..read).unwrap_or_default(), segment, at).map_err(damaged)?;
        if raw.sequence < extent.header.first || raw.sequence > extent.last {
            return Err(not_there());
        }
        Frame::from_raw(&raw, segment, at).map_err(damaged)
    }

    /// The values of an entry's sealed part; `None` if it has none, or if they have been erased.
    pub fn unseal(&self, frame: &Frame) -> Result<Option<stored::Sealed>, JournalError> {
        let Some(part) = &frame.sealed else { return Ok(None) };
        open(&self.shared.key, frame.position.sequence, part).map_err(|fault| match fault {
            OpenFault::Wrapped => JournalError::Key {
                file: self.shared.key.file().to_owned(),
                reason: format!(
                    "it does not open the values of entry {}: this is another key than the one they were written with. \
                     Restore the key from the backup of this node",
                    frame.position.sequence
                ),
            },
            OpenFault::Values => JournalError::damaged(
                &self.shared.path(frame.position.segment),
                u64::from(frame.position.offset),
                format!("the sealed values of entry {} do not open", frame.position.sequence),
            ),
        })
    }

    /// The entries from a sequence on (0 and 1 both mean the first), up to the newest one at
    /// the time of this call. The chain is checked on the way; the first error ends it.
    pub fn entries_from(&self, sequence: u64) -> Entries {
        Entries {
            shared: Arc::clone(&self.shared),
            next: sequence.max(1),
            upto: self.shared.end().anchor.sequence,
            walk: None,
        }
    }

    /// The newest entry; sequence 0 and a hash of zeros if there is none.
    pub fn tail(&self) -> Anchor {
        self.shared.end().anchor
    }

    /// Whether the journal has this entry with this hash.
    pub fn holds(&self, anchor: Anchor) -> Result<bool, JournalError> {
        if anchor.sequence > self.tail().sequence {
            return Ok(false);
        }
        Ok(self.anchor_of(anchor.sequence)? == anchor)
    }

    /// The entry of a sequence with its chain hash; the newest one if there are not so many.
    pub fn anchor_of(&self, sequence: u64) -> Result<Anchor, JournalError> {
        let tail = self.tail();
        if sequence >= tail.sequence {
            return Ok(tail);
        }
        // The hash before the next entry.
        let next = sequence + 1;
        let segment = self.shared.segment_of(next).unwrap_or(1);
        let mut walk = walk_to(&self.shared, segment, next)?;
        let path = self.shared.path(segment);
        let mut passed = Vec::new();
        while walk.at().sequence < next {
            walk.step_durable(&path)?;
            passed.push(walk.at());
        }
        self.shared.remember(segment, passed);
        Ok(Anchor { sequence, hash: walk.at().previous })
    }

    /// The files, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |header: super::segment::Header| SegmentInfo {
            id: header.id,
            first_sequence: header.first,
            incarnation: header.incarnation,
        };
        self.shared.headers().into_iter().map(info).collect()
    }

    /// Bytes of all segments, without the space that is only zeroed ahead.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes()
    }

    /// The key of the digests that recognise a repeated request by its content. Derived from
    /// the node key, so that nobody without it can guess values from digests.
    pub fn content_key(&self) -> [u8; 32] {
        self.shared.key.content()
    }
}

/// A walk over a segment, from the nearest known place before a sequence.
fn walk_to(shared: &Shared, segment: u64, sequence: u64) -> Result<Walk, JournalError> {
    let extent = shared.extent(segment).ok_or(JournalError::NotThere { segment, offset: 0 })?;
    Ok(Walk::new(shared.file(segment)?, segment, shared.mark_before(&extent.header, sequence)))
}

impl Frame {
    pub(super) fn from_raw(raw: &RawFrame<'_>, segment: u64, offset: u64) -> Result<Self, Fault> {
        let offset = u32::try_from(offset).map_err(|_| Fault::Length)?;
        Ok(Self {
            position: Position { sequence: raw.sequence, segment, offset },
            confirmed: raw.confirmed,
            hash: raw.hash,
            entry: raw.entry()?,
            sealed: raw.sealed_part(),
        })
    }
}

/// Entries in order; made by [`JournalReader::entries_from`].
pub struct Entries {
    shared: Arc<Shared>,
    next: u64,
    upto: u64,
    walk: Option<(Walk, Extent)>,
}

/// An entry as it lies in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct RawEntry {
    /// Its sequence.
    pub sequence: u64,
    /// The chain hash before it, and after it.
    pub hashes: ([u8; 32], [u8; 32]),
    /// Its public part.
    pub public: Vec<u8>,
    /// The same, read.
    pub entry: stored::Entry,
    /// The digest of the sealed part, if it has one.
    pub sealed_digest: Option<[u8; 32]>,
}

impl Entries {
    /// The next entry with the bytes that its hash is made of.
    pub fn next_raw(&mut self) -> Option<Result<RawEntry, JournalError>> {
        self.advance(|raw, _, _, previous| {
            Ok(RawEntry {
                sequence: raw.sequence,
                hashes: (previous, raw.hash),
                public: raw.public.to_vec(),
                entry: raw.entry()?,
                sealed_digest: raw.sealed_digest(),
            })
        })
    }

    fn advance<T>(
        &mut self,
        make: impl Fn(&RawFrame<'_>, u64, u64, [u8; 32]) -> Result<T, Fault>,
    ) -> Option<Result<T, JournalError>> {
        if self.next > self.upto {
            return None;
        }
        let read = self.read_next(make);
        if read.is_err() {
            self.upto = 0;
        }
        Some(read)
    }

    fn read_next<T>(
        &mut self,
        make: impl Fn(&RawFrame<'_>, u64, u64, [u8; 32]) -> Result<T, Fault>,
    ) -> Result<T, JournalError> {
        let (mut walk, extent) = match self.walk.take() {
            Some((walk, extent)) if self.next <= extent.last => (walk, extent),
            former => self.enter(former.map(|(walk, _)| walk.at().previous))?,
        };
        let segment = extent.header.id;
        let path = self.shared.path(segment);
        loop {
            let previous = walk.at().previous;
            let (offset, raw) = walk.step_durable(&path)?;
            if raw.sequence < self.next {
                continue;
            }
            let frame = make(&raw, segment, offset, previous)
                .map_err(|fault| JournalError::damaged(&path, offset, fault.to_string()))?;
            self.shared.remember(segment, [walk.at()]);
            self.next += 1;
            self.walk = Some((walk, extent));
            return Ok(frame);
        }
    }

    /// Goes to the segment of the next entry, which must continue what came before.
    fn enter(&self, previous: Option<[u8; 32]>) -> Result<(Walk, Extent), JournalError> {
        let segment = self.shared.segment_of(self.next).unwrap_or(1);
        let extent = self.shared.extent(segment).ok_or(JournalError::NotThere { segment, offset: 0 })?;
        if previous.is_some_and(|previous| previous != extent.header.previous) {
            let what = format!("the segment does not continue the chain of entry {}", self.next - 1);
            return Err(JournalError::damaged(&self.shared.path(segment), 0, what));
        }
        Ok((walk_to(&self.shared, segment, self.next)?, extent))
    }
}

impl Iterator for Entries {
    type Item = Result<Frame, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(|raw, segment, offset, _| Frame::from_raw(raw, segment, offset))
    }
}
