//! The one writer of a journal: groups of entries, each written at once and made durable
//! with one `sync_data`, then shown to the readers.

use std::sync::Arc;

use wuji_proto::{DivisionCode, Incarnation, stored};

use super::active::Active;
use super::error::JournalError;
use super::frame::{FRAME_BYTES_MAX, Layout, Place, encode};
use super::seal::{SealedPart, TAG_BYTES, seal};
use super::segment::{HEADER_BYTES, Header};
use super::shared::{End, Shared};
use super::walk::Mark;
use crate::env::{DiskLock, Env};
use crate::feed::exchange::Anchor;
use prost::Message;

/// Bytes of the largest group. Recovery relies on it: a torn tail reaches no further.
pub const GROUP_BYTES_MAX: u64 = 8 << 20;
/// Zeroed space that only the node's own entries (starts and stops) may use, so that a node
/// on a full disk can still be stopped and started: a few hundred of them.
pub const RESERVE_BYTES: u64 = 64 << 10;

/// An entry to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewEntry {
    /// The public part.
    pub entry: stored::Entry,
    /// Values of class 2 and 3, which are encrypted.
    pub sealed: Option<stored::Sealed>,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its sequence, from 1.
    pub sequence: u64,
    /// The segment, from 1.
    pub segment: u64,
    /// The byte in the segment's file.
    pub offset: u32,
}

/// Writes a journal. There is one per journal; it holds the lock on the data directory.
pub struct JournalWriter {
    pub(super) shared: Arc<Shared>,
    pub(super) env: Env,
    pub(super) segment_bytes: u64,
    pub(super) code: DivisionCode,
    pub(super) incarnation: Incarnation,
    /// `None`: a new segment must be begun first.
    pub(super) active: Option<Active>,
    /// The failure that ended the last segment, until a new one was begun.
    pub(super) trouble: Option<String>,
    /// The newest confirmed entry.
    pub(super) tail: Anchor,
    pub(super) buffer: Vec<u8>,
    pub(super) _lock: DiskLock,
}

/// A group that is written but not yet durable.
struct Group {
    positions: Vec<Position>,
    marks: Vec<Mark>,
    hash: [u8; 32],
}

impl JournalWriter {
    /// Writes a group: all of it is durable when this returns, or none of it is in the journal.
    /// [`JournalError::is_passing`] tells whether writing can go on later without a restart.
    pub fn append(&mut self, entries: &[NewEntry]) -> Result<Vec<Position>, JournalError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.measure(entries)?;
        let own = entries.iter().all(|new| is_own(&new.entry));
        self.make_room(bytes, own)?;
        let Some(mut active) = self.active.take() else {
            return Err(JournalError::Options("no segment is open for writing".to_owned()));
        };
        let group = match self.encode_group(entries, &active) {
            Ok(group) => group,
            Err(error) => {
                self.active = Some(active);
                return Err(error);
            }
        };
        if let Err(failure) = active.write(&self.buffer) {
            return Err(self.refuse(failure));
        }
        self.tail = Anchor { sequence: self.tail.sequence + entries.len() as u64, hash: group.hash };
        self.shared.remember(active.id, group.marks);
        self.shared.set_end(End { anchor: self.tail, segment: active.id, offset: active.end });
        self.active = Some(active);
        Ok(group.positions)
    }

    /// The life of this journal.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Bytes that an entry will take; for keeping a group below [`Self::group_bytes_max`].
    pub fn frame_bytes(new: &NewEntry) -> u64 {
        let sealed = new.sealed.as_ref().map_or(0, |sealed| sealed.encoded_len() + TAG_BYTES);
        Layout::of(new.entry.encoded_len(), sealed).bytes as u64
    }

    /// The largest group that [`Self::append`] takes: [`GROUP_BYTES_MAX`], less where
    /// segments are small.
    pub fn group_bytes_max(&self) -> u64 {
        group_bytes_max(self.segment_bytes)
    }

    fn measure(&self, entries: &[NewEntry]) -> Result<u64, JournalError> {
        let max = self.group_bytes_max();
        let entry_max = max.min(FRAME_BYTES_MAX as u64);
        let mut total: u64 = 0;
        for new in entries {
            let bytes = Self::frame_bytes(new);
            if bytes > entry_max {
                return Err(JournalError::EntryTooLarge { bytes, max: entry_max });
            }
            total += bytes;
        }
        if total > max {
            return Err(JournalError::GroupTooLarge { bytes: total, max });
        }
        Ok(total)
    }

    fn encode_group(&mut self, entries: &[NewEntry], active: &Active) -> Result<Group, JournalError> {
        self.buffer.clear();
        let mut group = Group { positions: Vec::with_capacity(entries.len()), marks: Vec::new(), hash: self.tail.hash };
        for (sequence, new) in (self.tail.sequence + 1..).zip(entries) {
            let offset = active.end + self.buffer.len() as u64;
            let place =
                Place { segment: active.id, offset, sequence, confirmed: self.tail.sequence, previous: group.hash };
            let too_large =
                || JournalError::EntryTooLarge { bytes: Self::frame_bytes(new), max: FRAME_BYTES_MAX as u64 };
            let sealed = new.sealed.as_ref().map(|values| self.seal(sequence, values).ok_or_else(too_large));
            group.marks.push(Mark { sequence, offset, previous: group.hash });
            group.hash =
                encode(&mut self.buffer, &place, &new.entry, sealed.transpose()?.as_ref()).map_err(|_| too_large())?;
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            group.positions.push(Position { sequence, segment: active.id, offset });
        }
        Ok(group)
    }

    fn seal(&self, sequence: u64, values: &stored::Sealed) -> Option<SealedPart> {
        seal(&self.shared.key, self.env.entropy.as_ref(), sequence, values)
    }

    /// The header of the segment that would be begun now.
    pub(super) fn next_header(&self) -> Header {
        Header {
            id: self.shared.last_header().map_or(1, |last| last.id + 1),
            first: self.tail.sequence + 1,
            previous: self.tail.hash,
            incarnation: self.incarnation,
            key: self.shared.key.fingerprint(),
            code: self.code,
        }
    }
}

/// Zeroed space that is kept in a segment for the node's own entries.
pub(super) fn reserve_bytes(segment_bytes: u64) -> u64 {
    RESERVE_BYTES.min(segment_bytes / 8)
}

/// The largest group in segments of this size.
pub(super) fn group_bytes_max(segment_bytes: u64) -> u64 {
    let room = segment_bytes.saturating_sub(HEADER_BYTES as u64 + reserve_bytes(segment_bytes));
    room.min(GROUP_BYTES_MAX)
}

/// What the node writes of itself, also on a full disk.
fn is_own(entry: &stored::Entry) -> bool {
    use stored::entry::Event;
    matches!(
        entry.event,
        Some(
            Event::Created(_)
                | Event::Started(_)
                | Event::CatalogueAdopted(_)
                | Event::Stopped(_)
                | Event::LossAccepted(_)
                | Event::Restored(_)
        )
    )
}
