//! Every stored total against the sum of its parts, and every part against its totals, in
//! steps that each read one view: no half batch is ever compared.

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

use wuji_proto::{AMOUNT_MAX, CellKey, DivisionCode, ItemKey};

use super::found::{Found, Scope};
use crate::feed::group::Group;
use crate::feed::item::ItemValue;
use crate::index::keys::{self, Link};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError, page};
use crate::statistics::rollup::{Targets, children, sum_of_parts};

/// A range of the index's keys.
type Range = (Vec<u8>, Option<Vec<u8>>);

/// How many days a month has at most: the parts by day of a child's month.
const MONTH_DAYS: usize = 31;

/// Where the walk over totals and parts is.
pub struct Totals {
    ranges: VecDeque<Range>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub struct Step {
    /// Totals that were compared.
    pub totals: u64,
    /// Keys that were read.
    pub keys: u64,
}

impl Totals {
    /// Over all totals of a scope, then over all parts.
    pub fn new(index: &dyn Index, own: DivisionCode, scope: &Scope) -> Result<Self, IndexError> {
        let children = codes(index)?;
        let prefixes = |at: &dyn Fn(&[u8]) -> Vec<u8>, all: Vec<u8>| -> Vec<Vec<u8>> {
            match scope.units() {
                None => vec![all],
                Some(units) => units
                    .flat_map(|unit| [ItemKey::Unit(unit).to_bytes(), CellKey::scope_prefix(unit)])
                    .map(|item| at(&item))
                    .collect(),
            }
        };
        let mut all = prefixes(&keys::item, keys::items());
        let links = children.iter().copied().chain([own]).map(Link::Unit).chain([Link::Registry]);
        for link in links {
            all.extend(prefixes(&|item| keys::held(link, item), keys::held_by(link)));
        }
        for child in &children {
            all.extend(prefixes(&|item| keys::kept(*child, item), keys::kept(*child, &[])));
        }
        let range = |prefix: Vec<u8>| {
            let end = keys::after(&prefix);
            (prefix, end)
        };
        Ok(Self { ranges: all.into_iter().map(range).collect() })
    }

    /// Whether all is compared.
    pub fn is_done(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Compares on, until about `parts_max` parts were read. `group` is empty and over the view
    /// that the caller keeps meanwhile.
    pub fn step(
        &mut self,
        group: &mut Group<'_>,
        index: &dyn Index,
        parts_max: usize,
        found: &mut Vec<Found>,
    ) -> Result<Step, IndexError> {
        let children = children(group)?;
        let (mut step, mut left) = (Step::default(), parts_max);
        while let Some((from, to)) = self.ranges.pop_front() {
            let (pairs, next) = page(index, &from, to.as_deref(), left.div_ceil(1 + children.len()))?;
            step.keys += pairs.len() as u64;
            for (at, (key, value)) in pairs.iter().enumerate() {
                if left == 0 {
                    self.ranges.push_front((key.clone(), to.clone()));
                    step.keys -= (pairs.len() - at) as u64;
                    return Ok(step);
                }
                let cost = if keys::parse_item(key).is_some() {
                    step.totals += u64::from(group.own.tier().has_children());
                    total(group, &children, key, value, found)?
                } else {
                    part(group, &children, key, value, found)?
                };
                left = left.saturating_sub(cost);
            }
            if let Some(next) = next {
                self.ranges.push_front((next, to));
            }
            if left == 0 {
                break;
            }
        }
        Ok(step)
    }
}

/// A stored total; returned are the parts that were read.
fn total(
    group: &Group<'_>,
    children: &[DivisionCode],
    key: &[u8],
    value: &[u8],
    found: &mut Vec<Found>,
) -> Result<usize, IndexError> {
    let Some(Ok(ItemKey::Cell(cell))) = keys::parse_item(key).map(ItemKey::from_bytes) else { return Ok(1) };
    // A node that can have no children has no parts but its records: they are counted apart.
    let ItemValue::Amount(stored) = OwnItem::from_bytes(value)?.value else { return Ok(1) };
    if !group.own.tier().has_children() {
        return Ok(1);
    }
    let parts = sum(group, children, &cell)?;
    let direct = children.contains(&cell.scope) || cell.scope == group.own;
    if stored != parts {
        found.push(Found::Total { cell, stored, parts });
    }
    Ok(if direct { 1 + children.len() + MONTH_DAYS } else { 1 + children.len() })
}

/// A part: each of its totals must be there; and a directory entry must be published.
fn part(
    group: &Group<'_>,
    children: &[DivisionCode],
    key: &[u8],
    value: &[u8],
    found: &mut Vec<Found>,
) -> Result<usize, IndexError> {
    let held = HeldItem::from_bytes(value)?;
    let kept = keys::parse_kept_of(key);
    let by = kept.map(|(child, _)| child).or_else(|| keys::parse_held_by(key));
    let Some(Ok(item)) = kept.map(|(_, item)| item).or_else(|| keys::parse_held(key)).map(ItemKey::from_bytes) else {
        return Ok(1); // malformed: set aside
    };
    match item {
        ItemKey::Cell(cell) if held.amount() != 0 => {
            let totals = match by {
                Some(by) if by == group.own => vec![cell],
                by => Targets::of(group.own, by.unwrap_or(cell.scope), &cell)
                    .map(|targets| targets.own_day.into_iter().chain([targets.month]).collect())
                    .unwrap_or_default(),
            };
            for total in totals {
                if group.draft.get(&keys::item(&total.to_bytes()))?.is_none() {
                    missing(group, children, total, found)?;
                }
            }
            Ok(3)
        }
        ItemKey::Unit(unit) => {
            if let (Some(child), ItemValue::Unit(_), false) = (by, &held.value, held.aside) {
                directory(group, children, unit, child, &held.value, found)?;
            }
            Ok(1 + children.len())
        }
        ItemKey::Cell(_) => Ok(1),
    }
}

fn missing(
    group: &Group<'_>,
    children: &[DivisionCode],
    cell: CellKey,
    found: &mut Vec<Found>,
) -> Result<(), IndexError> {
    let parts = sum(group, children, &cell)?;
    let new = |found: &Found| !matches!(found, Found::Total { cell: other, .. } if *other == cell);
    if parts != 0 && found.iter().all(new) {
        found.push(Found::Total { cell, stored: 0, parts });
    }
    Ok(())
}

/// Of two children that bring a unit (it moved) the last one's word counts: nothing says which.
fn directory(
    group: &Group<'_>,
    children: &[DivisionCode],
    unit: DivisionCode,
    child: DivisionCode,
    told: &ItemValue,
    found: &mut Vec<Found>,
) -> Result<(), IndexError> {
    let item = ItemKey::Unit(unit).to_bytes();
    for other in children.iter().filter(|other| **other != child) {
        if group.draft.get(&keys::held(Link::Unit(*other), &item))?.is_some() {
            return Ok(());
        }
    }
    let stored = group.draft.get(&keys::item(&item))?.map(|bytes| OwnItem::from_bytes(&bytes)).transpose()?;
    if stored.map(|stored| stored.value).as_ref() != Some(told) {
        found.push(Found::Directory { unit, child });
    }
    Ok(())
}

/// As the writer would store it.
pub fn sum(group: &Group<'_>, children: &[DivisionCode], cell: &CellKey) -> Result<i64, IndexError> {
    Ok(sum_of_parts(group, children, cell)?.clamp(-AMOUNT_MAX, AMOUNT_MAX))
}

/// The planned children.
pub fn codes(index: &dyn Index) -> Result<BTreeSet<DivisionCode>, IndexError> {
    let prefix = keys::children();
    let mut codes = BTreeSet::new();
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, _| {
        codes.extend(keys::parse_child(key));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(codes)
}
