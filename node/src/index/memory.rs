//! The in-memory twin: for tests, simulations and thousands of nodes in one process.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use parking_lot::RwLock;

use super::{Index, IndexError, Visit, Writes, check_sizes};

/// An index that is gone with the process and rebuilt at the next start.
#[derive(Default)]
pub struct MemoryIndex {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Index for MemoryIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.map.read().get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), IndexError> {
        if to.is_some_and(|to| to <= from) {
            return Ok(());
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, value) in self.map.read().range::<[u8], _>((Bound::Included(from), end)) {
            if let ControlFlow::Break(()) = visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, writes: &Writes) -> Result<(), IndexError> {
        check_sizes(writes)?;
        let mut map = self.map.write();
        for (key, value) in writes {
            match value {
                Some(value) => {
                    map.insert(key.clone(), value.clone());
                }
                None => {
                    map.remove(key);
                }
            }
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), IndexError> {
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "memory"
    }
}
