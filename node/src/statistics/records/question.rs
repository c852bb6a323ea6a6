//! A question to records, checked against the catalogue's rules and ceilings.

use wuji_proto::{DivisionCode, Tier, v1};

use crate::catalogue::{Catalogue, Field, FieldKind, Ledger, Measure, Split};
use crate::index::memory::MemoryIndex;
use crate::statistics::Figures;
use crate::statistics::answer::QueryError;
use crate::statistics::directory::Directory;
use crate::statistics::memory::Memory;
use crate::statistics::plan::{Column, FIELDS_MAX, FILTER_WORDS_MAX, FILTERS_MAX, Order, Plan, PlanError, Term};
use crate::statistics::reporting::Window;

/// Whose records are asked, and when.
#[derive(Clone, Copy, Debug)]
pub struct Of {
    /// The unit that wrote them.
    pub unit: DivisionCode,
    /// Its civil date, days since 1900-01-01.
    pub today: i32,
}

/// Only what has one of these words in each of these fields.
pub(super) type Only<'q> = Vec<(&'q str, &'q [String])>;

/// A checked question.
pub(super) struct Question<'q> {
    pub(super) catalogue: &'q Catalogue,
    /// The question without division and filters: columns, periods and comparisons.
    pub(super) plan: Plan<'q>,
    /// What rows are divided by.
    pub(super) fields: Vec<&'q str>,
    pub(super) only: Only<'q>,
}

fn refused(text: impl Into<String>) -> PlanError {
    PlanError::Question(text.into())
}

impl<'q> Question<'q> {
    pub(super) fn read(
        request: &'q v1::QueryRequest,
        catalogue: &'q Catalogue,
        of: Of,
        asker: Tier,
    ) -> Result<Self, QueryError> {
        let fields: Vec<&str> = fields(request).collect();
        let only: Only<'_> = request.r#where.iter().map(|one| (one.field.as_str(), one.words.as_slice())).collect();
        if fields.len() > FIELDS_MAX || only.len() > FILTERS_MAX {
            return Err(refused(format!("divide by at most {FIELDS_MAX} fields, and filter by {FILTERS_MAX}")).into());
        }
        if only.iter().any(|(_, words)| words.is_empty() || words.len() > FILTER_WORDS_MAX) {
            return Err(refused(format!("name 1 to {FILTER_WORDS_MAX} words of each field to filter by")).into());
        }
        let question = Self { catalogue, plan: undivided(request, catalogue, of)?, fields, only };
        question.plan.terms().try_for_each(|term| question.allow(term.measure, asker))?;
        Ok(question)
    }

    /// Figures of one row and its comparisons.
    pub(super) fn figures_each(&self) -> usize {
        self.plan.columns.len() * (1 + self.plan.against.len())
    }

    /// Whether the records of a measure may be told apart by the fields asked for.
    fn allow(&self, measure: &Measure, asker: Tier) -> Result<(), PlanError> {
        let wanted = || self.fields.iter().copied().chain(self.only.iter().map(|(field, _)| *field));
        if !measure.is_of_records() {
            let by = wanted().collect::<Vec<_>>().join(" × ");
            let why = "is not counted record by record";
            return Err(refused(format!("{} cannot be divided or filtered by {by}: it {why}", measure.id())));
        }
        wanted().try_for_each(|field| self.allow_field(measure, field, asker))
    }

    fn allow_field(&self, measure: &Measure, name: &str, asker: Tier) -> Result<(), PlanError> {
        let ledger = measure.ledger();
        let fields = self.catalogue.ledger(ledger).map(Ledger::fields).unwrap_or_default();
        let Some(field) = fields.iter().find(|field| field.name() == name) else {
            let codes: Vec<&str> = fields.iter().filter(|field| divides(field, asker)).map(Field::name).collect();
            let advice = codes.join(", ");
            return Err(refused(format!(
                "{} cannot be divided by {name}: ledger {ledger} has no such field; use one of {advice}",
                measure.id()
            )));
        };
        let why = match () {
            () if !matches!(field.kind(), FieldKind::Code { .. }) => {
                format!("it is of type {}, and only code fields divide", field.kind().name())
            }
            () if field.class() > 0 => format!("it is personal information of class {}", field.class()),
            () if !field.may_be_seen_by(asker) => format!("its ceiling is {}, and a {asker} asks", field.ceiling()),
            () => return Ok(()),
        };
        Err(refused(format!("{} cannot be divided by {name} of ledger {ledger}: {why}", measure.id())))
    }
}

/// Whether somebody of a tier may divide by a field.
fn divides(field: &Field, asker: Tier) -> bool {
    matches!(field.kind(), FieldKind::Code { .. }) && field.class() == 0 && field.may_be_seen_by(asker)
}

/// What an indicator's definition leaves of a measure, by the names of fields.
pub(super) fn only_of<'t>(term: &'t Term<'_>) -> Only<'t> {
    let fields = term.measure.split(term.pick.split).map(Split::fields).unwrap_or_default();
    let named = |(place, words): &'t (usize, Vec<String>)| Some((fields.get(*place)?.as_str(), words.as_slice()));
    term.pick.only.iter().filter_map(named).collect()
}

/// The question about the node's scope as a whole: what every node can plan.
fn undivided<'q>(request: &v1::QueryRequest, catalogue: &'q Catalogue, of: Of) -> Result<Plan<'q>, QueryError> {
    let undivided = v1::QueryRequest { scope: String::new(), by: Vec::new(), r#where: Vec::new(), ..request.clone() };
    planned(&undivided, catalogue, of)
}

/// Plans without a view: every measure in the revision that is named, or else in its newest.
fn planned<'q>(request: &v1::QueryRequest, catalogue: &'q Catalogue, of: Of) -> Result<Plan<'q>, QueryError> {
    let (index, memory) = (MemoryIndex::default(), Memory::default());
    let figures = Figures { index: &index, memory: &memory, own: of.unit };
    Plan::check(request, &figures, &Directory::default(), catalogue, of.today)
}

/// The fields that a question divides by; the other words of `by` are of units.
pub fn fields(request: &v1::QueryRequest) -> impl Iterator<Item = &str> {
    let of_units = |word: &&str| *word == "unit" || word.parse::<Tier>().is_ok();
    request.by.iter().map(String::as_str).filter(move |word| !of_units(word))
}

/// What every answer to a question looks like, whoever gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Labels of the rows' periods, in order; one empty label where there is no grain.
    pub periods: Vec<String>,
    /// The times in which these look for reports.
    pub windows: Vec<Window>,
    /// Days are needed: whole months do not do.
    pub needs_days: bool,
    /// Of each column, whether numerator and denominator are values at a date.
    pub at_date: Vec<(bool, bool)>,
    /// `None`: in the order of codes and words.
    pub order: Option<Order>,
}

impl Shape {
    /// Of the answer to a question; whether records could give it is not asked.
    pub fn read(request: &v1::QueryRequest, catalogue: &Catalogue, of: Of) -> Result<Self, QueryError> {
        let plan = undivided(request, catalogue, of)?;
        Ok(Self {
            periods: labels(&plan),
            windows: plan.periods.iter().copied().map(Window::from).collect(),
            needs_days: plan.needs_days(),
            at_date: plan.columns.iter().map(Column::at_date).collect(),
            order: plan.order,
        })
    }
}

/// How the periods of rows are called.
pub(super) fn labels(plan: &Plan<'_>) -> Vec<String> {
    plan.periods.iter().map(|span| plan.grain.map(|_| span.label()).unwrap_or_default()).collect()
}

/// Whether every measure has a stored split with all fields that the question divides and
/// filters by: then cells answer it, and records need not.
pub fn is_stored(request: &v1::QueryRequest, catalogue: &Catalogue, of: Of) -> bool {
    let cells = v1::QueryRequest { scope: String::new(), ..request.clone() };
    planned(&cells, catalogue, of).is_ok()
}

/// An indicator of the question over a measure of which the catalogue lists several revisions.
/// Each unit would choose one for itself, and no total mixes two.
pub fn ambiguous<'c>(request: &v1::QueryRequest, catalogue: &'c Catalogue) -> Option<&'c str> {
    let several = |id: &str| catalogue.measures().iter().filter(|measure| measure.id() == id).count() > 1;
    let indicators = request.measures.iter().filter_map(|id| catalogue.indicator(id));
    let mut terms = indicators.flat_map(|indicator| indicator.numerator().iter().chain(indicator.denominator()));
    terms.find(|term| several(&term.measure)).map(|term| term.measure.as_str())
}
