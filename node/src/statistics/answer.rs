//! The answer to a question: rows, totals and coverage, all from one view.

use std::sync::Arc;

use thiserror::Error;
use wuji_proto::v1;

use super::Figures;
use super::coverage::coverage;
use super::directory::Directory;
use super::plan::{Column, Plan, PlanError, Subject, Units};
use super::reporting::Reporting;
use super::rows::Rows;
use super::spans::Span;
use super::standing::{self, Standings};
use super::table::{self, Row, Shape, Value};
use crate::catalogue::Catalogue;
use crate::index::IndexError;
use crate::report::adjustments;
use crate::time::civil_date;

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

/// What a question is answered by, beside the view.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// What the measures mean.
    pub catalogue: &'a Catalogue,
    /// The node's time, milliseconds since 1970.
    pub now_ms: i64,
    /// How the units below stand.
    pub standings: &'a dyn Standings,
}

impl Asked<'_> {
    /// The node's civil date (UTC+8), days since 1900-01-01.
    pub fn today(&self) -> i32 {
        wuji_proto::period::days(civil_date(self.now_ms))
    }
}

/// A complete answer. Its rows are made as they are taken.
#[derive(Debug)]
pub struct Answer {
    /// What was asked.
    pub head: v1::QueryHead,
    /// Totals and coverage.
    pub end: v1::QueryEnd,
    rows: Vec<Row>,
    labels: Labels,
}

/// What turns packed figures into rows as they are sent.
#[derive(Debug)]
struct Labels {
    shape: Shape,
    periods: Vec<String>,
    /// By period, one a comparison.
    compared: Vec<Vec<String>>,
    ratios: Vec<bool>,
    /// Set where rows are by unit.
    names: Option<Arc<Directory>>,
}

/// Answers a question from one view.
pub fn answer(request: &v1::QueryRequest, figures: &Figures<'_>, asked: &Asked<'_>) -> Result<Answer, QueryError> {
    let directory = figures.memory.directory(figures.index)?;
    let plan = Plan::check(request, figures, &directory, asked.catalogue, asked.today())?;
    let reporting = Reporting::held(plan.needs_days(), figures)?;
    let rows = Rows::new(&plan, figures, &directory, &reporting);
    let (shown, left_out) = table::arrange(rows.all()?, &plan);
    let shape = Shape::of(&plan);
    let (totals, rest) = (shape.totals(&shown, &plan), shape.totals(&left_out, &plan));
    let all: Vec<Value> = first(&totals).iter().zip(first(&rest)).map(|(shown, rest)| shown.plus(*rest)).collect();
    let of_scope =
        if plan.units == Units::Scope { all.clone() } else { first(&shape.totals(&rows.of_scope()?, &plan)).to_vec() };
    let in_transit: Vec<Value> = of_scope.iter().zip(&all).map(|(own, rows)| own.minus(*rows)).collect();
    let stand = standing::stand(figures, &directory, plan.scope, asked.now_ms, asked.standings)?;
    let labels = Labels::of(&plan, &directory);
    let head = head(request, &plan, &directory, asked.catalogue);
    // A filtered total is no figure of a report's.
    let adjustments = match request.r#where.as_slice() {
        [] => {
            let time = (plan.span.first, plan.span.last);
            adjustments(figures.index, plan.scope, time, &head.columns, &labels.figures(&of_scope))?
        }
        _ => Vec::new(),
    };
    let end = v1::QueryEnd {
        comparisons: labels.comparisons(&plan, totals.get(1..).unwrap_or_default()),
        totals: labels.figures(first(&totals)),
        in_transit: labels.figures(&in_transit),
        coverage: Some(coverage(request, &plan, figures, &directory, &reporting, &stand)?),
        rest: if left_out.is_empty() { Vec::new() } else { labels.figures(first(&rest)) },
        left_out: left_out.len() as u64,
        adjustments,
    };
    Ok(Answer { head, end, rows: shown, labels })
}

impl Answer {
    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = v1::QueryRow> {
        self.rows.iter().flat_map(|row| self.labels.rows(row))
    }

    /// Head, rows and end, as they are sent.
    pub fn into_parts(self) -> impl Iterator<Item = v1::query_reply::Part> + Send {
        use v1::query_reply::Part;
        let Self { head, end, rows, labels } = self;
        let rows = rows.into_iter().flat_map(move |row| labels.rows(&row).map(Part::Row).collect::<Vec<_>>());
        std::iter::once(Part::Head(head)).chain(rows).chain(std::iter::once(Part::End(end)))
    }
}

impl Labels {
    fn of(plan: &Plan<'_>, directory: &Arc<Directory>) -> Self {
        let period = |span: &Span| plan.grain.map(|_| span.label()).unwrap_or_default();
        Self {
            shape: Shape::of(plan),
            periods: plan.periods.iter().map(period).collect(),
            compared: plan.times.iter().map(|times| times.iter().skip(1).map(|span| span.label()).collect()).collect(),
            ratios: plan.columns.iter().map(Column::is_ratio).collect(),
            names: (plan.units != Units::Scope).then(|| Arc::clone(directory)),
        }
    }

    fn figures(&self, values: &[Value]) -> Vec<v1::Figure> {
        values.iter().zip(&self.ratios).map(|(value, is_ratio)| value.figure(*is_ratio)).collect()
    }

    /// Of totals; they are of the whole time.
    fn comparisons(&self, plan: &Plan<'_>, totals: &[Vec<Value>]) -> Vec<v1::Comparison> {
        let compared = plan.against.iter().map(|against| match plan.grain {
            None => plan.span.compared(*against, None).label(),
            // The rows' own, one after the other.
            Some(_) => String::new(),
        });
        let comparison =
            |(period, values): (String, &Vec<Value>)| v1::Comparison { period, figures: self.figures(values) };
        compared.zip(totals).map(comparison).collect()
    }

    fn rows<'l>(&'l self, row: &'l Row) -> impl Iterator<Item = v1::QueryRow> + 'l {
        let Shape { times, columns, .. } = self.shape;
        let periods = row.values.chunks(times.saturating_mul(columns).max(1)).enumerate();
        periods.map(move |(place, values)| {
            let mut times = values.chunks(columns.max(1));
            let figures = times.next().map(|values| self.figures(values)).unwrap_or_default();
            let compared = self.compared.get(place).map(Vec::as_slice).unwrap_or_default();
            let comparison = |(period, values): (&String, &[Value])| v1::Comparison {
                period: period.clone(),
                figures: self.figures(values),
            };
            v1::QueryRow {
                period: self.periods.get(place).cloned().unwrap_or_default(),
                unit: self.names.as_ref().map(|_| row.unit.to_string()).unwrap_or_default(),
                unit_name: self.names.as_ref().map(|names| names.name(row.unit)).unwrap_or_default(),
                words: row.words.clone(),
                figures,
                comparisons: compared.iter().zip(times).map(comparison).collect(),
                reporting: row.reporting.as_ref().and_then(|periods| periods.get(place)).copied(),
            }
        })
    }
}

/// The question's own times, of totals.
fn first(totals: &[Vec<Value>]) -> &[Value] {
    totals.first().map(Vec::as_slice).unwrap_or_default()
}

fn head(request: &v1::QueryRequest, plan: &Plan<'_>, directory: &Directory, catalogue: &Catalogue) -> v1::QueryHead {
    let date = |day| wuji_proto::period::date(day).to_string();
    v1::QueryHead {
        scope: plan.scope.to_string(),
        scope_name: directory.name(plan.scope),
        from: date(plan.span.first),
        to: date(plan.span.last),
        grain: request.grain.clone(),
        by: request.by.clone(),
        columns: plan.columns.iter().map(column).collect(),
        catalogue_version: catalogue.version().to_owned(),
        compare: plan.against.iter().map(|against| against.name().to_owned()).collect(),
        relayed: false,
    }
}

/// What a column is called and counts.
pub(super) fn column(column: &Column<'_>) -> v1::Column {
    match column.subject {
        Subject::Measure(measure) => v1::Column {
            id: measure.id().to_owned(),
            title_zh: measure.title().zh.clone(),
            title_en: measure.title().en.clone(),
            unit: measure.unit().to_owned(),
            kind: measure.kind().name().to_owned(),
            revision: measure.key().revision.into(),
        },
        Subject::Indicator(indicator) => v1::Column {
            id: indicator.id().to_owned(),
            title_zh: indicator.title().zh.clone(),
            title_en: indicator.title().en.clone(),
            unit: "ratio".to_owned(),
            kind: "indicator".to_owned(),
            revision: 0,
        },
    }
}
