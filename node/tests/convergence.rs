//! A tree of node states in one process, joined by a driver that speaks the protocol frame
//! by frame: whatever is written, cut, lost or rebuilt in between, after quiet every total
//! is a recount of all live records.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use proptest::prelude::*;
use support::{Act, Federation};

fn act() -> impl Strategy<Value = Act> {
    let leaf = 0..3_usize;
    let node = 0..6_usize;
    prop_oneof![
        6 => (leaf.clone(), any::<u8>()).prop_map(|(leaf, seed)| Act::Submit { leaf, seed }),
        2 => (leaf.clone(), any::<u8>(), any::<u8>()).prop_map(|(leaf, which, seed)| Act::Amend { leaf, which, seed }),
        1 => (leaf, any::<u8>()).prop_map(|(leaf, which)| Act::Void { leaf, which }),
        6 => (node.clone(), 0..12_usize).prop_map(|(node, frames)| Act::Push { node, frames }),
        2 => node.clone().prop_map(|node| Act::Cut { node }),
        1 => node.clone().prop_map(|node| Act::Restart { node }),
        1 => node.clone().prop_map(|node| Act::Crash { node }),
        1 => node.clone().prop_map(|node| Act::KeepIndex { node }),
        1 => node.clone().prop_map(|node| Act::OlderIndex { node }),
        1 => node.prop_map(|node| Act::LoseIndex { node }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn after_quiet_every_total_is_a_recount(acts in prop::collection::vec(act(), 1..60)) {
        support::block_on(async {
            let mut federation = Federation::start().await;
            for act in acts {
                federation.act(act).await;
            }
            federation.settle().await;
            federation.check();
        });
    }
}

#[test]
fn a_child_that_was_away_sends_each_changed_cell_once() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.settle().await;
        let before = federation.items_sent(3);
        for _ in 0..20 {
            federation.act(Act::Submit { leaf: 0, seed: 7 }).await;
        }
        let changed = federation.changed_since_acknowledged(3);
        federation.settle().await;
        federation.check();
        assert!(changed > 0);
        assert_eq!(
            federation.items_sent(3) - before,
            changed,
            "each changed item is sent once, however often it changed"
        );
    });
}

#[test]
fn a_parent_whose_index_was_lost_holds_back_until_its_children_have_sent_again() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        federation.settle().await;
        let total = federation.total();
        federation.act(Act::LoseIndex { node: 1 }).await;
        federation.act(Act::Push { node: 1, frames: 50 }).await;
        assert_eq!(federation.total(), total, "former values stand above while the township is rebuilt");
        federation.settle().await;
        assert_eq!(federation.total(), total);
        federation.check();
    });
}
