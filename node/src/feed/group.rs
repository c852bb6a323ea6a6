//! One batch of the index: what journal entries and children's frames change, gathered so
//! that totals, the feed, watermarks and the journal mark move together or not at all.
//!
//! Amounts added to a total wait until the group is finished: a thousand entries of one
//! day become one change of one item.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use wuji_proto::{AMOUNT_MAX, CellKey, Digest, DivisionCode, ItemKey, Sequence, v1};

use super::item::{ItemHasher, ItemValue};
use crate::index::draft::Draft;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, Writes, keys};

/// Where the own feed stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedHead {
    /// The newest sequence.
    pub at: Sequence,
    /// Digest of all items.
    pub digest: Digest,
}

/// What a finished group did to the own feed: an item's key, its former and its new sequence.
pub struct Moved {
    /// The item.
    pub key: Vec<u8>,
    /// When it changed before; `None`: it is new.
    pub former: Option<Sequence>,
    /// When it changed now.
    pub now: Sequence,
    /// What it says now.
    pub change: Change,
}

/// How an item's value changed.
pub enum Change {
    /// A cell.
    Amount {
        /// 0 where there was none.
        before: i64,
        /// Its amount now.
        now: i64,
    },
    /// A directory entry, as it is now.
    Unit(v1::UnitEntry),
}

impl Change {
    fn of(former: Option<&ItemValue>, value: &ItemValue) -> Self {
        match value {
            ItemValue::Amount(now) => {
                let before = if let Some(ItemValue::Amount(before)) = former { *before } else { 0 };
                Self::Amount { before, now: *now }
            }
            ItemValue::Unit(entry) => Self::Unit(entry.clone()),
        }
    }
}

/// An own total that the group changes.
struct Total {
    /// As stored before the group.
    former: Option<(Sequence, i64)>,
    amount: i64,
}

/// A batch being made.
pub struct Group<'a> {
    /// The index with what the group has written so far.
    pub draft: Draft<'a>,
    /// This unit.
    pub own: DivisionCode,
    head: FeedHead,
    hasher: &'a ItemHasher,
    totals: BTreeMap<Vec<u8>, Total>,
    moved: Vec<Moved>,
}

impl<'a> Group<'a> {
    /// An empty group over the index. `head` is where the feed stands, in the current start.
    pub fn new(index: &'a dyn Index, own: DivisionCode, head: FeedHead, hasher: &'a ItemHasher) -> Self {
        Self { draft: Draft::new(index), own, head, hasher, totals: BTreeMap::new(), moved: Vec::new() }
    }

    /// Adds to an own total.
    pub fn add(&mut self, cell: &CellKey, amount: i64) -> Result<(), IndexError> {
        if amount != 0 {
            let total = self.pending(cell.to_bytes())?;
            total.amount = total.amount.saturating_add(amount);
        }
        Ok(())
    }

    /// Sets an own total to the sum of its parts, whatever was added to it before.
    pub fn set(&mut self, cell: &CellKey, amount: i64) -> Result<(), IndexError> {
        self.pending(cell.to_bytes())?.amount = amount;
        Ok(())
    }

    /// What an own total will be, with everything that the group has added so far.
    pub fn total(&mut self, cell: &CellKey) -> Result<i64, IndexError> {
        Ok(self.pending(cell.to_bytes())?.amount)
    }

    fn pending(&mut self, cell: Vec<u8>) -> Result<&mut Total, IndexError> {
        match self.totals.entry(cell) {
            Entry::Occupied(total) => Ok(total.into_mut()),
            Entry::Vacant(place) => {
                let stored = self.draft.get(&keys::item(place.key()))?;
                let former = match stored.map(|bytes| OwnItem::from_bytes(&bytes)).transpose()? {
                    Some(OwnItem { sequence, value: ItemValue::Amount(amount) }) => Some((sequence, amount)),
                    _ => None,
                };
                Ok(place.insert(Total { former, amount: former.map_or(0, |(_, amount)| amount) }))
            }
        }
    }

    /// Gives a directory entry a value in the own feed.
    pub fn publish_unit(&mut self, code: DivisionCode, entry: v1::UnitEntry) -> Result<(), IndexError> {
        let item = ItemKey::Unit(code).to_bytes();
        let stored = self.draft.get(&keys::item(&item))?.map(|bytes| OwnItem::from_bytes(&bytes)).transpose()?;
        let value = ItemValue::Unit(entry);
        match stored {
            Some(stored) if stored.value == value => {}
            stored => self.publish(item, stored.map(|stored| (stored.sequence, stored.value)), &value),
        }
        Ok(())
    }

    /// Gives an item the next sequence.
    fn publish(&mut self, item: Vec<u8>, former: Option<(Sequence, ItemValue)>, value: &ItemValue) {
        if let Some((_, before)) = &former {
            self.head.digest = self.head.digest.without(self.hasher.hash(&item, &before.to_bytes()));
        }
        self.head.digest = self.head.digest.with(self.hasher.hash(&item, &value.to_bytes()));
        self.head.at = self.head.at.next();
        let own = OwnItem { sequence: self.head.at, value: value.clone() };
        self.draft.put(keys::item(&item), own.to_bytes());
        let change = Change::of(former.as_ref().map(|(_, before)| before), value);
        self.moved.push(Moved { key: item, former: former.map(|(sequence, _)| sequence), now: self.head.at, change });
    }

    /// Puts the feed's digest right by what it was found to differ from its items: the error
    /// of a digest that is kept up by differences stays the same whatever changes.
    pub fn mend_digest(&mut self, stored: Digest, counted: Digest) {
        self.head.digest = self.head.digest.mended(stored, counted);
    }

    /// Publishes the totals that changed; the feed's head is then where the group leaves it.
    pub fn settle(&mut self) -> FeedHead {
        for (cell, total) in std::mem::take(&mut self.totals) {
            // Only forged or absurd entries get beyond the limit; neighbours would refuse them.
            let value = ItemValue::Amount(total.amount.clamp(-AMOUNT_MAX, AMOUNT_MAX));
            let former = total.former.map(|(sequence, amount)| (sequence, ItemValue::Amount(amount)));
            let unchanged = former.as_ref().map_or(total.amount == 0, |(_, before)| *before == value);
            if !unchanged {
                self.publish(cell, former, &value);
            }
        }
        self.head
    }

    /// The writes and what moved in the feed. To be called after [`settle`](Self::settle).
    pub fn finish(self) -> (Writes, Vec<Moved>) {
        (self.draft.into_writes(), self.moved)
    }
}
