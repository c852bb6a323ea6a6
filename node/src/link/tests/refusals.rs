use wuji_proto::v1;

use super::feed::{FakeFeed, anchor};
use super::world::{CHILD, World, eventually};
use crate::feed::exchange::Refusal;
use crate::link::ChildState;

#[tokio::test]
async fn a_child_that_the_writer_refuses_is_held_and_both_ends_say_why() {
    let world = World::new().await;
    let refusal = Refusal { reason: "371122 is not registered: register it first".to_owned(), held: true };
    world.writer.with(|told| told.refuse = Some(refusal));
    let feed = FakeFeed::new(CHILD);
    let child = world.child(&feed);
    eventually("the child is held", || child.report(&feed).state == "held").await;
    assert!(child.report(&feed).reason.contains("register it first"));
    let mut status = v1::ChildStatus { state: "planned".to_owned(), ..Default::default() };
    world.children.fill(CHILD.parse().unwrap(), 0, &mut status);
    assert_eq!((status.state.as_str(), status.reason.contains("not registered")), ("held", true));

    world.writer.with(|told| told.refuse = None);
    eventually("it comes in once the operator has decided", || child.status.is_connected()).await;
    assert_eq!(child.report(&feed).reason, "");
}

#[tokio::test]
async fn a_certificate_of_another_unit_is_refused_counted_and_explained() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    let child = world.child_named(&feed, &["371121.unit.wuji"], Vec::new());
    eventually("the child is held", || child.report(&feed).state == "held").await;
    let reason = child.report(&feed).reason;
    assert!(reason.contains("claims to be of unit 371122") && reason.contains("371121.unit.wuji"), "{reason}");
    assert!(world.metrics.refused_callers.get() >= 1);
    assert!(world.writer.log().is_empty());
}

#[tokio::test]
async fn an_expired_certificate_shows_in_both_ends_status() {
    let world = World::new().await;
    let files = world.authority.expired_files(&["371122.unit.wuji"]);
    let dial = world.dial(&crate::access::Identity::load(&files).unwrap());
    let channel = crate::access::Dial::dial(&dial).await;
    if let Ok(channel) = channel {
        let mut client = v1::federation_client::FederationClient::new(channel);
        assert!(client.push(tokio_stream::empty()).await.is_err());
    }
    let mut status = v1::ChildStatus { state: "planned".to_owned(), ..Default::default() };
    world.children.fill(CHILD.parse().unwrap(), 0, &mut status);
    assert!(status.reason.contains("its certificate has expired"), "{status:?}");
    assert_eq!(status.state, "planned");
}

#[tokio::test]
async fn a_unit_of_the_same_or_a_higher_tier_is_no_child() {
    let world = World::new().await;
    for (code, name) in [("3712", "3712.unit.wuji"), ("37", "37.unit.wuji")] {
        let feed = FakeFeed::new(code);
        let child = world.child_named(&feed, &[name], Vec::new());
        eventually("the child is held", || child.report(&feed).state == "held").await;
        assert!(child.report(&feed).reason.contains("must be of a higher tier"));
    }
}

#[tokio::test]
async fn a_newer_connection_of_a_unit_takes_over() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set(1, 1);
    let (frames, client) = world.stream(&["371122.unit.wuji"]).await;
    frames.send(super::hostile::opening(CHILD)).await.unwrap();
    let mut answers = client.answers().await.unwrap();
    answers.message().await.unwrap().unwrap();

    let child = world.child(&feed);
    world.converge(&feed).await;
    let last = answers.message().await.unwrap().unwrap();
    let Some(v1::feed_ack::Ack::Close(close)) = last.ack else { panic!("{last:?}") };
    assert!(close.reason.contains("newer connection") && !close.held, "{close:?}");
    assert_eq!(answers.message().await.unwrap(), None);
    assert!(child.status.is_connected());
    assert_eq!(world.children.get(CHILD.parse().unwrap()).unwrap().state, ChildState::Connected);
    assert_eq!(world.metrics.children_connected.get(), 1);
}

#[tokio::test]
async fn a_rolled_back_child_pushes_nothing_and_says_what_to_do() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..20).map(|number| (number, 1)));
    world.writer.with(|told| told.children.entry(CHILD.parse().unwrap()).or_default().anchor = Some(anchor(15)));
    feed.roll_journal_back(10);
    let child = world.child(&feed);
    eventually("the child is held", || child.report(&feed).state == "held").await;
    let reason = child.report(&feed).reason;
    assert!(reason.contains("journal entry 15") && reason.contains("put the newer data directory back"), "{reason}");
    assert!(world.writer.log().iter().all(|entry| entry == "open" || entry == "closed"), "{:?}", world.writer.log());

    feed.roll_journal_back(15);
    world.converge(&feed).await;
}

#[tokio::test]
async fn a_parent_that_is_away_is_called_again_until_it_answers() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set(1, 1);
    let child = world.child(&feed);
    world.converge(&feed).await;
    for round in 2..6 {
        world.wire.cut();
        feed.set(1, round);
        world.converge(&feed).await;
    }
    assert!(child.status.is_connected());
}
