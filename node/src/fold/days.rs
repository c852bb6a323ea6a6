//! Which days the unit itself has reported: a day with at least one live record, or with a
//! zero report. A zero report says that there was nothing to enter, so a day that has entries
//! when it is made is left as it is; once made it stands, whatever is entered or voided later.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use wuji_proto::Part;
use wuji_proto::stored::ZeroReported;

use super::{FoldError, misfit, own_cell};
use crate::catalogue::REPORTED;
use crate::feed::group::Group;
use crate::index::draft::Draft;
use crate::index::{Index, IndexError, keys};
use crate::journal::Position;
use crate::statistics::rollup;

/// Days of one zero report at most: a year, whether or not it leaps.
pub const ZERO_DAYS_MAX: u32 = 366;

/// What a group of entries changes of the days that are reported.
#[derive(Default)]
pub(super) struct Days {
    /// Live records more or less, by event date.
    live: BTreeMap<i32, i64>,
    /// Days with a new zero report.
    zero: BTreeSet<i32>,
}

impl Days {
    /// Live records more or less on a day.
    pub(super) fn live(&mut self, day: i32, change: i64) {
        *self.live.entry(day).or_default() += change;
    }

    pub(super) fn zero_reported(
        &mut self,
        group: &Group<'_>,
        at: Position,
        entry: ZeroReported,
    ) -> Result<(), FoldError> {
        let days = days_of(entry.from, entry.to);
        let days = days.ok_or_else(|| misfit(at, format!("a zero report is of 1 to {ZERO_DAYS_MAX} days")))?;
        for day in days {
            let change = self.live.get(&day).copied().unwrap_or(0);
            let live = live_records(&group.draft, day)?.saturating_add(change);
            if live <= 0 && !has_zero_report(&group.draft, day)? {
                self.zero.insert(day);
            }
        }
        Ok(())
    }

    /// Makes the days' cells those of the live records and zero reports.
    pub(super) fn settle(self, group: &mut Group<'_>) -> Result<(), IndexError> {
        let days: BTreeSet<i32> = self.live.keys().chain(&self.zero).copied().collect();
        for day in days {
            let before = live_records(&group.draft, day)?;
            let zero_before = has_zero_report(&group.draft, day)?;
            let now = before.saturating_add(self.live.get(&day).copied().unwrap_or(0));
            if now != before {
                group.draft.put(keys::day(day), now.to_be_bytes().to_vec());
            }
            if self.zero.contains(&day) {
                group.draft.put(keys::zero_day(day), Vec::new());
            }
            let zero_now = zero_before || self.zero.contains(&day);
            let reported = i64::from(now > 0 || zero_now) - i64::from(before > 0 || zero_before);
            if reported != 0 {
                let cell = own_cell(group, REPORTED, day, Part::default());
                rollup::add_own(group, &cell, reported)?;
            }
        }
        Ok(())
    }
}

/// The days from `from` to `to`, in days since 1900-01-01; `None`: there is none, or there are
/// more than [`ZERO_DAYS_MAX`].
pub fn days_of(from: i32, to: i32) -> Option<std::ops::RangeInclusive<i32>> {
    let days = i64::from(to) - i64::from(from) + 1;
    (1..=i64::from(ZERO_DAYS_MAX)).contains(&days).then_some(from..=to)
}

/// Whether the unit has reported a day.
pub fn is_reported(draft: &Draft<'_>, day: i32) -> Result<bool, IndexError> {
    Ok(live_records(draft, day)? > 0 || has_zero_report(draft, day)?)
}

/// Every day with a zero report.
pub fn zero_reports(index: &dyn Index) -> Result<Vec<i32>, IndexError> {
    let (mut days, prefix) = (Vec::new(), keys::zero_days());
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, _| {
        days.extend(keys::parse_zero_day(key));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(days)
}

/// Live records of an event date.
fn live_records(draft: &Draft<'_>, day: i32) -> Result<i64, IndexError> {
    Ok(draft.get(&keys::day(day))?.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes))
}

fn has_zero_report(draft: &Draft<'_>, day: i32) -> Result<bool, IndexError> {
    Ok(draft.get(&keys::zero_day(day))?.is_some())
}
