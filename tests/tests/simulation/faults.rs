//! Faults: what strikes, where, and when it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use wuji_node::env::double::Faults;

use crate::world::{Broken, World};

/// Every kind of fault, and what operators do meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The program is killed or power is cut; the index comes back older, or not at all.
    Crash,
    /// A stop in good order.
    Restart,
    /// Messages of a line wait, and then come all at once.
    Hold,
    /// Messages of a line are lost.
    Partition,
    /// Messages of a line are lost in one direction.
    OneWay,
    /// Messages of a line take a second and more.
    Slow,
    /// A connection breaks at the child's end; what is on the way arrives late at the other.
    Late,
    /// A clock jumps by years.
    Clock,
    /// Syncs or writes fail.
    FailingDisk,
    /// The disk is full for a while.
    FullDisk,
    /// Bits of the journal flip while the node is down.
    Flip,
    /// A copy of a disk is made.
    Keep,
    /// A copy is brought back.
    RollBack,
    /// A unit and those below it go back in time together, while its parent has a part of what
    /// they forget: nobody can know, and all must come to agree on the older state.
    Forget,
    /// A workroom ends.
    Retire,
    /// A workroom counts by another catalogue.
    Catalogue,
    /// A unit comes back with an empty machine.
    Replace,
    /// A second node comes with the code of another.
    Twin,
    /// Frames of a walk arrive while a later walk is under way.
    Overtake,
    /// What is held of a child is damaged, and the child begins a walk.
    Harm,
}

impl Fault {
    pub const ALL: [Self; 20] = [
        Self::Crash,
        Self::Restart,
        Self::Hold,
        Self::Partition,
        Self::OneWay,
        Self::Slow,
        Self::Late,
        Self::Clock,
        Self::FailingDisk,
        Self::FullDisk,
        Self::Flip,
        Self::Keep,
        Self::RollBack,
        Self::Forget,
        Self::Retire,
        Self::Catalogue,
        Self::Replace,
        Self::Twin,
        Self::Overtake,
        Self::Harm,
    ];

    /// How often it strikes, compared with the others.
    const fn weight(self) -> usize {
        match self {
            Self::Crash => 10,
            Self::Late => 6,
            Self::Hold | Self::Partition | Self::OneWay | Self::Keep => 4,
            Self::Restart | Self::Catalogue | Self::Slow | Self::FailingDisk | Self::FullDisk | Self::RollBack => 3,
            Self::Flip | Self::Forget | Self::Replace | Self::Twin | Self::Overtake | Self::Harm => 2,
            Self::Clock | Self::Retire => 1,
        }
    }
}

/// How a fault ends.
#[derive(Clone, Debug)]
pub enum End {
    Start(usize),
    Release(usize),
    Repair(usize),
    Fast(usize),
    RightClock(usize),
    RoomOnDisk(usize),
    TwinGone(usize, String),
}

/// What strikes at present.
#[derive(Default)]
pub struct Striking {
    ends: BTreeMap<(i64, u64), End>,
    last: u64,
}

impl World {
    /// Strikes with one of these, if there is a place for it.
    pub fn strike(&mut self, faults: &[Fault]) -> Result<(), Broken> {
        if faults.is_empty() {
            return Ok(());
        }
        let weights: usize = faults.iter().map(|fault| fault.weight()).sum();
        let mut roll = self.dice.below(weights);
        let fault = faults.iter().find(|fault| match roll.checked_sub(fault.weight()) {
            Some(rest) => {
                roll = rest;
                false
            }
            None => true,
        });
        let Some(fault) = fault.copied() else { return Ok(()) };
        let unit = self.dice.below(self.units.len());
        let struck = match fault {
            Fault::Crash => self.crash(unit),
            Fault::Restart => self.restart(unit)?,
            Fault::Hold | Fault::Partition | Fault::OneWay | Fault::Slow | Fault::Late => self.disturb(unit, fault),
            Fault::Clock => self.jump(unit),
            Fault::FailingDisk => self.fail_disk(unit),
            Fault::FullDisk => self.fill_disk(unit),
            Fault::Flip => self.flip_journal(unit)?,
            Fault::Keep => self.keep_image(unit),
            Fault::RollBack => self.roll_back(unit)?,
            Fault::Forget => self.forget(unit)?,
            Fault::Retire => self.retire(unit)?,
            Fault::Catalogue => self.change_catalogue(unit)?,
            Fault::Replace => self.replace(unit)?,
            Fault::Twin => self.twin(unit),
            Fault::Overtake => self.overtake(unit)?,
            Fault::Harm => self.harm(unit)?,
        };
        if struck {
            *self.struck.entry(fault).or_insert(0) += 1;
        }
        Ok(())
    }

    /// Has a fault end between `low` and `high` milliseconds from now.
    pub fn end_later(&mut self, low: u64, high: u64, end: End) {
        let at = self.time.ms() + i64::try_from(self.dice.between(low, high)).unwrap();
        self.striking.last += 1;
        self.striking.ends.insert((at, self.striking.last), end);
    }

    /// Ends what is due.
    pub fn end_due(&mut self) {
        while let Some(entry) = self.striking.ends.first_entry().filter(|entry| entry.key().0 <= self.time.ms()) {
            let end = entry.remove();
            self.end(end);
        }
    }

    /// Ends everything that strikes.
    pub fn end_all(&mut self) {
        while let Some((_, end)) = self.striking.ends.pop_first() {
            self.end(end);
        }
    }

    fn end(&mut self, end: End) {
        self.note(format_args!("ends: {end:?}"));
        match end {
            End::Start(unit) => {
                self.busy.remove(&unit);
                self.start(unit);
            }
            End::Release(unit) => {
                let (from, to) = self.line(unit);
                self.sim.release(from.as_str(), to.as_str());
                self.busy_lines.remove(&unit);
            }
            End::Repair(unit) => {
                let (from, to) = self.line(unit);
                self.sim.repair(from.as_str(), to.as_str());
                self.busy_lines.remove(&unit);
            }
            End::Fast(unit) => {
                self.choose_latency(unit);
                self.busy_lines.remove(&unit);
            }
            End::RightClock(unit) => self.units[unit].machine.skew(0),
            End::RoomOnDisk(unit) => self.units[unit].machine.faults(|faults| *faults = Faults::default()),
            End::TwinGone(unit, host) => {
                self.sim.crash(host);
                self.busy.remove(&unit);
            }
        }
    }

    fn disturb(&mut self, unit: usize, fault: Fault) -> bool {
        if self.units[unit].parent.is_none() || self.busy_lines.contains(&unit) {
            return false;
        }
        let (from, to) = self.line(unit);
        self.tell(unit, format_args!("{fault:?}"));
        if fault == Fault::Late {
            let late = Duration::from_millis(self.dice.between(50, 2_500));
            return self.lines.break_late(&from, &to, late) > 0;
        }
        self.busy_lines.insert(unit);
        let end = match fault {
            Fault::Hold => {
                self.sim.hold(from, to);
                End::Release(unit)
            }
            Fault::Partition => {
                self.sim.partition(from, to);
                End::Repair(unit)
            }
            Fault::OneWay => {
                if self.dice.percent(50) {
                    self.sim.partition_oneway(from, to);
                } else {
                    self.sim.partition_oneway(to, from);
                }
                End::Repair(unit)
            }
            _ => {
                let latency = Duration::from_millis(self.dice.between(300, 1_500));
                self.sim.set_link_latency(from, to, latency);
                End::Fast(unit)
            }
        };
        self.end_later(200, 9_000, end);
        true
    }

    fn jump(&mut self, unit: usize) -> bool {
        let years = i64::try_from(self.dice.between(1, 4)).unwrap() * if self.dice.percent(50) { 1 } else { -1 };
        self.tell(unit, format_args!("its clock jumps by {years} years"));
        self.units[unit].machine.skew(years * 365 * 86_400_000);
        self.end_later(1_000, 10_000, End::RightClock(unit));
        true
    }

    fn fail_disk(&mut self, unit: usize) -> bool {
        let times = u32::try_from(self.dice.between(1, 3)).unwrap();
        let syncs = self.dice.percent(70);
        self.tell(unit, format_args!("its disk fails: {times} {}", if syncs { "syncs" } else { "writes" }));
        self.excused.insert(unit);
        self.units[unit].machine.faults(|faults| {
            *(if syncs { &mut faults.failing_syncs } else { &mut faults.failing_writes }) = times;
        });
        self.end_later(2_000, 4_000, End::RoomOnDisk(unit));
        true
    }

    fn fill_disk(&mut self, unit: usize) -> bool {
        let free = if self.dice.percent(50) { 0 } else { 8 << 20 };
        self.tell(unit, format_args!("its disk has {free} bytes left"));
        self.excused.insert(unit);
        self.units[unit].machine.faults(|faults| faults.free_bytes = Some(free));
        self.end_later(500, 5_000, End::RoomOnDisk(unit));
        true
    }
}
