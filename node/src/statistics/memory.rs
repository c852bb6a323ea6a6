//! What answers are made from again and again, kept in memory: the directory, and the series
//! of terms that were asked for. The writer moves it with each batch, under the same lock
//! that readers' views hold: it is always of the very state of the view.
//!
//! Nothing of it is stored: it is read from the index when it is first asked for, and what
//! was not asked for lately is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use wuji_proto::{CellKey, DivisionCode, ItemKey, MeasureId};

use super::directory::Directory;
use super::reporting::Reporting;
use super::series::{self, Pick, Sums};
use super::standing::Summaries;
use crate::feed::group::{Change, Moved};
use crate::index::{Index, IndexError};

/// Amounts that are kept at most, about 24 bytes each. A node of a workroom has a few
/// thousand; a province asked for one measure of all its 14,000 units by month 168,000 a year.
pub const AMOUNTS_MAX: usize = 4_000_000;

/// Counted for each unit's series beside its amounts: the maps around them.
const SERIES_OVERHEAD: usize = 8;

/// The memory of one index.
#[derive(Default)]
pub struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    directory: Option<Arc<Directory>>,
    reporting: Option<Arc<Reporting>>,
    summaries: Arc<Summaries>,
    columns: HashMap<Pick, Column>,
    amounts: usize,
    /// Counts the questions: which column was asked for last.
    clock: u64,
}

/// A term's series by unit.
#[derive(Default)]
struct Column {
    units: HashMap<DivisionCode, Arc<Sums>>,
    amounts: usize,
    used: u64,
}

impl Memory {
    /// An item of the own feed has changed. Called by the writer while no view is held.
    pub fn moved(&self, moved: &Moved) {
        let mut kept = self.0.lock();
        match &moved.change {
            Change::Unit(entry) => {
                if let Ok(ItemKey::Unit(code)) = ItemKey::from_bytes(&moved.key) {
                    kept.unit(code, entry);
                }
            }
            Change::Amount { before, now } => {
                if let Some((unit, measure, part)) = CellKey::split_prefix(&moved.key) {
                    kept.cell(unit, measure, part, (*before, *now));
                }
            }
        }
    }

    /// The subtree.
    pub fn directory(&self, index: &dyn Index) -> Result<Arc<Directory>, IndexError> {
        if let Some(directory) = &self.0.lock().directory {
            return Ok(Arc::clone(directory));
        }
        // Read without the lock: the view that the caller holds keeps the writer out.
        let directory = Arc::new(Directory::read(index)?);
        self.0.lock().directory = Some(Arc::clone(&directory));
        Ok(directory)
    }

    /// Which workroom reported when.
    pub fn reporting(&self, index: &dyn Index, own: DivisionCode) -> Result<Arc<Reporting>, IndexError> {
        if let Some(reporting) = &self.0.lock().reporting {
            return Ok(Arc::clone(reporting));
        }
        let reporting = Arc::new(Reporting::read(index, &*self.directory(index)?, own)?);
        self.0.lock().reporting = Some(Arc::clone(&reporting));
        Ok(reporting)
    }

    /// How the units of scopes stand.
    pub fn summaries(&self) -> Arc<Summaries> {
        Arc::clone(&self.0.lock().summaries)
    }

    /// The series of each unit's totals, in the order of `units`.
    pub fn totals(&self, index: &dyn Index, pick: &Pick, units: &[DivisionCode]) -> Result<Vec<Arc<Sums>>, IndexError> {
        let known = self.0.lock().known(pick, units);
        let mut read = Vec::new();
        let mut all = Vec::with_capacity(units.len());
        for (unit, known) in units.iter().zip(known) {
            let sums = if let Some(sums) = known {
                sums
            } else {
                let sums = Arc::new(series::totals(index, *unit, pick)?);
                read.push((*unit, Arc::clone(&sums)));
                sums
            };
            all.push(sums);
        }
        if !read.is_empty() {
            self.0.lock().keep(pick, read);
        }
        Ok(all)
    }

    /// Units of these whose series of a term are not in memory.
    pub fn unread(&self, pick: &Pick, units: &[DivisionCode]) -> Vec<DivisionCode> {
        let known = self.0.lock().known(pick, units);
        units.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(unit, _)| *unit).collect()
    }
}

impl Kept {
    fn unit(&mut self, code: DivisionCode, entry: &wuji_proto::v1::UnitEntry) {
        if let Some(directory) = &mut self.directory {
            Arc::make_mut(directory).set(code, entry.clone());
        }
        self.reporting = None;
        self.summaries = Arc::default();
    }

    fn cell(&mut self, unit: DivisionCode, measure: MeasureId, part: &[u8], (before, now): (i64, i64)) {
        if let Some(reporting) = &mut self.reporting
            && Reporting::reads(measure)
        {
            Arc::make_mut(reporting).moved(unit, measure, part, now);
        }
        let change = now.saturating_sub(before);
        for (pick, column) in self.columns.iter_mut().filter(|(pick, _)| pick.measure == measure) {
            if let Some(sums) = column.units.get_mut(&unit) {
                pick.add(Arc::make_mut(sums), part, change);
            }
        }
    }

    fn known(&mut self, pick: &Pick, units: &[DivisionCode]) -> Vec<Option<Arc<Sums>>> {
        self.clock += 1;
        let Some(column) = self.columns.get_mut(pick) else { return vec![None; units.len()] };
        column.used = self.clock;
        units.iter().map(|unit| column.units.get(unit).cloned()).collect()
    }

    fn keep(&mut self, pick: &Pick, read: Vec<(DivisionCode, Arc<Sums>)>) {
        let size =
            |sums: &Sums| SERIES_OVERHEAD + sums.values().map(|series| series.len() + SERIES_OVERHEAD).sum::<usize>();
        let more: usize = read.iter().map(|(_, sums)| size(sums)).sum();
        while self.amounts.saturating_add(more) > AMOUNTS_MAX && self.drop_oldest(pick) {}
        if self.amounts.saturating_add(more) > AMOUNTS_MAX {
            return; // more than fits: read again when it is asked for again
        }
        let column = self.columns.entry(pick.clone()).or_default();
        column.used = self.clock;
        for (unit, sums) in read {
            // Another question may have read it meanwhile.
            let more = size(&sums);
            if column.units.insert(unit, sums).is_none() {
                column.amounts += more;
                self.amounts += more;
            }
        }
    }

    /// Drops the column that was not asked for longest, other than this one.
    fn drop_oldest(&mut self, but: &Pick) -> bool {
        let oldest = self.columns.iter().filter(|(pick, _)| *pick != but).min_by_key(|(_, column)| column.used);
        let Some(pick) = oldest.map(|(pick, _)| pick.clone()) else { return false };
        let dropped = self.columns.remove(&pick);
        self.amounts = self.amounts.saturating_sub(dropped.map_or(0, |column| column.amounts));
        true
    }
}
