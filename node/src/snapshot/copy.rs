//! A copy of the index as it was at one moment, made in bounded steps while the writer goes
//! on: in the moment before a batch is applied, the former values under keys that are not yet
//! copied are put by. A step gives what the index has, with what was put by in its place.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;

use super::SnapshotError;
use crate::index::{Index, IndexError, Pair, Writes};
use crate::store::{Follower, Store};

/// Former values that are kept in memory at most, with their keys.
pub const FORMER_BYTES_MAX: usize = 64 << 20;

/// A copy under way, which follows the writer for as long as somebody keeps it.
pub struct Copying {
    /// The first key that is not copied; `None`: all are.
    next: Option<Vec<u8>>,
    /// What keys from `next` on held at the moment of the copy, where it has changed since.
    former: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    former_bytes: usize,
    failed: Option<SnapshotError>,
}

/// How much one step copies.
#[derive(Clone, Copy, Debug)]
pub struct StepSize {
    /// Keys.
    pub keys: usize,
    /// Bytes of keys and values, but for the last.
    pub bytes: usize,
}

impl Copying {
    /// Begins one of the state that the store has now; `look` is shown that state.
    pub fn begin<T>(
        store: &Store,
        look: impl FnOnce(&dyn Index) -> Result<T, IndexError>,
    ) -> Result<(Arc<Mutex<Self>>, T), IndexError> {
        // The view keeps the writer out until the copy follows.
        let view = store.view();
        let seen = look(view.index)?;
        let copy = Self { next: Some(Vec::new()), former: BTreeMap::new(), former_bytes: 0, failed: None };
        let copy = Arc::new(Mutex::new(copy));
        store.follow(&copy);
        Ok((copy, seen))
    }

    /// The next keys with the values of that moment; `None` after the last. The index must be
    /// that of a view which the caller keeps meanwhile.
    pub fn step(&mut self, index: &dyn Index, size: StepSize) -> Result<Option<Vec<Pair>>, SnapshotError> {
        if let Some(error) = self.failed.take() {
            self.next = None;
            return Err(error);
        }
        let Some(from) = self.next.take() else { return Ok(None) };
        let (mut page, mut bytes, mut next) = (BTreeMap::new(), 0, None);
        index.scan(&from, None, &mut |key, value| {
            if page.len() == size.keys || bytes >= size.bytes {
                next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            bytes += key.len() + value.len();
            page.insert(key.to_vec(), value.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        let later = next.as_ref().map(|next| self.former.split_off(next)).unwrap_or_default();
        for (key, former) in std::mem::replace(&mut self.former, later) {
            self.former_bytes -= weight(&key, former.as_deref());
            match former {
                Some(former) => page.insert(key, former),
                None => page.remove(&key),
            };
        }
        self.next = next;
        Ok(Some(page.into_iter().collect()))
    }

    fn put_by(&mut self, index: &dyn Index, key: &[u8]) -> Result<(), SnapshotError> {
        if self.former.contains_key(key) {
            return Ok(());
        }
        let former = index.get(key)?;
        self.former_bytes += weight(key, former.as_deref());
        self.former.insert(key.to_vec(), former);
        if self.former_bytes > FORMER_BYTES_MAX { Err(SnapshotError::Busy) } else { Ok(()) }
    }
}

impl Follower for Copying {
    fn follow(&mut self, index: &dyn Index, writes: &Writes) {
        let Some(next) = self.next.clone() else { return };
        for key in writes.range(next..).map(|(key, _)| key) {
            if self.failed.is_none()
                && let Err(error) = self.put_by(index, key)
            {
                // The writer goes on; who copies is told at the next step.
                self.former.clear();
                self.failed = Some(error);
            }
        }
    }
}

fn weight(key: &[u8], value: Option<&[u8]>) -> usize {
    key.len() + value.map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::memory::MemoryIndex;

    fn all(index: &dyn Index) -> Vec<Pair> {
        let mut found = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            found.push((key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        };
        index.scan(&[], None, &mut visit).unwrap();
        found
    }

    fn writes() -> impl Strategy<Value = Writes> {
        let key = prop::collection::vec(0..4_u8, 1..3);
        prop::collection::btree_map(key, prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..3)), 0..12)
    }

    proptest! {
        #[test]
        fn a_copy_is_the_state_of_its_beginning_whatever_is_written_meanwhile(
            before in writes(),
            meanwhile in prop::collection::vec((1..5_usize, writes()), 0..12),
        ) {
            let index = MemoryIndex::default();
            index.apply(&before).unwrap();
            let wanted = all(&index);
            let mut copy = Copying { next: Some(Vec::new()), former: BTreeMap::new(), former_bytes: 0, failed: None };
            let mut copied = Vec::new();
            let mut write = meanwhile.into_iter();
            loop {
                let (keys, writes) = write.next().unwrap_or((1, Writes::new()));
                let Some(page) = copy.step(&index, StepSize { keys, bytes: 6 }).unwrap() else { break };
                copied.extend(page);
                copy.follow(&index, &writes);
                index.apply(&writes).unwrap();
            }
            prop_assert_eq!(copied, wanted);
            prop_assert_eq!((copy.former_bytes, copy.former.len()), (0, 0));
        }
    }

    #[test]
    fn a_copy_that_would_take_too_much_memory_is_given_up() {
        let index = MemoryIndex::default();
        let keys = FORMER_BYTES_MAX / crate::index::VALUE_BYTES_MAX + 1;
        let all: Writes =
            (0..keys).map(|key| (key.to_be_bytes().to_vec(), Some(vec![1; crate::index::VALUE_BYTES_MAX]))).collect();
        index.apply(&all).unwrap();
        let mut copy = Copying { next: Some(Vec::new()), former: BTreeMap::new(), former_bytes: 0, failed: None };
        copy.follow(&index, &all);
        assert!(copy.former.is_empty(), "nothing is kept for a copy that was given up");
        assert!(matches!(copy.step(&index, StepSize { keys: 1, bytes: 1 }), Err(SnapshotError::Busy)));
    }
}
