//! Quiet: nothing moves any more. And what must hold then.

use std::collections::BTreeMap;
use std::time::Duration;

use wuji_node::feed::child::Child;
use wuji_node::feed::exchange::FeedSource;
use wuji_node::feed::item::ItemValue;
use wuji_node::index::draft::Draft;
use wuji_node::index::keys;
use wuji_node::index::values::OwnItem;
use wuji_proto::{CellKey, Grain, ItemKey, Period, period};

use crate::host::Seen;
use crate::world::{Broken, World};

/// Nothing may have moved for so long: received days are journalled a few seconds later.
const STILL: Duration = Duration::from_secs(3);

/// The longest time from the end of all faults until quiet.
const QUIET_MAX: Duration = Duration::from_secs(180);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// The reserved measures that are not made of records.
const RESERVED_MAX: u16 = 15;

impl World {
    /// Waits until nothing moves.
    pub fn quiet(&mut self) -> Result<(), Broken> {
        let deadline = self.sim.elapsed() + QUIET_MAX;
        let mut still = Duration::ZERO;
        let mut before = Vec::new();
        while still < STILL {
            self.run(LOOK)?;
            if let Some((unit, reason)) = self.fallen() {
                return Err(format!("{} fell: {reason}", self.units[unit].code));
            }
            match self.restless() {
                None if before == self.heads() => still += LOOK,
                _ => still = Duration::ZERO,
            }
            before = self.heads();
            if self.sim.elapsed() > deadline {
                return Err(format!("no quiet within {QUIET_MAX:?}: {}", self.restless().unwrap_or_default()));
            }
        }
        self.note("quiet");
        Ok(())
    }

    /// Where every feed stands.
    pub fn heads(&self) -> Vec<String> {
        let heads = (0..self.units.len()).filter_map(|unit| self.seen(unit));
        heads.map(|seen| format!("{:?}", seen.store.view().state.head)).collect()
    }

    /// What still moves.
    fn restless(&self) -> Option<String> {
        if !self.idle() {
            return Some("answers are awaited".to_owned());
        }
        (0..self.units.len()).find_map(|unit| {
            let code = self.units[unit].code;
            let Some(seen) = self.seen(unit) else { return Some(format!("{code} is not there")) };
            let (catching_up, holding) = {
                let view = seen.store.view();
                (view.state.catching_up, view.state.holding.clone())
            };
            if catching_up || holding.is_some() {
                return Some(format!("{code} catches up: {holding:?}"));
            }
            let parent = self.units[unit].parent?;
            let above = self.seen(parent)?;
            let child = Child::read(&Draft::new(above.store.index()), code).unwrap();
            let Some(child) = child else { return Some(format!("{code} is not registered")) };
            let head = seen.feed.head();
            let digest = seen.store.view().state.head.digest;
            let held = child.walk.is_none() && child.low == head && child.holding.digest == digest;
            (!held).then(|| format!("{code} stands at {head:?}, held is {child:?}"))
        })
    }

    /// Every node's cells are what the acknowledged entries below it add up to.
    pub fn check_recount(&self) -> Result<(), Broken> {
        for unit in 0..self.units.len() {
            let Some(seen) = self.seen(unit) else { continue };
            let mut wanted = BTreeMap::new();
            for leaf in self.tree.leaves() {
                for scope in self.tree.between(unit, leaf) {
                    for ((measure, day, part), amount) in self.truth.amounts(leaf) {
                        let day = Period::day(period::date(*day));
                        let period = if scope == unit { day } else { day.within(Grain::Month) };
                        let scope = self.units[scope].code;
                        let cell = CellKey { scope, measure: *measure, period, part: part.clone() };
                        *wanted.entry(cell).or_insert(0) += amount;
                    }
                }
            }
            wanted.retain(|_, amount| *amount != 0);
            let mut found = cells(&seen);
            found.retain(|cell, amount| *amount != 0 && cell.measure.number > RESERVED_MAX);
            wanted.retain(|cell, _| cell.measure.number > RESERVED_MAX);
            if found != wanted {
                return Err(difference(&format!("{}", self.units[unit].code), &found, &wanted));
            }
        }
        Ok(())
    }
}

/// The cells of a node's feed.
pub fn cells(seen: &Seen) -> BTreeMap<CellKey, i64> {
    let mut cells = BTreeMap::new();
    let prefix = keys::items();
    let view = seen.store.view();
    let scanned = view.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        let item = keys::parse_item(key).and_then(|item| ItemKey::from_bytes(item).ok());
        if let (Some(ItemKey::Cell(cell)), ItemValue::Amount(amount)) = (item, OwnItem::from_bytes(value)?.value) {
            cells.insert(cell, amount);
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    scanned.unwrap();
    cells
}

fn difference(unit: &str, found: &BTreeMap<CellKey, i64>, wanted: &BTreeMap<CellKey, i64>) -> Broken {
    let keys: std::collections::BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let differ = keys.into_iter().filter(|key| found.get(*key) != wanted.get(*key));
    let lines: Vec<String> = differ
        .take(5)
        .map(|key| format!("{key:?}: {:?} instead of {:?}", found.get(key), wanted.get(key)))
        .collect();
    format!("{unit} does not add up to the entries below it:\n{}", lines.join("\n"))
}
