//! Which items changed since a sequence, in the order of changes.
//!
//! The list is kept in memory only: an item's sequence is stored with the item, so a list
//! that is gone, or has dropped its oldest part, is made again by one pass over the items.
//! Storing it would double the writes of every change.

use std::collections::BTreeMap;

use wuji_proto::Sequence;

/// The longest list of changes kept in memory. More changes than this are not sent in
/// their order but by a walk over all keys, so memory stays bounded.
pub const CHANGES_MAX: usize = 128 * 1024;

/// The newest change of each item changed after `floor`.
#[derive(Debug, Default)]
pub struct Changes {
    by_sequence: BTreeMap<Sequence, Vec<u8>>,
    floor: Sequence,
}

impl Changes {
    /// An empty list that knows of every change after `floor`, namely none.
    pub fn after(floor: Sequence) -> Self {
        Self { by_sequence: BTreeMap::new(), floor }
    }

    /// An item has a newer sequence.
    pub fn moved(&mut self, key: Vec<u8>, former: Option<Sequence>, now: Sequence) {
        if let Some(former) = former {
            self.by_sequence.remove(&former);
        }
        self.by_sequence.insert(now, key);
        if self.by_sequence.len() > CHANGES_MAX
            && let Some((oldest, _)) = self.by_sequence.pop_first()
        {
            self.floor = oldest;
        }
    }

    /// Changes after `after`, the oldest first; `None` if the list does not reach so far back.
    pub fn since(&self, after: Sequence) -> Option<impl Iterator<Item = (Sequence, &[u8])>> {
        (after >= self.floor)
            .then(|| self.by_sequence.range(after.next()..).map(|(sequence, key)| (*sequence, key.as_slice())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_list_names_each_changed_item_once_at_its_newest_change(keys in prop::collection::vec(0..6_u8, 0..60), after in 0..60_u64) {
            let at = |number| Sequence { start: 1, number };
            let mut changes = Changes::after(at(0));
            let mut newest = BTreeMap::new();
            for (number, key) in (1..).zip(&keys) {
                changes.moved(vec![*key], newest.insert(*key, at(number)), at(number));
            }
            let listed: Vec<_> = changes.since(at(after)).unwrap().map(|(sequence, key)| (sequence, key[0])).collect();
            let mut wanted: Vec<_> = newest.into_iter().map(|(key, sequence)| (sequence, key)).filter(|(s, _)| *s > at(after)).collect();
            wanted.sort_unstable();
            prop_assert_eq!(listed, wanted);
        }
    }

    #[test]
    fn a_full_list_forgets_its_oldest_part_and_says_so() {
        let at = |number| Sequence { start: 1, number };
        let mut changes = Changes::after(at(0));
        for number in 1..=CHANGES_MAX as u64 + 5 {
            changes.moved(number.to_be_bytes().to_vec(), None, at(number));
        }
        assert!(changes.since(at(4)).is_none());
        assert_eq!(changes.since(at(5)).unwrap().count(), CHANGES_MAX);
    }
}
