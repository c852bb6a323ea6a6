//! Checking a whole journal: every byte that is not padding space.

use std::path::Path;
use std::sync::Arc;

use wuji_proto::{DivisionCode, Incarnation, stored};

use super::error::JournalError;
use super::frame::{Fault, SealedLook};
use super::key::fingerprint;
use super::reader::JournalReader;
use super::segment::{HEADER_BYTES, Header};
use super::walk::{Mark, Walk};
use super::writer::Position;
use crate::env::DiskFile;
use crate::feed::exchange::Anchor;

/// What a whole journal holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries; the newest one's sequence.
    pub entries: u64,
    /// Files.
    pub segments: u64,
    /// Entries with a sealed part that can be opened.
    pub sealed: u64,
    /// Entries whose sealed part has been erased.
    pub erased: u64,
    /// Entries whose erasure was begun but not finished.
    pub erasing: u64,
}

/// Told of each entry of a journal that is checked.
pub type EachEntry<'a> = &'a mut dyn FnMut(Position, stored::Entry);

/// Walks over the whole journal and computes every hash and digest anew, from the files
/// themselves. The error is the first damage.
pub fn verify(reader: &JournalReader) -> Result<Verified, JournalError> {
    let shared = &reader.shared;
    // The end first, so that a segment begun meanwhile is not asked for what it will get.
    let tail = reader.tail();
    let mut chain = ChainCheck::default();
    for known in shared.headers().into_iter().take_while(|known| known.first <= tail.sequence + 1) {
        let last = shared.extent(known.id).map_or(0, |extent| extent.last).min(tail.sequence);
        chain.segment(shared.file(known.id)?, &shared.path(known.id), (known.id, last), &mut |_, _| ())?;
    }
    if chain.anchor() != tail {
        let what = format!("the chain of entry {} is not the one that was written", tail.sequence);
        return Err(JournalError::damaged(&shared.path(shared.end().segment), chain.end.offset, what));
    }
    Ok(chain.verified)
}

/// A journal being checked, segment after segment.
pub struct ChainCheck {
    end: Mark,
    verified: Verified,
    live: Option<Header>,
    newest: Option<Header>,
    /// The entry whose chain hash is wanted, and the hash.
    wanted: (u64, Option<[u8; 32]>),
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self::wanting(0)
    }
}

impl ChainCheck {
    /// With nothing checked yet; keeps the chain hash of the entry `sequence`.
    pub fn wanting(sequence: u64) -> Self {
        let end = Mark { sequence: 1, offset: 0, previous: [0; 32] };
        let wanted = (sequence, (sequence == 0).then_some([0; 32]));
        Self { end, verified: Verified::default(), live: None, newest: None, wanted }
    }

    /// Checks the next segment, up to its entry `last`. `path` is for errors.
    pub fn segment(
        &mut self,
        file: Arc<dyn DiskFile>,
        path: &Path,
        (id, last): (u64, u64),
        each: EachEntry<'_>,
    ) -> Result<(), JournalError> {
        let header = Header::read(file.as_ref(), path, id)?;
        if header.first != self.end.sequence || header.previous != self.end.previous {
            let before = self.end.sequence - 1;
            let what = format!("the segment begins with entry {}, not right after entry {before}", header.first);
            return Err(JournalError::damaged(path, 0, what));
        }
        let begin = Mark { sequence: header.first, offset: HEADER_BYTES as u64, previous: header.previous };
        let mut walk = Walk::new(file, id, begin);
        while walk.at().sequence <= last {
            let (offset, raw) = walk.step_durable(path)?;
            let damaged = |fault: Fault| JournalError::damaged(path, offset, fault.to_string());
            let position = Position {
                sequence: raw.sequence,
                segment: id,
                offset: u32::try_from(offset).map_err(|_| damaged(Fault::Length))?,
            };
            each(position, raw.entry().map_err(damaged)?);
            match raw.look_at_sealed().map_err(damaged)? {
                SealedLook::None => {}
                SealedLook::Whole => self.verified.sealed += 1,
                SealedLook::Erased => self.verified.erased += 1,
                SealedLook::Erasing => self.verified.erasing += 1,
            }
            self.verified.entries += 1;
            self.live = Some(header);
            if position.sequence == self.wanted.0 {
                self.wanted.1 = Some(walk.at().previous);
            }
        }
        self.end = walk.at();
        self.newest = Some(header);
        self.verified.segments += 1;
        Ok(())
    }

    /// What was checked so far.
    pub fn verified(&self) -> Verified {
        self.verified
    }

    /// The last entry so far.
    pub fn anchor(&self) -> Anchor {
        Anchor { sequence: self.end.sequence - 1, hash: self.end.previous }
    }

    /// The entry whose hash was wanted; `None`: it was not among those that were checked.
    pub fn wanted(&self) -> Option<Anchor> {
        self.wanted.1.map(|hash| Anchor { sequence: self.wanted.0, hash })
    }

    /// Whose journal it is, and the life of its last entry.
    pub fn owner(&self) -> Option<(DivisionCode, Incarnation)> {
        Some((self.newest?.code, self.live.or(self.newest)?.incarnation))
    }

    /// Whether this is the key that its sealed values were written with.
    pub fn fits(&self, key: &[u8; 32]) -> bool {
        self.newest.is_some_and(|header| header.key == fingerprint(key))
    }
}
