//! An index for tests and simulations: after a crash it comes back as it was after any of its
//! batches, whatever a checkpoint promised; it can be damaged, and it can be lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a double fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::memory::MemoryIndex;
use super::{Index, IndexError, OpenIndex, Visit, Writes};
use crate::env::Disk;
use crate::env::double::DoubleDisk;

/// In an index's directory: tells which one it is, so that renaming the directory moves it.
const NAME_FILE: &str = "name";

/// The indexes of one machine. Clones are the same.
#[derive(Clone)]
pub struct DoubleIndexes {
    disk: DoubleDisk,
    stores: Arc<Mutex<Stores>>,
}

#[derive(Clone, Default)]
struct Stores {
    last: u64,
    logs: BTreeMap<u64, Log>,
}

/// Every batch since the index was made, in order.
#[derive(Clone, Default)]
struct Log {
    batches: Vec<Arc<Writes>>,
    checkpointed: usize,
}

impl DoubleIndexes {
    /// Whose directories are on `disk`.
    pub fn new(disk: &DoubleDisk) -> Self {
        Self { disk: disk.clone(), stores: Arc::default() }
    }

    /// The same indexes on a copy of the disk; what happens to these does not happen to those.
    #[must_use]
    pub fn copy(&self, disk: &DoubleDisk) -> Self {
        Self { disk: disk.clone(), stores: Arc::new(Mutex::new(self.stores.lock().clone())) }
    }

    /// Batches that the index in a directory has, and how many a checkpoint covers.
    pub fn marks(&self, directory: &Path) -> (usize, usize) {
        let stores = self.stores.lock();
        let log = self.name(directory).and_then(|name| stores.logs.get(&name));
        log.map_or((0, 0), |log| (log.batches.len(), log.checkpointed))
    }

    /// The index comes back as it was after so many batches.
    pub fn fall_back(&self, directory: &Path, batches: usize) {
        let Some(name) = self.name(directory) else { return };
        if let Some(log) = self.stores.lock().logs.get_mut(&name) {
            log.batches.truncate(batches);
            log.checkpointed = log.checkpointed.min(log.batches.len());
        }
    }

    /// The index is not there when it is opened next.
    pub fn lose(&self, directory: &Path) {
        let _ = self.disk.remove(directory); // the double removes whatever is there
    }

    /// One write behind everybody's back, when nobody has it open.
    pub fn damage(&self, directory: &Path, edit: impl FnOnce(&dyn Index) -> Option<Writes>) {
        let Some(name) = self.name(directory) else { return };
        let mut stores = self.stores.lock();
        let log = stores.logs.entry(name).or_default();
        if let Some(writes) = edit(&log.content()) {
            log.batches.push(Arc::new(writes));
        }
    }

    fn name(&self, directory: &Path) -> Option<u64> {
        let file = directory.join(NAME_FILE);
        self.disk.mode(&file).ok()?;
        self.disk.content(&file).try_into().ok().map(u64::from_le_bytes)
    }

    /// Durable at once: an index that was made is not forgotten, only its batches are.
    fn make(&self, directory: &Path) -> u64 {
        let name = {
            let mut stores = self.stores.lock();
            stores.last += 1;
            stores.last
        };
        self.disk.set_content(&directory.join(NAME_FILE), name.to_le_bytes().to_vec());
        self.stores.lock().logs.insert(name, Log::default());
        name
    }
}

impl Log {
    fn content(&self) -> MemoryIndex {
        let index = MemoryIndex::default();
        self.batches.iter().for_each(|writes| index.apply(writes).unwrap());
        index
    }
}

impl OpenIndex for DoubleIndexes {
    fn open(&self, directory: &Path, _: u64) -> Result<Box<dyn Index>, IndexError> {
        let name = self.name(directory).unwrap_or_else(|| self.make(directory));
        let content = self.stores.lock().logs.entry(name).or_default().content();
        Ok(Box::new(DoubleIndex { content, name, stores: Arc::clone(&self.stores) }))
    }
}

/// An open index.
struct DoubleIndex {
    content: MemoryIndex,
    name: u64,
    stores: Arc<Mutex<Stores>>,
}

impl Index for DoubleIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        self.content.get(key)
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), IndexError> {
        self.content.scan(from, to, visit)
    }

    fn apply(&self, writes: &Writes) -> Result<(), IndexError> {
        self.content.apply(writes)?;
        let mut stores = self.stores.lock();
        stores.logs.entry(self.name).or_default().batches.push(Arc::new(writes.clone()));
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), IndexError> {
        let mut stores = self.stores.lock();
        let log = stores.logs.entry(self.name).or_default();
        log.checkpointed = log.batches.len();
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "double"
    }
}
