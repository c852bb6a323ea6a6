//! A child that went back in time, from a backup or an old image of its disk: what it had
//! entered since counts on, as named *unsettled* amounts, until an operator settles them. So
//! nothing is lost in silence, and nothing counts twice in silence.

use wuji_proto::stored::{AmountsUnsettled, ChildSettled};
use wuji_proto::{CellKey, DivisionCode, Incarnation, ItemKey, MeasureId, Part, Period};

use super::registry::child_code;
use super::{FoldError, misfit};
use crate::catalogue::{KNOWN, UNKNOWN, UNSETTLED, UNSETTLED_AMOUNTS};
use crate::feed::child::{Child, Unsettled};
use crate::feed::group::Group;
use crate::feed::item::ItemValue;
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{IndexError, Pair};
use crate::journal::Position;
use crate::statistics::rollup;
use crate::time::civil_date;

/// Notes differences that the acceptance behind this entry makes unsettled amounts of.
pub(super) fn coming(group: &mut Group<'_>, at: Position, entry: &AmountsUnsettled) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    if Incarnation::from_slice(&entry.incarnation).is_none() {
        return Err(misfit(at, "an incarnation has not 16 bytes"));
    }
    if entry.first {
        clear(group, &keys::coming_unsettled(code, &[]))?;
    }
    for cell in &entry.cells {
        group.draft.put(keys::coming_unsettled(code, &cell.key), amount_bytes(cell.amount));
    }
    Ok(())
}

/// The child's new life is accepted: the differences move from what is held to what counts on
/// beside it. No total moves. `unknown`: there may be more than these.
pub(super) fn accepted(
    group: &mut Group<'_>,
    code: DivisionCode,
    child: &mut Child,
    at_ms: i64,
    unknown: bool,
) -> Result<(), IndexError> {
    let coming = all(group, &keys::coming_unsettled(code, &[]))?;
    for (key, value) in &coming {
        let Some(item) = keys::parse_of_child(key) else { continue };
        let amount = HeldItem::from_bytes(value)?.amount();
        add_amount(group, keys::held(Link::Unit(code), item), amount.saturating_neg())?;
        add_amount(group, keys::kept(code, item), amount)?;
        add_amount(group, keys::unsettled(code, item), amount)?;
        group.draft.remove(key.clone());
    }
    clear(group, &keys::told(code, &[]))?;
    if coming.is_empty() && !unknown {
        return Ok(());
    }
    let former = child.unsettled;
    let since_ms = former.map_or(at_ms, |former| former.since_ms);
    child.unsettled = Some(Unsettled { since_ms, unknown: unknown || former.is_some_and(|former| former.unknown) });
    count(group, code, child.unsettled)
}

/// An operator has settled them: they are re-entered or given up, and count no more.
pub(super) fn settled(group: &mut Group<'_>, at: Position, entry: &ChildSettled) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    let Some(mut child) = Child::read(&group.draft, code)? else { return Ok(()) };
    for (key, value) in all(group, &keys::unsettled(code, &[]))? {
        let Some(item) = keys::parse_of_child(&key) else { continue };
        let amount = HeldItem::from_bytes(&value)?.amount();
        add_amount(group, keys::kept(code, item), amount.saturating_neg())?;
        if let Ok(ItemKey::Cell(cell)) = ItemKey::from_bytes(item) {
            rollup::take_from_totals(group, code, &cell, amount)?;
        }
        group.draft.remove(key);
    }
    child.unsettled = None;
    child.write(&mut group.draft, code);
    Ok(count(group, code, None)?)
}

/// Makes the registry's cells about a child's unsettled amounts what they are now.
fn count(group: &mut Group<'_>, code: DivisionCode, unsettled: Option<Unsettled>) -> Result<(), IndexError> {
    for measure in [UNSETTLED, UNSETTLED_AMOUNTS] {
        let prefix = keys::held(Link::Registry, &CellKey::measure_prefix(code, measure));
        for (key, value) in all(group, &prefix)? {
            let amount = HeldItem::from_bytes(&value)?.amount();
            if let Some(Ok(ItemKey::Cell(cell))) = keys::parse_held(&key).map(ItemKey::from_bytes) {
                rollup::add_registry(group, &cell, amount.saturating_neg())?;
            }
        }
    }
    let Some(unsettled) = unsettled else { return Ok(()) };
    let since = Period::day(civil_date(unsettled.since_ms));
    let known = if unsettled.unknown { UNKNOWN } else { KNOWN };
    let cell = |measure, period, word: String| CellKey {
        scope: code,
        measure,
        period,
        part: Part { split: 1, words: vec![word] },
    };
    rollup::add_registry(group, &cell(UNSETTLED, since, known.to_owned()), 1)?;
    // Any one split of a measure adds up to it: its first.
    let mut split = None;
    for (key, value) in all(group, &keys::unsettled(code, &[]))? {
        let Some(Ok(ItemKey::Cell(of))) = keys::parse_of_child(&key).map(ItemKey::from_bytes) else { continue };
        if split.is_none_or(|(measure, _): (MeasureId, u8)| measure != of.measure) {
            split = Some((of.measure, first_split(group, code, of.measure)?));
        }
        if split == Some((of.measure, of.part.split)) {
            let amount = HeldItem::from_bytes(&value)?.amount();
            rollup::add_registry(group, &cell(UNSETTLED_AMOUNTS, of.period, of.measure.to_string()), amount)?;
        }
    }
    Ok(())
}

/// The lowest split by which amounts of a measure are unsettled.
fn first_split(group: &Group<'_>, code: DivisionCode, measure: MeasureId) -> Result<u8, IndexError> {
    let cells = all(group, &keys::unsettled(code, &CellKey::measure_prefix(code, measure)))?;
    let split = |(key, _): &Pair| match ItemKey::from_bytes(keys::parse_of_child(key)?).ok()? {
        ItemKey::Cell(cell) => Some(cell.part.split),
        ItemKey::Unit(_) => None,
    };
    Ok(cells.iter().filter_map(split).min().unwrap_or_default())
}

fn all(group: &Group<'_>, prefix: &[u8]) -> Result<Vec<Pair>, IndexError> {
    group.draft.range(prefix, keys::after(prefix).as_deref())
}

fn clear(group: &mut Group<'_>, prefix: &[u8]) -> Result<(), IndexError> {
    for (key, _) in all(group, prefix)? {
        group.draft.remove(key);
    }
    Ok(())
}

/// Adds to an amount under a key; one that becomes 0 goes.
fn add_amount(group: &mut Group<'_>, key: Vec<u8>, amount: i64) -> Result<(), IndexError> {
    let before = group.draft.get(&key)?.map(|bytes| HeldItem::from_bytes(&bytes)).transpose()?;
    match before.map_or(0, |held| held.amount()).saturating_add(amount) {
        0 => group.draft.remove(key),
        sum => group.draft.put(key, amount_bytes(sum)),
    }
    Ok(())
}

fn amount_bytes(amount: i64) -> Vec<u8> {
    HeldItem { aside: false, value: ItemValue::Amount(amount) }.to_bytes()
}
