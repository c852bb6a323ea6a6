//! Days of workrooms that are received: found as their frames are taken, journalled a few
//! seconds later, many in one entry. What is known here is never more than a hint: a day stays
//! due until the index shows its stamp, and what a crash or a full queue loses is found again
//! by comparing what is held of a child with its stamps, at a start and once a day.
//!
//! All days are civil days (UTC+8) by this node's time: a child's clock does not matter.

use std::collections::{BTreeMap, BTreeSet};

use wuji_proto::stored::DayReceived;
use wuji_proto::{DivisionCode, Tier};

use crate::catalogue::Reporting;
use crate::feed::child::Child;
use crate::feed::exchange::ChildFrame;
use crate::index::IndexError;
use crate::index::draft::Draft;
use crate::statistics::received;

/// Days that one journal entry states at most: well below the size of an entry.
const STAMPS_MAX: usize = 2_000;

/// Days that wait to be stated at most; what does not fit is found again later.
const DUE_MAX: usize = 100_000;

/// How far back a connection speaks for days on which nothing was entered: a workroom that was
/// away for longer is asked for zero reports.
const CONNECTED_DAYS_BACK_MAX: i32 = 92;

/// Children compared with their stamps in one go.
const COMPARED_MAX: usize = 64;

/// How a day came to be received, decided when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    by_report: bool,
    on_time: bool,
}

/// What is to be stated.
pub struct Stamps {
    rule: Reporting,
    due: BTreeMap<(DivisionCode, i32), Due>,
    /// Children whose held days are to be compared with their stamps.
    to_compare: BTreeSet<DivisionCode>,
    /// The day on which each child last showed a complete mark.
    complete_on: BTreeMap<DivisionCode, i32>,
}

impl Stamps {
    /// By the catalogue's rule; what is held of these children may have been left unstated.
    pub fn new(rule: Reporting, children: impl Iterator<Item = DivisionCode>) -> Self {
        let to_compare = children.filter(|code| is_stamped_here(*code)).collect();
        Self { rule, due: BTreeMap::new(), to_compare, complete_on: BTreeMap::new() }
    }

    /// The days of a child that a frame may make reported ones.
    pub fn days_named(&self, code: DivisionCode, frame: &ChildFrame) -> BTreeSet<i32> {
        match frame {
            ChildFrame::Batch { items, .. } | ChildFrame::Range { items: Some(items), .. } if is_stamped_here(code) => {
                items.iter().filter_map(|item| received::day_named(code, &item.key)).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Looks whether these days are reported, now that a frame is applied.
    pub fn look(
        &mut self,
        draft: &Draft<'_>,
        code: DivisionCode,
        child: &Child,
        days: BTreeSet<i32>,
        today: i32,
    ) -> Result<(), IndexError> {
        for day in days {
            // Its clock is wrong, or this node's: found again when the day has come.
            let fits = day >= child.expected_from && day <= today && !self.due.contains_key(&(code, day));
            if fits && received::is_reported(draft, self.rule, code, day)? && !received::is_stamped(draft, code, day)? {
                self.add(code, day, true, today);
            }
        }
        Ok(())
    }

    /// A child is connected and has shown that nothing is left to send: the days that ended
    /// before are known to be complete.
    pub fn complete(
        &mut self,
        draft: &Draft<'_>,
        code: DivisionCode,
        child: &Child,
        today: i32,
    ) -> Result<(), IndexError> {
        if !is_stamped_here(code) || self.complete_on.insert(code, today) == Some(today) {
            return Ok(());
        }
        self.to_compare.insert(code);
        let Some(connected_from) = child.connected_from.filter(|_| self.rule.connection) else { return Ok(()) };
        let first = child.expected_from.max(connected_from).max(today.saturating_sub(CONNECTED_DAYS_BACK_MAX));
        let stamped = received::stamped_days(draft, code, first, today)?;
        for day in (first..today).filter(|day| !stamped.contains(day)) {
            if !self.due.contains_key(&(code, day)) {
                let by_report = received::is_reported(draft, self.rule, code, day)?;
                self.add(code, day, by_report, today);
            }
        }
        Ok(())
    }

    /// What is to be journalled now. It stays due until the index shows it.
    pub fn take_due(&mut self, draft: &Draft<'_>, today: i32) -> Result<Vec<DayReceived>, IndexError> {
        for _ in 0..COMPARED_MAX {
            if self.due.len() >= STAMPS_MAX {
                break;
            }
            let Some(code) = self.to_compare.pop_first() else { break };
            self.compare(draft, code, today)?;
        }
        let (mut stamps, mut done) = (Vec::new(), Vec::new());
        for ((code, day), due) in &self.due {
            if stamps.len() == STAMPS_MAX {
                break;
            }
            if received::is_stamped(draft, *code, *day)? {
                done.push((*code, *day));
            } else {
                let (by_report, on_time) = (due.by_report, due.on_time);
                stamps.push(DayReceived { code: code.to_string(), day: *day, by_report, on_time });
            }
        }
        for key in done {
            self.due.remove(&key);
        }
        Ok(stamps)
    }

    /// Finds what is held as reported and was never stated.
    fn compare(&mut self, draft: &Draft<'_>, code: DivisionCode, today: i32) -> Result<(), IndexError> {
        let Some(child) = Child::read(draft, code)? else { return Ok(()) };
        let stamped = received::stamped_days(draft, code, child.expected_from, today)?;
        for day in received::reported_days(draft, self.rule, code)? {
            if (child.expected_from..=today).contains(&day) && !stamped.contains(&day) {
                self.add(code, day, true, today);
            }
        }
        Ok(())
    }

    /// Notes how a day came to be received, unless that is known.
    fn add(&mut self, code: DivisionCode, day: i32, by_report: bool, today: i32) {
        if self.due.len() >= DUE_MAX {
            self.to_compare.insert(code);
            self.complete_on.remove(&code);
            return;
        }
        self.due.entry((code, day)).or_insert(Due { by_report, on_time: self.rule.is_on_time(day, today) });
    }
}

/// The first node above a workroom states its days; those of other units are made of these.
fn is_stamped_here(code: DivisionCode) -> bool {
    code.tier() == Tier::Workroom
}
