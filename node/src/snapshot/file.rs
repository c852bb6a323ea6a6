//! The form of a snapshot: a head that says of which journal mark it is, keys with their
//! values in order, and an end that counts them.

use std::io::Read;
use std::path::Path;

use prost::Message;
use wuji_proto::stored::{IndexHead, SnapshotChild, SnapshotEnd, SnapshotHead, SnapshotPairs};
use wuji_proto::{Digest, DivisionCode, Incarnation, wire};

use super::SnapshotError;
use super::digests::{Digests, HeldDigests};
use crate::archive::{ArchiveError, Decoder, END, Encoder};
use crate::feed::exchange::Anchor;
use crate::feed::item::ItemHasher;
use crate::index::{self, Index, Pair, Writes, keys};

/// What the file begins with.
pub const MAGIC: [u8; 8] = *b"WUJISNAP";
const HEAD: u8 = 1;
const PAIRS: u8 = 2;

/// Makes the bytes of a snapshot.
pub struct Output {
    encoder: Encoder,
    end: SnapshotEnd,
}

impl Output {
    /// Begins one; its first bytes.
    pub fn begin(head: &SnapshotHead) -> (Self, Vec<u8>) {
        let (mut encoder, mut bytes) = Encoder::begin(MAGIC);
        bytes.extend(encoder.chunk(HEAD, &head.encode_to_vec()));
        (Self { encoder, end: SnapshotEnd::default() }, bytes)
    }

    /// Further keys, in order.
    pub fn pairs(&mut self, pairs: Vec<Pair>) -> Vec<u8> {
        let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.end.keys += pairs.len() as u64;
        self.end.bytes += bytes as u64;
        let (keys, values) = pairs.into_iter().unzip();
        self.encoder.chunk(PAIRS, &SnapshotPairs { keys, values }.encode_to_vec())
    }

    /// The last bytes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.encoder.chunk(END, &self.end.encode_to_vec())
    }
}

/// A snapshot being read.
pub struct Input<R> {
    decoder: Decoder<R>,
    /// Of which mark it is.
    pub head: SnapshotHead,
}

impl<R: Read> Input<R> {
    /// Reads the head. `file` is for errors.
    pub fn begin(input: R, file: &Path) -> Result<Self, ArchiveError> {
        let mut decoder = Decoder::begin(input, file, MAGIC)?;
        let head = match decoder.next_chunk()? {
            Some(chunk) if chunk.kind == HEAD => SnapshotHead::decode(chunk.content.as_slice()).ok(),
            _ => None,
        };
        let head = head.filter(|head| head.index.is_some());
        let head = head.ok_or_else(|| decoder.damaged(0, "it does not begin with a snapshot's head"))?;
        Ok(Self { decoder, head })
    }

    /// The journal entry at which it stands, with the chain hash there.
    pub fn anchor(&self) -> Anchor {
        let sequence = self.head.index.as_ref().map_or(0, |index| index.applied);
        Anchor { sequence, hash: self.head.chain_hash.as_slice().try_into().unwrap_or_default() }
    }

    /// Reads to the end, and gives the pairs of each chunk to `each`. Everything is checked:
    /// hashes, the order of keys, counts, and the digests of the items.
    pub fn read(
        mut self,
        mut each: impl FnMut(Vec<Pair>) -> Result<(), SnapshotError>,
    ) -> Result<Whole, SnapshotError> {
        let index = self.head.index.clone().unwrap_or_default();
        let hasher = owner(&self.head, &index).map(|(code, life)| ItemHasher::new(code, life));
        let hasher = hasher.ok_or_else(|| self.decoder.damaged(0, "its head does not say whose it is"))?;
        let mut digests = Digests::new(hasher, children(&self.head));
        let (mut found, mut last) = (SnapshotEnd::default(), Vec::new());
        while let Some(chunk) = self.decoder.next_chunk()? {
            let damaged = |what: &str| self.decoder.damaged(chunk.offset, what);
            match chunk.kind {
                PAIRS => {
                    let pairs = SnapshotPairs::decode(chunk.content.as_slice());
                    let pairs = pairs.ok().filter(|pairs| pairs.keys.len() == pairs.values.len());
                    let SnapshotPairs { keys, values } =
                        pairs.ok_or_else(|| damaged("a chunk does not hold keys and values"))?;
                    let pairs: Vec<Pair> = keys.into_iter().zip(values).collect();
                    for (key, value) in &pairs {
                        if found.keys > 0 && *key <= last {
                            return Err(damaged("its keys are not in order").into());
                        }
                        found.keys += 1;
                        found.bytes += (key.len() + value.len()) as u64;
                        last.clone_from(key);
                        digests.add(key, value)?;
                    }
                    each(pairs)?;
                }
                END => {
                    let end = SnapshotEnd::decode(chunk.content.as_slice());
                    if end.ok().as_ref() != Some(&found) {
                        return Err(damaged("it does not hold what its end says").into());
                    }
                }
                _ => return Err(damaged("a chunk is of a kind that this program does not know").into()),
            }
        }
        digests.compare(Digest { sum: wire::digest_sum(&index.digest), count: index.count })?;
        Ok(Whole { head: self.head, end: found, bytes: self.decoder.bytes() })
    }
}

/// A snapshot that was read to its end.
pub struct Whole {
    /// Of which mark it is.
    pub head: SnapshotHead,
    /// What it holds.
    pub end: SnapshotEnd,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Puts a snapshot into an empty index of the life `incarnation`, and says why it was needed.
/// Its head comes last: an index that was loaded in part has none, and is built again.
pub fn load(
    input: Input<impl Read>,
    index: &dyn Index,
    incarnation: Incarnation,
    rebuilt: &str,
) -> Result<IndexHead, SnapshotError> {
    let mut head = input.head.index.clone().unwrap_or_default();
    let code = owner(&input.head, &head).map(|(code, _)| code);
    let code = code.ok_or_else(|| input.decoder.damaged(0, "its head does not say whose it is"))?;
    // The digest is keyed by the life of the journal, which may be another now.
    let mut feed = Digests::new(ItemHasher::new(code, incarnation), HeldDigests::new());
    input.read(|pairs| {
        let mut writes = Writes::new();
        for (key, value) in pairs {
            feed.add(&key, &value)?;
            writes.insert(key, Some(value));
        }
        writes.remove(&keys::head());
        Ok(index.apply(&writes)?)
    })?;
    head.incarnation = incarnation.to_bytes().to_vec();
    head.digest = feed.feed().sum.to_le_bytes().to_vec();
    rebuilt.clone_into(&mut head.rebuilt);
    index.apply(&Writes::from([(keys::head(), Some(head.encode_to_vec()))]))?;
    index.checkpoint()?;
    Ok(head)
}

/// Whether a head is of this layout and unit.
pub fn is_of(head: &SnapshotHead, code: DivisionCode) -> bool {
    head.index_format == index::FORMAT && head.code.parse() == Ok(code)
}

/// The children's digests as a head lists them.
pub fn listed(held: &HeldDigests) -> Vec<SnapshotChild> {
    let child = |(code, (life, digest)): (&DivisionCode, &(Incarnation, Digest))| SnapshotChild {
        code: code.to_string(),
        incarnation: life.to_bytes().to_vec(),
        digest: digest.sum.to_le_bytes().to_vec(),
        count: digest.count,
    };
    held.iter().map(child).collect()
}

fn children(head: &SnapshotHead) -> HeldDigests {
    let child = |child: &SnapshotChild| {
        let digest = Digest { sum: wire::digest_sum(&child.digest), count: child.count };
        Some((child.code.parse().ok()?, (Incarnation::from_slice(&child.incarnation)?, digest)))
    };
    head.children.iter().filter_map(child).collect()
}

fn owner(head: &SnapshotHead, index: &IndexHead) -> Option<(DivisionCode, Incarnation)> {
    Some((head.code.parse().ok()?, Incarnation::from_slice(&index.incarnation)?))
}
