//! Which workroom was expected and which has reported, in which months: three different
//! things on screen. Zero is a figure; not reported and not expected are not.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use wuji_proto::{CellKey, DivisionCode, MeasureId, Tier, period, v1};

use super::Figures;
use super::directory::Directory;
use super::series;
use super::spans::Span;
use crate::catalogue::{EXPECTED, RECEIVED, RECEIVED_MONTHS, REPORTED};
use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};

/// The measures whose cells say that a workroom has reported: itself, or as the node above it
/// has stated. By month the latter has a measure that is not divided.
const BY_MONTH: [MeasureId; 2] = [REPORTED, RECEIVED_MONTHS];
const BY_DAY: [MeasureId; 2] = [REPORTED, RECEIVED];

/// The workrooms below a node, those of every unit side by side.
#[derive(Clone, Debug, Default)]
pub struct Reporting {
    workrooms: Vec<Workroom>,
    /// Where each unit's workrooms are in the list.
    ranges: HashMap<DivisionCode, Range<usize>>,
}

/// A time in which reports are looked for, of thousands of workrooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    span: Span,
    /// Of the month of the first day.
    first_of_month: i32,
}

impl From<Span> for Window {
    fn from(span: Span) -> Self {
        Self { span, first_of_month: period::days(period::date(span.first).first_of_month()) }
    }
}

/// What is known of one workroom.
#[derive(Clone, Debug)]
pub struct Workroom {
    /// The unit.
    pub code: DivisionCode,
    /// For each of [`BY_MONTH`] or [`BY_DAY`], the days with an amount above 0, in order: the first days of
    /// months, unless `by_day`.
    days: [Vec<i32>; BY_MONTH.len()],
    /// Whether its days are known here, and not only its months.
    pub by_day: bool,
    /// How many units are expected (0 or 1) from a day on, as changes in order of days.
    expected: Vec<(i32, i64)>,
}

impl Workroom {
    /// Whether it was to report at the end of a time.
    pub fn is_expected(&self, window: Window) -> bool {
        let changes = self.expected.iter().take_while(|(day, _)| *day <= window.span.last);
        changes.map(|(_, change)| change).sum::<i64>() > 0
    }

    /// Whether it has reported in the time; or, where only months are known, in a month that
    /// the time touches.
    pub fn has_reported(&self, window: Window) -> bool {
        let first = if self.by_day { window.span.first } else { window.first_of_month };
        self.days.iter().any(|days| {
            let at = days.partition_point(|day| *day < first);
            days.get(at).is_some_and(|day| *day <= window.span.last)
        })
    }

    fn set(&mut self, measure: MeasureId, day: i32, amount: i64) {
        let lists = BY_MONTH.iter().zip(&mut self.days);
        for (_, days) in lists.filter(|(reports, _)| **reports == measure) {
            match (days.binary_search(&day), amount > 0) {
                (Ok(place), false) => drop(days.remove(place)),
                (Err(place), true) => days.insert(place, day),
                _ => {}
            }
        }
    }

    fn expect(&mut self, day: i32, amount: i64) {
        match self.expected.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(place) => drop(self.expected.get_mut(place).map(|change| change.1 = amount)),
            Err(place) => self.expected.insert(place, (day, amount)),
        }
    }
}

impl Reporting {
    /// Reads the workrooms below `own`. They are held by month, whatever is above them.
    pub fn read(index: &dyn Index, directory: &Directory, own: DivisionCode) -> Result<Self, IndexError> {
        let mut reporting = Self::default();
        reporting.place(directory, own);
        if own.tier() == Tier::Workroom {
            // Its own parent expects it; it knows its days itself.
            reporting.workrooms.iter_mut().for_each(|own| (own.by_day, own.expected) = (true, vec![(0, 1)]));
        }
        for workroom in &mut reporting.workrooms {
            for measure in BY_MONTH {
                each_cell(index, workroom.code, measure, |day, _, amount| workroom.set(measure, day, amount))?;
            }
            each_cell(index, workroom.code, EXPECTED, |day, tier, amount| {
                if tier == Some(Tier::Workroom.name()) {
                    workroom.expect(day, amount);
                }
            })?;
        }
        Ok(reporting)
    }

    /// As answers from a view say it; by day where the question is by day and the node knows.
    pub fn held(by_day: bool, figures: &Figures<'_>) -> Result<Arc<Self>, IndexError> {
        let Figures { index, memory, own } = *figures;
        let (reporting, directory) = (memory.reporting(index, own)?, memory.directory(index)?);
        let children = directory.children(own);
        let exact = by_day && children.iter().any(|child| child.tier() == Tier::Workroom);
        if exact { Ok(Arc::new(reporting.with_days(index, own, children)?)) } else { Ok(reporting) }
    }

    /// The same with the days of direct children, which are held by day.
    fn with_days(&self, index: &dyn Index, own: DivisionCode, children: &[DivisionCode]) -> Result<Self, IndexError> {
        let mut exact = self.clone();
        for child in children.iter().filter(|child| child.tier() == Tier::Workroom) {
            let place = exact.ranges.get(child).map(|range| range.start);
            let Some(workroom) = place.and_then(|place| exact.workrooms.get_mut(place)) else { continue };
            workroom.by_day = true;
            for (measure, days) in BY_DAY.iter().zip(&mut workroom.days) {
                *days = series::reported_days(index, own, *child, *measure)?;
            }
            // A unit that is planned anew has another day; of the former nothing is left.
            let expected = series::reported_days(index, own, *child, EXPECTED)?;
            workroom.expected = expected.into_iter().map(|day| (day, 1)).collect();
        }
        Ok(exact)
    }

    fn place(&mut self, directory: &Directory, unit: DivisionCode) {
        let first = self.workrooms.len();
        if unit.tier() == Tier::Workroom {
            self.workrooms.push(Workroom { code: unit, days: Default::default(), by_day: false, expected: Vec::new() });
        }
        for child in directory.children(unit) {
            self.place(directory, *child);
        }
        self.ranges.insert(unit, first..self.workrooms.len());
    }

    /// Whether the cells of a measure change what is kept here.
    pub fn reads(measure: MeasureId) -> bool {
        measure == EXPECTED || BY_MONTH.contains(&measure)
    }

    /// A total of a unit has another amount. `part` is what comes after the measure in its key.
    pub fn moved(&mut self, unit: DivisionCode, measure: MeasureId, part: &[u8], now: i64) {
        if unit.tier() != Tier::Workroom {
            return;
        }
        let place = self.ranges.get(&unit).map(|range| range.start);
        let Some(workroom) = place.and_then(|place| self.workrooms.get_mut(place)) else { return };
        let Some((period, _, mut words)) = CellKey::split_part(part) else { return };
        let day = period::days(period.first_day());
        if measure != EXPECTED {
            workroom.set(measure, day, now);
        } else if words.next() == Some(Tier::Workroom.name()) {
            workroom.expect(day, now);
        }
    }

    /// The workrooms under a unit, itself if it is one.
    pub fn under(&self, unit: DivisionCode) -> &[Workroom] {
        self.ranges.get(&unit).and_then(|range| self.workrooms.get(range.clone())).unwrap_or_default()
    }

    /// Workrooms under a unit in a time.
    pub fn count(&self, unit: DivisionCode, window: Window) -> v1::Reporting {
        let mut counts = v1::Reporting { expected: 0, reported: 0 };
        for workroom in self.under(unit) {
            counts.expected += u64::from(workroom.is_expected(window));
            counts.reported += u64::from(workroom.has_reported(window));
        }
        counts
    }
}

/// Calls with day, first word and amount of each cell of a unit's totals.
fn each_cell(
    index: &dyn Index,
    unit: DivisionCode,
    measure: MeasureId,
    mut each: impl FnMut(i32, Option<&str>, i64),
) -> Result<(), IndexError> {
    let from = keys::item(&CellKey::measure_prefix(unit, measure));
    index.scan(&from, keys::after(&from).as_deref(), &mut |key, value| {
        let part =
            keys::parse_item(key).and_then(CellKey::split_prefix).and_then(|(_, _, part)| CellKey::split_part(part));
        if let (Some((period, _, mut words)), ItemValue::Amount(amount)) = (part, OwnItem::from_bytes(value)?.value) {
            each(period::days(period.first_day()), words.next(), amount);
        }
        Ok(ControlFlow::Continue(()))
    })
}
