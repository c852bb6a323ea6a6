//! What operators decide: which life of a unit counts, what is lost, who has ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wuji_node::feed::child::Waiting;
use wuji_node::feed::item::ItemValue;
use wuji_node::index::keys::{self, Link};
use wuji_node::index::values::HeldItem;
use wuji_proto::{ItemKey, period};

use crate::clerk::{Outcome, Request};
use crate::entries::Parts;
use crate::faults::End;
use crate::host;
use crate::machine::Machine;
use crate::machines::WAIT_MAX;
use crate::quiet::of_records;
use crate::truth::Leaf;
use crate::world::{Broken, World};

/// Workrooms that end in one simulation at most.
const RETIRED_MAX: usize = 2;

impl World {
    /// A unit comes back with an empty machine, and operators decide.
    pub fn replace(&mut self, unit: usize) -> Result<bool, Broken> {
        if !self.truth.idle(unit) {
            return Ok(false);
        }
        let below = self.tree.children(unit);
        let kept_above = |child: &usize| self.truth.has_history(*child) || self.retired.contains(child);
        if below.iter().any(kept_above) {
            return Ok(false);
        }
        let mut units = self.with_parent(unit);
        let mut lines: BTreeSet<usize> = self.units[unit].parent.map(|_| unit).into_iter().collect();
        lines.extend(&below);
        units.extend(&below);
        self.alone(&units, &lines, |world| {
            world.frozen.insert(unit);
            world.exempt.insert(unit);
            world.kill(unit);
            world.units[unit].machine.replace();
            world.tell(unit, "comes back with an empty machine");
            world.start(unit);
            for child in &below {
                world.send(unit, Request::Register(world.units[*child].code), false);
            }
            world.live_until("the children of an empty machine send again", |world| {
                below.iter().all(|child| world.known(*child).is_some_and(|known| known.complete_at_ms > 0))
            })?;
            if world.units[unit].parent.is_some() {
                world.adopt(unit)?;
            }
            for unit in world.with_parent(unit) {
                world.kept.remove(&unit);
            }
            world.exempt.remove(&unit);
            world.frozen.remove(&unit);
            Ok(())
        })
    }

    /// A unit's parent holds it, since it comes with another journal.
    fn live_until_held(&mut self, unit: usize) -> Result<Waiting, Broken> {
        let code = self.units[unit].code;
        let waiting = |world: &Self| {
            let life = world.seen(unit)?.store.incarnation;
            world.known(unit)?.waiting.filter(|waiting| waiting.incarnation == life)
        };
        self.live_until(&format!("{code} is held for its operator"), |world| waiting(world).is_some())?;
        Ok(waiting(self).unwrap())
    }

    /// A disk that went back in time begins a new life. What it lost counts on until an operator
    /// gives it up; then the unit is what it is.
    pub fn accept_loss(&mut self, unit: usize, known: &Leaf) -> Result<(), Broken> {
        let (code, parent) = (self.units[unit].code, self.units[unit].parent.unwrap());
        self.kill(unit);
        self.units[unit].seat.lock().accept_loss = true;
        self.rebuilds.insert(unit);
        self.tell(unit, "goes on with what its disk has");
        self.start(unit);
        let waiting = self.live_until_held(unit)?;
        self.units[unit].seat.lock().accept_loss = false;
        if waiting.restored_at.is_some_and(|at| at > 0) {
            self.live_until(&format!("{code} tells what it had"), |world| {
                world.known(unit).and_then(|child| child.waiting).is_some_and(|waiting| waiting.told)
            })?;
        }
        if !self.decide(parent, &Request::Adopt(code, false))? {
            return Err(format!("{code} went back in time, and may not be adopted"));
        }
        self.live(Duration::from_secs(1))?;
        let settled = self.decide(parent, &Request::Settle(code))?;
        self.tell(unit, format_args!("has lost for good what it lost: {settled}"));
        self.truth.bring_back(unit, Some(known));
        self.kept.remove(&parent);
        Ok(())
    }

    /// A workroom ends: its figures stay, and it is let in no more.
    pub fn retire(&mut self, unit: usize) -> Result<bool, Broken> {
        if !self.is_leaf(unit) || self.retired.len() >= RETIRED_MAX || !self.truth.idle(unit) {
            return Ok(false);
        }
        let units = self.with_parent(unit);
        self.alone(&units, &[unit].into(), |world| {
            world.frozen.insert(unit);
            world.live_until("all of a workroom that ends has come", |world| world.is_held(unit))?;
            let (code, parent) = (world.units[unit].code, world.units[unit].parent.unwrap());
            let retired = world.decide(parent, &Request::Retire(code))?;
            world.tell(unit, format_args!("is retired: {retired}"));
            if retired {
                world.retired.insert(unit);
                world.kept.remove(&parent);
            } else {
                world.frozen.remove(&unit);
            }
            Ok(())
        })
    }

    fn adopt(&mut self, unit: usize) -> Result<(), Broken> {
        let (code, parent) = (self.units[unit].code, self.units[unit].parent.unwrap());
        self.live_until_held(unit)?;
        // A parent that lacks what the former life sent last waits for it no longer, once another is
        // accepted: until the new one has sent, what it tells is older than the last quiet.
        self.unjudged |= self.known(unit).is_some_and(|child| child.catching_up);
        let keep = self.is_leaf(unit) && self.dice.percent(50);
        let history = self.held_cells(unit);
        let mut kept = keep && self.decide(parent, &Request::Adopt(code, true))?;
        if !kept && !self.decide(parent, &Request::Adopt(code, false))? {
            // It was refused to keep what may be incomplete, and must not be refused to replace it.
            return Err(format!("nobody can decide about {code}"));
        }
        kept &= keep;
        self.tell(unit, format_args!("is adopted, history kept: {kept}"));
        if self.is_leaf(unit) {
            self.truth.bring_back(unit, None);
            if kept {
                self.truth.keep_history(unit, &history);
            }
        }
        Ok(())
    }

    /// Has an operator decide; whether it was done.
    fn decide(&mut self, at: usize, request: &Request) -> Result<bool, Broken> {
        let mut number = self.send(at, request.clone(), false);
        let deadline = self.sim.elapsed() + WAIT_MAX;
        loop {
            self.step()?;
            match self.decided.remove(&number) {
                Some(Outcome::Done(_)) => return Ok(true),
                // The parent has yet to notice that the former machine is gone.
                Some(Outcome::Refused(reason)) if reason.contains("two machines") => {
                    self.live(Duration::from_millis(500))?;
                    number = self.send(at, request.clone(), false);
                }
                Some(Outcome::Refused(_)) => return Ok(false),
                None if self.sim.elapsed() > deadline => return Err("an operator gets no answer".to_owned()),
                None => {}
            }
        }
    }

    /// What a unit's parent holds of its records.
    fn held_cells(&self, unit: usize) -> Parts {
        let mut parts = Parts::new();
        let Some(above) = self.units[unit].parent.and_then(|parent| self.seen(parent)) else { return parts };
        let prefix = keys::held_by(Link::Unit(self.units[unit].code));
        let scanned = above.store.index().scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            let item = keys::parse_held(key).and_then(|item| ItemKey::from_bytes(item).ok());
            if let (Some(ItemKey::Cell(cell)), ItemValue::Amount(amount)) = (item, HeldItem::from_bytes(value)?.value)
                && of_records(cell.measure)
            {
                let day = period::days(cell.period.first_day());
                parts.insert((cell.measure, day, cell.part), amount);
            }
            Ok(std::ops::ControlFlow::Continue(()))
        });
        scanned.unwrap();
        parts
    }

    /// A second node with the code of a unit, which must not be let in.
    pub fn twin(&mut self, unit: usize) -> bool {
        let host = format!("t{unit}");
        if !self.free(unit) || self.units[unit].parent.is_none() || !self.twins.insert(unit) {
            return false;
        }
        let machine = Machine::new(&self.time);
        let seat = self.second_seat(unit, &host, &machine);
        self.tell(unit, "a second node comes with its code");
        self.sim.host(host.as_str(), move || host::run(Arc::clone(&seat)));
        self.busy.insert(unit);
        self.end_later(500, 6_000, End::TwinGone(unit, host));
        true
    }
}
