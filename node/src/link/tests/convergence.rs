use wuji_proto::{Sequence, Watermark};

use super::feed::{FakeFeed, key};
use super::world::{CHILD, World, eventually};
use crate::audit::Streams;
use crate::config::LinkConfig;
use crate::feed::exchange::{ChildJob, FeedSource, Refusal};
use crate::link::{ChildState, OPENING_STARTS_MAX};

fn count(log: &[String], begins: &str) -> usize {
    log.iter().filter(|entry| entry.starts_with(begins)).count()
}

#[tokio::test]
async fn a_child_brings_its_parent_up_to_date_and_keeps_it_so() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..10_000).map(|number| (number, i64::from(number))));
    let child = world.child(&feed);
    world.converge(&feed).await;
    for amount in 0..50 {
        feed.set(3, amount);
        tokio::task::yield_now().await;
    }
    world.converge(&feed).await;

    eventually("both ends report an equal digest", || child.report(&feed).digest == "equal").await;
    let report = child.report(&feed);
    assert_eq!((report.state.as_str(), report.lag_items, report.resyncs), ("connected", 0, 0));
    assert_eq!((&report.applied, &report.safe), (&report.head, &report.head));
    assert!(report.items_sent >= 10_000 && report.bytes_sent > 10_000);
    assert!(feed.parent_ms() > 0);
    let link = world.children.get(CHILD.parse().unwrap()).unwrap();
    assert_eq!((link.state, link.name.as_str(), link.remaining), (ChildState::Connected, "莒县", 0));
    assert_eq!((link.items_received, link.head), (report.items_sent, feed.head()));
    assert!(link.complete.unwrap().0);
    assert_eq!(world.metrics.children_connected.get(), 1);
    assert_eq!(world.writer.with(|told| told.starts), OPENING_STARTS_MAX);
    child.stop().await;
    eventually("the parent sees the child go", || world.metrics.children_connected.get() == 0).await;
    assert_eq!(world.children.get(CHILD.parse().unwrap()).unwrap().state, ChildState::Absent);
}

#[tokio::test]
async fn after_a_cut_only_what_changed_since_is_sent() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..500).map(|number| (number, 1)));
    let child = world.child(&feed);
    world.converge(&feed).await;
    eventually("all is acknowledged", || child.report(&feed).digest == "equal").await;
    let sent = child.report(&feed).items_sent;
    world.writer.clear_log();

    world.wire.cut();
    for amount in 2..9 {
        feed.set(77, amount);
    }
    world.converge(&feed).await;
    eventually("the line is back", || child.report(&feed).digest == "equal").await;
    assert!(world.writer.log().contains(&"open".to_owned()));
    assert_eq!(count(&world.writer.log(), "begin"), 0);
    // At most once on the cut line and once on the new one, each time the newest value only.
    assert!(child.report(&feed).items_sent - sent <= 8, "{:?}", world.writer.log());
}

#[tokio::test]
async fn every_opening_shows_a_complete_mark_even_with_nothing_to_send() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set(1, 1);
    let _child = world.child(&feed);
    eventually("the item came", || world.writer.log().contains(&"batch 1 complete".to_owned())).await;
    world.writer.clear_log();
    world.children.close(CHILD.parse().unwrap(), Refusal { reason: "show yourself again".to_owned(), held: false });
    eventually("an empty complete batch came", || world.writer.log().contains(&"batch 0 complete".to_owned())).await;
}

#[tokio::test]
async fn a_child_that_is_behind_itself_sends_items_and_its_complete_mark_later() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_complete(false);
    feed.set(1, 1);
    let child = world.child(&feed);
    world.converge(&feed).await;
    assert_eq!(count(&world.writer.log(), "batch 1 complete"), 0);
    feed.set_complete(true);
    eventually("the mark came", || world.writer.log().contains(&"batch 0 complete".to_owned())).await;
    eventually("it was equal", || child.report(&feed).digest == "equal").await;
}

#[tokio::test]
async fn while_holding_nothing_is_pushed_upward() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set(1, 1);
    feed.set_holding(Some("children have not shown complete marks"));
    let child = world.child(&feed);
    eventually("it is welcomed", || child.status.is_connected()).await;
    feed.set(2, 2);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let log = world.writer.log();
    assert!(log.iter().all(|frame| frame == "open" || frame == "heard"), "no items: {log:?}");
    feed.set_holding(None);
    world.converge(&feed).await;
}

#[tokio::test]
async fn a_feed_that_cannot_list_its_changes_is_walked_and_equal_ranges_are_not_sent() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..200).map(|number| (number, 1)));
    let child = world.child(&feed);
    world.converge(&feed).await;
    child.stop().await;
    world.writer.clear_log();

    feed.set(55, 2);
    feed.set_listed(false);
    let child = world.child(&feed);
    eventually("a walk began", || count(&world.writer.log(), "begin") >= 1).await;
    feed.set_listed(true);
    world.converge(&feed).await;
    let log = world.writer.log();
    assert!(count(&log, "range? true") >= 19, "{log:?}");
    assert_eq!((count(&log, "range? false"), count(&log, "range true")), (1, 1), "{log:?}");
    assert!(child.metrics.resyncs.get() >= 1);
}

#[tokio::test]
async fn a_watermark_that_the_child_forgot_makes_it_walk() {
    for forgotten in ["low", "high"] {
        let world = World::new().await;
        let feed = FakeFeed::new(CHILD);
        feed.set_many((0..30).map(|number| (number, 1)));
        let child = world.child(&feed);
        world.converge(&feed).await;
        child.stop().await;

        let lost = Watermark { at: Sequence { start: 1, number: 1_000 }, epoch: 5 };
        world.writer.with(|told| {
            let held = told.children.values_mut().next().unwrap();
            *(if forgotten == "low" { &mut held.low } else { &mut held.high }) = lost;
            // As if an item had come back to a former value without the parent being told.
            held.amounts.insert(super::feed::key(3), 99);
        });
        world.writer.clear_log();
        let _child = world.child(&feed);
        world.converge(&feed).await;
        assert_eq!(count(&world.writer.log(), "begin"), 1, "{forgotten}");
    }
}

#[tokio::test]
async fn an_unfinished_walk_is_resumed_where_it_was_unless_its_beginning_is_forgotten() {
    for known in [true, false] {
        let world = World::new().await;
        let feed = FakeFeed::new(CHILD);
        feed.set_many((0..100).map(|number| (number, 1)));
        let began = feed.head();
        feed.set(5, 7);
        world.writer.with(|told| {
            let held = told.children.entry(CHILD.parse().unwrap()).or_default();
            held.walk = Some((super::feed::key(50), Some(began)));
            held.high = began;
            held.amounts = feed.amounts().range(..super::feed::key(50)).map(|(key, _)| (key.clone(), 1)).collect();
        });
        if !known {
            feed.forget(began);
        }
        let child = world.child(&feed);
        world.converge(&feed).await;
        let log = world.writer.log();
        assert_eq!(count(&log, "begin"), usize::from(!known), "{log:?}");
        if known {
            // Five ranges are left; the item below them that changed since comes by the feed.
            assert_eq!(count(&log, "range true"), 5, "{log:?}");
            assert_eq!(count(&log, "batch 1"), 1, "{log:?}");
        }
        eventually("it ends equal", || child.report(&feed).digest == "equal").await;
    }
}

#[tokio::test]
async fn different_digests_at_a_complete_mark_are_repaired_by_a_walk() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..40).map(|number| (number, 1)));
    let child = world.child(&feed);
    world.converge(&feed).await;
    world.writer.with(|told| {
        let held = told.children.values_mut().next().unwrap();
        held.amounts.insert(super::feed::key(20), 5);
        held.amounts.insert(super::feed::key(999), 5);
    });
    feed.set(1, 2);
    world.converge(&feed).await;
    eventually("it ends equal", || child.report(&feed).digest == "equal").await;
    assert_eq!(child.report(&feed).resyncs, 1);
    assert_eq!((world.metrics.digests_differed.get(), world.metrics.malformed.get()), (1, 0));
}

#[tokio::test]
async fn the_child_never_has_more_unanswered_frames_than_the_smaller_window() {
    let world = World::with(LinkConfig { window_frames: 3, ..LinkConfig::default() }).await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..60_000).map(|number| (number, 1)));
    world.writer.pause(true);
    let child = world.child(&feed);
    eventually("the window is full", || world.writer.with(|told| told.unanswered) == 3).await;
    // Each of these would be a frame if the window had room.
    for amount in 0..100 {
        feed.set(1, amount);
        tokio::task::yield_now().await;
    }
    world.writer.pause(false);
    world.converge(&feed).await;
    assert_eq!(world.writer.with(|told| told.unanswered_most), 3);
    drop(child);
}

#[tokio::test]
async fn small_changes_gather_while_answers_are_on_their_way() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    let child = world.child(&feed);
    eventually("it is welcomed", || child.status.is_connected()).await;
    world.writer.pause(true);
    for number in 0..500 {
        feed.set(number, 1);
        tokio::time::sleep(std::time::Duration::from_micros(100)).await;
    }
    world.writer.pause(false);
    world.converge(&feed).await;
    let frames = count(&world.writer.log(), "batch");
    assert!(frames <= 12, "{frames} frames for 500 changes");
}

#[tokio::test]
async fn the_times_of_deeper_units_are_heard() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    let units = vec![("371122001", 1_700_000_000, 1), ("371122001001", 1_700_000_001, 2)];
    let _child = world.child_named(&feed, &["371122.unit.wuji"], units.clone());
    eventually("they came", || world.writer.with(|told| told.heard.len()) == 2).await;
    let heard = world.writer.with(|told| told.heard.clone());
    let sent: Vec<_> = units.iter().map(|(code, at, state)| (code.parse().unwrap(), *at, *state)).collect();
    assert_eq!(heard, sent);
}

#[tokio::test]
async fn a_range_that_the_parent_asks_for_again_is_sent_beside_the_feed_and_nothing_else_is() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    feed.set_many((0..100).map(|number| (number, 1)));
    let child = world.child(&feed);
    world.converge(&feed).await;
    eventually("all is acknowledged", || child.report(&feed).digest == "equal").await;
    let (sent, code) = (child.report(&feed).items_sent, CHILD.parse().unwrap());
    world.writer.clear_log();

    let (from, to) = (key(20), key(45));
    world.writer.with(|told| told.children.get_mut(&code).unwrap().amounts.insert(key(30), 7));
    let (reply, asked) = tokio::sync::oneshot::channel();
    let (done, replaced) = tokio::sync::oneshot::channel();
    let job = ChildJob::Resend { child: code, from: from.clone(), to: Some(to.clone()), reply, done };
    assert!(world.jobs.send(job).await.is_ok());
    let stream = asked.await.unwrap().unwrap();
    assert!(!world.children.resend(code, stream + 1, &from, Some(&to)), "another stream is not asked");
    assert!(world.children.resend(code, stream, &from, Some(&to)));
    replaced.await.unwrap();
    assert_eq!(world.writer.amounts(CHILD), feed.amounts());
    assert_eq!(world.writer.log(), ["resent", "resent", "resent"], "25 items in ranges of at most 10");
    assert_eq!(child.report(&feed).items_sent - sent, 25);

    feed.set(30, 9);
    world.converge(&feed).await;
    eventually("the feed goes on", || child.report(&feed).digest == "equal").await;
    assert_eq!(count(&world.writer.log(), "begin"), 0);
}
