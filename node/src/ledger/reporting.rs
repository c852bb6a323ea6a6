//! Days, on the committer's side: zero reports of the unit itself, and days of its children
//! that this node states to be received. Both are decided against an index that shows
//! everything written before, so that a repetition writes nothing.

use wuji_proto::stored::entry::Event;
use wuji_proto::stored::{DayReceived, DaysReceived, ZeroReported};
use wuji_proto::{DivisionCode, ParseError, period};

use super::LedgerError;
use super::committer::{Committer, Group};
use crate::catalogue::Violation;
use crate::feed::child::Child;
use crate::fold::days::{self, ZERO_DAYS_MAX};
use crate::index::IndexError;
use crate::index::draft::Draft;
use crate::statistics::received;

/// Whether days can be of a zero report that is made on the day `today`; what is wrong with
/// them, and what to do. All in days since 1900-01-01.
pub fn check_days(from: i32, to: i32, today: i32) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    let mut wrong = |field: &str, description: String| {
        violations.push(Violation { field: field.to_owned(), description });
    };
    for (field, day) in [("from", from), ("to", to)] {
        if day > today {
            let (day, today) = (period::date(day), period::date(today));
            wrong(field, format!("{day} lies after today, {today}: nobody knows yet that there will be nothing"));
        } else if day < 0 {
            wrong(field, format!("{day} is no day from 1900-01-01 on"));
        }
    }
    if from > to {
        wrong("to", format!("{} lies before {}: swap them", period::date(to), period::date(from)));
    } else if days::days_of(from, to).is_none() {
        wrong("to", format!("more than {ZERO_DAYS_MAX} days: make several zero reports"));
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

impl Committer {
    /// Journals a zero report of days of which some are not reported; how many, and the entry's
    /// sequence. The index must show everything that was written.
    pub(super) fn zero_report(
        &self,
        from: i32,
        to: i32,
        actor: String,
        group: &mut Group,
    ) -> Result<(u32, u64), LedgerError> {
        let draft = Draft::new(self.store.index());
        let mut new_days = 0;
        for day in from..=to {
            new_days += u32::from(!days::is_reported(&draft, day)?);
        }
        if new_days == 0 {
            return Ok((0, 0));
        }
        let (sequence, _) = self.next(group);
        self.push(group, actor, Event::ZeroReported(ZeroReported { from, to }), None);
        Ok((new_days, sequence))
    }

    /// Journals days of children that are received, but for those that were. The index must
    /// show everything that was written.
    pub(super) fn stamp_days(&self, mut days: Vec<DayReceived>, group: &mut Group) -> Result<(), IndexError> {
        let draft = Draft::new(self.store.index());
        let mut failed = Ok(());
        days.retain(|stamp| {
            let wanted = stamp.code.parse().map_err(|error: ParseError| IndexError::Damaged(error.to_string()));
            let wanted = wanted.and_then(|code: DivisionCode| {
                let planned = Child::read(&draft, code)?.is_some();
                Ok(planned && !received::is_stamped(&draft, code, stamp.day)?)
            });
            wanted.unwrap_or_else(|error| {
                failed = Err(error);
                false
            })
        });
        failed?;
        if !days.is_empty() {
            self.push(group, "node".to_owned(), Event::DaysReceived(DaysReceived { days }), None);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any day; 2026-11-24.
    const TODAY: i32 = 46_349;

    fn wrong(from: i32, to: i32) -> Vec<String> {
        let violations = check_days(from, to, TODAY).err().unwrap_or_default();
        violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
    }

    #[test]
    fn a_zero_report_is_of_some_days_that_have_come() {
        assert!(wrong(TODAY, TODAY).is_empty() && wrong(TODAY - 365, TODAY).is_empty() && wrong(0, 365).is_empty());
        for (from, to, field, words) in [
            (TODAY, TODAY + 1, "to", "lies after today"),
            (TODAY + 1, TODAY + 2, "from", "lies after today"),
            (TODAY, TODAY - 1, "to", "swap them"),
            (TODAY - 366, TODAY, "to", "more than 366 days"),
            (-1, 3, "from", "1900-01-01"),
            (i32::MIN, TODAY, "from", "1900-01-01"),
        ] {
            let told = wrong(from, to);
            let named = told.iter().any(|one| one.starts_with(&format!("{field}: ")) && one.contains(words));
            assert!(named, "{from} to {to}: {told:?}");
        }
    }
}
