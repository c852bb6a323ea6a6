//! A child that comes back with another journal: what was held of its former life is
//! journalled at that moment, and counts on or is replaced as its operator decides. Otherwise
//! a dead village PC and one rebuilt township would erase a village's history.

use wuji_proto::stored::child_accepted::Mode;
use wuji_proto::stored::{CellsHeld, ChildAccepted};
use wuji_proto::{Digest, DivisionCode, Incarnation, ItemKey, Watermark, period};

use super::registry::child_code;
use super::{FoldError, misfit, settlement};
use crate::catalogue::ADOPTED;
use crate::feed::child::Child;
use crate::feed::group::Group;
use crate::feed::item::{FeedItem, ItemHasher, ItemValue};
use crate::index::keys::{self, Link};
use crate::index::values::HeldItem;
use crate::index::{IndexError, Pair};
use crate::journal::Position;
use crate::statistics::rollup::{self, Intake};
use crate::time::civil_date;

pub(super) fn accepted(
    group: &mut Group<'_>,
    at: Position,
    at_ms: i64,
    entry: &ChildAccepted,
) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    let incarnation =
        Incarnation::from_slice(&entry.incarnation).ok_or_else(|| misfit(at, "an incarnation has not 16 bytes"))?;
    let mut child = Child::read(&group.draft, code)?.ok_or_else(|| misfit(at, format!("{code} is not registered")))?;
    child.connected_from = child.connected_from.or_else(|| Some(period::days(civil_date(at_ms))));
    // What this node may lack of the former life it lacks until the new one has sent.
    let catching_up = child.catching_up && entry.mode() != Mode::KeepHistory;
    match entry.mode() {
        Mode::First => child.accept(incarnation, entry.first_epoch),
        Mode::KeepHistory => {
            keep(group, code)?;
            child.accept(incarnation, entry.first_epoch);
        }
        Mode::Replace => replace(group, code, &mut child, (incarnation, entry.first_epoch))?,
        Mode::Restored => {
            settlement::accepted(group, code, &mut child, at_ms, entry.unknown)?;
            replace(group, code, &mut child, (incarnation, entry.first_epoch))?;
        }
    }
    child.catching_up = catching_up;
    forget_starts(group, code)?;
    child.write(&mut group.draft, code);
    Ok(())
}

/// What was held counts on beside the link: no total moves. Only what the former life said of
/// the machine itself goes: the new one says it anew, and the unit would count as two.
fn keep(group: &mut Group<'_>, code: DivisionCode) -> Result<(), IndexError> {
    for (key, value) in held(group, code)? {
        let Some(item) = keys::parse_held(&key) else { continue };
        if let Ok(ItemKey::Cell(cell)) = ItemKey::from_bytes(item)
            && cell.measure == ADOPTED
        {
            rollup::take_from_totals(group, code, &cell, HeldItem::from_bytes(&value)?.amount())?;
            group.draft.remove(key);
            continue;
        }
        let kept = keys::kept(code, item);
        let before = group.draft.get(&kept)?.map(|bytes| HeldItem::from_bytes(&bytes)).transpose()?;
        let sum = HeldItem::from_bytes(&value)?.amount().saturating_add(before.map_or(0, |held| held.amount()));
        if sum != 0 {
            group.draft.put(kept, HeldItem { aside: false, value: ItemValue::Amount(sum) }.to_bytes());
        }
        group.draft.remove(key);
    }
    Ok(())
}

/// What is held stands until the child's walk replaces it, range by range.
fn replace(
    group: &mut Group<'_>,
    code: DivisionCode,
    child: &mut Child,
    (incarnation, first_epoch): (Incarnation, Option<u64>),
) -> Result<(), IndexError> {
    let hasher = ItemHasher::new(code, incarnation);
    let mut digest = Digest::default();
    for (key, value) in held(group, code)? {
        if let Some(item) = keys::parse_held(&key) {
            digest = digest.with(hasher.hash(item, HeldItem::value_bytes(&value)));
        }
    }
    child.accept(incarnation, first_epoch);
    child.holding.digest = digest;
    child.taken_in = true;
    child.want_walk();
    Ok(())
}

fn held(group: &Group<'_>, code: DivisionCode) -> Result<Vec<Pair>, IndexError> {
    let prefix = keys::held_by(Link::Unit(code));
    group.draft.range(&prefix, keys::after(&prefix).as_deref())
}

/// The starts of the former life say nothing of the new one.
fn forget_starts(group: &mut Group<'_>, code: DivisionCode) -> Result<(), IndexError> {
    let prefix = keys::child_starts(code);
    for (key, _) in group.draft.range(&prefix, keys::after(&prefix).as_deref())? {
        group.draft.remove(key);
    }
    Ok(())
}

/// While the index follows the journal again, a snapshot stands for the child's feed: an index
/// that is behind this entry may lack what the child had sent until then, and the child may never
/// send it again. One that does send begins anew: items do not leave a feed.
pub(super) fn cells_held(group: &mut Group<'_>, at: Position, entry: &CellsHeld) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    let Some(mut child) = Child::read(&group.draft, code)? else { return Ok(()) };
    let of_this_life = child.incarnation.filter(|life| life.to_bytes()[..] == entry.incarnation[..]);
    let Some(incarnation) = of_this_life else { return Ok(()) };
    (child.low, child.high, child.walk) = (Watermark::ZERO, Watermark::ZERO, None);
    let hasher = ItemHasher::new(code, incarnation);
    let cell =
        |cell: &wuji_proto::stored::HeldCell| FeedItem { key: cell.key.clone(), value: ItemValue::Amount(cell.amount) };
    let items = entry.cells.iter().map(cell).collect();
    let mut intake = Intake::new(group, code, &hasher, child.holding);
    if entry.first {
        intake.replace((&[], None), items)?;
    } else {
        intake.take(items)?;
    }
    child.holding = intake.holding();
    child.write(&mut group.draft, code);
    Ok(())
}
