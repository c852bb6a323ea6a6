//! The index on disk: the only importer of sled.
//!
//! One tree with prefixed keys and one batch a group: two trees tear under kill -9, one
//! tree never did. `flush()` is no fsync, so a checkpoint adds `sync_data` on sled's own
//! file; `flush_async` deadlocks under concurrent batches and is not used. sled panics on
//! some damage, at open or only while iterating: both happen inside `catch_unwind`.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::RecursiveRwLock;
use rustix::fs::{CWD, RenameFlags};

use super::{Index, IndexError, OpenIndex, Visit, Writes, check_sizes};

/// The ending of the directory that is filled to take the index's place.
const BESIDE: &str = "compact";

/// How often opening is tried while files that were just closed may still be locked.
const OPEN_TRIES: u32 = 200;

/// Between two tries.
const OPEN_WAIT: Duration = Duration::from_millis(5);

/// A sled store.
pub struct SledIndex {
    /// `None` only while its files are being swapped, and after that failed.
    db: RecursiveRwLock<Option<sled::Db>>,
    directory: PathBuf,
    cache_bytes: u64,
}

impl SledIndex {
    /// Opens or creates the store. Some damage shows only in reading: scan all after an
    /// unclean stop.
    ///
    /// `cache_bytes` is what sled aims at for its page cache, not a bound on memory.
    pub fn open(directory: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let db = open_db(directory, cache_bytes)?;
        let index = Self { db: RecursiveRwLock::new(Some(db)), directory: directory.to_owned(), cache_bytes };
        index.sync_names().map_err(|source| IndexError::Store { operation: "sync its directory", source })?;
        Ok(index)
    }

    /// Makes sled's files themselves durable: it syncs neither its `conf` nor the directory.
    fn sync_names(&self) -> io::Result<()> {
        File::open(self.directory.join("conf"))?.sync_all()?;
        File::open(&self.directory)?.sync_all()
    }

    /// Works with the store. A visitor of a scan may read meanwhile: hence recursive.
    fn with<T>(&self, work: impl FnOnce(&sled::Db) -> Result<T, IndexError>) -> Result<T, IndexError> {
        match self.db.read().as_ref() {
            Some(db) => work(db),
            None => Err(IndexError::Damaged("its files could not be swapped".to_owned())),
        }
    }

    fn aside(&self) -> PathBuf {
        self.directory.with_extension(BESIDE)
    }
}

fn open_db(directory: &Path, cache_bytes: u64) -> Result<sled::Db, IndexError> {
    let config = sled::Config::new().path(directory).cache_capacity(cache_bytes).flush_every_ms(None);
    guarded("open", || config.open())
}

/// Opens files that this process has just closed: sled lets go of them a moment later.
fn open_again(directory: &Path, cache_bytes: u64) -> Result<sled::Db, IndexError> {
    for _ in 0..OPEN_TRIES {
        match open_db(directory, cache_bytes) {
            Ok(db) => return Ok(db),
            Err(_) => std::thread::sleep(OPEN_WAIT),
        }
    }
    open_db(directory, cache_bytes)
}

impl Index for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        self.with(|db| guarded("read a key", || Ok(db.get(key)?.map(|value| value.to_vec()))))
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), IndexError> {
        if to.is_some_and(|to| to <= from) {
            return Ok(());
        }
        self.with(|db| {
            let mut entries = match to {
                Some(to) => db.range(from..to),
                None => db.range(from..),
            };
            while let Some((key, value)) = guarded("read on", || entries.next().transpose())? {
                if let ControlFlow::Break(()) = visit(&key, &value)? {
                    break;
                }
            }
            Ok(())
        })
    }

    fn apply(&self, writes: &Writes) -> Result<(), IndexError> {
        check_sizes(writes)?;
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        self.with(|db| guarded("apply a batch", || db.apply_batch(batch)))
    }

    fn checkpoint(&self) -> Result<(), IndexError> {
        self.with(|db| {
            guarded("flush", || db.flush().map(|_| ()))?;
            let synced = File::open(self.directory.join("db")).and_then(|file| file.sync_data());
            synced.map_err(|source| IndexError::Store { operation: "sync its file", source })
        })
    }

    fn disk_bytes(&self) -> Result<u64, IndexError> {
        self.with(|db| guarded("measure its files", || db.size_on_disk()))
    }

    fn beside(&self) -> Result<Option<Box<dyn Index>>, IndexError> {
        remove(&self.aside())?;
        Ok(Some(Box::new(Self::open(&self.aside(), self.cache_bytes)?)))
    }

    fn swap_with(&self, beside: Box<dyn Index>) -> Result<(), IndexError> {
        beside.checkpoint()?;
        drop(beside);
        let mut db = self.db.write();
        // sled writes by its directory's name: both are closed before names change.
        drop(db.take());
        // One step on disk: at any moment there is one whole index by each name.
        let swapped = rustix::fs::renameat_with(CWD, &self.directory, CWD, self.aside(), RenameFlags::EXCHANGE);
        *db = Some(open_again(&self.directory, self.cache_bytes)?);
        swapped.map_err(|error| IndexError::Store { operation: "swap its files", source: error.into() })?;
        drop(db);
        let above = self.directory.parent().unwrap_or(&self.directory);
        let synced = File::open(above).and_then(|above| above.sync_all());
        synced.map_err(|source| IndexError::Store { operation: "sync its directory", source })?;
        remove(&self.aside())
    }

    fn kind(&self) -> &'static str {
        "sled"
    }
}

fn remove(directory: &Path) -> Result<(), IndexError> {
    match std::fs::remove_dir_all(directory) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(IndexError::Store { operation: "remove files that it no longer needs", source })
        }
        _ => Ok(()),
    }
}

/// Opens sled stores.
pub struct Sled;

impl OpenIndex for Sled {
    fn open(&self, directory: &Path, cache_bytes: u64) -> Result<Box<dyn Index>, IndexError> {
        Ok(Box::new(SledIndex::open(directory, cache_bytes)?))
    }
}

/// Runs a call into sled; its errors and its panics become ours.
fn guarded<T>(operation: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(source))) => Err(IndexError::Store { operation, source }),
        Ok(Err(error)) => Err(IndexError::Damaged(format!("sled could not {operation}: {error}"))),
        Err(_) => Err(IndexError::Damaged(format!("sled panicked when it was to {operation}"))),
    }
}
