//! Sums of stored cells by period and words, from one view.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use wuji_proto::{CellKey, DivisionCode, Grain, ItemKey, Period, period};

use super::plan::Term;
use crate::feed::item::ItemValue;
use crate::index::keys::{self, Link};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError};

/// Amounts by words, then by the first day of the cell's period.
pub type Sums = BTreeMap<Vec<String>, BTreeMap<i32, i64>>;

/// Where a unit's cells are in this node's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The node's own scope, by day.
    OwnDays,
    /// A direct child's scope, by day: as it tells, and as the registry adds.
    ChildDays,
    /// What the node itself wrote, by day, without its children's.
    OwnEntries,
    /// A unit below, by month.
    Months,
}

/// The cells of a term for one unit, up to the day `to`; from the day `from` on for a flow,
/// from the first cell on for a stock.
pub fn sums(
    index: &dyn Index,
    unit: DivisionCode,
    source: Source,
    term: &Term<'_>,
    from: i32,
    to: i32,
) -> Result<Sums, IndexError> {
    let mut sums = Sums::new();
    let mut take = |item: &[u8], amount: i64| {
        if let Ok(ItemKey::Cell(cell)) = ItemKey::from_bytes(item)
            && let Some(words) = words(term, &cell)
        {
            let day = period::days(cell.period.first_day());
            let sum = sums.entry(words).or_default().entry(day).or_default();
            *sum = sum.saturating_add(amount);
        }
    };
    let grain = if source == Source::Months { Grain::Month } else { Grain::Day };
    let (first, end) = item_range(unit, term, grain, from, to);
    let links: &[Link] = match source {
        Source::ChildDays => &[Link::Unit(unit), Link::Registry],
        Source::OwnEntries => &[Link::Unit(unit)],
        Source::OwnDays | Source::Months => &[],
    };
    if source == Source::ChildDays {
        let (from, to) = (keys::kept(unit, &first), keys::kept(unit, &end));
        index.scan(&from, Some(&to), &mut |key, value| {
            if let Some(item) = keys::parse_kept(key) {
                take(item, HeldItem::from_bytes(value)?.amount());
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    if !links.is_empty() {
        for link in links {
            index.scan(&keys::held(*link, &first), Some(&keys::held(*link, &end)), &mut |key, value| {
                if let Some(item) = keys::parse_held(key) {
                    take(item, HeldItem::from_bytes(value)?.amount());
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        return Ok(sums);
    }
    index.scan(&keys::item(&first), Some(&keys::item(&end)), &mut |key, value| {
        if let (Some(item), ItemValue::Amount(amount)) = (keys::parse_item(key), OwnItem::from_bytes(value)?.value) {
            take(item, amount);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(sums)
}

/// The item keys of a term's cells in a time.
fn item_range(unit: DivisionCode, term: &Term<'_>, grain: Grain, from: i32, to: i32) -> (Vec<u8>, Vec<u8>) {
    let prefix = CellKey::measure_prefix(unit, term.measure.key());
    let at = |day: i32| Period::of(period::date(day), grain);
    let first_day = if term.is_stock() { 0 } else { from };
    ([&prefix[..], &at(first_day).to_key()].concat(), [&prefix[..], &at(to).next().to_key()].concat())
}

/// The words that a cell's amount goes under; `None`: it is of another split, or not wanted.
fn words(term: &Term<'_>, cell: &CellKey) -> Option<Vec<String>> {
    let part = &cell.part;
    let wanted = part.split == term.split
        && term.only.iter().all(|(place, words)| part.words.get(*place).is_some_and(|word| words.contains(word)));
    wanted.then(|| term.places.iter().map(|place| part.words.get(*place).cloned().unwrap_or_default()).collect())
}

/// The figure of one period: of a flow the sum within it, of a stock everything up to its end.
pub fn figure(by_day: &BTreeMap<i32, i64>, is_stock: bool, (first, last): (i32, i32)) -> i64 {
    let from = if is_stock { i32::MIN } else { first };
    by_day.range(from..=last).fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}
