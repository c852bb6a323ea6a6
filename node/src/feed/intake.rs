//! A child's frame, applied to a group: the rules of the protocol on the parent's side.
//! Pure: who may send, and on which stream, was decided before.

use wuji_proto::{Digest, DivisionCode, Watermark};

use super::child::{Child, Walk};
use super::exchange::{Anchor, ChildFrame, Refusal};
use super::group::Group;
use super::item::{FeedItem, ItemHasher};
use crate::index::IndexError;
use crate::mistake::{Mistake, made};
use crate::statistics::rollup::{Intake, KeyRange};

/// What a frame came to, before its group is in the index.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Taken. `equal`: the digests at a complete mark.
    Taken {
        /// Set at a complete mark.
        equal: Option<bool>,
    },
    /// A range agrees or was replaced; or its items are wanted.
    Range {
        /// The walk moved on.
        agreed: bool,
    },
    /// The stream is to be closed and opened anew.
    Close(Refusal),
    /// The same, since the digests differ at a complete mark: a walk is to repair the copy.
    Differs(Refusal),
}

fn close(reason: String) -> Verdict {
    Verdict::Close(Refusal { reason, held: false })
}

/// Applies a frame of a child; `child` is its state, to be stored by the caller.
pub fn apply(
    group: &mut Group<'_>,
    code: DivisionCode,
    child: &mut Child,
    hasher: &ItemHasher,
    frame: ChildFrame,
    now_ms: i64,
) -> Result<Verdict, IndexError> {
    let mut side = Side { group, code, child, hasher };
    match frame {
        ChildFrame::Batch { after, upto, view, anchor, items, complete, .. } => {
            side.batch((after, upto, view), anchor, items, complete, now_ms)
        }
        ChildFrame::WalkBegin { head, anchor } => {
            side.child.taken_in = false;
            side.child.low = Watermark::ZERO;
            side.child.high = head;
            side.child.walk = Some(Walk { next_key: Vec::new(), began: Some(head) });
            side.child.anchor = Some(anchor);
            Ok(Verdict::Taken { equal: None })
        }
        ChildFrame::Range { from, to, view, digest, anchor, items, .. } => {
            side.range((&from, to.as_deref()), digest, items, view, anchor)
        }
        ChildFrame::Heard(_) => Ok(Verdict::Taken { equal: None }),
    }
}

/// What is still to come of a range that a child was asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resent {
    /// The first key that has not come.
    pub next: Vec<u8>,
    /// The first key that was not asked for; `None`: all were.
    pub to: Option<Vec<u8>>,
}

impl Resent {
    /// Whether all has come.
    pub fn is_done(&self) -> bool {
        self.to.as_ref() == Some(&self.next) || self.next.is_empty() && self.to.is_none()
    }
}

/// Applies a range that a child was asked for again, outside of a walk. `low` stays: what
/// changed meanwhile comes by the feed, in the same stream and after this. `high` does not:
/// a child that comes back without the view that this was read from must not continue.
pub fn resent(
    group: &mut Group<'_>,
    code: DivisionCode,
    child: &mut Child,
    hasher: &ItemHasher,
    frame: ChildFrame,
    asked: &mut Resent,
) -> Result<Verdict, IndexError> {
    let ChildFrame::Range { from, to, view, digest, anchor, items: Some(items), .. } = frame else {
        return Ok(close("a range was asked for again, and it was not sent".to_owned()));
    };
    let ends = match (&to, &asked.to) {
        (Some(to), Some(end)) => to <= end && *to > from,
        (Some(to), None) => *to > from,
        (None, end) => end.is_none(),
    };
    if from != asked.next || !ends || view.at < child.low.at {
        return Ok(close("a range is not the one that was asked for again".to_owned()));
    }
    let range = (from.as_slice(), to.as_deref());
    let mut side = Side { group, code, child, hasher };
    if let Some(reason) = side.misfit(range, digest, &items) {
        return Ok(close(reason));
    }
    let mut intake = side.intake();
    intake.replace(range, items)?;
    side.child.holding = intake.holding();
    side.child.high = side.child.high.max(view);
    side.child.anchor = Some(anchor);
    let last = to == asked.to;
    asked.next = to.unwrap_or_default();
    if last {
        // What was replaced may have been what the digest was not made of.
        side.child.holding.digest = side.intake().range_digest((&[], None))?;
    }
    Ok(Verdict::Taken { equal: None })
}

struct Side<'s, 'a> {
    group: &'s mut Group<'a>,
    code: DivisionCode,
    child: &'s mut Child,
    hasher: &'s ItemHasher,
}

impl<'a> Side<'_, 'a> {
    fn intake(&mut self) -> Intake<'_, 'a> {
        Intake::new(self.group, self.code, self.hasher, self.child.holding)
    }

    /// Items in the order of changes: they must continue just where the last ones ended,
    /// and never while a walk is under way, or an item could be skipped for ever.
    fn batch(
        &mut self,
        (after, upto, view): (Watermark, Watermark, Watermark),
        anchor: Anchor,
        items: Vec<FeedItem>,
        complete: Option<Digest>,
        now_ms: i64,
    ) -> Result<Verdict, IndexError> {
        if self.child.walk.is_some() {
            return Ok(close("changes were sent while a walk is under way".to_owned()));
        }
        if after != self.child.low || upto.at < after.at || view.at < upto.at {
            let held = self.child.low.at;
            return Ok(close(format!("changes {} to {} do not continue what is held, {held}", after.at, upto.at)));
        }
        let mut intake = self.intake();
        intake.take(items)?;
        let holding = intake.holding();
        self.child.holding = holding;
        self.child.low = upto;
        self.child.high = self.child.high.max(upto).max(view);
        self.child.anchor = Some(anchor);
        Ok(match complete {
            None => Verdict::Taken { equal: None },
            Some(theirs) if theirs == holding.digest => {
                self.child.catching_up = false;
                self.child.released = false;
                self.child.complete_at_ms = now_ms;
                self.child.complete_anchor = anchor.sequence;
                Verdict::Taken { equal: Some(true) }
            }
            Some(_) => {
                self.child.want_walk();
                let reason = "the copy differs from the child's items: a walk over all keys repairs it".to_owned();
                Verdict::Differs(Refusal { reason, held: false })
            }
        })
    }

    fn range(
        &mut self,
        range: KeyRange<'_>,
        digest: Digest,
        items: Option<Vec<FeedItem>>,
        view: Watermark,
        anchor: Anchor,
    ) -> Result<Verdict, IndexError> {
        let Some(Walk { next_key, began: Some(began) }) = self.child.walk.clone() else {
            return Ok(close("a range was sent but no walk has begun".to_owned()));
        };
        let (from, to) = range;
        if from > next_key.as_slice() || to.is_some_and(|to| to <= from) {
            return Ok(close("a range does not continue the walk".to_owned()));
        }
        match items {
            None => {
                if self.intake().range_digest(range)? != digest {
                    return Ok(Verdict::Range { agreed: false });
                }
            }
            Some(items) => {
                if let Some(reason) = self.misfit(range, digest, &items) {
                    return Ok(close(reason));
                }
                let mut intake = self.intake();
                intake.replace(range, items)?;
                self.child.holding = intake.holding();
            }
        }
        self.child.high = self.child.high.max(view);
        self.child.anchor = Some(anchor);
        self.child.walk = to.map(|to| Walk { next_key: to.to_vec(), began: Some(began) });
        if to.is_none() {
            // Not the head at the end: what changed behind the walk comes by the feed.
            self.child.low = if made(Mistake::WalkToTheHead) { view } else { began };
            // The walk has mended the items; a digest that was off would differ for ever.
            self.child.holding.digest = self.intake().range_digest((&[], None))?;
        }
        Ok(Verdict::Range { agreed: true })
    }

    fn misfit(&self, (from, to): KeyRange<'_>, digest: Digest, items: &[FeedItem]) -> Option<String> {
        let inside = |item: &FeedItem| *item.key >= *from && to.is_none_or(|to| *item.key < *to);
        let in_order = items.is_sorted_by(|a, b| a.key < b.key);
        if !in_order || !items.iter().all(inside) {
            return Some("a range's items are out of order or out of the range".to_owned());
        }
        let sent = items
            .iter()
            .fold(Digest::default(), |sum, item| sum.with(self.hasher.hash(&item.key, &item.value.to_bytes())));
        (sent != digest).then(|| "a range's items do not have the digest it claims".to_owned())
    }
}
