//! Whether an answer is what the oracle says, and if not, where they differ.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use wuji_node::statistics::answer::QueryError;
use wuji_node::statistics::plan::PlanError;
use wuji_proto::v1;

use super::expected::{Expected, Figure, Line, Refused, Table, is_zero};
use super::question::Question;

/// An answer, its rows taken.
#[derive(Clone, Debug)]
pub struct Answered {
    pub relayed: bool,
    pub rows: Vec<v1::QueryRow>,
    pub end: v1::QueryEnd,
}

/// Compares an answer with what was expected; the difference in words.
pub fn compare(
    question: &Question,
    answer: &Result<Answered, QueryError>,
    expected: &Result<Expected, Refused>,
) -> Result<(), String> {
    match (answer, expected) {
        (Ok(answer), Ok(expected)) => whole(question, answer, expected),
        (Err(QueryError::Plan(_)), Err(Refused::Undivided))
        | (Err(QueryError::Plan(PlanError::NotHeld(_))), Err(Refused::NotHeld)) => Ok(()),
        (Err(error), Err(refused)) => Err(format!("refused with {error:?}, not for {refused:?}")),
        (Err(error), Ok(_)) => Err(format!("refused: {error}")),
        (Ok(_), Err(refused)) => Err(format!("answered, and it was to be refused for {refused:?}")),
    }
}

/// Compares an answer that is given.
pub fn whole(question: &Question, answer: &Answered, expected: &Expected) -> Result<(), String> {
    let (order, shown) = rows(question, answer, expected)?;
    let tables = question.compare.iter().map(|shift| shift.name()).chain([""]);
    let all = tables.flat_map(|shift| expected.tables[shift].keys()).chain(&expected.certain);
    let hidden: BTreeSet<&Line> = all.filter(|line| !order.contains(line)).collect();
    for (shift, table) in &shown {
        lines(table, &expected.tables[shift])?;
    }
    left_out(question, answer, expected, &order, &hidden)?;
    in_order(question, expected, &order, &hidden)?;
    same("totals", &figures(&answer.end.totals), &expected.total("", &order))?;
    same("totals compared", &answer.end.comparisons.len(), &question.compare.len())?;
    for (shift, comparison) in question.compare.iter().zip(&answer.end.comparisons) {
        same("totals compared", &figures(&comparison.figures), &expected.total(shift.name(), &order))?;
    }
    same("in transit", &figures(&answer.end.in_transit), &expected.in_transit)?;
    let told = answer.end.coverage.clone().unwrap_or_default();
    expected.coverage.compare(&told, question.named)?;
    let unreached: BTreeSet<String> = told.unreached.iter().map(|unit| unit.code.clone()).collect();
    same("unreached", &unreached, &expected.unreached)?;
    super::reports::compare(&answer.end.adjustments, &expected.adjusted)
}

/// The rows as tables by shift, and their lines in order; every line has all periods,
/// labelled.
fn rows(
    question: &Question,
    answer: &Answered,
    expected: &Expected,
) -> Result<(Vec<Line>, BTreeMap<&'static str, Table>), String> {
    let mut order: Vec<Line> = Vec::new();
    let mut tables: BTreeMap<&'static str, Table> = [("", Table::new())].into();
    for row in &answer.rows {
        let line = (named(question, expected, &row.unit), row.words.clone());
        if order.last() != Some(&line) {
            same("a line is there twice", &order.contains(&line), &false)?;
            order.push(line.clone());
        }
        let n = tables[""].get(&line).map_or(0, Vec::len);
        reporting(row, &line.0, n, expected)?;
        let mut take = |shift: &'static str, label: &str, shown: &[v1::Figure]| {
            tables.entry(shift).or_default().entry(line.clone()).or_default().push(figures(shown));
            let wanted = expected.labels[shift].get(n).map(String::as_str);
            same(&format!("period {n} {shift} of {line:?}"), &Some(label), &wanted)
        };
        take("", &row.period, &row.figures)?;
        same("comparisons of a row", &row.comparisons.len(), &question.compare.len())?;
        for (shift, comparison) in question.compare.iter().zip(&row.comparisons) {
            take(shift.name(), &comparison.period, &comparison.figures)?;
        }
    }
    let periods = expected.labels[""].len();
    let short = tables[""].iter().find(|(_, rows)| rows.len() != periods);
    short.map_or(Ok((order, tables.clone())), |(line, _)| Err(format!("{line:?} has not {periods} periods")))
}

/// Rows of whole units say who has reported.
fn reporting(row: &v1::QueryRow, line: &str, n: usize, expected: &Expected) -> Result<(), String> {
    let of_whole = !row.unit.is_empty() && line == row.unit;
    let wanted = of_whole.then(|| {
        let counts = expected.reporting.get(&(row.unit.clone(), n)).copied().unwrap_or_default();
        v1::Reporting { expected: counts.expected, reported: counts.reported }
    });
    same(&format!("reporting {n} of {line}"), &row.reporting, &wanted)
}

/// The unit of a row; of a unit's own entries: `of CODE`.
fn named(question: &Question, expected: &Expected, unit: &str) -> String {
    match unit {
        "" => question.scope.clone(),
        unit if expected.between.iter().any(|between| between == unit) => format!("of {unit}"),
        unit => unit.to_owned(),
    }
}

fn lines(shown: &Table, wanted: &Table) -> Result<(), String> {
    for (line, shown) in shown {
        match wanted.get(line) {
            Some(wanted) => same(&format!("figures of {line:?}"), shown, wanted)?,
            None if is_zero(shown) => {}
            None => return Err(format!("row {line:?}: shown {shown:?}, and there is none")),
        }
    }
    Ok(())
}

/// What is not shown is what the limit left out.
fn left_out(
    question: &Question,
    answer: &Answered,
    expected: &Expected,
    order: &[Line],
    hidden: &BTreeSet<&Line>,
) -> Result<(), String> {
    let limit = usize::try_from(question.limit).unwrap();
    let count = usize::try_from(answer.end.left_out).unwrap();
    let table = |shift: &str, line: &Line| expected.tables[shift].get(line).is_none_or(|row| is_zero(row));
    let matters = |line: &&&Line| {
        let compared = || question.compare.iter().all(|shift| table(shift.name(), line));
        expected.certain.contains(line) || !(table("", line) && compared())
    };
    let least = hidden.iter().filter(matters).count();
    if count < least || (count > 0 && order.len() != limit) {
        return Err(format!(
            "{count} rows are left out by {limit}, {} shown, and {least} are to be: {hidden:?}",
            order.len()
        ));
    }
    let rest = if count > 0 { expected.total("", hidden.iter().copied()) } else { Vec::new() };
    same("rest", &figures(&answer.end.rest), &rest)
}

/// Lines are in the order asked for, and those left out would come later.
fn in_order(question: &Question, expected: &Expected, order: &[Line], hidden: &BTreeSet<&Line>) -> Result<(), String> {
    let code = |line: &Line| (line.0.trim_start_matches("of ").to_owned(), line.1.clone());
    let column = question.columns.iter().position(|column| *column == question.order_by);
    let compare = |a: &Line, b: &Line| {
        let value = |line| column.map(|column| expected.total("", [line])[column]);
        let by_value = value(a).zip(value(b)).map(|(a, b)| by_value(a, b, question.descending));
        by_value.unwrap_or(Ordering::Equal).then_with(|| code(a).cmp(&code(b)))
    };
    let sorted = expected.strung || order.is_sorted_by(|a, b| compare(a, b).is_lt());
    let last = order.last().filter(|_| question.limit > 0);
    let before =
        last.and_then(|last| hidden.iter().find(|line| certain(expected, line) && compare(line, last).is_lt()));
    match (sorted, before) {
        (true, None) => Ok(()),
        (false, _) => Err(format!("rows are not in order: {order:?}")),
        (true, Some(line)) => Err(format!("{line:?} was left out and comes before {:?}", order.last())),
    }
}

/// Whether a line must be there: others have nothing but zeros.
fn certain(expected: &Expected, line: &Line) -> bool {
    expected.certain.contains(line) || expected.tables[""].get(line).is_some_and(|row| !is_zero(row))
}

/// Ratios as such; those without a value come last in either direction.
pub fn by_value(a: Figure, b: Figure, descending: bool) -> Ordering {
    let value = |figure: Figure| (i128::from(figure.0), i128::from(figure.1.unwrap_or(1)));
    let ((a, a_below), (b, b_below)) = (value(a), value(b));
    if a_below == 0 || b_below == 0 {
        return (a_below == 0).cmp(&(b_below == 0));
    }
    let order = (a * b_below).cmp(&(b * a_below));
    if descending { order.reverse() } else { order }
}

pub fn figures(shown: &[v1::Figure]) -> Vec<Figure> {
    shown.iter().map(|figure| (figure.numerator(), figure.denominator())).collect()
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, shown: &T, wanted: &T) -> Result<(), String> {
    if shown == wanted { Ok(()) } else { Err(format!("{what}: shown {shown:?}, wanted {wanted:?}")) }
}
