//! What a journal's files say when it is opened.

use std::path::Path;

use wuji_proto::{DivisionCode, Incarnation, stored};

use super::error::JournalError;
use super::key::NodeKey;
use super::segment::{HEADER_BYTES, Header, segment_id, segment_path, segments_directory};
use super::shared::Shared;
use super::tail::{Rest, Tail};
use super::walk::{Mark, Walk};
use crate::env::Env;

/// How far the index had applied the journal: proof that so many entries were acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexMark {
    /// The newest entry that was applied; 0: none.
    pub sequence: u64,
    /// The life of the journal that it was applied from.
    pub incarnation: Incarnation,
}

/// Reads the headers of all segments.
pub(super) fn read_headers(env: &Env, directory: &Path) -> Result<Vec<Header>, JournalError> {
    let place = segments_directory(directory);
    let names = env.disk.list(&place).map_err(JournalError::io("listing", &place))?;
    let mut ids: Vec<u64> = names.iter().filter_map(|name| segment_id(name)).collect();
    ids.sort_unstable();
    let mut headers: Vec<Header> = Vec::with_capacity(ids.len());
    for (expected, id) in (1..).zip(ids) {
        let path = segment_path(directory, id);
        let file = env.disk.open(&path).map_err(JournalError::io("opening", &path))?;
        let header = Header::read(file.as_ref(), &path, id)?;
        let former = headers.last().map_or(1, |former| former.first);
        if id != expected {
            let what = format!("the file is missing, and with it entries from {former} on, up to {}", header.first - 1);
            return Err(JournalError::damaged(&segment_path(directory, expected), 0, what));
        }
        let begins = id == 1 && (header.first != 1 || header.previous != [0; 32]);
        if begins || header.first < former {
            let what = format!("the segment begins with entry {}, which cannot follow entry {former}", header.first);
            return Err(JournalError::damaged(&path, 0, what));
        }
        headers.push(header);
    }
    Ok(headers)
}

/// Whether the journal is this unit's and the key is its own. The newest segment counts:
/// codes and keys may change.
pub(super) fn check_owner(
    directory: &Path,
    header: &Header,
    key: &NodeKey,
    code: DivisionCode,
) -> Result<(), JournalError> {
    if header.code != code {
        return Err(JournalError::OtherUnit {
            directory: directory.to_owned(),
            found: header.code.to_string(),
            wanted: code.to_string(),
        });
    }
    if header.key != key.fingerprint() {
        return Err(JournalError::Key {
            file: key.file().to_owned(),
            reason: "this is not the key that the journal was written with: \
                     restore the key from the backup of this node"
                .to_owned(),
        });
    }
    Ok(())
}

/// The newest entry, wherever it is.
pub(super) fn last_entry(
    shared: &Shared,
    headers: &[Header],
    tail: &Tail,
) -> Result<Option<stored::Entry>, JournalError> {
    if let Some(last) = tail.last {
        return read_entry(shared, tail.header.id, last).map(Some);
    }
    // Segments without an entry of their own are passed over.
    let Some(holder) = headers.iter().rev().find(|header| header.first < tail.end.sequence) else { return Ok(None) };
    let path = shared.path(holder.id);
    let mut at = Mark { sequence: holder.first, offset: HEADER_BYTES as u64, previous: holder.previous };
    let mut last = at;
    let mut walk = Walk::new(shared.file(holder.id)?, holder.id, at);
    while at.sequence < tail.end.sequence {
        last = at;
        walk.step_durable(&path)?;
        at = walk.at();
    }
    if at.previous != tail.end.previous {
        let what = format!("entry {} is not the one that segment {} continues", last.sequence, tail.header.id);
        return Err(JournalError::damaged(&path, last.offset, what));
    }
    read_entry(shared, holder.id, last).map(Some)
}

fn read_entry(shared: &Shared, segment: u64, at: Mark) -> Result<stored::Entry, JournalError> {
    let path = shared.path(segment);
    let mut walk = Walk::new(shared.file(segment)?, segment, at);
    let (offset, frame) = walk.step_durable(&path)?;
    frame.entry().map_err(|fault| JournalError::damaged(&path, offset, fault.to_string()))
}

/// The life that the newest entry belongs to.
pub(super) fn incarnation(headers: &[Header], tail: &Tail) -> Incarnation {
    let live = headers.iter().rev().find(|header| header.first < tail.end.sequence);
    live.or(headers.first()).unwrap_or(&tail.header).incarnation
}

/// A loss: the last entry that is known to have been acknowledged, and the complaint for
/// when it is not accepted.
pub(super) struct Loss {
    pub(super) acknowledged: u64,
    pub(super) error: JournalError,
}

/// Whether acknowledged entries are gone, by the journal's own marks or by the index's.
pub(super) fn find_loss(
    shared: &Shared,
    headers: &[Header],
    tail: &mut Tail,
    mark: Option<IndexMark>,
) -> Result<Option<Loss>, JournalError> {
    let found = tail.end.sequence - 1;
    let by_mark = match mark {
        Some(mark) => proof(shared, headers, tail, mark)?.map(|proof| (mark.sequence.max(found), proof)),
        None => None,
    };
    if let Rest::Lost { .. } = tail.rest {
        let rest = std::mem::replace(&mut tail.rest, Rest::Clean);
        if let Rest::Lost { acknowledged, error } = rest {
            let acknowledged = acknowledged.max(by_mark.map_or(0, |(acknowledged, _)| acknowledged));
            return Ok(Some(Loss { acknowledged, error }));
        }
    }
    Ok(by_mark.map(|(acknowledged, proof)| Loss { acknowledged, error: tail.lost(shared, acknowledged, proof) }))
}

/// How an index mark proves that entries are gone; `None`: it does not.
fn proof(shared: &Shared, headers: &[Header], tail: &Tail, mark: IndexMark) -> Result<Option<String>, JournalError> {
    if mark.sequence == 0 {
        return Ok(None);
    }
    let found = tail.end.sequence - 1;
    let beyond = format!("the index had applied entry {}", mark.sequence);
    if mark.incarnation == incarnation(headers, tail) {
        return Ok((mark.sequence > found).then_some(beyond));
    }
    // A former life ended with a loss that was accepted: the entry is its successor's first.
    let Some(end_of_life) = headers.iter().rposition(|header| header.incarnation == mark.incarnation) else {
        return Ok(Some(format!(
            "the index knows a later life of it, {}, with entry {}",
            mark.incarnation, mark.sequence
        )));
    };
    let Some(next) = headers.get(end_of_life + 1).filter(|next| next.first <= found) else {
        return Ok((mark.sequence > found).then_some(beyond));
    };
    let begin = Mark { sequence: next.first, offset: HEADER_BYTES as u64, previous: next.previous };
    let accepted = match read_entry(shared, next.id, begin)?.event {
        Some(stored::entry::Event::LossAccepted(loss)) => loss.acknowledged,
        // What was written behind the backup is gone, and its operator knows.
        Some(stored::entry::Event::Restored(_)) => u64::MAX,
        _ => 0,
    };
    Ok((mark.sequence > accepted).then_some(beyond))
}
