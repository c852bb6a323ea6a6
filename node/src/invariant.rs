//! What must always hold 不变式: the numbers are those of "Invariants" in ARCHITECTURE.md. The
//! product's `debug_assert!`s, property tests and the simulation ask the same functions. The
//! others are no question to one store: 3 and 8 compare a federation with what was written, and
//! 9 is what the named limits are for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

use wuji_proto::{CellKey, Digest, DivisionCode, Incarnation, ItemKey, Sequence};

use crate::feed::child::Child;
use crate::feed::group::{FeedHead, Group};
use crate::feed::item::{ItemHasher, ItemValue};
use crate::index::keys::{self, Link};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError};
use crate::snapshot::digests::{self, Digests};
use crate::statistics::rollup;

/// 2: the index shows no entry that the journal does not have.
pub const fn index_follows(applied: u64, journal: u64) -> bool {
    applied <= journal
}

/// 4: new sequences lie behind all former ones.
pub fn sequences_rise(former: Sequence, now: Sequence) -> bool {
    former <= now
}

/// 5: a parent continues nowhere, and no walk began, beyond the newest view of its child.
pub fn marks_in_order(child: &Child) -> bool {
    let began = child.walk.as_ref().and_then(|walk| walk.began);
    child.low.at <= child.high.at && began.is_none_or(|began| began.at <= child.high.at)
}

/// 4: no sequence names two values, as far as they have been seen.
#[derive(Default)]
pub struct Sequences {
    seen: BTreeMap<(Incarnation, u64, Sequence), Vec<u8>>,
}

impl Sequences {
    /// Whether this is what the sequence has always named: in one life, in the start with this
    /// epoch, an item's key and its value.
    pub fn agree(&mut self, life: Incarnation, epoch: u64, at: Sequence, item: &[u8], value: &[u8]) -> bool {
        let named = [item, value].concat();
        match self.seen.entry((life, epoch, at)) {
            Entry::Vacant(place) => {
                place.insert(named);
                true
            }
            Entry::Occupied(before) => *before.get() == named,
        }
    }
}

/// 3, within one node: the totals that are not the sum of their parts.
pub fn false_totals(index: &dyn Index, own: DivisionCode) -> Result<Vec<CellKey>, IndexError> {
    if !own.tier().has_children() {
        return Ok(Vec::new());
    }
    let mut totals = Vec::new();
    let prefix = keys::items();
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let item = keys::parse_item(key).and_then(|item| ItemKey::from_bytes(item).ok());
        if let (Some(ItemKey::Cell(cell)), ItemValue::Amount(amount)) = (item, OwnItem::from_bytes(value)?.value) {
            totals.push((cell, amount));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let hasher = ItemHasher::new(own, Incarnation::from_random([0; 16]));
    let group = Group::new(index, own, FeedHead::default(), &hasher);
    let children = rollup::children(&group)?;
    let mut wrong = Vec::new();
    for (cell, amount) in totals {
        if rollup::sum_of_parts(&group, &children, &cell)? != amount {
            wrong.push(cell);
        }
    }
    Ok(wrong)
}

/// 5: the stored digests are those of the stored items.
pub fn digests_are_of_items(index: &dyn Index, own: &ItemHasher, feed: Digest) -> Result<(), IndexError> {
    let mut digests = Digests::new(own.clone(), digests::held(index)?);
    index.scan(&keys::items(), None, &mut |key, value| {
        digests.add(key, value)?;
        Ok(ControlFlow::Continue(()))
    })?;
    digests.compare(feed)
}

/// 5: a parent's copy is what its child has. To be asked at a complete mark with equal digests.
pub fn copy_is_equal(parent: &dyn Index, code: DivisionCode, child: &dyn Index) -> Result<bool, IndexError> {
    let (mut held, mut own) = (BTreeMap::new(), BTreeMap::new());
    let prefix = keys::held_by(Link::Unit(code));
    parent.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let item = keys::parse_held(key).unwrap_or_default();
        held.insert(item.to_vec(), HeldItem::value_bytes(value).to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    let prefix = keys::items();
    child.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let item = keys::parse_item(key).unwrap_or_default();
        own.insert(item.to_vec(), OwnItem::split(value)?.1.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(held == own)
}

/// 7: a value that is sealed is in no key and no value of an index.
pub fn tells_nothing_of(index: &dyn Index, sealed: &str) -> Result<bool, IndexError> {
    let contains = |bytes: &[u8]| bytes.windows(sealed.len()).any(|part| part == sealed.as_bytes());
    let mut told = false;
    index.scan(&[], None, &mut |key, value| {
        told = contains(key) || contains(value);
        Ok(if told { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(!told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::memory::MemoryIndex;

    fn at(start: u32, number: u64) -> wuji_proto::Watermark {
        wuji_proto::Watermark { at: Sequence { start, number }, epoch: 1 }
    }

    #[test]
    fn marks_are_in_order_only_up_to_the_newest_view() {
        let child = |low, high| Child { low, high, ..Child::default() };
        assert!(marks_in_order(&child(at(1, 5), at(1, 5))));
        assert!(!marks_in_order(&child(at(2, 1), at(1, 5))));
        let walk = crate::feed::child::Walk { next_key: Vec::new(), began: Some(at(1, 6)) };
        assert!(!marks_in_order(&Child { walk: Some(walk), ..child(at(0, 0), at(1, 5)) }));
    }

    #[test]
    fn a_sequence_that_names_another_value_does_not_agree() {
        let (mut sequences, life) = (Sequences::default(), Incarnation::from_random([1; 16]));
        let mut agree = |epoch, value: &[u8]| sequences.agree(life, epoch, at(1, 1).at, b"item", value);
        assert!(agree(7, b"1") && agree(7, b"1") && agree(8, b"2"));
        assert!(!agree(7, b"2"));
    }

    #[test]
    fn a_sealed_value_is_found_wherever_it_is() {
        let index = MemoryIndex::default();
        index.apply(&[(vec![1], Some("前王调解员后".into()))].into()).unwrap();
        assert!(!tells_nothing_of(&index, "王调解员").unwrap());
        assert!(tells_nothing_of(&index, "张调解员").unwrap());
    }
}
