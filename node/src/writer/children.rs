//! The children on the writer's side: one stream each, a newer one fences the older; what
//! a frame came to is answered once it is in the index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use wuji_proto::{DivisionCode, Incarnation, Watermark};

use super::held::{first_epoch, former_children, held_reason, restored_point, store_starts, tell};
use super::stamps::Stamps;
use super::{Wish, Wishes};
use crate::catalogue::Reporting;
use crate::feed::child::{Child, Waiting};
use crate::feed::exchange::{
    Admission, ChildFrame, ChildJob, ChildOpening, ChildWelcome, FeedStart, FrameOutcome, Refusal, StreamId,
};
use crate::feed::group::Group;
use crate::feed::heard::Heard;
use crate::feed::intake::{self, Resent, Verdict};
use crate::feed::item::ItemHasher;
use crate::index::draft::Draft;
use crate::index::{IndexError, keys};
use crate::invariant;
use crate::mistake::{Mistake, made};
use crate::store::Store;
use crate::time::NodeTime;

/// How much work a job is, in items.
pub fn weight(job: &ChildJob) -> usize {
    usize::try_from(items(job)).unwrap_or(usize::MAX).max(1)
}

/// The items that a job carries.
pub fn items(job: &ChildJob) -> u64 {
    match job {
        ChildJob::Frame { frame: ChildFrame::Batch { items, .. }, .. }
        | ChildJob::Frame { frame: ChildFrame::Range { items: Some(items), .. }, .. }
        | ChildJob::Told { items, .. } => items.len() as u64,
        _ => 0,
    }
}

/// An answer that waits until its batch is in the index.
pub enum Answer {
    /// To an opening.
    Opened(oneshot::Sender<Admission>, Admission),
    /// To a part of what a held child tells: whether it was taken.
    Told(oneshot::Sender<bool>, bool),
    /// To a decision: what was taken of the child before is in the index.
    Barred(oneshot::Sender<()>),
    /// To an auditor: a range that was asked for again has come.
    Resent(oneshot::Sender<()>),
    /// To an auditor: so many differences were put right.
    Mended(oneshot::Sender<u64>, u64),
    /// To a frame.
    Frame(oneshot::Sender<FrameOutcome>, FrameOutcome),
}

impl Answer {
    /// Sends it; a link that has gone meanwhile does not matter.
    pub fn send(self) {
        match self {
            Self::Opened(reply, answer) => drop(reply.send(answer)),
            Self::Told(reply, taken) => drop(reply.send(taken)),
            Self::Resent(done) | Self::Barred(done) => drop(done.send(())),
            Self::Mended(reply, mended) => drop(reply.send(mended)),
            Self::Frame(reply, outcome) => drop(reply.send(outcome)),
        }
    }
}

/// What the writer knows of the children beyond the index.
pub struct Children {
    wishes: Wishes,
    streams: BTreeMap<DivisionCode, StreamId>,
    /// The starts that each stream's opening told, until a frame of it is taken: one whose journal
    /// went back in time sends none, and what was known of it must stay.
    starts: BTreeMap<DivisionCode, Vec<FeedStart>>,
    /// Of each stream's incarnation.
    hashers: BTreeMap<DivisionCode, (Incarnation, ItemHasher)>,
    /// Journals whose children were held since the start, with what was held of them journalled.
    held: BTreeMap<DivisionCode, Incarnation>,
    catching_up: BTreeSet<DivisionCode>,
    /// Children about which a decision is being written.
    barred: BTreeSet<DivisionCode>,
    applied: BTreeMap<DivisionCode, Watermark>,
    safe: BTreeMap<DivisionCode, Watermark>,
    /// Children whose walk is under way on their present stream.
    walking: BTreeSet<DivisionCode>,
    /// Ranges that children were asked for again on their present stream.
    resending: BTreeMap<DivisionCode, Resending>,
    heard: Arc<Heard>,
    stamps: Stamps,
}

/// Items that one link may hold: several times what a whole city's feed has. Beyond, the
/// child is held for its operator.
const LINK_ITEMS_MAX: u64 = 8_000_000;

/// Walks that run at once: each reads and writes whole ranges, and a county that comes back
/// with all its townships is no sooner done with all of them at a time.
const WALKS_MAX: usize = 8;

impl Children {
    /// Reads the marks from the index.
    pub fn read(store: &Store, wishes: Wishes, reporting: Reporting) -> Result<Self, IndexError> {
        let mut catching_up = BTreeSet::new();
        let mut safe = BTreeMap::new();
        let prefix = keys::children();
        store.index().scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            let child = Child::from_bytes(value)?;
            if let Some(code) = keys::parse_child(key) {
                safe.insert(code, child.low);
                if child.catching_up {
                    catching_up.insert(code);
                }
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        let (streams, starts, hashers, held, resending) = Default::default();
        let (walking, barred, heard) = Default::default();
        let (stamps, applied) = (Stamps::new(reporting, safe.keys().copied()), safe.clone());
        Ok(Self {
            wishes,
            streams,
            starts,
            hashers,
            held,
            catching_up,
            barred,
            applied,
            safe,
            walking,
            resending,
            heard,
            stamps,
        })
    }

    /// What the children tell of the units below them.
    pub fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Children that have yet to show a complete mark.
    pub fn catching_up(&self) -> &BTreeSet<DivisionCode> {
        &self.catching_up
    }

    /// Whether none has.
    pub fn all_complete(&self) -> bool {
        self.catching_up.is_empty()
    }

    /// These have yet to show a complete mark.
    pub fn caught_out(&mut self, marked: &[DivisionCode]) {
        self.catching_up.extend(marked);
    }

    /// An operator has decided about these: nobody waits for the complete mark of a life that is
    /// over or released.
    pub fn decided(&mut self, codes: &[DivisionCode]) {
        for code in codes {
            self.catching_up.remove(code);
            self.barred.remove(code);
        }
    }

    /// A checkpoint covers everything applied.
    pub fn made_safe(&mut self) {
        self.safe.clone_from(&self.applied);
    }

    /// Asks for the journalling of days that are received; how many.
    pub fn stamp(&mut self, store: &Store, time: &NodeTime) -> Result<usize, IndexError> {
        let days = self.stamps.take_due(&Draft::new(store.index()), time.today())?;
        let count = days.len();
        // Not taken: asked again the next time, since what is due stays so until it is stamped.
        if count > 0 && !(self.wishes)(Wish::Stamp(days)) {
            tracing::debug!(count, "the committer is busy: received days wait");
        }
        Ok(count)
    }

    /// Does a job in the group; its answer waits for the batch.
    pub fn job(
        &mut self,
        job: ChildJob,
        group: &mut Group<'_>,
        time: &NodeTime,
        answers: &mut Vec<Answer>,
    ) -> Result<(), IndexError> {
        match job {
            ChildJob::Open { opening, stream, reply } => self.open(opening, stream, reply, group, time, answers)?,
            ChildJob::Frame { child, stream, frame, reply } => {
                let outcome = self.frame(child, stream, frame, group, time, answers)?;
                answers.push(Answer::Frame(reply, outcome));
            }
            ChildJob::Resend { child, from, to, reply, done } => {
                let state = Child::read(&group.draft, child)?;
                let stream = self.streams.get(&child).copied().filter(|_| {
                    state.is_some_and(|state| state.walk.is_none()) && !self.resending.contains_key(&child)
                });
                if stream.is_some() {
                    self.resending.insert(child, Resending { range: Resent { next: from, to }, done });
                }
                // Who asked may have gone.
                let _ = reply.send(stream);
            }
            ChildJob::Told { child, incarnation, upto, items, place, reply } => {
                let taken = tell(group, child, (incarnation, upto), &items, place)?;
                answers.push(Answer::Told(reply, taken));
            }
            ChildJob::Bar { child, bar, reply } => {
                if bar {
                    self.ended(child);
                    self.barred.insert(child);
                } else {
                    self.barred.remove(&child);
                }
                answers.push(Answer::Barred(reply));
            }
            ChildJob::Closed { child, stream } => {
                if self.streams.get(&child) == Some(&stream) {
                    self.ended(child);
                }
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        opening: ChildOpening,
        stream: StreamId,
        reply: oneshot::Sender<Admission>,
        group: &mut Group<'_>,
        time: &NodeTime,
        answers: &mut Vec<Answer>,
    ) -> Result<(), IndexError> {
        let (code, own) = (opening.code, group.own);
        if made(Mistake::IgnoreIncarnation)
            && let Some(child) = Child::read(&group.draft, code)?.filter(|child| child.incarnation.is_some())
        {
            Child { incarnation: Some(opening.incarnation), ..child }.write(&mut group.draft, code);
        }
        let refuse = |reason: String, held| Admission::Refused(Refusal { reason, held });
        let answer = match Child::read(&group.draft, code)? {
            None => refuse(
                format!("{code} is not planned at {own}: its operator runs `wuji child register {code}` there"),
                true,
            ),
            Some(child) if child.retired_from.is_some() => refuse(
                format!(
                    "{code} was retired at {own}, and its figures are kept: `wuji child register {code}` there takes it in again"
                ),
                true,
            ),
            Some(_) if self.barred.contains(&code) => {
                refuse(format!("a decision about {code} is being written at {own}: try again"), false)
            }
            Some(child) => match child.incarnation {
                None => {
                    (self.wishes)(Wish::Accept(code, Box::new(ChildJob::Open { opening, stream, reply })));
                    return Ok(());
                }
                Some(known) if known != opening.incarnation => self.hold(group, child, known, &opening, time)?,
                Some(known) => {
                    self.ended(code);
                    self.streams.insert(code, stream);
                    self.hashers.insert(code, (known, ItemHasher::new(code, known)));
                    self.starts.insert(code, opening.starts);
                    Admission::Welcome(ChildWelcome {
                        low: child.low,
                        high: child.high,
                        walk: child.walk.map(|walk| (walk.next_key, walk.began)),
                        anchor: child.anchor,
                        taken_in: (child.taken_in && code.tier().has_children())
                            .then(|| former_children(group, code))
                            .transpose()?,
                    })
                }
            },
        };
        answers.push(Answer::Opened(reply, answer));
        Ok(())
    }

    /// Another journal than the accepted one: what is held of the child is journalled, since
    /// it may never be sent again, and an operator decides. One that went back in time tells
    /// what it had at the restored point first.
    fn hold(
        &mut self,
        group: &mut Group<'_>,
        mut child: Child,
        known: Incarnation,
        opening: &ChildOpening,
        time: &NodeTime,
    ) -> Result<Admission, IndexError> {
        let code = opening.code;
        let restored_at = restored_point(group, &child, opening)?;
        let same = child.waiting.filter(|it| it.incarnation == opening.incarnation && it.restored_at == restored_at);
        let waiting = same.unwrap_or(Waiting {
            incarnation: opening.incarnation,
            restored_at,
            told: false,
            since_ms: time.now_ms(),
            first_epoch: first_epoch(opening),
        });
        if self.held.get(&code) != Some(&opening.incarnation) && (self.wishes)(Wish::Hold(code)) {
            self.held.insert(code, opening.incarnation);
        }
        if child.waiting != Some(waiting) {
            child.waiting = Some(waiting);
            child.write(&mut group.draft, code);
        }
        let refusal = Refusal { reason: held_reason(group.own, code, known, &waiting), held: true };
        Ok(match restored_at {
            Some(upto @ 1..) if !waiting.told && !code.tier().has_children() => Admission::Recount(upto, refusal),
            _ => Admission::Refused(refusal),
        })
    }

    /// Turns a frame away that there is no room for: the child comes again. Other jobs are given back.
    pub fn no_room(&mut self, job: Box<ChildJob>, answers: &mut Vec<Answer>) -> Option<Box<ChildJob>> {
        let ChildJob::Frame { child, stream, reply, .. } = *job else { return Some(job) };
        if self.streams.get(&child) == Some(&stream) {
            self.ended(child);
        }
        let reason = "the parent's disk is full: it takes figures again once there is room".to_owned();
        answers.push(Answer::Frame(reply, FrameOutcome::Close(Refusal { reason, held: false })));
        None
    }

    fn frame(
        &mut self,
        code: DivisionCode,
        stream: StreamId,
        frame: ChildFrame,
        group: &mut Group<'_>,
        time: &NodeTime,
        answers: &mut Vec<Answer>,
    ) -> Result<FrameOutcome, IndexError> {
        let newest = self.streams.get(&code) == Some(&stream) || made(Mistake::NoFence);
        let hasher = self.hashers.get(&code).filter(|_| newest);
        // An adoption meanwhile ends the stream of the former life.
        let child = Child::read(&group.draft, code)?;
        let child = child.filter(|child| hasher.is_some_and(|(of, _)| child.incarnation == Some(*of)));
        let (Some((_, hasher)), Some(mut child)) = (hasher, child) else {
            let reason = "a newer connection has taken over".to_owned();
            return Ok(FrameOutcome::Close(Refusal { reason, held: false }));
        };
        // Outside of a walk a range is taken only as the answer to what was asked for.
        let mut resending = None;
        match &frame {
            ChildFrame::Heard(units) => self.heard.tell(units),
            ChildFrame::Range { .. } if child.walk.is_none() => resending = self.resending.remove(&code),
            ChildFrame::WalkBegin { .. } | ChildFrame::Range { .. } if !self.walking.contains(&code) => {
                if self.walking.len() == WALKS_MAX {
                    self.ended(code);
                    let reason = format!("{WALKS_MAX} other re-syncs are under way: try again");
                    return Ok(FrameOutcome::Close(Refusal { reason, held: false }));
                }
                self.walking.insert(code);
            }
            _ => {}
        }
        if child.holding.digest.count > LINK_ITEMS_MAX {
            self.ended(code);
            let reason = format!("its feed has more than {LINK_ITEMS_MAX} items: something is wrong with it");
            return Ok(FrameOutcome::Close(Refusal { reason, held: true }));
        }
        let heard = matches!(frame, ChildFrame::Heard(_));
        let before = child.clone();
        let named = self.stamps.days_named(code, &frame);
        let verdict = match &mut resending {
            Some(resending) => intake::resent(group, code, &mut child, hasher, frame, &mut resending.range)?,
            None => intake::apply(group, code, &mut child, hasher, frame, time.now_ms())?,
        };
        if !heard && !matches!(verdict, Verdict::Close(_)) {
            let starts = self.starts.remove(&code).unwrap_or_default();
            store_starts(group, code, &starts)?;
        }
        let today = time.today();
        self.stamps.look(&group.draft, code, &child, named, today)?;
        if verdict == (Verdict::Taken { equal: Some(true) }) {
            self.stamps.complete(&group.draft, code, &child, today)?;
        }
        debug_assert!(invariant::marks_in_order(&child), "{code}: {child:?}");
        if child != before {
            child.write(&mut group.draft, code);
        }
        if !child.catching_up {
            self.catching_up.remove(&code);
        }
        if child.walk.is_none() {
            self.walking.remove(&code);
        } else {
            // The walk brings everything anew.
            self.resending.remove(&code);
        }
        match (resending, &verdict) {
            (Some(resending), Verdict::Taken { .. }) if resending.range.is_done() => {
                answers.push(Answer::Resent(resending.done));
            }
            (Some(resending), Verdict::Taken { .. }) => drop(self.resending.insert(code, resending)),
            _ => {}
        }
        self.applied.insert(code, child.low);
        let safe = self.safe.get(&code).copied().unwrap_or_default();
        Ok(match verdict {
            Verdict::Taken { equal } => FrameOutcome::Applied { applied: child.low, safe, equal },
            Verdict::Range { agreed } => FrameOutcome::Range { agreed },
            Verdict::Close(refusal) => {
                self.ended(code);
                FrameOutcome::Close(refusal)
            }
            Verdict::Differs(refusal) => {
                self.ended(code);
                FrameOutcome::Differs(refusal)
            }
        })
    }

    fn ended(&mut self, code: DivisionCode) {
        self.streams.remove(&code);
        self.starts.remove(&code);
        self.walking.remove(&code);
        self.resending.remove(&code);
    }
}

/// A range that a child was asked for again; dropped, and whoever waits is told so, when the
/// stream ends or a walk begins.
struct Resending {
    range: Resent,
    done: oneshot::Sender<()>,
}

/// Marks every child that ever connected, and has not ended, as catching up.
pub fn mark_catching_up(group: &mut Group<'_>) -> Result<Vec<DivisionCode>, IndexError> {
    let prefix = keys::children();
    let mut marked = Vec::new();
    for (key, value) in group.draft.range(&prefix, keys::after(&prefix).as_deref())? {
        let mut child = Child::from_bytes(&value)?;
        let live = child.incarnation.is_some() && child.retired_from.is_none();
        if let Some(code) = keys::parse_child(&key).filter(|_| live) {
            (child.catching_up, child.released) = (true, false);
            child.write(&mut group.draft, code);
            marked.push(code);
        }
    }
    Ok(marked)
}
