//! The one writer of the index: folds journal groups and children's frames into atomic
//! batches, many at a time, and lets readers see each batch whole.
//!
//! * [`children`]: who may send, on which stream; what a frame came to.
//! * [`held`]: those that come with another journal.
//! * [`stamps`]: days of the children that are received, to be journalled.
//! * [`hold`]: after an unclean stop nothing goes upward until the children are heard.

pub mod children;
pub mod held;
pub mod hold;
pub mod stamps;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use wuji_proto::stored::child_accepted::Mode;
use wuji_proto::{DivisionCode, stored, v1};

use crate::audit::repair::{Repair, mend};
use crate::catalogue::Catalogue;
use crate::feed::exchange::ChildJob;
use crate::feed::group::{FeedHead, Group};
use crate::feed::heard::Heard;
use crate::feed::history::Start;
use crate::fold::{Committed, Fold, FoldError};
use crate::index::{IndexError, keys};
use crate::invariant;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::time::NodeTime;
use children::{Answer, Children};
use hold::Hold;

/// Jobs that may wait for the writer; senders wait beyond.
pub const JOBS_MAX: usize = 256;

/// Entries and items that one batch takes at most, but for its last job.
const BATCH_WEIGHT_MAX: usize = 8_192;

/// Free space below which children's frames are turned away: half of what the journal leaves, so that
/// figures go up long after entries are refused, and the index, which could not go on, is never without.
pub const INDEX_RESERVE_BYTES: u64 = crate::journal::DISK_RESERVE_BYTES / 2;

/// How often the writer looks after its holds and checkpoints.
const TICK: Duration = Duration::from_millis(500);

/// How often received days are journalled: one entry has what came meanwhile.
const STAMP_EVERY: Duration = Duration::from_secs(2);

/// What the writer is asked to do.
pub enum Job {
    /// Entries that are on disk, in journal order.
    Entries(Vec<Committed>),
    /// Something of a child.
    Child(Box<ChildJob>),
    /// An entry that lets a child in, with the opening that waited for it.
    Accepted(Box<Committed>, Box<ChildJob>),
    /// The node was taken in again by its parent: nothing goes upward before every child has
    /// shown a complete mark, however long it takes.
    TakenIn(oneshot::Sender<()>),
    /// Put right what an audit found.
    Repair(Box<Repair>),
    /// Have the days that are received journalled, and say how many they are.
    Stamp(oneshot::Sender<usize>),
    /// Apply all before this, make it safe, and say so.
    Checkpoint(oneshot::Sender<Result<(), IndexError>>),
}

impl Job {
    fn weight(&self) -> usize {
        match self {
            Self::Entries(entries) => entries.len(),
            Self::Child(job) => children::weight(job),
            Self::Repair(repair) => repair.found.len(),
            Self::Accepted(..) | Self::TakenIn(_) | Self::Stamp(_) | Self::Checkpoint(_) => 1,
        }
    }
}

/// What waits for the writer. The node's own entries and the children's frames wait apart:
/// neither keeps the other out.
pub struct Inbox {
    /// From the committer.
    pub own: mpsc::Receiver<Job>,
    /// From the links below.
    pub children: mpsc::Receiver<ChildJob>,
}

impl Inbox {
    /// Takes what waits behind a job, up to a batch.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let mut weight = first.weight();
        let mut batch = vec![first];
        while weight < BATCH_WEIGHT_MAX {
            let waiting =
                [self.own.try_recv().ok(), self.children.try_recv().ok().map(|job| Job::Child(Box::new(job)))];
            let before = batch.len();
            for job in waiting.into_iter().flatten() {
                weight += job.weight();
                batch.push(job);
            }
            if batch.len() == before {
                break;
            }
        }
        batch
    }
}

/// Why the writer stopped. The node stops with it: an index that cannot be written is
/// rebuilt at the next start.
#[derive(Debug, Error)]
pub enum WriterError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An entry does not fit.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// What the writer wants journalled.
pub enum Wish {
    /// A child's first incarnation, with the opening that waits for it.
    Accept(DivisionCode, Box<ChildJob>),
    /// What is held of a child that came back with another journal.
    Hold(DivisionCode),
    /// Days of children that are received.
    Stamp(Vec<stored::DayReceived>),
}

/// Puts a wish to the committer, without waiting for it. False: not now; the wish is dropped
/// and the child comes again.
pub type Wishes = Box<dyn Fn(Wish) -> bool + Send>;

/// The writer's parts.
pub struct Writer {
    store: Arc<Store>,
    catalogue: Arc<Catalogue>,
    time: NodeTime,
    children: Children,
    hold: Hold,
    /// Not empty after a rebuild, until every child was complete.
    rebuilt: String,
    checkpoint_every: Duration,
    checkpointed: Arc<watch::Sender<i64>>,
    metrics: Arc<Metrics>,
    free_bytes: FreeBytes,
    dirty: bool,
    replaying: bool,
}

/// Bytes that are free on the index's disk; `None`: it does not tell.
pub type FreeBytes = Box<dyn Fn() -> Option<u64> + Send>;

/// What the writer is started with.
pub struct WriterOptions {
    /// Why the index was rebuilt; empty: it was not, or every child was complete since.
    pub rebuilt: String,
    /// Children may have sent what an unclean stop lost: hold the feed back so long.
    pub hold: Duration,
    /// Time between checkpoints of a changing index.
    pub checkpoint_every: Duration,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// Asked before a child's frame is taken.
    pub free_bytes: FreeBytes,
}

impl Writer {
    /// A writer over a store whose index is folded up to its state.
    pub fn new(
        store: Arc<Store>,
        catalogue: Arc<Catalogue>,
        time: NodeTime,
        options: WriterOptions,
        wishes: Wishes,
    ) -> Result<Self, IndexError> {
        let children = Children::read(&store, wishes, catalogue.reporting())?;
        let hold = Hold::new(options.hold, !options.rebuilt.is_empty());
        let checkpointed = Arc::new(watch::Sender::new(time.now_ms()));
        Ok(Self {
            store,
            catalogue,
            time,
            children,
            hold,
            rebuilt: options.rebuilt,
            checkpoint_every: options.checkpoint_every,
            checkpointed,
            metrics: options.metrics,
            free_bytes: options.free_bytes,
            dirty: true,
            replaying: false,
        })
    }

    /// The store that is written.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// When the last checkpoint was made, milliseconds since 1970.
    pub fn checkpoints(&self) -> watch::Receiver<i64> {
        self.checkpointed.subscribe()
    }

    /// What the children tell of the units below them.
    pub fn heard(&self) -> Arc<Heard> {
        self.children.heard()
    }

    /// Works until the committer is gone, then makes a last checkpoint. Blocks: to be run by
    /// [`crate::env::Env::spawn_worker`].
    pub async fn run(mut self, mut inbox: Inbox) -> Result<(), WriterError> {
        self.look_after_hold();
        let mut tick = tokio::time::interval(TICK);
        let mut checkpoint = tokio::time::interval(self.checkpoint_every);
        let mut stamp = tokio::time::interval(STAMP_EVERY);
        stamp.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = checkpoint.tick() => self.checkpoint()?,
                _ = tick.tick() => self.look_after_hold(),
                _ = stamp.tick() => drop(self.children.stamp(&self.store, &self.time)?),
                job = inbox.own.recv() => match job {
                    Some(first) => self.apply(inbox.gather(first))?,
                    None => return Ok(self.checkpoint()?),
                },
                Some(first) = inbox.children.recv() => self.apply(inbox.gather(Job::Child(Box::new(first))))?,
            }
        }
    }

    /// Applies jobs as one batch of the index, then answers them.
    pub fn apply(&mut self, batch: Vec<Job>) -> Result<(), WriterError> {
        let (catalogue, replaying) = (Arc::clone(&self.catalogue), self.replaying);
        let mut pass = Pass::default();
        self.group(&mut pass, |writer, group, pass| {
            let mut fold = Fold::new(&catalogue, replaying);
            for job in batch {
                writer.job(job, group, &mut fold, pass)?;
            }
            Ok(fold.finish(group)?)
        })?;
        pass.answers.into_iter().for_each(Answer::send);
        if !pass.checkpoints.is_empty() {
            self.checkpoint()?;
        }
        pass.checkpoints.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
        for reply in pass.stamps {
            // Whoever asked may have gone.
            let _ = reply.send(self.children.stamp(&self.store, &self.time)?);
        }
        Ok(())
    }

    /// Folds entries that an earlier run wrote.
    pub fn replay(&mut self, entries: Vec<Committed>) -> Result<(), WriterError> {
        self.replaying = true;
        let done = self.apply(vec![Job::Entries(entries)]);
        self.replaying = false;
        done
    }

    /// One batch of changes that are neither an entry's nor a child's.
    pub fn batch_of(&mut self, work: impl FnOnce(&mut Group<'_>) -> Result<(), IndexError>) -> Result<(), WriterError> {
        self.group(&mut Pass::default(), |_, group, _| Ok(work(group)?))
    }

    /// Makes the own directory entry known.
    pub fn introduce(&mut self, entry: v1::UnitEntry) -> Result<(), WriterError> {
        let own = self.store.own;
        self.batch_of(|group| group.publish_unit(own, entry))
    }

    /// After an unclean stop: what the children sent last may be lost here.
    pub fn mark_catching_up(&mut self) -> Result<(), WriterError> {
        let mut marked = Vec::new();
        self.group(&mut Pass::default(), |writer, group, _| {
            marked = children::mark_catching_up(group)?;
            writer.children.caught_out(&marked);
            Ok(())
        })
    }

    fn group(
        &mut self,
        pass: &mut Pass,
        work: impl FnOnce(&mut Self, &mut Group<'_>, &mut Pass) -> Result<(), WriterError>,
    ) -> Result<(), WriterError> {
        let (head, before) = {
            let view = self.store.view();
            (current_start(view.state.head, view.state.history.newest()), view.state.applied)
        };
        let digest = head.digest;
        pass.applied = before;
        let store = Arc::clone(&self.store);
        let mut group = Group::new(store.index(), store.own, head, &store.hasher);
        work(self, &mut group, pass)?;
        self.children.decided(&pass.decided);
        self.children.caught_out(&pass.regained);
        let former = head.at;
        let head = group.settle();
        debug_assert!(invariant::sequences_rise(former, head.at), "{former} is followed by {}", head.at);
        if group.draft.is_empty() && pass.applied == before && head.digest == digest {
            return Ok(());
        }
        if self.children.all_complete() {
            self.rebuilt.clear();
        }
        group.draft.put(keys::head(), self.index_head(head, pass.applied));
        let (writes, moved) = group.finish();
        let (catching_up, holding) = self.upward();
        store.commit(&writes, moved, |state| {
            state.head = head;
            state.applied = pass.applied;
            state.catching_up = catching_up;
            state.holding = holding;
            pass.starts.iter().for_each(|start| state.history.push(*start));
        })?;
        self.metrics.index_batches.inc();
        self.metrics.feed_items.set(i64::try_from(head.digest.count).unwrap_or(i64::MAX));
        self.dirty = true;
        Ok(())
    }

    fn job(
        &mut self,
        job: Job,
        group: &mut Group<'_>,
        fold: &mut Fold<'_>,
        pass: &mut Pass,
    ) -> Result<(), WriterError> {
        match job {
            Job::Entries(entries) => entries.iter().try_for_each(|entry| pass.entry(group, fold, entry)),
            Job::Child(job) => {
                let full = (self.free_bytes)().is_some_and(|free| free < INDEX_RESERVE_BYTES);
                let job = if full { self.children.no_room(job, &mut pass.answers) } else { Some(job) };
                let Some(job) = job else { return Ok(()) };
                self.metrics.items_applied.inc_by(children::items(&job));
                Ok(self.children.job(*job, group, &self.time, &mut pass.answers)?)
            }
            Job::Accepted(entry, opening) => {
                pass.entry(group, fold, &entry)?;
                Ok(self.children.job(*opening, group, &self.time, &mut pass.answers)?)
            }
            Job::TakenIn(done) => {
                self.hold.without_limit();
                pass.answers.push(Answer::Barred(done));
                Ok(())
            }
            Job::Repair(repair) => {
                let mended = mend(group, &self.store, &self.catalogue, &repair)?;
                pass.answers.push(Answer::Mended(repair.reply, mended));
                Ok(())
            }
            Job::Stamp(reply) => {
                pass.stamps.push(reply);
                Ok(())
            }
            Job::Checkpoint(reply) => {
                pass.checkpoints.push(reply);
                Ok(())
            }
        }
    }

    fn index_head(&self, head: FeedHead, applied: u64) -> Vec<u8> {
        prost::Message::encode_to_vec(&stored::IndexHead {
            format: crate::index::FORMAT,
            applied,
            head_start: head.at.start,
            head_number: head.at.number,
            digest: head.digest.sum.to_le_bytes().to_vec(),
            count: head.digest.count,
            incarnation: self.store.incarnation.to_bytes().to_vec(),
            rebuilt: self.rebuilt.clone(),
        })
    }

    /// Whether complete marks are withheld, and why nothing is pushed at all.
    fn upward(&self) -> (bool, Option<String>) {
        (!self.children.all_complete(), self.hold.reason(&self.children))
    }

    fn look_after_hold(&mut self) {
        let (catching_up, holding) = self.upward();
        if self.store.view().state.holding != holding {
            tracing::info!(holding = holding.as_deref().unwrap_or("over"), "holding the feed back");
            self.store.update(|state| {
                state.holding = holding;
                state.catching_up = catching_up;
            });
        }
    }

    fn checkpoint(&mut self) -> Result<(), IndexError> {
        if std::mem::take(&mut self.dirty) {
            self.store.index().checkpoint()?;
            self.children.made_safe();
            self.checkpointed.send_replace(self.time.now_ms());
            self.metrics.checkpoints.inc();
        }
        Ok(())
    }
}

/// New changes get sequences of the newest start, from 1.
fn current_start(head: FeedHead, newest: u32) -> FeedHead {
    let at = if head.at.start == newest { head.at } else { wuji_proto::Sequence { start: newest, number: 0 } };
    FeedHead { at, ..head }
}

/// What one batch gathers besides its group.
#[derive(Default)]
struct Pass {
    applied: u64,
    starts: Vec<Start>,
    /// Children about which an operator has decided.
    decided: Vec<DivisionCode>,
    /// Children that the node had, and knows again.
    regained: Vec<DivisionCode>,
    answers: Vec<Answer>,
    checkpoints: Vec<oneshot::Sender<Result<(), IndexError>>>,
    stamps: Vec<oneshot::Sender<usize>>,
}

impl Pass {
    fn entry(&mut self, group: &mut Group<'_>, fold: &mut Fold<'_>, entry: &Committed) -> Result<(), WriterError> {
        let sequence = entry.position.sequence;
        if sequence <= self.applied {
            return Ok(());
        }
        fold.entry(group, entry)?;
        match &entry.entry.event {
            Some(stored::entry::Event::Started(started)) => self.starts.push(Start::from_entry(started, sequence)),
            Some(stored::entry::Event::ChildRegistered(child)) if child.regained => {
                self.regained.extend(child.code.parse::<DivisionCode>().ok());
            }
            Some(event) => self.decided.extend(decided_about(event)),
            None => {}
        }
        self.applied = sequence;
        Ok(())
    }
}

/// The child that a decision is about.
fn decided_about(event: &stored::entry::Event) -> Option<DivisionCode> {
    use stored::entry::Event;
    let code = match event {
        Event::ChildAccepted(accepted) if accepted.mode() == Mode::KeepHistory => &accepted.code,
        Event::ChildReleased(released) => &released.code,
        Event::ChildRetired(retired) => &retired.code,
        _ => return None,
    };
    code.parse().ok()
}
