//! Opening the journal and the index, and whether they fit each other. The journal is the
//! truth: an index that does not open, does not fit or fails a check is moved aside and
//! rebuilt. But an index that is *ahead* of the journal proves that acknowledged entries
//! were lost: then the node stops, since moving it aside would destroy the proof.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wuji_proto::stored::{FoldedStart, IndexHead};
use wuji_proto::{Digest, DivisionCode, Incarnation, Sequence, stored, wire};

use super::StateOptions;
use crate::config::IndexKind;
use crate::env::{Disk, Env};
use crate::feed::changes::Changes;
use crate::feed::group::FeedHead;
use crate::feed::history::{History, Start};
use crate::feed::item::ItemHasher;
use crate::index::memory::MemoryIndex;
use crate::index::sled::SledIndex;
use crate::index::{self, Index, IndexError, keys, values};
use crate::journal::{self, JournalError, JournalReader, JournalWriter};
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
    /// The former run did not end with a clean stop.
    pub unclean: bool,
    /// Why the index was rebuilt; empty: it was not, or long enough ago.
    pub rebuilt: String,
    /// What was cut from the journal's tail; empty: nothing.
    pub recovered: String,
}

/// Opens both.
pub fn open(env: &Env, options: &StateOptions, time: &NodeTime) -> Result<Opened, OpenError> {
    let directory = options.directory.join("index");
    let found = find(options, &directory);
    let mark = found.as_ref().ok().and_then(|(_, head)| head.as_ref()).map(|head| head.applied);
    let journal_options = journal::OpenOptions {
        code: options.code,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        segment_bytes: options.segment_bytes,
        index_mark: found.as_ref().ok().and_then(|(_, head)| index_mark(head.as_ref()?)),
        accept_loss: options.accept_loss,
    };
    let journal::Opened { writer, reader, recovery } = journal::open(env, &options.directory, &journal_options)?;
    time.observe(recovery.last_at_ms);
    let tail = reader.tail().sequence;
    let clean = recovery.created || recovery.clean_stop && mark.is_some_and(|mark| mark + 1 >= tail);
    let (index, head) = match found.map_err(|error| error.to_string()).and_then(|(index, head)| {
        check(index.as_ref(), head.as_ref(), (options.code, recovery.incarnation), clean)?;
        Ok((index, head))
    }) {
        Ok((index, head)) => (index, head.unwrap_or_default()),
        Err(reason) => {
            let reason = if recovery.created { String::new() } else { reason };
            (
                renew(env.disk.as_ref(), options, &directory, &reason)?,
                IndexHead { rebuilt: reason, ..IndexHead::default() },
            )
        }
    };
    if !head.rebuilt.is_empty() {
        tracing::warn!(reason = head.rebuilt, "rebuilding the index");
    }
    let state = State {
        head: FeedHead {
            at: Sequence { start: head.head_start, number: head.head_number },
            digest: feed_digest(&head),
        },
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
        unclean: !clean,
        rebuilt: head.rebuilt,
        recovered: recovery.report.unwrap_or_default(),
    })
}

/// What the index proves of the journal.
fn index_mark(head: &IndexHead) -> Option<journal::IndexMark> {
    let incarnation = Incarnation::from_slice(&head.incarnation)?;
    Some(journal::IndexMark { sequence: head.applied, incarnation })
}

type Found = (Box<dyn Index>, Option<IndexHead>);

fn find(options: &StateOptions, directory: &Path) -> Result<Found, IndexError> {
    let index = open_index(options, directory)?;
    let head = index.get(&keys::head())?.map(|bytes| values::decode("the index's head", &bytes)).transpose()?;
    Ok((index, head))
}

fn open_index(options: &StateOptions, directory: &Path) -> Result<Box<dyn Index>, IndexError> {
    Ok(match options.index {
        IndexKind::Memory => Box::new(MemoryIndex::default()),
        IndexKind::Sled => Box::new(SledIndex::open(directory, options.cache_bytes)?),
    })
}

/// Why an index cannot be used with the journal.
fn check(
    index: &dyn Index,
    head: Option<&IndexHead>,
    (code, incarnation): (DivisionCode, Incarnation),
    clean: bool,
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
    if clean {
        return Ok(());
    }
    read_all(index, head, &ItemHasher::new(code, incarnation)).map_err(|error| error.to_string())
}

/// Damage often shows only in reading; and the stored digest of the feed must be that of
/// the stored items, since one that is kept up by differences proves only equal streams.
fn read_all(index: &dyn Index, head: &IndexHead, hasher: &ItemHasher) -> Result<(), IndexError> {
    let mut found = Digest::default();
    index.scan(&[], None, &mut |key, value| {
        if let Some(item) = keys::parse_item(key) {
            let (_, value) = values::OwnItem::split(value)?;
            found = found.with(hasher.hash(item, value));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if found == feed_digest(head) {
        return Ok(());
    }
    Err(IndexError::Damaged(if found.count == head.count {
        "the feed's items are not those that its digest was made of".to_owned()
    } else {
        format!("the feed should have {} items and has {}", head.count, found.count)
    }))
}

fn feed_digest(head: &IndexHead) -> Digest {
    Digest { sum: wire::digest_sum(&head.digest), count: head.count }
}

/// An empty index in place of one that cannot be used; that is kept aside, one of them.
fn renew(disk: &dyn Disk, options: &StateOptions, directory: &Path, reason: &str) -> Result<Box<dyn Index>, OpenError> {
    let aside = directory.with_extension("damaged");
    let moved = disk.list(directory).and_then(|names| {
        if names.is_empty() || reason.is_empty() {
            return disk.remove(directory);
        }
        disk.remove(&aside)?;
        disk.rename(directory, &aside)
    });
    moved.map_err(|source| OpenError::MoveAside { path: directory.to_owned(), source })?;
    Ok(open_index(options, directory)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::item::ItemValue;
    use crate::index::Writes;
    use crate::index::values::OwnItem;

    #[test]
    fn after_an_unclean_stop_an_index_is_used_only_if_its_items_are_those_of_its_digest() {
        let code: DivisionCode = "371122".parse().unwrap();
        let incarnation = Incarnation::from_random([7; 16]);
        let hasher = ItemHasher::new(code, incarnation);
        let sequence = Sequence { start: 1, number: 1 };
        let item = |amount| OwnItem { sequence, value: ItemValue::Amount(amount) };
        let index = MemoryIndex::default();
        let store = |key: &[u8], item: OwnItem| {
            index.apply(&Writes::from([(keys::item(key), Some(item.to_bytes()))])).unwrap();
        };
        store(b"a", item(3));
        let digest = Digest::default().with(hasher.hash(b"a", &ItemValue::Amount(3).to_bytes()));
        let head = IndexHead {
            format: index::FORMAT,
            incarnation: incarnation.to_bytes().to_vec(),
            digest: digest.sum.to_le_bytes().to_vec(),
            count: digest.count,
            ..IndexHead::default()
        };
        let verdict = |clean| check(&index, Some(&head), (code, incarnation), clean);
        assert_eq!(verdict(false), Ok(()));
        store(b"a", item(4));
        assert!(verdict(false).unwrap_err().contains("not those that its digest was made of"));
        assert_eq!(verdict(true), Ok(()), "a clean stop is trusted: starting stays fast");
        store(b"b", item(1));
        assert!(verdict(false).unwrap_err().contains("should have 1 items and has 2"));
    }
}
