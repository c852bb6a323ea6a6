//! Which revision of a measure a question is answered with: one that every unit of the scope
//! counts by, so that no total lacks a unit, and none mixes two.

use std::ops::ControlFlow;

use wuji_proto::{CellKey, DivisionCode, ItemKey, MeasureId};

use super::directory::Directory;
use crate::catalogue::{ADOPTED, Catalogue, Measure};
use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{Index, IndexError, keys};

/// The measure of this id in the revision to answer with about `scope`: the newest that is
/// listed and that every unit of the scope counts by, of those that ever connected (each of any
/// tier may have entries of its own); else the next older, and at last the oldest. With an
/// explicit revision, as `id@2`, that one. `None`: the catalogue lists no such measure.
pub fn revision_for<'c>(
    index: &dyn Index,
    catalogue: &'c Catalogue,
    directory: &Directory,
    scope: DivisionCode,
    id: &str,
) -> Result<Option<&'c Measure>, IndexError> {
    let newest = catalogue.measure(id);
    let mut listed: Vec<&Measure> = catalogue.measures().iter().filter(|measure| measure.id() == id).collect();
    // Most measures have one revision, and nothing needs counting.
    if id.contains('@') || listed.len() < 2 {
        return Ok(newest);
    }
    listed.sort_by_key(|measure| std::cmp::Reverse(measure.key().revision));
    let enrolled = enrolled(directory, scope);
    for measure in &listed {
        if measure.key().revision == 1 || adopted(index, scope, measure.key())? >= enrolled {
            return Ok(Some(measure));
        }
    }
    Ok(listed.last().copied())
}

/// How many nodes of a scope count by a revision now, as far as this node knows.
pub fn adopted(index: &dyn Index, scope: DivisionCode, measure: MeasureId) -> Result<i64, IndexError> {
    let (prefix, word) = (keys::item(&CellKey::measure_prefix(scope, ADOPTED)), measure.to_string());
    let mut sum = 0_i64;
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
        if let Some(Ok(ItemKey::Cell(cell))) = keys::parse_item(key).map(ItemKey::from_bytes)
            && cell.part.words.first() == Some(&word)
            && let ItemValue::Amount(amount) = OwnItem::from_bytes(value)?.value
        {
            sum = sum.saturating_add(amount);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(sum)
}

/// Units of a scope that ever connected.
fn enrolled(directory: &Directory, scope: DivisionCode) -> i64 {
    let units = directory.units().filter(|(code, entry)| !entry.planned && directory.lies_under(*code, scope));
    i64::try_from(units.count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
