//! The sealed part of a frame: a record's personal values under a key of its own, which
//! lies wrapped in the slot. The slot is outside the hash chain, so that it can be erased
//! or wrapped anew while the chain stays whole.
//!
//! ```text
//! slot   0  u8   state: 1 wrapped, 2 erased
//!        1  u8   number of the node key, from 1
//!        2  u16  0
//!        4  u32  crc32c over segment id, frame offset, and the slot without this field
//!        8  24   nonce of the wrapping
//!       32  48   the record's key, XChaCha20-Poly1305 under the node's wrap key
//! ```

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use prost::Message;
use wuji_proto::stored;
use zeroize::Zeroizing;

use super::bytes::{array_at, put, u32_at};
use super::key::{KEY_BYTES, NodeKey};
use crate::env::Entropy;

/// Bytes of a slot.
pub(super) const SLOT_BYTES: usize = 80;
/// What sealing adds to the values' own size: the cipher's tag.
pub(super) const TAG_BYTES: usize = 16;
/// The only node key there is until keys rotate.
const KEY_NUMBER: u8 = 1;
const NONCE_AT: usize = 8;
const NONCE_BYTES: usize = 24;
const WRAPPED_AT: usize = 32;
const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;

/// Whether a sealed part can still be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotState {
    Wrapped = 1,
    Erased = 2,
}

/// The sealed part of an entry, still encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPart {
    pub(super) slot: [u8; SLOT_BYTES],
    pub(super) digest: [u8; 32],
    pub(super) ciphertext: Vec<u8>,
}

impl SealedPart {
    /// Whether the values have been erased; the entry itself stays.
    pub fn is_erased(&self) -> bool {
        slot_state(&self.slot) == Some(SlotState::Erased)
    }
}

impl std::fmt::Debug for SealedPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedPart({} bytes{})", self.ciphertext.len(), if self.is_erased() { ", erased" } else { "" })
    }
}

/// Encrypts an entry's values under a fresh key. `None` only if the cipher refuses the size.
pub(super) fn seal(key: &NodeKey, entropy: &dyn Entropy, sequence: u64, values: &stored::Sealed) -> Option<SealedPart> {
    let plain = Zeroizing::new(values.encode_to_vec());
    let mut own = Zeroizing::new([0; KEY_BYTES]);
    entropy.fill(own.as_mut());
    let cipher = XChaCha20Poly1305::new((&*own).into());
    // The key is used once, so a fixed nonce never repeats under it.
    let payload = Payload { msg: &plain, aad: &seal_about(sequence) };
    let ciphertext = cipher.encrypt(&XNonce::default(), payload).ok()?;
    let digest = *blake3::hash(&ciphertext).as_bytes();

    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    let wrapped = key.wrap(nonce, &wrap_about(sequence, &digest), own.as_ref())?;
    let mut slot = [0; SLOT_BYTES];
    put(&mut slot, 0, &[SlotState::Wrapped as u8, KEY_NUMBER]);
    put(&mut slot, NONCE_AT, &nonce);
    put(&mut slot, WRAPPED_AT, &wrapped);
    Some(SealedPart { slot, digest, ciphertext })
}

/// Why a sealed part does not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OpenFault {
    /// The wrapped key does not open.
    Wrapped,
    /// The values do not open.
    Values,
}

/// Decrypts an entry's values; `None` if they have been erased.
pub(super) fn open(key: &NodeKey, sequence: u64, part: &SealedPart) -> Result<Option<stored::Sealed>, OpenFault> {
    if part.is_erased() {
        return Ok(None);
    }
    let nonce = array_at(&part.slot, NONCE_AT).ok_or(OpenFault::Wrapped)?;
    let wrapped: [u8; WRAPPED_BYTES] = array_at(&part.slot, WRAPPED_AT).ok_or(OpenFault::Wrapped)?;
    let own = key.unwrap(nonce, &wrap_about(sequence, &part.digest), &wrapped).ok_or(OpenFault::Wrapped)?;
    let cipher = XChaCha20Poly1305::new_from_slice(&own).map_err(|_| OpenFault::Wrapped)?;
    let payload = Payload { msg: &part.ciphertext, aad: &seal_about(sequence) };
    let plain = Zeroizing::new(cipher.decrypt(&XNonce::default(), payload).map_err(|_| OpenFault::Values)?);
    stored::Sealed::decode(plain.as_slice()).map(Some).map_err(|_| OpenFault::Values)
}

/// Ties the values to their entry.
fn seal_about(sequence: u64) -> [u8; 24] {
    let mut about = [0; 24];
    put(&mut about, 0, b"wuji sealed part");
    put(&mut about, 16, &sequence.to_le_bytes());
    about
}

/// Ties the wrapped key to its entry's sealed part.
fn wrap_about(sequence: u64, digest: &[u8; 32]) -> [u8; 48] {
    let mut about = [0; 48];
    put(&mut about, 0, b"wujiwrap");
    put(&mut about, 8, &sequence.to_le_bytes());
    put(&mut about, 16, digest);
    about
}

/// The state, if it is one that is known.
pub(super) fn slot_state(slot: &[u8]) -> Option<SlotState> {
    match slot.first() {
        Some(1) => Some(SlotState::Wrapped),
        Some(2) => Some(SlotState::Erased),
        _ => None,
    }
}

/// The slot as it lies in a frame: with its checksum, which holds for this place only.
pub(super) fn place_slot(slot: &[u8; SLOT_BYTES], segment: u64, offset: u64) -> [u8; SLOT_BYTES] {
    let mut placed = *slot;
    let crc = slot_crc(slot, segment, offset);
    put(&mut placed, 4, &crc.to_le_bytes());
    placed
}

/// Whether a slot is whole and of a known state.
pub(super) fn slot_is_whole(slot: &[u8], segment: u64, offset: u64) -> bool {
    let known = slot_state(slot).is_some();
    let whole = array_at(slot, 0).is_some_and(|bytes| u32_at(slot, 4) == Some(slot_crc(&bytes, segment, offset)));
    known && whole
}

fn slot_crc(slot: &[u8; SLOT_BYTES], segment: u64, offset: u64) -> u32 {
    let mut bare = *slot;
    put(&mut bare, 4, &[0; 4]);
    let place = crc32c::crc32c_append(crc32c::crc32c(&segment.to_le_bytes()), &offset.to_le_bytes());
    crc32c::crc32c_append(place, &bare)
}

/// An erased slot: nothing of the wrapped key remains.
#[cfg(test)]
pub(super) fn erased_slot() -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    put(&mut slot, 0, &[SlotState::Erased as u8, 0]);
    slot
}
