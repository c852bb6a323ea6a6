//! What a parent knows of a child's feed, as stored.

use wuji_proto::{Digest, DivisionCode, Incarnation, Watermark, stored, wire};

use super::exchange::Anchor;
use crate::index::draft::Draft;
use crate::index::{IndexError, keys, values};
use crate::statistics::rollup::Holding;

/// A walk over all keys, under way or needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The first key that it has not covered.
    pub next_key: Vec<u8>,
    /// The child's head when it began; `None`: it is yet to begin.
    pub began: Option<Watermark>,
}

/// A planned child and how far its feed is held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Child {
    /// What the registry calls it.
    pub name: String,
    /// The day from which it is expected to report, days since 1900-01-01.
    pub expected_from: i32,
    /// The accepted life of its journal; `None`: it never connected.
    pub incarnation: Option<Incarnation>,
    /// The epoch of that life's first start.
    pub first_epoch: Option<u64>,
    /// Continue here.
    pub low: Watermark,
    /// Head of the newest view that anything was read from.
    pub high: Watermark,
    /// A walk under way or needed.
    pub walk: Option<Walk>,
    /// The newest journal entry of the child that the parent has proof of.
    pub anchor: Option<Anchor>,
    /// Digest of what is held, and the items set aside.
    pub holding: Holding,
    /// It may have sent what an unclean stop lost here; until it shows a complete mark.
    pub catching_up: bool,
    /// The node's time at the last complete mark with equal digests; 0: none yet.
    pub complete_at_ms: i64,
    /// The child's newest journal entry at that mark: what is held is at least as new.
    pub complete_anchor: u64,
    /// An operator gave up waiting for its complete mark.
    pub released: bool,
    /// It came back with this journal, and an operator must decide.
    pub waiting: Option<Waiting>,
    /// The civil day on which its first journal was accepted, days since 1900-01-01.
    pub connected_from: Option<i32>,
    /// The first day on which it is not expected any more: it has ended, and is not let in.
    pub retired_from: Option<i32>,
    /// Its new life was taken in, and it has not begun to send yet.
    pub taken_in: bool,
    /// What it lost when it went back in time and nobody has settled yet.
    pub unsettled: Option<Unsettled>,
}

/// What a child lost counts on until an operator settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
    /// It could not be told amount by amount: this node may have lacked what the child sent
    /// last, or the child has children, whose own figures came back.
    pub unknown: bool,
}

/// A life of a child's journal that is not the accepted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The last entry that it and the accepted life both have. `None`: they share no start, it
    /// came back empty.
    pub restored_at: Option<u64>,
    /// It has told what it had after that entry.
    pub told: bool,
    /// Since when it waits, milliseconds since 1970.
    pub since_ms: i64,
    /// The epoch of its first start.
    pub first_epoch: Option<u64>,
}

impl Child {
    /// Reads a child; `None` if it is not planned here.
    pub fn read(draft: &Draft<'_>, code: DivisionCode) -> Result<Option<Self>, IndexError> {
        Ok(draft.message::<stored::ChildHead>("a child's state", &keys::child(code))?.map(Into::into))
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        values::decode::<stored::ChildHead>("a child's state", bytes).map(Into::into)
    }

    /// Writes it.
    pub fn write(&self, draft: &mut Draft<'_>, code: DivisionCode) {
        draft.put(keys::child(code), prost::Message::encode_to_vec(&stored::ChildHead::from(self)));
    }

    /// Accepts a life of its journal; what is held of it begins anew.
    pub fn accept(&mut self, incarnation: Incarnation, first_epoch: Option<u64>) {
        *self = Self {
            first_epoch,
            name: std::mem::take(&mut self.name),
            expected_from: self.expected_from,
            incarnation: Some(incarnation),
            connected_from: self.connected_from,
            unsettled: self.unsettled,
            ..Self::default()
        };
    }

    /// Whether what is held came from the journal, where it was written when the child was
    /// held: then nothing is missing that this node ever had.
    pub fn is_snapshot(&self) -> bool {
        self.low == Watermark::ZERO && self.walk.is_none() && self.holding.digest.count > 0
    }

    /// Whether this node may lack what the child sent last, and nobody has given that up.
    pub fn is_behind(&self) -> bool {
        !self.released && (self.catching_up && !self.is_snapshot() || self.walk.is_some())
    }

    /// Asks for a walk: the copy is not what the child has.
    pub fn want_walk(&mut self) {
        self.low = Watermark::ZERO;
        self.walk = Some(Walk { next_key: Vec::new(), began: None });
    }
}

impl From<stored::ChildHead> for Child {
    fn from(head: stored::ChildHead) -> Self {
        let anchor = head.anchor_hash.try_into().ok().map(|hash| Anchor { sequence: head.anchor_sequence, hash });
        Self {
            name: head.name,
            expected_from: head.expected_from,
            incarnation: Incarnation::from_slice(&head.incarnation),
            low: head.low.map(Into::into).unwrap_or_default(),
            high: head.high.map(Into::into).unwrap_or_default(),
            walk: head.walk.map(|walk| Walk { next_key: walk.next_key, began: walk.began.map(Into::into) }),
            anchor,
            holding: Holding {
                digest: Digest { sum: wire::digest_sum(&head.digest), count: head.count },
                malformed: head.malformed,
            },
            catching_up: head.catching_up,
            complete_at_ms: head.complete_at_ms,
            complete_anchor: head.complete_anchor,
            released: head.released,
            waiting: Incarnation::from_slice(&head.waiting).map(|incarnation| Waiting {
                incarnation,
                restored_at: head.waiting_restored_at,
                told: head.waiting_told,
                since_ms: head.waiting_since_ms,
                first_epoch: head.waiting_first_epoch,
            }),
            first_epoch: head.first_epoch,
            connected_from: head.connected_from,
            retired_from: head.retired_from,
            taken_in: head.taken_in,
            unsettled: (head.unsettled_since_ms != 0)
                .then_some(Unsettled { since_ms: head.unsettled_since_ms, unknown: head.unsettled_unknown }),
        }
    }
}

impl From<&Child> for stored::ChildHead {
    fn from(child: &Child) -> Self {
        Self {
            incarnation: child.incarnation.map(|life| life.to_bytes().to_vec()).unwrap_or_default(),
            name: child.name.clone(),
            expected_from: child.expected_from,
            low: Some(child.low.into()),
            high: Some(child.high.into()),
            walk: child
                .walk
                .as_ref()
                .map(|walk| stored::WalkState { next_key: walk.next_key.clone(), began: walk.began.map(Into::into) }),
            anchor_sequence: child.anchor.map_or(0, |anchor| anchor.sequence),
            anchor_hash: child.anchor.map(|anchor| anchor.hash.to_vec()).unwrap_or_default(),
            digest: child.holding.digest.sum.to_le_bytes().to_vec(),
            count: child.holding.digest.count,
            catching_up: child.catching_up,
            complete_at_ms: child.complete_at_ms,
            malformed: child.holding.malformed,
            waiting: child.waiting.map(|waiting| waiting.incarnation.to_bytes().to_vec()).unwrap_or_default(),
            waiting_restored_at: child.waiting.and_then(|waiting| waiting.restored_at),
            waiting_told: child.waiting.is_some_and(|waiting| waiting.told),
            waiting_since_ms: child.waiting.map_or(0, |waiting| waiting.since_ms),
            waiting_first_epoch: child.waiting.and_then(|waiting| waiting.first_epoch),
            first_epoch: child.first_epoch,
            complete_anchor: child.complete_anchor,
            released: child.released,
            connected_from: child.connected_from,
            retired_from: child.retired_from,
            taken_in: child.taken_in,
            unsettled_since_ms: child.unsettled.map_or(0, |unsettled| unsettled.since_ms),
            unsettled_unknown: child.unsettled.is_some_and(|unsettled| unsettled.unknown),
        }
    }
}
