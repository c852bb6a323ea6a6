//! Planned children: who may connect, and how many units are expected.

use wuji_proto::stored::ChildRegistered;
use wuji_proto::{CellKey, DivisionCode, Part, Period, period, v1};

use super::{FoldError, misfit};
use crate::catalogue::EXPECTED;
use crate::feed::child::Child;
use crate::feed::group::Group;
use crate::index::IndexError;
use crate::journal::Position;
use crate::statistics::rollup;

pub(super) fn registered(group: &mut Group<'_>, at: Position, entry: &ChildRegistered) -> Result<(), FoldError> {
    let code = child_code(at, &entry.code)?;
    let former = Child::read(&group.draft, code)?;
    if let Some(former) = &former {
        expect(group, code, former.expected_from, -1)?;
    }
    expect(group, code, entry.expected_from, 1)?;
    let child = Child { name: entry.name.clone(), expected_from: entry.expected_from, ..former.unwrap_or_default() };
    if child.incarnation.is_none() {
        let parent = group.own.to_string();
        let unit = v1::UnitEntry { name: entry.name.clone(), parent, planned: true, ..v1::UnitEntry::default() };
        group.publish_unit(code, unit)?;
    }
    child.write(&mut group.draft, code);
    Ok(())
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
