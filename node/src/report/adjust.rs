//! Adjustments 调整: figures that have changed since a report of just this scope and time was
//! issued. A report stays as it was; what changed is told beside later answers.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use wuji_proto::stored::{ReportHead, ReportedFigure};
use wuji_proto::{DivisionCode, ReportId, v1};

use crate::index::{Index, IndexError, keys, values};

/// Reports of one scope and time whose adjustments are told: the newest.
pub const ADJUSTED_REPORTS_MAX: usize = 8;

/// The figures of issued reports that differ from the scope's own totals now, a figure a
/// column; of the newest report first. `from` and `to` are days since 1900-01-01, inclusive.
/// Only for questions without filters: a filtered total is no figure of a report's.
pub fn adjustments(
    index: &dyn Index,
    scope: DivisionCode,
    (from, to): (i32, i32),
    columns: &[v1::Column],
    own: &[v1::Figure],
) -> Result<Vec<v1::Adjustment>, IndexError> {
    let prefix = keys::reports_of(scope, from, to);
    let mut newest = VecDeque::with_capacity(ADJUSTED_REPORTS_MAX);
    index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, _| {
        if let Some(id) = keys::parse_report(key) {
            if newest.len() == ADJUSTED_REPORTS_MAX {
                newest.pop_front();
            }
            newest.push_back(id);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut adjustments = Vec::new();
    for id in newest.into_iter().rev() {
        if let Some(bytes) = index.get(&keys::report(id))? {
            let head = values::decode("a report", &bytes)?;
            adjustments.extend(changed(id, &head, columns, own));
        }
    }
    Ok(adjustments)
}

fn changed(id: ReportId, head: &ReportHead, columns: &[v1::Column], own: &[v1::Figure]) -> Vec<v1::Adjustment> {
    let mut changed = Vec::new();
    for (column, now) in columns.iter().zip(own) {
        let is_it = |it: &&ReportedFigure| it.column == column.id && it.revision == column.revision;
        let Some(issued) = head.figures.iter().find(is_it).map(figure) else { continue };
        if issued != *now {
            changed.push(v1::Adjustment {
                report: id.to_string(),
                issued_at_ms: head.at_ms,
                column: column.id.clone(),
                issued: Some(issued),
                now: Some(*now),
            });
        }
    }
    changed
}

fn figure(issued: &ReportedFigure) -> v1::Figure {
    match issued.denominator {
        None => v1::Figure::amount(issued.numerator),
        Some(denominator) => v1::Figure::ratio(issued.numerator, denominator),
    }
}
