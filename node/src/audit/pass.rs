//! One pass over everything that a node stores: recount, digests, own entries, totals, parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use wuji_proto::DivisionCode;

use super::found::{Found, Progress, Scope, unit_name};
use super::journal::Against;
use super::listener::Listener;
use super::own::Own;
use super::recount::{Recount, SharedRecount};
use super::repair::{self, BATCH_REPAIRS_MAX, Repair};
use super::totals::{Step, Totals, codes};
use super::{AuditError, Auditor};
use crate::feed::group::Group;
use crate::index::keys::{self, Link};
use crate::index::{Index, IndexError};
use crate::store::Store;
use crate::writer::Job;

/// How fast an audit goes: the writer waits for a step at most, and never for two.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Keys of the index that one step counts.
    pub keys: u64,
    /// Parts of totals that one step adds up.
    pub parts: usize,
    /// Between steps.
    pub pause: Duration,
}

impl Pace {
    /// For somebody who waits.
    pub const BRISK: Self = Self { keys: 1_024, parts: 8_192, pause: Duration::ZERO };

    /// In the background: about a hundredth of one core. A workroom's pass takes minutes, that
    /// of a node with ten million totals a day or two.
    pub const GENTLE: Self = Self { keys: 256, parts: 2_048, pause: Duration::from_millis(500) };
}

/// What an audit is about.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Only this unit and those below it; `None`: everything.
    pub scope: Option<DivisionCode>,
    /// Put right what differs.
    pub repair: bool,
    /// How fast.
    pub pace: Pace,
}

/// What an audit came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Totals that were compared with their parts.
    pub totals: u64,
    /// Records, and unique keys of them, that were compared with the journal.
    pub records: u64,
    /// Units whose copies were compared with their nodes.
    pub copies: u64,
    /// Differences.
    pub differences: u64,
    /// Of them: put right.
    pub repaired: u64,
}

/// A pass under way.
pub(super) struct Pass<'a> {
    auditor: &'a Auditor,
    options: Options,
    scope: Arc<Scope>,
    listener: &'a Listener,
    recount: SharedRecount,
    /// It has covered everything.
    counted: bool,
    /// Children of which the items are not what their digest says, with the units below them:
    /// their parts are not to be trusted before they are sent again.
    suspects: Suspects,
    waiting: Vec<Found>,
    missing: BTreeSet<Vec<u8>>,
    work: (u64, u64),
    pub outcome: Outcome,
}

impl<'a> Pass<'a> {
    /// Begins: nothing is compared yet.
    pub async fn begin(auditor: &'a Auditor, options: Options, listener: &'a Listener) -> Result<Self, AuditError> {
        let catalogue = Arc::clone(&auditor.catalogue);
        let (scope, recount, of) = auditor
            .blocking(move |store| {
                let view = store.view();
                let scope = Scope::read(view.index, options.scope)?;
                let mut held = 0;
                for code in codes(view.index)? {
                    held += repair::held_count(view.index, code)?;
                }
                // Read, counted, added up; what is held is counted, and looked for in the totals.
                let of = view.state.applied + 2 * (view.state.head.digest.count + held);
                drop(view);
                Ok((scope, Recount::begin(store, &catalogue)?, of))
            })
            .await?;
        Ok(Self {
            auditor,
            options,
            scope: Arc::new(scope),
            listener,
            recount,
            counted: false,
            suspects: Suspects::new(),
            waiting: Vec::new(),
            missing: BTreeSet::new(),
            work: (0, of.max(1)),
            outcome: Outcome::default(),
        })
    }

    /// Compares what the index has from the journal alone with the journal: first, since totals
    /// are made of it.
    pub async fn journal(&mut self) -> Result<(), AuditError> {
        let (pace, mut against, mut read) = (self.options.pace, Against::new(self.auditor), 1);
        while read > 0 {
            let most = usize::try_from(pace.keys).unwrap_or(usize::MAX);
            let step = move |store: &Store| Ok((against.read(store, most)?, against));
            (read, against) = self.auditor.reading(step).await?;
            self.worked(read).await?;
        }
        let mut from = Some(keys::all_records());
        while let Some(start) = from.take() {
            let (catalogue, most) = (Arc::clone(&self.auditor.catalogue), pace.keys);
            let step = move |store: &Store| {
                let (mut found, most) = (Vec::new(), usize::try_from(most).unwrap_or(usize::MAX));
                let (compared, next) = against.records(store, &catalogue, &start, most, &mut found)?;
                Ok((compared, next, found, against))
            };
            let (compared, found);
            (compared, from, found, against) = self.auditor.reading(step).await?;
            self.outcome.records += compared;
            self.found_all(found).await?;
            self.worked(0).await?;
        }
        let step = move |store: &Store| {
            let mut found = against.look_into(store)?;
            found.extend(against.decisions(store)?);
            Ok(found)
        };
        let found = self.auditor.reading(step).await?;
        self.found_all(found).await?;
        self.repair().await
    }

    async fn found_all(&mut self, all: Vec<Found>) -> Result<(), AuditError> {
        for found in all {
            if self.scope.has(found.unit(self.auditor.store.own)) {
                self.found(found).await?;
            }
        }
        Ok(())
    }

    /// Counts everything, and compares digests and own entries.
    pub async fn count(&mut self) -> Result<(), AuditError> {
        loop {
            let (recount, keys) = (Arc::clone(&self.recount), self.options.pace.keys);
            let (covered, done) = self
                .auditor
                .blocking(move |store| {
                    let view = store.view();
                    recount.lock().step(view.index, keys)
                })
                .await?;
            self.worked(covered).await?;
            if done {
                break;
            }
        }
        self.counted = true;
        self.digests().await?;
        self.own().await
    }

    async fn digests(&mut self) -> Result<(), AuditError> {
        let recount = Arc::clone(&self.recount);
        let (off, suspects) = self.auditor.blocking(move |store| off(store, &recount)).await?;
        self.suspects = suspects;
        self.found_all(off).await
    }

    async fn own(&mut self) -> Result<(), AuditError> {
        if !self.scope.has(self.auditor.store.own) {
            return Ok(());
        }
        let mut from = Some(Vec::new());
        while let Some(start) = from.take() {
            let (recount, catalogue) = (Arc::clone(&self.recount), Arc::clone(&self.auditor.catalogue));
            let cells = usize::try_from(self.options.pace.keys).unwrap_or(usize::MAX);
            let (found, compared, next) = self
                .auditor
                .blocking(move |store| {
                    let view = store.view();
                    let recount = recount.lock();
                    let own = Own::new(view.index, store.own, &catalogue, &recount)?;
                    let mut found = Vec::new();
                    let (compared, next) = own.cells(&start, cells, &mut found)?;
                    if next.is_none() {
                        own.rest(&mut found)?;
                    }
                    Ok((found, compared, next))
                })
                .await?;
            self.outcome.totals += compared;
            for found in found {
                self.found(found).await?;
            }
            self.worked(0).await?;
            from = next;
        }
        Ok(())
    }

    /// Compares every total with its parts, and every part with its totals.
    pub async fn totals(&mut self) -> Result<(), AuditError> {
        let scope = Arc::clone(&self.scope);
        let begin = self.auditor.blocking(move |store| Totals::new(store.view().index, store.own, &scope));
        let mut walk = begin.await?;
        while !walk.is_done() {
            let parts = self.options.pace.parts;
            let (step, found);
            (walk, step, found) = self.auditor.blocking(move |store| step_of(store, walk, parts)).await?;
            self.outcome.totals += step.totals;
            for found in found {
                // The days of a month miss one total.
                let first = match &found {
                    Found::Total { cell, stored: 0, .. } => self.missing.insert(cell.to_bytes()),
                    _ => true,
                };
                if first {
                    self.found(found).await?;
                }
            }
            self.worked(step.keys).await?;
        }
        Ok(())
    }

    pub(super) const fn auditor(&self) -> &'a Auditor {
        self.auditor
    }

    pub(super) const fn listener(&self) -> &'a Listener {
        self.listener
    }

    /// The recount, which follows the index.
    pub fn recount(&self) -> SharedRecount {
        Arc::clone(&self.recount)
    }

    /// Children whose items are not what their digest says.
    pub fn suspects(&self) -> Vec<DivisionCode> {
        self.suspects.keys().copied().collect()
    }

    /// What is held of a child is again what its digest says: its units were sent again.
    pub async fn cleared(&mut self, child: DivisionCode) -> Result<(), AuditError> {
        self.suspects.remove(&child);
        let is_its = |found: &Found| matches!(found, Found::Held { child: other, .. } if *other == child);
        let (its, waiting): (Vec<Found>, _) = std::mem::take(&mut self.waiting).into_iter().partition(is_its);
        self.waiting = waiting;
        for found in its {
            self.outcome.repaired += 1;
            self.auditor.board.repaired(1, 1);
            self.tell(&found, Progress::Repaired).await?;
        }
        Ok(())
    }

    async fn found(&mut self, found: Found) -> Result<(), AuditError> {
        let held_back = self.options.repair && self.suspects.values().any(|below| self.is_suspect(&found, below));
        self.outcome.differences += 1;
        if !self.options.repair || held_back {
            return self.tell(&found, Progress::Found).await;
        }
        self.waiting.push(found);
        if self.waiting.len() >= BATCH_REPAIRS_MAX { self.repair().await } else { Ok(()) }
    }

    /// Whether a total may be right, and its parts wrong.
    fn is_suspect(&self, found: &Found, below: &Scope) -> bool {
        match found {
            Found::Total { cell, .. } => cell.scope == self.auditor.store.own || below.has(cell.scope),
            Found::Directory { unit, .. } => below.has(*unit),
            _ => false,
        }
    }

    /// Has the writer put right what waits for it.
    pub async fn repair(&mut self) -> Result<(), AuditError> {
        let found = std::mem::take(&mut self.waiting);
        if found.is_empty() {
            return Ok(());
        }
        let (reply, mended) = oneshot::channel();
        let recount = self.counted.then(|| self.recount());
        let job = Job::Repair(Box::new(Repair { found: found.clone(), recount, reply }));
        self.auditor.ask_writer(job).await?;
        let mended = mended.await.map_err(|_| AuditError::Stopping)?;
        self.outcome.repaired += mended;
        self.auditor.board.repaired(mended, mended);
        for found in &found {
            tracing::warn!(?found, "the audit found a difference, and the writer put it right");
            let progress = match found {
                Found::Held { child, .. } => {
                    self.auditor.reopen(*child);
                    Progress::Resyncing
                }
                _ => Progress::Repaired,
            };
            self.tell(found, progress).await?;
        }
        Ok(())
    }

    async fn tell(&self, found: &Found, progress: Progress) -> Result<(), AuditError> {
        let own = self.auditor.store.own;
        let mut told = found.told(own, &self.auditor.catalogue, progress);
        let unit = found.unit(own);
        told.unit_name = self.auditor.blocking(move |store| unit_name(store.view().index, unit)).await?;
        self.listener.difference(told).await
    }

    async fn worked(&mut self, work: u64) -> Result<(), AuditError> {
        let (done, of) = (&mut self.work.0, self.work.1);
        *done = (*done + work).min(of);
        let done = *done;
        if matches!(self.listener, Listener::Nobody) {
            self.auditor.board.progress(done, of);
        }
        self.listener.progress(self.auditor.store.own, done, of).await?;
        self.auditor.rest(self.options.pace).await;
        Ok(())
    }
}

type Suspects = BTreeMap<DivisionCode, Scope>;

/// Digests that are not those of the stored items; and the children whose parts are not to be
/// trusted: the digest is wrong, or it was, and the walk that mends it has not ended.
fn off(store: &Store, recount: &SharedRecount) -> Result<(Vec<Found>, Suspects), IndexError> {
    let view = store.view();
    let recount = recount.lock();
    let (mut off, mut suspects) = (Vec::new(), Suspects::new());
    let (stored, counted) = (view.state.head.digest, recount.feed());
    if stored != counted {
        off.push(Found::Feed { stored, counted });
    }
    for child in codes(view.index)? {
        let Some((stored, counted)) = repair::held_digests(view.index, &recount, child)? else { continue };
        if stored != counted {
            off.push(Found::Held { child, stored, counted });
        }
        if stored != counted || repair::is_walked(view.index, child)? {
            suspects.insert(child, Scope::read(view.index, Some(child))?.with_held(view.index, child)?);
        }
    }
    Ok((off, suspects))
}

fn step_of(store: &Store, mut walk: Totals, parts: usize) -> Result<(Totals, Step, Vec<Found>), IndexError> {
    let view = store.view();
    let mut group = Group::new(view.index, store.own, view.state.head, &store.hasher);
    let mut found = Vec::new();
    let step = walk.step(&mut group, view.index, parts, &mut found)?;
    Ok((walk, step, found))
}

impl Scope {
    /// With every unit of which something is held by a child's link.
    fn with_held(self, index: &dyn Index, child: DivisionCode) -> Result<Self, IndexError> {
        let mut units: BTreeSet<DivisionCode> = self.units().into_iter().flatten().collect();
        let prefix = keys::held_by(Link::Unit(child));
        index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, _| {
            let scope = keys::parse_held(key).and_then(|item| item.get(1..)?.first_chunk().copied());
            units.extend(scope.and_then(DivisionCode::from_key));
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(Self::of(units))
    }
}
