//! Units that go back in time, end, or do not come back: nothing counts twice in silence, and
//! nothing that was acknowledged disappears in silence.

use proptest::prelude::*;
use wuji_proto::period;

use super::support::{self, Act, Federation};

fn act() -> impl Strategy<Value = Act> {
    let node = 1..6_usize;
    prop_oneof![
        10 => super::act(),
        2 => node.clone().prop_map(|node| Act::KeepDisk { node }),
        2 => node.prop_map(|node| Act::RollBack { node }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn after_quiet_and_settlement_every_total_is_a_recount(acts in prop::collection::vec(act(), 1..60)) {
        support::block_on(async {
            let mut federation = Federation::start().await;
            for act in acts {
                federation.act(act).await;
            }
            federation.put_right().await;
            federation.settle().await;
            federation.check();
        });
    }
}

/// A workroom with five cases of which a backup has two.
async fn rolled_back() -> Federation {
    let mut federation = Federation::start().await;
    for act in [
        Act::Submit { leaf: 0, seed: 1 },
        Act::Submit { leaf: 0, seed: 2 },
        Act::KeepDisk { node: 3 },
        Act::Submit { leaf: 0, seed: 3 },
        Act::Submit { leaf: 0, seed: 4 },
        Act::Submit { leaf: 0, seed: 5 },
    ] {
        federation.act(act).await;
    }
    federation.settle().await;
    assert_eq!(federation.total(), 5);
    federation.act(Act::RollBack { node: 3 }).await;
    federation.settle().await;
    federation
}

#[test]
fn a_disk_that_went_back_pushes_nothing_until_its_loss_is_accepted() {
    support::block_on(async {
        let mut federation = rolled_back().await;
        assert_eq!(federation.held(3), Some("the journal went back"));
        federation.act(Act::Restart { node: 3 }).await;
        federation.settle().await;
        assert_eq!(federation.held(3), Some("the journal went back"), "a start alone changes nothing");
        assert_eq!(federation.total(), 5);
        federation.accept_loss(3).await;
        federation.settle().await;
        let held = federation.held(3).unwrap();
        assert!(held.contains("went back in time") && held.contains("wuji child adopt 371122101201"), "{held}");
        assert!(!held.contains("--keep-history"), "{held}");
        let refused = federation.adopt(3, true).await.unwrap_err().to_string();
        assert!(refused.contains("entries of its former life"), "{refused}");
    });
}

#[test]
fn what_a_restored_workroom_lost_counts_on_until_it_is_settled() {
    support::block_on(async {
        let mut federation = rolled_back().await;
        federation.accept_loss(3).await;
        federation.act(Act::Submit { leaf: 0, seed: 6 }).await;
        federation.settle().await;
        assert_eq!(federation.total(), 5, "nothing is taken before an operator decides");

        let adoption = federation.take_back(3).await.unwrap();
        assert!(adoption.unsettled > 0 && !adoption.unknown, "{adoption:?}");
        federation.settle().await;
        assert_eq!(federation.total(), 6, "two from the backup, three that were lost, one new");
        federation.act(Act::LoseIndex { node: 1 }).await;
        federation.act(Act::LoseIndex { node: 0 }).await;
        federation.settle().await;
        assert_eq!(federation.total(), 6, "the township's journal names what is unsettled");

        federation.act(Act::Submit { leaf: 0, seed: 3 }).await;
        assert_eq!(federation.settle_child(3).await.unwrap(), adoption.unsettled);
        federation.settle().await;
        assert_eq!(federation.total(), 4);
        federation.check();
        let refused = federation.settle_child(3).await.unwrap_err().to_string();
        assert!(refused.contains("nothing of 371122101201 is unsettled"), "{refused}");
    });
}

#[test]
fn a_parent_that_lost_its_index_too_says_that_it_does_not_know_what_was_lost() {
    support::block_on(async {
        let mut federation = rolled_back().await;
        federation.accept_loss(3).await;
        federation.act(Act::LoseIndex { node: 1 }).await;
        federation.settle().await;
        let held = federation.held(3).unwrap();
        assert!(!held.contains("--keep-history"), "its first start is in the township's journal: {held}");
        let adoption = federation.take_back(3).await.unwrap();
        assert!(adoption.unknown && adoption.unsettled == 0, "{adoption:?}");
        assert!(federation.child(3).unsettled.unwrap().unknown);
        federation.settle().await;
        assert_eq!(federation.total(), 2);
    });
}

#[test]
fn a_restored_township_names_its_own_loss_as_unknown_and_takes_its_workrooms_in_again() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.settle().await;
        federation.act(Act::KeepDisk { node: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        federation.act(Act::NextDay).await;
        federation.settle().await;
        federation.act(Act::RollBack { node: 1 }).await;
        federation.settle().await;
        assert_eq!((federation.held(1), federation.total()), (Some("the journal went back"), 2));
        federation.accept_loss(1).await;
        federation.settle().await;
        assert!(federation.take_back(1).await.unwrap().unknown);
        federation.settle().await;
        assert_eq!(federation.total(), 2, "its workrooms have everything");
    });
}

#[test]
fn a_township_that_comes_back_empty_is_told_of_its_workrooms_and_waits_for_them() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        federation.settle().await;
        federation.silence(4);
        federation.replace_machine(1).await;
        federation.settle().await;
        assert!(federation.held(3).is_some_and(|why| why.contains("not planned")), "{:?}", federation.held(3));
        federation.take_back(1).await.unwrap();
        federation.act(Act::Cut { node: 1 }).await;
        federation.act(Act::Cut { node: 3 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (1, 2), "the other workroom has not sent again");
        let held = federation.state(1).store.view().state.holding.clone().unwrap();
        assert!(held.contains("taken in again") && held.contains("371122101202"), "{held}");
        federation.unsilence(4);
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (2, 2));
        assert!(federation.settle_child(1).await.is_err(), "an empty journal lost nothing that it shares");
    });
}

#[test]
fn a_parent_that_lacks_what_a_child_had_sent_waits_for_the_life_that_was_adopted_instead() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 1, seed: 1 }).await;
        federation.settle().await;
        federation.act(Act::KeepIndex { node: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        federation.settle().await;
        federation.replace_machine(4).await;
        federation.act(Act::OlderIndex { node: 1 }).await;
        federation.act(Act::Push { node: 3, frames: 50 }).await;
        federation.act(Act::Push { node: 4, frames: 50 }).await;
        federation.silence(4);
        federation.take_back(4).await.unwrap();
        federation.settle().await;
        assert!(federation.state(1).store.view().state.holding.is_some(), "the new life has not sent yet");
        assert_eq!(federation.total(), 2, "the former figures stand above");
        federation.unsilence(4);
        federation.act(Act::Cut { node: 4 }).await;
        federation.settle().await;
        assert_eq!(federation.total(), 0);
        federation.check();
    });
}

#[test]
fn what_an_index_lost_in_a_crash_is_kept_from_the_journal_when_history_is_kept() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.settle().await;
        federation.act(Act::KeepIndex { node: 1 }).await;
        federation.act(Act::Submit { leaf: 0, seed: 2 }).await;
        federation.settle().await;
        federation.replace_machine(3).await;
        federation.settle().await;
        federation.adopt(3, true).await.unwrap();
        // The index goes back to before the second case came; the workroom has neither.
        federation.act(Act::OlderIndex { node: 1 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (2, 2));
    });
}

#[test]
fn an_absent_workroom_is_released_by_name_and_its_parent_goes_on() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        federation.settle().await;
        let refused = federation.release(3).await.unwrap_err().to_string();
        assert!(refused.contains("nothing waits"), "{refused}");
        federation.silence(3);
        federation.act(Act::LoseIndex { node: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 3 }).await;
        federation.settle().await;
        assert_eq!((federation.total_of(1), federation.total()), (2, 2), "the township waits for both");
        federation.release(3).await.unwrap();
        federation.settle().await;
        assert_eq!(federation.total(), 2, "without the one that was released");
        federation.unsilence(3);
        federation.settle().await;
        assert_eq!(federation.total(), 3, "until it comes back");
        federation.check();
    });
}

#[test]
fn a_unit_that_has_ended_keeps_its_figures_and_is_let_in_no_more() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.act(Act::Submit { leaf: 0, seed: 1 }).await;
        federation.act(Act::Submit { leaf: 1, seed: 2 }).await;
        let from = period::days("2026-12-01".parse().unwrap());
        federation.settle().await;
        federation.act(Act::LoseIndex { node: 1 }).await;
        let early = federation.retire(3, from).await.unwrap_err().to_string();
        assert!(early.contains("may lack what it sent last") && early.contains("wuji child release"), "{early}");
        federation.settle().await;
        let live = federation.retire(1, from).await.unwrap_err().to_string();
        assert!(live.contains("below it has not ended"), "{live}");

        federation.act(Act::KeepIndex { node: 1 }).await;
        assert!(federation.retire(3, from).await.unwrap().1 > 0);
        assert_eq!(federation.retire(3, from).await.unwrap(), (true, 0), "the same again changes nothing");
        federation.act(Act::Submit { leaf: 0, seed: 3 }).await;
        federation.act(Act::Cut { node: 3 }).await;
        federation.settle().await;
        assert!(federation.held(3).unwrap().contains("was retired"), "{:?}", federation.held(3));
        assert_eq!((federation.total_of(1), federation.total()), (2, 2));
        for lost in [Act::OlderIndex { node: 1 }, Act::LoseIndex { node: 1 }] {
            federation.act(lost.clone()).await;
            federation.settle().await;
            assert_eq!((federation.total_of(1), federation.total()), (2, 2), "{lost:?}");
            assert!(federation.state(1).store.view().state.holding.is_none(), "nobody waits for it: {lost:?}");
        }
        federation.register(3).await;
        federation.act(Act::Cut { node: 3 }).await;
        federation.settle().await;
        assert_eq!(federation.total(), 3, "registered again it goes on where it was");
        federation.check();
    });
}
