//! Compaction 压实: the index's files built anew beside the old ones, without the space that sled
//! no longer uses and does not give back, and swapped while the node works. What is copied is
//! written to in both from then on, so the new files are the present state when all is copied.

use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::time::Instant;
use wuji_proto::v1::CompactReply;

use crate::env::Env;
use crate::index::{Index, IndexError, Writes};
use crate::store::{Follower, Store};

/// What one step copies, while the writer waits.
const STEP_KEYS: usize = 1_024;
const STEP_BYTES: usize = 256 << 10;

/// Why the index was not compacted. It is as it was.
#[derive(Debug, Error)]
pub enum CompactError {
    /// It is not kept on disk.
    #[error("the index is kept in memory only: there is nothing to compact")]
    InMemory,
    /// Another compaction runs.
    #[error("the index is being compacted already: wait for that to end")]
    Busy,
    /// The index could not be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The node is going down.
    #[error("the node is stopping: ask again")]
    Stopping,
}

/// Compacts the index of a node.
pub struct Compactor {
    env: Env,
    store: Arc<Store>,
    running: tokio::sync::Mutex<()>,
}

impl Compactor {
    /// Of a store.
    pub fn new(env: Env, store: Arc<Store>) -> Self {
        Self { env, store, running: tokio::sync::Mutex::default() }
    }

    /// Compacts now.
    pub async fn compact(&self) -> Result<CompactReply, CompactError> {
        let _one = self.running.try_lock().map_err(|_| CompactError::Busy)?;
        let began = Instant::now();
        let (bytes_before, mirror) = self
            .blocking(|store| {
                let beside = store.index().beside()?.ok_or(CompactError::InMemory)?;
                Ok((store.index().disk_bytes()?, Mirror::begin(store, beside)))
            })
            .await?;
        loop {
            let stepping = Arc::clone(&mirror);
            let done = self.blocking(move |store| {
                let view = store.view();
                stepping.lock().step(view.index)
            });
            if done.await? {
                break;
            }
        }
        let finishing = Arc::clone(&mirror);
        // The most of it before readers wait.
        self.blocking(move |_| finishing.lock().checkpoint()).await?;
        let (keys, live_bytes, stood, bytes_after) = self.blocking(move |store| swap(store, &mirror)).await?;
        let ms = |time: std::time::Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        tracing::info!(bytes_before, bytes_after, stood_ms = ms(stood), "the index was compacted");
        Ok(CompactReply {
            keys,
            live_bytes,
            bytes_before,
            bytes_after,
            took_ms: ms(began.elapsed()),
            stood_ms: ms(stood),
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, CompactError> + Send + 'static,
    ) -> Result<T, CompactError> {
        let store = Arc::clone(&self.store);
        self.env.blocking(move || work(&store)).await.ok_or(CompactError::Stopping)?
    }
}

type Swapped = (u64, u64, std::time::Duration, u64);

fn swap(store: &Store, mirror: &Mutex<Mirror>) -> Result<Swapped, CompactError> {
    store.exclusively(|index, _| {
        let began = Instant::now();
        let mut mirror = mirror.lock();
        mirror.checkpoint()?;
        let Mirror { keys, bytes, .. } = *mirror;
        let beside = mirror.beside.take().ok_or(CompactError::Busy)?;
        index.swap_with(beside)?;
        Ok((keys, bytes, began.elapsed(), index.disk_bytes()?))
    })
}

/// A second index that becomes equal to the first.
struct Mirror {
    /// `None` once it has taken the first one's place.
    beside: Option<Box<dyn Index>>,
    /// The first key that is not copied; `None`: all are.
    next: Option<Vec<u8>>,
    /// What was copied, counted then.
    keys: u64,
    bytes: u64,
    failed: Option<IndexError>,
}

impl Mirror {
    fn begin(store: &Store, beside: Box<dyn Index>) -> Arc<Mutex<Self>> {
        let mirror = Self { beside: Some(beside), next: Some(Vec::new()), keys: 0, bytes: 0, failed: None };
        let mirror = Arc::new(Mutex::new(mirror));
        // The view keeps the writer out: no batch is half before it.
        let _view = store.view();
        store.follow(&mirror);
        mirror
    }

    /// Copies further, of the index of a view that the caller keeps; whether that was all.
    fn step(&mut self, index: &dyn Index) -> Result<bool, CompactError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let (Some(from), Some(beside)) = (self.next.take(), &self.beside) else { return Ok(true) };
        let (mut writes, mut bytes, mut next) = (Writes::new(), 0, None);
        index.scan(&from, None, &mut |key, value| {
            if writes.len() == STEP_KEYS || bytes >= STEP_BYTES {
                next = Some(key.to_vec());
                return Ok(ControlFlow::Break(()));
            }
            bytes += key.len() + value.len();
            writes.insert(key.to_vec(), Some(value.to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
        self.keys += writes.len() as u64;
        self.bytes += bytes as u64;
        beside.apply(&writes)?;
        self.next = next;
        Ok(self.next.is_none())
    }

    fn checkpoint(&mut self) -> Result<(), CompactError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        match &self.beside {
            Some(beside) => Ok(beside.checkpoint()?),
            None => Ok(()),
        }
    }
}

impl Follower for Mirror {
    fn follow(&mut self, _: &dyn Index, writes: &Writes) {
        let Some(beside) = &self.beside else { return };
        let copied = |key: &[u8]| self.next.as_deref().is_none_or(|next| key < next);
        let here: Writes = writes.iter().filter(|(key, _)| copied(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Err(error) = beside.apply(&here) {
            // The writer goes on; who compacts is told at the next step.
            self.failed = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::sled::SledIndex;

    fn all(index: &dyn Index) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            found.push((key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        };
        index.scan(&[], None, &mut visit).unwrap();
        found
    }

    /// Some of many keys, written or removed; values so large that a step is a few of them.
    fn writes() -> impl Strategy<Value = Writes> {
        let value = (any::<u8>(), 1..40_000_usize).prop_map(|(byte, length)| vec![byte; length]);
        prop::collection::btree_map(prop::collection::vec(0..6_u8, 1..3), prop::option::weighted(0.7, value), 0..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_new_files_hold_what_the_old_ones_did_whatever_is_written_meanwhile(
            before in prop::collection::vec(writes(), 1..4),
            meanwhile in prop::collection::vec(writes(), 0..12),
            after in writes(),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let place = directory.path().join("index");
            let index = SledIndex::open(&place, 1 << 20).unwrap();
            for writes in &before {
                index.apply(writes).unwrap();
            }
            let beside = index.beside().unwrap();
            let mut mirror = Mirror { beside, next: Some(Vec::new()), keys: 0, bytes: 0, failed: None };
            let mut write = meanwhile.into_iter();
            while !mirror.step(&index).unwrap() {
                let writes = write.next().unwrap_or_default();
                mirror.follow(&index, &writes);
                index.apply(&writes).unwrap();
            }
            let wanted = all(&index);
            index.swap_with(mirror.beside.take().unwrap()).unwrap();
            prop_assert_eq!(&all(&index), &wanted);
            prop_assert!(!directory.path().join("index.compact").exists());
            index.apply(&after).unwrap();
            index.checkpoint().unwrap();
            let wanted = all(&index);
            drop(index);
            prop_assert_eq!(all(&SledIndex::open(&place, 1 << 20).unwrap()), wanted, "also when it is opened again");
        }
    }

    #[test]
    fn dead_space_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let index = SledIndex::open(&directory.path().join("index"), 1 << 20).unwrap();
        for round in 0..40_u8 {
            let writes = (0..200_u8).map(|key| (vec![key], Some(vec![round; 4_000]))).collect();
            index.apply(&writes).unwrap();
            index.checkpoint().unwrap();
        }
        let before = index.disk_bytes().unwrap();
        let beside = index.beside().unwrap();
        let mut mirror = Mirror { beside, next: Some(Vec::new()), keys: 0, bytes: 0, failed: None };
        while !mirror.step(&index).unwrap() {}
        index.swap_with(mirror.beside.take().unwrap()).unwrap();
        let after = index.disk_bytes().unwrap();
        assert!(after < before / 2, "{before} bytes became {after}");
        assert_eq!(all(&index).len(), 200);
    }
}
