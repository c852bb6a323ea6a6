//! The journal 日志: the truth that a node owns. Append-only, checksummed, hash-chained; a
//! write is acknowledged when the disk has confirmed it, never before. It is also the
//! audit trail.
//!
//! * [`open`] recovers a journal and gives its one [`JournalWriter`] and a [`JournalReader`],
//!   of which there may be many.
//! * [`verify`] checks every hash of it.
//!
//! Below a data directory:
//!
//! ```text
//! node.key               32 random bytes, mode 0600: wraps the keys of sealed values
//! journal.lock           held while a writer lives
//! segments/00000001.wal  the first segment; see `segment` and `frame` for the format
//! ```
//!
//! What keeps it true: a group of entries is durable with one `sync_data` before anybody
//! sees it; each frame says up to where the disk had confirmed when it was written, so that
//! at opening a torn tail (cut, and reported) differs from lost entries (the node stops);
//! after a failed write or sync a segment is never written again.

mod active;
mod bytes;
mod error;
mod files;
mod frame;
mod key;
mod reader;
mod recover;
mod seal;
mod segment;
mod shared;
mod tail;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;

use wuji_proto::{DivisionCode, Incarnation, stored};

use self::active::Active;
use self::key::NodeKey;
use self::recover::{Loss, check_owner, find_loss, incarnation, last_entry, read_headers};
use self::segment::{HEADER_BYTES, Header, segment_path, segments_directory};
use self::shared::{End, Shared};
use self::tail::{Rest, Tail, judge};
use crate::env::{DiskLock, Env};
use crate::feed::exchange::Anchor;

pub use active::{DISK_RESERVE_BYTES, FIRST_STEP_BYTES, STEP_BYTES};
pub use error::JournalError;
pub use files::{Files, SegmentFile, segment_file};
pub use frame::{FRAME_BYTES_MAX, NOTHING_DIGEST};
pub use key::{KEY_FILE, read_key};
pub use reader::{Entries, Frame, JournalReader, RawEntry, SegmentInfo};
pub use recover::IndexMark;
pub use seal::SealedPart;
pub use verify::{ChainCheck, EachEntry, Verified, verify};
pub use writer::{GROUP_BYTES_MAX, JournalWriter, NewEntry, Position, RESERVE_BYTES};

/// Size of a segment unless configured: opening scans at most one, in well under a second.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// The smallest segment that can be configured.
pub const SEGMENT_BYTES_MIN: u64 = 4 << 10;
/// The largest.
pub const SEGMENT_BYTES_MAX: u64 = 256 << 20;

/// How to open a journal.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The unit whose journal this is; another's is refused.
    pub code: DivisionCode,
    /// The program's version, for the first entry.
    pub version: String,
    /// Size at which a new segment is begun, [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`].
    /// It may change from start to start.
    pub segment_bytes: u64,
    /// How far the index had applied the journal, if there is an index.
    pub index_mark: Option<IndexMark>,
    /// An entry that the parent has seen and that this journal was found not to hold.
    pub went_back: Option<u64>,
    /// Go on although acknowledged entries are gone: with an entry that says so, and a new
    /// incarnation.
    pub accept_loss: bool,
    /// The files were just taken from this backup: with an entry that says so, and a new
    /// incarnation, which is filled in here.
    pub restored: Option<stored::Restored>,
}

impl OpenOptions {
    /// For a unit, with the usual segments and no proof from an index.
    pub fn new(code: DivisionCode, version: &str) -> Self {
        let version = version.to_owned();
        Self {
            code,
            version,
            segment_bytes: SEGMENT_BYTES,
            index_mark: None,
            went_back: None,
            accept_loss: false,
            restored: None,
        }
    }
}

/// An open journal.
pub struct Opened {
    /// The one that writes.
    pub writer: JournalWriter,
    /// Reads, in as many clones as needed.
    pub reader: JournalReader,
    /// What opening it found.
    pub recovery: Recovery,
}

/// What was found at opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The journal was made now.
    pub created: bool,
    /// Bytes of a torn tail that were cut: of a group that had not been acknowledged.
    pub cut_bytes: u64,
    /// Whole entries among them.
    pub cut_frames: u64,
    /// What was mended, in words for the log and the status; `None`: nothing.
    pub report: Option<String>,
    /// The life of this journal. If the index is of another, it must be rebuilt.
    pub incarnation: Incarnation,
    /// The last entry is a clean stop.
    pub clean_stop: bool,
    /// The time of the newest entry, milliseconds since 1970; 0 if there was none.
    pub last_at_ms: i64,
}

/// Opens the journal in a data directory; makes it if there is none.
pub fn open(env: &Env, directory: &Path, options: &OpenOptions) -> Result<Opened, JournalError> {
    if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&options.segment_bytes) {
        return Err(JournalError::Options(format!(
            "segments of {} bytes are not possible: configure {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}",
            options.segment_bytes
        )));
    }
    let lock = lock(env, directory)?;
    let headers = read_headers(env, directory)?;
    if headers.is_empty() {
        create(env, directory, options, lock)
    } else {
        recover(env, directory, options, lock, &headers)
    }
}

/// A journal that is only read.
pub struct Inspected {
    /// Reads it.
    pub reader: JournalReader,
    /// The life of its newest entry.
    pub incarnation: Incarnation,
    /// What the next opening would cut, in words.
    pub torn: Option<String>,
    _lock: DiskLock,
}

/// Opens the journal of a stopped node to read it: nothing of it is changed.
pub fn inspect(env: &Env, directory: &Path, code: DivisionCode) -> Result<Inspected, JournalError> {
    let headers = read_headers(env, directory)?;
    let Some(newest) = headers.last().copied() else {
        return Err(JournalError::Options(format!("{} holds no journal", directory.display())));
    };
    let lock = lock(env, directory)?;
    let key = NodeKey::open(env, directory, false)?;
    check_owner(directory, &newest, &key, code)?;
    let before = Anchor { sequence: newest.first - 1, hash: newest.previous };
    let end = End { anchor: before, segment: newest.id, offset: HEADER_BYTES as u64 };
    let shared = Shared::new(Arc::clone(&env.disk), directory, key, headers.clone(), end);
    shared.set_former_bytes(former_bytes(&shared, &headers)?);
    let mut tail = judge(&shared, newest)?;
    if let Some(loss) = find_loss(&shared, &headers, &mut tail, None)? {
        return Err(loss.error);
    }
    let anchor = Anchor { sequence: tail.end.sequence - 1, hash: tail.end.previous };
    shared.set_end(End { anchor, segment: newest.id, offset: tail.end.offset });
    let (incarnation, last) = (incarnation(&headers, &tail), last_entry(&shared, &headers, &tail)?);
    let torn = Recovery::of(&tail, incarnation, last.as_ref(), false).report;
    Ok(Inspected { reader: JournalReader { shared: Arc::new(shared) }, incarnation, torn, _lock: lock })
}

fn lock(env: &Env, directory: &Path) -> Result<DiskLock, JournalError> {
    env.disk.create_directory(directory).map_err(JournalError::io("making", directory))?;
    env.disk.lock(&directory.join("journal.lock")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            JournalError::Locked { directory: directory.to_owned(), holder: error.to_string() }
        }
        _ => JournalError::io("locking", directory)(error),
    })
}

fn create(env: &Env, directory: &Path, options: &OpenOptions, lock: DiskLock) -> Result<Opened, JournalError> {
    let loss = options.index_mark.filter(|mark| mark.sequence > 0).map(|mark| Loss {
        acknowledged: mark.sequence,
        error: JournalError::Lost {
            file: segment_path(directory, 1),
            offset: 0,
            found: 0,
            acknowledged: mark.sequence,
            proof: format!("the index had applied entry {}", mark.sequence),
        },
    });
    let loss = accepted(loss, options)?;
    let place = segments_directory(directory);
    let make = || {
        env.disk.create_directory(&place)?;
        env.disk.sync_directory(directory)?;
        directory
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or(Ok(()), |above| env.disk.sync_directory(above))
    };
    make().map_err(JournalError::io("making", &place))?;
    let key = NodeKey::open(env, directory, true)?;
    let nothing = Anchor { sequence: 0, hash: [0; 32] };
    let shared =
        Shared::new(Arc::clone(&env.disk), directory, key, Vec::new(), End { anchor: nothing, segment: 0, offset: 0 });
    let mut writer = JournalWriter {
        shared: Arc::new(shared),
        env: env.clone(),
        segment_bytes: options.segment_bytes,
        code: options.code,
        incarnation: random_incarnation(env),
        active: None,
        trouble: None,
        tail: nothing,
        buffer: Vec::new(),
        _lock: lock,
    };
    writer.begin_segment(0, true)?;
    begin_life(writer, options, loss, Recovery::nothing_found())
}

fn recover(
    env: &Env,
    directory: &Path,
    options: &OpenOptions,
    lock: DiskLock,
    headers: &[Header],
) -> Result<Opened, JournalError> {
    let Some(newest) = headers.last().copied() else { return create(env, directory, options, lock) };
    let key = NodeKey::open(env, directory, false)?;
    check_owner(directory, &newest, &key, options.code)?;
    let before = Anchor { sequence: newest.first - 1, hash: newest.previous };
    let end = End { anchor: before, segment: newest.id, offset: HEADER_BYTES as u64 };
    let shared = Shared::new(Arc::clone(&env.disk), directory, key, headers.to_vec(), end);
    shared.set_former_bytes(former_bytes(&shared, headers)?);

    let mut tail = judge(&shared, newest)?;
    let last = last_entry(&shared, headers, &tail)?;
    let loss = accepted(find_loss(&shared, headers, &mut tail, options.index_mark)?, options)?;
    let loss = loss.or_else(|| went_back(&shared, &tail, options));
    let keep_rest = loss.is_some();
    tail.settle(&shared, keep_rest)?;

    let anchor = Anchor { sequence: tail.end.sequence - 1, hash: tail.end.previous };
    shared.set_end(End { anchor, segment: newest.id, offset: tail.end.offset });
    let active = Active {
        id: newest.id,
        path: shared.path(newest.id),
        file: shared.file(newest.id)?,
        end: tail.end.offset,
        zeroed: tail.length.max(tail.end.offset),
    };
    let recovery = Recovery::of(&tail, incarnation(headers, &tail), last.as_ref(), keep_rest);
    let mut writer = JournalWriter {
        shared: Arc::new(shared),
        env: env.clone(),
        segment_bytes: options.segment_bytes,
        code: options.code,
        incarnation: recovery.incarnation,
        active: Some(active),
        trouble: None,
        tail: anchor,
        buffer: Vec::new(),
        _lock: lock,
    };
    // A segment belongs to one life: this one was begun for a life that never wrote.
    if loss.is_none() && newest.incarnation != writer.incarnation {
        writer.begin_segment(0, true)?;
    }
    begin_life(writer, options, loss, recovery)
}

/// Bytes of all segments but the last.
fn former_bytes(shared: &Shared, headers: &[Header]) -> Result<u64, JournalError> {
    let former = headers.split_last().map_or(&[][..], |(_, former)| former);
    let mut bytes = 0;
    for header in former {
        let path = shared.path(header.id);
        bytes += shared.file(header.id)?.length().map_err(JournalError::io("reading", &path))?;
    }
    Ok(bytes)
}

/// A loss that the operator has accepted; one that was not is the error.
fn accepted(loss: Option<Loss>, options: &OpenOptions) -> Result<Option<Loss>, JournalError> {
    match loss {
        Some(loss) if !options.accept_loss => Err(loss.error),
        loss => Ok(loss),
    }
}

/// What the parent has seen of a newer image of this disk. It is a loss only once an operator has
/// accepted it: until then the newer image may still be put back.
fn went_back(shared: &Shared, tail: &Tail, options: &OpenOptions) -> Option<Loss> {
    let acknowledged = options.went_back.filter(|_| options.accept_loss)?;
    let proof = format!("the parent has seen entry {acknowledged}, which this journal does not hold");
    Some(Loss { acknowledged, error: tail.lost(shared, acknowledged, proof) })
}

/// Writes the entry that begins the journal, and the one that begins another life of it.
fn begin_life(
    mut writer: JournalWriter,
    options: &OpenOptions,
    loss: Option<Loss>,
    mut recovery: Recovery,
) -> Result<Opened, JournalError> {
    use stored::entry::Event;
    let at_ms = writer.env.clock.now_ms().max(recovery.last_at_ms);
    let entry = |actor: &str, event| NewEntry {
        entry: stored::Entry { at_ms, actor: actor.to_owned(), event: Some(event) },
        sealed: None,
    };
    if writer.tail.sequence == 0 {
        let created = stored::Created {
            code: options.code.to_string(),
            incarnation: writer.incarnation.to_bytes().to_vec(),
            version: options.version.clone(),
        };
        writer.append(&[entry("node", Event::Created(created))])?;
        recovery.created = true;
    }
    if let Some(loss) = loss {
        let found = writer.tail.sequence;
        writer.incarnation = random_incarnation(&writer.env);
        writer.begin_segment(0, true)?;
        let event = stored::LossAccepted {
            acknowledged: loss.acknowledged,
            found,
            incarnation: writer.incarnation.to_bytes().to_vec(),
        };
        writer.append(&[entry("operator", Event::LossAccepted(event))])?;
        recovery.clean_stop = false;
        recovery.report = Some(format!("The loss was accepted; it was: {}", loss.error));
    }
    if let Some(restored) = &options.restored {
        writer.incarnation = random_incarnation(&writer.env);
        writer.begin_segment(0, true)?;
        let event = stored::Restored { incarnation: writer.incarnation.to_bytes().to_vec(), ..restored.clone() };
        writer.append(&[entry("operator", Event::Restored(event))])?;
        recovery.clean_stop = false;
    }
    recovery.incarnation = writer.incarnation;
    let reader = JournalReader { shared: Arc::clone(&writer.shared) };
    Ok(Opened { writer, reader, recovery })
}

fn random_incarnation(env: &Env) -> Incarnation {
    let mut bytes = [0; 16];
    env.entropy.fill(&mut bytes);
    Incarnation::from_random(bytes)
}

impl Recovery {
    fn nothing_found() -> Self {
        Self {
            created: false,
            cut_bytes: 0,
            cut_frames: 0,
            report: None,
            incarnation: Incarnation::from_random([0; 16]),
            clean_stop: false,
            last_at_ms: 0,
        }
    }

    fn of(tail: &Tail, incarnation: Incarnation, last: Option<&stored::Entry>, keep_rest: bool) -> Self {
        let stopped = |entry: &stored::Entry| matches!(entry.event, Some(stored::entry::Event::Stopped(_)));
        let mut recovery = Self {
            incarnation,
            clean_stop: last.is_some_and(stopped),
            last_at_ms: last.map_or(0, |entry| entry.at_ms),
            ..Self::nothing_found()
        };
        if let (Rest::Torn { to, frames }, false) = (&tail.rest, keep_rest) {
            recovery.cut_bytes = to - tail.end.offset;
            recovery.cut_frames = *frames;
            recovery.clean_stop = false;
            recovery.report = Some(format!(
                "segment {} ended in a write that was cut off: {} bytes after entry {} were removed; nothing acknowledged is lost",
                tail.header.id,
                recovery.cut_bytes,
                tail.end.sequence - 1
            ));
        }
        recovery
    }
}
