//! A tree of node states in one process, joined by a driver that speaks the protocol frame
//! by frame: whatever is written, cut, lost or rebuilt in between, after quiet every total
//! is a recount of all live records.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "convergence/audit.rs"]
mod audit;
#[path = "convergence/coming_back.rs"]
mod coming_back;
#[path = "convergence/snapshot.rs"]
mod snapshot;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use proptest::prelude::*;
use support::{Act, Federation};
use wuji_node::feed::exchange::{Admission, ChildJob};
use wuji_proto::Incarnation;

fn act() -> impl Strategy<Value = Act> {
    let leaf = 0..3_usize;
    let node = 0..6_usize;
    prop_oneof![
        6 => (leaf.clone(), any::<u8>()).prop_map(|(leaf, seed)| Act::Submit { leaf, seed }),
        2 => (leaf.clone(), any::<u8>(), any::<u8>()).prop_map(|(leaf, which, seed)| Act::Amend { leaf, which, seed }),
        1 => (leaf.clone(), any::<u8>()).prop_map(|(leaf, which)| Act::Void { leaf, which }),
        2 => leaf.clone().prop_map(|leaf| Act::Retry { leaf }),
        2 => (leaf.clone(), any::<u8>()).prop_map(|(leaf, seed)| Act::Zero { leaf, seed }),
        1 => Just(Act::NextDay),
        6 => (node.clone(), 0..12_usize).prop_map(|(node, frames)| Act::Push { node, frames }),
        2 => node.clone().prop_map(|node| Act::Cut { node }),
        1 => node.clone().prop_map(|node| Act::Restart { node }),
        1 => node.clone().prop_map(|node| Act::Crash { node }),
        1 => node.clone().prop_map(|node| Act::KeepIndex { node }),
        1 => node.clone().prop_map(|node| Act::OlderIndex { node }),
        1 => node.clone().prop_map(|node| Act::LoseIndex { node }),
        2 => node.clone().prop_map(|node| Act::Snapshot { node }),
        1 => node.clone().prop_map(|node| Act::OtherFormat { node }),
        1 => (node, any::<u8>()).prop_map(|(node, which)| Act::Decay { node, which }),
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
    for lost in [Act::LoseIndex { node: 1 }, Act::OtherFormat { node: 1 }, Act::Decay { node: 1, which: 0 }] {
        support::block_on(async {
            let mut federation = Federation::start().await;
            federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
            federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
            federation.settle().await;
            let total = federation.total();
            federation.act(lost.clone()).await;
            assert!(!federation.state(1).report.rebuilt.is_empty(), "{lost:?} is noticed at the next start");
            federation.act(Act::Push { node: 1, frames: 50 }).await;
            assert_eq!(federation.total(), total, "former values stand above while the township is rebuilt: {lost:?}");
            federation.settle().await;
            assert_eq!(federation.total(), total);
            federation.check();
        });
    }
}

#[test]
fn of_two_nodes_that_come_with_one_code_at_once_the_first_is_let_in() {
    support::block_on(async {
        let federation = Federation::start().await;
        let jobs = federation.state(1).child_jobs();
        let mut answers = Vec::new();
        for (stream, life) in [(1, 7), (2, 8), (3, 7)] {
            let (reply, answer) = tokio::sync::oneshot::channel();
            let opening = federation.opening(3, Incarnation::from_random([life; 16]));
            assert!(jobs.send(ChildJob::Open { opening, stream, reply }).await.is_ok());
            answers.push(answer);
        }
        let mut let_in = Vec::new();
        for answer in answers {
            let_in.push(matches!(answer.await.unwrap(), Admission::Welcome(_)));
        }
        assert_eq!(let_in, [true, false, true], "the first, not the second, and the first once more");
    });
}

#[test]
fn a_clock_that_jumps_by_years_and_back_does_not_carry_a_township_back() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.set_clock(1, "2030-03-01");
        federation.settle().await;
        federation.set_clock(1, "2026-11-20");
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.settle().await;
        federation.check();
        assert_eq!(federation.total(), 1, "its workrooms were let in on a day that has not come yet");
    });
}

/// Two workrooms of one township with five cases; the first comes back with an empty machine.
async fn replaced() -> Federation {
    let mut federation = Federation::start().await;
    for (leaf, seed) in [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5)] {
        federation.act(Act::Submit { leaf, seed }).await;
    }
    federation.settle().await;
    federation.replace_machine(3).await;
    federation.settle().await;
    assert!(federation.held(3).is_some_and(|why| why.contains("wuji child adopt")), "{:?}", federation.held(3));
    assert_eq!(federation.total(), 5, "what it had sent stands until an operator decides");
    federation
}

#[test]
fn a_replaced_workroom_goes_on_beside_its_history_if_the_operator_keeps_it() {
    support::block_on(async {
        let mut federation = replaced().await;
        assert!(federation.adopt(3, true).await.unwrap() > 0, "cells of its former life are in the journal");
        federation.act(Act::Submit { leaf: 0, seed: 6 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (6, 6));

        federation.act(Act::LoseIndex { node: 1 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (6, 6), "the journal alone has the history");
    });
}

#[test]
fn what_a_replaced_workroom_has_takes_the_place_of_its_history_if_the_operator_wants_that() {
    support::block_on(async {
        let mut federation = replaced().await;
        federation.adopt(3, false).await.unwrap();
        federation.act(Act::Submit { leaf: 0, seed: 6 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (3, 3));
        federation.check();
    });
}

#[test]
fn the_cells_of_a_held_workroom_outlive_its_parents_index() {
    support::block_on(async {
        let mut federation = replaced().await;
        federation.act(Act::LoseIndex { node: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 7 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (6, 5), "the township waits for its operator");
        federation.adopt(3, true).await.unwrap();
        federation.act(Act::Push { node: 1, frames: 500 }).await;
        assert_eq!((federation.total_of(1), federation.total()), (6, 6));
    });
}

#[test]
fn a_decision_that_would_count_twice_or_that_nobody_waits_for_is_refused() {
    support::block_on(async {
        let mut federation = replaced().await;
        assert!(federation.adopt(4, false).await.is_err(), "its journal is the accepted one");
        federation.replace_machine(1).await;
        federation.settle().await;
        let refused = federation.adopt(1, true).await.unwrap_err().to_string();
        assert!(refused.contains("children of its own") && refused.contains("--replace"), "{refused}");
    });
}
