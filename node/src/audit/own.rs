//! What the own entries contribute, against the recount of the records.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use wuji_proto::{CellKey, DivisionCode, ItemKey, MeasureId, Part, Period, period};

use super::found::Found;
use super::recount::Recount;
use crate::catalogue::{ADOPTED, Catalogue, EXPECTED, REPORTED};
use crate::feed::item::ItemValue;
use crate::fold::conditions::{self, Deltas};
use crate::fold::days;
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError};

/// The own contributions of one state: what is stored, and what should be.
pub struct Own<'a> {
    index: &'a dyn Index,
    unit: DivisionCode,
    recount: &'a Recount,
    conditions: Deltas,
    /// Cells that no single record makes: conditions and reported days.
    whole: BTreeMap<Vec<u8>, i64>,
}

impl<'a> Own<'a> {
    /// Of the state that `index` has and `recount` follows, which must have covered everything.
    pub fn new(
        index: &'a dyn Index,
        own: DivisionCode,
        catalogue: &Catalogue,
        recount: &'a Recount,
    ) -> Result<Self, IndexError> {
        let conditions = conditions::evaluate(&Draft::new(index), catalogue)?;
        let mut whole = BTreeMap::new();
        for ((measure, day), amount) in &conditions {
            whole.insert(cell(own, *measure, *day).to_bytes(), *amount);
        }
        let entered = recount.days().filter(|day| recount.day(*day) > 0);
        for day in entered.chain(days::zero_reports(index)?) {
            whole.insert(cell(own, REPORTED, day).to_bytes(), 1);
        }
        Ok(Self { index, unit: own, recount, conditions, whole })
    }

    /// What the own entries should contribute to a cell.
    pub fn wanted(&self, cell: &[u8]) -> i64 {
        self.recount.cell(cell).saturating_add(self.whole.get(cell).copied().unwrap_or_default())
    }

    /// What they are stored to contribute.
    pub fn stored(&self, cell: &[u8]) -> Result<i64, IndexError> {
        let bytes = self.index.get(&place(self.unit, cell))?;
        bytes.map_or(Ok(0), |bytes| amount(self.unit, &bytes))
    }

    /// What the conditions should contribute.
    pub const fn conditions(&self) -> &Deltas {
        &self.conditions
    }

    /// Compares at most `cells_max` stored cells from the item key `from` on, and what should
    /// be stored between them. Returns where to go on; `None`: all are compared.
    pub fn cells(
        &self,
        from: &[u8],
        cells_max: usize,
        found: &mut Vec<Found>,
    ) -> Result<(u64, Option<Vec<u8>>), IndexError> {
        let prefix = CellKey::scope_prefix(self.unit);
        let from = from.max(&prefix);
        let (mut stored, mut next) = (BTreeMap::new(), None);
        let end = keys::after(&place(self.unit, &prefix));
        let skipped = place(self.unit, &[]).len();
        self.index.scan(&place(self.unit, from), end.as_deref(), &mut |key, value| {
            let item = key.get(skipped..).unwrap_or_default().to_vec();
            if stored.len() == cells_max {
                next = Some(item);
                return Ok(ControlFlow::Break(()));
            }
            stored.insert(item, amount(self.unit, value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        let to = next.clone().or_else(|| keys::after(&prefix));
        let whole = self.whole.keys().filter(|key| key.as_slice() >= from && to.as_ref().is_none_or(|to| *key < to));
        let all: BTreeSet<&Vec<u8>> =
            stored.keys().chain(self.recount.cells_between(from, to.as_deref())).chain(whole).collect();
        for key in &all {
            let (is, should) = (stored.get(*key).copied().unwrap_or_default(), self.wanted(key));
            if let (true, Ok(ItemKey::Cell(cell))) = (is != should, ItemKey::from_bytes(key))
                && recounted(cell.measure)
            {
                found.push(Found::Record { cell, stored: is, counted: should });
            }
        }
        Ok((all.len() as u64, next))
    }

    /// Compares the counts of days and the notes of conditions.
    pub fn rest(&self, found: &mut Vec<Found>) -> Result<(), IndexError> {
        let mut days: BTreeMap<i32, i64> = self.recount.days().map(|day| (day, 0)).collect();
        let prefix = keys::days();
        self.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            let count = value.try_into().map_or(0, i64::from_be_bytes);
            days.extend(keys::parse_day(key).map(|day| (day, count)));
            Ok(ControlFlow::Continue(()))
        })?;
        for (day, stored) in days {
            let counted = self.recount.day(day);
            if stored != counted {
                found.push(Found::Day { day, stored, counted });
            }
        }
        let noted = conditions::folded(&Draft::new(self.index))?;
        let places: BTreeSet<_> = noted.keys().chain(self.conditions.keys()).copied().collect();
        for (measure, day) in places {
            let of = |deltas: &Deltas| deltas.get(&(measure, day)).copied().unwrap_or_default();
            let (stored, counted) = (of(&noted), of(&self.conditions));
            if stored != counted {
                found.push(Found::Condition { measure, day, stored, counted });
            }
        }
        Ok(())
    }
}

/// Whether records and zero reports are all that a measure counts.
fn recounted(measure: MeasureId) -> bool {
    ![EXPECTED, ADOPTED].contains(&measure)
}

fn cell(own: DivisionCode, measure: MeasureId, day: i32) -> CellKey {
    CellKey { scope: own, measure, period: Period::day(period::date(day)), part: Part::default() }
}

/// Where the own entries' part of a cell is stored: apart from the children's, if there can be any.
fn place(own: DivisionCode, cell: &[u8]) -> Vec<u8> {
    if own.tier().has_children() { keys::held(Link::Unit(own), cell) } else { keys::item(cell) }
}

fn amount(own: DivisionCode, value: &[u8]) -> Result<i64, IndexError> {
    if own.tier().has_children() {
        return Ok(HeldItem::from_bytes(value)?.amount());
    }
    Ok(match OwnItem::from_bytes(value)?.value {
        ItemValue::Amount(amount) => amount,
        ItemValue::Unit(_) => 0,
    })
}
