//! Decisions about children, on the committer's side: who is planned, which life of a
//! child's journal is accepted, and what is held of one that comes back with another.

use std::ops::ControlFlow;

use wuji_proto::stored::child_accepted::Mode;
use wuji_proto::stored::entry::Event;
use wuji_proto::stored::{CellsHeld, ChildAccepted, ChildRegistered, HeldCell};
use wuji_proto::{DivisionCode, Incarnation};

use super::committer::{Committer, Group};
use super::{Acceptance, LedgerError};
use crate::feed::child::Child;
use crate::feed::item::ItemValue;
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{Index, IndexError};
use crate::writer::Job;

/// The longest name of a unit, in characters.
const NAME_CHARACTERS_MAX: usize = 60;

/// Cells that one journal entry holds: well below the size of an entry.
const ENTRY_CELLS_MAX: usize = 2_000;

impl Committer {
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
        if known.is_some_and(|child| child.name == name && child.expected_from == expected_from) {
            return Ok(true);
        }
        let event = Event::ChildRegistered(ChildRegistered { code: code.to_string(), name, expected_from });
        self.push(group, actor, event, None);
        Ok(false)
    }

    /// Journals a child's first life. If it has one meanwhile, the writer answers the opening.
    pub(super) async fn accept(&self, acceptance: Acceptance, group: &mut Group) {
        match Child::read(&Draft::new(self.store.index()), acceptance.code) {
            Ok(Some(child)) if child.incarnation.is_none() => {
                let event = Event::ChildAccepted(ChildAccepted {
                    code: acceptance.code.to_string(),
                    incarnation: acceptance.incarnation.to_bytes().to_vec(),
                    mode: Mode::First.into(),
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
        let parts = cells.chunks(ENTRY_CELLS_MAX).map(<[HeldCell]>::to_vec);
        let parts: Vec<_> = if cells.is_empty() { vec![Vec::new()] } else { parts.collect() };
        for (at, cells) in parts.into_iter().enumerate() {
            let entry = CellsHeld {
                code: code.to_string(),
                incarnation: incarnation.to_bytes().to_vec(),
                first: at == 0,
                cells,
            };
            self.push(group, "node".to_owned(), Event::CellsHeld(entry), None);
            if group.bytes >= self.journal.group_bytes_max() / 2 {
                self.commit_all(group).await?;
            }
        }
        Ok(count)
    }

    /// Accepts the waiting journal of a child as its operator decided.
    pub(super) async fn adopt(
        &mut self,
        code: DivisionCode,
        keep_history: bool,
        actor: String,
        group: &mut Group,
    ) -> Result<(Incarnation, u64), LedgerError> {
        let child = Child::read(&Draft::new(self.store.index()), code)?;
        let (child, waiting) = child
            .and_then(|child| child.waiting.map(|waiting| (child, waiting)))
            .ok_or(LedgerError::NotWaiting(code))?;
        let refuse = |reason: &'static str| Err(LedgerError::CannotKeep { code, reason });
        match () {
            () if !keep_history => {}
            () if code.tier().has_children() => return refuse("it has children of its own, which would count twice"),
            () if waiting.shares => return refuse("it has entries of its former life, which would count twice"),
            () if (child.catching_up && !child.is_snapshot()) || child.walk.is_some() => {
                return refuse("this node may lack what it sent last");
            }
            () => {}
        }
        let cells = self.hold_child(code, group).await?;
        let mode = if keep_history { Mode::KeepHistory } else { Mode::Replace };
        let incarnation = waiting.incarnation.to_bytes().to_vec();
        let entry = ChildAccepted { code: code.to_string(), incarnation, mode: mode.into() };
        self.push(group, actor, Event::ChildAccepted(entry), None);
        Ok((waiting.incarnation, cells))
    }

    /// Writes what the group has so far, all of it or an error.
    async fn commit_all(&mut self, group: &mut Group) -> Result<(), LedgerError> {
        let wanted = self.last + group.entries.len() as u64;
        self.commit(std::mem::take(group)).await;
        if self.last == wanted { Ok(()) } else { Err(LedgerError::Journal(self.refusing.borrow().clone())) }
    }
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
