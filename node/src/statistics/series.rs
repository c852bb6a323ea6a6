//! The amounts of a term for one unit, by words and day: what figures are added up from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

use wuji_proto::{CellKey, DivisionCode, Grain, MeasureId, Period, period};

use super::plan::Term;
use super::spans::Span;
use crate::feed::item::ItemValue;
use crate::index::keys::{self, Link};
use crate::index::values::{HeldItem, OwnItem};
use crate::index::{Index, IndexError};

/// Amounts by the first day of their cells' periods, in order, each day once.
pub type Series = Vec<(i32, i64)>;

/// The series of a unit by words.
pub type Sums = BTreeMap<Vec<String>, Series>;

/// Where a unit's cells are in this node's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellSource {
    /// Totals: of the node's own scope by day, of units below by month.
    Totals,
    /// A direct child's scope, by day: as it tells, and as the registry adds.
    ChildDays,
    /// What the node itself wrote, by day, without its children's.
    OwnEntries,
}

/// Which cells of a measure are meant, and what they are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pick {
    /// The measure.
    pub measure: MeasureId,
    /// The split that is added up; 0: the undivided measure.
    pub split: u8,
    /// Where in a part's words the fields asked for stand.
    pub places: Vec<usize>,
    /// Only parts whose word at this place is one of these.
    pub only: Vec<(usize, Vec<String>)>,
}

impl Pick {
    /// The words that a part's amount goes under; `None`: it is of another split, or not wanted.
    fn words<'w>(&self, split: u8, words: impl Iterator<Item = &'w str>) -> Option<Vec<String>> {
        if split != self.split {
            return None;
        }
        if self.places.is_empty() && self.only.is_empty() {
            return Some(Vec::new());
        }
        let words: Vec<&str> = words.collect();
        let wanted = self
            .only
            .iter()
            .all(|(place, only)| words.get(*place).is_some_and(|word| only.iter().any(|wanted| wanted == word)));
        wanted.then(|| {
            self.places.iter().map(|place| words.get(*place).copied().unwrap_or_default().to_owned()).collect()
        })
    }

    /// Adds an amount to the series that a cell belongs to; `part` is what comes after the
    /// measure in its key.
    pub fn add(&self, sums: &mut Sums, part: &[u8], amount: i64) {
        let Some((period, split, words)) = CellKey::split_part(part) else { return };
        if amount == 0 {
            return;
        }
        let Some(words) = self.words(split, words) else { return };
        let day = period::days(period.first_day());
        match sums.entry(words) {
            Entry::Vacant(place) => {
                place.insert(vec![(day, amount)]);
            }
            Entry::Occupied(mut series) => {
                add_to_day(series.get_mut(), day, amount);
                if series.get().is_empty() {
                    series.remove();
                }
            }
        }
    }
}

/// What is 0 is left out, so that a series is the same however it came about.
fn add_to_day(series: &mut Series, day: i32, amount: i64) {
    match series.binary_search_by_key(&day, |(day, _)| *day) {
        Err(place) => series.insert(place, (day, amount)),
        Ok(place) => {
            let Some((_, sum)) = series.get_mut(place) else { return };
            *sum = sum.saturating_add(amount);
            if *sum == 0 {
                series.remove(place);
            }
        }
    }
}

/// All cells of a unit's totals.
pub fn totals(index: &dyn Index, unit: DivisionCode, pick: &Pick) -> Result<Sums, IndexError> {
    let mut sums = Sums::new();
    let from = keys::item(&CellKey::measure_prefix(unit, pick.measure));
    index.scan(&from, keys::after(&from).as_deref(), &mut |key, value| {
        let part = keys::parse_item(key).and_then(CellKey::split_prefix);
        if let Some((_, _, part)) = part
            && let ItemValue::Amount(amount) = OwnItem::from_bytes(value)?.value
        {
            pick.add(&mut sums, part, amount);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(sums)
}

/// The days of a direct child, or of the node's own entries, within `span`; of a stock, from
/// the first cell on.
pub fn days(
    index: &dyn Index,
    own: DivisionCode,
    unit: DivisionCode,
    source: CellSource,
    term: &Term<'_>,
    span: Span,
) -> Result<Sums, IndexError> {
    let mut sums = Sums::new();
    if source == CellSource::OwnEntries && !own.tier().has_children() {
        return totals(index, own, &term.pick); // all that it has it wrote itself
    }
    let from = if term.is_from_first() { 0 } else { span.first };
    held_days(index, own, unit, source, term.pick.measure, Span { first: from, ..span }, &mut |part, amount| {
        term.pick.add(&mut sums, part, amount);
    })?;
    Ok(sums)
}

/// Calls with the part and the amount of each day that links contribute.
fn held_days(
    index: &dyn Index,
    own: DivisionCode,
    unit: DivisionCode,
    source: CellSource,
    measure: MeasureId,
    span: Span,
    each: &mut dyn FnMut(&[u8], i64),
) -> Result<(), IndexError> {
    let (first, end) = day_range(unit, measure, span);
    let mut add = |item: Option<&[u8]>, value: &[u8]| {
        if let Some((_, _, part)) = item.and_then(CellKey::split_prefix) {
            each(part, HeldItem::from_bytes(value)?.amount());
        }
        Ok(ControlFlow::Continue(()))
    };
    let links: &[Link] = match source {
        CellSource::ChildDays => &[Link::Unit(unit), Link::Registry],
        CellSource::OwnEntries | CellSource::Totals => &[Link::Unit(own)],
    };
    for link in links {
        let (from, to) = (keys::held(*link, &first), keys::held(*link, &end));
        index.scan(&from, Some(&to), &mut |key, value| add(keys::parse_held(key), value))?;
    }
    if source == CellSource::ChildDays {
        let (from, to) = (keys::kept(unit, &first), keys::kept(unit, &end));
        index.scan(&from, Some(&to), &mut |key, value| add(keys::parse_of_child(key), value))?;
    }
    Ok(())
}

/// The item keys of a measure's days in a time.
fn day_range(unit: DivisionCode, measure: MeasureId, span: Span) -> (Vec<u8>, Vec<u8>) {
    let prefix = CellKey::measure_prefix(unit, measure);
    let key = |period: Period| [&prefix[..], &period.to_key()].concat();
    let day = |day: i32| Period::of(period::date(day), Grain::Day);
    (key(day(span.first)), key(day(span.last).next()))
}

/// The days on which a direct child has an amount above 0 of a measure, whatever its words.
pub fn reported_days(
    index: &dyn Index,
    own: DivisionCode,
    child: DivisionCode,
    measure: MeasureId,
) -> Result<Vec<i32>, IndexError> {
    let mut amounts = BTreeMap::new();
    let from_first = Span { first: 0, last: period::days(period::LAST_DAY) };
    held_days(index, own, child, CellSource::ChildDays, measure, from_first, &mut |part, amount| {
        if let Some((period, ..)) = CellKey::split_part(part) {
            *amounts.entry(period::days(period.first_day())).or_insert(0_i64) += amount;
        }
    })?;
    Ok(amounts.into_iter().filter(|(_, amount)| *amount > 0).map(|(day, _)| day).collect())
}

/// The figure of a time: of a flow the sum within it, of a stock everything up to its end.
pub fn figure(series: &[(i32, i64)], is_stock: bool, span: Span) -> i64 {
    let from = if is_stock { 0 } else { series.partition_point(|(day, _)| *day < span.first) };
    let within = series.iter().skip(from).take_while(|(day, _)| *day <= span.last);
    within.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}
