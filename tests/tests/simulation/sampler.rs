//! While everything is in motion: no total leaves the range that the entries so far explain.

use std::collections::BTreeMap;

use wuji_node::index::keys;
use wuji_node::index::values::OwnItem;
use wuji_proto::{CellKey, Grain, Period, period};

use crate::quiet::{cells, of_records};
use crate::truth::Range;
use crate::world::{Broken, World};

/// Between two samples of one tier.
const SAMPLE_MS: i64 = 400;

impl World {
    /// Looks at a unit of each tier in turn, from time to time.
    pub fn sample(&mut self) -> Result<(), Broken> {
        if self.time.ms() < self.next_sample_ms {
            return Ok(());
        }
        self.next_sample_ms = self.time.ms() + SAMPLE_MS;
        self.samples += 1;
        let tiers = self.tree.tiers();
        let tier = &tiers[self.samples % tiers.len()];
        let unit = *self.dice.pick(tier);
        self.check_sequences(unit)?;
        self.check_range(unit)
    }

    /// A sequence that was seen names what it named before.
    fn check_sequences(&mut self, unit: usize) -> Result<(), Broken> {
        let Some(seen) = self.seen(unit) else { return Ok(()) };
        let view = seen.store.view();
        let (mut broken, prefix, code) = (None, keys::items(), self.units[unit].code);
        let scanned = view.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            let (at, value) = OwnItem::split(value)?;
            let epoch = view.state.history.mark(at).epoch;
            if !self.sequences.agree(seen.store.incarnation, epoch, at, key, value) {
                broken = Some(format!("{code}: sequence {at} names two values"));
            }
            Ok(std::ops::ControlFlow::Continue(()))
        });
        scanned.unwrap();
        broken.map_or(Ok(()), Err)
    }

    /// Every total of a node lies within what the workrooms below can have had since the last
    /// quiet. A node that knows that it lacks something is not asked.
    fn check_range(&self, unit: usize) -> Result<(), Broken> {
        if self.unjudged || self.exempt.contains(&unit) {
            return Ok(());
        }
        let Some(seen) = self.seen(unit) else { return Ok(()) };
        let waits = {
            let state = &seen.store.view().state;
            state.catching_up || state.holding.is_some()
        };
        if waits {
            return Ok(());
        }
        let mut found = cells(&seen);
        found.retain(|cell, _| of_records(cell.measure));
        let code = self.units[unit].code;
        for (cell, Range { low, high, .. }) in &self.ranges(unit) {
            let amount = found.remove(cell).unwrap_or_default();
            if amount < *low || amount > *high {
                return Err(format!("{code} shows {amount} for {cell:?}, which can only be {low} to {high}"));
            }
        }
        match found.into_iter().find(|(_, amount)| *amount != 0) {
            Some((cell, amount)) => Err(format!("{code} shows {amount} for {cell:?}, of which nobody wrote anything")),
            None => Ok(()),
        }
    }

    /// What each cell of a unit's node can be.
    pub fn ranges(&self, unit: usize) -> BTreeMap<CellKey, Range> {
        let mut ranges: BTreeMap<CellKey, Range> = BTreeMap::new();
        for leaf in self.tree.leaves() {
            for scope in self.tree.between(unit, leaf) {
                for ((measure, day, part), of_leaf) in self.truth.ranges(leaf, unit != leaf) {
                    let day = Period::day(period::date(*day));
                    let period = if scope == unit { day } else { day.within(Grain::Month) };
                    let cell = CellKey { scope: self.units[scope].code, measure: *measure, period, part: part.clone() };
                    let range = ranges.entry(cell).or_default();
                    range.certain += of_leaf.certain;
                    (range.low, range.high) = (range.low + of_leaf.low, range.high + of_leaf.high);
                }
            }
        }
        ranges
    }
}
