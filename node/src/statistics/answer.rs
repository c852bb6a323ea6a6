//! The answer to a question: rows, totals and coverage, all from one view.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use wuji_proto::{DivisionCode, Period, Tier, period, v1};

use super::cells::{self, Source, Sums};
use super::directory::Directory;
use super::plan::{Column, Plan, PlanError, Term, Units};
use crate::catalogue::{Catalogue, EXPECTED, REPORTED};
use crate::feed::child::Child;
use crate::index::draft::Draft;
use crate::index::{Index, IndexError, keys};

/// Figures (rows × columns) of one answer at most: it is put together from one view, for
/// which the writer waits.
pub const FIGURES_MAX: usize = 1_000_000;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The question.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// What was asked.
    pub head: v1::QueryHead,
    /// By unit, words and period.
    pub rows: Vec<v1::QueryRow>,
    /// Totals and coverage.
    pub end: v1::QueryEnd,
}

/// How a direct child stands now: not connected, held or the like, since when.
pub type Absence = dyn Fn(DivisionCode) -> Option<(&'static str, i64)>;

/// Answers a question from one view of the index.
pub fn answer(
    request: &v1::QueryRequest,
    catalogue: &Catalogue,
    index: &dyn Index,
    own: DivisionCode,
    now_ms: i64,
    absence: &Absence,
) -> Result<Answer, QueryError> {
    let directory = Directory::read(index)?;
    let plan = Plan::check(request, catalogue, &directory, own)?;
    let asker = Asker { plan: &plan, index, own, now_ms, directory: &directory };
    let table = asker.table()?;
    let totals = asker.totals(&table);
    let in_transit = asker.in_transit(&totals)?;
    let coverage = asker.coverage(catalogue, absence)?;
    Ok(Answer {
        head: asker.head(request, catalogue),
        rows: table.iter().flat_map(|row| asker.rows(row)).collect(),
        end: v1::QueryEnd {
            totals: totals.iter().map(Fraction::figure).collect(),
            in_transit: in_transit.into_iter().map(|amount| Fraction::Amount(amount).figure()).collect(),
            coverage: Some(coverage),
            ..v1::QueryEnd::default()
        },
    })
}

/// A measure's amount, or an indicator's two sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fraction {
    Amount(i64),
    Ratio(i64, i64),
}

impl Fraction {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Amount(a), Self::Amount(b)) => Self::Amount(a.saturating_add(b)),
            (Self::Ratio(a, b), Self::Ratio(c, d)) => Self::Ratio(a.saturating_add(c), b.saturating_add(d)),
            (kept, _) => kept,
        }
    }

    fn figure(&self) -> v1::Figure {
        let kind = match *self {
            Self::Amount(amount) => v1::figure::Kind::Amount(amount),
            Self::Ratio(numerator, denominator) => v1::figure::Kind::Ratio(v1::Ratio { numerator, denominator }),
        };
        v1::Figure { kind: Some(kind) }
    }
}

/// The figures of a unit and words: one list of columns a period.
struct Row {
    unit: DivisionCode,
    words: Vec<String>,
    periods: Vec<Vec<Fraction>>,
}

impl Row {
    fn is_zero(&self) -> bool {
        let zero = |figure: &Fraction| matches!(figure, Fraction::Amount(0) | Fraction::Ratio(0, 0));
        self.periods.iter().flatten().all(zero)
    }
}

struct Asker<'q> {
    plan: &'q Plan<'q>,
    index: &'q dyn Index,
    own: DivisionCode,
    now_ms: i64,
    directory: &'q Directory,
}

impl Asker<'_> {
    fn table(&self) -> Result<Vec<Row>, QueryError> {
        let (units, with_own) = match &self.plan.units {
            Units::Scope => (vec![self.plan.scope], false),
            Units::Each { units, children } => (units.clone(), *children && self.plan.scope == self.own),
        };
        let mut table = Vec::new();
        if with_own {
            // A judicial office writes too: without its own row the rows would not add up.
            let own = self.rows_from(self.own, |_| Ok(self.own_entries()))?;
            table.extend(own.into_iter().filter(|row| !row.is_zero()));
        }
        for unit in units {
            table.extend(self.unit_rows(unit)?);
            let figures = table.len().saturating_mul(self.plan.periods().len()).saturating_mul(self.plan.columns.len());
            if figures > FIGURES_MAX {
                let limit = format!("the answer has more than {FIGURES_MAX} figures: ask for fewer units or periods");
                return Err(PlanError::Question(limit).into());
            }
        }
        Ok(table)
    }

    fn unit_rows(&self, unit: DivisionCode) -> Result<Vec<Row>, QueryError> {
        self.rows_from(unit, |needs_days| self.source(unit, needs_days))
    }

    fn own_entries(&self) -> Source {
        if self.own.tier().has_children() { Source::OwnEntries } else { Source::OwnDays }
    }

    fn rows_from(
        &self,
        unit: DivisionCode,
        source: impl Fn(bool) -> Result<Source, QueryError>,
    ) -> Result<Vec<Row>, QueryError> {
        let source = source(self.plan.needs_days())?;
        let sums = |term| cells::sums(self.index, unit, source, term, self.plan.from, self.plan.to);
        let sums = self.plan.terms().map(sums).collect::<Result<Vec<_>, _>>()?;
        let mut words: BTreeSet<Vec<String>> = sums.iter().flat_map(BTreeMap::keys).cloned().collect();
        if self.plan.fields.is_empty() {
            words.insert(Vec::new());
        }
        let periods = self.plan.periods();
        let row = |words: Vec<String>| Row {
            unit,
            periods: periods.iter().map(|period| self.figures(&sums, &words, *period)).collect(),
            words,
        };
        Ok(words.into_iter().map(row).collect())
    }

    /// Where this node holds a unit's cells, by day if need be.
    fn source(&self, unit: DivisionCode, needs_days: bool) -> Result<Source, QueryError> {
        let direct = self.index.get(&keys::child(unit))?.is_some();
        Ok(match (unit == self.own, needs_days) {
            (true, _) => Source::OwnDays,
            (false, false) => Source::Months,
            (false, true) if direct => Source::ChildDays,
            (false, true) => {
                let advice = format!(
                    "{} holds {unit} by month: ask for whole months, or ask {} for days (-c {})",
                    self.own,
                    self.directory.name(unit),
                    self.directory.parent(unit).unwrap_or(unit),
                );
                return Err(PlanError::NotHeld(advice).into());
            }
        })
    }

    fn figures(&self, sums: &[Sums], words: &[String], period: (i32, i32)) -> Vec<Fraction> {
        let mut sums = sums.iter();
        let mut amount = |term: &Term<'_>| {
            let by_day = sums.next().and_then(|sums| sums.get(words));
            by_day.map_or(0, |by_day| cells::figure(by_day, term.is_stock(), period))
        };
        let mut add = |terms: &[Term<'_>]| terms.iter().fold(0_i64, |sum, term| sum.saturating_add(amount(term)));
        let figure = |column: &Column<'_>| match column {
            Column::Measure(term) => Fraction::Amount(add(std::slice::from_ref(term))),
            Column::Indicator(_, numerator, denominator) => {
                let numerator = add(numerator);
                Fraction::Ratio(numerator, add(denominator))
            }
        };
        self.plan.columns.iter().map(figure).collect()
    }

    fn rows<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = v1::QueryRow> + 'r {
        let by_unit = self.plan.units != Units::Scope;
        let labels = self.plan.periods().into_iter().map(|(first, _)| {
            self.plan.grain.map(|grain| Period::of(period::date(first), grain).to_string()).unwrap_or_default()
        });
        labels.zip(&row.periods).map(move |(period, figures)| v1::QueryRow {
            period,
            unit: if by_unit { row.unit.to_string() } else { String::new() },
            unit_name: if by_unit { self.directory.name(row.unit) } else { String::new() },
            words: row.words.clone(),
            figures: figures.iter().map(Fraction::figure).collect(),
            ..v1::QueryRow::default()
        })
    }

    fn is_stock(column: &Column<'_>) -> bool {
        match column {
            Column::Measure(term) => term.is_stock(),
            Column::Indicator(_, numerator, denominator) => numerator.iter().chain(denominator).any(Term::is_stock),
        }
    }

    /// The sums of the rows shown; a stock's values at different dates are not added up.
    fn totals(&self, table: &[Row]) -> Vec<Fraction> {
        let zero = |column: &Column<'_>| match column {
            Column::Measure(_) => Fraction::Amount(0),
            Column::Indicator(..) => Fraction::Ratio(0, 0),
        };
        let total = |(at, column): (usize, &Column<'_>)| {
            let figures = table.iter().flat_map(|row| {
                let skipped = if Self::is_stock(column) { row.periods.len().saturating_sub(1) } else { 0 };
                row.periods.iter().skip(skipped).filter_map(move |figures| figures.get(at).copied())
            });
            figures.fold(zero(column), Fraction::plus)
        };
        self.plan.columns.iter().enumerate().map(total).collect()
    }

    /// The scope's own total less that of the rows, where the rows are of units below: what
    /// has reached one but not yet the other.
    fn in_transit(&self, totals: &[Fraction]) -> Result<Vec<i64>, QueryError> {
        if self.plan.units == Units::Scope {
            return Ok(vec![0; totals.len()]);
        }
        let own = self.totals(&self.unit_rows(self.plan.scope)?);
        let difference = |(own, rows): (&Fraction, &Fraction)| match (own, rows) {
            (Fraction::Amount(own), Fraction::Amount(rows)) | (Fraction::Ratio(own, _), Fraction::Ratio(rows, _)) => {
                own.saturating_sub(*rows)
            }
            _ => 0,
        };
        Ok(own.iter().zip(totals).map(difference).collect())
    }

    fn head(&self, request: &v1::QueryRequest, catalogue: &Catalogue) -> v1::QueryHead {
        let column = |column: &Column<'_>| match column {
            Column::Measure(term) => v1::Column {
                id: term.measure.id().to_owned(),
                title_zh: term.measure.title().zh.clone(),
                title_en: term.measure.title().en.clone(),
                unit: term.measure.unit().to_owned(),
                kind: term.measure.kind().name().to_owned(),
                revision: term.measure.key().revision.into(),
            },
            Column::Indicator(indicator, ..) => v1::Column {
                id: indicator.id().to_owned(),
                title_zh: indicator.title().zh.clone(),
                title_en: indicator.title().en.clone(),
                unit: "ratio".to_owned(),
                kind: "indicator".to_owned(),
                revision: 0,
            },
        };
        v1::QueryHead {
            scope: self.plan.scope.to_string(),
            scope_name: self.directory.name(self.plan.scope),
            from: period::date(self.plan.from).to_string(),
            to: period::date(self.plan.to).to_string(),
            grain: request.grain.clone(),
            by: request.by.clone(),
            columns: self.plan.columns.iter().map(column).collect(),
            catalogue_version: catalogue.version().to_owned(),
            ..v1::QueryHead::default()
        }
    }

    fn coverage(&self, catalogue: &Catalogue, absence: &Absence) -> Result<v1::Coverage, QueryError> {
        let workrooms: Vec<DivisionCode> = self
            .directory
            .units()
            .map(|(code, _)| code)
            .filter(|code| code.tier() == Tier::Workroom && self.directory.lies_under(*code, self.plan.scope))
            .collect();
        let mut reported = 0;
        if let Some(measure) = catalogue.measure_numbered(REPORTED) {
            for unit in &workrooms {
                reported += u64::from(self.has_reported(*unit, measure)?);
            }
        }
        let expected = match catalogue.measure_numbered(EXPECTED) {
            Some(measure) if self.plan.scope.tier().has_children() => self.expected(measure)?,
            _ => 1,
        };
        let (absent, as_of_ms) = self.absent(absence)?;
        Ok(v1::Coverage { expected, reported, absent, as_of_ms, ..v1::Coverage::default() })
    }

    fn has_reported(&self, unit: DivisionCode, measure: &crate::catalogue::Measure) -> Result<bool, QueryError> {
        let term = Term { measure, split: 0, places: Vec::new(), only: Vec::new() };
        let source = if unit == self.own { Source::OwnDays } else { Source::Months };
        let sums = cells::sums(self.index, unit, source, &term, self.plan.from, self.plan.to)?;
        Ok(sums.values().flat_map(BTreeMap::values).any(|days| *days > 0))
    }

    fn expected(&self, measure: &crate::catalogue::Measure) -> Result<u64, QueryError> {
        let only = vec![(0, vec![Tier::Workroom.name().to_owned()])];
        let term = Term { measure, split: 1, places: Vec::new(), only };
        let source = if self.plan.scope == self.own { Source::OwnDays } else { Source::Months };
        let sums = cells::sums(self.index, self.plan.scope, source, &term, 0, self.plan.to)?;
        let at_end = sums.values().map(|by_day| cells::figure(by_day, true, (0, self.plan.to))).sum::<i64>();
        Ok(u64::try_from(at_end).unwrap_or(0))
    }

    /// Direct children that may not have told all, and the oldest complete mark.
    fn absent(&self, absence: &Absence) -> Result<(Vec<v1::AbsentUnit>, i64), QueryError> {
        let draft = Draft::new(self.index);
        // What is this node's own is as of now.
        let (mut absent, mut as_of_ms) = (Vec::new(), self.now_ms);
        for code in self.directory.children(self.own) {
            let under =
                self.directory.lies_under(code, self.plan.scope) || self.directory.lies_under(self.plan.scope, code);
            let Some(child) = Child::read(&draft, code)?.filter(|_| under) else { continue };
            as_of_ms = as_of_ms.min(child.complete_at_ms);
            let state = match absence(code) {
                _ if child.incarnation.is_none() => Some(("planned", 0)),
                Some(absence) => Some(absence),
                None if child.walk.is_some() => Some(("re-syncing", child.complete_at_ms)),
                None if child.catching_up || child.complete_at_ms == 0 => Some(("catching-up", child.complete_at_ms)),
                None => None,
            };
            absent.extend(state.map(|(state, since_ms)| v1::AbsentUnit {
                code: code.to_string(),
                name: self.directory.name(code),
                state: state.to_owned(),
                since_ms,
                reason: String::new(),
            }));
        }
        Ok((absent, as_of_ms))
    }
}
