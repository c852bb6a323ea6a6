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

use super::{Index, IndexError, OpenIndex, Visit, Writes, check_sizes};

/// A sled store.
pub struct SledIndex {
    db: sled::Db,
    directory: PathBuf,
}

impl SledIndex {
    /// Opens or creates the store. Some damage shows only in reading: scan all after an
    /// unclean stop.
    ///
    /// `cache_bytes` is what sled aims at for its page cache, not a bound on memory.
    pub fn open(directory: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let config = sled::Config::new().path(directory).cache_capacity(cache_bytes).flush_every_ms(None);
        let db = guarded("open", || config.open())?;
        let index = Self { db, directory: directory.to_owned() };
        index.sync_names().map_err(|source| IndexError::Store { operation: "sync its directory", source })?;
        Ok(index)
    }

    /// Makes sled's files themselves durable: it syncs neither its `conf` nor the directory.
    fn sync_names(&self) -> io::Result<()> {
        File::open(self.directory.join("conf"))?.sync_all()?;
        File::open(&self.directory)?.sync_all()
    }
}

impl Index for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        guarded("read a key", || Ok(self.db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), IndexError> {
        if to.is_some_and(|to| to <= from) {
            return Ok(());
        }
        let mut entries = match to {
            Some(to) => self.db.range(from..to),
            None => self.db.range(from..),
        };
        while let Some((key, value)) = guarded("read on", || entries.next().transpose())? {
            if let ControlFlow::Break(()) = visit(&key, &value)? {
                break;
            }
        }
        Ok(())
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
        guarded("apply a batch", || self.db.apply_batch(batch))
    }

    fn checkpoint(&self) -> Result<(), IndexError> {
        guarded("flush", || self.db.flush().map(|_| ()))?;
        let synced = File::open(self.directory.join("db")).and_then(|file| file.sync_data());
        synced.map_err(|source| IndexError::Store { operation: "sync its file", source })
    }

    fn disk_bytes(&self) -> Result<u64, IndexError> {
        guarded("measure its files", || self.db.size_on_disk())
    }

    fn kind(&self) -> &'static str {
        "sled"
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
