//! Quiet: nothing moves any more. And what must hold then.

use std::collections::BTreeMap;
use std::time::Duration;

use wuji_node::catalogue::{ADOPTED, EXPECTED, RECEIVED, RECEIVED_MONTHS, REPORTED, UNSETTLED, UNSETTLED_AMOUNTS};
use wuji_node::feed::item::ItemValue;
use wuji_node::index::keys;
use wuji_node::index::values::{self, OwnItem};
use wuji_node::invariant;
use wuji_proto::stored::RecordHead;
use wuji_proto::{CellKey, ItemKey, MeasureId};

use crate::entries::SEALED;
use crate::host::Seen;
use crate::world::{Broken, World};

/// Nothing may have moved for so long: received days are journalled a few seconds later.
const STILL: Duration = Duration::from_secs(3);

/// The longest time from the end of all faults until quiet.
const QUIET_MAX: Duration = Duration::from_mins(3);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Measures that are not made of single records.
const NOT_OF_RECORDS: [MeasureId; 7] =
    [REPORTED, EXPECTED, RECEIVED, RECEIVED_MONTHS, ADOPTED, UNSETTLED, UNSETTLED_AMOUNTS];

/// Whether records alone make a measure.
pub fn of_records(measure: MeasureId) -> bool {
    !NOT_OF_RECORDS.contains(&measure)
}

impl World {
    /// Waits until nothing moves.
    pub fn quiet(&mut self) -> Result<(), Broken> {
        let deadline = self.sim.elapsed() + QUIET_MAX;
        let mut still = Duration::ZERO;
        let mut before = Vec::new();
        while still < STILL {
            self.run(LOOK)?;
            match self.restless() {
                None if before == self.heads() => still += LOOK,
                _ => still = Duration::ZERO,
            }
            before = self.heads();
            if self.sim.elapsed() > deadline {
                return Err(format!("no quiet within {QUIET_MAX:?}: {}", self.restless().unwrap_or_default()));
            }
        }
        let heads = self.heads();
        self.note(format_args!("quiet: {heads:?}"));
        Ok(())
    }

    /// Where every feed stands.
    pub fn heads(&self) -> Vec<String> {
        let heads = (0..self.units.len()).filter_map(|unit| self.seen(unit));
        heads.map(|seen| format!("{:?}", seen.store.view().state.head)).collect()
    }

    /// What still moves.
    pub fn restless(&self) -> Option<String> {
        if !self.idle() {
            return Some("answers are awaited".to_owned());
        }
        (0..self.units.len()).filter(|unit| !self.retired.contains(unit)).find_map(|unit| {
            let code = self.units[unit].code;
            let Some(seen) = self.seen(unit) else { return Some(format!("{code} is not there")) };
            let (catching_up, holding) = {
                let view = seen.store.view();
                (view.state.catching_up, view.state.holding.clone())
            };
            if catching_up || holding.is_some() {
                return Some(format!("{code} catches up: {holding:?}"));
            }
            self.units[unit].parent?;
            (!self.is_held(unit)).then(|| format!("{code} is not held: {:?}", self.known(unit)))
        })
    }

    /// Everything that must hold in quiet.
    pub fn check(&mut self) -> Result<(), Broken> {
        self.check_recount()?;
        for unit in 0..self.units.len() {
            self.check_store(unit).map_err(|broken| format!("{}: {broken}", self.units[unit].code))?;
        }
        self.check_digests()?;
        self.excused.clear();
        self.rebuilds.clear();
        self.unjudged = false;
        self.truth.quiet();
        Ok(())
    }

    /// What a node has acknowledged is there, and what it stores agrees with itself and with what
    /// its parent holds of it.
    fn check_store(&self, unit: usize) -> Result<(), Broken> {
        let Some(seen) = self.seen(unit) else { return Ok(()) };
        let (index, code) = (seen.store.index(), self.units[unit].code);
        let (head, applied) = {
            let view = seen.store.view();
            (view.state.head, view.state.applied)
        };
        if !invariant::index_follows(applied, seen.journal.tail().sequence) {
            return Err(format!("the index shows entry {applied}, which the journal does not have"));
        }
        let wrong = invariant::false_totals(index, code).unwrap();
        if let Some(cell) = wrong.first() {
            return Err(format!("{} totals are no sums of their parts, first {cell:?}", wrong.len()));
        }
        invariant::digests_are_of_items(index, &seen.store.hasher, head.digest).map_err(|error| error.to_string())?;
        if !invariant::tells_nothing_of(index, SEALED).unwrap() {
            return Err("a sealed value is in the index".to_owned());
        }
        for child in self.tree.children(unit).into_iter().filter(|child| !self.retired.contains(child)) {
            let (Some(below), code) = (self.seen(child), self.units[child].code) else { continue };
            if !invariant::copy_is_equal(index, code, below.store.index()).unwrap() {
                return Err(format!("what is held of {code} is not what it has"));
            }
        }
        self.check_acknowledged(unit, &seen)
    }

    /// Every record is there as it was last acknowledged.
    fn check_acknowledged(&self, unit: usize, seen: &Seen) -> Result<(), Broken> {
        if !self.is_leaf(unit) {
            return Ok(());
        }
        for (id, record) in &self.truth.leaf(unit).records {
            let stored = seen.store.index().get(&keys::record(record.ledger, *id)).unwrap();
            let stored = stored.map(|bytes| values::decode::<RecordHead>("a record", &bytes).unwrap());
            let found = stored.map(|head| (head.revision, head.voided));
            if found != Some((record.revision, record.content.is_none())) {
                return Err(format!("record {id} is {found:?} instead of {record:?}"));
            }
        }
        Ok(())
    }

    /// A digest finds what went wrong by accident; where nothing was damaged it has nothing to find.
    fn check_digests(&self) -> Result<(), Broken> {
        let running = (0..self.units.len()).filter_map(|unit| self.seen(unit));
        let differed = self.digests_differed + running.map(|seen| seen.metrics.digests_differed.get()).sum::<u64>();
        if differed > 0 && !self.harmed {
            return Err(format!("{differed} digests differed at complete marks"));
        }
        Ok(())
    }

    /// Every node's cells are what the acknowledged entries below it add up to.
    fn check_recount(&self) -> Result<(), Broken> {
        for unit in 0..self.units.len() {
            let Some(seen) = self.seen(unit) else { continue };
            let wanted = self.ranges(unit).into_iter().map(|(cell, range)| (cell, range.certain));
            let wanted: BTreeMap<_, _> = wanted.filter(|(_, amount)| *amount != 0).collect();
            let mut found = cells(&seen);
            found.retain(|cell, amount| *amount != 0 && of_records(cell.measure));
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
    let lines: Vec<String> =
        differ.take(5).map(|key| format!("{key:?}: {:?} instead of {:?}", found.get(key), wanted.get(key))).collect();
    format!("{unit} does not add up to the entries below it:\n{}", lines.join("\n"))
}
