use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use wuji_proto::v1;
use wuji_proto::v1::pull_reply::Part;

use super::world::{LONG, TestNode};
use crate::access::testing::Authority;
use crate::pull::double::{LocalBelow, Scripted, Silent};
use crate::pull::{Answerer, Ask};

/// Code and state of those who did not confirm.
fn unconfirmed(confirmation: &v1::Confirmation) -> Vec<(&str, &str)> {
    confirmation.unconfirmed.iter().map(|unit| (unit.code.as_str(), unit.state.as_str())).collect()
}

#[tokio::test]
async fn what_changed_just_before_at_a_child_is_there_whatever_its_clock_says() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    let decades_ms = 40 * 365 * 86_400_000_i64;
    let now_ms = county.state.ledgers.now_ms();
    let late = TestNode::with_clock(&authority, "371122101", Some(&county), Some(now_ms - decades_ms)).await;
    let early = TestNode::with_clock(&authority, "371122102", Some(&county), Some(now_ms + decades_ms)).await;
    for round in 1..=20_u64 {
        late.register(&format!("3711221010{round:02}")).await;
        early.register(&format!("3711221020{round:02}")).await;
        let confirmation = county.desk.barrier.confirm(county.code, LONG).await;
        // The planned workrooms that nobody has started are known, and named.
        assert_eq!((confirmation.confirmed, confirmation.unconfirmed_count), (3, 2 * round), "{confirmation:?}");
        assert!(confirmation.unconfirmed.iter().all(|unit| unit.state == "planned"), "{confirmation:?}");
    }
}

#[tokio::test]
async fn of_a_scope_only_the_units_in_it_are_asked_and_counted() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    let township = TestNode::start(&authority, "371122101", Some(&county)).await;
    let workroom = TestNode::start(&authority, "371122101001", Some(&township)).await;
    let _other = TestNode::start(&authority, "371122102", Some(&county)).await;
    for (scope, units) in [(county.code, 4), (township.code, 2), (workroom.code, 1)] {
        let confirmation = county.desk.barrier.confirm(scope, LONG).await;
        assert_eq!((confirmation.confirmed, unconfirmed(&confirmation)), (units, vec![]), "{scope}");
    }
    let nowhere = county.desk.barrier.confirm("371123".parse().unwrap(), LONG).await;
    assert_eq!((nowhere.confirmed, unconfirmed(&nowhere)), (0, vec![("371123", "unknown")]));

    workroom.leave();
    while township.children.presence(workroom.code).is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let confirmation = county.desk.barrier.confirm(county.code, LONG).await;
    assert_eq!((confirmation.confirmed, unconfirmed(&confirmation)), (3, vec![("371122101001", "absent")]));
}

/// What a child answers.
type Script = Vec<Result<Part, Status>>;

/// What a child answers to a barrier.
async fn asked(county: &TestNode, child: &TestNode, within: Duration) -> v1::BarrierReply {
    let parts = county.desk.barrier.below.ask(child.code, Ask::Barrier(v1::BarrierRequest::default()), within);
    match parts.only().await {
        Ok(Part::Barrier(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_child_does_not_say_that_it_showed_what_its_parent_has_not_applied() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    let township = TestNode::start(&authority, "371122101", Some(&county)).await;
    let reply = asked(&county, &township, LONG).await;
    assert!(reply.head.is_some(), "{reply:?}");

    county.take(false);
    township.register("371122101001").await;
    let reply = asked(&county, &township, Duration::from_secs(1)).await;
    let units = reply.units.unwrap();
    assert_eq!((reply.head, units.confirmed, unconfirmed(&units)), (None, 0, vec![("371122101", "late")]));
    let confirmation = county.desk.barrier.confirm(county.code, Duration::from_secs(1)).await;
    assert_eq!((confirmation.confirmed, unconfirmed(&confirmation)), (1, vec![("371122101", "late")]));

    county.take(true);
    let confirmation = county.desk.barrier.confirm(county.code, LONG).await;
    assert_eq!((confirmation.confirmed, unconfirmed(&confirmation)), (2, vec![("371122101001", "planned")]));
}

fn reply(confirmed: u64, unconfirmed: &[&str], head: Option<v1::Mark>) -> Part {
    let unit = |code: &&str| v1::AbsentUnit {
        code: (*code).to_owned(),
        name: "x".repeat(1_000),
        state: "whatever it likes".to_owned(),
        reason: "words ".repeat(500),
        ..Default::default()
    };
    let units = v1::Confirmation {
        confirmed,
        unconfirmed: unconfirmed.iter().map(unit).collect(),
        unconfirmed_count: u64::MAX,
        took_ms: 0,
    };
    Part::Barrier(v1::BarrierReply { units: Some(units), head })
}

#[tokio::test]
async fn a_child_is_believed_no_further_than_it_can_be_seen() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    let township = TestNode::start(&authority, "371122101", Some(&county)).await;
    township.register("371122101001").await;
    assert_eq!(county.desk.barrier.confirm(county.code, LONG).await.confirmed, 2);

    let zero = Some(v1::Mark::default());
    let beyond = Some(v1::Mark { start: 1_000, epoch: 7, number: 1 });
    let child = "371122101";
    let both = ["371122101", "371122101001"];
    let cases: Vec<(Script, u64, Vec<&str>)> = vec![
        // It confirms no more units than it has, and speaks of no others.
        (vec![Ok(reply(u64::MAX, &[], zero))], 3, vec![]),
        (vec![Ok(reply(1, &["371122", "371122102", "37", "no code", "371122101001"], zero))], 2, vec!["371122101001"]),
        (vec![Ok(reply(1, &["371122101001"; 100], zero))], 2, vec!["371122101001"]),
        // What it says that it showed has not arrived.
        (vec![Ok(reply(2, &[], beyond))], 1, both.to_vec()),
        (vec![Ok(reply(2, &[], None))], 1, both.to_vec()),
        // It answers twice, nothing, something else, or that it cannot.
        (vec![Ok(reply(2, &[], zero)), Ok(reply(2, &[], zero))], 1, both.to_vec()),
        (vec![], 1, both.to_vec()),
        (vec![Ok(Part::Query(v1::QueryReply::default()))], 1, both.to_vec()),
        (vec![Err(Status::internal("it broke"))], 1, both.to_vec()),
        (vec![Err(Status::unimplemented("what?"))], 1, both.to_vec()),
    ];
    for (number, (parts, confirmed, named)) in cases.into_iter().enumerate() {
        let below = Arc::new(LocalBelow::default());
        let script = move |_: Ask| parts.iter().map(|part| part.as_ref().cloned().map_err(Clone::clone)).collect();
        below.connect(child, Arc::new(Scripted(script)));
        let confirmation = county.barrier_over(below).confirm(county.code, LONG).await;
        let codes: Vec<&str> = confirmation.unconfirmed.iter().map(|unit| unit.code.as_str()).collect();
        assert_eq!((confirmation.confirmed, &codes), (confirmed, &named), "case {number}");
        assert_eq!(confirmation.confirmed + confirmation.unconfirmed_count, 3, "case {number}");
        for unit in &confirmation.unconfirmed {
            assert!(unit.name.starts_with("unit ") && unit.reason.chars().count() <= 150, "case {number}: {unit:?}");
        }
    }
}

#[tokio::test]
async fn each_hop_keeps_back_a_tenth_and_answers_with_what_it_has() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    county.register("371122101").await;
    county.register("371122102").await;
    let below = Arc::new(LocalBelow::default());
    let quick: Arc<dyn Answerer> = Arc::new(Scripted(|_| vec![Ok(reply(1, &[], Some(v1::Mark::default())))]));
    below.connect("371122101", quick);
    below.connect("371122102", Arc::new(Silent));
    let within = Duration::from_millis(400);
    let began = tokio::time::Instant::now();
    let confirmation = county.barrier_over(Arc::<LocalBelow>::clone(&below)).confirm(county.code, within).await;
    assert!(began.elapsed() >= within * 9 / 10, "it gave up too early");
    assert_eq!((confirmation.confirmed, unconfirmed(&confirmation)), (2, vec![("371122102", "late")]));
    assert!(below.asked().iter().all(|(_, _, given)| *given == within * 9 / 10));
}
