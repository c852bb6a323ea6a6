//! A segment of a journal, read by code that shares nothing with the node's own: only the lengths,
//! numbers and marks, at the places that ARCHITECTURE.md gives them. Whether a frame is whole is not
//! judged by its checksums but by comparing it with the bytes that were written.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 128;

/// An entry's frame in the segment's bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    pub sequence: u64,
    /// All up to this entry was on disk when the frame was written.
    pub confirmed: u64,
    pub bytes: Range<usize>,
}

/// The frames of a segment.
pub fn frames(segment: &[u8]) -> Result<Vec<Frame>> {
    let (mut frames, mut at) = (Vec::new(), HEADER_BYTES);
    loop {
        let length = usize::try_from(u32::from_le_bytes(field(segment, at)?))?;
        if length == 0 {
            ensure!(!frames.is_empty(), "a segment without entries");
            return Ok(frames);
        }
        let bytes = at..at + 4 + length;
        let sequence = u64::from_le_bytes(field(segment, at + 8)?);
        let confirmed = u64::from_le_bytes(field(segment, at + 16)?);
        at = bytes.end;
        frames.push(Frame { sequence, confirmed, bytes });
    }
}

fn field<const N: usize>(segment: &[u8], at: usize) -> Result<[u8; N]> {
    segment.get(at..).and_then(|rest| rest.first_chunk()).copied().context("the segment ends in a frame")
}

/// What the journal must come to when it is opened, as its bytes and the index's mark prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It opens with entries up to this one. True: bytes behind it are cut, and that is said.
    Opens(u64, bool),
    /// It is refused: at this byte, behind this entry, something is not as it was written.
    Damaged { at: usize, found: u64, acknowledged: u64 },
    /// It is refused: only the index tells that entries are missing behind this byte and entry.
    Lost { at: usize, found: u64, acknowledged: u64 },
}

/// The verdict over bytes that differ from those that were written.
pub fn verdict(written: &[u8], frames: &[Frame], now: &[u8], index_mark: Option<u64>) -> Verdict {
    let header = 0..HEADER_BYTES;
    if now.get(header.clone()) != written.get(header) {
        return Verdict::Damaged { at: 0, found: 0, acknowledged: 0 };
    }
    let whole = |frame: &&Frame| now.get(frame.bytes.clone()) == written.get(frame.bytes.clone());
    let first = frames.first().map_or(1, |frame| frame.sequence);
    let reached = frames.iter().take_while(whole).last();
    let (found, at) = reached.map_or((first - 1, HEADER_BYTES), |frame| (frame.sequence, frame.bytes.end));
    let proven = frames.iter().filter(whole).map(|frame| frame.confirmed).max().unwrap_or(0);
    if proven > found {
        return Verdict::Damaged { at, found, acknowledged: proven };
    }
    match index_mark {
        Some(mark) if mark > found => Verdict::Lost { at, found, acknowledged: mark },
        _ => Verdict::Opens(found, now.iter().skip(at).any(|byte| *byte != 0)),
    }
}
