//! Planned children: who may connect, how many units are expected, and who has ended.

use wuji_proto::stored::{ChildRegistered, ChildReleased, ChildRetired};
use wuji_proto::{CellKey, DivisionCode, ItemKey, Part, Period, period, v1};

use super::{FoldError, misfit};
use crate::catalogue::EXPECTED;
use crate::feed::child::Child;
use crate::feed::group::Group;
use crate::feed::item::ItemValue;
use crate::index::values::OwnItem;
use crate::index::{IndexError, keys};
use crate::journal::Position;
use crate::statistics::rollup;

pub(super) fn registered(group: &mut Group<'_>, at: Position, entry: &ChildRegistered) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    let former = Child::read(&group.draft, code)?;
    if let Some(former) = &former {
        expect(group, code, former.expected_from, -1)?;
        if let Some(from) = former.retired_from {
            expect(group, code, from, 1)?;
        }
    }
    expect(group, code, entry.expected_from, 1)?;
    let mut child =
        Child { name: entry.name.clone(), expected_from: entry.expected_from, ..former.unwrap_or_default() };
    if child.retired_from.take().is_some() {
        // It goes on, from where it was.
        child.want_walk();
        let unit = unit_entry(group, code, &child)?;
        group.publish_unit(code, v1::UnitEntry { retired: false, ..unit })?;
    }
    child.catching_up |= entry.regained;
    if child.incarnation.is_none() {
        let parent = group.own.to_string();
        let unit = v1::UnitEntry { name: entry.name.clone(), parent, planned: true, ..v1::UnitEntry::default() };
        group.publish_unit(code, unit)?;
    }
    child.write(&mut group.draft, code);
    Ok(())
}

/// Nobody waits for its complete mark any more, until it comes back.
pub(super) fn released(group: &mut Group<'_>, at: Position, entry: &ChildReleased) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    if let Some(mut child) = Child::read(&group.draft, code)? {
        (child.catching_up, child.released) = (false, true);
        child.write(&mut group.draft, code);
    }
    Ok(())
}

/// It has ended. What is held of it counts on where it is; only nothing more comes.
pub(super) fn retired(group: &mut Group<'_>, at: Position, entry: &ChildRetired) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    let Some(mut child) = Child::read(&group.draft, code)? else { return Ok(()) };
    if let Some(former) = child.retired_from {
        expect(group, code, former, 1)?;
    }
    expect(group, code, entry.from, -1)?;
    (child.retired_from, child.catching_up, child.waiting) = (Some(entry.from), false, None);
    let unit = unit_entry(group, code, &child)?;
    group.publish_unit(code, v1::UnitEntry { retired: true, planned: false, ..unit })?;
    child.write(&mut group.draft, code);
    Ok(())
}

/// A child's directory entry as it is published now.
fn unit_entry(group: &Group<'_>, code: DivisionCode, child: &Child) -> Result<v1::UnitEntry, IndexError> {
    let key = keys::item(&ItemKey::Unit(code).to_bytes());
    let stored = group.draft.get(&key)?.map(|bytes| OwnItem::from_bytes(&bytes)).transpose()?;
    Ok(match stored.map(|item| item.value) {
        Some(ItemValue::Unit(unit)) => unit,
        _ => v1::UnitEntry { name: child.name.clone(), parent: group.own.to_string(), ..v1::UnitEntry::default() },
    })
}

/// A planned unit counts as expected from its first day on, enrolled or not.
fn expect(group: &mut Group<'_>, code: DivisionCode, from: i32, amount: i64) -> Result<(), IndexError> {
    let part = Part { split: 1, words: vec![code.tier().name().to_owned()] };
    let cell = CellKey { scope: code, measure: EXPECTED, period: Period::day(period::date(from)), part };
    rollup::add_registry(group, &cell, amount)
}

pub(super) fn child_code(at: Position, code: &str) -> Result<DivisionCode, FoldError> {
    code.parse().map_err(|error: wuji_proto::ParseError| misfit(at, error.to_string()))
}
