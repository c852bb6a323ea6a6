//! Checking a whole journal: every byte that is not padding space.

use super::error::JournalError;
use super::frame::SealedLook;
use super::reader::JournalReader;
use super::segment::{HEADER_BYTES, Header};
use super::walk::{Mark, Walk};

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

/// Walks over the whole journal and computes every hash and digest anew, from the files
/// themselves. The error is the first damage.
pub fn verify(reader: &JournalReader) -> Result<Verified, JournalError> {
    let shared = &reader.shared;
    let mut verified = Verified::default();
    let mut end = Mark { sequence: 1, offset: 0, previous: [0; 32] };
    // The end first, so that a segment begun meanwhile is not asked for what it will get.
    let tail = reader.tail();
    for known in shared.headers().into_iter().take_while(|known| known.first <= tail.sequence + 1) {
        let path = shared.path(known.id);
        let file = shared.file(known.id)?;
        let header = Header::read(file.as_ref(), &path, known.id)?;
        if header.first != end.sequence || header.previous != end.previous {
            let what =
                format!("the segment begins with entry {}, not right after entry {}", header.first, end.sequence - 1);
            return Err(JournalError::damaged(&path, 0, what));
        }
        let last = shared.extent(known.id).map_or(0, |extent| extent.last).min(tail.sequence);
        let begin = Mark { sequence: header.first, offset: HEADER_BYTES as u64, previous: header.previous };
        let mut walk = Walk::new(file, known.id, begin);
        while walk.at().sequence <= last {
            let (offset, raw) = walk.step_durable(&path)?;
            let damaged = |fault: super::frame::Fault| JournalError::damaged(&path, offset, fault.to_string());
            raw.entry().map_err(damaged)?;
            match raw.look_at_sealed().map_err(damaged)? {
                SealedLook::None => {}
                SealedLook::Whole => verified.sealed += 1,
                SealedLook::Erased => verified.erased += 1,
                SealedLook::Erasing => verified.erasing += 1,
            }
            verified.entries += 1;
        }
        end = walk.at();
        verified.segments += 1;
    }
    if end.previous != tail.hash {
        let what = format!("the chain of entry {} is not the one that was written", tail.sequence);
        return Err(JournalError::damaged(&shared.path(shared.end().segment), end.offset, what));
    }
    Ok(verified)
}
