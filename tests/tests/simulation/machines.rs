//! What happens to machines: crashes, disks of another time, damage.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wuji_node::feed::child::Child;
use wuji_node::index::draft::Draft;

use crate::faults::End;
use crate::machine::{Image, other_amount};
use crate::truth::Leaf;
use crate::world::{Broken, World};

/// The longest wait for something that an operator waits for.
pub const WAIT_MAX: Duration = Duration::from_mins(1);

/// The longest wait for a line to be open again and to carry something.
const STEPS_MAX: usize = 300;

/// A disk as it was, and what was known of its unit.
pub struct Kept {
    image: Image,
    leaf: Option<Leaf>,
}

impl World {
    /// Whether nothing else happens to a unit, and its node runs.
    pub fn free(&self, unit: usize) -> bool {
        !self.busy.contains(&unit) && !self.retired.contains(&unit) && self.seen(unit).is_some()
    }

    pub fn is_leaf(&self, unit: usize) -> bool {
        self.tree.children(unit).is_empty()
    }

    pub fn crash(&mut self, unit: usize) -> bool {
        if !self.free(unit) {
            return false;
        }
        self.kill(unit);
        if self.dice.percent(60) {
            self.units[unit].machine.cut_power(&self.dice);
        }
        let (marks, safe) = self.units[unit].machine.index_marks();
        let index = match self.dice.below(10) {
            0..4 => format!("index at {marks}"),
            4..7 => self.older_index(unit, safe, marks),
            7..9 => self.older_index(unit, 0, marks),
            _ => self.lost_index(unit),
        };
        self.tell(unit, format_args!("crashes, {index} of {marks}"));
        self.busy.insert(unit);
        self.end_later(20, 6_000, End::Start(unit));
        true
    }

    fn older_index(&mut self, unit: usize, low: usize, high: usize) -> String {
        let batches = usize::try_from(self.dice.between(low as u64, high as u64)).unwrap();
        self.units[unit].machine.index_falls_back(batches);
        if batches == 0 {
            self.rebuilds.insert(unit);
        }
        format!("index at {batches}")
    }

    fn lost_index(&mut self, unit: usize) -> String {
        self.units[unit].machine.lose_index();
        self.rebuilds.insert(unit);
        "no index".to_owned()
    }

    pub fn restart(&mut self, unit: usize) -> Result<bool, Broken> {
        if !self.free(unit) {
            return Ok(false);
        }
        self.busy.insert(unit);
        self.stop(unit)?;
        self.end_later(20, 3_000, End::Start(unit));
        Ok(true)
    }

    /// A stop in good order, and a start by the other catalogue.
    pub fn change_catalogue(&mut self, unit: usize) -> Result<bool, Broken> {
        if !self.is_leaf(unit) || !self.truth.idle(unit) {
            return Ok(false);
        }
        self.alone(&[unit].into(), &BTreeSet::new(), |world| {
            world.frozen.insert(unit);
            world.stop(unit)?;
            let present = Arc::clone(&world.units[unit].seat.lock().catalogue);
            let other = world.catalogues.iter().find(|other| !Arc::ptr_eq(other, &present)).cloned().unwrap();
            world.truth.adopt_catalogue(unit, &other);
            world.tell(unit, format_args!("has a catalogue of {} measures", other.measures().len()));
            world.units[unit].seat.lock().catalogue = other;
            world.start(unit);
            world.frozen.remove(&unit);
            Ok(())
        })
    }

    /// Takes these out of what strikes otherwise, for as long as `work` lasts.
    pub fn alone(
        &mut self,
        units: &BTreeSet<usize>,
        lines: &BTreeSet<usize>,
        work: impl FnOnce(&mut Self) -> Result<(), Broken>,
    ) -> Result<bool, Broken> {
        if !units.iter().all(|unit| self.free(*unit)) || lines.iter().any(|line| self.busy_lines.contains(line)) {
            return Ok(false);
        }
        self.busy.extend(units);
        self.busy_lines.extend(lines);
        let done = work(self);
        self.busy.retain(|unit| !units.contains(unit));
        self.busy_lines.retain(|line| !lines.contains(line));
        done.map(|()| true)
    }

    /// Lets people write until this is so.
    pub fn live_until(&mut self, what: &str, mut so: impl FnMut(&Self) -> bool) -> Result<(), Broken> {
        let deadline = self.sim.elapsed() + WAIT_MAX;
        while !so(self) {
            if self.sim.elapsed() > deadline {
                let restless = self.restless().unwrap_or_default();
                return Err(format!("not within {WAIT_MAX:?}: {what}; {restless}"));
            }
            self.live(Duration::from_millis(200))?;
        }
        Ok(())
    }

    /// Waits for this for a while, step by step.
    fn step_until(&mut self, so: impl Fn(&Self) -> bool) -> Result<(), Broken> {
        for _ in 0..STEPS_MAX {
            if so(self) {
                break;
            }
            self.step()?;
        }
        Ok(())
    }

    /// What a unit's parent knows of it.
    pub fn known(&self, unit: usize) -> Option<Child> {
        let above = self.seen(self.units[unit].parent?)?;
        Child::read(&Draft::new(above.store.index()), self.units[unit].code).unwrap()
    }

    /// A unit and its parent.
    pub fn with_parent(&self, unit: usize) -> BTreeSet<usize> {
        self.units[unit].parent.into_iter().chain([unit]).collect()
    }

    pub fn keep_image(&mut self, unit: usize) -> bool {
        if !self.free(unit) || !self.truth.idle(unit) {
            return false;
        }
        let kept = self.copy(unit);
        self.tell(unit, "a copy of its disk is made");
        self.kept.insert(unit, kept);
        true
    }

    /// Brings a copy back. If the parent has seen what the copy lacks, nothing may be pushed,
    /// and an operator puts the newer disk back; otherwise nobody can know.
    pub fn roll_back(&mut self, unit: usize) -> Result<bool, Broken> {
        if !self.kept.contains_key(&unit) || self.units[unit].parent.is_none() || !self.truth.idle(unit) {
            return Ok(false);
        }
        let units = self.with_parent(unit);
        self.alone(&units, &[unit].into(), |world| {
            world.frozen.insert(unit);
            world.exempt.insert(unit);
            let Kept { image, leaf } = world.kept.remove(&unit).unwrap();
            world.kill(unit);
            let newer = world.units[unit].machine.image();
            // What was on the way still arrives.
            world.run(Duration::from_millis(300))?;
            world.units[unit].machine.put_back(&image);
            world.tell(unit, "its disk goes back in time");
            world.start(unit);
            let noticed = world.live_rolled_back(unit)?;
            let accepted = leaf.as_ref().filter(|_| noticed && world.dice.percent(60));
            if let Some(leaf) = accepted {
                world.accept_loss(unit, leaf)?;
            } else if noticed {
                world.kill(unit);
                world.units[unit].machine.put_back(&newer);
                world.tell(unit, "its newer disk is put back");
                world.start(unit);
            } else if let Some(leaf) = leaf {
                world.truth.bring_back(unit, Some(&leaf));
            }
            world.exempt.remove(&unit);
            world.frozen.remove(&unit);
            Ok(())
        })
    }

    /// Whether the parent knows what the rolled-back journal does not hold. If so it must
    /// receive nothing.
    fn live_rolled_back(&mut self, unit: usize) -> Result<bool, Broken> {
        self.run(Duration::from_millis(60))?;
        let before = self.known(unit).unwrap();
        let seen = self.seen(unit).ok_or_else(|| format!("{} does not start rolled back", self.units[unit].code))?;
        let holds = before.anchor.is_none_or(|anchor| seen.journal.holds(anchor).unwrap());
        if !holds {
            let time = Duration::from_millis(self.dice.between(500, 4_000));
            self.live(time)?;
            let after = self.known(unit).unwrap();
            if (after.anchor, after.low) != (before.anchor, before.low) {
                return Err(format!("{} pushed though its disk went back in time", self.units[unit].code));
            }
        }
        Ok(!holds)
    }

    /// A township and its workrooms forget the same last moments, of which the parent has seen a
    /// part: the anchors prove nothing, and only the marks of the feed tell.
    pub fn forget(&mut self, unit: usize) -> Result<bool, Broken> {
        let below = self.tree.children(unit);
        if below.is_empty() || !below.iter().all(|child| self.is_leaf(*child)) || self.units[unit].parent.is_none() {
            return Ok(false);
        }
        let mut units = self.with_parent(unit);
        units.extend(&below);
        let lines = below.iter().copied().chain([unit]).collect();
        self.alone(&units, &lines, |world| {
            let (from, to) = world.line(unit);
            world.tell(unit, "is cut off, and will forget");
            world.sim.partition(from.as_str(), to.as_str());
            let time = world.dice.between(300, 1_500);
            world.live(Duration::from_millis(time))?;
            world.frozen.extend(&below);
            world.live_until("workrooms are quiet", |world| {
                below.iter().all(|leaf| world.truth.idle(*leaf) && world.is_held(*leaf))
            })?;
            let (mark, _) = world.units[unit].machine.index_marks();
            let images: Vec<Kept> = below.iter().map(|leaf| world.copy(*leaf)).collect();
            world.frozen.retain(|leaf| !below.contains(leaf));
            let time = world.dice.between(300, 1_500);
            world.live(Duration::from_millis(time))?;
            world.frozen.extend(&below);
            world.live_until("answers have come", |world| below.iter().all(|leaf| world.truth.idle(*leaf)))?;
            let before = world.known(unit).map(|child| child.low);
            world.sim.repair(from.as_str(), to.as_str());
            world.step_until(|world| world.known(unit).map(|child| child.low) != before)?;
            let more = world.dice.between(0, 200);
            world.run(Duration::from_millis(more))?;
            for gone in below.iter().chain([&unit]) {
                world.kill(*gone);
            }
            world.units[unit].machine.index_falls_back(mark);
            for (leaf, Kept { image, leaf: known }) in below.iter().zip(&images) {
                world.units[*leaf].machine.put_back(image);
                world.truth.bring_back(*leaf, known.as_ref());
                world.kept.remove(leaf);
            }
            world.tell(unit, "and its workrooms have forgotten");
            for back in below.iter().chain([&unit]) {
                world.start(*back);
            }
            world.frozen.retain(|leaf| !below.contains(leaf));
            Ok(())
        })
    }

    /// A copy of a unit's disk, with what is known of it.
    fn copy(&self, unit: usize) -> Kept {
        Kept { image: self.units[unit].machine.image(), leaf: self.truth.keep(unit) }
    }

    /// Bits flip in the journal of a node that is down. It must not start; then its disk is
    /// put back as it was.
    pub fn flip_journal(&mut self, unit: usize) -> Result<bool, Broken> {
        self.alone(&[unit].into(), &BTreeSet::new(), |world| {
            world.kill(unit);
            let image = world.units[unit].machine.image();
            if world.units[unit].machine.flip_proven(&world.dice) {
                world.tell(unit, "bits of its journal flip");
                world.start(unit);
                world.step()?;
                if world.units[unit].seat.lock().failed.take().is_none() {
                    return Err(format!("{} starts with a damaged journal", world.units[unit].code));
                }
                world.kill(unit);
                world.units[unit].machine.put_back(&image);
            }
            world.start(unit);
            Ok(())
        })
    }

    /// A walk is broken off, its last frames are late, and arrive in the midst of the walk of the
    /// child's next life, after entries that they do not know of.
    pub fn overtake(&mut self, unit: usize) -> Result<bool, Broken> {
        if !self.is_leaf(unit) {
            return Ok(false);
        }
        let units = self.with_parent(unit);
        self.alone(&units, &[unit].into(), |world| {
            world.kill(unit);
            world.units[unit].machine.lose_index_for_good();
            world.rebuilds.insert(unit);
            world.start(unit);
            world.favoured = Some(unit);
            world.step_until(|world| world.known(unit).and_then(|child| child.walk).is_some())?;
            let more = world.dice.between(0, 400);
            world.run(Duration::from_millis(more))?;
            let (from, to) = world.line(unit);
            let late = Duration::from_millis(world.dice.between(600, 2_500));
            world.lines.break_late(&from, &to, late);
            world.tell(unit, format_args!("what it has sent of a walk is {late:?} late"));
            let time = world.dice.between(200, 900);
            world.live(Duration::from_millis(time))?;
            world.kill(unit);
            world.units[unit].machine.lose_index_for_good();
            world.rebuilds.insert(unit);
            world.start(unit);
            world.live(late)?;
            world.favoured = None;
            Ok(())
        })
    }

    /// What a node holds of a child is damaged while it is down, and the child must send all of
    /// its feed again: the walk puts the copy right, and no total moves.
    pub fn harm(&mut self, unit: usize) -> Result<bool, Broken> {
        let Some(parent) = self.units[unit].parent else { return Ok(false) };
        let units = self.with_parent(unit);
        self.alone(&units, &[unit].into(), |world| {
            world.busy.insert(unit);
            world.stop(parent)?;
            world.kill(unit);
            world.units[unit].machine.lose_index_for_good();
            world.rebuilds.insert(unit);
            let (code, roll) = (world.units[unit].code, world.dice.number());
            let harmed = world.units[parent].machine.damage_index(|index| other_amount(index, code, roll));
            world.harmed |= harmed;
            world.unjudged |= harmed;
            world.tell(parent, format_args!("what it holds of {code} is damaged: {harmed}"));
            world.start(parent);
            world.start(unit);
            Ok(())
        })
    }

    /// Whether a unit's parent holds just what it has.
    pub fn is_held(&self, unit: usize) -> bool {
        let (Some(seen), Some(child)) = (self.seen(unit), self.known(unit)) else { return false };
        let view = seen.store.view();
        let head = view.state.history.mark(view.state.head.at);
        child.walk.is_none() && child.low == head && child.holding.digest == view.state.head.digest
    }
}
