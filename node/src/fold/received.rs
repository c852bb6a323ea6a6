//! Days of workrooms that this node, the first above them, states to be reported: once for each
//! day, never taken back, in this node's journal alone. So they outlive its index, and nothing
//! that a child sends later changes them.

use wuji_proto::stored::{DayReceived, DaysReceived};
use wuji_proto::{CellKey, DivisionCode, MeasureId, Part, Period, period};

use super::registry::child_code;
use super::{FoldError, misfit};
use crate::catalogue::{RECEIVED, RECEIVED_MONTHS, Reporting};
use crate::feed::child::Child;
use crate::feed::group::Group;
use crate::index::IndexError;
use crate::journal::Position;
use crate::statistics::{received, rollup};

pub(super) fn received(group: &mut Group<'_>, at: Position, entry: &DaysReceived) -> Result<(), FoldError> {
    for stamp in &entry.days {
        let code = child_code(at, &stamp.code)?;
        if Child::read(&group.draft, code)?.is_none() {
            return Err(misfit(at, format!("{code} is not registered")));
        }
        stamp_day(group, code, stamp)?;
    }
    Ok(())
}

fn stamp_day(group: &mut Group<'_>, code: DivisionCode, stamp: &DayReceived) -> Result<(), IndexError> {
    if received::is_stamped(&group.draft, code, stamp.day)? {
        return Ok(());
    }
    if !received::has_stamp_in_month(&group.draft, code, stamp.day)? {
        add(group, code, RECEIVED_MONTHS, stamp.day, Part::default())?;
    }
    let part = Part { split: 1, words: Reporting::words(stamp.by_report, stamp.on_time) };
    add(group, code, RECEIVED, stamp.day, part)
}

fn add(group: &mut Group<'_>, scope: DivisionCode, measure: MeasureId, day: i32, part: Part) -> Result<(), IndexError> {
    let cell = CellKey { scope, measure, period: Period::day(period::date(day)), part };
    rollup::add_registry(group, &cell, 1)
}
