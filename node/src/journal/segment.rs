//! Segments: the files of a journal, `segments/00000001.wal` and on. Each begins with a
//! header that proves what came before it:
//!
//! ```text
//!   0  8   "WUJIWAL\0"
//!   8  u32 format version
//!  12  u32 bytes of this header
//!  16  u64 segment id, from 1
//!  24  u64 first sequence: all before it was confirmed when the segment was begun
//!  32  32  chain hash before the first entry
//!  64  16  incarnation 实例号 of the journal
//!  80  16  fingerprint of the node key
//!  96  6   the unit's code, as in keys
//! 102  22  zeros
//! 124  u32 crc32c of the above
//! ```
//!
//! What an older segment holds at or past a newer one's first sequence is abandoned: the
//! disk failed while it was written, and it was refused to whoever sent it.

use std::path::{Path, PathBuf};

use wuji_proto::{CODE_KEY_BYTES, DivisionCode, Incarnation};

use super::bytes::{array_at, put, u32_at, u64_at};
use super::error::JournalError;
use super::key::FINGERPRINT_BYTES;
use crate::env::DiskFile;

/// Bytes of a header; the first frame follows.
pub(super) const HEADER_BYTES: usize = 128;
/// The same, as the header says it: a later format may have a longer one.
const HEADER_LENGTH: u32 = 128;
/// The format that this program writes, of headers and frames.
const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"WUJIWAL\0";
const CRC_AT: usize = HEADER_BYTES - 4;
/// A segment that is being made; it gets its name when its header is durable.
pub(super) const UNFINISHED: &str = ".new";

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u64,
    pub(super) first: u64,
    pub(super) previous: [u8; 32],
    pub(super) incarnation: Incarnation,
    pub(super) key: [u8; FINGERPRINT_BYTES],
    pub(super) code: DivisionCode,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &FORMAT.to_le_bytes());
        put(&mut bytes, 12, &HEADER_LENGTH.to_le_bytes());
        put(&mut bytes, 16, &self.id.to_le_bytes());
        put(&mut bytes, 24, &self.first.to_le_bytes());
        put(&mut bytes, 32, &self.previous);
        put(&mut bytes, 64, &self.incarnation.to_bytes());
        put(&mut bytes, 80, &self.key);
        put(&mut bytes, 96, &self.code.to_key());
        let crc = crc32c::crc32c(bytes.get(..CRC_AT).unwrap_or_default());
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// Reads the header of segment `id`.
    pub(super) fn read(file: &dyn DiskFile, path: &Path, id: u64) -> Result<Self, JournalError> {
        let mut bytes = [0; HEADER_BYTES];
        let read = file.read_at(0, &mut bytes).map_err(JournalError::io("reading", path))?;
        let damaged = |what: &str| JournalError::damaged(path, 0, format!("the segment's header {what}"));
        if read < HEADER_BYTES {
            return Err(damaged("is cut off; it tells where the journal continues"));
        }
        let covered = bytes.get(..CRC_AT).unwrap_or_default();
        if !bytes.starts_with(&MAGIC) || u32_at(&bytes, CRC_AT) != Some(crc32c::crc32c(covered)) {
            return Err(damaged("is not as it was written; it tells where the journal continues"));
        }
        let found = u32_at(&bytes, 8).unwrap_or_default();
        if found != FORMAT {
            return Err(JournalError::Format { file: path.to_owned(), found, known: FORMAT });
        }
        let header = Self::fields(&bytes).ok_or_else(|| damaged("does not name a unit"))?;
        if header.id != id {
            return Err(damaged(&format!("is that of segment {}: the files have been renamed", header.id)));
        }
        Ok(header)
    }

    fn fields(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        Some(Self {
            id: u64_at(bytes, 16)?,
            first: u64_at(bytes, 24)?,
            previous: array_at(bytes, 32)?,
            incarnation: Incarnation::from_slice(bytes.get(64..80)?)?,
            key: array_at(bytes, 80)?,
            code: DivisionCode::from_key(array_at::<CODE_KEY_BYTES>(bytes, 96)?)?,
        })
    }
}

/// Where the segments of a data directory are.
pub(super) fn segments_directory(directory: &Path) -> PathBuf {
    directory.join("segments")
}

/// The file of a segment.
pub(super) fn segment_path(directory: &Path, id: u64) -> PathBuf {
    segments_directory(directory).join(format!("{id:08}.wal"))
}

/// The id that a file's name gives; `None` for other files.
pub(super) fn segment_id(name: &str) -> Option<u64> {
    let id = name.strip_suffix(".wal")?.parse().ok()?;
    (format!("{id:08}.wal") == name).then_some(id)
}
