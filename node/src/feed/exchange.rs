//! What the two ends of a link say to the state they work on: the pushing end reads the
//! own feed through [`FeedSource`], the accepting end hands a child's frames to the one
//! writer of the index as [`ChildJob`]s. `link` knows streams and bytes, the state knows
//! sequences and cells; this is all they share.

use tokio::sync::{oneshot, watch};
use wuji_proto::{Digest, DivisionCode, Incarnation, Watermark};

use super::item::FeedItem;

/// The newest journal entry when a view was read: its sequence and the chain hash after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The journal sequence; 0 before the first entry.
    pub sequence: u64,
    /// The chain hash.
    pub hash: [u8; 32],
}

/// A start of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedStart {
    /// From 1.
    pub number: u32,
    /// Random.
    pub epoch: u64,
    /// The journal sequence of its entry.
    pub sequence: u64,
}

/// A failure to read the own feed; the node's own fault, never the parent's.
#[derive(Debug, thiserror::Error)]
#[error("reading the own feed: {0}")]
pub struct FeedReadError(pub String);

/// The own feed, as the pushing end reads it. Calls block briefly and come from a thread
/// that may block.
pub trait FeedSource: Send + Sync {
    /// This unit.
    fn code(&self) -> DivisionCode;
    /// The life of the journal.
    fn incarnation(&self) -> Incarnation;
    /// Every start, the newest last.
    fn starts(&self) -> Vec<FeedStart>;
    /// The newest sequence.
    fn head(&self) -> Watermark;
    /// Whether a mark names a place of this feed's own past that it can continue from.
    fn knows(&self, mark: Watermark) -> bool;
    /// Whether the journal holds this entry with this hash.
    fn holds(&self, anchor: Anchor) -> Result<bool, FeedReadError>;
    /// Items changed after `after`, oldest change first, at most `items_max` of them and
    /// about `bytes_max` bytes. `None`: too many have changed to list them in order; walk.
    fn read_since(
        &self,
        after: Watermark,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<Option<FeedRead>, FeedReadError>;
    /// Items with keys from `from` on and before `to`, a range of at most `items_max` items and
    /// about `bytes_max` bytes. Its end is `to` if it reaches so far.
    fn read_range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<RangeRead, FeedReadError>;
    /// The own cells as they were after this entry of the journal, in the order of keys. May
    /// take as long as opening without an index.
    fn recount(&self, upto: u64) -> Result<Vec<FeedItem>, FeedReadError>;
    /// Changes whenever the head, the completeness or the holding may have changed.
    fn watch(&self) -> watch::Receiver<u64>;
    /// Why nothing may be pushed now (after an unclean stop, until the children have shown
    /// complete marks); `None`: go on.
    fn holding(&self) -> Option<String>;
    /// The largest time that the parent has shown; keeps the node's own time from lagging.
    fn observe_parent_time(&self, parent_ms: i64);
    /// The node's time, milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// A part of the feed in the order of changes. All from one view.
#[derive(Clone, Debug)]
pub struct FeedRead {
    /// The items, each at its newest value.
    pub items: Vec<FeedItem>,
    /// The part reaches up to here.
    pub upto: Watermark,
    /// Head of the view.
    pub view: Watermark,
    /// Items changed beyond `upto`.
    pub remaining: u64,
    /// Digest of the whole feed: only where `upto` is the head and this node is not itself
    /// catching up. The batch is then a complete mark 完整点.
    pub complete: Option<Digest>,
    /// The journal's newest entry that the view holds.
    pub anchor: Anchor,
}

/// A range of the feed in the order of keys. All from one view.
#[derive(Clone, Debug)]
pub struct RangeRead {
    /// The items with keys in the range.
    pub items: Vec<FeedItem>,
    /// The first key after the range; `None`: the range reaches the end of the feed.
    pub to: Option<Vec<u8>>,
    /// Head of the view.
    pub view: Watermark,
    /// Digest of the range's items.
    pub digest: Digest,
    /// The journal's newest entry that the view holds.
    pub anchor: Anchor,
    /// How much of the feed lies before `to`, in 1/1,000.
    pub progress_permille: u32,
}

/// Numbers the streams of this run of the node; a newer stream of a child fences the older.
pub type StreamId = u64;

/// What the accepting end asks of the writer.
pub enum ChildJob {
    /// A child has opened a stream; its certificate names `opening.code`.
    Open {
        /// What it said.
        opening: ChildOpening,
        /// Numbered by the accepting end, rising.
        stream: StreamId,
        /// What the parent holds, or why the child is not let in.
        reply: oneshot::Sender<Admission>,
    },
    /// A child that is held has told a part of what it had at the restored point.
    Told {
        /// The child.
        child: DivisionCode,
        /// The life of its journal that tells.
        incarnation: Incarnation,
        /// After this entry of it.
        upto: u64,
        /// Its cells.
        items: Vec<FeedItem>,
        /// The first and the last part.
        place: (bool, bool),
        /// Whether it was taken: once it is in the index.
        reply: oneshot::Sender<bool>,
    },
    /// An operator's decision about a child is being written: what its open stream sends is not
    /// taken, and it is not let in, until the decision is folded or given up.
    Bar {
        /// The child.
        child: DivisionCode,
        /// False: the decision was given up.
        bar: bool,
        /// Told when everything that was taken before is in the index.
        reply: oneshot::Sender<()>,
    },
    /// A frame of an opened stream. Frames of a stream are sent in order, without waiting.
    Frame {
        /// The child.
        child: DivisionCode,
        /// Its stream.
        stream: StreamId,
        /// The frame.
        frame: ChildFrame,
        /// Told when the frame is in the index (not yet checkpointed).
        reply: oneshot::Sender<FrameOutcome>,
    },
    /// An audit found that what is held of these keys is not what the child has.
    Resend {
        /// The child.
        child: DivisionCode,
        /// First key.
        from: Vec<u8>,
        /// First key after it; `None`: the end.
        to: Option<Vec<u8>>,
        /// The stream on which to ask; `None`: not now.
        reply: oneshot::Sender<Option<StreamId>>,
        /// Told when the whole range is replaced; dropped if it will not be.
        done: oneshot::Sender<()>,
    },
    /// The stream has ended.
    Closed {
        /// The child.
        child: DivisionCode,
        /// Its stream.
        stream: StreamId,
    },
}

/// A child's first frame, checked.
#[derive(Clone, Debug)]
pub struct ChildOpening {
    /// The unit.
    pub code: DivisionCode,
    /// The life of its journal.
    pub incarnation: Incarnation,
    /// Its starts, the newest last.
    pub starts: Vec<FeedStart>,
    /// Its newest sequence.
    pub head: Watermark,
    /// What it calls itself.
    pub name: String,
    /// Its program.
    pub version: String,
    /// Its catalogue.
    pub catalogue_version: String,
    /// Its clock, milliseconds since 1970.
    pub clock_ms: i64,
}

/// What becomes of an opening.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// The child may push.
    Welcome(ChildWelcome),
    /// It may not.
    Refused(Refusal),
    /// It may not: its journal went back in time. First it is to tell what it had after this
    /// entry, so that what was lost since can be named.
    Recount(u64, Refusal),
}

/// What the parent holds of a child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildWelcome {
    /// Continue here.
    pub low: Watermark,
    /// Head of the newest view that anything was read from.
    pub high: Watermark,
    /// An unfinished walk: the first key that it has not covered, and the child's head when it began.
    pub walk: Option<(Vec<u8>, Option<Watermark>)>,
    /// Of the last frame that was applied.
    pub anchor: Option<Anchor>,
    /// Set if the child comes with another life than before: the children that it had.
    pub taken_in: Option<Vec<FormerChild>>,
}

/// A child of a child, as its grandparent was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerChild {
    /// The unit.
    pub code: DivisionCode,
    /// Its name.
    pub name: String,
    /// The day from which it is expected, days since 1900-01-01; of the month, where the day is
    /// not known.
    pub expected_from: i32,
}

/// Why a child is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In words for the child's status.
    pub reason: String,
    /// An operator must decide; retrying soon does not help.
    pub held: bool,
}

/// A frame after the opening. Items are not yet checked beyond their sizes.
#[derive(Clone, Debug)]
pub enum ChildFrame {
    /// Items in the order of changes.
    Batch {
        /// Follows on this.
        after: Watermark,
        /// Reaches up to this.
        upto: Watermark,
        /// Head of the view it was read from.
        view: Watermark,
        /// The child's newest journal entry in that view.
        anchor: Anchor,
        /// The items.
        items: Vec<FeedItem>,
        /// Digest of the whole feed at `upto`, if this is a complete mark.
        complete: Option<Digest>,
        /// Items that the child has still to send.
        remaining: u64,
    },
    /// A walk over all keys begins.
    WalkBegin {
        /// The child's head now; the watermark when the walk ends.
        head: Watermark,
        /// The child's newest journal entry.
        anchor: Anchor,
    },
    /// A range of keys.
    Range {
        /// First key.
        from: Vec<u8>,
        /// First key after it; `None`: the end.
        to: Option<Vec<u8>>,
        /// Head of the view it was read from.
        view: Watermark,
        /// Digest of its items.
        digest: Digest,
        /// The child's newest journal entry in that view.
        anchor: Anchor,
        /// The items that replace the range; `None`: asks whether the digests agree.
        items: Option<Vec<FeedItem>>,
        /// How much of the feed lies before `to`, in 1/1,000.
        progress_permille: u32,
    },
    /// When units below were last complete: code, seconds since 1970, state (see `HeardUnit`).
    Heard(Vec<(DivisionCode, u32, u32)>),
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameOutcome {
    /// In the index.
    Applied {
        /// The watermark now.
        applied: Watermark,
        /// Covered by a checkpoint.
        safe: Watermark,
        /// Whether the digests were equal, at a complete mark.
        equal: Option<bool>,
    },
    /// The answer to a range.
    Range {
        /// Equal, or replaced; otherwise the range's items are wanted.
        agreed: bool,
    },
    /// The stream is to be closed.
    Close(Refusal),
    /// The same, since the digests differ at a complete mark.
    Differs(Refusal),
}
