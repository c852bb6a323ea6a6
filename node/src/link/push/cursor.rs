use std::collections::VecDeque;
use std::sync::Arc;

use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::{Digest, Watermark, v1};

use super::super::FRAME_BYTES_MAX;
use super::super::frame::anchor_mark;
use super::super::payload::Packer;
use crate::feed::exchange::{ChildWelcome, FeedRead, FeedReadError, FeedSource, RangeRead};
use crate::mistake::{Mistake, made};

/// Unanswered frames that reach the head. While so many are on the way, changes gather
/// for the next answer: one frame an item would cost more than it tells.
const FRESH_FRAMES_MAX: usize = 4;

/// Ranges that may wait to be sent again; a parent asks for one after the other.
const RESENDS_MAX: usize = 16;

/// Of a range that is not of a walk: nothing is left to do.
const PROGRESS_DONE_PERMILLE: u32 = 1_000;

/// Where the pushing end is in its feed, and what it waits for; decides the next frame.
/// Free of clock and network.
pub struct Cursor {
    source: Arc<dyn FeedSource>,
    stage: Stage,
    window: usize,
    /// Items in one frame at most.
    items_max: usize,
    waiting: VecDeque<Sent>,
    /// Ranges that the parent asked for again: the first key and the first after it.
    resends: VecDeque<(Vec<u8>, Option<Vec<u8>>)>,
    packer: Packer,
    /// The last complete mark that was sent in this session.
    said: Option<(Watermark, Digest)>,
    /// Items behind the last batch.
    remaining: u64,
}

enum Stage {
    /// The parent's watermark cannot be continued: a walk over all keys is to begin.
    Begin,
    /// In a walk: the next key, the head when it began, and whether the parent wants the items.
    Walk { next: Vec<u8>, began: Watermark, wanted: bool },
    /// Continuing after this.
    Feed(Watermark),
}

/// An unanswered frame.
enum Sent {
    Other,
    Batch { items: u64, fresh: bool },
    Range { to: Option<Vec<u8>>, asked: bool },
}

/// A frame to send.
pub struct Next {
    /// The frame.
    pub frame: v1::FeedFrame,
    /// Its items.
    pub items: u64,
    /// A walk begins with it.
    pub begins_walk: bool,
}

/// The parent answered what was not asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parent {0}: bring both nodes to one version")]
pub struct WrongAnswer(&'static str);

impl Cursor {
    /// Continues where the parent's welcome allows, else begins a walk.
    ///
    /// Both marks must be known: an item can have moved from below `low` to above it and,
    /// in a crash, back, and only `high` tells that the parent read a view that is gone.
    pub fn new(source: Arc<dyn FeedSource>, welcome: ChildWelcome, window: usize, items_max: usize) -> Self {
        let continues = |mark| source.knows(mark) || made(Mistake::NoResync);
        let known = continues(welcome.high) || made(Mistake::LowAlone);
        let stage = match welcome.walk {
            Some((next, Some(began))) if known && continues(began) => Stage::Walk { next, began, wanted: false },
            None if known && continues(welcome.low) => Stage::Feed(welcome.low),
            Some(_) | None => Stage::Begin,
        };
        Self {
            source,
            stage,
            window: window.max(1),
            items_max: items_max.max(1),
            waiting: VecDeque::new(),
            resends: VecDeque::new(),
            packer: Packer::new(),
            said: None,
            remaining: 0,
        }
    }

    /// Whether a walk is under way.
    pub fn walks(&self) -> bool {
        !matches!(self.stage, Stage::Feed(_))
    }

    /// Items that the parent has not yet applied, as far as they were counted.
    pub fn lag_items(&self) -> u64 {
        let on_the_way = self.waiting.iter().map(|sent| if let Sent::Batch { items, .. } = sent { *items } else { 0 });
        self.remaining + on_the_way.sum::<u64>()
    }

    /// Whether the window has room.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < self.window
    }

    /// Shows the complete mark once more, if there is one: the parent then knows that the feed is
    /// whole now, not only when it last changed.
    pub fn say_again(&mut self) {
        self.said = None;
    }

    /// Counts a frame that is not of the feed.
    pub fn sent_other(&mut self) {
        self.waiting.push_back(Sent::Other);
    }

    /// The next frame, if there is one to send now.
    pub fn next(&mut self) -> Result<Option<Next>, FeedReadError> {
        if !self.has_room() || self.source.holding().is_some() {
            return Ok(None);
        }
        if let Stage::Feed(cursor) = self.stage {
            if let Some((from, to)) = self.resends.pop_front() {
                return self.again(from, to).map(Some);
            }
            let next = self.batch(cursor)?;
            if !matches!(self.stage, Stage::Begin) {
                return Ok(next);
            }
        }
        match &self.stage {
            Stage::Begin => self.begin().map(Some),
            Stage::Walk { next, wanted, .. } if !self.range_waits() => {
                let (from, wanted) = (next.clone(), *wanted);
                self.range(from, wanted).map(Some)
            }
            Stage::Walk { .. } | Stage::Feed(_) => Ok(None),
        }
    }

    /// The parent's audit found that it holds something else: it is sent what is here, beside
    /// the feed and in order with it. A walk sends everything anyway.
    pub fn resend(&mut self, from: Vec<u8>, to: Option<Vec<u8>>) -> Result<(), WrongAnswer> {
        if self.walks() {
            return Ok(());
        }
        if self.resends.len() == RESENDS_MAX {
            return Err(WrongAnswer("asked for too many ranges again"));
        }
        self.resends.push_back((from, to));
        Ok(())
    }

    /// A part of a range that was asked for again. What is left of it comes next, before any
    /// batch: a complete mark in between would compare a half.
    fn again(&mut self, from: Vec<u8>, end: Option<Vec<u8>>) -> Result<Next, FeedReadError> {
        let RangeRead { items, to, view, digest, anchor, .. } =
            self.source.read_range(&from, end.as_deref(), self.items_max, FRAME_BYTES_MAX)?;
        if to != end
            && let Some(next) = to.clone()
        {
            self.resends.push_front((next, end));
        }
        let count = items.len() as u64;
        self.waiting.push_back(Sent::Other);
        let range = v1::Range {
            from,
            to: to.unwrap_or_default(),
            view: Some(view.into()),
            digest: Some(digest.into()),
            anchor: Some(anchor_mark(anchor)),
            payload: Some(self.packer.pack(items)),
            progress: PROGRESS_DONE_PERMILLE,
        };
        let frame = v1::FeedFrame { frame: Some(Frame::Range(range)) };
        Ok(Next { frame, items: count, begins_walk: false })
    }

    fn range_waits(&self) -> bool {
        self.waiting.iter().any(|sent| matches!(sent, Sent::Range { .. }))
    }

    /// The next batch. `None`, and the stage is [`Stage::Begin`], where too much has changed.
    fn batch(&mut self, after: Watermark) -> Result<Option<Next>, FeedReadError> {
        let fresh = self.waiting.iter().filter(|sent| matches!(sent, Sent::Batch { fresh: true, .. })).count();
        if fresh >= FRESH_FRAMES_MAX {
            return Ok(None);
        }
        let Some(read) = self.source.read_since(after, self.items_max, FRAME_BYTES_MAX)? else {
            self.stage = Stage::Begin;
            return Ok(None);
        };
        self.remaining = read.remaining;
        let says = read.complete.map(|digest| (read.view, digest));
        if read.items.is_empty() && read.upto == after && (says.is_none() || says == self.said) {
            return Ok(None);
        }
        self.said = says.or(self.said);
        self.stage = Stage::Feed(read.upto);
        let items = read.items.len() as u64;
        self.waiting.push_back(Sent::Batch { items, fresh: read.remaining == 0 });
        let frame = v1::FeedFrame { frame: Some(Frame::Batch(self.batch_frame(after, read))) };
        Ok(Some(Next { frame, items, begins_walk: false }))
    }

    fn batch_frame(&mut self, after: Watermark, read: FeedRead) -> v1::Batch {
        let complete =
            read.complete.map(|digest| v1::Complete { digest: Some(digest.into()), at_ms: self.source.now_ms() });
        v1::Batch {
            after: Some(after.into()),
            upto: Some(read.upto.into()),
            view: Some(read.view.into()),
            anchor: Some(anchor_mark(read.anchor)),
            payload: (!read.items.is_empty()).then(|| self.packer.pack(read.items)),
            complete,
            remaining: read.remaining,
        }
    }

    fn begin(&mut self) -> Result<Next, FeedReadError> {
        // Head and anchor of one view; its one item is read again with its range.
        let view = self.source.read_range(&[], None, 1, FRAME_BYTES_MAX)?;
        self.resends.clear();
        self.stage = Stage::Walk { next: Vec::new(), began: view.view, wanted: false };
        self.said = None;
        self.waiting.push_back(Sent::Other);
        let begin = v1::WalkBegin { head: Some(view.view.into()), anchor: Some(anchor_mark(view.anchor)) };
        let frame = v1::FeedFrame { frame: Some(Frame::WalkBegin(begin)) };
        Ok(Next { frame, items: 0, begins_walk: true })
    }

    /// A range: asked about by its digest first, read again and sent where it differs.
    fn range(&mut self, from: Vec<u8>, wanted: bool) -> Result<Next, FeedReadError> {
        let RangeRead { items, to, view, digest, anchor, progress_permille } =
            self.source.read_range(&from, None, self.items_max, FRAME_BYTES_MAX)?;
        let count = if wanted { items.len() as u64 } else { 0 };
        self.waiting.push_back(Sent::Range { to: to.clone(), asked: !wanted });
        let range = v1::Range {
            from,
            to: to.unwrap_or_default(),
            view: Some(view.into()),
            digest: Some(digest.into()),
            anchor: Some(anchor_mark(anchor)),
            payload: wanted.then(|| self.packer.pack(items)),
            progress: progress_permille,
        };
        let frame = v1::FeedFrame { frame: Some(Frame::Range(range)) };
        Ok(Next { frame, items: count, begins_walk: false })
    }

    /// The parent has applied this many frames.
    pub fn applied(&mut self, frames: u32) -> Result<(), WrongAnswer> {
        for _ in 0..frames {
            match self.waiting.pop_front() {
                Some(Sent::Other | Sent::Batch { .. }) => {}
                Some(Sent::Range { .. }) => return Err(WrongAnswer("did not answer a range")),
                None => return Err(WrongAnswer("answered more frames than were sent")),
            }
        }
        Ok(())
    }

    /// The parent has answered the range.
    pub fn range_answered(&mut self, agreed: bool) -> Result<(), WrongAnswer> {
        let Some(Sent::Range { to, asked }) = self.waiting.pop_front() else {
            return Err(WrongAnswer("answered a range that was not sent"));
        };
        let Stage::Walk { next, began, wanted } = &mut self.stage else {
            return Err(WrongAnswer("answered a range outside of a walk"));
        };
        match (agreed, asked, to) {
            (true, _, Some(to)) => (*next, *wanted) = (to, false),
            // Never the head of now: what changed below the walk since it began is still to be sent.
            (true, _, None) => self.stage = Stage::Feed(*began),
            (false, true, _) => *wanted = true,
            (false, false, _) => return Err(WrongAnswer("refused a range that it had asked for")),
        }
        Ok(())
    }
}
