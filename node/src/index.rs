//! The index: a view of the journal and of the neighbours' feeds, never the only copy.
//!
//! * [`keys`]: the only place that knows how keys are laid out.
//! * [`memory`], [`sled`]: the two stores behind the [`Index`] trait; `sled` alone knows the crate sled.
//! * `double`: for simulations; comes back as it was at any earlier batch.
//! * [`draft`]: writes being gathered, readable before they are applied.
//! * [`values`]: what is stored under the keys.

#[cfg(any(test, feature = "simulation"))]
pub mod double;
pub mod draft;
pub mod keys;
pub mod memory;
pub mod sled;
pub mod values;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use thiserror::Error;

/// The longest value that a store is given, in bytes: sled slows down and frees badly beyond.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The layout of keys and values; an index of another format is rebuilt.
pub const FORMAT: u32 = 1;

/// Writes that are applied together or not at all; `None` removes. In the order of keys,
/// which keeps neighbouring keys on neighbouring pages.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Why the index could not be read or written.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The store failed.
    #[error("the index could not {operation}: {source}; it is rebuilt from the journal when the node starts again")]
    Store {
        /// What was being done.
        operation: &'static str,
        /// The store's own words.
        source: std::io::Error,
    },
    /// What is stored is not what was written.
    #[error("the index is damaged ({0}); it is rebuilt from the journal when the node starts again")]
    Damaged(String),
    /// A value is larger than [`VALUE_BYTES_MAX`].
    #[error("a value of {bytes} bytes was to be stored; the limit is {VALUE_BYTES_MAX}")]
    Oversized {
        /// Its size.
        bytes: usize,
    },
}

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Called with each key and value; breaks to end the scan.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, IndexError>;

/// An ordered store of keys and values with atomic batches.
pub trait Index: Send + Sync {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError>;
    /// Visits keys from `from` up to and without `to` (`None`: to the end), in order.
    fn scan(&self, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<(), IndexError>;
    /// Applies all writes, or none after a crash.
    fn apply(&self, writes: &Writes) -> Result<(), IndexError>;
    /// Makes everything applied so far survive a power cut.
    fn checkpoint(&self) -> Result<(), IndexError>;
    /// Bytes of its files; 0 where it has none.
    fn disk_bytes(&self) -> Result<u64, IndexError> {
        Ok(0)
    }
    /// An empty store beside this one, on the same disk, to be filled and swapped with it.
    /// `None`: it is not kept on disk.
    fn beside(&self) -> Result<Option<Box<dyn Index>>, IndexError> {
        Ok(None)
    }
    /// Puts a store that [`beside`](Self::beside) made in the place of this one, and removes what
    /// this one was. Nobody may write meanwhile; readers wait.
    fn swap_with(&self, beside: Box<dyn Index>) -> Result<(), IndexError> {
        drop(beside);
        Err(IndexError::Damaged("it has nothing to be swapped with".to_owned()))
    }
    /// `sled` or `memory`.
    fn kind(&self) -> &'static str;
}

/// Opens indexes that outlive the process.
pub trait OpenIndex: Send + Sync {
    /// The index in a directory, made if it is not there.
    fn open(&self, directory: &Path, cache_bytes: u64) -> Result<Box<dyn Index>, IndexError>;
}

/// At most `most` keys and values from `from` up to and without `to`, and the key to go on from;
/// `None`: these are all.
pub fn page(
    index: &dyn Index,
    from: &[u8],
    to: Option<&[u8]>,
    most: usize,
) -> Result<(Vec<Pair>, Option<Vec<u8>>), IndexError> {
    let (mut pairs, mut next) = (Vec::new(), None);
    index.scan(from, to, &mut |key, value| {
        if pairs.len() >= most {
            next = Some(key.to_vec());
            return Ok(ControlFlow::Break(()));
        }
        pairs.push((key.to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((pairs, next))
}

/// Refuses values that the stores are not made for.
fn check_sizes(writes: &Writes) -> Result<(), IndexError> {
    match writes.values().flatten().map(Vec::len).max() {
        Some(bytes) if bytes > VALUE_BYTES_MAX => Err(IndexError::Oversized { bytes }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod contract {
    //! Both stores pass the same tests.

    use proptest::prelude::*;

    use super::memory::MemoryIndex;
    use super::sled::SledIndex;
    use super::*;

    fn collect(index: &dyn Index, from: &[u8], to: Option<&[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        index
            .scan(from, to, &mut |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        found
    }

    fn batches() -> impl Strategy<Value = Vec<Writes>> {
        let key = prop::collection::vec(0..4_u8, 0..4);
        let value = prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..5));
        prop::collection::vec(prop::collection::btree_map(key, value, 0..8), 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn both_stores_hold_what_a_map_holds(batches in batches(), from in prop::collection::vec(0..4_u8, 0..3), to in prop::collection::vec(0..4_u8, 0..3)) {
            let directory = tempfile::tempdir().unwrap();
            let stores: [Box<dyn Index>; 2] =
                [Box::new(MemoryIndex::default()), Box::new(SledIndex::open(directory.path(), 1 << 20).unwrap())];
            let mut map = BTreeMap::new();
            for writes in &batches {
                for (key, value) in writes {
                    match value {
                        Some(value) => { map.insert(key.clone(), value.clone()); }
                        None => { map.remove(key); }
                    }
                }
                for store in &stores {
                    store.apply(writes).unwrap();
                }
            }
            let all: Vec<_> = map.clone().into_iter().collect();
            let part: Vec<_> = all.iter().filter(|(key, _)| *key >= from && *key < to).cloned().collect();
            for store in &stores {
                prop_assert_eq!(&collect(store.as_ref(), &[], None), &all);
                prop_assert_eq!(&collect(store.as_ref(), &from, Some(&to)), &part);
                for key in batches.iter().flat_map(BTreeMap::keys) {
                    prop_assert_eq!(store.get(key).unwrap(), map.get(key).cloned());
                }
            }
        }
    }

    #[test]
    fn a_checkpointed_store_opens_with_the_same_content() {
        let directory = tempfile::tempdir().unwrap();
        let writes: Writes = (0..5_000_u32).map(|n| (n.to_be_bytes().to_vec(), Some(vec![7; 20]))).collect();
        let before = {
            let store = SledIndex::open(directory.path(), 1 << 20).unwrap();
            store.apply(&writes).unwrap();
            store.checkpoint().unwrap();
            collect(&store, &[], None)
        };
        let store = SledIndex::open(directory.path(), 1 << 20).unwrap();
        assert_eq!(collect(&store, &[], None), before);
    }

    #[test]
    fn a_scan_ends_where_the_visitor_breaks() {
        let store = MemoryIndex::default();
        store.apply(&(0..9_u8).map(|n| (vec![n], Some(vec![n]))).collect()).unwrap();
        let mut seen = 0;
        store
            .scan(&[2], None, &mut |_, _| {
                seen += 1;
                Ok(if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
            .unwrap();
        assert_eq!(seen, 3);
    }

    #[test]
    fn a_store_refuses_an_oversized_value() {
        let writes: Writes = [(vec![1], Some(vec![0; VALUE_BYTES_MAX + 1]))].into();
        assert!(matches!(MemoryIndex::default().apply(&writes), Err(IndexError::Oversized { .. })));
    }

    #[test]
    fn a_damaged_store_is_an_error_and_not_a_panic() {
        let directory = tempfile::tempdir().unwrap();
        {
            let store = SledIndex::open(directory.path(), 1 << 20).unwrap();
            store.apply(&(0..20_000_u32).map(|n| (n.to_be_bytes().to_vec(), Some(vec![9; 30]))).collect()).unwrap();
            store.checkpoint().unwrap();
        }
        std::fs::write(directory.path().join("conf"), b"not a sled configuration").unwrap();
        assert!(SledIndex::open(directory.path(), 1 << 20).is_err());
    }
}
