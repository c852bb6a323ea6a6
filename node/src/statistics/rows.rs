//! The rows of a question, from one view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wuji_proto::DivisionCode;

use super::Figures;
use super::answer::QueryError;
use super::directory::Directory;
use super::plan::{Plan, PlanError, Term, Units};
use super::reporting::{Reporting, Window};
use super::series::{self, CellSource, Series, Sums};
use super::spans::Span;
use super::table::{Row, Shape, Value};
use crate::index::keys;

/// Figures (rows × columns × periods and comparisons) of one answer at most, 16 bytes each:
/// it is put together from one view, for which the writer waits.
pub const FIGURES_MAX: usize = 2_000_000;

/// Makes the rows of a question.
pub struct Rows<'q> {
    /// The question.
    pub plan: &'q Plan<'q>,
    /// The view.
    pub figures: &'q Figures<'q>,
    /// The subtree.
    pub directory: &'q Directory,
    /// Which workroom reported when.
    pub reporting: &'q Reporting,
    windows: Vec<Window>,
}

impl<'q> Rows<'q> {
    /// For the rows of `plan`, from one view.
    pub fn new(
        plan: &'q Plan<'q>,
        figures: &'q Figures<'q>,
        directory: &'q Directory,
        reporting: &'q Reporting,
    ) -> Self {
        let windows = plan.periods.iter().copied().map(Window::from).collect();
        Self { plan, figures, directory, reporting, windows }
    }

    /// All rows, in the order of units (what a unit itself wrote before those below it) and words.
    pub fn all(&self) -> Result<Vec<Row>, QueryError> {
        let scope = self.plan.scope;
        let mut rows = match &self.plan.units {
            Units::Scope => return self.of_units(&[scope]),
            Units::Children => self.of_units(self.directory.children(scope))?,
            Units::Tier(_) => self.of_units(&shown(self.plan, self.directory))?,
        };
        let between = between(self.plan, self.directory);
        self.check_size(rows.len() + between.len())?;
        for unit in between {
            rows.extend(self.own_entries(unit)?);
        }
        rows.sort_by(|a, b| (a.unit, &a.words).cmp(&(b.unit, &b.words)));
        Ok(rows)
    }

    /// The rows of those shown units that are wanted, without what is between them.
    pub fn whole_units(&self, wanted: impl Fn(&DivisionCode) -> bool) -> Result<Vec<Row>, QueryError> {
        let units: Vec<DivisionCode> = shown(self.plan, self.directory).into_iter().filter(wanted).collect();
        self.of_units(&units)
    }

    /// The rows of the scope as a whole.
    pub fn of_scope(&self) -> Result<Vec<Row>, QueryError> {
        self.of_units(&[self.plan.scope])
    }

    /// The rows of whole units.
    fn of_units(&self, units: &[DivisionCode]) -> Result<Vec<Row>, QueryError> {
        self.check_size(units.len())?;
        let mut by_source: BTreeMap<bool, Vec<DivisionCode>> = BTreeMap::new();
        for unit in units {
            by_source.entry(self.source(*unit)? == CellSource::Totals).or_default().push(*unit);
        }
        let mut rows = Vec::new();
        if let Some(units) = by_source.get(&true) {
            let terms = self.plan.terms().map(|term| self.figures.memory.totals(self.figures.index, &term.pick, units));
            let terms: Vec<Vec<Arc<Sums>>> = terms.collect::<Result<_, _>>()?;
            for (place, unit) in units.iter().enumerate() {
                let sums: Vec<&Sums> = terms.iter().filter_map(|units| Some(units.get(place)?.as_ref())).collect();
                rows.extend(self.rows(*unit, &sums)?);
                self.check_size(rows.len())?;
            }
        }
        for unit in by_source.get(&false).into_iter().flatten() {
            rows.extend(self.rows_by_day(*unit, CellSource::ChildDays)?);
        }
        Ok(rows)
    }

    fn rows_by_day(&self, unit: DivisionCode, source: CellSource) -> Result<Vec<Row>, QueryError> {
        let Figures { index, own, .. } = *self.figures;
        let reach = self.plan.reach();
        let sums = self.plan.terms().map(|term| series::days(index, own, unit, source, term, reach));
        let sums = sums.collect::<Result<Vec<Sums>, _>>()?;
        self.rows(unit, &sums.iter().collect::<Vec<_>>())
    }

    /// What a unit itself wrote. Of the node's own that is known; of a unit below it is what
    /// the unit's total has beyond its children's.
    fn own_entries(&self, unit: DivisionCode) -> Result<Vec<Row>, QueryError> {
        // Its workrooms have rows of their own: here none of them is looked at.
        let nobody = Reporting::default();
        let uncounted = Rows::new(self.plan, self.figures, self.directory, &nobody);
        let mut rows = if unit == self.figures.own {
            uncounted.rows_by_day(unit, CellSource::OwnEntries)?
        } else {
            let mut rows: BTreeMap<_, _> =
                uncounted.of_units(&[unit])?.into_iter().map(|row| (row.words.clone(), row)).collect();
            for part in uncounted.of_units(self.directory.children(unit))? {
                let zero = || Row { unit, values: vec![Value::default(); part.values.len()].into(), ..part.clone() };
                rows.entry(part.words.clone()).or_insert_with(zero).subtract(&part);
            }
            rows.into_values().collect()
        };
        rows.retain(|row| !row.is_zero());
        for row in &mut rows {
            row.reporting = None;
        }
        Ok(rows)
    }

    /// Where this node holds a unit's cells.
    fn source(&self, unit: DivisionCode) -> Result<CellSource, QueryError> {
        let Figures { index, own, .. } = *self.figures;
        if unit == own || !self.plan.needs_days() {
            return Ok(CellSource::Totals);
        }
        if index.get(&keys::child(unit))?.is_some() {
            return Ok(CellSource::ChildDays);
        }
        Err(PlanError::NotHeld(format!(
            "{own} holds {unit} by month: ask for whole months, or ask {} for days (-c {})",
            self.directory.name(unit),
            self.directory.parent(unit).unwrap_or(unit),
        ))
        .into())
    }

    /// One row for each combination of words that any figure of the times has.
    fn rows(&self, unit: DivisionCode, sums: &[&Sums]) -> Result<Vec<Row>, QueryError> {
        let undivided = Vec::new();
        let words: BTreeSet<&Vec<String>> = if self.plan.fields.is_empty() {
            [&undivided].into()
        } else {
            sums.iter().flat_map(|sums| sums.keys()).collect()
        };
        self.check_size(words.len())?;
        let reporting = self.reporting(unit);
        let row = |words: &Vec<String>| {
            let series: Vec<&[(i32, i64)]> =
                sums.iter().map(|sums| sums.get(words).map(Series::as_slice).unwrap_or_default()).collect();
            Row { unit, words: words.clone(), values: self.values(&series), reporting: reporting.clone() }
        };
        let rows = words.into_iter().map(row);
        Ok(rows.filter(|row| self.plan.fields.is_empty() || !row.is_zero()).collect())
    }

    fn reporting(&self, unit: DivisionCode) -> Option<Arc<[wuji_proto::v1::Reporting]>> {
        let by_unit = self.plan.units != Units::Scope;
        by_unit.then(|| self.windows.iter().map(|window| self.reporting.count(unit, *window)).collect())
    }

    fn values(&self, series: &[&[(i32, i64)]]) -> Box<[Value]> {
        let mut values = Vec::with_capacity(Shape::of(self.plan).row());
        for span in self.plan.times.iter().flatten() {
            let mut series = series.iter();
            for column in &self.plan.columns {
                let numerator = sum(&column.numerator, &mut series, *span);
                values.push(Value { numerator, denominator: sum(&column.denominator, &mut series, *span) });
            }
        }
        values.into()
    }

    fn check_size(&self, rows: usize) -> Result<(), PlanError> {
        if rows.saturating_mul(Shape::of(self.plan).row()) <= FIGURES_MAX {
            return Ok(());
        }
        Err(PlanError::Question(format!(
            "the answer has more than {FIGURES_MAX} figures: ask for fewer units, measures or periods"
        )))
    }
}

/// Adds up terms; each takes the next of the series.
fn sum<'s>(terms: &[Term<'_>], series: &mut impl Iterator<Item = &'s &'s [(i32, i64)]>, span: Span) -> i64 {
    terms.iter().zip(series).fold(0_i64, |sum, (term, series)| sum.saturating_add(term.figure(series, span)))
}

/// The units whose whole subtree is a row: those of the tier, and those of a lower one
/// whose parent is of a higher one. Together with what the units above them wrote
/// themselves they are all of the scope.
fn shown(plan: &Plan<'_>, directory: &Directory) -> Vec<DivisionCode> {
    let mut units = Vec::new();
    match plan.units {
        Units::Scope => units.push(plan.scope),
        Units::Children => units.extend(directory.children(plan.scope)),
        Units::Tier(tier) => {
            let mut waiting = vec![plan.scope];
            while let Some(unit) = waiting.pop() {
                if unit.tier() >= tier {
                    units.push(unit);
                } else {
                    waiting.extend(directory.children(unit));
                }
            }
        }
    }
    units.sort_unstable();
    units
}

/// The units above the rows'.
fn between(plan: &Plan<'_>, directory: &Directory) -> Vec<DivisionCode> {
    let scope = plan.scope;
    match plan.units {
        Units::Scope => Vec::new(),
        Units::Children => vec![scope],
        Units::Tier(tier) => {
            let mut units = Vec::new();
            directory.visit(scope, &mut |unit| {
                if unit.tier() < tier {
                    units.push(unit);
                }
            });
            units
        }
    }
}

/// The units whose totals a question reads, where it is by whole months.
pub fn whole_units(plan: &Plan<'_>, directory: &Directory) -> Vec<DivisionCode> {
    let mut units = shown(plan, directory);
    units.extend(between(plan, directory));
    if plan.units == Units::Children {
        units.extend(directory.children(plan.scope));
    }
    units.push(plan.scope);
    units.sort_unstable();
    units.dedup();
    units
}
