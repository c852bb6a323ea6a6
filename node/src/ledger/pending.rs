//! What the committer has decided but the index does not show yet: entries of the group
//! being made and of groups not yet applied. Without it, a submission that timed out and
//! was sent again into the same group would count twice.

use std::collections::{HashMap, VecDeque};

use wuji_proto::stored::RecordHead;
use wuji_proto::{RecordId, stored};

use crate::index::{IndexError, keys, values};
use crate::mistake::{Mistake, made};
use crate::store::Store;

/// Of a record, what decisions need.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its revision.
    pub revision: u32,
    /// It is voided.
    pub voided: bool,
    /// Keyed digest of its values.
    pub content: Vec<u8>,
    /// Its unique keys.
    pub unique: Vec<Vec<u8>>,
    /// Of its newest entry.
    pub sequence: u64,
    /// Of its newest entry, milliseconds since 1970.
    pub at_ms: i64,
}

impl From<RecordHead> for Known {
    fn from(head: RecordHead) -> Self {
        Self {
            revision: head.revision,
            voided: head.voided,
            content: head.content,
            unique: head.unique,
            sequence: head.sequence,
            at_ms: head.at_ms,
        }
    }
}

/// Decided changes over the index.
#[derive(Default)]
pub struct Pending {
    records: HashMap<Vec<u8>, Known>,
    unique: HashMap<Vec<u8>, (u64, Option<RecordId>)>,
    /// In the order of sequences: when the index has applied one, its keys are forgotten.
    order: VecDeque<(u64, Vec<u8>, Vec<Vec<u8>>)>,
}

impl Pending {
    /// What is known of a record.
    pub fn record(&self, store: &Store, ledger: &str, id: RecordId) -> Result<Option<Known>, IndexError> {
        let key = keys::record(ledger, id);
        if let Some(known) = self.records.get(&key).filter(|_| !made(Mistake::DecideByIndexAlone)) {
            return Ok(Some(known.clone()));
        }
        let stored = store.index().get(&key)?;
        stored.map(|bytes| values::decode::<stored::RecordHead>("a record", &bytes).map(Into::into)).transpose()
    }

    /// The live record that has a unique key.
    pub fn holder(&self, store: &Store, ledger: &str, unique: &[u8]) -> Result<Option<RecordId>, IndexError> {
        let key = keys::unique(ledger, unique);
        if let Some((_, holder)) = self.unique.get(&key) {
            return Ok(*holder);
        }
        let stored = store.index().get(&key)?;
        Ok(stored.and_then(|bytes| bytes.try_into().ok()).map(RecordId::from_bytes))
    }

    /// Notes what an entry will make of a record. `former` is what it replaces.
    pub fn note(&mut self, ledger: &str, id: RecordId, former: Option<&Known>, now: Known) {
        let sequence = now.sequence;
        let mut touched = Vec::new();
        for unique in former.iter().flat_map(|former| &former.unique) {
            touched.push((keys::unique(ledger, unique), None));
        }
        for unique in now.unique.iter().filter(|_| !now.voided) {
            touched.push((keys::unique(ledger, unique), Some(id)));
        }
        let key = keys::record(ledger, id);
        self.order.push_back((sequence, key.clone(), touched.iter().map(|(key, _)| key.clone()).collect()));
        for (key, holder) in touched {
            self.unique.insert(key, (sequence, holder));
        }
        self.records.insert(key, now);
    }

    /// Forgets what the index now shows.
    pub fn applied(&mut self, sequence: u64) {
        while self.order.front().is_some_and(|(at, ..)| *at <= sequence)
            && let Some((at, record, unique)) = self.order.pop_front()
        {
            if self.records.get(&record).is_some_and(|known| known.sequence == at) {
                self.records.remove(&record);
            }
            for key in unique {
                if self.unique.get(&key).is_some_and(|(noted, _)| *noted == at) {
                    self.unique.remove(&key);
                }
            }
        }
    }

    /// Forgets the entries after `sequence`, which were not written after all. What they
    /// had replaced is then read from the index, which must have applied `sequence`.
    pub fn undo_after(&mut self, sequence: u64) {
        self.records.retain(|_, known| known.sequence <= sequence);
        self.unique.retain(|_, (at, _)| *at <= sequence);
        self.order.retain(|(at, ..)| *at <= sequence);
    }
}
