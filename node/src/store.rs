//! The index as readers see it: a view that never shows half a batch.
//!
//! A [`View`] holds the gate for reading; the writer takes it for the moment in which a
//! batch is applied and the feed's state moves. So totals, feed and watermarks are always
//! from one state.

use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::watch;
use wuji_proto::{DivisionCode, Incarnation};

use crate::feed::changes::Changes;
use crate::feed::group::{FeedHead, Moved};
use crate::feed::history::History;
use crate::feed::item::ItemHasher;
use crate::index::{Index, IndexError, Writes, keys};
use crate::mistake::{Mistake, made};
use crate::statistics::Figures;
use crate::statistics::memory::Memory;

/// The part of the state that is in memory, always that of the index it stands beside.
pub struct State {
    /// Where the own feed stands.
    pub head: FeedHead,
    /// The node's starts.
    pub history: History,
    /// What changed lately.
    pub changes: Changes,
    /// The journal entry up to which the index is folded.
    pub applied: u64,
    /// A child may have sent what an unclean stop lost here.
    pub catching_up: bool,
    /// Why nothing is pushed upward now.
    pub holding: Option<String>,
}

/// The index and what belongs to it.
pub struct Store {
    /// This unit.
    pub own: DivisionCode,
    /// The life of its journal.
    pub incarnation: Incarnation,
    /// Hashes the own feed's items.
    pub hasher: ItemHasher,
    /// What answers are made from again and again.
    pub memory: Memory,
    index: Box<dyn Index>,
    state: RwLock<State>,
    followers: Mutex<Vec<Weak<Mutex<dyn Follower>>>>,
    applied: watch::Sender<Applied>,
    changed: watch::Sender<u64>,
}

/// Moves with the index: told of every batch in the moment before it is applied.
pub trait Follower: Send {
    /// `writes` are about to be applied to `index`, which nobody reads meanwhile.
    fn follow(&mut self, index: &dyn Index, writes: &Writes);
}

/// How far the index follows the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Applied {
    sequence: u64,
    /// The writer has failed: it will follow no further.
    failed: bool,
}

/// One state of index and feed.
pub struct View<'a> {
    /// The index.
    pub index: &'a dyn Index,
    /// The feed's state.
    pub state: RwLockReadGuard<'a, State>,
    memory: &'a Memory,
    own: DivisionCode,
}

impl View<'_> {
    /// What questions are answered from.
    pub fn figures(&self) -> Figures<'_> {
        Figures { index: self.index, memory: self.memory, own: self.own }
    }
}

impl Store {
    /// A store over an index in the given state.
    pub fn new(own: DivisionCode, incarnation: Incarnation, index: Box<dyn Index>, state: State) -> Self {
        let applied = watch::Sender::new(Applied { sequence: state.applied, failed: false });
        Self {
            own,
            incarnation,
            hasher: ItemHasher::new(own, incarnation),
            memory: Memory::default(),
            index,
            state: RwLock::new(state),
            followers: Mutex::default(),
            applied,
            changed: watch::Sender::new(0),
        }
    }

    /// A view; while it lives the writer waits, so it is not kept across an `.await`.
    pub fn view(&self) -> View<'_> {
        View { state: self.state.read(), index: self.index.as_ref(), memory: &self.memory, own: self.own }
    }

    /// The index, for the writer: what it reads here no one else changes.
    pub fn index(&self) -> &dyn Index {
        self.index.as_ref()
    }

    /// Applies a batch and moves the state with it. Only the writer calls this.
    pub fn commit(
        &self,
        writes: &Writes,
        moved: Vec<Moved>,
        update: impl FnOnce(&mut State),
    ) -> Result<(), IndexError> {
        let mut state = self.state.write();
        self.tell_followers(writes);
        if made(Mistake::WatermarkApart) {
            let ahead = writes.iter().filter(|(key, _)| keys::parse_child(key).is_some());
            self.index.apply(&ahead.map(|(key, value)| (key.clone(), value.clone())).collect())?;
        }
        self.index.apply(writes)?;
        for moved in moved {
            self.memory.moved(&moved);
            state.changes.moved(moved.key, moved.former, moved.now);
        }
        update(&mut state);
        let sequence = state.applied;
        drop(state);
        self.applied.send_if_modified(|applied| std::mem::replace(&mut applied.sequence, sequence) != sequence);
        self.notify();
        Ok(())
    }

    /// Tells of every batch from now on, for as long as somebody keeps the follower.
    pub fn follow(&self, follower: &Arc<Mutex<impl Follower + 'static>>) {
        let follower: Arc<Mutex<dyn Follower>> = Arc::clone(follower) as _;
        self.followers.lock().push(Arc::downgrade(&follower));
    }

    fn tell_followers(&self, writes: &Writes) {
        let told = |follower: Arc<Mutex<dyn Follower>>| follower.lock().follow(self.index.as_ref(), writes);
        self.followers.lock().retain(|follower| follower.upgrade().map(told).is_some());
    }

    /// Changes the state in memory alone.
    pub fn update(&self, update: impl FnOnce(&mut State)) {
        update(&mut self.state.write());
        self.notify();
    }

    /// Works on the state while no batch is applied.
    pub fn exclusively<T>(&self, work: impl FnOnce(&dyn Index, &mut State) -> T) -> T {
        work(self.index.as_ref(), &mut self.state.write())
    }

    fn notify(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever the feed or what may be pushed of it may have changed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Waits until the index has applied the journal up to `sequence`, or never will.
    pub async fn wait_applied(&self, sequence: u64) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`: waiting cannot fail.
        let _ = applied.wait_for(|applied| applied.sequence >= sequence || applied.failed).await;
    }

    /// The writer has failed: nobody waits for it any longer.
    pub fn fail(&self) {
        self.applied.send_modify(|applied| applied.failed = true);
    }

    /// The journal entry up to which the index is folded.
    pub fn applied(&self) -> u64 {
        self.applied.borrow().sequence
    }
}
