//! What a faulty or hostile child may send: refused, counted, and harmless to the others.

use prost::Message;
use tonic::Code;
use wuji_proto::v1;
use wuji_proto::v1::feed_ack::Ack;
use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::v1::payload::Items as Packed;

use super::feed::{FakeFeed, incarnation};
use super::world::{CHILD, World, eventually};
use crate::config::LinkConfig;
use crate::link::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION};

pub fn opening(code: &str) -> v1::FeedFrame {
    let opening = v1::Opening {
        protocol: PROTOCOL_VERSION,
        code: code.to_owned(),
        incarnation: incarnation().to_bytes().to_vec(),
        head: Some(v1::Mark::default()),
        ..Default::default()
    };
    v1::FeedFrame { frame: Some(Frame::Opening(opening)) }
}

fn batch(payload: Option<Packed>) -> v1::FeedFrame {
    let mark = Some(v1::Mark::default());
    let batch = v1::Batch {
        after: mark,
        upto: mark,
        view: mark,
        anchor: Some(v1::Anchor { sequence: 0, hash: vec![0; 32] }),
        payload: payload.map(|items| v1::Payload { items: Some(items) }),
        ..Default::default()
    };
    v1::FeedFrame { frame: Some(Frame::Batch(batch)) }
}

fn batch_of(items: Packed) -> v1::FeedFrame {
    batch(Some(items))
}

fn plain(items: Vec<v1::Item>) -> Packed {
    Packed::Plain(v1::Items { items }.encode_to_vec())
}

fn amount(key: &[u8], amount: i64) -> v1::Item {
    v1::Item { key: key.to_vec(), value: Some(v1::item::Value::Amount(amount)) }
}

fn range(items: Vec<v1::Item>) -> v1::FeedFrame {
    let range = v1::Range {
        from: b"b".to_vec(),
        to: b"d".to_vec(),
        view: Some(v1::Mark::default()),
        digest: Some(v1::FeedDigest { sum: vec![0; 16], count: 0 }),
        anchor: Some(v1::Anchor { sequence: 0, hash: vec![0; 32] }),
        payload: Some(v1::Payload { items: Some(plain(items)) }),
        progress: 0,
    };
    v1::FeedFrame { frame: Some(Frame::Range(range)) }
}

/// How the parent ends a stream on which this comes after the opening and a good batch.
async fn verdict(world: &World, frame: v1::FeedFrame) -> String {
    let (frames, client) = world.stream(&["371122.unit.wuji"]).await;
    for frame in [opening(CHILD), batch(None), frame] {
        frames.send(frame).await.unwrap();
    }
    let mut answers = client.answers().await.unwrap();
    let mut told = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(v1::FeedAck { ack: Some(Ack::Close(close)) })) => told.push(close.reason),
            Ok(Some(_)) => {}
            Ok(None) => return told.concat(),
            Err(status) => return status.message().to_owned(),
        }
    }
}

#[tokio::test]
async fn each_malformed_frame_closes_the_stream_with_its_reason() {
    let world = World::new().await;
    let bomb = zstd::bulk::compress(&vec![0; 256 << 20], 1).unwrap();
    let no_anchor = {
        let mut frame = batch(None);
        if let Some(Frame::Batch(batch)) = &mut frame.frame {
            batch.anchor = None;
        }
        frame
    };
    let many = vec![amount(b"k", 1); 4_097];
    let heard = v1::Heard { units: vec![v1::HeardUnit { code: 5, at: 1, state: 1 }] };
    let cases = [
        (batch_of(Packed::Zstd(bomb)), "at most 1048576"),
        (batch_of(Packed::Zstd(b"garbage".to_vec())), "cannot be decompressed"),
        (batch_of(Packed::Plain(vec![0xff; 9])), "cannot be decoded"),
        (batch_of(plain(many)), "more than 4096 items"),
        (batch_of(plain(vec![amount(b"k", 1), amount(b"k", i64::MAX)])), "item 1 of it is refused: its amount"),
        (batch_of(plain(vec![amount(&[1; 300], 1)])), "its key is too long"),
        (batch_of(plain(vec![v1::Item::default()])), "it has no value"),
        (range(vec![amount(b"c", 1), amount(b"d", 1)]), "item 1 of the range"),
        (range(vec![amount(b"c", 1), amount(b"c", 2)]), "item 1 of the range"),
        (no_anchor, "lacks its anchor"),
        (opening(CHILD), "opens once"),
        (v1::FeedFrame::default(), "too old to know"),
        (v1::FeedFrame { frame: Some(Frame::Heard(heard)) }, "division code"),
    ];
    let count = cases.len() as u64;
    for (frame, reason) in cases {
        let told = verdict(&world, frame).await;
        assert!(told.contains("a frame was refused") && told.contains(reason), "{told:?} is not about {reason:?}");
    }
    assert_eq!(world.metrics.malformed.get(), count);
    let frames = world.writer.log().iter().filter(|entry| *entry == "batch 0").count() as u64;
    assert_eq!(frames, count, "the good frame before each was applied, nothing else");

    let feed = FakeFeed::new(CHILD);
    feed.set(1, 1);
    let _child = world.child(&feed);
    world.converge(&feed).await;
}

#[tokio::test]
async fn an_oversized_message_ends_the_stream_before_it_is_read() {
    let world = World::new().await;
    let told = verdict(&world, batch_of(Packed::Plain(vec![0; MESSAGE_BYTES_MAX + 1]))).await;
    eventually("the stream has ended", || world.writer.log().contains(&"closed".to_owned())).await;
    let reason = world.children.get(CHILD.parse().unwrap()).unwrap().reason;
    assert!(reason.contains("too large"), "{reason} / {told}");
}

#[tokio::test]
async fn keys_that_nobody_understands_are_the_writers_to_judge() {
    let world = World::new().await;
    let (frames, client) = world.stream(&["371122.unit.wuji"]).await;
    frames.send(opening(CHILD)).await.unwrap();
    frames.send(batch_of(plain(vec![amount(b"\xff\x00no key", 1)]))).await.unwrap();
    let mut answers = client.answers().await.unwrap();
    answers.message().await.unwrap().unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(matches!(answer.ack, Some(Ack::Applied(v1::Applied { frames: 1, .. }))), "{answer:?}");
}

#[tokio::test]
async fn openings_are_checked_before_the_writer_is_asked() {
    let world = World::new().await;
    let changed = |change: fn(&mut v1::Opening)| {
        let mut frame = opening(CHILD);
        if let Some(Frame::Opening(opening)) = &mut frame.frame {
            change(opening);
        }
        frame
    };
    let cases = [
        (batch(None), Code::InvalidArgument, "lacks its opening"),
        (changed(|opening| opening.protocol = 9), Code::FailedPrecondition, "version 9"),
        (changed(|opening| opening.code = "x".to_owned()), Code::InvalidArgument, "division code"),
        (changed(|opening| opening.incarnation = vec![1]), Code::InvalidArgument, "incarnation"),
        (changed(|opening| opening.head = None), Code::InvalidArgument, "head"),
        (changed(|opening| opening.name = "n".repeat(300)), Code::InvalidArgument, "name"),
        (changed(|opening| opening.version = "\u{1b}[2J".to_owned()), Code::InvalidArgument, "version"),
        (
            changed(|opening| opening.starts = vec![v1::FeedStart { number: 2, epoch: 1, sequence: 1 }; 2]),
            Code::InvalidArgument,
            "list of starts",
        ),
        (
            changed(|opening| opening.starts = vec![v1::FeedStart::default(); 4_097]),
            Code::InvalidArgument,
            "list of starts",
        ),
    ];
    for (frame, code, reason) in cases {
        let (frames, client) = world.stream(&["371122.unit.wuji"]).await;
        frames.send(frame).await.unwrap();
        let status = client.answers().await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(reason), "{status}");
    }
    assert!(world.writer.log().is_empty());
}

#[tokio::test]
async fn a_stream_without_opening_is_given_up() {
    let world = World::new().await;
    let (_frames, client) = world.stream(&["371122.unit.wuji"]).await;
    let status = client.answers().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("opening frame"), "{status}");
}

#[tokio::test]
async fn a_child_that_ignores_the_window_is_stopped_by_it() {
    let world = World::with(LinkConfig { window_frames: 4, ..LinkConfig::default() }).await;
    world.writer.pause(true);
    let (frames, client) = world.stream(&["371122.unit.wuji"]).await;
    frames.send(opening(CHILD)).await.unwrap();
    for _ in 0..500 {
        frames.send(batch(None)).await.unwrap();
    }
    let mut answers = client.answers().await.unwrap();
    eventually("the window is full", || world.writer.with(|told| told.unanswered) == 4).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(world.writer.with(|told| told.unanswered_most), 4);

    world.writer.pause(false);
    answers.message().await.unwrap().unwrap();
    let mut answered = 0;
    while answered < 500 {
        let answer = answers.message().await.unwrap().unwrap();
        let Some(Ack::Applied(applied)) = answer.ack else { panic!("{answer:?}") };
        answered += applied.frames;
    }
    assert_eq!(answered, 500);
    assert_eq!(world.writer.with(|told| told.unanswered_most), 4);
}
