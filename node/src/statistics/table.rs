//! The figures of an answer, packed: rows are made of them one by one as they are sent.

use std::cmp::Ordering;
use std::sync::Arc;

use wuji_proto::{DivisionCode, v1};

use super::plan::{Order, Plan};

/// A measure's amount, or an indicator's two sums. Which it is, its column knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The amount, or the numerator.
    pub numerator: i64,
    /// 0 of a measure.
    pub denominator: i64,
}

impl Value {
    /// Both sums added.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            numerator: self.numerator.saturating_add(other.numerator),
            denominator: self.denominator.saturating_add(other.denominator),
        }
    }

    /// Both sums subtracted.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            numerator: self.numerator.saturating_sub(other.numerator),
            denominator: self.denominator.saturating_sub(other.denominator),
        }
    }

    /// Without the sums that are values at a date: those of different dates are not added up.
    const fn but(self, (numerator, denominator): (bool, bool)) -> Self {
        Self {
            numerator: if numerator { 0 } else { self.numerator },
            denominator: if denominator { 0 } else { self.denominator },
        }
    }

    /// As it is sent.
    pub const fn figure(self, is_ratio: bool) -> v1::Figure {
        if is_ratio { v1::Figure::ratio(self.numerator, self.denominator) } else { v1::Figure::amount(self.numerator) }
    }

    /// By amount, or by exact ratio; what has no value comes last in both directions.
    pub fn compare(self, other: Self, is_ratio: bool, descending: bool) -> Ordering {
        if !is_ratio {
            let order = self.numerator.cmp(&other.numerator);
            return if descending { order.reverse() } else { order };
        }
        match (self.denominator == 0, other.denominator == 0) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                // a/b < c/d where ad < cb, for denominators of one sign.
                let sign = i128::from(self.denominator.signum()) * i128::from(other.denominator.signum());
                let left = i128::from(self.numerator) * i128::from(other.denominator) * sign;
                let right = i128::from(other.numerator) * i128::from(self.denominator) * sign;
                let order = left.cmp(&right);
                if descending { order.reverse() } else { order }
            }
        }
    }
}

/// A row's figures of all periods, and what they are compared with.
///
/// Laid out by period, then the period itself and its comparisons, then by column.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose figures they are.
    pub unit: DivisionCode,
    /// One word a field.
    pub words: Vec<String>,
    /// periods × (1 + comparisons) × columns.
    pub values: Box<[Value]>,
    /// By period, where rows are by unit.
    pub reporting: Option<Arc<[v1::Reporting]>>,
}

impl Row {
    /// Whether there is nothing in it.
    pub fn is_zero(&self) -> bool {
        self.values.iter().all(|value| *value == Value::default())
    }

    /// This row less another of the same question.
    pub fn subtract(&mut self, other: &Self) {
        for (value, other) in self.values.iter_mut().zip(&other.values) {
            *value = value.minus(*other);
        }
    }
}

/// How values lie in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Periods.
    pub periods: usize,
    /// 1 and the comparisons.
    pub times: usize,
    /// Columns.
    pub columns: usize,
}

impl Shape {
    /// Of the rows of a question.
    pub fn of(plan: &Plan<'_>) -> Self {
        Self { periods: plan.periods.len(), times: 1 + plan.against.len(), columns: plan.columns.len() }
    }

    /// Values in a row.
    pub const fn row(self) -> usize {
        self.periods.saturating_mul(self.times).saturating_mul(self.columns)
    }

    /// The totals over all periods: the period's own and the comparisons', by column.
    pub fn totals<'r>(self, rows: impl IntoIterator<Item = &'r Row>, plan: &Plan<'_>) -> Vec<Vec<Value>> {
        let mut totals = vec![vec![Value::default(); self.columns]; self.times];
        let at_date: Vec<(bool, bool)> = plan.columns.iter().map(super::plan::Column::at_date).collect();
        for row in rows {
            for (place, period) in row.values.chunks(self.times.saturating_mul(self.columns).max(1)).enumerate() {
                let is_last = place + 1 == self.periods;
                for (total, values) in totals.iter_mut().zip(period.chunks(self.columns.max(1))) {
                    for ((total, value), at_date) in total.iter_mut().zip(values).zip(&at_date) {
                        *total = total.plus(if is_last { *value } else { value.but(*at_date) });
                    }
                }
            }
        }
        totals
    }
}

/// Puts rows in order and parts them: those shown, and those that the limit leaves out.
pub fn arrange(mut rows: Vec<Row>, plan: &Plan<'_>) -> (Vec<Row>, Vec<Row>) {
    let shape = Shape::of(plan);
    if let Some(Order { column, descending }) = plan.order {
        let is_ratio = plan.columns.get(column).is_some_and(super::plan::Column::is_ratio);
        let key = |row: &Row| {
            let totals = shape.totals([row], plan);
            totals.first().and_then(|totals| totals.get(column)).copied().unwrap_or_default()
        };
        let mut keyed: Vec<_> = rows.into_iter().map(|row| (key(&row), row)).collect();
        keyed.sort_by(|(a, left), (b, right)| {
            let by_code = || (left.unit, &left.words).cmp(&(right.unit, &right.words));
            a.compare(*b, is_ratio, descending).then_with(by_code)
        });
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    let rest = plan.limit.filter(|limit| *limit < rows.len()).map(|limit| rows.split_off(limit));
    (rows, rest.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_compared_exactly_and_those_without_a_value_come_last() {
        let value = |(numerator, denominator)| Value { numerator, denominator };
        let big = 1_i64 << 53;
        for (a, b, ascending) in [
            ((1, 3), (2, 6), Ordering::Equal),
            ((1, 3), (1, 2), Ordering::Less),
            ((big, big - 1), (big - 1, big - 2), Ordering::Less),
            ((-1, 2), (1, -3), Ordering::Less),
        ] {
            assert_eq!(value(a).compare(value(b), true, false), ascending, "{a:?} {b:?}");
            assert_eq!(value(a).compare(value(b), true, true), ascending.reverse(), "{a:?} {b:?}");
        }
        for descending in [false, true] {
            assert_eq!(value((5, 0)).compare(value((0, 9)), true, descending), Ordering::Greater);
        }
    }
}
