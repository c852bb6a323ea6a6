//! Audits of nodes at work: they find all damage, they find nothing else, and what they repair
//! is right again.

use std::cell::Cell;
use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::mpsc;
use wuji_node::audit::listener::Listener;
use wuji_node::audit::pass::Options;
use wuji_proto::v1::audit_reply::Part;

use crate::support::audits::SLOW;
use crate::support::{self, Act, Federation, Harm};

const COUNTY: usize = 0;
const TOWNSHIP: usize = 1;
const WORKROOM: usize = 3;

fn work() -> impl Strategy<Value = Act> {
    let (leaf, node) = (0..3_usize, 0..6_usize);
    prop_oneof![
        6 => (leaf.clone(), any::<u8>()).prop_map(|(leaf, seed)| Act::Submit { leaf, seed }),
        3 => (leaf.clone(), any::<u8>(), any::<u8>()).prop_map(|(leaf, which, seed)| Act::Amend { leaf, which, seed }),
        2 => (leaf, any::<u8>()).prop_map(|(leaf, which)| Act::Void { leaf, which }),
        6 => (node.clone(), 0..12_usize).prop_map(|(node, frames)| Act::Push { node, frames }),
        1 => node.clone().prop_map(|node| Act::Cut { node }),
        2 => (node, any::<u8>(), 0..6_usize).prop_map(|(node, which, frames)| Act::Resend { node, which, frames }),
    ]
}

/// A total that is gone cannot be sent: that is looked at apart.
fn harm() -> impl Strategy<Value = Harm> {
    let harms = [Harm::Total, Harm::Held, Harm::NoHeld, Harm::HeldDigest, Harm::FeedDigest, Harm::Day, Harm::Registry];
    prop::sample::select(harms.to_vec())
}

fn act() -> impl Strategy<Value = Act> {
    let node = 0..6_usize;
    prop_oneof![
        20 => work(),
        2 => (node.clone(), any::<u8>(), harm()).prop_map(|(node, which, harm)| Act::Damage { node, which, harm }),
        2 => node.clone().prop_map(|node| Act::Audit { node }),
        1 => node.clone().prop_map(|node| Act::Restart { node }),
        1 => node.clone().prop_map(|node| Act::Crash { node }),
        1 => node.clone().prop_map(|node| Act::KeepIndex { node }),
        1 => node.clone().prop_map(|node| Act::OlderIndex { node }),
        1 => node.prop_map(|node| Act::LoseIndex { node }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn after_damage_and_audits_every_total_is_a_recount_and_every_digest_equal(acts in prop::collection::vec(act(), 1..60)) {
        support::block_on(async {
            let mut federation = Federation::start().await;
            for act in acts {
                federation.act(act).await;
            }
            federation.audit_all().await;
            federation.check();
            federation.check_digests();
        });
    }

    #[test]
    fn an_audit_of_a_moving_sound_state_finds_nothing(acts in prop::collection::vec(work(), 20..80), repair: bool) {
        support::block_on(async {
            let mut federation = Federation::start().await;
            let moving = Cell::new(true);
            let auditors: Vec<_> = (0..6).map(|node| Arc::clone(&federation.state(node).auditor)).collect();
            let audits = async {
                let (parts, mut told) = mpsc::channel(1_000_000);
                let (options, listener) = (Options { scope: None, repair, pace: SLOW }, Listener::Caller(parts));
                let mut passes = 0;
                while moving.get() || passes < 2 {
                    let (one, two, three) = tokio::join!(
                        auditors[COUNTY].local(options, &listener),
                        auditors[TOWNSHIP].local(options, &listener),
                        auditors[WORKROOM].local(options, &listener),
                    );
                    assert_eq!([one, two, three].map(|outcome| outcome.unwrap().differences), [0; 3]);
                    while let Ok(reply) = told.try_recv() {
                        assert!(matches!(reply.unwrap().part, Some(Part::Progress(_))));
                    }
                    passes += 1;
                }
            };
            let acts = async {
                for act in acts {
                    federation.act(act).await;
                    tokio::task::yield_now().await;
                }
                moving.set(false);
            };
            tokio::join!(audits, acts);
            federation.settle().await;
            federation.check();
        });
    }
}

/// Five cases of two workrooms, everywhere.
async fn quiet() -> Federation {
    let mut federation = Federation::start().await;
    for (leaf, seed) in [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (2, 6)] {
        federation.act(Act::Submit { leaf, seed }).await;
    }
    federation.settle().await;
    for node in 0..6 {
        assert_eq!(federation.audit(node, false).await.0.differences, 0, "{node} is sound");
    }
    federation
}

#[test]
fn each_damage_is_found_located_and_repaired() {
    let cases: [(Harm, usize, &[&str]); 17] = [
        (Harm::Total, COUNTY, &["digest", "total"]),
        (Harm::Total, TOWNSHIP, &["digest", "total"]),
        (Harm::Total, WORKROOM, &["digest", "record"]),
        (Harm::NoTotal, TOWNSHIP, &["digest", "total"]),
        (Harm::NoTotal, WORKROOM, &["digest", "record"]),
        (Harm::FeedDigest, TOWNSHIP, &["digest"]),
        (Harm::Day, WORKROOM, &["record"]),
        (Harm::HeldDigest, TOWNSHIP, &["digest"]),
        (Harm::Held, COUNTY, &["digest"]),
        (Harm::NoHeld, COUNTY, &["digest"]),
        (Harm::Record, WORKROOM, &["journal"]),
        (Harm::Place, WORKROOM, &["journal"]),
        (Harm::NoRecord, WORKROOM, &["journal"]),
        (Harm::Ghost, WORKROOM, &["journal"]),
        (Harm::NoUnique, WORKROOM, &["journal"]),
        (Harm::GhostUnique, WORKROOM, &["journal"]),
        (Harm::Registry, TOWNSHIP, &["journal"]),
    ];
    for (harm, node, kinds) in cases {
        for which in [0, 11] {
            support::block_on(async {
                let mut federation = quiet().await;
                assert!(federation.damage(node, which, harm), "{harm:?}");
                let (outcome, differences) = federation.audit(node, false).await;
                let mut found: Vec<&str> = differences.iter().map(|it| it.kind.as_str()).collect();
                found.sort_unstable();
                found.dedup();
                assert!(kinds.iter().all(|kind| found.contains(kind)), "{harm:?} at {node}: {differences:?}");
                assert!(differences.iter().all(|it| it.state == "found") && outcome.repaired == 0);

                let (outcome, repaired) = federation.audit(node, true).await;
                assert!(repaired.iter().any(|it| it.state != "found") && outcome.repaired > 0, "{harm:?} {repaired:?}");
                federation.settle().await;
                let after = federation.audit(node, true).await;
                assert_eq!(after.0.differences, 0, "{harm:?} at {node} stays: {:?}", after.1);
                federation.check();
                federation.check_digests();
            });
        }
    }
}

#[test]
fn a_cell_of_a_former_life_is_compared_with_the_journal() {
    support::block_on(async {
        let mut federation = quiet().await;
        federation.replace_machine(WORKROOM).await;
        federation.settle().await;
        federation.adopt(WORKROOM, true).await.unwrap();
        federation.settle().await;
        let total = federation.total();
        let sound = federation.audit(TOWNSHIP, false).await;
        assert_eq!(sound.0.differences, 0, "{:?}", sound.1);
        assert!(federation.damage(TOWNSHIP, 3, Harm::Kept));
        let (_, found) = federation.audit(TOWNSHIP, true).await;
        assert!(found.iter().any(|it| it.kind == "journal" && it.stored == it.parts + 7), "{found:?}");
        federation.settle().await;
        assert_eq!(federation.audit(TOWNSHIP, false).await.0.differences, 0);
        assert_eq!(federation.total(), total);
    });
}

#[test]
fn a_total_that_is_wrong_is_named_with_its_measure_period_and_words() {
    support::block_on(async {
        let mut federation = quiet().await;
        federation.damage(TOWNSHIP, 0, Harm::Total);
        let (_, differences) = federation.audit(TOWNSHIP, false).await;
        let total = differences.iter().find(|it| it.kind == "total").unwrap();
        assert_eq!((total.node.as_str(), total.stored - total.parts), ("371122101", 7));
        assert!(!total.unit.is_empty() && !total.measure.is_empty() && !total.period.is_empty(), "{total:?}");
        assert!(total.unit_name.starts_with("unit"), "{total:?}");
    });
}

#[test]
fn a_repaired_total_is_pushed_up_as_one_item_and_nothing_is_walked() {
    support::block_on(async {
        let mut federation = quiet().await;
        let sent = federation.items_sent(TOWNSHIP);
        federation.damage(TOWNSHIP, 4, Harm::Total);
        federation.audit(TOWNSHIP, true).await;
        federation.settle().await;
        federation.check();
        assert_eq!(federation.items_sent(TOWNSHIP) - sent, 1, "just the total that was wrong");
    });
}

#[test]
fn totals_are_not_made_of_a_copy_that_is_not_what_the_child_sent() {
    support::block_on(async {
        let mut federation = quiet().await;
        let total = federation.total();
        for which in 0..40 {
            federation.damage(COUNTY, which, Harm::Held);
        }
        federation.audit(COUNTY, true).await;
        assert_eq!(federation.total(), total, "the totals stand until the child has sent its items again");
        federation.settle().await;
        federation.audit(COUNTY, true).await;
        assert_eq!(federation.total(), total);
        federation.check();
    });
}

#[test]
fn a_range_that_is_asked_for_again_mends_a_copy_and_only_that_range_is_sent() {
    support::block_on(async {
        let mut federation = quiet().await;
        for which in 0..80 {
            federation.damage(COUNTY, which, Harm::Held);
        }
        let sent = federation.items_sent(TOWNSHIP);
        // The township, its two workrooms.
        for which in 0..3 {
            federation.resend(TOWNSHIP, which, 100).await;
        }
        let again: usize = federation.resent(TOWNSHIP).iter().map(|(_, items)| items).sum();
        assert_eq!(federation.items_sent(TOWNSHIP) - sent, again, "nothing else was sent");
        // The other township's copy and own parts were harmed too: they are left.
        federation.audit_all().await;
        federation.check();
        federation.check_digests();
    });
}
