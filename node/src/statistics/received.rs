//! Which days of a child this node has stated as received, and which the child has reported.
//! Pure over a [`Draft`]: the fold and the committer look at the same.

use std::collections::BTreeSet;

use wuji_proto::{CellKey, DivisionCode, Grain, ItemKey, MeasureId, Period, period};

use crate::catalogue::{ENTRIES, RECEIVED, REPORTED, Reporting};
use crate::index::draft::Draft;
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{IndexError, Pair};

/// Whether a day of a child has been stated as received.
pub fn is_stamped(draft: &Draft<'_>, code: DivisionCode, day: i32) -> Result<bool, IndexError> {
    Ok(!stamps(draft, code, day, day)?.is_empty())
}

/// Whether any day of a day's month has.
pub fn has_stamp_in_month(draft: &Draft<'_>, code: DivisionCode, day: i32) -> Result<bool, IndexError> {
    let month = Period::of(period::date(day), Grain::Month);
    let (first, last) = (period::days(month.first_day()), period::days(month.last_day()));
    Ok(!stamps(draft, code, first, last)?.is_empty())
}

/// The days from `first` to `last` that have.
pub fn stamped_days(draft: &Draft<'_>, code: DivisionCode, first: i32, last: i32) -> Result<BTreeSet<i32>, IndexError> {
    if first > last {
        return Ok(BTreeSet::new());
    }
    let days = stamps(draft, code, first, last)?;
    Ok(days.iter().filter_map(|(key, _)| cell(key)).map(|cell| day_of(&cell)).collect())
}

/// The days of a child that count as reported by the rule's entries and zero reports, as far as
/// its cells are held or kept here.
pub fn reported_days(draft: &Draft<'_>, rule: Reporting, code: DivisionCode) -> Result<BTreeSet<i32>, IndexError> {
    let prefix = CellKey::measure_prefix(code, REPORTED);
    let mut days = BTreeSet::new();
    for link in [keys::held(Link::Unit(code), &prefix), keys::kept(code, &prefix)] {
        for (key, value) in draft.range(&link, keys::after(&link).as_deref())? {
            if HeldItem::from_bytes(&value)?.amount() > 0 {
                days.extend(cell(&key).map(|cell| day_of(&cell)));
            }
        }
    }
    let mut counted = BTreeSet::new();
    for day in days {
        if is_reported(draft, rule, code, day)? {
            counted.insert(day);
        }
    }
    Ok(counted)
}

/// Whether one day does.
pub fn is_reported(draft: &Draft<'_>, rule: Reporting, code: DivisionCode, day: i32) -> Result<bool, IndexError> {
    let holds = |measure| Ok::<_, IndexError>(held_on(draft, code, measure, day)? > 0);
    match (rule.entries, rule.zero_reports) {
        (true, true) => holds(REPORTED),
        (true, false) => holds(ENTRIES),
        (false, true) => Ok(holds(REPORTED)? && !holds(ENTRIES)?),
        (false, false) => Ok(false),
    }
}

/// The day of an item, if it may make a day of `code` a reported one.
pub fn day_named(code: DivisionCode, item: &[u8]) -> Option<i32> {
    let speaks = [REPORTED, ENTRIES].iter().any(|measure| item.starts_with(&CellKey::measure_prefix(code, *measure)));
    match ItemKey::from_bytes(item) {
        Ok(ItemKey::Cell(cell)) if speaks && cell.period.grain() == Grain::Day => Some(day_of(&cell)),
        _ => None,
    }
}

/// What a child told of a day of itself, in this life of its journal or a former one.
fn held_on(draft: &Draft<'_>, code: DivisionCode, measure: MeasureId, day: i32) -> Result<i64, IndexError> {
    let item = [&CellKey::measure_prefix(code, measure)[..], &day_key(day)].concat();
    let mut sum = 0_i64;
    for link in [keys::held(Link::Unit(code), &item), keys::kept(code, &item)] {
        for (_, value) in draft.range(&link, keys::after(&link).as_deref())? {
            sum = sum.saturating_add(HeldItem::from_bytes(&value)?.amount());
        }
    }
    Ok(sum)
}

/// A stamp is the cell that it adds: there is no other note of it.
fn stamps(draft: &Draft<'_>, code: DivisionCode, first: i32, last: i32) -> Result<Vec<Pair>, IndexError> {
    let prefix = CellKey::measure_prefix(code, RECEIVED);
    let at = |day: i32| keys::held(Link::Registry, &[&prefix[..], &day_key(day)].concat());
    draft.range(&at(first), Some(&at(last.saturating_add(1))))
}

fn cell(key: &[u8]) -> Option<CellKey> {
    let item = keys::parse_held(key).or_else(|| keys::parse_of_child(key))?;
    match ItemKey::from_bytes(item) {
        Ok(ItemKey::Cell(cell)) => Some(cell),
        _ => None,
    }
}

fn day_of(cell: &CellKey) -> i32 {
    period::days(cell.period.first_day())
}

fn day_key(day: i32) -> [u8; wuji_proto::period::PERIOD_KEY_BYTES] {
    Period::day(period::date(day)).to_key()
}
