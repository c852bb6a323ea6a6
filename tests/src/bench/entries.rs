//! What the workrooms write: made-up records of every ledger of the catalogue, always the
//! same for the same workroom and month. The catalogue itself says what each of them adds to
//! which measure, so splits add up to their measures and shares to their wholes.

use std::collections::{BTreeMap, BTreeSet};

use wuji::sample::random::Random;
use wuji_node::catalogue::{Catalogue, Contribution, Field, FieldKind, Ledger, REPORTED, Values};
use wuji_proto::v1::Value;
use wuji_proto::v1::value::Kind;
use wuji_proto::{DivisionCode, Part, Period, period};

/// Records a workroom and month, by ledger; of a ledger that is not named, one. It makes
/// some 40 cells a workroom and month.
const MONTHLY: [(&str, u64); 9] = [
    ("mediation", 3),
    ("screening", 5),
    ("publicity", 1),
    ("service", 2),
    ("legal_aid", 1),
    ("special", 1),
    ("governance", 1),
    ("funding", 0),
    ("subsidy", 1),
];

/// Records on a workroom's first day, by ledger: these are not written again.
const ONCE: [(&str, u64); 3] = [("workroom", 1), ("staff", 3), ("funding", 1)];

/// A ledger whose optional dates stay empty: who serves at the beginning serves on.
const LASTING: &str = "staff";

/// One record in so many leaves a field that is not required empty.
const EMPTY_OF: u64 = 8;
/// Dates behind the event date lie within so many days after it.
const LATER_DAYS_MAX: u64 = 12;
/// Numbers are up to this, where the field allows it.
const NUMBER_MAX: i64 = 40;

/// The months that are written.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first month.
    pub first: Period,
    /// How many.
    pub months: u32,
}

impl Span {
    /// Each month.
    pub fn each(self) -> impl Iterator<Item = Period> {
        (0..self.months).scan(self.first, |next, _| {
            let month = *next;
            *next = month.next();
            Some(month)
        })
    }

    /// The last month.
    pub fn last(self) -> Period {
        self.each().last().unwrap_or(self.first)
    }

    /// The first day and the last, as days since 1900-01-01.
    pub fn days(self) -> (i32, i32) {
        (period::days(self.first.first_day()), period::days(self.last().last_day()))
    }
}

/// What a field is filled with.
enum Fill {
    Word(Vec<String>),
    Number(i64, i64),
    Date,
    Flag,
}

struct Blank {
    name: String,
    fill: Fill,
    required: bool,
}

/// A ledger's form, of what measures may read.
struct Form {
    ledger: String,
    event_date: String,
    blanks: Vec<Blank>,
    monthly: u64,
    once: u64,
    lasting: bool,
}

/// Writes the records of workrooms.
pub struct Clerk<'c> {
    catalogue: &'c Catalogue,
    forms: Vec<Form>,
    span: Span,
}

/// A record: ledger, what measures read of it, and its event date.
type Record<'c> = (&'c str, Values, i32);

impl<'c> Clerk<'c> {
    /// For the ledgers of a catalogue.
    pub fn new(catalogue: &'c Catalogue, span: Span) -> Self {
        Self { catalogue, forms: catalogue.ledgers().iter().map(Form::of).collect(), span }
    }

    /// Everything that a workroom's records add to measures.
    pub fn write(&self, workroom: DivisionCode, emit: &mut dyn FnMut(Contribution)) {
        let mut random = Random::new(workroom.as_str().parse().unwrap_or(1));
        let first = self.span.days().0;
        let mut reported = BTreeSet::new();
        let once = self.records(|form| form.once, (first, first), &mut random);
        let standing: Vec<_> = once.iter().map(|(ledger, facts, day)| (*ledger, facts, *day)).collect();
        for ((measure, day), amount) in self.catalogue.conditions(&standing) {
            emit(Contribution { measure, day, part: Part::default(), amount });
        }
        let monthly = self.span.each().flat_map(|month| {
            let days = (period::days(month.first_day()), period::days(month.last_day()));
            self.records(|form| form.monthly, days, &mut random)
        });
        for (ledger, facts, day) in once.iter().cloned().chain(monthly) {
            reported.insert(day);
            self.catalogue.contributions(ledger, &facts, day, emit);
        }
        for day in reported {
            emit(Contribution { measure: REPORTED, day, part: Part::default(), amount: 1 });
        }
    }

    fn records(&self, count: impl Fn(&Form) -> u64, days: (i32, i32), random: &mut Random) -> Vec<Record<'_>> {
        let mut records = Vec::new();
        for form in &self.forms {
            for _ in 0..count(form) {
                let day = random.between(days.0, days.1);
                records.push((form.ledger.as_str(), form.fill(day, self.span.days().1, random), day));
            }
        }
        records
    }
}

impl Form {
    fn of(ledger: &Ledger) -> Self {
        let find =
            |of: &[(&str, u64)], or| of.iter().find(|(id, _)| *id == ledger.id()).map_or(or, |(_, count)| *count);
        let once = find(&ONCE, 0);
        Self {
            ledger: ledger.id().to_owned(),
            event_date: ledger.event_date().to_owned(),
            blanks: ledger.fields().iter().filter_map(Blank::of).collect(),
            monthly: find(&MONTHLY, u64::from(once == 0)),
            once,
            lasting: ledger.id() == LASTING,
        }
    }

    fn fill(&self, day: i32, last: i32, random: &mut Random) -> Values {
        let mut values = BTreeMap::new();
        for blank in &self.blanks {
            let kind = match &blank.fill {
                Fill::Date if blank.name == self.event_date => Kind::Date(day),
                Fill::Date if self.lasting && !blank.required => continue,
                _ if !blank.required && random.below(EMPTY_OF) == 0 => continue,
                Fill::Date => Kind::Date(later(day, last, random)),
                Fill::Flag => Kind::Flag(random.below(2) == 0),
                Fill::Number(min, max) => Kind::Integer(number(*min, *max, random)),
                Fill::Word(words) => Kind::Text(word(words, random)),
            };
            values.insert(blank.name.clone(), Value { kind: Some(kind) });
        }
        values
    }
}

impl Blank {
    fn of(field: &Field) -> Option<Self> {
        let fill = match field.kind() {
            FieldKind::Code { words } => Fill::Word(words.clone()),
            FieldKind::Integer { min, max } | FieldKind::Money { min, max } => Fill::Number(*min, *max),
            FieldKind::Date => Fill::Date,
            FieldKind::Flag => Fill::Flag,
            FieldKind::Text { .. } | FieldKind::List { .. } => return None,
        };
        (field.class() == 0).then(|| Self { name: field.name().to_owned(), fill, required: field.required() })
    }
}

/// What happens later is written by the last month's end.
fn later(day: i32, last: i32, random: &mut Random) -> i32 {
    let after = i32::try_from(random.below(LATER_DAYS_MAX)).unwrap_or(0);
    (day + after).min(last.max(day))
}

fn number(min: i64, max: i64, random: &mut Random) -> i64 {
    let most = max.min(min.saturating_add(NUMBER_MAX));
    let width = u64::try_from(most.saturating_sub(min)).unwrap_or(0);
    min.saturating_add(i64::try_from(random.below(width + 1)).unwrap_or(0))
}

/// The first words of a set are the usual ones: one of two draws, the lower.
fn word(words: &[String], random: &mut Random) -> String {
    let count = words.len() as u64;
    let at = random.below(count).min(random.below(count));
    usize::try_from(at).ok().and_then(|at| words.get(at)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workroom_writes_the_same_every_time_and_its_splits_add_up() {
        let catalogue = Catalogue::embedded().unwrap();
        let clerk = Clerk::new(&catalogue, Span { first: "2025-11".parse().unwrap(), months: 3 });
        let write = || {
            let mut written = Vec::new();
            clerk.write("371122001001".parse().unwrap(), &mut |part| written.push(part));
            written
        };
        let written = write();
        assert_eq!(written, write());
        let accepted = catalogue.measure("mediation.accepted").unwrap();
        let total = |split: u8| {
            let parts = written.iter().filter(|c| c.measure == accepted.key() && c.part.split == split);
            parts.map(|c| c.amount).sum::<i64>()
        };
        assert_eq!((total(1), total(2), total(3)), (9, 9, 9));
    }

    #[test]
    fn every_measure_that_reads_records_has_some() {
        let catalogue = Catalogue::embedded().unwrap();
        let clerk = Clerk::new(&catalogue, Span { first: "2025-01".parse().unwrap(), months: 12 });
        let mut counted = BTreeSet::new();
        for number in 1..=40 {
            let workroom = format!("371122001{number:03}").parse().unwrap();
            clerk.write(workroom, &mut |part| {
                counted.insert(part.measure);
            });
        }
        let silent: Vec<_> = catalogue.measures().iter().filter(|measure| !counted.contains(&measure.key())).collect();
        let silent: Vec<_> = silent.iter().map(|measure| measure.id()).collect();
        assert_eq!(
            silent,
            ["expected", "received", "received.months", "adopted", "unsettled"],
            "what parents and nodes count has none"
        );
    }
}
