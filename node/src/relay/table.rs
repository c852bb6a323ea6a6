//! Rows of many children as one table: added up by unit, words and period, then ordered,
//! cut off and summed. Pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use wuji_proto::{AMOUNT_MAX, v1};

use super::expect::is_ratio;
use super::{FIGURES_KEPT_MAX, RelayError};
use crate::statistics::plan::Order;
use crate::statistics::records::{Shape, is_nothing};
use crate::statistics::table::Value;

/// Unit, words, period: the order of an answer.
type Key = (String, Vec<String>, String);

/// How a table's rows are summed.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// Of each column, whether of numerator and denominator only the last period's count.
    pub(super) at_date: Vec<(bool, bool)>,
    /// The label of the last period.
    pub(super) last: String,
    /// Sums of nothing, one a column.
    pub(super) zero: Vec<v1::Figure>,
    /// How many comparisons there are.
    pub(super) compared: usize,
}

/// Sums of figures and of their comparisons.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Total {
    pub(super) figures: Vec<v1::Figure>,
    pub(super) compared: Vec<Vec<v1::Figure>>,
}

impl Sums {
    /// For rows of this shape, with these columns and so many comparisons.
    pub(super) fn new(shape: &Shape, columns: &[v1::Column], compared: usize) -> Self {
        let zero = |column: &v1::Column| if is_ratio(column) { v1::Figure::ratio(0, 0) } else { v1::Figure::amount(0) };
        let last = shape.periods.last().cloned().unwrap_or_default();
        Self { at_date: shape.at_date.clone(), last, zero: columns.iter().map(zero).collect(), compared }
    }

    pub(super) fn nothing(&self) -> Total {
        Total { figures: self.zero.clone(), compared: vec![self.zero.clone(); self.compared] }
    }

    fn add_all(&self, total: &mut Total, rows: &[v1::QueryRow]) {
        for row in rows {
            self.add(total, row);
        }
    }

    /// Adds a row to a total. Values at different dates are not added up.
    pub(super) fn add(&self, total: &mut Total, row: &v1::QueryRow) {
        let is_last = row.period == self.last;
        let add = |sum: &mut Vec<v1::Figure>, figures: &[v1::Figure]| {
            for ((sum, figure), at_date) in sum.iter_mut().zip(figures).zip(&self.at_date) {
                *sum = sum.plus(&if is_last { *figure } else { without(figure, *at_date) });
            }
        };
        add(&mut total.figures, &row.figures);
        for (sum, compared) in total.compared.iter_mut().zip(&row.comparisons) {
            add(sum, &compared.figures);
        }
    }
}

/// The merged rows of an answer.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<Key, v1::QueryRow>,
    figures: usize,
}

/// A table in the order of the answer.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) rows: Vec<v1::QueryRow>,
    pub(super) totals: Total,
    /// What the limit left out, and how many units and words.
    pub(super) rest: Total,
    pub(super) left_out: u64,
}

/// How many figures a row has.
pub(super) fn figures_in(row: &v1::QueryRow) -> usize {
    row.figures.len() * (1 + row.comparisons.len())
}

impl Table {
    /// Figures that are kept.
    pub(super) const fn figures(&self) -> usize {
        self.figures
    }

    /// Adds all rows of one child, or none of them: each row once, and no sum beyond ±2^53.
    pub(super) fn add(&mut self, rows: Vec<v1::QueryRow>) -> Result<(), RelayError> {
        let mut added = BTreeMap::new();
        for row in rows {
            let key = (row.unit.clone(), row.words.clone(), row.period.clone());
            let row = match self.rows.get(&key) {
                Some(there) => sum(there, row)?,
                None => row,
            };
            if added.insert(key, row).is_some() {
                return Err(RelayError::Malformed("it has a row twice".to_owned()));
            }
        }
        for (key, row) in added {
            let figures = figures_in(&row);
            if self.rows.insert(key, row).is_none() {
                self.figures += figures;
            }
        }
        if self.figures > FIGURES_KEPT_MAX { Err(RelayError::TooMuch(FIGURES_KEPT_MAX)) } else { Ok(()) }
    }

    /// In the order of a column's totals, or of units and words; only the first so many
    /// units and words (0: all).
    pub(super) fn ordered(self, sums: &Sums, order: Option<Order>, limit: u32) -> Ordered {
        let mut groups: Vec<(Total, Vec<v1::QueryRow>)> = Vec::new();
        for row in self.rows.into_values() {
            let same = |last: &v1::QueryRow| last.unit == row.unit && last.words == row.words;
            match groups.last_mut().filter(|(_, rows)| rows.last().is_some_and(same)) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((sums.nothing(), vec![row])),
            }
        }
        groups.retain(|(_, rows)| rows.iter().any(|row| row.words.is_empty()) || !rows.iter().all(is_nothing));
        for (total, rows) in &mut groups {
            sums.add_all(total, rows);
        }
        if let Some(Order { column, descending }) = order {
            // Stable: equal ones stay in the order of codes.
            groups.sort_by(|(a, _), (b, _)| by_value(a.figures.get(column), b.figures.get(column), descending));
        }
        let shown = if limit == 0 { groups.len() } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        let mut ordered = Ordered { rows: Vec::new(), totals: sums.nothing(), rest: sums.nothing(), left_out: 0 };
        for (at, (_, rows)) in groups.into_iter().enumerate() {
            let total = if at < shown { &mut ordered.totals } else { &mut ordered.rest };
            sums.add_all(total, &rows);
            if at < shown { ordered.rows.extend(rows) } else { ordered.left_out += 1 }
        }
        ordered
    }
}

/// A figure without the sums that are values at a date.
fn without(figure: &v1::Figure, (numerator, denominator): (bool, bool)) -> v1::Figure {
    let kept = if numerator { 0 } else { figure.numerator() };
    match figure.denominator() {
        None => v1::Figure::amount(kept),
        Some(under) => v1::Figure::ratio(kept, if denominator { 0 } else { under }),
    }
}

/// The sum of two rows of the same unit, words and period.
fn sum(there: &v1::QueryRow, more: v1::QueryRow) -> Result<v1::QueryRow, RelayError> {
    let add = |a: &[v1::Figure], b: &[v1::Figure]| -> Result<Vec<v1::Figure>, RelayError> {
        let sums: Vec<v1::Figure> = a.iter().zip(b).map(|(a, b)| a.plus(b)).collect();
        let within = |amount: i64| amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs();
        if sums.iter().all(|sum| within(sum.numerator()) && within(sum.denominator().unwrap_or(0))) {
            return Ok(sums);
        }
        Err(RelayError::Malformed(format!("with it a sum would lie beyond ±{AMOUNT_MAX}")))
    };
    let compared = there
        .comparisons
        .iter()
        .zip(&more.comparisons)
        .map(|(a, b)| Ok(v1::Comparison { period: a.period.clone(), figures: add(&a.figures, &b.figures)? }));
    let comparisons = compared.collect::<Result<Vec<_>, RelayError>>()?;
    Ok(v1::QueryRow { figures: add(&there.figures, &more.figures)?, comparisons, ..more })
}

/// As local answers compare: by amount or exact ratio, what has no value last.
fn by_value(a: Option<&v1::Figure>, b: Option<&v1::Figure>, descending: bool) -> Ordering {
    let value = |figure: Option<&v1::Figure>| {
        let figure = figure?;
        Some(Value { numerator: figure.numerator(), denominator: figure.denominator().unwrap_or(0) })
    };
    let is_ratio = a.is_some_and(|figure| figure.denominator().is_some());
    value(a).unwrap_or_default().compare(value(b).unwrap_or_default(), is_ratio, descending)
}
