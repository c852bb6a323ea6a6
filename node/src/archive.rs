//! A file in chunks, each with a BLAKE3 hash over everything before it: the form of index
//! snapshots and of backups. A file that was cut, lengthened, or changed in any byte is
//! refused, with the place.
//!
//! ```text
//!  0  8   magic: what kind of file
//!  8  u32 format version
//! 12  u32 zeros
//!     then chunks:
//!  0  u8  kind; 255: the last one
//!  1  u8  0: plain, 1: zstd
//!  2  u16 zeros
//!  4  u32 bytes that follow the hash
//!  8  u32 bytes when unpacked
//! 12  32  blake3(hash before ‖ the 12 bytes above ‖ what follows); the first is before
//!         blake3(the file's head)
//!     …   what the kind says
//! ```

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::env::{Disk, DiskFile};

/// The largest chunk, unpacked.
pub const CHUNK_BYTES_MAX: usize = 4 << 20;

/// The kind of the last chunk.
pub const END: u8 = u8::MAX;

/// The format that this program writes.
const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 16;
const CHUNK_HEAD_BYTES: usize = 12;
const HASH_BYTES: usize = 32;
const COMPRESSION_LEVEL: i32 = 3;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The disk refused.
    #[error("{operation} {}: {source}", file.display())]
    Io {
        /// What was tried, such as "reading".
        operation: &'static str,
        /// On what.
        file: PathBuf,
        /// The disk's answer.
        source: io::Error,
    },
    /// It is not as it was written.
    #[error("{} is damaged at byte {offset}: {what}. It is not used: take another copy", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A newer program wrote it.
    #[error("{} has format {found}, this program knows {FORMAT}: use the newer program", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// Makes the bytes of a file, chunk after chunk.
pub struct Encoder {
    previous: [u8; HASH_BYTES],
    bytes: u64,
}

impl Encoder {
    /// Begins a file of a kind; its first bytes.
    pub fn begin(magic: [u8; 8]) -> (Self, Vec<u8>) {
        let mut head = magic.to_vec();
        head.extend(FORMAT.to_le_bytes());
        head.extend([0; 4]);
        (Self { previous: *blake3::hash(&head).as_bytes(), bytes: head.len() as u64 }, head)
    }

    /// The bytes of a chunk of at most [`CHUNK_BYTES_MAX`], packed if that makes it smaller.
    pub fn chunk(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let packed = zstd::bulk::compress(content, COMPRESSION_LEVEL).ok().filter(|it| it.len() < content.len());
        let (form, stored) = packed.as_deref().map_or((PLAIN, content), |packed| (ZSTD, packed));
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut chunk = Vec::with_capacity(CHUNK_HEAD_BYTES + HASH_BYTES + stored.len());
        chunk.extend([kind, form, 0, 0]);
        chunk.extend(length(stored));
        chunk.extend(length(content));
        self.previous = hash(&self.previous, &chunk, stored);
        chunk.extend(self.previous);
        chunk.extend(stored);
        self.bytes += chunk.len() as u64;
        chunk
    }

    /// The hash over everything so far.
    pub fn hash(&self) -> [u8; HASH_BYTES] {
        self.previous
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn hash(previous: &[u8; HASH_BYTES], head: &[u8], stored: &[u8]) -> [u8; HASH_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous).update(head).update(stored);
    *hasher.finalize().as_bytes()
}

/// A chunk, as it was given to [`Encoder::chunk`].
pub struct Chunk {
    /// Its kind.
    pub kind: u8,
    /// Where it begins in the file.
    pub offset: u64,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Reads a file and checks every byte of it.
pub struct Decoder<R> {
    input: R,
    file: PathBuf,
    at: u64,
    previous: [u8; HASH_BYTES],
    ended: bool,
}

impl<R: Read> Decoder<R> {
    /// Begins to read a file of a kind; `file` is for errors.
    pub fn begin(mut input: R, file: &Path, magic: [u8; 8]) -> Result<Self, ArchiveError> {
        let mut head = [0; HEAD_BYTES];
        let read = read_up_to(&mut input, &mut head).map_err(io_error("reading", file))?;
        let damaged = |what: &str| ArchiveError::Damaged { file: file.to_owned(), offset: 0, what: what.to_owned() };
        if read < HEAD_BYTES {
            return Err(damaged("it ends within its head"));
        }
        if !head.starts_with(&magic) {
            return Err(damaged("it is not a file of this kind"));
        }
        let format = u32_at(&head, 8);
        if format != FORMAT {
            return Err(ArchiveError::Format { file: file.to_owned(), found: format });
        }
        if u32_at(&head, 12) != 0 {
            return Err(damaged("its head is not as it was written"));
        }
        let previous = *blake3::hash(&head).as_bytes();
        Ok(Self { input, file: file.to_owned(), at: HEAD_BYTES as u64, previous, ended: false })
    }

    /// The next chunk; `None` after the last one.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        let offset = self.at;
        let mut head = [0; CHUNK_HEAD_BYTES + HASH_BYTES];
        self.fill(&mut head, offset)?;
        let (head, wanted) = head.split_at(CHUNK_HEAD_BYTES);
        let (stored, unpacked) = (u32_at(head, 4) as usize, u32_at(head, 8) as usize);
        if stored > CHUNK_BYTES_MAX || unpacked > CHUNK_BYTES_MAX {
            return Err(self.damaged(offset, "a chunk's length is impossible"));
        }
        let mut bytes = vec![0; stored];
        self.fill(&mut bytes, offset)?;
        self.previous = hash(&self.previous, head, &bytes);
        if self.previous[..] != *wanted {
            return Err(self.damaged(offset, "a chunk does not match its hash"));
        }
        let kind = head.first().copied().unwrap_or_default();
        let content = match head.get(1) {
            Some(&PLAIN) => Some(bytes),
            Some(&ZSTD) => zstd::bulk::decompress(&bytes, unpacked).ok(),
            _ => None,
        };
        let content = content.filter(|content| content.len() == unpacked);
        let content = content.ok_or_else(|| self.damaged(offset, "a chunk does not unpack to what it should"))?;
        if kind == END {
            self.ended = true;
            let mut more = [0; 1];
            if read_up_to(&mut self.input, &mut more).map_err(io_error("reading", &self.file))? > 0 {
                return Err(self.damaged(self.at, "unknown bytes follow its end"));
            }
        }
        Ok(Some(Chunk { kind, offset, content }))
    }

    /// The hash over everything so far.
    pub fn hash(&self) -> [u8; HASH_BYTES] {
        self.previous
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// The complaint that what is at a place makes no sense.
    pub fn damaged(&self, offset: u64, what: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged { file: self.file.clone(), offset, what: what.into() }
    }

    fn fill(&mut self, buffer: &mut [u8], chunk: u64) -> Result<(), ArchiveError> {
        let read = read_up_to(&mut self.input, buffer).map_err(io_error("reading", &self.file))?;
        self.at += read as u64;
        if read < buffer.len() {
            let what = format!("it was cut off there, within the chunk that begins at byte {chunk}");
            return Err(self.damaged(self.at, what));
        }
        Ok(())
    }
}

/// Reads a file of the disk from its beginning.
pub struct FileInput {
    file: Box<dyn DiskFile>,
    at: u64,
}

impl FileInput {
    /// Opens a file that is there.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, ArchiveError> {
        // `open` would make a missing file.
        disk.mode(path).map_err(io_error("opening", path))?;
        Ok(Self { file: disk.open(path).map_err(io_error("opening", path))?, at: 0 })
    }
}

impl Read for FileInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The complaint of a disk.
pub fn io_error(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    move |source| ArchiveError::Io { operation, file: file.to_owned(), source }
}

fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(u32::MAX, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"WUJITEST";

    fn made() -> Vec<u8> {
        let (mut encoder, mut bytes) = Encoder::begin(MAGIC);
        bytes.extend(encoder.chunk(1, b"short"));
        bytes.extend(encoder.chunk(2, &[7; 10_000]));
        bytes.extend(encoder.chunk(END, &[]));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, ArchiveError> {
        let mut decoder = Decoder::begin(bytes, Path::new("file"), MAGIC)?;
        let mut chunks = Vec::new();
        while let Some(chunk) = decoder.next_chunk()? {
            chunks.push((chunk.kind, chunk.content));
        }
        Ok(chunks)
    }

    #[test]
    fn what_was_written_is_read_and_packed() {
        let bytes = made();
        assert!(bytes.len() < 500, "{} bytes", bytes.len());
        assert_eq!(read(&bytes).unwrap(), [(1, b"short".to_vec()), (2, vec![7; 10_000]), (END, Vec::new())]);
    }

    #[test]
    fn a_file_cut_at_any_byte_or_lengthened_is_refused() {
        let bytes = made();
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_bit_flipped_anywhere_is_refused_with_its_chunk() {
        let bytes = made();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(read(&other).is_err(), "flipped at {at}");
        }
        let mut other = bytes.clone();
        other[30] ^= 1;
        assert!(read(&other).unwrap_err().to_string().contains("damaged at byte 16"));
    }

    #[test]
    fn chunks_that_changed_places_are_refused() {
        let (mut encoder, head) = Encoder::begin(MAGIC);
        let (first, second) = (encoder.chunk(1, b"one"), encoder.chunk(1, b"two"));
        let end = encoder.chunk(END, &[]);
        assert!(read(&[&head[..], &first, &second, &end].concat()).is_ok());
        assert!(read(&[&head[..], &second, &first, &end].concat()).is_err());
        assert!(read(&[&head[..], &first, &end].concat()).is_err());
    }
}
