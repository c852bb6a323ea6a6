//! The pushing end of a link, frame by frame and without a network.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use wuji_node::feed::exchange::{
    Admission, Anchor, ChildFrame, ChildJob, ChildOpening, FeedSource, FormerChild, FrameOutcome, Refusal,
};
use wuji_proto::{Incarnation, Watermark};

/// Small batches and ranges: more places to be cut at.
const ITEMS_MAX: usize = 4;

static STREAMS: AtomicU64 = AtomicU64::new(1);

/// Where a link stands.
#[derive(Clone, Default)]
pub struct Driver {
    stream: Option<u64>,
    cursor: Watermark,
    walk: Option<Step>,
    /// What was last shown as complete.
    shown: Option<(Watermark, Option<wuji_proto::Digest>)>,
    pub items_sent: usize,
    /// What the parent asked for again.
    resends: Vec<Range>,
    /// Every range that was sent again: its first key, and how many items.
    pub resent: Vec<(Vec<u8>, usize)>,
    /// Why the parent does not let the child in.
    pub held: Option<String>,
    /// What the parent has seen and the journal does not hold.
    pub went_back: Option<Anchor>,
    /// The children that the node had, to be made known before anything is sent.
    pub taken_in: Option<Vec<FormerChild>>,
    /// Complete marks shown, and whether anything was sent behind the last one.
    pub marks: usize,
    pub behind: bool,
}

/// The first key, and the first after it.
type Range = (Vec<u8>, Option<Vec<u8>>);

#[derive(Clone)]
enum Step {
    Begin,
    From(Vec<u8>, Watermark),
}

impl Driver {
    /// The same link, to be opened anew.
    pub fn cut(&self) -> Self {
        Self {
            items_sent: self.items_sent,
            resent: self.resent.clone(),
            marks: self.marks,
            behind: self.behind,
            ..Self::default()
        }
    }

    /// What the parent has acknowledged, if the link is open.
    pub fn cursor(&self) -> Option<Watermark> {
        self.stream.map(|_| self.cursor)
    }

    /// Carries up to `frames` frames; how many it was.
    pub async fn run(&mut self, feed: &dyn FeedSource, jobs: &mpsc::Sender<ChildJob>, frames: usize) -> usize {
        let mut carried = 0;
        while carried < frames && self.step(feed, jobs).await {
            carried += 1;
        }
        carried
    }

    async fn step(&mut self, feed: &dyn FeedSource, jobs: &mpsc::Sender<ChildJob>) -> bool {
        let Some(stream) = self.stream else { return self.open(feed, jobs).await };
        if feed.holding().is_some() || self.taken_in.is_some() {
            return false;
        }
        if self.walk.is_none()
            && let Some((from, to)) = self.resends.pop()
        {
            return self.again(feed, jobs, stream, from, to).await;
        }
        match self.walk.clone() {
            Some(Step::Begin) => {
                self.resends.clear();
                let read = feed.read_range(&[], None, 1, 1).unwrap();
                let frame = ChildFrame::WalkBegin { head: read.view, anchor: read.anchor };
                if self.send(feed, jobs, stream, frame).await.is_some() {
                    self.walk = Some(Step::From(Vec::new(), read.view));
                }
                true
            }
            Some(Step::From(from, began)) => self.range(feed, jobs, stream, from, began).await,
            None => self.batch(feed, jobs, stream).await,
        }
    }

    async fn open(&mut self, feed: &dyn FeedSource, jobs: &mpsc::Sender<ChildJob>) -> bool {
        let stream = STREAMS.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        let opening = opening(feed, feed.incarnation());
        assert!(jobs.send(ChildJob::Open { opening, stream, reply }).await.is_ok());
        let welcome = match answer.await.unwrap() {
            Admission::Welcome(welcome) => welcome,
            Admission::Refused(refusal) => return self.refused(refusal),
            Admission::Recount(upto, refusal) => {
                let (reply, taken) = oneshot::channel();
                let (child, incarnation) = (feed.code(), feed.incarnation());
                let (items, place) = (feed.recount(upto).unwrap(), (true, true));
                assert!(jobs.send(ChildJob::Told { child, incarnation, upto, items, place, reply }).await.is_ok());
                assert!(taken.await.unwrap(), "what it tells is what was asked");
                return self.refused(refusal);
            }
        };
        if let Some(anchor) = welcome.anchor.filter(|anchor| !feed.holds(*anchor).unwrap()) {
            self.went_back = Some(anchor);
            self.held = Some("the journal went back".to_owned());
            return false;
        }
        self.taken_in = welcome.taken_in;
        let high_known = feed.knows(welcome.high);
        (self.cursor, self.walk) = match welcome.walk {
            Some((next, Some(began))) if feed.knows(began) && high_known => (began, Some(Step::From(next, began))),
            None if feed.knows(welcome.low) && high_known => (welcome.low, None),
            _ => (Watermark::ZERO, Some(Step::Begin)),
        };
        (self.stream, self.shown) = (Some(stream), None);
        true
    }

    fn refused(&mut self, refusal: Refusal) -> bool {
        assert!(refusal.held, "{}", refusal.reason);
        self.held = Some(refusal.reason);
        false
    }

    async fn range(
        &mut self,
        feed: &dyn FeedSource,
        jobs: &mpsc::Sender<ChildJob>,
        stream: u64,
        from: Vec<u8>,
        began: Watermark,
    ) -> bool {
        let read = feed.read_range(&from, None, ITEMS_MAX, usize::MAX).unwrap();
        let question = |items| ChildFrame::Range {
            from: from.clone(),
            to: read.to.clone(),
            view: read.view,
            digest: read.digest,
            anchor: read.anchor,
            items,
            progress_permille: read.progress_permille,
        };
        let mut answer = self.send(feed, jobs, stream, question(None)).await;
        if answer == Some(FrameOutcome::Range { agreed: false }) {
            self.behind = true;
            self.items_sent += read.items.len();
            answer = self.send(feed, jobs, stream, question(Some(read.items.clone()))).await;
        }
        if answer == Some(FrameOutcome::Range { agreed: true }) {
            (self.cursor, self.walk) = (began, read.to.map(|to| Step::From(to, began)));
        }
        true
    }

    /// The open stream, if nothing is being sent anew on it.
    pub fn stream(&self) -> Option<u64> {
        self.stream.filter(|_| self.walk.is_none())
    }

    /// The parent asks on the stream for a range again.
    pub fn asked_again(&mut self, from: Vec<u8>, to: Option<Vec<u8>>) {
        self.resends.push((from, to));
    }

    async fn again(
        &mut self,
        feed: &dyn FeedSource,
        jobs: &mpsc::Sender<ChildJob>,
        stream: u64,
        from: Vec<u8>,
        end: Option<Vec<u8>>,
    ) -> bool {
        let read = feed.read_range(&from, end.as_deref(), ITEMS_MAX, usize::MAX).unwrap();
        if read.to != end {
            self.resends.push((read.to.clone().unwrap(), end));
        }
        self.items_sent += read.items.len();
        self.resent.push((from.clone(), read.items.len()));
        let frame = ChildFrame::Range {
            from,
            to: read.to,
            view: read.view,
            digest: read.digest,
            anchor: read.anchor,
            items: Some(read.items),
            progress_permille: 1_000,
        };
        self.send(feed, jobs, stream, frame).await;
        true
    }

    async fn batch(&mut self, feed: &dyn FeedSource, jobs: &mpsc::Sender<ChildJob>, stream: u64) -> bool {
        let Some(read) = feed.read_since(self.cursor, ITEMS_MAX, usize::MAX).unwrap() else {
            self.walk = Some(Step::Begin);
            return true;
        };
        let showing = Some((read.upto, read.complete));
        if read.items.is_empty() && self.shown == showing {
            return false;
        }
        self.items_sent += read.items.len();
        self.behind |= !read.items.is_empty();
        let frame = ChildFrame::Batch {
            after: self.cursor,
            upto: read.upto,
            view: read.view,
            anchor: read.anchor,
            items: read.items,
            complete: read.complete,
            remaining: read.remaining,
        };
        if self.send(feed, jobs, stream, frame).await.is_some() {
            (self.cursor, self.shown) = (read.upto, showing);
            if read.complete.is_some() {
                (self.marks, self.behind) = (self.marks + 1, false);
            }
        }
        true
    }

    /// Sends a frame; `None`: the parent closed the stream.
    async fn send(
        &mut self,
        feed: &dyn FeedSource,
        jobs: &mpsc::Sender<ChildJob>,
        stream: u64,
        frame: ChildFrame,
    ) -> Option<FrameOutcome> {
        let (reply, answer) = oneshot::channel();
        let job = ChildJob::Frame { child: feed.code(), stream, frame, reply };
        assert!(jobs.send(job).await.is_ok());
        match answer.await.unwrap() {
            FrameOutcome::Close(_) | FrameOutcome::Differs(_) => {
                *self = self.cut();
                None
            }
            outcome => Some(outcome),
        }
    }
}

/// How a node opens its link.
pub fn opening(feed: &dyn FeedSource, incarnation: Incarnation) -> ChildOpening {
    ChildOpening {
        code: feed.code(),
        incarnation,
        starts: feed.starts(),
        head: feed.head(),
        name: String::new(),
        version: String::new(),
        catalogue_version: String::new(),
        clock_ms: 0,
    }
}
