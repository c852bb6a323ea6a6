//! Writes being gathered for one batch, readable before they are applied: every entry and
//! every child's frame of a group sees what the ones before it did.

use std::ops::ControlFlow;

use prost::Message;

use super::{Index, IndexError, Pair, Writes, values};

/// An index with unapplied writes over it.
pub struct Draft<'a> {
    index: &'a dyn Index,
    writes: Writes,
}

impl<'a> Draft<'a> {
    /// Nothing written yet.
    pub fn new(index: &'a dyn Index) -> Self {
        Self { index, writes: Writes::new() }
    }

    /// The index without what was written here.
    pub const fn index(&self) -> &'a dyn Index {
        self.index
    }

    /// The value under a key, as written here or else in the index.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.index.get(key),
        }
    }

    /// A stored message.
    pub fn message<M: Message + Default>(&self, what: &str, key: &[u8]) -> Result<Option<M>, IndexError> {
        self.get(key)?.map(|bytes| values::decode(what, &bytes)).transpose()
    }

    /// Writes a value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Removes a key.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// All keys and values from `from` up to and without `to`, as written here or else in the index.
    pub fn range(&self, from: &[u8], to: Option<&[u8]>) -> Result<Vec<Pair>, IndexError> {
        let mut found = std::collections::BTreeMap::new();
        self.index.scan(from, to, &mut |key, value| {
            found.insert(key.to_vec(), value.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        let written = self.writes.range::<[u8], _>((
            std::ops::Bound::Included(from),
            to.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded),
        ));
        for (key, value) in written {
            match value {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        Ok(found.into_iter().collect())
    }

    /// Visits what [`range`](Self::range) gathers, in no order and without gathering it.
    pub fn each(&self, from: &[u8], to: Option<&[u8]>, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), IndexError> {
        self.index.scan(from, to, &mut |key, value| {
            if !self.writes.contains_key(key) {
                visit(key, value);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let inside = |key: &[u8]| to.is_none_or(|to| key < to);
        let written = self.writes.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded));
        for (key, value) in written.take_while(|(key, _)| inside(key)) {
            if let Some(value) = value {
                visit(key, value);
            }
        }
        Ok(())
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The writes, to be applied as one batch.
    pub fn into_writes(self) -> Writes {
        self.writes
    }
}
