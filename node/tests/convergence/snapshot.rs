//! An index that was lost begins with the newest snapshot that fits.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use wuji_node::feed::item::ItemValue;
use wuji_node::index::keys;
use wuji_node::index::values::{HeldItem, OwnItem};

use super::support::{self, Act, Federation};

/// What an index says, without when its items last changed and how far its children are: an
/// index that is built anew gives its items new sequences.
fn said(federation: &Federation, node: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let view = federation.state(node).store.view();
    let mut said = BTreeMap::new();
    let children = [keys::children(), vec![0x32], keys::starts(), keys::head()];
    let scan = view.index.scan(&[], None, &mut |key, value| {
        let value = match keys::parse_item(key) {
            Some(_) => OwnItem::from_bytes(value)?.value.to_bytes(),
            None if keys::parse_held_by(key).is_some() => HeldItem::from_bytes(value)?.value.to_bytes(),
            None => value.to_vec(),
        };
        // A cell, or the count of a day, that came back to nothing says as much as none.
        let nothing = value == ItemValue::Amount(0).to_bytes() || value == [0; 8];
        if !nothing && !children.iter().any(|prefix| key.starts_with(prefix)) {
            said.insert(key.to_vec(), value);
        }
        Ok(ControlFlow::Continue(()))
    });
    scan.unwrap();
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_index_from_a_snapshot_equals_one_from_the_journal(
        before in prop::collection::vec(super::act(), 1..20),
        after in prop::collection::vec(super::act(), 0..20),
        node in 0..6_usize,
    ) {
        support::block_on(async {
            let mut federation = Federation::start().await;
            for act in before {
                federation.act(act).await;
            }
            federation.act(Act::Snapshot { node }).await;
            for act in after {
                federation.act(act).await;
            }
            federation.settle().await;

            federation.act(Act::LoseIndex { node }).await;
            let rebuilt = federation.state(node).report.rebuilt.clone();
            assert!(rebuilt.contains("began with the snapshot"), "{rebuilt}");
            federation.settle().await;
            federation.check();
            let from_snapshot = said(&federation, node);

            federation.lose_snapshots(node);
            federation.act(Act::LoseIndex { node }).await;
            federation.settle().await;
            let from_journal = said(&federation, node);
            let differ = from_snapshot.iter().filter(|(key, value)| from_journal.get(*key) != Some(value));
            assert_eq!(differ.map(|(key, _)| key).collect::<Vec<_>>(), Vec::<&Vec<u8>>::new());
            assert_eq!(from_journal.len(), from_snapshot.len());
        });
    }
}

#[test]
fn a_parent_that_comes_back_from_a_snapshot_holds_back_until_its_children_are_complete() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.settle().await;
        federation.act(Act::Snapshot { node: 1 }).await;
        federation.act(Act::Submit { leaf: 0, seed: 2 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 3 }).await;
        federation.settle().await;
        let total = federation.total();
        let sent = federation.items_sent(3);
        federation.act(Act::LoseIndex { node: 1 }).await;
        assert_eq!(federation.total_of(1), 1, "the township knows what the snapshot had");
        federation.act(Act::Push { node: 1, frames: 50 }).await;
        assert_eq!(federation.total(), total, "former values stand above meanwhile");
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (3, total));
        federation.check();
        let again = federation.items_sent(3) - sent;
        assert!(again > 0 && again < sent, "{again} of {sent} items were sent again, from the snapshot's watermark on");
    });
}

#[test]
fn of_two_snapshots_the_newest_that_is_whole_and_fits_is_taken() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.act(Act::Snapshot { node: 3 }).await;
        let first = federation.state(3).snapshots.newest().unwrap();
        federation.act(Act::Submit { leaf: 0, seed: 2 }).await;
        federation.act(Act::Snapshot { node: 3 }).await;
        let second = federation.state(3).snapshots.newest().unwrap();
        assert!(second.index.applied > first.index.applied);

        let file = federation.state(3).snapshots.path(&second);
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        federation.act(Act::LoseIndex { node: 3 }).await;
        let why = federation.state(3).report.rebuilt.clone();
        assert!(why.ends_with(&format!("the snapshot of entry {}", first.index.applied)), "{why}");
        federation.settle().await;
        federation.check();
    });
}

#[test]
fn a_restored_child_is_held_until_its_parent_adopts_it() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        federation.settle().await;
        let backup = federation.backup(3).await;
        federation.act(Act::Submit { leaf: 0, seed: 3 }).await;
        federation.settle().await;
        assert_eq!(federation.total(), 3);

        federation.restore(3, &backup).await;
        federation.settle().await;
        assert!(federation.held(3).is_some_and(|why| why.contains("wuji child adopt")), "{:?}", federation.held(3));
        assert_eq!(federation.total(), 3, "what it had sent stands until an operator decides");
        federation.adopt(3, false).await.unwrap();
        federation.settle().await;
        assert_eq!(federation.total_of(3), 1);
    });
}
