//! That the simulation bites: rules of the product are left out, one at a time, and each must be
//! noticed within a few seeds. Each rule has its line in the design; here is what strikes it.

use wuji_node::mistake::Mistake;

use crate::faults::Fault;
use crate::play::{Plan, play};

/// Seeds that a mistake may outlive.
const SEEDS_MAX: u64 = 60;

/// Plays seeds until a mistake is noticed. Without the mistake the same seed breaks nothing.
fn noticed(mistake: Mistake, faults: &[Fault]) {
    for seed in 1..=SEEDS_MAX {
        let Err(broken) = play(&Plan::with(seed, Some(mistake), faults)).outcome else { continue };
        println!("{mistake:?}, seed {seed}: {broken}");
        assert_eq!(play(&Plan::with(seed, None, faults)).outcome, Ok(()), "seed {seed}, without a mistake");
        return;
    }
    panic!("{mistake:?} was not noticed within {SEEDS_MAX} seeds");
}

#[test]
fn an_acknowledgement_before_the_sync_is_noticed() {
    noticed(Mistake::AcknowledgeBeforeSync, &[Fault::Crash]);
}

#[test]
fn a_decision_by_the_index_alone_is_noticed() {
    noticed(Mistake::DecideByIndexAlone, &[]);
}

#[test]
fn a_watermark_apart_from_its_data_is_noticed() {
    noticed(Mistake::WatermarkApart, &[Fault::Crash]);
}

#[test]
fn an_ignored_epoch_is_noticed() {
    noticed(Mistake::IgnoreEpoch, &[Fault::Crash, Fault::Keep, Fault::RollBack]);
}

#[test]
fn digests_compared_away_from_complete_marks_are_noticed() {
    noticed(Mistake::CompareAnywhere, &[Fault::Partition]);
}

#[test]
fn a_forgotten_sequence_without_a_walk_is_noticed() {
    noticed(Mistake::NoResync, &[Fault::Forget]);
}

#[test]
fn a_watermark_without_the_newest_view_is_noticed() {
    noticed(Mistake::LowAlone, &[Fault::Forget]);
}

#[test]
fn differences_in_a_repair_are_noticed() {
    noticed(Mistake::DeltaInRepair, &[Fault::Harm]);
}

#[test]
fn a_walk_that_ends_at_the_head_is_noticed() {
    noticed(Mistake::WalkToTheHead, &[Fault::Crash, Fault::Slow]);
}

#[test]
fn publishing_before_the_children_have_sent_again_is_noticed() {
    noticed(Mistake::PublishEarly, &[Fault::Crash, Fault::Partition]);
}

#[test]
fn an_ignored_incarnation_is_noticed() {
    noticed(Mistake::IgnoreIncarnation, &[Fault::Replace]);
}

#[test]
fn an_amendment_that_subtracts_nothing_is_noticed() {
    noticed(Mistake::KeepAmended, &[]);
}

#[test]
fn frames_of_an_older_stream_are_noticed() {
    noticed(Mistake::NoFence, &[Fault::Overtake]);
}
