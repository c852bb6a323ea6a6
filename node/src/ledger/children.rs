//! Decisions about children, on the committer's side: who is planned, which life of a
//! child's journal is accepted, and what is held of one that comes back with another.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tokio::sync::oneshot;
use wuji_proto::stored::child_accepted::Mode;
use wuji_proto::stored::child_settled::Outcome;
use wuji_proto::stored::entry::Event;
use wuji_proto::stored::{
    AmountsUnsettled, CellsHeld, ChildAccepted, ChildRegistered, ChildReleased, ChildRetired, ChildSettled, HeldCell,
};
use wuji_proto::{DivisionCode, ItemKey};

use super::committer::{Committer, Group};
use super::{Acceptance, Adoption, LedgerError};
use crate::catalogue::ADOPTED;
use crate::feed::child::{Child, Waiting};
use crate::feed::exchange::{ChildJob, FormerChild};
use crate::feed::item::ItemValue;
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{Index, IndexError};
use crate::statistics::directory::Directory;
use crate::writer::Job;

/// The longest name of a unit, in characters.
const NAME_CHARACTERS_MAX: usize = 60;

/// Cells that one journal entry holds: well below the size of an entry.
const ENTRY_CELLS_MAX: usize = 2_000;

impl Committer {
    /// While a decision about a child is written, nothing is taken from it: what is journalled
    /// of it and what is in the index must be the same.
    pub(super) async fn bar(&self, child: DivisionCode, bar: bool) {
        let (reply, barred) = oneshot::channel();
        self.send(Job::Child(Box::new(ChildJob::Bar { child, bar, reply }))).await;
        // A writer that has gone takes nothing either.
        let _ = barred.await;
    }

    /// Plans a child. True: it had been planned so before.
    pub(super) fn register(
        &self,
        code: DivisionCode,
        name: &str,
        expected_from: i32,
        actor: String,
        group: &mut Group,
    ) -> Result<bool, LedgerError> {
        if !self.store.own.can_parent(code) {
            return Err(LedgerError::NotAChild { child: code, parent: self.store.own });
        }
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX {
            return Err(LedgerError::Name);
        }
        let known = Child::read(&Draft::new(self.store.index()), code)?;
        let same = |child: &Child| child.name == name && child.expected_from == expected_from;
        if known.is_some_and(|child| same(&child) && child.retired_from.is_none()) {
            return Ok(true);
        }
        let event =
            Event::ChildRegistered(ChildRegistered { code: code.to_string(), name, expected_from, regained: false });
        self.push(group, actor, event, None);
        Ok(false)
    }

    /// Plans the children that the node had in a former life and does not know any more.
    pub(super) fn regain(&self, children: Vec<FormerChild>, group: &mut Group) -> Result<(), LedgerError> {
        let draft = Draft::new(self.store.index());
        for FormerChild { code, name, expected_from } in children {
            if self.store.own.can_parent(code) && Child::read(&draft, code)?.is_none() {
                let entry = ChildRegistered { code: code.to_string(), name, expected_from, regained: true };
                self.push(group, "node".to_owned(), Event::ChildRegistered(entry), None);
            }
        }
        Ok(())
    }

    /// Journals a child's first life. If it has one meanwhile, the writer answers the opening.
    pub(super) async fn accept(&self, acceptance: Acceptance, group: &mut Group) {
        match Child::read(&Draft::new(self.store.index()), acceptance.code) {
            Ok(Some(child)) if child.incarnation.is_none() => {
                let event = Event::ChildAccepted(ChildAccepted {
                    code: acceptance.code.to_string(),
                    incarnation: acceptance.incarnation.to_bytes().to_vec(),
                    mode: Mode::First.into(),
                    first_epoch: acceptance.first_epoch,
                    ..ChildAccepted::default()
                });
                group.acceptances.push((group.entries.len(), acceptance));
                self.push(group, "node".to_owned(), event, None);
            }
            Ok(_) => self.send(Job::Child(acceptance.opening)).await,
            // The opening is dropped and the child comes again.
            Err(error) => tracing::error!(%error, child = %acceptance.code, "accepting a child"),
        }
    }

    /// Journals what is held of a child. The index must show everything that was written.
    pub(super) async fn hold_child(&mut self, code: DivisionCode, group: &mut Group) -> Result<u64, LedgerError> {
        let child = Child::read(&Draft::new(self.store.index()), code)?;
        let Some(incarnation) = child.and_then(|child| child.incarnation) else { return Ok(0) };
        let cells = held_cells(self.store.index(), code)?;
        let count = cells.len() as u64;
        // A child of which nothing is held gets an empty snapshot: it takes a former one's place.
        self.push_cells(group, cells, |first, cells| {
            let (code, incarnation) = (code.to_string(), incarnation.to_bytes().to_vec());
            Event::CellsHeld(CellsHeld { code, incarnation, first, cells })
        })
        .await?;
        Ok(count)
    }

    /// Accepts the waiting journal of a child as its operator decided.
    pub(super) async fn adopt(
        &mut self,
        code: DivisionCode,
        keep_history: bool,
        actor: String,
        group: &mut Group,
    ) -> Result<Adoption, LedgerError> {
        let child = Child::read(&Draft::new(self.store.index()), code)?;
        let (child, waiting) = child
            .and_then(|child| child.waiting.map(|waiting| (child, waiting)))
            .ok_or(LedgerError::NotWaiting(code))?;
        if keep_history {
            may_keep(code, &child, &waiting)?;
        }
        let mut accepted = ChildAccepted {
            code: code.to_string(),
            incarnation: waiting.incarnation.to_bytes().to_vec(),
            mode: if keep_history { Mode::KeepHistory } else { Mode::Replace }.into(),
            first_epoch: waiting.first_epoch,
            ..ChildAccepted::default()
        };
        let cells = self.hold_child(code, group).await?;
        let mut unsettled = 0;
        if let Some(restored_at) = waiting.restored_at {
            let lost = self.lost(code, &child, &waiting, restored_at)?;
            accepted.set_mode(Mode::Restored);
            accepted.restored_at = restored_at;
            accepted.unknown = lost.is_none();
            let lost = lost.unwrap_or_default();
            unsettled = lost.len() as u64;
            self.push_cells(group, lost, |first, cells| {
                let (code, incarnation) = (accepted.code.clone(), accepted.incarnation.clone());
                Event::AmountsUnsettled(AmountsUnsettled { code, incarnation, first, cells })
            })
            .await?;
        }
        let unknown = accepted.unknown;
        self.push(group, actor, Event::ChildAccepted(accepted), None);
        Ok(Adoption { incarnation: waiting.incarnation, cells, unsettled, unknown })
    }

    /// What is held of a child that went back in time, less what it had at that point. `None`:
    /// that cannot be told, since this node may lack what the child had sent, or since the
    /// child's figures are also its children's, who still have theirs.
    fn lost(
        &self,
        code: DivisionCode,
        child: &Child,
        waiting: &Waiting,
        restored_at: u64,
    ) -> Result<Option<Vec<HeldCell>>, LedgerError> {
        // At the last complete mark all that is held was as new as its anchor. Had the child gone
        // back to a place behind it, nobody could say which cells were read before that place.
        let exact = restored_at > 0 && child.complete_anchor > restored_at;
        let known = exact && !child.is_behind() && !code.tier().has_children();
        if !known {
            return Ok(None);
        }
        if !waiting.told {
            return Err(LedgerError::NotTold(code));
        }
        let index = self.store.index();
        let mut lost: BTreeMap<Vec<u8>, i64> =
            held_cells(index, code)?.into_iter().map(|cell| (cell.key, cell.amount)).collect();
        let prefix = keys::told(code, &[]);
        index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            if let Some(item) = keys::parse_of_child(key) {
                let amount = lost.entry(item.to_vec()).or_default();
                *amount = amount.saturating_sub(HeldItem::from_bytes(value)?.amount());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // What a life says of its machine is said anew by the next.
        lost.retain(|key, amount| *amount != 0 && !says_of_machine(key));
        Ok(Some(lost.into_iter().map(|(key, amount)| HeldCell { key, amount }).collect()))
    }

    /// Takes a child's unsettled amounts out of the totals. How many.
    pub(super) fn settle(
        &self,
        code: DivisionCode,
        re_entered: bool,
        actor: String,
        group: &mut Group,
    ) -> Result<u64, LedgerError> {
        let index = self.store.index();
        let child = Child::read(&Draft::new(index), code)?;
        if child.and_then(|child| child.unsettled).is_none() {
            return Err(LedgerError::NothingUnsettled(code));
        }
        let (prefix, mut amounts) = (keys::unsettled(code, &[]), 0);
        index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |_, _| {
            amounts += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        let outcome = if re_entered { Outcome::ReEntered } else { Outcome::GivenUp };
        let entry = ChildSettled { code: code.to_string(), outcome: outcome.into(), amounts };
        self.push(group, actor, Event::ChildSettled(entry), None);
        Ok(amounts)
    }

    /// Gives up waiting for a child's complete mark.
    pub(super) fn release(&self, code: DivisionCode, actor: String, group: &mut Group) -> Result<(), LedgerError> {
        let child = Child::read(&Draft::new(self.store.index()), code)?;
        if !child.is_some_and(|child| child.is_behind()) {
            return Err(LedgerError::NotAwaited(code));
        }
        self.push(group, actor, Event::ChildReleased(ChildReleased { code: code.to_string() }), None);
        Ok(())
    }

    /// Ends a unit: what is held of it is journalled and counts on. True, and 0 cells: it had been
    /// retired so before.
    pub(super) async fn retire(
        &mut self,
        code: DivisionCode,
        from: i32,
        actor: String,
        group: &mut Group,
    ) -> Result<(bool, u64), LedgerError> {
        let index = self.store.index();
        let child = Child::read(&Draft::new(index), code)?.ok_or(LedgerError::NotPlanned(code))?;
        if child.retired_from == Some(from) {
            return Ok((true, 0));
        }
        let refuse = |reason: String| Err(LedgerError::CannotRetire { code, reason });
        if child.waiting.is_some() {
            return refuse(format!("it waits for a decision: wuji child adopt {code} --help"));
        }
        let complete = child.low == child.high && child.complete_at_ms > 0;
        if child.incarnation.is_some() && !child.released && (child.is_behind() || !complete) {
            return refuse(format!(
                "this node may lack what it sent last. Let it connect once more, or give that up: wuji child release {code}"
            ));
        }
        if let Some(below) = live_below(index, code)? {
            return refuse(format!("{below} below it has not ended: retire that first"));
        }
        let cells = if child.retired_from.is_none() { self.hold_child(code, group).await? } else { 0 };
        let entry = ChildRetired { code: code.to_string(), from, gap: child.released };
        self.push(group, actor, Event::ChildRetired(entry), None);
        Ok((false, cells))
    }

    /// Journals cells in as many entries as they need, one at least.
    async fn push_cells(
        &mut self,
        group: &mut Group,
        cells: Vec<HeldCell>,
        event: impl Fn(bool, Vec<HeldCell>) -> Event,
    ) -> Result<(), LedgerError> {
        let parts = cells.chunks(ENTRY_CELLS_MAX).map(<[HeldCell]>::to_vec);
        let parts: Vec<_> = if cells.is_empty() { vec![Vec::new()] } else { parts.collect() };
        for (at, cells) in parts.into_iter().enumerate() {
            self.push(group, "node".to_owned(), event(at == 0, cells), None);
            if group.bytes >= self.journal.group_bytes_max() / 2 {
                self.commit_all(group).await?;
            }
        }
        Ok(())
    }

    /// Writes what the group has so far, all of it or an error.
    async fn commit_all(&mut self, group: &mut Group) -> Result<(), LedgerError> {
        let wanted = self.last + group.entries.len() as u64;
        self.commit(std::mem::take(group)).await;
        if self.last == wanted { Ok(()) } else { Err(LedgerError::Journal(self.refusing.borrow().clone())) }
    }
}

/// Whether what is held of a child can count on beside what its new life sends.
fn may_keep(code: DivisionCode, child: &Child, waiting: &Waiting) -> Result<(), LedgerError> {
    let refuse = |reason: &'static str| Err(LedgerError::CannotKeep { code, reason });
    match () {
        () if code.tier().has_children() => refuse("it has children of its own, which would count twice"),
        () if waiting.restored_at.is_some() => refuse("it has entries of its former life, which would count twice"),
        () if child.is_behind() => {
            refuse("this node may lack what it sent last; `wuji child release` gives that up, and then it can")
        }
        () => Ok(()),
    }
}

/// Whether an item says something of the machine, not of what was entered.
fn says_of_machine(item: &[u8]) -> bool {
    matches!(ItemKey::from_bytes(item), Ok(ItemKey::Cell(cell)) if cell.measure == ADOPTED)
}

/// A unit below `code` that has not ended.
fn live_below(index: &dyn Index, code: DivisionCode) -> Result<Option<DivisionCode>, IndexError> {
    let directory = Directory::read(index)?;
    let mut live = directory.children(code).iter().copied();
    Ok(live.find(|below| directory.get(*below).is_some_and(|entry| !entry.retired)))
}

/// Every cell that a child's link contributes.
fn held_cells(index: &dyn Index, code: DivisionCode) -> Result<Vec<HeldCell>, IndexError> {
    let prefix = keys::held_by(Link::Unit(code));
    let mut cells = Vec::new();
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let held = HeldItem::from_bytes(value)?;
        if let (Some(item), ItemValue::Amount(amount), false) = (keys::parse_held(key), &held.value, held.aside) {
            cells.push(HeldCell { key: item.to_vec(), amount: *amount });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(cells)
}
