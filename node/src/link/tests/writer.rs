//! A writer that keeps what children send, by the rules of the feed.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use wuji_proto::{DivisionCode, Watermark};

use super::feed::digest_of;
use crate::feed::exchange::{Admission, Anchor, ChildFrame, ChildJob, ChildWelcome, FrameOutcome, Refusal, StreamId};
use crate::feed::item::{FeedItem, ItemValue};

#[derive(Clone, Default)]
pub struct FakeWriter(Arc<Inner>);

#[derive(Default)]
struct Inner {
    told: Mutex<Told>,
    paused: watch::Sender<bool>,
}

#[derive(Default)]
pub struct Told {
    pub children: BTreeMap<DivisionCode, Held>,
    /// What came, in order: `open`, `batch 3 complete`, `range? …`, …
    pub log: Vec<String>,
    pub refuse: Option<Refusal>,
    pub heard: Vec<(DivisionCode, u32, u32)>,
    /// Frames received and not answered, now and at most.
    pub unanswered: usize,
    pub unanswered_most: usize,
    pub starts: usize,
    /// Who waits for a range that was asked for again.
    pub resent: Vec<oneshot::Sender<()>>,
}

/// A range that was asked for again: what has not come of it.
type Resending = (Vec<u8>, Option<Vec<u8>>);

#[derive(Clone, Default)]
pub struct Held {
    pub amounts: BTreeMap<Vec<u8>, i64>,
    pub low: Watermark,
    pub high: Watermark,
    pub walk: Option<(Vec<u8>, Option<Watermark>)>,
    pub anchor: Option<Anchor>,
    pub stream: StreamId,
    pub resending: Option<Resending>,
}

impl FakeWriter {
    /// Takes jobs until nobody can send one.
    pub fn start(&self) -> mpsc::Sender<ChildJob> {
        let (jobs, mut queue) = mpsc::channel(64);
        let writer = self.clone();
        tokio::spawn(async move {
            // Replies are kept while it is paused: frames come in, outcomes do not go out.
            let mut kept: Vec<(oneshot::Sender<FrameOutcome>, FrameOutcome)> = Vec::new();
            let mut paused = writer.0.paused.subscribe();
            loop {
                tokio::select! {
                    job = queue.recv() => match job {
                        Some(job) => kept.extend(writer.take(job)),
                        None => return,
                    },
                    _ = paused.changed() => {}
                }
                if !*paused.borrow() {
                    for (reply, outcome) in kept.drain(..) {
                        writer.0.told.lock().unanswered -= 1;
                        let _ = reply.send(outcome);
                    }
                }
            }
        });
        jobs
    }

    pub fn pause(&self, paused: bool) {
        self.0.paused.send_replace(paused);
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Told) -> T) -> T {
        look(&mut self.0.told.lock())
    }

    pub fn amounts(&self, code: &str) -> BTreeMap<Vec<u8>, i64> {
        self.with(|told| {
            told.children.get(&code.parse().unwrap()).map_or_else(BTreeMap::new, |held| held.amounts.clone())
        })
    }

    pub fn log(&self) -> Vec<String> {
        self.with(|told| told.log.clone())
    }

    pub fn clear_log(&self) {
        self.with(|told| told.log.clear());
    }

    fn take(&self, job: ChildJob) -> Option<(oneshot::Sender<FrameOutcome>, FrameOutcome)> {
        let mut told = self.0.told.lock();
        match job {
            ChildJob::Open { opening, stream, reply } => {
                told.log.push("open".to_owned());
                told.starts = opening.starts.len();
                let refuse = told.refuse.clone();
                let held = told.children.entry(opening.code).or_default();
                let answer = refuse.map_or_else(
                    || {
                        held.stream = stream;
                        let Held { low, high, walk, anchor, .. } = held.clone();
                        Admission::Welcome(ChildWelcome { low, high, walk, anchor, taken_in: None })
                    },
                    Admission::Refused,
                );
                let _ = reply.send(answer);
                None
            }
            ChildJob::Frame { child, stream, frame, reply } => {
                told.unanswered += 1;
                told.unanswered_most = told.unanswered_most.max(told.unanswered);
                let outcome = told.apply(child, stream, frame);
                Some((reply, outcome))
            }
            ChildJob::Resend { child, from, to, reply, done } => {
                let held = told.children.get_mut(&child).unwrap();
                held.resending = Some((from, to));
                let _ = reply.send(Some(held.stream));
                told.resent.push(done);
                None
            }
            ChildJob::Told { .. } | ChildJob::Bar { .. } => panic!("nobody decides about a child here"),
            ChildJob::Closed { .. } => {
                told.log.push("closed".to_owned());
                None
            }
        }
    }
}

impl Told {
    fn apply(&mut self, child: DivisionCode, stream: StreamId, frame: ChildFrame) -> FrameOutcome {
        let held = self.children.get_mut(&child).unwrap();
        let close = |reason: &str| FrameOutcome::Close(Refusal { reason: reason.to_owned(), held: false });
        if held.stream != stream {
            self.log.push("fenced".to_owned());
            return close("fenced");
        }
        let mut equal = None;
        match frame {
            ChildFrame::Heard(units) => {
                self.heard = units;
                self.log.push("heard".to_owned());
            }
            ChildFrame::WalkBegin { head, anchor } => {
                held.walk = Some((Vec::new(), Some(head)));
                (held.low, held.high, held.anchor) = (Watermark::ZERO, head, Some(anchor));
                self.log.push("begin".to_owned());
            }
            ChildFrame::Batch { after, upto, view, anchor, items, complete, .. } => {
                if after > held.low || held.walk.is_some() {
                    self.log.push("gap".to_owned());
                    return close("a gap");
                }
                let mark = if complete.is_some() { " complete" } else { "" };
                self.log.push(format!("batch {}{mark}", items.len()));
                put(&mut held.amounts, &items);
                (held.low, held.high, held.anchor) = (held.low.max(upto), held.high.max(view), Some(anchor));
                equal = complete.map(|digest| digest == digest_of(child, held.amounts.iter().map(|(k, v)| (k, *v))));
                if equal == Some(false) {
                    held.walk = Some((Vec::new(), None));
                    let reason = "the digests differ: repairing".to_owned();
                    return FrameOutcome::Differs(Refusal { reason, held: false });
                }
            }
            ChildFrame::Range { from, to, view, digest, anchor, items, .. } => {
                let within = |key: &Vec<u8>| *key >= from && to.as_ref().is_none_or(|to| key < to);
                if let Some((next, end)) = held.resending.take() {
                    assert_eq!(next, from);
                    held.amounts.retain(|key, _| !within(key));
                    put(&mut held.amounts, &items.unwrap());
                    held.high = held.high.max(view);
                    self.log.push("resent".to_owned());
                    if to == end {
                        self.resent.drain(..).for_each(|done| done.send(()).unwrap());
                    } else {
                        held.resending = to.map(|to| (to, end));
                    }
                    return FrameOutcome::Applied { applied: held.low, safe: held.low, equal: None };
                }
                let Some((next, Some(began))) = held.walk.clone() else { return close("no walk") };
                assert_eq!(next, from);
                let agreed = if let Some(items) = &items {
                    held.amounts.retain(|key, _| !within(key));
                    put(&mut held.amounts, items);
                    true
                } else {
                    digest == digest_of(child, held.amounts.iter().filter(|(k, _)| within(k)).map(|(k, v)| (k, *v)))
                };
                let kind = if items.is_some() { "range" } else { "range?" };
                self.log.push(format!("{kind} {agreed}"));
                if agreed {
                    (held.high, held.anchor) = (held.high.max(view), Some(anchor));
                    if to.is_none() {
                        held.low = began;
                    }
                    held.walk = to.map(|to| (to, Some(began)));
                }
                return FrameOutcome::Range { agreed };
            }
        }
        FrameOutcome::Applied { applied: held.low, safe: held.low, equal }
    }
}

fn put(amounts: &mut BTreeMap<Vec<u8>, i64>, items: &[FeedItem]) {
    for item in items {
        let ItemValue::Amount(amount) = item.value else { panic!("no amount") };
        amounts.insert(item.key.clone(), amount);
    }
}
