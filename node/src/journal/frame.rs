//! A frame: one journal entry as it lies on disk. Little-endian, 8-byte aligned.
//!
//! ```text
//!  0  u32  length of what follows; 0 ends a segment
//!  4  u32  crc32c over segment id, frame offset, and the frame from `sequence` to the end
//!          of the public part: not over slot and sealed part, which may be erased later
//!  8  u64  sequence, from 1
//! 16  u64  confirmed mark: the sequence before this frame's group, all of which the disk
//!          had confirmed when this frame was written
//! 24  u32  bytes of the public part
//! 28  u32  bytes of the sealed part; 0: none
//! 32  32   chain hash: blake3(previous hash ‖ public part ‖ blake3(sealed part))
//! 64  32   blake3(sealed part), only if there is one
//!     …    public part: a `stored::Entry`
//!     80   slot, only if there is a sealed part
//!     …    sealed part, encrypted
//!     0–7  zeros
//! ```

use prost::Message;
use wuji_proto::stored;

use super::bytes::{array_at, put, u32_at, u64_at};
use super::seal::{SLOT_BYTES, SealedPart, SlotState, place_slot, slot_is_whole, slot_state};

/// Bytes of the largest frame.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Frames begin at multiples of this.
pub(super) const ALIGN: usize = 8;
/// Bytes before the sealed digest or the public part.
pub(super) const HEAD_BYTES: usize = 64;
const SEQUENCE_AT: usize = 8;
const HASH_AT: usize = 32;
const DIGEST_BYTES: usize = 32;
/// blake3 of nothing: the digest of a sealed part that is not there.
pub const NOTHING_DIGEST: [u8; 32] = [
    0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6, 0xa0, 0x40, 0x4d, 0xea, 0x36, 0xdc, 0xc9, 0x49, 0x9b, 0xcb, 0x25,
    0xc9, 0xad, 0xc1, 0x12, 0xb7, 0xcc, 0x9a, 0x93, 0xca, 0xe4, 0x1f, 0x32, 0x62,
];

/// Where the parts of a frame are.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    public_at: usize,
    slot_at: usize,
    sealed_at: usize,
    end: usize,
    /// With the padding.
    pub(super) bytes: usize,
}

impl Layout {
    pub(super) fn of(public_bytes: usize, sealed_bytes: usize) -> Self {
        let (digest, slot) = if sealed_bytes == 0 { (0, 0) } else { (DIGEST_BYTES, SLOT_BYTES) };
        let public_at = HEAD_BYTES + digest;
        let slot_at = public_at.saturating_add(public_bytes);
        let sealed_at = slot_at.saturating_add(slot);
        let end = sealed_at.saturating_add(sealed_bytes);
        let bytes = end.checked_next_multiple_of(ALIGN).unwrap_or(usize::MAX);
        Self { public_at, slot_at, sealed_at, end, bytes }
    }
}

/// The place of a frame, in space and in the chain.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) sequence: u64,
    pub(super) confirmed: u64,
    pub(super) previous: [u8; 32],
}

/// Appends a frame to a buffer; returns the chain hash after it.
pub(super) fn encode(
    buffer: &mut Vec<u8>,
    place: &Place,
    entry: &stored::Entry,
    sealed: Option<&SealedPart>,
) -> Result<[u8; 32], prost::EncodeError> {
    let start = buffer.len();
    let sealed_bytes = sealed.map_or(0, |part| part.ciphertext.len());
    let layout = Layout::of(entry.encoded_len(), sealed_bytes);
    buffer.reserve(layout.bytes);
    buffer.resize(start + layout.public_at, 0);
    entry.encode(buffer)?;
    if let Some(part) = sealed {
        buffer.extend_from_slice(&place_slot(&part.slot, place.segment, place.offset));
        buffer.extend_from_slice(&part.ciphertext);
    }
    buffer.resize(start + layout.bytes, 0);

    let frame = buffer.get_mut(start..).unwrap_or_default();
    let public = frame.get(layout.public_at..layout.slot_at).unwrap_or_default();
    let digest = sealed.map(|part| part.digest);
    let hash = chain(&place.previous, public, digest.as_ref());
    let public_bytes = public.len();
    put(frame, 0, &narrow(layout.bytes - 4).to_le_bytes());
    put(frame, SEQUENCE_AT, &place.sequence.to_le_bytes());
    put(frame, 16, &place.confirmed.to_le_bytes());
    put(frame, 24, &narrow(public_bytes).to_le_bytes());
    put(frame, 28, &narrow(sealed_bytes).to_le_bytes());
    put(frame, HASH_AT, &hash);
    if let Some(digest) = digest {
        put(frame, HEAD_BYTES, &digest);
    }
    let crc = checksum(place.segment, place.offset, frame.get(SEQUENCE_AT..layout.slot_at).unwrap_or_default());
    put(frame, 4, &crc.to_le_bytes());
    Ok(hash)
}

/// Lengths are below [`FRAME_BYTES_MAX`]; a larger one could never be read back, so it must
/// not look like a small one.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The chain hash of an entry.
pub(super) fn chain(previous: &[u8; 32], public: &[u8], sealed_digest: Option<&[u8; 32]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous).update(public).update(sealed_digest.unwrap_or(&NOTHING_DIGEST));
    *hasher.finalize().as_bytes()
}

fn checksum(segment: u64, offset: u64, covered: &[u8]) -> u32 {
    let mut place = [0; 16];
    put(&mut place, 0, &segment.to_le_bytes());
    put(&mut place, 8, &offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), covered)
}

/// A frame whose own bytes are in order; its place in the chain is the walk's to check.
pub(super) struct RawFrame<'a> {
    pub(super) sequence: u64,
    pub(super) confirmed: u64,
    pub(super) hash: [u8; 32],
    pub(super) public: &'a [u8],
    pub(super) bytes: usize,
    digest: Option<[u8; 32]>,
    slot: &'a [u8],
    sealed: &'a [u8],
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("there is no further entry")]
    End,
    #[error("the file ends within an entry")]
    Short(usize),
    #[error("an entry's length is impossible")]
    Length,
    #[error("an entry's checksum does not match")]
    Checksum,
    #[error("the key slot of an entry's sealed part is damaged")]
    Slot,
    #[error("an entry's sealed part does not match its digest")]
    Sealed,
    #[error("unknown bytes follow an entry")]
    Padding,
    #[error("another entry's number is here")]
    Sequence,
    #[error("an entry does not continue the hash chain")]
    Chain,
    #[error("an entry's confirmed mark contradicts its neighbours'")]
    Confirmed,
    #[error("an entry is not a message that this program knows")]
    Entry,
}

/// How many bytes must be there to read the frame at the start of `bytes`, if more are needed.
pub(super) fn missing(bytes: &[u8]) -> Option<usize> {
    let total = u32_at(bytes, 0).map_or(HEAD_BYTES, |length| length as usize + 4);
    (bytes.len() < total && total <= FRAME_BYTES_MAX).then_some(total)
}

/// Reads the frame at the start of `bytes`. [`Fault::Short`] tells how many bytes are needed.
pub(super) fn parse(bytes: &[u8], segment: u64, offset: u64) -> Result<RawFrame<'_>, Fault> {
    let total = match u32_at(bytes, 0) {
        None => return Err(Fault::Short(HEAD_BYTES)),
        Some(0) => return Err(Fault::End),
        Some(length) => length as usize + 4,
    };
    if !total.is_multiple_of(ALIGN) || !(HEAD_BYTES..=FRAME_BYTES_MAX).contains(&total) {
        return Err(Fault::Length);
    }
    let frame = bytes.get(..total).ok_or(Fault::Short(total))?;
    let field = |at| u32_at(frame, at).map_or(usize::MAX, |length| length as usize);
    let layout = Layout::of(field(24), field(28));
    if layout.bytes != total {
        return Err(Fault::Length);
    }
    let part = |from, to| frame.get(from..to).ok_or(Fault::Length);
    let covered = part(SEQUENCE_AT, layout.slot_at)?;
    if u32_at(frame, 4) != Some(checksum(segment, offset, covered)) {
        return Err(Fault::Checksum);
    }
    let slot = part(layout.slot_at, layout.sealed_at)?;
    if !slot.is_empty() && !slot_is_whole(slot, segment, offset) {
        return Err(Fault::Slot);
    }
    if part(layout.end, total)?.iter().any(|byte| *byte != 0) {
        return Err(Fault::Padding);
    }
    Ok(RawFrame {
        sequence: u64_at(frame, SEQUENCE_AT).ok_or(Fault::Length)?,
        confirmed: u64_at(frame, 16).ok_or(Fault::Length)?,
        hash: array_at(frame, HASH_AT).ok_or(Fault::Length)?,
        public: part(layout.public_at, layout.slot_at)?,
        bytes: total,
        digest: if slot.is_empty() { None } else { array_at(frame, HEAD_BYTES) },
        slot,
        sealed: part(layout.sealed_at, layout.end)?,
    })
}

/// What a look at a frame's sealed part shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealedLook {
    None,
    Whole,
    Erased,
    /// Marked erased, but bytes remain: erasing was interrupted.
    Erasing,
}

impl RawFrame<'_> {
    /// Whether the frame continues a chain.
    pub(super) fn continues(&self, previous: &[u8; 32]) -> bool {
        self.hash == chain(previous, self.public, self.digest.as_ref())
    }

    /// Hashes the sealed part and compares.
    pub(super) fn look_at_sealed(&self) -> Result<SealedLook, Fault> {
        let Some(digest) = self.digest else { return Ok(SealedLook::None) };
        if slot_state(self.slot) == Some(SlotState::Erased) {
            let gone = self.sealed.iter().all(|byte| *byte == 0);
            return Ok(if gone { SealedLook::Erased } else { SealedLook::Erasing });
        }
        if *blake3::hash(self.sealed).as_bytes() == digest { Ok(SealedLook::Whole) } else { Err(Fault::Sealed) }
    }

    /// The digest of the sealed part, if there is one.
    pub(super) fn sealed_digest(&self) -> Option<[u8; 32]> {
        self.digest
    }

    /// The public part, read.
    pub(super) fn entry(&self) -> Result<stored::Entry, Fault> {
        stored::Entry::decode(self.public).map_err(|_| Fault::Entry)
    }

    /// The sealed part, still encrypted.
    pub(super) fn sealed_part(&self) -> Option<SealedPart> {
        let (digest, slot) = (self.digest?, array_at(self.slot, 0)?);
        Some(SealedPart { slot, digest, ciphertext: self.sealed.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_blake3_of_nothing() {
        assert_eq!(NOTHING_DIGEST, *blake3::hash(b"").as_bytes());
    }

    #[test]
    fn a_frame_is_read_at_its_own_place_only() {
        let place = Place { segment: 3, offset: 128, sequence: 9, confirmed: 8, previous: [7; 32] };
        let entry = stored::Entry { at_ms: 5, actor: "operator".to_owned(), event: None };
        let mut bytes = Vec::new();
        let hash = encode(&mut bytes, &place, &entry, None).unwrap();
        let frame = parse(&bytes, 3, 128).unwrap();
        assert_eq!((frame.sequence, frame.confirmed, frame.hash), (9, 8, hash));
        assert!(frame.continues(&[7; 32]) && !frame.continues(&[8; 32]));
        assert_eq!(frame.entry().unwrap(), entry);
        assert_eq!(parse(&bytes, 4, 128).err(), Some(Fault::Checksum));
        assert_eq!(parse(&bytes, 3, 136).err(), Some(Fault::Checksum));
    }
}
