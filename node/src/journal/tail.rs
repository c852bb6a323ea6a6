//! The end of the last segment: what is valid, what is a torn tail, what is lost.
//!
//! Every frame carries a confirmed mark, the last sequence before its own group. So the
//! highest mark among *all* valid frames, also among those behind a damaged place, proves
//! what had been durable. Only what lies behind that may be torn.

use std::path::Path;
use std::sync::Arc;

use super::error::{JournalError, RESTORE_OR_ACCEPT};
use super::frame::{ALIGN, Fault, parse};
use super::segment::{HEADER_BYTES, Header};
use super::shared::Shared;
use super::walk::{Mark, Walk};
use super::writer::GROUP_BYTES_MAX;
use crate::env::DiskFile;

/// The last segment, judged.
pub(super) struct Tail {
    pub(super) header: Header,
    /// Behind the last valid frame.
    pub(super) end: Mark,
    /// The last valid frame, if there is one.
    pub(super) last: Option<Mark>,
    /// The first frame of the group that no mark proves.
    pub(super) group: Mark,
    pub(super) rest: Rest,
    /// The file's length.
    pub(super) length: u64,
}

/// What lies behind the last valid frame.
pub(super) enum Rest {
    /// Zeros.
    Clean,
    /// A group that was being written when the power went.
    Torn {
        /// Behind its last byte.
        to: u64,
        /// Whole frames in it that cannot be reached any more.
        frames: u64,
    },
    /// Entries that had been confirmed.
    Lost {
        /// The last of them that is known.
        acknowledged: u64,
        /// The complaint, for when the loss is not accepted.
        error: JournalError,
    },
}

/// Scans the last segment.
pub(super) fn judge(shared: &Shared, header: Header) -> Result<Tail, JournalError> {
    let path = shared.path(header.id);
    let file = shared.file(header.id)?;
    let length = file.length().map_err(JournalError::io("reading", &path))?;
    let begin = Mark { sequence: header.first, offset: HEADER_BYTES as u64, previous: header.previous };
    let (mut last, mut group) = (None, begin);
    let mut walk = Walk::new(Arc::clone(&file), header.id, begin);
    let (end, fault) = loop {
        let at = walk.at();
        let fault = match walk.step(&path)? {
            Ok((_, frame)) => match frame.look_at_sealed() {
                Ok(_) => {
                    if frame.confirmed.checked_add(1) == Some(at.sequence) {
                        group = at;
                    }
                    last = Some(at);
                    shared.remember(header.id, [at]);
                    continue;
                }
                Err(fault) => fault,
            },
            Err(fault) => fault,
        };
        break (at, fault);
    };
    if last.is_none() {
        group = end;
    }
    let rest = read_rest(file.as_ref(), end.offset, length).map_err(JournalError::io("reading", &path))?;
    let rest = judge_rest(&path, header.id, &rest, &Known { end, fault, group: group.sequence - 1 })?;
    Ok(Tail { header, end, last, group, rest, length })
}

fn read_rest(file: &dyn DiskFile, from: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let mut rest = vec![0; usize::try_from(length.saturating_sub(from)).unwrap_or_default()];
    let read = file.read_at(from, &mut rest)?;
    rest.truncate(read);
    Ok(rest)
}

/// What the walk over the valid frames found.
struct Known {
    /// Where it ended.
    end: Mark,
    /// Why.
    fault: Fault,
    /// The confirmed mark of the last valid group.
    group: u64,
}

fn judge_rest(path: &Path, segment: u64, rest: &[u8], known: &Known) -> Result<Rest, JournalError> {
    let Some(used) = rest.iter().rposition(|byte| *byte != 0).map(|at| at + 1) else { return Ok(Rest::Clean) };
    let found = known.end.sequence - 1;
    // A frame with a right checksum is as it was written: out of place, it was never torn.
    let misplaced = matches!(known.fault, Fault::Sequence | Fault::Chain | Fault::Confirmed);
    let mut strange = misplaced.then_some(known.end.offset);
    let (mut acknowledged, mut frames) = (found, 0);
    let mut at = 0;
    while at < used {
        let offset = known.end.offset + at as u64;
        let Some(frame) = rest.get(at..).and_then(|bytes| parse(bytes, segment, offset).ok()) else {
            at += ALIGN;
            continue;
        };
        acknowledged = acknowledged.max(frame.confirmed);
        let same_group = frame.confirmed == known.group || frame.confirmed == found;
        if frame.confirmed <= found && (!same_group || frame.sequence <= found) {
            strange.get_or_insert(offset);
        }
        frames += 1;
        at += frame.bytes;
    }
    if acknowledged > found {
        let what = format!(
            "{}, where entry {} was. Later entries prove that entries up to {acknowledged} had been confirmed",
            known.fault, known.end.sequence
        );
        let file = path.to_owned();
        let error = JournalError::Damaged { file, offset: known.end.offset, what, remedy: RESTORE_OR_ACCEPT };
        return Ok(Rest::Lost { acknowledged, error });
    }
    if let Some(offset) = strange {
        let what = format!("an entry is here that cannot follow entry {found}: bytes of the file have been moved");
        return Err(JournalError::damaged(path, offset, what));
    }
    if used as u64 > GROUP_BYTES_MAX {
        let what =
            format!("unknown bytes reach {used} bytes past entry {found}, further than a write that was cut off could");
        return Err(JournalError::damaged(path, known.end.offset, what));
    }
    Ok(Rest::Torn { to: known.end.offset + used as u64, frames })
}

impl Tail {
    /// The complaint that entries behind the end were acknowledged.
    pub(super) fn lost(&self, shared: &Shared, acknowledged: u64, proof: String) -> JournalError {
        let (file, offset) = (shared.path(self.header.id), self.end.offset);
        JournalError::Lost { file, offset, found: self.end.sequence - 1, acknowledged, proof }
    }

    /// Makes the tail durable as it was read. After a failed sync the page cache may hold
    /// what the disk does not, so the group that no mark proves is written once more; a torn
    /// rest is zeroed, unless it is to be kept.
    pub(super) fn settle(&self, shared: &Shared, keep_rest: bool) -> Result<(), JournalError> {
        let path = shared.path(self.header.id);
        let file = shared.file(self.header.id)?;
        let write = || -> std::io::Result<()> {
            let group = read_rest(file.as_ref(), self.group.offset, self.end.offset)?;
            if !group.is_empty() {
                file.write_at(self.group.offset, &group)?;
            }
            if let (Rest::Torn { to, .. }, false) = (&self.rest, keep_rest) {
                let zeros = vec![0; usize::try_from(to - self.end.offset).unwrap_or_default()];
                file.write_at(self.end.offset, &zeros)?;
            }
            file.sync_data()
        };
        write().map_err(JournalError::io("settling the end of", &path))
    }
}
