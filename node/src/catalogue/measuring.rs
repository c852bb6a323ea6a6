//! What one record adds to which measure on which day. Pure, and called for every record
//! that is written or folded again: everything that names a field has been resolved to a
//! place among the ledger's facts when the catalogue was loaded.

use std::collections::BTreeMap;

use wuji_proto::v1::value::Kind;
use wuji_proto::{MeasureId, Part, v1};

use super::Catalogue;
use super::condition::Condition;
use super::ledger::Values;
use super::measure::{ENTRIES, Measure};
use super::term::Test;

/// 2200-12-31, the last day that a cell can have, in days since 1900-01-01. What would begin later never does.
pub(super) const LAST_DAY: i32 = 109_937;

/// An amount that a record adds to a part of a measure on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The measure and its revision.
    pub measure: MeasureId,
    /// Days since 1900-01-01.
    pub day: i32,
    /// The part.
    pub part: Part,
    /// Of a stock, the change of its value on that day.
    pub amount: i64,
}

/// How a measure reads a record.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// Counted elsewhere: built-in.
    Tally,
    /// The amount on the day that a date field says.
    Flow { date: usize, filter: Filter, amount: Amount },
    /// The amount from a day until another.
    Stock(StockRule),
    /// 0 or 1 for the unit as a whole.
    Condition(Condition),
}

/// A stock over records of one ledger.
#[derive(Clone, Debug)]
pub(super) struct StockRule {
    pub(super) from: Start,
    pub(super) until: Option<End>,
    pub(super) filter: Filter,
    pub(super) amount: Amount,
}

/// What is asked of the facts of a record; all must hold.
pub(super) type Filter = Vec<(usize, Test)>;

/// A code field and the day for each of its words.
pub(super) type DatesByWord = (usize, Vec<(String, i32)>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    Count,
    Field(usize),
}

/// The latest of some dates, plus a delay; never, where one of them is missing.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) dates: Vec<usize>,
    pub(super) deadline: Option<DatesByWord>,
    pub(super) plus_days: i32,
}

/// The first of some dates that is there, where a condition holds.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) dates: Vec<usize>,
    pub(super) when: Filter,
}

/// What the catalogue reads of one ledger.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Names of facts, in order.
    pub(super) facts: Vec<String>,
    /// Where the event date stands among them.
    pub(super) event_slot: usize,
    /// Places in the catalogue's list of measures.
    pub(super) measures: Vec<usize>,
}

/// The facts of a record by their places.
pub(super) struct Facts<'a> {
    slots: Vec<Option<&'a v1::Value>>,
    event_slot: usize,
    event_date: i32,
}

impl Plan {
    /// Both sides are in the order of names, so one walk places all.
    pub(super) fn place<'a>(&self, facts: &'a Values, event_date: i32) -> Facts<'a> {
        let mut given = facts.iter().peekable();
        let slots = self.facts.iter().map(|wanted| {
            while given.next_if(|(name, _)| *name < wanted).is_some() {}
            given.next_if(|(name, _)| *name == wanted).map(|(_, value)| value)
        });
        Facts { slots: slots.collect(), event_slot: self.event_slot, event_date }
    }
}

impl Facts<'_> {
    fn get(&self, slot: usize) -> Option<&v1::Value> {
        self.slots.get(slot).copied().flatten()
    }

    /// The event date is the one that the record was filed under, whatever a later catalogue
    /// calls its event date.
    pub(super) fn date(&self, slot: usize) -> Option<i32> {
        if slot == self.event_slot {
            return Some(self.event_date);
        }
        match self.get(slot)?.kind {
            Some(Kind::Date(days)) => Some(days),
            _ => None,
        }
    }

    fn word(&self, slot: usize) -> &str {
        match self.get(slot).and_then(|value| value.kind.as_ref()) {
            Some(Kind::Text(word)) => word,
            _ => "",
        }
    }

    fn holds(&self, filter: &Filter) -> bool {
        filter.iter().all(|(slot, test)| test.holds(self.get(*slot)))
    }

    fn amount(&self, amount: Amount) -> i64 {
        match amount {
            Amount::Count => 1,
            Amount::Field(slot) => match self.get(slot).and_then(|value| value.kind.as_ref()) {
                Some(Kind::Integer(number)) => *number,
                _ => 0,
            },
        }
    }
}

impl Start {
    fn day(&self, facts: &Facts<'_>) -> Option<i32> {
        let mut latest = i32::MIN;
        for slot in &self.dates {
            latest = latest.max(facts.date(*slot)?);
        }
        if let Some((slot, dates)) = &self.deadline {
            let word = facts.word(*slot);
            latest = latest.max(dates.iter().find(|(known, _)| known == word)?.1);
        }
        latest.checked_add(self.plus_days).filter(|day| *day <= LAST_DAY)
    }
}

impl End {
    fn day(&self, facts: &Facts<'_>) -> Option<i32> {
        if !facts.holds(&self.when) {
            return None;
        }
        self.dates.iter().find_map(|slot| facts.date(*slot))
    }
}

impl StockRule {
    /// The days from and until which the record counts, and how much; `None` if it never does.
    pub(super) fn span(&self, facts: &Facts<'_>) -> Option<(i32, Option<i32>, i64)> {
        let from = self.from.day(facts)?;
        let until = self.until.as_ref().and_then(|until| until.day(facts));
        let amount = self.amount_of(facts)?;
        until.is_none_or(|until| until > from).then_some((from, until, amount))
    }

    fn amount_of(&self, facts: &Facts<'_>) -> Option<i64> {
        facts.holds(&self.filter).then(|| facts.amount(self.amount)).filter(|amount| *amount != 0)
    }
}

impl Measure {
    fn contribute(&self, facts: &Facts<'_>, emit: &mut dyn FnMut(Contribution)) {
        self.changes(facts, &mut |day, amount| {
            self.each_part(facts, |part| emit(Contribution { measure: self.key, day, part, amount }));
        });
    }

    /// Days and amounts, undivided; of a stock the changes of its value. None of 0.
    fn changes(&self, facts: &Facts<'_>, emit: &mut dyn FnMut(i32, i64)) {
        match &self.rule {
            Rule::Flow { date, filter, amount } => {
                let Some(day) = facts.date(*date) else { return };
                let amount = if facts.holds(filter) { facts.amount(*amount) } else { 0 };
                if amount != 0 {
                    emit(day, amount);
                }
            }
            Rule::Stock(stock) => {
                let Some((from, until, amount)) = stock.span(facts) else { return };
                if let Some(day) = until {
                    emit(day, -amount);
                }
                emit(from, amount);
            }
            Rule::Tally | Rule::Condition(_) => {}
        }
    }

    /// Whether it is counted record by record, so that it can be divided by any field of the
    /// records: not the built-ins, and not what holds for a unit as a whole.
    pub const fn is_of_records(&self) -> bool {
        matches!(self.rule, Rule::Flow { .. } | Rule::Stock(_))
    }

    fn each_part(&self, facts: &Facts<'_>, mut emit: impl FnMut(Part)) {
        if self.splits.is_empty() {
            emit(Part::default());
        }
        for (number, split) in (1..=u8::MAX).zip(&self.splits) {
            let words = split.slots.iter().map(|slot| facts.word(*slot).to_owned()).collect();
            emit(Part { split: number, words });
        }
    }
}

impl Catalogue {
    /// What one live record adds: to the built-in `entries`, to flows and to stocks over
    /// records. Conditions of the unit as a whole are [`conditions`](Self::conditions).
    ///
    /// `facts` is what [`Ledger::facts`](super::Ledger::facts) chose. Of a ledger that this
    /// catalogue does not list, only the entry itself is counted. Called with the same
    /// arguments, it always says the same: what a record added is taken back by calling it
    /// again with the former values.
    pub fn contributions(&self, ledger: &str, facts: &Values, event_date: i32, emit: &mut dyn FnMut(Contribution)) {
        let part = Part { split: 1, words: vec![ledger.to_owned()] };
        emit(Contribution { measure: ENTRIES, day: event_date, part, amount: 1 });
        let Some(plan) = self.plans.get(ledger) else { return };
        let facts = plan.place(facts, event_date);
        for measure in plan.measures.iter().filter_map(|at| self.measures.get(*at)) {
            measure.contribute(&facts, emit);
        }
    }

    /// What one live record adds to one measure, undivided: days since 1900-01-01 and amounts,
    /// of a stock the changes of its value. The parts that
    /// [`contributions`](Self::contributions) emits of any one split add up to it.
    pub fn changes(&self, measure: &Measure, facts: &Values, event_date: i32, emit: &mut dyn FnMut(i32, i64)) {
        if let Some(plan) = self.plans.get(&measure.ledger) {
            measure.changes(&plan.place(facts, event_date), emit);
        }
    }

    /// The dated changes (+1, −1) of the conditions of one unit, from all its live records of
    /// the [condition ledgers](Self::condition_ledgers): ledger, facts, event date. The sum of
    /// the changes up to a day is 1 if the condition holds on it, else 0.
    pub fn conditions(&self, records: &[(&str, &Values, i32)]) -> BTreeMap<(MeasureId, i32), i64> {
        let mut changes = BTreeMap::new();
        for measure in &self.measures {
            if let Rule::Condition(condition) = &measure.rule {
                for (day, change) in condition.changes(self, records) {
                    changes.insert((measure.key, day), change);
                }
            }
        }
        changes
    }
}
