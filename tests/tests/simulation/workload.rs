//! What the workrooms write in a simulation, at random times.

use std::time::Duration;

use wuji_proto::RecordId;

use crate::clerk::Request;
use crate::entries;
use crate::world::{Broken, World};

/// The longest time between two wishes.
const BETWEEN_MAX_MS: u64 = 250;

/// Rows of a file at most.
const ROWS_MAX: u64 = 6;

impl World {
    /// Plans every unit with its parent, and waits until all have been let in.
    pub fn assemble(&mut self) -> Result<(), Broken> {
        for unit in 1..self.units.len() {
            let (code, parent) = (self.units[unit].code, self.units[unit].parent.unwrap());
            self.send(parent, Request::Register(code), false);
        }
        self.quiet()
    }

    /// Lets virtual time pass while people write.
    pub fn live(&mut self, time: Duration) -> Result<(), Broken> {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.wish();
            let line = self.dice.below(self.units.len());
            if line > 0 && !self.busy_lines.contains(&line) {
                self.choose_latency(line);
            }
            let pause = Duration::from_millis(self.dice.between(1, BETWEEN_MAX_MS));
            self.run(pause.min(end.saturating_sub(self.sim.elapsed()).max(crate::world::STEP)))?;
            self.sample()?;
        }
        Ok(())
    }

    /// Somebody writes something.
    fn wish(&mut self) {
        let leaves: Vec<usize> = self.tree.leaves().into_iter().filter(|leaf| !self.frozen.contains(leaf)).collect();
        if leaves.is_empty() {
            return;
        }
        let any = *self.dice.pick(&leaves);
        let leaf = self.favoured.filter(|_| self.dice.percent(80)).unwrap_or(any);
        self.written += 1;
        let number = self.written;
        let request = match self.dice.below(100) {
            0..60 => self.submission(number),
            60..68 => {
                let rows = self.dice.between(1, ROWS_MAX);
                Request::Import((0..rows).map(|row| entries::screening(&self.dice, number * 100 + row)).collect())
            }
            roll => match self.change(leaf, number, roll >= 90) {
                Some(change) => change,
                None => self.submission(number),
            },
        };
        let twice = self.dice.percent(20);
        self.send(leaf, request, twice);
    }

    fn submission(&self, number: u64) -> Request {
        let random = [self.dice.number(), self.dice.number()].map(u64::to_le_bytes).concat();
        Request::Submit(RecordId::derived(random.try_into().unwrap()), entries::content(&self.dice, number))
    }

    /// An amendment or a voiding of a record about which nobody waits for an answer.
    fn change(&self, leaf: usize, number: u64, void: bool) -> Option<Request> {
        let live = self.truth.leaf(leaf).records.iter();
        let live: Vec<_> = live.filter(|(_, record)| record.content.is_some() && !record.busy).collect();
        if live.is_empty() {
            return None;
        }
        let (id, record) = *self.dice.pick(&live);
        Some(if void {
            Request::Void(*id, record.ledger, record.revision)
        } else {
            Request::Amend(*id, entries::amended(&self.dice, record.ledger, number), record.revision)
        })
    }
}
