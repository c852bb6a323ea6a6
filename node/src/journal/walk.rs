//! Walking over the frames of a segment, in order, with every check that is cheap: checksums,
//! sequence, hash chain, confirmed marks.

use std::path::Path;
use std::sync::Arc;

use super::error::JournalError;
use super::frame::{Fault, RawFrame, missing, parse};
use crate::env::DiskFile;

/// Bytes read at once.
const CHUNK_BYTES: usize = 128 << 10;

/// A place from which frames can be read: where, and what must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The sequence of the frame at `offset`.
    pub(super) sequence: u64,
    pub(super) offset: u64,
    /// The chain hash before it.
    pub(super) previous: [u8; 32],
}

/// A walk over a segment's frames.
pub(super) struct Walk {
    file: Arc<dyn DiskFile>,
    segment: u64,
    /// What comes next.
    at: Mark,
    /// The confirmed mark of the group that is being read; `None` if the walk began within it.
    group: Option<u64>,
    buffer: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    buffer_at: u64,
    /// Bytes of the buffer that hold the file's.
    filled: usize,
}

impl Walk {
    pub(super) fn new(file: Arc<dyn DiskFile>, segment: u64, at: Mark) -> Self {
        Self { file, segment, at, group: None, buffer: Vec::new(), buffer_at: at.offset, filled: 0 }
    }

    /// What the next frame must be, and where.
    pub(super) fn at(&self) -> Mark {
        self.at
    }

    /// The next frame, and where it is; or what is at its place instead. `path` is for errors.
    pub(super) fn step(&mut self, path: &Path) -> Result<Result<(u64, RawFrame<'_>), Fault>, JournalError> {
        let offset = self.at.offset;
        while let Some(needed) = missing(self.ahead()) {
            if !self.fill(needed).map_err(JournalError::io("reading", path))? {
                break;
            }
        }
        // Borrowed anew, by field, so that `at` and `group` can move on beside the frame.
        let from = usize::try_from(offset - self.buffer_at).unwrap_or(usize::MAX);
        let ahead = self.buffer.get(from..self.filled).unwrap_or_default();
        let frame = match parse(ahead, self.segment, offset) {
            // The file ends here: as good as zeros.
            Err(Fault::Short(_)) if ahead.iter().all(|byte| *byte == 0) => return Ok(Err(Fault::End)),
            Err(fault) => return Ok(Err(fault)),
            Ok(frame) => frame,
        };
        if frame.sequence != self.at.sequence {
            return Ok(Err(Fault::Sequence));
        }
        let begins = frame.confirmed.checked_add(1) == Some(frame.sequence);
        if !begins && self.group.is_some_and(|group| group != frame.confirmed) {
            return Ok(Err(Fault::Confirmed));
        }
        if !frame.continues(&self.at.previous) {
            return Ok(Err(Fault::Chain));
        }
        self.group = Some(frame.confirmed);
        self.at = Mark { sequence: frame.sequence + 1, offset: offset + frame.bytes as u64, previous: frame.hash };
        Ok(Ok((offset, frame)))
    }

    /// A step where the frame is known to be durable: anything else is damage.
    pub(super) fn step_durable(&mut self, path: &Path) -> Result<(u64, RawFrame<'_>), JournalError> {
        let Mark { offset, sequence, .. } = self.at;
        self.step(path)?
            .map_err(|fault| JournalError::damaged(path, offset, format!("{fault}, where entry {sequence} was")))
    }

    fn ahead(&self) -> &[u8] {
        let from = usize::try_from(self.at.offset - self.buffer_at).unwrap_or(usize::MAX);
        self.buffer.get(from..self.filled).unwrap_or_default()
    }

    /// Reads on until at least `needed` bytes follow; `false` if the file ends before.
    fn fill(&mut self, needed: usize) -> std::io::Result<bool> {
        let from = usize::try_from(self.at.offset - self.buffer_at).unwrap_or(usize::MAX).min(self.filled);
        self.buffer.copy_within(from..self.filled, 0);
        self.filled -= from;
        self.buffer_at = self.at.offset;
        let wanted = needed.max(CHUNK_BYTES);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let more = self.buffer.get_mut(self.filled..).unwrap_or_default();
        self.filled += self.file.read_at(self.buffer_at + self.filled as u64, more)?;
        Ok(self.filled >= needed)
    }
}
