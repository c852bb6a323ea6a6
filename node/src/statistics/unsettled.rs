//! What of a scope's figures is unsettled: lost by units that went back in time, and counted on
//! until it is entered again or given up. Any tier knows it, since it comes up as cells.

use std::ops::ControlFlow;

use wuji_proto::{CellKey, DivisionCode, ItemKey, MeasureId, Period, period, v1};

use super::Figures;
use super::directory::Directory;
use super::plan::{Over, Plan};
use crate::catalogue::{UNKNOWN, UNSETTLED, UNSETTLED_AMOUNTS};
use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};
use crate::time::begin_ms;

/// The state of a unit with unsettled amounts.
const STATE: &str = "unsettled";

/// The units of a scope that have unsettled amounts, in the order in which a directory is walked.
pub fn units(
    figures: &Figures<'_>,
    directory: &Directory,
    scope: DivisionCode,
) -> Result<Vec<v1::AbsentUnit>, IndexError> {
    let mut found = Vec::new();
    find(figures.index, directory, scope, &mut found)?;
    Ok(found)
}

/// Names those of a subtree; how many it has. Branches without any are not descended into.
fn find(
    index: &dyn Index,
    directory: &Directory,
    unit: DivisionCode,
    found: &mut Vec<v1::AbsentUnit>,
) -> Result<i64, IndexError> {
    let (mut count, mut first, mut unknown) = (0_i64, None, false);
    cells(index, unit, UNSETTLED, &mut |period, word, amount| {
        count = count.saturating_add(amount);
        if amount > 0 {
            first = Some(first.map_or(period.first_day(), |day: jiff::civil::Date| day.min(period.first_day())));
            unknown |= word == UNKNOWN;
        }
    })?;
    let (Some(first), 1..) = (first, count) else { return Ok(0) };
    let mut below = 0_i64;
    for child in directory.children(unit) {
        below = below.saturating_add(find(index, directory, *child, found)?);
    }
    if count > below {
        let reason = if unknown {
            "it went back in time; what it lost could not be told amount by amount"
        } else {
            "it went back in time; what it lost counts on until its parent's operator settles it"
        };
        found.push(v1::AbsentUnit {
            code: unit.to_string(),
            name: directory.name(unit),
            state: STATE.to_owned(),
            since_ms: begin_ms(first),
            reason: reason.to_owned(),
        });
    }
    Ok(count)
}

/// How much of each measure of a question is unsettled in its scope and time, where some is. Of
/// the whole measure: filters are not looked at.
pub fn amounts(figures: &Figures<'_>, plan: &Plan<'_>) -> Result<Vec<v1::UnsettledFigure>, IndexError> {
    let mut all = Vec::new();
    cells(figures.index, plan.scope, UNSETTLED_AMOUNTS, &mut |period, word, amount| {
        if amount != 0 {
            all.push((period, word.to_owned(), amount));
        }
    })?;
    let mut told: Vec<v1::UnsettledFigure> = Vec::new();
    let terms = plan.columns.iter().flat_map(|column| column.numerator.iter().chain(&column.denominator));
    for term in terms.filter(|_| !all.is_empty()) {
        let (measure, revision) = (term.measure.id().to_owned(), u32::from(term.measure.key().revision));
        if told.iter().any(|it| it.measure == measure && it.revision == revision) {
            continue;
        }
        let word = term.measure.key().to_string();
        let inside = |period: &Period| {
            let begins = period::days(period.first_day()) <= plan.span.last;
            begins && (term.over != Over::Period || period::days(period.last_day()) >= plan.span.first)
        };
        let of_term = all.iter().filter(|(period, of, _)| *of == word && inside(period));
        let amount = of_term.fold(0_i64, |sum, (.., amount)| sum.saturating_add(*amount));
        if amount != 0 {
            told.push(v1::UnsettledFigure { measure, revision, amount });
        }
    }
    Ok(told)
}

/// Calls with the period, the first word and the amount of each cell of a measure.
fn cells(
    index: &dyn Index,
    scope: DivisionCode,
    measure: MeasureId,
    each: &mut dyn FnMut(Period, &str, i64),
) -> Result<(), IndexError> {
    let prefix = keys::item(&CellKey::measure_prefix(scope, measure));
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        if let Some(Ok(ItemKey::Cell(cell))) = keys::parse_item(key).map(ItemKey::from_bytes)
            && let ItemValue::Amount(amount) = OwnItem::from_bytes(value)?.value
        {
            each(cell.period, cell.part.words.first().map_or("", String::as_str), amount);
        }
        Ok(ControlFlow::Continue(()))
    })
}
