//! Opening the journal and the index, and whether they fit each other. The journal is the
//! truth: an index that does not open, does not fit or fails a check is moved aside and
//! rebuilt. But an index that is *ahead* of the journal proves that acknowledged entries
//! were lost: then the node stops, since moving it aside would destroy the proof.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::time::Instant;
use wuji_proto::stored::{FoldedStart, IndexHead};
use wuji_proto::{Digest, Incarnation, Sequence, stored, wire};

use super::StateOptions;
use crate::config::{Config, IndexKind};
use crate::env::Env;
use crate::feed::changes::Changes;
use crate::feed::group::FeedHead;
use crate::feed::history::{History, Start};
use crate::feed::item::ItemHasher;
use crate::index::memory::MemoryIndex;
use crate::index::{self, Index, IndexError, keys, values};
use crate::invariant;
use crate::journal::{self, JournalError, JournalReader, JournalWriter};
use crate::snapshot::shelf::Shelf;
use crate::store::{State, Store};
use crate::time::NodeTime;

/// Why a node's state could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index could not follow the journal.
    #[error("folding the journal: {0}")]
    Fold(String),
    /// A damaged index could not be moved out of the way.
    #[error("moving the index {path} aside: {source}: move or remove it, it is rebuilt from the journal")]
    MoveAside {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no room to open the index.
    #[error("the disk of {path} is full, and the index needs room to be opened: make room and start the node again")]
    Full {
        /// The index's directory.
        path: PathBuf,
    },
    /// A revision of a measure is not what it was.
    #[error(
        "measure {0} is defined otherwise than when it was first used: a revision never changes; give the new \
         definition the next revision"
    )]
    MeasureChanged(String),
    /// A worker could not be started.
    #[error("starting a worker thread: {source}: the machine is short of memory or threads")]
    Worker {
        /// Why.
        source: std::io::Error,
    },
}

/// Journal and index, fitting each other; the index may still lack the journal's last entries.
pub struct Opened {
    /// Writes the journal.
    pub writer: JournalWriter,
    /// Reads it.
    pub reader: JournalReader,
    /// The index with the feed's state.
    pub store: Store,
    /// The former run did not end with a clean stop, or its index is gone: the children may
    /// have sent what is not held here.
    pub unclean: bool,
    /// Why the index was rebuilt; empty: it was not, or long enough ago.
    pub rebuilt: String,
    /// What was cut from the journal's tail; empty: nothing.
    pub recovered: String,
}

/// Opens both.
pub fn open(env: &Env, options: &StateOptions, time: &NodeTime) -> Result<Opened, OpenError> {
    let directory = options.directory.join("index");
    // What a compaction that was cut off left: either it had not begun to count, or it is the former index.
    let compacted = directory.with_extension("compact");
    env.disk.remove(&compacted).map_err(|source| OpenError::MoveAside { path: compacted, source })?;
    let began = Instant::now();
    let found = find(env, options, &directory);
    let index_ms = began.elapsed().as_millis();
    // Not damage: moved aside, it could not be rebuilt either, and what it proves would be gone.
    if let Err(IndexError::Store { source, .. }) = &found
        && source.kind() == std::io::ErrorKind::StorageFull
    {
        return Err(OpenError::Full { path: directory });
    }
    // Where the index is gone, a snapshot proves as well what the journal had.
    let snapshot_mark = || Shelf::of(env.disk.as_ref(), &options.directory).mark(options.code);
    let journal_options = journal::OpenOptions {
        code: options.code,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        segment_bytes: options.segment_bytes,
        index_mark: found.as_ref().ok().and_then(|(_, head)| index_mark(head.as_ref()?)).or_else(snapshot_mark),
        went_back: found.as_ref().ok().and_then(|(index, _)| went_back(index.as_ref())),
        accept_loss: options.accept_loss,
        restored: None,
    };
    let journal::Opened { writer, reader, recovery } = journal::open(env, &options.directory, &journal_options)?;
    time.observe(recovery.last_at_ms);
    let known = found.as_ref().ok().and_then(|(_, head)| head.as_ref());
    let clean = recovery.created || recovery.clean_stop && known.is_some_and(|head| stopped_well(&reader, head));
    let mut renewed = false;
    let (index, head) = match found.map_err(|error| error.to_string()).and_then(|(index, head)| {
        let hasher = ItemHasher::new(options.code, recovery.incarnation);
        check(index.as_ref(), head.as_ref(), recovery.incarnation, (!clean).then_some(&hasher))?;
        Ok((index, head))
    }) {
        Ok((index, head)) => (index, head.unwrap_or_default()),
        Err(_) if recovery.created => (renew(env, options, &directory, "")?, IndexHead::default()),
        Err(reason) => {
            renewed = true;
            rebuild(env, options, &directory, &reason, (recovery.incarnation, &reader))?
        }
    };
    tracing::info!(
        clean,
        ms = began.elapsed().as_millis(),
        index_ms,
        applied = head.applied,
        "journal and index are open"
    );
    if !head.rebuilt.is_empty() {
        tracing::warn!(reason = head.rebuilt, "rebuilding the index");
    }
    let state = State {
        head: feed_head(&head),
        history: history(index.as_ref(), &reader, head.applied)?,
        changes: Changes::after(Sequence { start: head.head_start, number: head.head_number }),
        applied: head.applied,
        catching_up: false,
        holding: None,
    };
    Ok(Opened {
        store: Store::new(options.code, recovery.incarnation, index, state),
        writer,
        reader,
        unclean: !clean || renewed,
        rebuilt: head.rebuilt,
        recovered: recovery.report.unwrap_or_default(),
    })
}

/// The index of a stopped node as it is, to be read; or why it cannot be compared with anything.
pub fn look(env: &Env, config: &Config, journal: &journal::Inspected) -> Result<Store, String> {
    let directory = config.data_directory.join("index");
    if env.disk.list(&directory).map_err(|error| error.to_string())?.is_empty() {
        return Err("the index is not there: it is rebuilt when the node starts".to_owned());
    }
    let index =
        env.indexes.open(&directory, u64::from(config.index.cache_mib) << 20).map_err(|error| error.to_string())?;
    let head = index.get(&keys::head()).map_err(|error| error.to_string())?;
    let head: IndexHead =
        values::decode("the index's head", &head.unwrap_or_default()).map_err(|error| error.to_string())?;
    check(index.as_ref(), Some(&head), journal.incarnation, None)?;
    let state = State {
        head: feed_head(&head),
        history: History::default(),
        changes: Changes::after(Sequence { start: head.head_start, number: head.head_number }),
        applied: head.applied,
        catching_up: false,
        holding: None,
    };
    Ok(Store::new(config.code, journal.incarnation, index, state))
}

fn feed_head(head: &IndexHead) -> FeedHead {
    FeedHead {
        at: Sequence { start: head.head_start, number: head.head_number },
        digest: Digest { sum: wire::digest_sum(&head.digest), count: head.count },
    }
}

/// What a clean stop says of the index.
pub fn stopped_at(head: FeedHead) -> stored::Stopped {
    stored::Stopped {
        head_start: head.at.start,
        head_number: head.at.number,
        digest: head.digest.sum.to_le_bytes().to_vec(),
        count: head.digest.count,
    }
}

/// Whether the journal ends with a clean stop, and the index is the one that it speaks of.
fn stopped_well(journal: &JournalReader, index: &IndexHead) -> bool {
    let tail = journal.tail().sequence;
    let last = journal.entries_from(tail).next().and_then(Result::ok);
    let Some(stored::entry::Event::Stopped(stopped)) = last.and_then(|frame| frame.entry.event) else { return false };
    index.applied + 1 >= tail && stopped == stopped_at(feed_head(index))
}

/// What the index proves of the journal.
fn index_mark(head: &IndexHead) -> Option<journal::IndexMark> {
    let incarnation = Incarnation::from_slice(&head.incarnation)?;
    Some(journal::IndexMark { sequence: head.applied, incarnation })
}

/// What the index knows of a newer image of this disk. One that cannot be read is found out below.
fn went_back(index: &dyn Index) -> Option<u64> {
    let seen = index.get(&keys::went_back()).ok()??;
    values::decode::<stored::RollbackSeen>("a rollback", &seen).ok().map(|seen| seen.sequence)
}

type Found = (Box<dyn Index>, Option<IndexHead>);

fn find(env: &Env, options: &StateOptions, directory: &Path) -> Result<Found, IndexError> {
    let index = open_index(env, options, directory)?;
    let head = index.get(&keys::head())?.map(|bytes| values::decode("the index's head", &bytes)).transpose()?;
    Ok((index, head))
}

fn open_index(env: &Env, options: &StateOptions, directory: &Path) -> Result<Box<dyn Index>, IndexError> {
    match options.index {
        IndexKind::Memory => Ok(Box::new(MemoryIndex::default())),
        IndexKind::Sled => env.indexes.open(directory, options.cache_bytes),
    }
}

/// Why an index cannot be used with the journal. With a hasher of the own items all of it
/// is read.
fn check(
    index: &dyn Index,
    head: Option<&IndexHead>,
    incarnation: Incarnation,
    read: Option<&ItemHasher>,
) -> Result<(), String> {
    let Some(head) = head else {
        return Err(if index.kind() == "memory" { "it is kept in memory only" } else { "it was lost" }.to_owned());
    };
    if head.format != index::FORMAT {
        return Err(format!("it has format {}, this program writes {}", head.format, index::FORMAT));
    }
    if head.incarnation != incarnation.to_bytes() {
        return Err("it belongs to another journal".to_owned());
    }
    // Damage often shows only in reading; and the stored digests, of the feed and of what is held
    // of each child, must be those of the stored items.
    read.map_or(Ok(()), |own| read_all(index, head, own)).map_err(|error| error.to_string())
}

/// Reads all of an index, a part beside the other: most of a workroom's is its records, and the
/// values that must be unique.
fn read_all(index: &dyn Index, head: &IndexHead, own: &ItemHasher) -> Result<(), IndexError> {
    let behind_records = keys::after(&keys::all_records()).unwrap_or_default();
    let read = |from: &[u8], to: &[u8]| index.scan(from, Some(to), &mut |_, _| Ok(ControlFlow::Continue(())));
    std::thread::scope(|threads| {
        let records = threads.spawn(|| read(&[], &behind_records));
        let values = threads.spawn(|| read(&behind_records, &keys::items()));
        invariant::digests_are_of_items(index, own, feed_head(head).digest)?;
        let panicked = |_| IndexError::Damaged("reading it panicked".to_owned());
        records.join().map_err(panicked)??;
        values.join().map_err(panicked)?
    })
}

/// An index in place of one that cannot be used: what the newest snapshot holds that fits the
/// journal, or nothing. Either came back at an earlier mark: the journal is replayed from there,
/// and the children continue from the watermarks that stand beside their items.
fn rebuild(
    env: &Env,
    options: &StateOptions,
    directory: &Path,
    reason: &str,
    (incarnation, journal): (Incarnation, &JournalReader),
) -> Result<(Box<dyn Index>, IndexHead), OpenError> {
    let index = renew(env, options, directory, reason)?;
    let shelf = Shelf::of(env.disk.as_ref(), &options.directory);
    match shelf.load(options.code, incarnation, journal, index.as_ref(), reason) {
        Some(Ok(head)) => return Ok((index, head)),
        None => return Ok((index, IndexHead { rebuilt: reason.to_owned(), ..IndexHead::default() })),
        Some(Err(error)) => tracing::error!(%error, "the snapshot could not be loaded: beginning with nothing"),
    }
    drop(index);
    let index = renew(env, options, directory, "")?;
    Ok((index, IndexHead { rebuilt: reason.to_owned(), ..IndexHead::default() }))
}

/// An empty index in place of one that cannot be used; that is kept aside, one of them.
fn renew(env: &Env, options: &StateOptions, directory: &Path, reason: &str) -> Result<Box<dyn Index>, OpenError> {
    let (disk, aside) = (env.disk.as_ref(), directory.with_extension("damaged"));
    let moved = disk.list(directory).and_then(|names| {
        if names.is_empty() || reason.is_empty() {
            return disk.remove(directory);
        }
        disk.remove(&aside)?;
        disk.rename(directory, &aside)
    });
    moved.map_err(|source| OpenError::MoveAside { path: directory.to_owned(), source })?;
    Ok(open_index(env, options, directory)?)
}

/// The starts that the index knows, and those that the journal has beyond it.
fn history(index: &dyn Index, journal: &JournalReader, applied: u64) -> Result<History, OpenError> {
    let mut history = History::default();
    let prefix = keys::starts();
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |_, value| {
        history.push(Start::from_stored(&values::decode::<FoldedStart>("a start", value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    for frame in journal.entries_from(applied + 1) {
        let frame = frame?;
        if let Some(stored::entry::Event::Started(started)) = &frame.entry.event {
            history.push(Start::from_entry(started, frame.position.sequence));
        }
    }
    Ok(history)
}
