//! A question, checked: what is asked for, of which units, over which periods, and whether
//! this node holds it finely enough.

use thiserror::Error;
use wuji_proto::{DivisionCode, Grain, Period, Tier, v1};

use super::Figures;
use super::adoption::revision_for;
use super::answer::QueryError;
use super::directory::Directory;
use super::each_month;
use super::series::{self, Pick};
use super::spans::{Against, Span};
use crate::catalogue::{Catalogue, Indicator, IndicatorTerm, Measure, MeasureKind};
use crate::index::IndexError;

/// Columns of one answer at most.
pub const COLUMNS_MAX: usize = 64;
/// Periods of one answer at most.
pub const PERIODS_MAX: usize = 4_000;
/// Fields to divide by at most.
pub const FIELDS_MAX: usize = 4;
/// Fields to filter by, and words of one filter, at most.
pub const FILTERS_MAX: usize = 8;
/// Words of one filter at most.
pub const FILTER_WORDS_MAX: usize = 512;

/// Why a question cannot be answered here.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// It makes no sense; in words for who asked.
    #[error("{0}")]
    Question(String),
    /// This node has not got it; nodes below may.
    #[error("{0}")]
    NotHeld(String),
    /// There is no such unit in the node's subtree.
    #[error("{own} has no unit {scope} below it: `wuji tree` shows what there is")]
    NoUnit {
        /// The node that was asked.
        own: DivisionCode,
        /// The unit that was named.
        scope: DivisionCode,
    },
}

/// Which units the rows are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Units {
    /// The scope as a whole.
    Scope,
    /// The scope's children.
    Children,
    /// All units of a tier under the scope.
    Tier(Tier),
}

/// A sum of one measure's cells.
#[derive(Clone, Debug)]
pub struct Term<'c> {
    /// The measure.
    pub measure: &'c Measure,
    /// Which of its cells.
    pub pick: Pick,
    /// What of them makes a period's figure.
    pub over: Over,
}

/// How amounts make a figure of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A flow: the sum within the period.
    Period,
    /// A stock: everything up to the period's end.
    End,
    /// A stock's values at the ends of the period's months, added up; none of months that
    /// begin after this day.
    Months {
        /// Days since 1900-01-01.
        today: i32,
    },
}

/// What a column is called after.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'c> {
    /// A measure.
    Measure(&'c Measure),
    /// A ratio of sums.
    Indicator(&'c Indicator),
}

/// One figure of each row.
#[derive(Clone, Debug)]
pub struct Column<'c> {
    /// Its name.
    pub subject: Subject<'c>,
    /// What is added up.
    pub numerator: Vec<Term<'c>>,
    /// What that is divided by; none of a measure.
    pub denominator: Vec<Term<'c>>,
}

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By this column's total.
    pub column: usize,
    /// The largest first.
    pub descending: bool,
}

/// A checked question.
#[derive(Clone, Debug)]
pub struct Plan<'c> {
    /// The unit whose subtree is meant.
    pub scope: DivisionCode,
    /// The figures.
    pub columns: Vec<Column<'c>>,
    /// The whole time.
    pub span: Span,
    /// Rows by period; `None`: one for the whole time.
    pub grain: Option<Grain>,
    /// Every period of a row, in order; the whole time without a grain.
    pub periods: Vec<Span>,
    /// What each period is compared with, as asked.
    pub against: Vec<Against>,
    /// By period: the period itself, then what it is compared with.
    pub times: Vec<Vec<Span>>,
    /// Rows by these fields' words.
    pub fields: Vec<String>,
    /// Rows by unit.
    pub units: Units,
    /// `None`: in the order of codes and words.
    pub order: Option<Order>,
    /// Only the first so many units and words.
    pub limit: Option<usize>,
}

fn question(text: impl Into<String>) -> PlanError {
    PlanError::Question(text.into())
}

impl<'c> Plan<'c> {
    /// Checks a question put to a node. `today` is in days since 1900-01-01.
    pub fn check(
        request: &v1::QueryRequest,
        figures: &Figures<'_>,
        directory: &Directory,
        catalogue: &'c Catalogue,
        today: i32,
    ) -> Result<Self, QueryError> {
        let scope = scope(&request.scope, directory, figures.own)?;
        let (span, grain, periods) = times(request)?;
        let (fields, units) = by(&request.by)?;
        let filters = filters(&request.r#where)?;
        if request.measures.is_empty() || request.measures.len() > COLUMNS_MAX {
            return Err(question(format!("ask for 1 to {COLUMNS_MAX} measures or indicators")).into());
        }
        let measure = |id: &str| revision_for(figures.index, catalogue, directory, scope, id);
        let reader = Reader { catalogue, measure: &measure, fields: &fields, filters: &filters, today };
        let columns = request.measures.iter().map(|id| reader.column(id)).collect::<Result<Vec<_>, _>>()?;
        let order = order(request, &columns)?;
        let against = against(&request.compare)?;
        let compared = |period: Span| against.iter().map(move |against| period.compared(*against, grain));
        let times = periods.iter().map(|period| std::iter::once(*period).chain(compared(*period)).collect()).collect();
        Ok(Self {
            scope,
            columns,
            span,
            grain,
            periods,
            against,
            times,
            fields,
            units,
            order,
            limit: usize::try_from(request.limit).ok().filter(|limit| *limit > 0),
        })
    }

    /// The time from the first to the last day that any figure is of.
    pub fn reach(&self) -> Span {
        self.times
            .iter()
            .flatten()
            .fold(self.span, |reach, span| Span { first: reach.first.min(span.first), last: reach.last.max(span.last) })
    }

    /// Whether days are needed: units below the direct children are held by month.
    pub fn needs_days(&self) -> bool {
        self.grain.is_some_and(|grain| !grain.is_of_months()) || !self.span.is_of_months()
    }

    /// The terms of all columns.
    pub fn terms(&self) -> impl Iterator<Item = &Term<'c>> {
        self.columns.iter().flat_map(|column| column.numerator.iter().chain(&column.denominator))
    }
}

fn scope(text: &str, directory: &Directory, own: DivisionCode) -> Result<DivisionCode, PlanError> {
    if text.is_empty() {
        return Ok(own);
    }
    let scope: DivisionCode = text.parse().map_err(|error: wuji_proto::ParseError| question(error.to_string()))?;
    if scope == own || directory.get(scope).is_some() {
        return Ok(scope);
    }
    Err(PlanError::NoUnit { own, scope })
}

fn times(request: &v1::QueryRequest) -> Result<(Span, Option<Grain>, Vec<Span>), PlanError> {
    let read = |text: &str, name: &str| text.parse::<Period>().map_err(|error| question(format!("{name}: {error}")));
    let from = read(&request.from, "from")?;
    let to = if request.to.is_empty() { from } else { read(&request.to, "to")? };
    let span = Span { first: Span::of(from).first, last: Span::of(to).last };
    if span.first > span.last {
        return Err(question(format!("the time from {from} to {to} is empty: swap them")));
    }
    if request.grain.is_empty() {
        return Ok((span, None, vec![span]));
    }
    let grain: Grain = request.grain.parse().map_err(|error: wuji_proto::ParseError| question(error.to_string()))?;
    if usize::try_from((span.last - span.first) / grain.days_min()).unwrap_or(usize::MAX) > PERIODS_MAX {
        return Err(question(format!(
            "that is more than {PERIODS_MAX} periods: take a coarser grain or a shorter time"
        )));
    }
    let whole = || question(format!("{from} to {to} is not made of whole {grain}s: widen it or take a finer grain"));
    Ok((span, Some(grain), span.divided(grain).ok_or_else(whole)?))
}

fn by(by: &[String]) -> Result<(Vec<String>, Units), PlanError> {
    let (mut fields, mut units) = (Vec::new(), Units::Scope);
    for word in by {
        let tier = word.parse::<Tier>().ok();
        if word == "unit" || tier.is_some() {
            if units != Units::Scope {
                return Err(question("divide by units once: by \"unit\" or by one tier"));
            }
            units = tier.map_or(Units::Children, Units::Tier);
        } else if fields.contains(word) || fields.len() == FIELDS_MAX {
            return Err(question(format!("divide by at most {FIELDS_MAX} fields, each once")));
        } else {
            fields.push(word.clone());
        }
    }
    Ok((fields, units))
}

fn filters(given: &[v1::Filter]) -> Result<Vec<(String, Vec<String>)>, PlanError> {
    let mut filters: Vec<(String, Vec<String>)> = Vec::new();
    for v1::Filter { field, words } in given {
        if filters.len() == FILTERS_MAX || filters.iter().any(|(known, _)| known == field) {
            return Err(question(format!("filter by at most {FILTERS_MAX} fields, each once")));
        }
        if words.is_empty() || words.len() > FILTER_WORDS_MAX {
            return Err(question(format!("name 1 to {FILTER_WORDS_MAX} words of {field} to filter by")));
        }
        filters.push((field.clone(), words.clone()));
    }
    Ok(filters)
}

fn against(names: &[String]) -> Result<Vec<Against>, PlanError> {
    let mut all = Vec::new();
    for name in names {
        let against = Against::from_name(name).filter(|against| !all.contains(against));
        all.push(against.ok_or_else(|| question("compare with \"year-ago\" and \"previous\", each once"))?);
    }
    Ok(all)
}

fn order(request: &v1::QueryRequest, columns: &[Column<'_>]) -> Result<Option<Order>, PlanError> {
    if request.order_by.is_empty() {
        return Ok(None);
    }
    let column = columns.iter().position(|column| column.id() == request.order_by);
    let unknown = || question(format!("order by a column of the answer: {:?} is none", request.order_by));
    Ok(Some(Order { column: column.ok_or_else(unknown)?, descending: request.descending }))
}

/// Finds columns in the catalogue, divided and filtered as asked.
struct Reader<'c, 'r> {
    catalogue: &'c Catalogue,
    /// A measure in the revision to answer with.
    measure: &'r dyn Fn(&str) -> Result<Option<&'c Measure>, IndexError>,
    fields: &'r [String],
    filters: &'r [(String, Vec<String>)],
    today: i32,
}

impl<'c> Reader<'c, '_> {
    fn column(&self, id: &str) -> Result<Column<'c>, QueryError> {
        if let Some(measure) = (self.measure)(id)? {
            let numerator = vec![self.term(measure, &[], None)?];
            return Ok(Column { subject: Subject::Measure(measure), numerator, denominator: Vec::new() });
        }
        if let Some(indicator) = self.catalogue.indicator(id) {
            let terms =
                |terms: &[IndicatorTerm]| terms.iter().map(|part| self.indicator_term(part)).collect::<Result<_, _>>();
            let (numerator, denominator) = (terms(indicator.numerator())?, terms(indicator.denominator())?);
            return Ok(Column { subject: Subject::Indicator(indicator), numerator, denominator });
        }
        let measures = self.catalogue.measures().iter().map(Measure::id);
        let known = measures.chain(self.catalogue.indicators().iter().map(Indicator::id));
        let near = known.map(|known| (strsim::damerau_levenshtein(known, id), known)).min().map(|(_, known)| known);
        let advice = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
        Err(question(format!("there is no measure or indicator {id:?}{advice}")).into())
    }

    fn indicator_term(&self, part: &IndicatorTerm) -> Result<Term<'c>, QueryError> {
        let measure = (self.measure)(&part.measure)?;
        let measure = measure.ok_or_else(|| question(format!("there is no measure {:?}", part.measure)))?;
        Ok(self.term(measure, &part.words, part.each)?)
    }

    fn term(
        &self,
        measure: &'c Measure,
        words: &[(String, Vec<String>)],
        each: Option<Grain>,
    ) -> Result<Term<'c>, PlanError> {
        let only: Vec<_> = words.iter().chain(self.filters).collect();
        let wanted: Vec<&str> =
            self.fields.iter().chain(only.iter().map(|(field, _)| field)).map(String::as_str).collect();
        let split = measure.covering_split(&wanted).ok_or_else(|| self.undivided(measure, &wanted))?;
        let of_split = measure.split(split).map(crate::catalogue::Split::fields).unwrap_or_default();
        let place = |field: &str| of_split.iter().position(|own| own == field);
        let pick = Pick {
            measure: measure.key(),
            split,
            places: self.fields.iter().filter_map(|field| place(field)).collect(),
            only: only.into_iter().filter_map(|(field, words)| Some((place(field)?, words.clone()))).collect(),
        };
        let over = match (measure.kind(), each) {
            (MeasureKind::Flow, _) => Over::Period,
            (MeasureKind::Stock, None) => Over::End,
            (MeasureKind::Stock, Some(_)) => Over::Months { today: self.today },
        };
        Ok(Term { measure, pick, over })
    }

    /// The measure is not divided so in stored cells. Its records are, if they have the fields.
    fn undivided(&self, measure: &Measure, wanted: &[&str]) -> PlanError {
        let splits: Vec<String> = measure.splits().iter().map(|split| split.fields().join(" × ")).collect();
        let kept = if splits.is_empty() {
            "is not divided".to_owned()
        } else {
            format!("is divided by {}", splits.join("; "))
        };
        let text = format!("{} cannot be divided by {}: it {kept}", measure.id(), wanted.join(" × "));
        let ledger = self.catalogue.ledger(measure.ledger());
        let is_code = |name: &&str| {
            let field = ledger.and_then(|ledger| ledger.field(name));
            field.is_some_and(|field| !field.kind().words().is_empty())
        };
        if wanted.iter().all(is_code) { PlanError::NotHeld(text) } else { question(text) }
    }
}

impl Term<'_> {
    /// Whether its figure is made of everything from the first cell on.
    pub fn is_from_first(&self) -> bool {
        self.over != Over::Period
    }

    /// Whether its figure is a value at a date: such figures are not added up over time.
    fn is_at_date(&self) -> bool {
        self.over == Over::End
    }

    /// The figure of a time.
    pub fn figure(&self, series: &[(i32, i64)], span: Span) -> i64 {
        match self.over {
            Over::Period => series::figure(series, false, span),
            Over::End => series::figure(series, true, span),
            Over::Months { today } => each_month::figure(series, span, today),
        }
    }
}

impl Column<'_> {
    /// The measure's or the indicator's id.
    pub fn id(&self) -> &str {
        match self.subject {
            Subject::Measure(measure) => measure.id(),
            Subject::Indicator(indicator) => indicator.id(),
        }
    }

    /// Whether numerator and denominator are values at a date: over several periods the last
    /// one's counts, where flows are added up.
    pub fn at_date(&self) -> (bool, bool) {
        (self.numerator.iter().any(Term::is_at_date), self.denominator.iter().any(Term::is_at_date))
    }

    /// Whether it is divided by something.
    pub const fn is_ratio(&self) -> bool {
        matches!(self.subject, Subject::Indicator(_))
    }
}
