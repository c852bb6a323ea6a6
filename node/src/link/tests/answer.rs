//! Reverse calls over a child's own connection, with faulty and hostile ends on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::v1::federation_server::{Federation, FederationServer};
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::pull_request;
use wuji_proto::{DivisionCode, v1};

use super::feed::FakeFeed;
use super::world::{CHILD, World, eventually};
use crate::access::Dial;
use crate::config::LinkConfig;
use crate::feed::exchange::Refusal;
use crate::link::AcceptService;
use crate::pull::double::{Endless, Scripted, Silent};
use crate::pull::{Answerer, Ask, Below, CALLS_PER_LINE_MAX, CREDIT_PARTS_MAX, PartSender, Parts, Requests};

const NAMES: [&str; 1] = ["371122.unit.wuji"];
const LONG: Duration = Duration::from_mins(1);

fn child() -> DivisionCode {
    CHILD.parse().unwrap()
}

fn question() -> Ask {
    Ask::Query(v1::QueryRequest::default())
}

fn row(words: &str) -> Part {
    let row = v1::QueryRow { words: vec![words.to_owned()], ..Default::default() };
    Part::Query(v1::QueryReply { part: Some(v1::query_reply::Part::Row(row)) })
}

fn quick() -> LinkConfig {
    LinkConfig { reconnect_min_ms: 10, reconnect_max_ms: 50, ..LinkConfig::default() }
}

/// Waits until the child can be asked, then asks it.
async fn ask(world: &World, within: Duration) -> Parts {
    eventually("the child can be asked", || world.lines.open() == [child()]).await;
    world.lines.ask(child(), question(), within)
}

#[tokio::test]
async fn a_child_answers_over_the_connection_that_it_opened_while_it_pushes() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    let answers = Scripted(|_| (0..1_000).map(|number| Ok(row(&number.to_string()))).collect());
    let _child = world.answering_child(&feed, Arc::new(answers));
    let mut parts = ask(&world, LONG).await;
    for number in 0..1_000_u32 {
        feed.set(number % 7, i64::from(number));
        assert_eq!(parts.next().await.unwrap().unwrap(), row(&number.to_string()));
    }
    assert!(parts.next().await.is_none());
    world.converge(&feed).await;
    assert_eq!((world.metrics.pull_lines.get(), world.metrics.pull_calls.get()), (1, 0));
}

#[tokio::test]
async fn parts_as_large_as_a_part_may_be_pass_one_after_the_other() {
    let world = World::new().await;
    let large = row(&"庄".repeat(170_000));
    let script = large.clone();
    let _child = world.answering_child(
        &FakeFeed::new(CHILD),
        Arc::new(Scripted(move |_| vec![Ok(row("small")), Ok(script.clone()), Ok(script.clone()), Ok(script.clone())])),
    );
    let mut parts = ask(&world, LONG).await;
    assert_eq!(parts.next().await.unwrap().unwrap(), row("small"));
    for _ in 0..3 {
        assert!(parts.next().await.unwrap().unwrap() == large);
    }
    assert!(parts.next().await.is_none());
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_just_its_own_call() {
    let world = World::new().await;
    let sent = Arc::new(AtomicU32::new(0));
    let feed = FakeFeed::new(CHILD);
    let _child = world.answering_child(&feed, Arc::new(Endless(Arc::clone(&sent))));
    let mut slow = ask(&world, LONG).await;
    eventually("the credit is used up", || sent.load(Ordering::Relaxed) == CREDIT_PARTS_MAX).await;
    let mut other = world.lines.ask(child(), question(), LONG);
    for _ in 0..3_000 {
        other.next().await.unwrap().unwrap();
    }
    drop(other);
    feed.set(1, 5);
    world.converge(&feed).await;
    // It goes on where it stood.
    for _ in 0..1_000 {
        slow.next().await.unwrap().unwrap();
    }
}

/// Never answers, and counts the calls that wait for it, and all that ever did.
#[derive(Default)]
struct Waiting(Arc<AtomicUsize>, Arc<AtomicUsize>);

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tonic::async_trait]
impl Answerer for Waiting {
    async fn answer(&self, _ask: Ask, _within: Duration, _out: &PartSender) -> Result<(), Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(Arc::clone(&self.0));
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_ends_at_the_child() {
    let world = World::new().await;
    let waiting = Waiting::default();
    let count = Arc::clone(&waiting.0);
    let _child = world.answering_child(&FakeFeed::new(CHILD), Arc::new(waiting));
    let parts = ask(&world, LONG).await;
    eventually("the child is asked", || count.load(Ordering::Relaxed) == 1).await;
    drop(parts);
    eventually("the child has stopped", || count.load(Ordering::Relaxed) == 0).await;
    assert_eq!(world.metrics.pull_calls.get(), 0);
}

#[tokio::test]
async fn each_end_keeps_the_deadline_by_itself() {
    let world = World::new().await;
    let waiting = Waiting::default();
    let (count, begun) = (Arc::clone(&waiting.0), Arc::clone(&waiting.1));
    let _child = world.answering_child(&FakeFeed::new(CHILD), Arc::new(waiting));
    // The parent does not look: only the child's own time can end it there.
    let parts = ask(&world, Duration::from_millis(100)).await;
    eventually("the child is asked", || begun.load(Ordering::Relaxed) == 1).await;
    eventually("the child has stopped", || count.load(Ordering::Relaxed) == 0).await;
    assert_eq!(parts.only().await.unwrap_err().code(), Code::DeadlineExceeded);

    // And where the child never stops, the parent does not wait.
    let world = World::new().await;
    let pushing = world.child(&FakeFeed::new(CHILD));
    eventually("it pushes", || pushing.status.is_connected()).await;
    let (_replies, _requests) = raw_line(&world).await;
    let parts = world.lines.ask(child(), question(), Duration::from_millis(100));
    assert_eq!(parts.only().await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn calls_end_at_once_when_the_child_goes_and_it_can_be_asked_when_it_is_back() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    let _child = world.answering_child(&feed, Arc::new(Silent));
    let mut parts = ask(&world, LONG).await;
    world.wire.cut();
    assert_eq!(parts.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    let mut parts = ask(&world, LONG).await;
    world.children.close(child(), Refusal { reason: "it was removed".to_owned(), held: true });
    assert!(world.lines.open().is_empty() || world.lines.ask(child(), question(), LONG).only().await.is_err());
    assert_eq!(parts.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    drop(parts);
    assert_eq!(world.metrics.pull_calls.get(), 0);
}

#[tokio::test]
async fn more_calls_than_a_child_takes_are_refused_and_free_places_are_used_again() {
    let world = World::new().await;
    let _child = world.answering_child(&FakeFeed::new(CHILD), Arc::new(Silent));
    let mut calls = vec![ask(&world, LONG).await];
    calls.extend((1..CALLS_PER_LINE_MAX).map(|_| world.lines.ask(child(), question(), LONG)));
    let refused = world.lines.ask(child(), question(), LONG).only().await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    calls.pop();
    let waits = world.lines.ask(child(), question(), Duration::from_millis(20)).only().await.unwrap_err();
    assert_eq!(waits.code(), Code::DeadlineExceeded);
}

type Line = (mpsc::Sender<v1::PullReply>, Streaming<v1::PullRequest>);

fn hello(code: &str) -> v1::PullReply {
    v1::PullReply { call: 0, part: Some(Part::Hello(v1::PullHello { code: code.to_owned() })) }
}

/// A line whose replies the test writes itself.
async fn open_line(world: &World, names: &[&str], first: v1::PullReply) -> Result<Line, Status> {
    let channel = world.dial(&world.authority.identity(names)).dial().await.unwrap();
    let (replies, outgoing) = mpsc::channel(4_096);
    replies.send(first).await.unwrap();
    let requests = FederationClient::new(channel).answer(ReceiverStream::new(outgoing)).await?.into_inner();
    Ok((replies, requests))
}

/// The newest line of a child that pushes already.
async fn raw_line(world: &World) -> Line {
    open_line(world, &NAMES, hello(CHILD)).await.unwrap()
}

/// The next request, which must come soon.
async fn message(line: &mut Streaming<v1::PullRequest>) -> Result<Option<v1::PullRequest>, Status> {
    tokio::time::timeout(LONG / 2, line.message()).await.unwrap()
}

#[tokio::test]
async fn only_a_unit_that_pushes_can_open_a_line_and_only_its_own() {
    let world = World::new().await;
    let code = async |names: &[&str], first| open_line(&world, names, first).await.map(drop).unwrap_err().code();
    assert_eq!(code(&NAMES, hello(CHILD)).await, Code::FailedPrecondition);
    let pushing = world.child(&FakeFeed::new(CHILD));
    eventually("it pushes", || pushing.status.is_connected()).await;
    assert_eq!(code(&["371121.unit.wuji"], hello(CHILD)).await, Code::PermissionDenied);
    assert_eq!(code(&["371122.operator.wuji"], hello(CHILD)).await, Code::PermissionDenied);
    assert_eq!(code(&NAMES, hello("no code")).await, Code::InvalidArgument);
    assert_eq!(code(&NAMES, v1::PullReply { call: 1, part: Some(row("")) }).await, Code::InvalidArgument);
    assert!(world.lines.open().is_empty());
}

#[tokio::test]
async fn the_newest_line_of_a_child_wins_and_the_older_ones_calls_end() {
    let world = World::new().await;
    let pushing = world.child(&FakeFeed::new(CHILD));
    eventually("it pushes", || pushing.status.is_connected()).await;
    let (_older, mut told) = raw_line(&world).await;
    let parts = world.lines.ask(child(), question(), LONG);
    assert_eq!(told.message().await.unwrap().unwrap().call, 1);
    let (newer, mut asked) = raw_line(&world).await;
    let ended = tokio::time::timeout(LONG / 2, parts.only()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    assert_eq!(message(&mut told).await.unwrap_err().code(), Code::Aborted);

    let parts = world.lines.ask(child(), question(), LONG);
    let call = asked.message().await.unwrap().unwrap().call;
    newer.send(v1::PullReply { call, part: Some(row("new")) }).await.unwrap();
    newer.send(v1::PullReply { call, part: Some(Part::End(v1::PullEnd {})) }).await.unwrap();
    assert_eq!(parts.only().await.unwrap(), row("new"));
    assert_eq!(world.metrics.pull_lines.get(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_twice_or_too_late_is_ignored_and_counted() {
    let world = World::new().await;
    let pushing = world.child(&FakeFeed::new(CHILD));
    eventually("it pushes", || pushing.status.is_connected()).await;
    let (replies, mut asked) = raw_line(&world).await;
    let parts = world.lines.ask(child(), question(), LONG);
    let call = asked.message().await.unwrap().unwrap().call;
    for _ in 0..3 {
        replies.send(v1::PullReply { call, part: Some(row("again")) }).await.unwrap();
        replies.send(v1::PullReply { call, part: Some(Part::End(v1::PullEnd {})) }).await.unwrap();
    }
    assert_eq!(parts.only().await.unwrap(), row("again"));
    eventually("the strays are counted", || world.metrics.pull_strays.get() == 4).await;

    let given_up = world.lines.ask(child(), question(), LONG);
    let call = asked.message().await.unwrap().unwrap().call;
    drop(given_up);
    let cancelled = asked.message().await.unwrap().unwrap();
    assert_eq!((cancelled.call, cancelled.ask), (call, Some(pull_request::Ask::Cancel(v1::Cancel {}))));
    replies.send(v1::PullReply { call, part: Some(row("late")) }).await.unwrap();
    eventually("the stray is counted", || world.metrics.pull_strays.get() == 5).await;
    assert_eq!((world.metrics.malformed.get(), world.lines.open()), (0, vec![child()]));
}

#[tokio::test]
async fn each_malformed_reply_closes_the_line_and_not_the_push() {
    let world = World::new().await;
    let feed = FakeFeed::new(CHILD);
    let pushing = world.child(&feed);
    eventually("it pushes", || pushing.status.is_connected()).await;
    let overdraws: Vec<_> = (0..=CREDIT_PARTS_MAX).map(|_| Some(row(""))).collect();
    let cases = [
        (vec![None], "too old to know"),
        (vec![hello(CHILD).part], "opens once"),
        (overdraws, "without credit"),
        (vec![Some(row(&"庄".repeat(360_000)))], "without credit"),
    ];
    for (number, (parts, reason)) in cases.into_iter().enumerate() {
        let (replies, mut asked) = raw_line(&world).await;
        let call_parts = world.lines.ask(child(), question(), LONG);
        let call = asked.message().await.unwrap().unwrap().call;
        for part in parts {
            replies.send(v1::PullReply { call, part }).await.unwrap();
        }
        let told = message(&mut asked).await.unwrap_err();
        assert!(told.message().contains(reason), "{told}");
        let mut call_parts = call_parts;
        let last = loop {
            if let Err(status) = call_parts.next().await.unwrap() {
                break status;
            }
        };
        assert_eq!(last.code(), Code::Unavailable);
        assert_eq!(world.metrics.malformed.get(), number as u64 + 1);
    }
    feed.set(1, 1);
    world.converge(&feed).await;
    assert_eq!((world.metrics.pull_lines.get(), world.metrics.pull_calls.get()), (0, 0));
}

/// A parent whose `Answer` says what a test says; its push is as ever.
struct Asking {
    service: AcceptService,
    /// `None`: it does not know the call.
    script: Option<Vec<v1::PullRequest>>,
    replies: Replies,
}

type Replies = Arc<Mutex<Vec<Option<v1::PullReply>>>>;

#[tonic::async_trait]
impl Federation for Asking {
    type PushStream = <AcceptService as Federation>::PushStream;
    type AnswerStream = Requests;

    async fn push(&self, request: Request<Streaming<v1::FeedFrame>>) -> Result<Response<Self::PushStream>, Status> {
        self.service.push(request).await
    }

    async fn answer(&self, request: Request<Streaming<v1::PullReply>>) -> Result<Response<Requests>, Status> {
        let Some(script) = self.script.clone() else { return Err(Status::unimplemented("")) };
        let (requests, outgoing) = mpsc::channel(script.len() + 1);
        for request in script {
            requests.try_send(Ok(request)).unwrap();
        }
        let (mut incoming, replies) = (request.into_inner(), Arc::clone(&self.replies));
        tokio::spawn(async move {
            let _requests = requests;
            loop {
                let reply = incoming.message().await.ok().flatten();
                let over = reply.is_none();
                replies.lock().push(reply);
                if over {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn peers(&self, _request: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn asking_world(script: Option<Vec<v1::PullRequest>>) -> (World, Replies) {
    let replies = Replies::default();
    let told = Arc::clone(&replies);
    let world =
        World::around(quick(), |service| FederationServer::new(Asking { service, script, replies: told })).await;
    (world, replies)
}

#[tokio::test]
async fn a_parent_that_does_not_know_how_to_ask_is_pushed_to_all_the_same() {
    let (world, replies) = asking_world(None).await;
    let feed = FakeFeed::new(CHILD);
    let child = world.answering_child(&feed, Arc::new(Silent));
    for round in 0..20 {
        feed.set(1, round);
        world.converge(&feed).await;
    }
    assert!(child.status.is_connected() && replies.lock().is_empty());
    assert_eq!(world.writer.log().iter().filter(|entry| *entry == "open").count(), 1, "one session");
}

fn request(call: u64, ask: impl Into<Option<pull_request::Ask>>) -> v1::PullRequest {
    v1::PullRequest { call, ask: ask.into(), within_ms: 60_000 }
}

#[tokio::test]
async fn a_parent_that_asks_nonsense_is_refused_or_left_and_pushed_to_all_the_same() {
    let credit = |parts| pull_request::Ask::Credit(v1::Credit { parts });
    let query = || pull_request::Ask::Query(v1::QueryRequest::default());
    // To calls that are over, and what is not known: refused alone.
    let harmless = vec![
        request(7, credit(1_000)),
        request(7, pull_request::Ask::Cancel(v1::Cancel {})),
        request(8, None),
        request(9, query()),
    ];
    let (world, replies) = asking_world(Some(harmless)).await;
    let _child = world.answering_child(&FakeFeed::new(CHILD), Arc::new(Scripted(|_| vec![Ok(row("9"))])));
    eventually("all is answered", || replies.lock().len() == 4).await;
    let told = replies.lock().clone();
    assert!(
        matches!(&told[1], Some(v1::PullReply { call: 8, part: Some(Part::Error(error)) }) if error.code == Code::Unimplemented as i32),
        "{told:?}"
    );
    assert_eq!(told[2], Some(v1::PullReply { call: 9, part: Some(row("9")) }));

    // A call twice, or credit that was never used: what the parent counts is not known.
    for wrong in [vec![request(1, query()), request(1, query())], vec![request(1, query()), request(1, credit(1))]] {
        let (world, replies) = asking_world(Some(wrong)).await;
        let feed = FakeFeed::new(CHILD);
        let _child = world.answering_child(&feed, Arc::new(Silent));
        eventually("the child leaves the line", || replies.lock().contains(&None)).await;
        feed.set(1, 1);
        world.converge(&feed).await;
    }
}
